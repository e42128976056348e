/** A chip does what its geometry says, and nothing that it does not say, whatever is asked of it and wherever it is cut. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Random } from "../../../emulator/base/random.ts";
import { type ChipGeometry, geometryFault, PROGRAM_RULES } from "../../../emulator/flash/chip-geometry.ts";
import { BytesFlashPort } from "../../../emulator/flash/flash.ts";
import {
  type ChipMisuseName,
  type ChipOperation,
  type ChipStart,
  FlashChip,
  NEW_CHIP,
} from "../../../emulator/flash/flash-chip.ts";
import { type ChipTear, ECC_TEARS, PARTIAL_TEARS, TEARS } from "../../../emulator/flash/flash-tear.ts";

const ALL_TEARS: readonly ChipTear[] = [...TEARS, ...PARTIAL_TEARS, ...ECC_TEARS];
const SECTORS = [
  { count: 2, bytes: 64 },
  { count: 1, bytes: 128 },
  { count: 2, bytes: 256 },
];
const BYTES = 768;
const NOR: ChipGeometry = { sectors: SECTORS, writeBlockBytes: 8, erasedByte: 0xff, program: "and" };
const ECC: ChipGeometry = { ...NOR, writeBlockBytes: 16, program: "ecc" };

interface Bench {
  readonly bytes: Uint8Array;
  readonly chip: FlashChip;
  /** Units begun, as [offset, bytes]. */
  readonly begun: [number, number][];
}

function bench(geometry: ChipGeometry, isProtected?: (offset: number, byteCount: number) => boolean): Bench {
  const bytes = new Uint8Array(BYTES).fill(geometry.erasedByte);
  const begun: [number, number][] = [];
  const port = new BytesFlashPort(bytes, (offset, byteCount) => begun.push([offset, byteCount]));
  return { bytes, begun, chip: new FlashChip(port, geometry, isProtected) };
}

function operationOf(start: ChipStart): ChipOperation {
  if (!start.ok) throw new Error(start.misuse.message);
  return start.operation;
}

function run(start: ChipStart): ChipOperation {
  const operation = operationOf(start);
  while (!operation.done && operation.failure === undefined) operation.step();
  return operation;
}

function nameOf(start: ChipStart): ChipMisuseName | "ok" {
  return start.ok ? "ok" : start.misuse.name;
}

const geometries: fc.Arbitrary<ChipGeometry> = fc.record({
  sectors: fc.constant(SECTORS),
  writeBlockBytes: fc.constantFrom(1, 2, 4, 8, 16, 32, 64),
  erasedByte: fc.constantFrom(0xff, 0x00),
  program: fc.constantFrom(...PROGRAM_RULES),
});

