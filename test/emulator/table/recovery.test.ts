import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { crc32 } from "../../../emulator/base/crc32.ts";
import { REPLICA_WORD } from "../../../emulator/table/nvram.ts";
import {
  classifyReplicas,
  LOST_MARK,
  type RecoveryPolicy,
  recoverTable,
  replaceLostTable,
} from "../../../emulator/table/recovery.ts";
import { NO_REGION, nextGeneration, type StoredImage, type Table } from "../../../emulator/table/table.ts";
import { replicaWords, tableCodec } from "../../../emulator/table/table-codec.ts";
import { atEveryCut, CutNvram, survives } from "./cut-nvram.ts";
import { acceptedTable, anyTable, digestOf, imageOf, tables } from "./table-arbitrary.ts";

const rebuild: RecoveryPolicy = { onDoubleLoss: "rebuild", trialTries: 3 };
const safeMode: RecoveryPolicy = { onDoubleLoss: "safe-mode", trialTries: 3 };
const images: readonly (StoredImage | undefined)[] = [imageOf(0), imageOf(1)];

function encoded(table: Table): Int32Array {
  const codec = tableCodec(table.regions.length);
  const words = new Int32Array(codec.words);
  codec.encode(table, words);
  return words;
}

/** Memory with the given words in the two replicas. */
function memoryOf(first: Int32Array, second: Int32Array): CutNvram {
  const port = new CutNvram();
  port.words.set(first, REPLICA_WORD[0]);
  port.words.set(second, REPLICA_WORD[1]);
  return port;
}

function flipped(words: Int32Array, bit: number): Int32Array {
  const damaged = words.slice();
  damaged[bit >> 5] = (damaged[bit >> 5] ?? 0) ^ (1 << (bit & 31));
  return damaged;
}

function withCrc(words: Int32Array): Int32Array {
  words[0] = crc32(new Uint8Array(words.buffer, 4));
  return words;
}

const blank = new Int32Array(replicaWords(2));
const table = acceptedTable(2, 40);
const good = encoded(table);

/** Fails unless both replicas hold exactly `words`; quicker than comparing tables, for the inner loops. */
function requireReplicas(port: CutNvram, words: Int32Array): void {
  for (const base of REPLICA_WORD) {
    for (let index = 0; index < words.length; index += 1) {
      if (port.words[base + index] !== words[index]) throw new Error(`word ${base + index} is wrong`);
    }
  }
}

/** The words of the table that a recovery makes of this memory. */
function recoveredWords(port: CutNvram, policy: RecoveryPolicy): Int32Array {
  const recovery = recoverTable(port, images, policy);
  if (recovery.table === undefined) throw new Error(recovery.message);
  return encoded(recovery.table);
}

/** After a recovery the next one finds nothing to do and the same table. */
function expectSettled(port: CutNvram, expected: Table | undefined, regions: number): void {
  const { kind, ...found } = classifyReplicas(port, regions);
  expect(kind).toBe("sound");
  expect("table" in found && found.table).toEqual(expected);
}

