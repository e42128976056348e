import { expect, it } from "vitest";
import { plural } from "../../emulator/base/text.ts";
import { invocationOf } from "../../scripts/invocation.ts";
import { type Column, formatTable, wantsColour } from "../../scripts/terminal.ts";

const COLUMNS: readonly Column[] = [
  { title: "name" },
  { title: "class", spare: 2 },
  { title: "count", align: "right" },
  { title: "p99", align: "right", spare: 1 },
  { title: "what happens" },
];
const ROWS = [["one", "process", "12", "1.5 ms", "power is lost while the table is written, and comes back"]];

it("a table that fits has all columns", () => {
  const lines = formatTable(COLUMNS, ROWS, 120).split("\n");
  expect(lines[0]).toMatch(/^name +class +count +p99 +what happens$/);
  expect(lines).toHaveLength(2);
});

it("a table that does not fit leaves out what is most spare, and breaks its last text between words", () => {
  const lines = formatTable(COLUMNS, ROWS, 60).split("\n");
  expect(lines[0]).toMatch(/^name +count +what happens$/);
  expect(lines.length).toBeGreaterThan(2);
  expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(60);
  const text = lines
    .slice(1)
    .map((line) => line.slice(13))
    .join(" ");
  expect(text).toBe(ROWS[0]?.[4]);
});

it("colour is for terminals, unless it is asked for or refused", () => {
  expect(wantsColour({}, true)).toBe(true);
  expect(wantsColour({}, false)).toBe(false);
  expect(wantsColour({ NO_COLOR: "1" }, true)).toBe(false);
  expect(wantsColour({ NO_COLOR: "" }, true)).toBe(true);
  expect(wantsColour({ FORCE_COLOR: "1", NO_COLOR: "1" }, false)).toBe(true);
  expect(wantsColour({ FORCE_COLOR: "0" }, true)).toBe(false);
});

it("one is told as one", () => {
  expect([0, 1, 2].map((count) => plural(count, "failover"))).toEqual([
    "0 failovers",
    "1 failover",
    "2 failovers",
  ]);
});

it.each([
  [
    "npm run emulate --",
    { npm_lifecycle_event: "emulate", npm_command: "run-script", npm_lifecycle_script: "node x emulate" },
    "/p/x",
  ],
  ["npm run soak --", { npm_lifecycle_event: "soak", npm_lifecycle_script: "flipside emulate" }, "/p/x"],
  ["npx flipside emulate", { npm_lifecycle_event: "npx", npm_command: "exec" }, "/p/x"],
  ["flipside emulate", {}, "/usr/bin/flipside"],
  ["node dist/cli.cjs emulate", {}, "/here/dist/cli.cjs"],
  ["node /there/cli.cjs emulate", {}, "/there/cli.cjs"],
  [
    "node dist/cli.cjs emulate",
    { npm_lifecycle_event: "test", npm_lifecycle_script: "vitest" },
    "/here/dist/cli.cjs",
  ],
])("a command is called again as it was: %s", (expected, env, program) => {
  expect(invocationOf("emulate", { env, program, cwd: "/here" })).toBe(expected);
});