describe("a chip", () => {
  it("has sectors of several sizes, one behind the other", () => {
    const { sectors } = bench(NOR).chip;
    expect([0, 63, 64, 128, 255, 256, 767].map((offset) => sectors.at(offset))).toEqual([
      { index: 0, offset: 0, bytes: 64 },
      { index: 0, offset: 0, bytes: 64 },
      { index: 1, offset: 64, bytes: 64 },
      { index: 2, offset: 128, bytes: 128 },
      { index: 2, offset: 128, bytes: 128 },
      { index: 3, offset: 256, bytes: 256 },
      { index: 4, offset: 512, bytes: 256 },
    ]);
    expect([sectors.at(768), sectors.at(-1), sectors.bytes, sectors.count]).toEqual([
      undefined,
      undefined,
      768,
      5,
    ]);
    expect([0, 64, 128, 192, 256, 512, 768].map((at) => sectors.isBoundary(at))).toEqual(
      [0, 64, 128, 192, 256, 512, 768].map((at) => at !== 192),
    );
  });

  it.each<[string, Partial<ChipGeometry>]>([
    ["a write block", { writeBlockBytes: 0 }],
    ["a write block", { writeBlockBytes: 513 }],
    ["a write block", { writeBlockBytes: 1.5 }],
    ["at least one sector", { sectors: [] }],
    ["are none", { sectors: [{ count: 0, bytes: 64 }] }],
    ["whole words", { sectors: [{ count: 1, bytes: 6 }], writeBlockBytes: 1 }],
    ["whole write blocks", { sectors: [{ count: 1, bytes: 68 }] }],
    ["has more than", { sectors: [{ count: 2 ** 16, bytes: 2 ** 16 }] }],
    ["has more than", { sectors: [{ count: 2 ** 21, bytes: 8 }] }],
    ["an endurance", { enduranceErases: 0 }],
  ])("of a geometry that cannot be is refused: %s", (words, wrong) => {
    expect(geometryFault({ ...NOR, ...wrong })).toContain(words);
    expect(geometryFault(NOR)).toBeUndefined();
  });

  it("erases whole sectors to its erased value, each told of before it changes", () => {
    for (const erasedByte of [0xff, 0x00] as const) {
      const { bytes, begun, chip } = bench({ ...NOR, erasedByte });
      bytes.fill(0x5a);
      run(chip.erase(64, 192));
      expect(bytes).toEqual(new Uint8Array(BYTES).fill(0x5a).fill(erasedByte, 64, 256));
      expect(begun).toEqual([
        [64, 64],
        [128, 128],
      ]);
      expect([...chip.condition.erases]).toEqual([
        [1, 1],
        [2, 1],
      ]);
    }
  });

  it("reads back what was programmed into erased blocks, and changes nothing else", () => {
    fc.assert(
      fc.property(
        geometries,
        fc.nat(63),
        fc.nat(63),
        fc.infiniteStream(fc.nat(255)),
        (geometry, first, more, stream) => {
          const { bytes, chip } = bench(geometry);
          const block = geometry.writeBlockBytes;
          const offset = (first * block) % BYTES;
          const data = Uint8Array.from(stream.take(Math.min(BYTES - offset, block * (1 + (more % 4)))));
          run(chip.program(offset, data));
          const expected = new Uint8Array(BYTES).fill(geometry.erasedByte);
          expected.set(data, offset);
          expect(bytes).toEqual(expected);
          expect(chip.contents(offset, data.length)).toEqual(data);
        },
      ),
    );
  });
});

describe("what may be programmed over what", () => {
  const over = (geometry: ChipGeometry, first: number, second: number): [string, number] => {
    const { bytes, chip } = bench(geometry);
    const block = geometry.writeBlockBytes;
    run(chip.program(0, new Uint8Array(block).fill(first)));
    const start = chip.program(0, new Uint8Array(block).fill(second));
    const name = nameOf(start);
    if (start.ok) while (!start.operation.done) start.operation.step();
    return [name, bytes[0] as number];
  };
  it.each<[string, ChipGeometry, number, number, string, number]>([
    ["and: further bits are cleared", NOR, 0xf0, 0x30, "ok", 0x30],
    ["and: no bit is set", NOR, 0xf0, 0x0f, "not-erased", 0xf0],
    ["and, erased 0: further bits are set", { ...NOR, erasedByte: 0 }, 0x30, 0xf0, "ok", 0xf0],
    ["and, erased 0: no bit is cleared", { ...NOR, erasedByte: 0 }, 0x30, 0x20, "not-erased", 0x30],
    ["once: not again", { ...NOR, program: "once" }, 0xf0, 0x30, "programmed-twice", 0xf0],
    ["once: not even what it reads", { ...NOR, program: "once" }, 0xf0, 0xf0, "programmed-twice", 0xf0],
    [
      "once: nor a block that reads as erased",
      { ...NOR, program: "once" },
      0xff,
      0x00,
      "programmed-twice",
      0xff,
    ],
    ["ecc: not again", ECC, 0xf0, 0x30, "programmed-twice", 0xf0],
    ["overwrite: anything", { ...NOR, program: "overwrite" }, 0x00, 0xa5, "ok", 0xa5],
  ])("%s", (_, geometry, first, second, name, left) => {
    expect(over(geometry, first, second)).toEqual([name, left]);
  });

  it("once: again after an erase, and beside it", () => {
    const { chip } = bench({ ...NOR, program: "once" });
    const block = new Uint8Array(8).fill(0xff);
    run(chip.program(0, block));
    run(chip.program(8, block));
    expect(nameOf(chip.program(0, block))).toBe("programmed-twice");
    run(chip.erase(0, 64));
    expect(chip.condition.programmedBlank).toEqual([]);
    run(chip.program(0, block));
  });
});