describe("when at least one replica is good", () => {
  it("equal replicas count, and nothing is stored", () => {
    fc.assert(
      fc.property(anyTable, (any) => {
        const port = memoryOf(encoded(any), encoded(any));
        const recovery = recoverTable(
          port,
          any.regions.map(() => undefined),
          rebuild,
        );
        expect(recovery).toMatchObject({ outcome: "sound", severity: "info", table: any });
        expect(port.stores).toBe(0);
      }),
    );
  });

  it("the newer of two that are one generation apart counts, round the wrap too, and is copied over the older", () => {
    fc.assert(
      fc.property(tables(3), tables(3), fc.boolean(), (older, other, swap) => {
        const newer = { ...other, generation: nextGeneration(older.generation) };
        const port = swap
          ? memoryOf(encoded(newer), encoded(older))
          : memoryOf(encoded(older), encoded(newer));
        const recovery = recoverTable(port, [undefined, undefined, undefined], rebuild);
        expect(recovery).toMatchObject({ outcome: "interrupted-commit", severity: "info", table: newer });
        expectSettled(port, newer, 3);
      }),
    );
  });

  /** A flip that leaves what a cut leaves: in the CRC, in the version (2 → 0), in the generation (40 → 41). */
  const likeACut = (bit: number) => bit < 32 || bit === 32 + 1 || bit === 31 * 32;

  it("any one flipped bit of one replica is repaired from the other and told", () => {
    for (let bit = 0; bit < good.length * 32; bit += 1) {
      for (const replica of [0, 1]) {
        const damaged = flipped(good, bit);
        const port = replica === 0 ? memoryOf(damaged, good) : memoryOf(good, damaged);
        const recovery = recoverTable(port, images, rebuild);
        expect(recovery.table).toEqual(table);
        expect(recovery.outcome).toBe(likeACut(bit) ? "interrupted-commit" : "repaired");
        expectSettled(port, table, 2);
      }
    }
  });

  it("a replica with impossible content does not count, whatever its CRC", () => {
    const impossible = good.slice();
    impossible[2] = 7;
    const port = memoryOf(withCrc(impossible), good);
    const recovery = recoverTable(port, images, rebuild);
    expect(recovery).toMatchObject({ outcome: "repaired", severity: "warn", table });
    expect(recovery.message).toContain("the active region 7 does not exist");
  });

  it("a lost page is told as damage, a first commit that was cut off is not", () => {
    expect(recoverTable(memoryOf(blank, good), images, rebuild)).toMatchObject({
      outcome: "repaired",
      table,
    });
    const first = acceptedTable(2, 1);
    expect(recoverTable(memoryOf(blank, encoded(first)), images, rebuild)).toMatchObject({
      outcome: "interrupted-commit",
      table: first,
    });
  });

  it("a repair that is cut off is done again to the same end", () => {
    for (const bad of [blank, flipped(good, 100), encoded({ ...table, generation: 39 })]) {
      for (const memory of [memoryOf(bad, good), memoryOf(good, bad)]) {
        atEveryCut(
          memory.words,
          (port) => recoverTable(port, images, rebuild),
          (left) => {
            expect(recoverTable(left, images, rebuild).table).toEqual(table);
            expectSettled(left, table, 2);
          },
        );
      }
    }
  });
});

describe("a first start", () => {
  it.each([
    ["zeros", 0],
    ["ones", -1],
  ])("is a memory of %s: usable images become accepted, the highest is primary", (_, pattern) => {
    const port = memoryOf(blank, blank);
    port.words.fill(pattern);
    const recovery = recoverTable(port, [imageOf(0), undefined, imageOf(2)], rebuild);
    expect(recovery).toMatchObject({ outcome: "first-start", severity: "info" });
    expect(recovery.table).toMatchObject({
      generation: 1,
      active: 2,
      previous: 0,
      next: NO_REGION,
      rebuilt: false,
      regions: [
        { state: "accepted", confirmed: true, digest: digestOf(0) },
        { state: "invalid" },
        { state: "accepted", confirmed: true, digest: digestOf(2) },
      ],
    });
    expectSettled(port, recovery.table, 3);
  });

  it("prefers the lower index between equal versions", () => {
    const twins = [imageOf(0, 5), imageOf(1, 5)];
    expect(recoverTable(memoryOf(blank, blank), twins, rebuild).table).toMatchObject({
      active: 0,
      previous: 1,
    });
  });

  it("without any image designates nothing", () => {
    const recovery = recoverTable(memoryOf(blank, blank), [undefined, undefined], rebuild);
    expect(recovery.table).toMatchObject({ active: NO_REGION, previous: NO_REGION });
  });

  it("cut off before any of its stores, and again in the start after that, is still a first start", () => {
    const expected = recoveredWords(memoryOf(blank, blank), safeMode);
    for (const pattern of [0, -1]) {
      const memory = new CutNvram();
      memory.words.fill(pattern);
      atEveryCut(
        memory.words,
        (port) => recoverTable(port, images, safeMode),
        (left) => {
          atEveryCut(
            left.words,
            (port) => recoverTable(port, images, safeMode),
            (again) => {
              recoverTable(again, images, safeMode);
              requireReplicas(again, expected);
            },
          );
        },
      );
    }
  });
});

