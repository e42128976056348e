/**
 * Tables that a tool for PSA metadata has changed: those that U-Boot's fwumdata made of ours, and any that one could
 * make. Each opens to a table that is known by name, and nothing that was accepted is lost.
 */
import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { crc32 } from "../../../emulator/base/crc32.ts";
import { REPLICA_WORD } from "../../../emulator/table/nvram.ts";
import { classifyReplicas, type Recovery, recoverTable } from "../../../emulator/table/recovery.ts";
import { nextGeneration, type Table, tableFault } from "../../../emulator/table/table.ts";
import { Psa, tableCodec } from "../../../emulator/table/table-codec.ts";
import { atEveryCut, CutNvram } from "./cut-nvram.ts";
import { acceptedTable, anyTable } from "./table-arbitrary.ts";

interface Vector {
  readonly name: string;
  readonly replica: string;
  readonly edits: readonly { readonly options: string; readonly replica: string }[];
}

const VECTORS: readonly Vector[] = JSON.parse(
  readFileSync(new URL("vectors/fwumdata.json", import.meta.url), "utf8"),
).tables;

/** Table and fwumdata's options: active, previous and next region, and what each region is, with the tries of a trial. */
const MEANINGS: Readonly<Record<string, string>> = {
  "accepted2 -a 1": "1 0 - accepted accepted",
  "accepted2 -s 1 invalid": "0 - - accepted invalid",
  "accepted2 -s 0 invalid": "1 - - invalid accepted",
  "accepted2 -s 0 valid": "0 1 - accepted accepted",
  "accepted2 -p 0": "0 1 - accepted accepted",
  "accepted2 -i 0 -b 0 -C": "1 - - invalid accepted",
  "trial2 -a 0": "0 - - accepted valid",
  "trial2 -s 1 accepted": "1 0 - accepted valid:2",
  "trial2 -s 1 invalid": "0 - - accepted invalid",
  "trial2 -s 0 valid": "1 0 - accepted valid:2",
  "trial2 -i 0 -b 1 -A": "1 0 - accepted valid:2",
  "next2 -a 1": "0 - 1 accepted valid:3",
  "next2 -p 1": "0 - 1 accepted valid:3",
  "next2 -s 1 accepted": "0 - 1 accepted valid:3",
  "next2 -s 0 invalid": "- - 1 invalid valid:3",
  "written2 -a 1": "0 - 1 accepted valid:3",
  "written2 -s 1 accepted": "0 - - accepted valid",
  "written2 -s 0 invalid": "- - - invalid valid",
  "givenup2 -a 1": "0 - - accepted invalid",
  "givenup2 -s 1 valid": "0 1 - accepted accepted",
  "empty2 -a 1": "0 - - accepted invalid",
  "empty2 -s 1 accepted": "0 - - accepted invalid",
  "mixed3 -a 2": "0 1 2 accepted accepted valid:3",
  "mixed3 -a 1 -p 0 -s 2 accepted": "1 0 2 accepted accepted valid:3",
  "mixed3 -p 2": "0 1 2 accepted accepted valid:3",
};

function wordsOf(base64: string): Int32Array {
  const bytes = Uint8Array.from(Buffer.from(base64, "base64"));
  return new Int32Array(bytes.buffer);
}

function memoryOf(...replicas: readonly [Int32Array, Int32Array]): CutNvram {
  const port = new CutNvram();
  replicas.forEach((words, replica) => {
    port.words.set(words, REPLICA_WORD[replica]);
  });
  return port;
}

function recover(
  port: CutNvram,
  regions: number,
  onDoubleLoss: "rebuild" | "safe-mode" = "safe-mode",
): Recovery {
  const images = Array.from({ length: regions }, () => undefined);
  return recoverTable(port, images, { onDoubleLoss, trialTries: 3 });
}

function meaning({ active, previous, next, regions }: Table): string {
  const states = regions.map(({ state, triesLeft }) => (triesLeft === 0 ? state : `${state}:${triesLeft}`));
  return [active, previous, next, ...states].join(" ").replaceAll("-1", "-");
}

function decoded(words: Int32Array, regions: number): Table {
  const result = tableCodec(regions).decode(words);
  if (!result.ok) throw new Error(result.message);
  return result.table;
}

/** What a region remembers of its image, which no tool for PSA metadata changes. */
function memories(table: Table) {
  return table.regions.map(({ confirmed, failures, lastFailure, version, digest }) => {
    return { confirmed, failures, lastFailure, version, digest };
  });
}

