import { beforeEach, describe, expect, it } from "vitest";
import type { FlashProfile } from "../../../../controller/profile.ts";
import type { ProgramRule } from "../../../../emulator/flash/chip-geometry.ts";
import { createMemory, planBoardLayout } from "../../../../emulator/memory/layout.ts";
import { ItemKind } from "../../../../supervisor/sweep/explore/items.ts";
import { PersistentMemory } from "../../../../supervisor/sweep/flipside/persistent-memory.ts";
import { ChipBank } from "../../../../supervisor/sweep/loader/chip-bank.ts";

const SECTOR_BYTES = 4096;
const BLOCK_BYTES = 32;
const BYTES = 16 * SECTOR_BYTES;
const BLOCK = new Uint8Array(BLOCK_BYTES).fill(0x5a);

function profile(name: string, program: ProgramRule, enduranceErases?: number): FlashProfile {
  return {
    name,
    base: undefined,
    interface: "controller",
    geometry: {
      sectors: [{ count: 16, bytes: SECTOR_BYTES }],
      writeBlockBytes: BLOCK_BYTES,
      erasedByte: 0xff,
      program,
      ...(enduranceErases === undefined ? {} : { enduranceErases }),
    },
    bytes: BYTES,
    whileBusy: "ready",
    times: { eraseUs: 0, programUs: 0 },
    atReset: "torn",
    resetIsWired: true,
  };
}

let memory: PersistentMemory;
let bank: ChipBank;
let changed: (readonly [device: number, offset: number, byteCount: number])[];

function makeBank(...profiles: readonly FlashProfile[]): void {
  const layout = planBoardLayout(
    4096,
    profiles.map(({ bytes }) => bytes),
  );
  const board = createMemory(layout);
  memory = new PersistentMemory(board, layout);
  changed = [];
  bank = new ChipBank(memory, profiles, (...what) => changed.push(what));
  for (const chip of bank.chips)
    for (let at = 0; at < 2 * SECTOR_BYTES; at += SECTOR_BYTES) make(chip.erase(at, SECTOR_BYTES));
  bank.forget();
  changed.length = 0;
}

function make(start: ReturnType<ChipBank["chips"][number]["erase"]>): void {
  if (!start.ok) throw new Error(start.misuse.message);
  while (!start.operation.done && start.operation.failure === undefined) start.operation.step();
}

const chip = (device: number) => bank.chips[device] as ChipBank["chips"][number];
const program = (device: number, offset: number, bytes = BLOCK): void =>
  make(chip(device).program(offset, bytes));
/** Everything that the devices hold, cells and condition. */
const everything = () => ({
  cells: bank.chips.map((each) => each.contents(0, 2 * SECTOR_BYTES)),
  condition: bank.condition,
});

beforeEach(() => makeBank(profile("first", "and"), profile("second", "ecc", 3)));

describe("flash of which everything can be undone", () => {
  it("has each device's words where persistent memory has its region", () => {
    program(1, BLOCK_BYTES);
    expect(chip(0).notErased(0, SECTOR_BYTES)).toBeUndefined();
    const word = ((memory.wholeLayout.regions[1] as number) + BLOCK_BYTES) / 4;
    expect(memory.words[word]).toBe(0x5a5a_5a5a);
    expect(changed).toContainEqual([1, BLOCK_BYTES, BLOCK_BYTES]);
  });

  it("is as it was, cells and condition, when memory is undone and the condition is put back", () => {
    program(0, 0);
    const before = everything();
    const { position } = memory;
    program(1, 0);
    make(chip(1).erase(SECTOR_BYTES, SECTOR_BYTES));
    chip(0).damage("bad", 0, BLOCK_BYTES);
    bank.tear(
      { kind: ItemKind.ERASE, region: 0, offset: 0 },
      new Uint8Array(SECTOR_BYTES).fill(0xff),
      "seeded",
      1,
    );
    expect(everything()).not.toEqual(before);
    memory.undoTo(position);
    bank.condition = before.condition;
    expect(everything()).toEqual(before);
  });

  it("has one condition for as long as nothing changes, and another one when something does", () => {
    const { condition } = bank;
    program(0, 0);
    expect(bank.condition).toBe(condition);
    chip(0).damage("corrected", 0, BLOCK_BYTES);
    expect(bank.condition).not.toBe(condition);
  });
});

describe("a unit that is torn", () => {
  const unit = { kind: ItemKind.PROGRAM, region: 0, offset: 0 } as const;

  it("tears alike from the same seed, and leaves no operation behind", () => {
    const contents = [1, 1, 2].map((seed) => {
      const { position } = memory;
      expect(bank.tear(unit, BLOCK, "seeded", seed)).toBe(true);
      const torn = bank.read(unit);
      memory.undoTo(position);
      bank.forget();
      return torn;
    });
    expect(contents[0]).toEqual(contents[1]);
    expect(contents[0]).not.toEqual(contents[2]);
    expect(() => program(0, 0)).not.toThrow();
  });

  it("does not tear where it would change nothing", () => {
    expect(bank.tear(unit, new Uint8Array(BLOCK_BYTES).fill(0xff), "seeded", 1)).toBe(false);
  });

  it("leaves cells between two values, which a sector with them is not definite for", () => {
    bank.tear(unit, BLOCK, "unstable", 1);
    expect(bank.settled).toBe(false);
    expect(bank.isDefinite(0, { offset: 0, bytes: SECTOR_BYTES, index: 0 })).toBe(false);
    expect(bank.isDefinite(0, { offset: SECTOR_BYTES, bytes: SECTOR_BYTES, index: 1 })).toBe(true);
    bank.readUnstable("completed");
    expect(bank.read(unit)).toEqual(BLOCK);
  });

  it("tears as a chip with ECC does only where there is one", () => {
    const ways = bank.tears.length;
    makeBank(profile("first", "and"));
    expect(bank.tears.length).toBeLessThan(ways);
  });
});

describe("whether it is settled", () => {
  it("erases count only where a sector wears out", () => {
    make(chip(0).erase(0, SECTOR_BYTES));
    expect(bank.settled).toBe(true);
    make(chip(1).erase(0, SECTOR_BYTES));
    expect(bank.settled).toBe(false);
    bank.forget();
    expect(bank.settled).toBe(true);
  });
});