describe("when both replicas are bad", () => {
  const sameGeneration = encoded({ ...acceptedTable(2, 40), active: 1, previous: 0 });
  const twoAhead = encoded(acceptedTable(2, 42));
  const oneAheadOfRebuilt = encoded(acceptedTable(2, 2));
  const cases: [string, Int32Array, Int32Array][] = [
    ["two bad CRCs", flipped(good, 900), flipped(good, 901)],
    ["equal generations with different bytes", good, sameGeneration],
    ["a distance of two generations", good, twoAhead],
    ["a distance of half the generations", good, encoded(acceptedTable(2, (40 + 2 ** 31) >>> 0))],
    ["a generation next to that of a rebuilt table", good, oneAheadOfRebuilt],
    ["the same, the other way round", oneAheadOfRebuilt, good],
    ["the generation of a rebuilt table", encoded(acceptedTable(2, 1)), good],
  ];

  it.each(cases)(
    "%s: the table is rebuilt with nothing accepted and the highest usable image on trial",
    (_, a, b) => {
      const port = memoryOf(a, b);
      const recovery = recoverTable(port, images, rebuild);
      expect(recovery).toMatchObject({ outcome: "rebuilt", severity: "error" });
      expect(recovery.message).toContain("both replicas of the management table are bad");
      expect(recovery.table).toMatchObject({
        active: 1,
        previous: NO_REGION,
        next: NO_REGION,
        rebuilt: true,
        regions: [
          { state: "valid", triesLeft: 0, confirmed: false },
          { state: "valid", triesLeft: 3, confirmed: false },
        ],
      });
      expectSettled(port, recovery.table, 2);
    },
  );

  it.each(cases)("%s: or nothing is stored and the device is in safe mode, by configuration", (_, a, b) => {
    const port = memoryOf(a, b);
    const recovery = recoverTable(port, images, safeMode);
    expect(recovery).toMatchObject({ outcome: "lost", severity: "error", table: undefined });
    expect(port.stores).toBe(0);
    expect(recoverTable(port, images, safeMode).outcome).toBe("lost");
  });

  it.each(cases)(
    "%s: once rebuilding has begun no cut, nor a second one, lets an old replica count",
    (_, a, b) => {
      const expected = recoveredWords(memoryOf(a, b), rebuild);
      atEveryCut(
        memoryOf(a, b).words,
        (port) => recoverTable(port, images, rebuild),
        (left, _stores, ended) => {
          // Rebuilt again, or the rebuilt table stands: never what was distrusted.
          const outcome = recoverTable(new CutNvram(left.words.slice()), images, safeMode);
          expect(outcome.table === undefined || outcome.table.rebuilt).toBe(true);
          if (ended) expect(outcome.outcome).toBe("sound");
          atEveryCut(
            left.words,
            (port) => recoverTable(port, images, rebuild),
            (again) => {
              recoverTable(again, images, rebuild);
              requireReplicas(again, expected);
            },
          );
        },
      );
    },
  );

  it("and no image is usable, nothing is designated", () => {
    const recovery = recoverTable(memoryOf(good, twoAhead), [undefined, undefined], rebuild);
    expect(recovery.table).toMatchObject({ active: NO_REGION, rebuilt: true });
    expect(recovery.message).toContain("no image is usable");
  });

  it("is said by the mark of an unfinished rebuild even beside a good replica", () => {
    const marked = good.slice();
    marked[1] = LOST_MARK;
    for (const port of [memoryOf(marked, good), memoryOf(good, marked)]) {
      expect(classifyReplicas(port, 2).kind).toBe("both-bad");
    }
  });
});

it("whatever the memory holds, recovery ends with a possible table in both replicas, or stores nothing", () => {
  const words = fc.int32Array({ minLength: replicaWords(2), maxLength: replicaWords(2) });
  const bits = fc.array(fc.nat(good.length * 32 - 1), { maxLength: 3 });
  const damaged = bits.map((list) => list.reduce(flipped, good));
  const replicas = fc.oneof(words, damaged, fc.constant(blank), fc.constant(good));
  fc.assert(
    fc.property(replicas, replicas, fc.nat(300), (a, b, cut) => {
      const port = memoryOf(a, b);
      port.storesLeft = cut;
      survives(() => recoverTable(port, images, rebuild));
      port.storesLeft = Number.POSITIVE_INFINITY;
      const { table: counts } = recoverTable(port, images, rebuild);
      expectSettled(port, counts, 2);
    }),
    { numRuns: 500 },
  );
});

it("a new table over a lost one replaces both replicas", () => {
  const port = memoryOf(flipped(good, 70), flipped(good, 71));
  const fresh = acceptedTable(2, 7);
  replaceLostTable(port, fresh);
  expectSettled(port, fresh, 2);
});
