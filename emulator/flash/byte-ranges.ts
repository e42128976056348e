/**
 * Sets of bytes as ranges: which of a chip's bytes cannot be read, are programmed, are worn out.
 *
 * Invariant: the ranges of a set are in order, not empty, and neither overlap nor touch. Sets are values: nothing changes
 * one, so whoever holds one can put it back.
 */

/** The bytes from `start` up to, and without, `end`. */
export interface ByteRange {
  readonly start: number;
  readonly end: number;
}

export type ByteRanges = readonly ByteRange[];

export const NO_BYTES: ByteRanges = [];

export function withRange(ranges: ByteRanges, start: number, end: number): ByteRanges {
  if (start >= end) return ranges;
  const touches = (range: ByteRange): boolean => range.start <= end && range.end >= start;
  const touched = ranges.filter(touches);
  const joined = {
    start: Math.min(start, touched[0]?.start ?? start),
    end: Math.max(end, touched.at(-1)?.end ?? end),
  };
  const rest = ranges.filter((range) => !touches(range));
  const at = rest.findIndex((range) => range.start > joined.start);
  return at < 0 ? [...rest, joined] : [...rest.slice(0, at), joined, ...rest.slice(at)];
}

export function withoutRange(ranges: ByteRanges, start: number, end: number): ByteRanges {
  if (firstIn(ranges, start, end) === undefined) return ranges;
  return ranges
    .flatMap((range) => [
      { start: range.start, end: Math.min(range.end, start) },
      { start: Math.max(range.start, end), end: range.end },
    ])
    .filter((range) => range.start < range.end);
}

/** The first byte of the set from `start` up to `end`; undefined where there is none. */
export function firstIn(ranges: ByteRanges, start: number, end: number): number | undefined {
  // Most sets are empty, and every read asks.
  if (ranges.length === 0 || start >= end) return undefined;
  const range = ranges.find((one) => one.end > start);
  return range === undefined || range.start >= end ? undefined : Math.max(range.start, start);
}
