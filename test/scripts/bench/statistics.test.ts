import { expect, test } from "vitest";
import { geometricMean, median } from "../../../scripts/bench/statistics.ts";

test.each([
  ["an odd number of values: the middle one", [30, 1, 2], 2],
  ["an even number: the mean of the two in the middle", [40, 1, 3, 2], 2.5],
  ["two: their mean", [10, 2], 6],
  ["one: itself", [7], 7],
  ["none: no number", [], Number.NaN],
])("the median of %s, in whatever order they came", (_, values, expected) => {
  const before = [...values];
  expect(median(values)).toBe(expected);
  expect(values).toEqual(before);
});

test("what doubles one and halves another leaves the geometric mean as it is", () => {
  expect(geometricMean([3 * 2, 3 / 2])).toBeCloseTo(3, 12);
});
