import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { TABLE_BYTES } from "../../../emulator/memory/layout.ts";
import { CommitError, TableStore } from "../../../emulator/table/commit.ts";
import { FLOOR_WORD, type NvramPort, REPLICA_WORD, SharedNvram } from "../../../emulator/table/nvram.ts";
import { recoverTable, replaceLostTable } from "../../../emulator/table/recovery.ts";
import { generationFault } from "../../../emulator/table/succession.ts";
import { NO_REGION, nextGeneration, type Table } from "../../../emulator/table/table.ts";
import { replicaWords } from "../../../emulator/table/table-codec.ts";
import { atEveryCut, CutNvram } from "./cut-nvram.ts";
import { acceptedTable, anyTable, tables } from "./table-arbitrary.ts";

const policy = { onDoubleLoss: "safe-mode", trialTries: 3 } as const;

function noImages(table: Table): undefined[] {
  return table.regions.map(() => undefined);
}

/** Memory whose replicas both hold `table`. */
function memoryWith(table: Table): CutNvram {
  const port = new CutNvram();
  replaceLostTable(port, table);
  port.stores = 0;
  return port;
}

function following(table: Table, changes: Partial<Table> = {}): Table {
  return { ...table, ...changes, generation: nextGeneration(table.generation) };
}

/** Two tables with one number of regions, the second one generation ahead. */
const pairs = fc
  .integer({ min: 2, max: 4 })
  .chain((regions) => fc.tuple(tables(regions), tables(regions)))
  .map(([before, after]) => [before, { ...after, generation: nextGeneration(before.generation) }] as const);

/** Commits are the same whatever the change: any possible table goes over any other. */
function open(port: NvramPort, table: Table, publish: (generation: number) => void = () => {}): TableStore {
  return new TableStore(port, table, publish, generationFault);
}