describe("a misuse", () => {
  it.each<[ChipMisuseName, (chip: FlashChip) => ChipStart]>([
    ["empty", (chip) => chip.erase(0, 0)],
    ["empty", (chip) => chip.program(0, new Uint8Array(0))],
    ["misaligned", (chip) => chip.erase(32, 64)],
    ["misaligned", (chip) => chip.erase(0, 32)],
    ["misaligned", (chip) => chip.erase(64, 128)],
    ["misaligned", (chip) => chip.program(4, new Uint8Array(8))],
    ["misaligned", (chip) => chip.program(0, new Uint8Array(9))],
    ["misaligned", (chip) => chip.erase(0.5, 64)],
    ["out-of-range", (chip) => chip.erase(BYTES, 64)],
    ["out-of-range", (chip) => chip.erase(512, 512)],
    ["out-of-range", (chip) => chip.erase(-64, 64)],
    ["out-of-range", (chip) => chip.erase(Number.NaN, 64)],
    ["out-of-range", (chip) => chip.program(760, new Uint8Array(16))],
    ["protected", (chip) => chip.erase(0, 128)],
    ["protected", (chip) => chip.program(56, new Uint8Array(16))],
  ])("%s has a name and a sentence, and changes nothing", (name, attempt) => {
    const { begun, chip } = bench(NOR, (offset) => offset < 64);
    const start = attempt(chip);
    expect(nameOf(start)).toBe(name);
    if (!start.ok) expect(start.misuse.message).toMatch(/^an? (erase|program) of \d+ bytes at 0x/);
    expect(begun).toEqual([]);
    expect(chip.condition).toBe(NEW_CHIP);
  });

  it("busy, until the operation has ended", () => {
    const { chip } = bench(NOR);
    const operation = operationOf(chip.erase(0, 128));
    expect(nameOf(chip.program(128, new Uint8Array(8)))).toBe("busy");
    operation.abort();
    run(chip.program(128, new Uint8Array(8)));
  });
});

describe("wear", () => {
  it("fails the erase after the last one that a sector bears, and changes nothing then", () => {
    const { bytes, chip } = bench({ ...NOR, enduranceErases: 2 });
    run(chip.erase(0, 64));
    run(chip.erase(0, 64));
    run(chip.program(0, new Uint8Array(8)));
    const { failure, done } = run(chip.erase(0, 128));
    expect([failure?.name, failure?.offset, done]).toEqual(["worn-out", 0, false]);
    expect(bytes[0]).toBe(0);
    run(chip.erase(64, 64));
  });

  it("fails what touches a bad block, between units that are done and units that are not begun", () => {
    const { bytes, begun, chip } = bench(NOR);
    chip.damage("bad", 10, 1);
    expect(chip.condition.bad).toEqual([{ start: 8, end: 16 }]);
    const operation = run(chip.program(0, new Uint8Array(24)));
    expect(operation.failure).toMatchObject({ name: "bad", offset: 8 });
    expect([operation.unitsDone, bytes[7], bytes[8], bytes[16]]).toEqual([1, 0, 0xff, 0xff]);
    expect(begun.length).toBe(2);
    expect(run(chip.erase(0, 64)).failure?.name).toBe("bad");
    expect(nameOf(chip.erase(64, 64))).toBe("ok");
  });
});

