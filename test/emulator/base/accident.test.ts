import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { describeAccident } from "../../../emulator/base/accident.ts";

describe("an accident in words", () => {
  it("has the error's name and message, where it came from, its cause, and what to report", () => {
    const text = describeAccident(new TypeError("x is undefined", { cause: new RangeError("too large") }));
    const lines = text.split("\n");
    expect(lines[0]).toBe("an accident of flipside itself: TypeError: x is undefined");
    expect(lines[1]).toMatch(/^ {4}at .*test\/emulator\/base\/accident\.test\.ts/);
    expect(lines).toContain("caused by RangeError: too large");
    expect(lines.at(-1)).toMatch(/Please report it .*: flipside \d+\.\d+\.\d+, Node v\d+/);
  });

  it("never quotes what stands before the stack, such as a line of a bundle", () => {
    const error = new SyntaxError("unexpected token");
    error.stack = `/a/cli.code.cjs:3\n${"x".repeat(90_000)}\n^\n\nSyntaxError: unexpected token\n    at run (/a/cli.code.cjs:3:77)`;
    expect(describeAccident(error).length).toBeLessThan(1_000);
    expect(describeAccident(error)).toContain("    at run (/a/cli.code.cjs)\n");
  });

  it("is told also of what does not let itself be told", () => {
    const odd = { toString: false };
    for (const thrown of [
      odd,
      Object.create(null),
      Object.assign(new Error(), { name: odd, message: odd }),
    ]) {
      expect(describeAccident(thrown)).toContain("something of type object");
    }
  });

  it("is short, whatever was thrown", () => {
    fc.assert(
      fc.property(fc.anything(), (thrown) => {
        const text = describeAccident(thrown);
        expect(text).toMatch(/^an accident of flipside itself: /);
        expect(text.length).toBeLessThan(20_000);
      }),
    );
  });
});