describe("a table that U-Boot's fwumdata changed opens to a named state, and what was accepted is not lost", () => {
  const edits = VECTORS.flatMap(({ name, replica, edits: made }) =>
    made.map((edit) => ({
      name: `${name} ${edit.options}`,
      before: wordsOf(replica),
      after: wordsOf(edit.replica),
    })),
  );

  it.each(edits)("$name", ({ name, before, after }) => {
    const regions = (before[Psa.BANKS_AND_IMAGES] as number) & 0xff;
    const was = decoded(before, regions);
    const port = memoryOf(after, after);
    const { outcome, table, severity, message } = recover(port, regions);
    // As fwumdata left it, it may be a table like any other.
    expect(outcome).toBe(tableCodec(regions).decode(after).ok ? "sound" : "edited");
    if (outcome === "edited") {
      expect(severity).toBe("warn");
      expect(message).toMatch(/^another tool changed the table \(.+\); it is read as generation 45: /);
    }
    expect(meaning(table as Table)).toBe(MEANINGS[name]);
    expect(memories(table as Table)).toEqual(memories(was));
    expect(classifyReplicas(port, regions)).toMatchObject({ kind: "sound", table });
  });

  it("all that are there are known", () => {
    expect(edits.map(({ name }) => name)).toEqual(Object.keys(MEANINGS));
  });
});

describe("whatever a tool for PSA metadata makes of a table", () => {
  /** Fields that such a tool changes, for up to four regions. */
  const bank = fc.record({ state: fc.constantFrom(0xff, 0xfe, 0xfc), accepted: fc.constantFrom(0, 1) });
  const edit = fc.record({
    active: fc.nat(3),
    previous: fc.nat(3),
    banks: fc.array(bank, { minLength: 4, maxLength: 4 }),
  });

  /** The tool made region 1 the active and the previous one, and calls every image accepted. */
  const CHOSEN_OTHER = { active: 1, previous: 1, banks: Array(4).fill({ state: 0xfc, accepted: 1 }) };

  function edited(table: Table, changes: typeof edit extends fc.Arbitrary<infer E> ? E : never): Int32Array {
    const regions = table.regions.length;
    const words = new Int32Array(tableCodec(regions).words);
    tableCodec(regions).encode(table, words);
    words[Psa.ACTIVE_INDEX] = changes.active % regions;
    words[Psa.PREVIOUS_ACTIVE_INDEX] = changes.previous % regions;
    const bytes = new Uint8Array(words.buffer);
    for (const [region, { state, accepted }] of changes.banks.slice(0, regions).entries()) {
      bytes[Psa.BANK_STATE * 4 + region] = state;
      words[Psa.BANK_INFO + 6 * region + 4] = accepted;
    }
    words[Psa.CRC] = crc32(bytes.subarray(4));
    return words;
  }

  it("opens to a possible one that remembers every image, and every accepted one that was not called invalid", () => {
    fc.assert(
      fc.property(anyTable, edit, (table, changes) => {
        const regions = table.regions.length;
        const words = edited(table, changes);
        const port = memoryOf(words, words);
        const recovery = recover(port, regions);
        expect(["edited", "sound"]).toContain(recovery.outcome);
        const read = recovery.table as Table;
        expect(tableFault(read)).toBeUndefined();
        expect(memories(read)).toEqual(memories(table));
        for (const [region, record] of table.regions.entries()) {
          const isCalledInvalid = changes.banks[region]?.state === 0xff;
          const isKept = record.state === "accepted" && !isCalledInvalid;
          if (isKept) expect(read.regions[region]?.state).toBe("accepted");
        }
        expect(recover(port, regions)).toMatchObject({ outcome: "sound", table: read });
      }),
      { numRuns: 1000 },
    );
  });

  it("no power cut while it is read makes another one of it", () => {
    const table = acceptedTable(2, 0xffff_ffff);
    const words = edited(table, CHOSEN_OTHER);
    const bad = words.with(20, 1);
    const pairs: readonly (readonly [Int32Array, Int32Array])[] = [
      [words, words],
      [words, bad],
      [bad, words],
    ];
    for (const [first, second] of pairs) {
      const expected = { ...table, active: 1, previous: 0, generation: nextGeneration(table.generation) };
      expect(recover(memoryOf(first, second), 2)).toMatchObject({ outcome: "edited", table: expected });
      atEveryCut(
        memoryOf(first, second).words,
        (port) => recover(port, 2, "rebuild"),
        (left) => expect(recover(left, 2, "rebuild").table).toEqual(expected),
      );
    }
  });

  it("beside a replica that is whole it does not count", () => {
    const table = acceptedTable(2, 7);
    const words = edited(table, CHOSEN_OTHER);
    const good = new Int32Array(tableCodec(2).words);
    tableCodec(2).encode(table, good);
    expect(recover(memoryOf(words, good), 2)).toMatchObject({ outcome: "repaired", table });
    expect(recover(memoryOf(good, words), 2)).toMatchObject({ outcome: "repaired", table });
  });

  it("what no such tool changes is no edit", () => {
    const words = edited(acceptedTable(2, 7), CHOSEN_OTHER);
    // A GUID, the reserved word of a bank, a bank that does not exist, the tag, a record.
    for (const at of [Psa.IMAGE_TYPE_GUID, Psa.BANK_INFO + 5, Psa.RESERVED, 30, 34]) {
      const other = words.with(at, (words[at] as number) ^ 0x0100_0000);
      other[Psa.CRC] = crc32(new Uint8Array(other.buffer).subarray(4));
      expect(recover(memoryOf(other, other), 2).outcome).toBe("lost");
    }
  });
});
