/** Counters that never fall, fuses that never clear. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { BUS_FAULT } from "../../../controller/cpu/engine.ts";
import { COUNTER_BLOCK_WORDS, COUNTERS, CounterBlock } from "../../../controller/devices/counters.ts";
import { PlainWords } from "../../../controller/devices/persistent-words.ts";
import { deviceState } from "./test-board.ts";

const [LOCK, FUSES] = [0x80, 0x100];

function bench(limit?: number) {
  const words = new Int32Array(COUNTER_BLOCK_WORDS);
  const stores: number[] = [];
  const plain = new PlainWords(words);
  const port = {
    load32: (index: number) => plain.load32(index),
    store32: (index: number, value: number) => {
      stores.push(index);
      plain.store32(index, value);
    },
  };
  const lowered: (readonly number[])[] = [];
  const block = new CounterBlock(deviceState(), port, limit, (...what) => lowered.push(what));
  return { block, words, stores, lowered };
}

describe("counters and fuses", () => {
  it("take what is more, and ignore what is less, as unsigned numbers", () => {
    const { block, stores } = bench();
    for (const value of [5, 3, 5, -1, 7]) block.store(4, value);
    expect([block.load(0), block.load(4), stores]).toEqual([0, 0xffff_ffff, [1, 1]]);
  });

  it("stay as they are once locked, until a reset", () => {
    const { block } = bench();
    block.store(8, 5);
    block.store(LOCK, 1 << 2);
    block.store(LOCK, 0);
    block.store(8, 6);
    block.store(0, 6);
    expect([block.load(8), block.load(0), block.load(LOCK)]).toEqual([5, 6, 1 << 2]);
    block.store(LOCK, -1);
    expect(block.load(LOCK)).toBe(0xff);
    block.reset();
    block.store(8, 6);
    expect([block.load(8), block.load(LOCK)]).toEqual([6, 0]);
  });

  it("rise as often as the limit says, each by itself, and then no further", () => {
    const { block, stores } = bench(2);
    for (const value of [5, 5, 7, 8]) block.store(0, value);
    block.store(4, 1);
    expect([block.load(0), block.load(4)]).toEqual([7, 1]);
    // What has risen is told before it does.
    expect(stores).toEqual([72, 0, 72, 0, 73, 1]);
  });

  it("tell of a store of less than they hold", () => {
    const { block, lowered } = bench();
    for (const value of [5, 5, 3, -1, 7]) block.store(8, value);
    expect(lowered).toEqual([
      [2, 5, 3],
      [2, 0xffff_ffff, 7],
    ]);
  });

  it("fuses are only set, and only a change is stored", () => {
    const { block, stores } = bench();
    block.store(FUSES + 4, 0x8000_0001 | 0);
    block.store(FUSES + 4, 0x10);
    block.store(FUSES + 4, 0x10);
    expect([block.load(FUSES + 4), block.load(FUSES), stores]).toEqual([0x8000_0011, 0, [9, 9]]);
  });

  it("whatever is stored, none falls and no bit clears", () => {
    const accesses = fc.array(fc.tuple(fc.nat(COUNTER_BLOCK_WORDS - 1), fc.integer()));
    fc.assert(
      fc.property(accesses, (list) => {
        const { block, words } = bench();
        for (const [index, value] of list) {
          const before = words.slice();
          block.store(index < COUNTERS ? 4 * index : FUSES + 4 * (index - COUNTERS), value);
          for (const [at, word] of words.entries()) {
            const old = before[at] as number;
            expect(at < COUNTERS ? word >>> 0 >= old >>> 0 : (old & ~word) === 0).toBe(true);
          }
        }
      }),
    );
  });

  it.each([0x20, 0x7c, 0x84, 0xfc, 0x200])("have no register at %i", (offset) => {
    const { block } = bench();
    expect([block.load(offset), block.store(offset, 1)]).toEqual([BUS_FAULT, BUS_FAULT]);
  });
});
