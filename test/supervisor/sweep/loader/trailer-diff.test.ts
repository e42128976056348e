import { describe, expect, it } from "vitest";
import { trailerDiff } from "../../../../supervisor/sweep/loader/trailer-diff.ts";

const erased = (bytes: number): Uint8Array => new Uint8Array(bytes).fill(0xff);

/** Erased bytes with others in some places. */
function trailer(bytes: number, ...parts: readonly (readonly [at: number, values: readonly number[]])[]) {
  const all = erased(bytes);
  for (const [at, values] of parts) all.set(values, at);
  return all;
}

const BLANK = "ff ff ff ff ff ff ff ff ff ff ff ff ff ff ff ff";

describe("the diff of two trailers", () => {
  it("has no line where nothing differs", () => {
    expect(trailerDiff(trailer(64, [3, [1]]), trailer(64, [3, [1]]), 0x7f00)).toEqual([]);
  });

  it("has the lines that differ alone, as they were and as they are, with their place in the device", () => {
    const before = trailer(64, [0, [1]], [40, [7]]);
    const after = trailer(64, [0, [1]], [40, [8]]);
    expect(trailerDiff(before, after, 0x7f00)).toEqual([
      "- 0x7f20  ff ff ff ff ff ff ff ff 07 ff ff ff ff ff ff ff",
      "+ 0x7f20  ff ff ff ff ff ff ff ff 08 ff ff ff ff ff ff ff",
    ]);
  });

  it("begins lines at multiples of 16, wherever the trailer begins and ends", () => {
    expect(trailerDiff(erased(8), trailer(8, [0, [1]], [7, [2]]), 0x7ffc)).toEqual([
      "- 0x7ffc  ff ff ff ff",
      "+ 0x7ffc  01 ff ff ff",
      "- 0x8000  ff ff ff ff",
      "+ 0x8000  ff ff ff 02",
    ]);
  });

  it("tells lines that changed alike once, where they follow each other", () => {
    const zeros = new Array<number>(16).fill(0);
    const after = trailer(80, [0, zeros], [16, zeros], [48, zeros]);
    const zero = zeros.map(() => "00").join(" ");
    expect(trailerDiff(erased(80), after, 0)).toEqual([
      `- 0x0  ${BLANK}`,
      `+ 0x0  ${zero}`,
      "  1 more line alike",
      `- 0x30  ${BLANK}`,
      `+ 0x30  ${zero}`,
    ]);
  });

  it("tells the first of many changes, and how many are left", () => {
    const parts = Array.from({ length: 20 }, (_, at) => [16 * at, [at]] as const);
    const lines = trailerDiff(erased(512), trailer(512, ...parts), 0);
    expect(lines).toHaveLength(2 * 16 + 1);
    expect(lines.at(-2)).toBe(`+ 0xf0  0f ${BLANK.slice(3)}`);
    expect(lines.at(-1)).toBe("  4 more changes");
  });
});
