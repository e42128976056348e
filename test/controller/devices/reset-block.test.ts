/** What a start is told, and what it tells. */
import { describe, expect, it } from "vitest";
import { BUS_FAULT } from "../../../controller/cpu/engine.ts";
import { PlainWords } from "../../../controller/devices/persistent-words.ts";
import {
  Mark,
  RETAINED_WORDS,
  ResetBlock,
  type ResetBlockParts,
  ResetReason,
  Role,
} from "../../../controller/devices/reset-block.ts";
import { deviceState } from "./test-board.ts";

const [REASON, RESET, RETAINED, PIN, MARK, ROLE, UPLOAD_MEMORY, UPLOAD_LENGTH] = [
  0x00, 0x04, 0x08, 0x28, 0x40, 0x44, 0x48, 0x4c,
];

function bench(parts: Partial<ResetBlockParts> = {}) {
  const resets: string[] = [];
  const marks: [number, number][] = [];
  const state = deviceState();
  const block = new ResetBlock(state, {
    retained: new PlainWords(new Int32Array(RETAINED_WORDS)),
    warmReset: () => resets.push("warm"),
    mark: (mark, about) => marks.push([mark, about]),
    ...parts,
  });
  return { block, resets, marks, state };
}

describe("the reset block", () => {
  it("tells why the hart starts, as the board says", () => {
    const { block, state } = bench();
    expect(block.load(REASON)).toBe(ResetReason.POWER);
    block.reason = ResetReason.WATCHDOG;
    const saved = state.all.slice();
    expect(block.load(REASON)).toBe(2);
    block.powerOff();
    expect(block.load(REASON)).toBe(ResetReason.POWER);
    state.all.set(saved);
    expect(block.load(REASON)).toBe(2);
  });

  it("resets at 0x5A and at nothing else", () => {
    const { block, resets } = bench();
    for (const value of [0, 0x5b, 0x15a, 0x5a]) expect(block.store(RESET, value)).toBe(0);
    expect(resets).toEqual(["warm"]);
  });

  it("keeps eight words until power goes", () => {
    const { block } = bench();
    block.store(RETAINED, -1);
    block.store(RETAINED + 28, 7);
    expect([block.load(RETAINED), block.load(RETAINED + 28)]).toEqual([0xffff_ffff, 7]);
    block.powerOff();
    expect([block.load(RETAINED), block.load(RETAINED + 28)]).toEqual([0, 0]);
  });

  it("hands on what the firmware says of itself", () => {
    const { block, marks } = bench();
    block.store(MARK, 0xffff_0002 | 0);
    block.store(MARK, Mark.APPLICATION_UP);
    expect(marks).toEqual([
      [Mark.LOADER_GIVES_UP, 0xffff],
      [Mark.APPLICATION_UP, 0],
    ]);
  });

  it("tells what is wanted of it, and by itself nothing", () => {
    const plain = bench({}).block;
    expect([PIN, ROLE, UPLOAD_MEMORY, UPLOAD_LENGTH].map((at) => plain.load(at))).toEqual([0, 0, 0, 0]);
    const { block } = bench({
      pin: () => true,
      role: () => Role.UPLOAD,
      upload: () => ({ address: 0x8010_0000, bytes: 4096 }),
    });
    expect([PIN, ROLE, UPLOAD_MEMORY, UPLOAD_LENGTH].map((at) => block.load(at))).toEqual([
      1, 6, 0x8010_0000, 4096,
    ]);
  });

  it("has no other registers, and takes no stores to those that are read", () => {
    const { block } = bench();
    for (const at of [RESET, MARK, 0x2c, 0x3c, 0x50]) expect(block.load(at)).toBe(BUS_FAULT);
    for (const at of [REASON, PIN, ROLE, UPLOAD_MEMORY, UPLOAD_LENGTH, 0x2c, 0x50]) {
      expect(block.store(at, 1)).toBe(BUS_FAULT);
    }
  });
});
