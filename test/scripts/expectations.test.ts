import { writeFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { compareFindings, type Known, readExpectations } from "../../scripts/expectations.ts";
import { UsageError } from "../../scripts/options.ts";
import { scratchDirectory } from "./captured.ts";

const scratch = scratchDirectory();

function read(value: unknown): readonly Known[] {
  const file = scratch("expected.json");
  writeFileSync(file, typeof value === "string" ? value : JSON.stringify(value));
  return readExpectations(file);
}

describe("the file of expected findings", () => {
  it("has ids and causes, and notes for people", () => {
    const expected = [{ id: "a@1~1", cause: "bricked", note: "ticket 7" }];
    expect(read({ format: 1, expected })).toEqual([{ id: "a@1~1", cause: "bricked" }]);
  });

  it.each([
    ["no JSON", "{", "are no JSON"],
    ["nothing that has a format", "[]", 'must have "format": 1, and have none'],
    ["of a later format", { format: 2, expected: [] }, 'must have "format": 1, and have 2'],
    ["without a list", { format: 1 }, 'must have a list "expected"'],
    ["an entry without a cause", { format: 1, expected: [{ id: "a" }] }, "expected[0] of"],
    ["an entry that is none", { format: 1, expected: [null] }, 'the texts "id" and "cause"'],
    ["a member that nobody knows", { format: 1, expected: [{ id: "a", cause: "b", why: "c" }] }, 'has "why"'],
    [
      "one that is there twice",
      {
        format: 1,
        expected: [
          { id: "a", cause: "b" },
          { id: "a", cause: "b" },
        ],
      },
      "is the same as expected[0]",
    ],
  ])("that is %s is refused in a sentence", (_, value, sentence) => {
    expect(() => read(value)).toThrow(UsageError);
    expect(() => read(value)).toThrow(sentence);
  });
});

it("each finding is known or unexpected, each expected one found, vanished or not looked for", () => {
  const known = fc.record({ id: fc.constantFrom("a", "b", "c"), cause: fc.constantFrom("x", "y") });
  const set = fc.uniqueArray(known, { selector: ({ id, cause }) => id + cause });
  fc.assert(
    fc.property(set, set, fc.subarray(["a", "b", "c"]), (expected, found, tried) => {
      const isSame = (a: Known) => (b: Known) => a.id === b.id && a.cause === b.cause;
      const result = compareFindings(
        expected,
        found,
        (finding) => finding,
        ({ id }) => tried.includes(id),
      );
      for (const finding of found) {
        const isExpected = expected.some(isSame(finding));
        expect(result.known.includes(finding)).toBe(isExpected);
        expect(result.unexpected.includes(finding)).toBe(!isExpected);
      }
      for (const each of expected) {
        const isGone = tried.includes(each.id) && !found.some(isSame(each));
        expect(result.vanished.includes(each)).toBe(isGone);
      }
    }),
  );
});
