/** Which bytes of regions can be read: one rule, over bits that all threads share. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type ByteRanges, NO_BYTES, withRange } from "../../../emulator/flash/byte-ranges.ts";
import { UnreadableBlocks } from "../../../emulator/flash/unreadable-blocks.ts";
import { createMemory, DEFAULT_MEMORY_CONFIG, planLayout } from "../../../emulator/memory/layout.ts";

const BLOCK = 256;
const config = {
  ...DEFAULT_MEMORY_CONFIG,
  regionBytes: 65_536,
  ramBytes: 65_536,
  hostBytes: 65_536,
  ecc: true,
};
const layout = planLayout(config);

function rangesOf(blocks: readonly number[]): ByteRanges {
  return blocks.reduce((ranges, block) => withRange(ranges, block * BLOCK, (block + 1) * BLOCK), NO_BYTES);
}

const blockNumbers = fc.array(fc.nat(255), { maxLength: 40 });

describe("blocks that cannot be read", () => {
  it("are what was put there, of that region alone, and every byte of them", () => {
    fc.assert(
      fc.property(
        blockNumbers,
        blockNumbers,
        fc.nat(65_535),
        fc.nat(4096),
        (first, second, offset, bytes) => {
          const blocks = new UnreadableBlocks(createMemory(layout), layout);
          const [one, other] = [0, 1].map((region) => blocks.of(region, (...word) => blocks.store(...word)));
          if (one === undefined || other === undefined) throw new Error("there is no ECC");
          for (const before of [second, first]) one.faulty = rangesOf(before);
          other.faulty = rangesOf(second);
          expect([blocks.in(0), blocks.in(1)]).toEqual([rangesOf(first), rangesOf(second)]);
          const length = Math.min(bytes, 65_536 - offset);
          const expected = Array.from({ length }, (_, at) => offset + at).find((at) =>
            first.includes(Math.floor(at / BLOCK)),
          );
          expect(blocks.firstIn(0, offset, length)).toBe(expected);
          expect(one.firstIn(offset, length)).toBe(expected);
        },
      ),
      { numRuns: 60 },
    );
  });

  it("are stored word by word, and only where a word changes", () => {
    const blocks = new UnreadableBlocks(createMemory(layout), layout);
    const stored: (readonly number[])[] = [];
    const state = blocks.of(1, (...word) => {
      stored.push(word);
      blocks.store(...word);
    });
    if (state === undefined) throw new Error("there is no ECC");
    state.faulty = rangesOf([0, 31, 33]);
    state.faulty = rangesOf([0, 31, 33, 34]);
    expect(stored).toEqual([
      [8, 1 | (1 << 31)],
      [9, 2],
      [9, 6],
    ]);
  });

  it("are whole", () => {
    const state = new UnreadableBlocks(createMemory(layout), layout).of(0, () => undefined);
    expect(() => {
      if (state !== undefined) state.faulty = [{ start: 0, end: 255 }];
    }).toThrow(RangeError);
  });

  it("take no memory where flash has no ECC: everything can be read", () => {
    const without = planLayout({ ...config, ecc: false });
    const blocks = new UnreadableBlocks(createMemory(without), without);
    expect([without.unreadable, blocks.isWithoutEcc]).toEqual([without.ram, true]);
    expect([blocks.firstIn(0, 0, 65_536), blocks.in(0), blocks.of(0, () => undefined)]).toEqual([
      undefined,
      [],
      undefined,
    ]);
  });
});
