import fc from "fast-check";
import { expect, it } from "vitest";
import { formatJunit } from "../../scripts/junit.ts";

it("whatever a message holds, it is text of its document and nothing else", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), (text) => {
      const failure = { type: text, message: text, detail: text };
      const junit = formatJunit(text, 1, [
        { classname: text, name: text, failures: [failure], errors: [failure], output: text },
        { classname: text, name: text, failures: [], skipped: text },
      ]);
      const tags = junit.match(/<[^>]*>/g)?.map((tag) => /^<([/?\w-]+)/.exec(tag)?.[1]);
      expect(tags).toEqual([
        "?xml",
        "testsuites",
        "testsuite",
        "testcase",
        "failure",
        "/failure",
        "error",
        "/error",
        "system-out",
        "/system-out",
        "/testcase",
        "testcase",
        "skipped",
        "/testcase",
        "/testsuite",
        "/testsuites",
      ]);
      // https://www.w3.org/TR/xml/#charsets
      expect(junit).toMatch(/^[\t\n\r\u{20}-\u{d7ff}\u{e000}-\u{fffd}\u{10000}-\u{10ffff}]*$/u);
    }),
  );
});

it("counts cases: one that fails twice has failed once, and neither that nor one in error was skipped", () => {
  const failure = { type: "t", message: "m", detail: "d" };
  const text = formatJunit("suite", 1_500, [
    { classname: "c", name: "fails", failures: [failure, failure], skipped: "s" },
    { classname: "c", name: "is in error", failures: [], errors: [failure], skipped: "s" },
    { classname: "c", name: "holds", failures: [] },
    { classname: "c", name: "is skipped", failures: [], skipped: "s" },
  ]);
  expect(text).toContain('<testsuites tests="4" failures="1" errors="1" skipped="1">');
  expect(text).toContain('time="1.500"');
});