describe("a torn unit", () => {
  const rotten = (seed: number): Uint8Array => {
    const bytes = new Uint8Array(BYTES);
    new Random(seed).fill(bytes);
    return bytes;
  };

  it.each(ALL_TEARS)(
    "%s: no byte of another unit differs, and no bit of this one that nobody meant to change",
    (how) => {
      fc.assert(
        fc.property(geometries, fc.boolean(), fc.nat(4), fc.integer(), (geometry, isErase, unit, seed) => {
          const { bytes, chip } = bench(geometry);
          if (isErase) bytes.set(rotten(seed));
          const { writeBlockBytes: block, erasedByte } = geometry;
          const data = rotten(seed + 1).subarray(0, 3 * block);
          const operation = operationOf(isErase ? chip.erase(0, BYTES) : chip.program(unit * block, data));
          if (!isErase || unit > 0) operation.step();
          const { unitOffset, unitEnd } = operation;
          const before = bytes.slice();
          operation.tear(how, new Random(seed));
          for (const [at, byte] of bytes.entries()) {
            const old = before[at] as number;
            const target = isErase ? erasedByte : (data[at - unit * block] ?? 0);
            const changed = byte ^ old;
            if (at < unitOffset || at >= unitEnd) expect(changed).toBe(0);
            else if (how === "preprogrammed" && isErase)
              expect(changed & (old ^ erasedByte ^ 0xff)).toBe(changed);
            else expect(changed & ~(old ^ target)).toBe(0);
          }
        }),
        { numRuns: 100 },
      );
    },
  );

  it("front-half: some words from the front are done, and the others untouched", () => {
    fc.assert(
      fc.property(fc.integer(), (seed) => {
        const { bytes, chip } = bench(NOR);
        bytes.fill(0);
        operationOf(chip.erase(256, 256)).tear("front-half", new Random(seed));
        const words = [...new Int32Array(bytes.buffer, 256, 64)];
        const done = words.indexOf(0);
        expect(done).toBeGreaterThan(0);
        expect(words.every((word, at) => word === (at < done ? -1 : 0))).toBe(true);
      }),
    );
  });

  it("front-half: of a unit that is one word, some bytes; of one that is a byte, none", () => {
    const ends = new Set<number>();
    for (let seed = 0; seed < 40; seed += 1) {
      const { bytes, chip } = bench({ ...NOR, writeBlockBytes: 4 });
      operationOf(chip.program(0, new Uint8Array(4))).tear("front-half", new Random(seed));
      ends.add(bytes.indexOf(0xff));
    }
    expect([...ends].sort()).toEqual([1, 2, 3]);
    const { bytes, chip } = bench({ ...NOR, writeBlockBytes: 1 });
    operationOf(chip.program(2, new Uint8Array(1))).tear("front-half", new Random(1));
    expect(bytes.every((byte) => byte === 0xff)).toBe(true);
  });

  it.each(["seeded", "all-but-one", "none-but-one", "unstable", "ecc"] as const)(
    "%s, of a chip with ECC: its block faults until it is erased, and can neither be read nor programmed",
    (how) => {
      const { chip } = bench(ECC);
      run(chip.program(0, new Uint8Array(16).fill(1)));
      operationOf(chip.program(16, new Uint8Array(16))).tear(how, new Random(7));
      expect([
        chip.readFault(0, 64),
        chip.readFault(0, 16),
        chip.readFault(24, 1),
        chip.readFault(32, 32),
      ]).toEqual([16, undefined, 24, undefined]);
      expect(chip.notErased(16, 48)).toBe(16);
      expect(nameOf(chip.program(16, new Uint8Array(16)))).toBe("programmed-twice");
      run(chip.erase(0, 64));
      expect([chip.readFault(0, 64), chip.notErased(0, 64)]).toEqual([undefined, undefined]);
      run(chip.program(16, new Uint8Array(16)));
    },
  );

  it("ecc, of an erase: every block of the sector", () => {
    const { chip } = bench(ECC);
    operationOf(chip.erase(128, 128)).tear("ecc", new Random(7));
    expect(chip.condition.faulty).toEqual([{ start: 128, end: 256 }]);
  });

  it("front-half, of an erase of a chip with ECC: what is done reads erased, what is not begun as before", () => {
    fc.assert(
      fc.property(fc.integer(), (seed) => {
        const { bytes, chip } = bench(ECC);
        bytes.fill(0x11);
        operationOf(chip.erase(256, 256)).tear("front-half", new Random(seed));
        for (let block = 256; block < 512; block += 16) {
          const held = new Set(chip.contents(block, 16));
          expect(chip.readFault(block, 16)).toBe(held.size === 1 ? undefined : block);
        }
      }),
    );
  });

  it("is put back with its condition", () => {
    const { bytes, chip } = bench(ECC);
    const [before, condition] = [bytes.slice(), chip.condition];
    operationOf(chip.program(0, new Uint8Array(16))).tear("unstable", new Random(7));
    expect(chip.condition.unstable.length).toBe(4);
    bytes.set(before);
    chip.condition = condition;
    run(chip.program(0, new Uint8Array(16)));
    expect(chip.readFault(0, BYTES)).toBeUndefined();
  });

  it("unstable: reads otherwise each time until an erase or a program makes its cells definite", () => {
    const { bytes, begun, chip } = bench(NOR);
    bytes.fill(0);
    operationOf(chip.erase(0, 64)).tear("unstable", new Random(3));
    const seen = new Set<string>();
    const random = new Random(5);
    for (let reading = 0; reading < 4; reading += 1) {
      chip.readUnstable(random);
      seen.add(chip.contents(0, 64).toString());
    }
    expect(seen.size).toBe(4);
    expect(begun.length).toBe(1 + 4 * 16);
    chip.readUnstable("completed");
    expect(chip.notErased(0, 64)).toBeUndefined();
    run(chip.program(0, new Uint8Array(8)));
    expect(chip.condition.unstable.length).toBe(14);
    run(chip.erase(0, 64));
    expect(chip.condition.unstable).toEqual([]);
  });
});

