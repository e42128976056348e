import fc from "fast-check";
import { expect, it } from "vitest";
import {
  type ByteRanges,
  firstIn,
  NO_BYTES,
  withoutRange,
  withRange,
} from "../../../emulator/flash/byte-ranges.ts";

const SIZE = 40;

it("ranges are the sets that a list of bytes would be, in order, and touch nowhere", () => {
  const change = fc.record({ adds: fc.boolean(), start: fc.nat(SIZE), bytes: fc.nat(12) });
  fc.assert(
    fc.property(fc.array(change, { maxLength: 20 }), (changes) => {
      const expected = new Set<number>();
      let ranges: ByteRanges = NO_BYTES;
      for (const { adds, start, bytes } of changes) {
        const end = Math.min(SIZE, start + bytes);
        ranges = adds ? withRange(ranges, start, end) : withoutRange(ranges, start, end);
        for (let at = start; at < end; at += 1) adds ? expected.add(at) : expected.delete(at);
      }
      const held = ranges.flatMap(({ start, end }) =>
        Array.from({ length: end - start }, (_, at) => start + at),
      );
      expect(held).toEqual([...expected].sort((a, b) => a - b));
      expect(ranges.every(({ start }, at) => at === 0 || start > (ranges[at - 1]?.end ?? 0))).toBe(true);
      for (let at = 0; at < SIZE; at += 1) {
        expect(firstIn(ranges, at, SIZE)).toBe(held.find((byte) => byte >= at));
        expect(firstIn(ranges, at, at + 1)).toBe(expected.has(at) ? at : undefined);
      }
    }),
  );
});