describe("a commit", () => {
  it("leaves the new table in both replicas", () => {
    fc.assert(
      fc.property(pairs, ([before, after]) => {
        const port = memoryWith(before);
        const store = open(port, before);
        expect(store.commit(after)).toEqual({ rottenReplicas: 0 });
        expect(store.table).toBe(after);
        expect(store.rottenReplicas).toBe(0);
        expect(recoverTable(port, noImages(after), policy)).toMatchObject({ outcome: "sound", table: after });
      }),
    );
  });

  it("cut off before any of its stores leaves the old table or the new one to count, and after its first CRC the new one", () => {
    fc.assert(
      fc.property(pairs, ([before, after]) => {
        let newCounts = false;
        atEveryCut(
          memoryWith(before).words,
          (port) => open(port, before).commit(after),
          (left, _, ended) => {
            const recovery = recoverTable(left, noImages(after), policy);
            expect(recovery.severity).toBe("info");
            if (ended || newCounts) expect(recovery.table).toEqual(after);
            else if (recovery.table?.generation === after.generation) {
              expect(recovery.table).toEqual(after);
              newCounts = true;
            } else expect(recovery.table).toEqual(before);
          },
        );
        expect(newCounts).toBe(true);
      }),
      { numRuns: 40 },
    );
  });

  it("finishes one replica before it touches the other, stores version 0 first and the CRC last", () => {
    for (const generation of [6, 7]) {
      const before = acceptedTable(2, generation);
      const port = memoryWith(before);
      const order: number[] = [];
      const store = new TableStore(
        {
          load32: (word) => port.load32(word),
          store32: (word, value) => {
            order.push(word);
            port.store32(word, value);
          },
        },
        before,
        () => {},
      );
      store.commit(following(before, { active: 1, previous: 0 }));
      const first = (generation + 1) % 2;
      const half = order.length / 2;
      const replicaOf = (word: number) => (word >= (REPLICA_WORD[1] ?? 0) ? 1 : 0);
      expect(order.slice(0, half).every((word) => replicaOf(word) === first)).toBe(true);
      expect(order.slice(half).every((word) => replicaOf(word) !== first)).toBe(true);
      for (const part of [order.slice(0, half), order.slice(half)]) {
        const base = REPLICA_WORD[replicaOf(part[0] ?? 0)] ?? 0;
        const relative = part.map((word) => word - base);
        expect(relative[0]).toBe(1);
        expect(relative.slice(-2)).toEqual([1, 0]);
      }
    }
  });

  it("publishes its generation after the last store, and only then", () => {
    const before = acceptedTable(2, 0xffff_ffff);
    const port = memoryWith(before);
    const published: [generation: number, stores: number][] = [];
    const store = open(port, before, (generation) => published.push([generation, port.stores]));
    store.commit(following(before));
    expect(published).toEqual([
      [0xffff_ffff, 0],
      [0, port.stores],
    ]);
  });

  it("writes a rotten replica first, and tells of it", () => {
    for (const rotten of [0, 1] as const) {
      for (const generation of [6, 7]) {
        const before = acceptedTable(2, generation);
        const after = following(before, { active: 1, previous: 0 });
        const memory = memoryWith(before).words;
        memory[REPLICA_WORD[rotten] + 30] = 0x1234;
        atEveryCut(
          memory,
          (port) => {
            expect(open(port, before).commit(after)).toEqual({ rottenReplicas: 1 });
          },
          (left, _, ended) => {
            const { table } = recoverTable(left, noImages(after), policy);
            expect([before, after]).toContainEqual(table);
            if (ended) expect(table).toEqual(after);
          },
        );
      }
    }
  });

  it("restores a table of which both replicas rot while it is known", () => {
    const before = acceptedTable(2, 9);
    const port = memoryWith(before);
    const store = open(port, before);
    for (const base of REPLICA_WORD) port.words[base + 20] = 1;
    expect(store.rottenReplicas).toBe(2);
    const after = following(before);
    expect(store.commit(after)).toEqual({ rottenReplicas: 2 });
    expect(recoverTable(port, noImages(after), policy)).toMatchObject({ outcome: "sound", table: after });
  });

  it("touches nothing outside the replicas", () => {
    const before = acceptedTable(4, 1);
    const port = memoryWith(before);
    open(port, before).commit(following(before));
    const words = replicaWords(4);
    const outside = port.words.filter((_, index) => index % REPLICA_WORD[1] >= words || index >= FLOOR_WORD);
    expect(outside.every((word) => word === 0)).toBe(true);
  });

  const current = acceptedTable(2, 5);
  it.each<[string, Table]>([
    ["that does not follow", { ...current, generation: 7 }],
    ["that repeats the generation", current],
    ["that designates an invalid region", following({ ...current, active: 1, previous: 1 })],
    ["that has another number of regions", following(acceptedTable(3, 5))],
  ])("of a table %s is refused before a byte changes", (_, bad) => {
    const port = memoryWith(current);
    const store = open(port, current);
    expect(() => store.commit(bad)).toThrow(CommitError);
    expect(port.stores).toBe(0);
    expect(store.table).toBe(current);
  });

  it("of a change that no event makes is refused before a byte changes", () => {
    const port = memoryWith(current);
    const store = new TableStore(port, current, () => {});
    const regions = current.regions.map((record) => ({ ...record, failures: record.failures + 1 }));
    const failed = regions.map((record) => ({ ...record, lastFailure: { evidence: 2, code: 0, pc: 0 } }));
    expect(() => store.commit(following(current, { regions: failed }))).toThrow(/may not follow: region 1/);
    expect(port.stores).toBe(0);
    store.commit(following(current, { active: 1, previous: 0 }));
  });

  it("into a cell that does not hold a store is an error, and no commit is taken after it", () => {
    const port = memoryWith(current);
    const stuck = {
      load32: (word: number) => port.load32(word),
      store32: (word: number, value: number) => {
        if (word !== 2) port.store32(word, value);
      },
    };
    const store = new TableStore(stuck, current, () => {});
    const after = following(current, { active: 1, previous: 0 });
    expect(() => store.commit(after)).toThrow(CommitError);
    expect(() => store.commit(after)).toThrow("recover the table first");
    expect(recoverTable(port, noImages(after), policy).table).toEqual(current);
  });
});

it("shared memory serves as the table's memory", () => {
  const port = new SharedNvram(new Int32Array(new SharedArrayBuffer(TABLE_BYTES)));
  const before = acceptedTable(3, 1);
  replaceLostTable(port, before);
  const after = following(before, { active: NO_REGION });
  open(port, before).commit(after);
  expect(recoverTable(port, noImages(after), policy).table).toEqual(after);
});

it("any possible table can be committed over any other", () => {
  fc.assert(
    fc.property(anyTable, (table) => {
      const port = memoryWith(table);
      const store = open(port, table);
      for (let i = 0; i < 3; i += 1) store.commit(following(store.table));
      expect(recoverTable(port, noImages(table), policy).table?.generation).toBe(
        (table.generation + 3) >>> 0,
      );
    }),
  );
});