it("whatever is done, in whatever order: a refused operation changes nothing, a unit changes no other, ECC tells", () => {
  const steps = fc.array(
    fc.record({
      isErase: fc.boolean(),
      unit: fc.nat(),
      count: fc.integer({ min: 1, max: 3 }),
      seed: fc.integer(),
      stop: fc.nat(3),
      end: fc.constantFrom("done" as const, "abort" as const, ...ALL_TEARS),
    }),
    { maxLength: 10 },
  );
  fc.assert(
    fc.property(geometries, steps, (geometry, list) => {
      const { bytes, chip } = bench(geometry);
      const block = geometry.writeBlockBytes;
      for (const { isErase, unit, count, seed, stop, end } of list) {
        const data = new Uint8Array(Math.min(count * block, BYTES - ((unit * block) % BYTES)));
        new Random(seed).fill(data);
        const sector = chip.sectors.at((unit * 4) % BYTES);
        const held = bytes.slice();
        const start = isErase
          ? chip.erase(sector?.offset ?? 0, sector?.bytes ?? 0)
          : chip.program((unit * block) % BYTES, data);
        if (!start.ok) {
          expect(["not-erased", "programmed-twice"]).toContain(start.misuse.name);
          expect(bytes).toEqual(held);
          continue;
        }
        const { operation } = start;
        for (let done = 0; !operation.done && (end === "done" || done < stop); done += 1) {
          const [before, from, to] = [bytes.slice(), operation.unitOffset, operation.unitEnd];
          operation.step();
          expect(bytes.every((byte, at) => (at >= from && at < to) || byte === before[at])).toBe(true);
          expect(chip.readFault(from, to - from)).toBeUndefined();
        }
        if (operation.done) continue;
        const [from, to] = [operation.unitOffset, operation.unitEnd];
        if (end === "abort" || end === "done") operation.abort();
        else operation.tear(end, new Random(seed));
        if (end === "ecc" && geometry.program === "ecc") expect(chip.readFault(0, BYTES)).toBeLessThan(to);
        if (geometry.program !== "ecc") expect(chip.condition.faulty).toEqual([]);
        expect(from).toBeLessThan(to);
      }
    }),
    { numRuns: 300 },
  );
});
