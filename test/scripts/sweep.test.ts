/** `flipside sweep` as its user has it: the built command line, its output, its files and its exit codes. */

import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import type { SweepReport } from "../../supervisor/sweep/run/report.ts";
import { SweepThread, type SweepThreadOptions } from "../../supervisor/sweep/run/threads.ts";
import { runToEnd } from "../run-to-end.ts";
import { scratchDirectory } from "./captured.ts";

const CLI = new URL("../../dist/scripts/cli.bundle.cjs", import.meta.url).pathname;
const RULES = new URL("../../dist/supervisor/sweep/index.js", import.meta.url).href;
const IMAGES = new URL("../../controller/firmware/images", import.meta.url).pathname;
const LOWER = `${IMAGES}/controller-1.0.0.img`;
const HIGHER = `${IMAGES}/controller-1.1.0.img`;
const scratch = scratchDirectory();

function sweep(...args: readonly string[]) {
  const { status, stdout, stderr } = runToEnd(process.execPath, [CLI, "sweep", ...args], {
    encoding: "utf8",
  });
  return { status, stdout, stderr };
}

function report(...args: readonly string[]): SweepReport {
  const file = scratch("report.json");
  const { status, stderr } = sweep(...args, "--json", file);
  expect(existsSync(file), `exit code ${status}: ${stderr}`).toBe(true);
  return JSON.parse(readFileSync(file, "utf8")) as SweepReport;
}

describe("flipside sweep", () => {
  it("holds, with a report that counts what was cut", () => {
    const { cuts, distinctFutures, findings, scenarios, seed } = report(
      "--scenarios",
      "failover-ecall,first-start",
    );
    expect(findings).toEqual([]);
    expect(scenarios.map(({ name }) => name)).toEqual(["first-start", "failover-ecall"]);
    expect(seed).toBe(1);
    expect(cuts).toBeGreaterThan(distinctFutures);
  });

  it("finds the same with one job and with two", () => {
    const strip = ({ cuts, distinctFutures, verdicts, scenarios }: SweepReport) => ({
      cuts,
      distinctFutures,
      verdicts,
      scenarios,
    });
    const args = ["--scenarios", "failover-e*,update-that-crashes", "--depth", "2"];
    expect(strip(report(...args, "--jobs", "2"))).toEqual(strip(report(...args, "--jobs", "1")));
  });

  it("shards make the whole", () => {
    const args = ["--scenarios", "failover-*"];
    const whole = report(...args).cuts;
    expect(report(...args, "--shard", "1/2").cuts + report(...args, "--shard", "2/2").cuts).toBe(whole);
  });

  it("ends in time, tells what was not swept, and is not held for it", () => {
    const junit = scratch("in-time.xml");
    const json = scratch("in-time.json");
    const args = ["--depth", "2", "--faults", "--max-time", "500ms", "--json", json, "--junit", junit];
    const { status, stdout, stderr } = sweep(...args);
    expect(status, stderr).toBe(4);
    const { notSwept } = JSON.parse(readFileSync(json, "utf8")) as SweepReport;
    expect(notSwept.length).toBeGreaterThan(0);
    expect(stdout).toContain(`not swept to the end: ${notSwept.length} of`);
    expect(stdout).not.toContain("held");
    expect(readFileSync(junit, "utf8")).toContain(`skipped="${notSwept.length}"`);
  });

  it("judges a user's boot decision, and its finding can be run again", () => {
    const rules = scratch("rules.mjs");
    writeFileSync(
      rules,
      `import { decideBoot } from ${JSON.stringify(RULES)};
export const rules = {
  decideBoot(input) {
    const active = input.table?.regions[input.table.active];
    const selected = active?.state === "valid" && active.unconfirmedStarts > 0;
    return decideBoot(selected ? { ...input, failed: input.table.active } : input);
  },
};
`,
    );
    const { status, stdout } = sweep("--scenarios", "update-into-empty", "--rules", rules);
    expect(status).toBe(1);
    const replay = / sweep --replay (\S+) --rules/.exec(stdout)?.[1] ?? "";
    const expected = (...known: readonly { readonly id: string; readonly cause: string }[]) => {
      const file = scratch("expected.json");
      writeFileSync(file, JSON.stringify({ format: 1, expected: known }));
      const told = report("--scenarios", "update-into-empty", "--rules", rules);
      const all = told.findings.map((finding) => ({ id: finding.replay, cause: finding.verdict }));
      writeFileSync(file, JSON.stringify({ format: 1, expected: [...all.slice(known.length), ...known] }));
      return sweep("--scenarios", "update-into-empty", "--rules", rules, "--expect", file);
    };
    expect(expected(), "all findings are known").toMatchObject({ status: 0 });
    const vanished = expected({ id: "update-into-empty@1~1", cause: "bricked" });
    expect(vanished.status, "one is not known, and another one is gone").toBe(1);
    expect(vanished.stdout).toContain('vanished  v1:update-into-empty@1~1: "bricked" was expected');
    const noCase = scratch("no-case.json");
    writeFileSync(noCase, JSON.stringify({ format: 1, expected: [{ id: "nowhere", cause: "bricked" }] }));
    const refused = sweep("--expect", noCase);
    expect(refused.status, "an id that is no case").toBe(2);
    expect(refused.stderr).toContain('"nowhere" is no case');
    const again = sweep("--replay", replay, "--rules", rules);
    expect(again.status).toBe(1);
    expect(again.stdout).toContain("lost-update");
    expect(sweep("--replay", replay).status).toBe(0);
  });

  it("draws from its seed alone: rules that draw elsewhere are a finding, which says so", () => {
    const rules = scratch("random.mjs");
    writeFileSync(rules, "export const rules = { decideBoot: () => Math.random() };\n");
    const { status, stdout } = sweep("--scenarios", "first-start-empty", "--rules", rules);
    expect(status).toBe(1);
    expect(stdout).toMatch(/the rule decideBoot threw: .*Math\.random is not there, at \S+random\.mjs:1:\d+/);
  });

  describe("a rules module that does not leave it at deciding is a finding of the module, never held:", () => {
    const DECIDE = `import { decideBoot } from ${JSON.stringify(RULES)};\n`;
    const RULE = "export const rules = { decideBoot };\n";
    it.each([
      ["it ends the process when it is loaded", "process.exit(0);\n", /ended the thread/],
      ["it waits for what never comes", "await new Promise(() => {});\n", /waits for what never comes/],
      [
        "it throws behind the last case",
        'setTimeout(() => { throw new Error("late"); }, 0);\n',
        /late, at \S+misdeed\.mjs:3:/,
      ],
      [
        "it rejects a promise of nobody's",
        'setImmediate(() => Promise.reject(new Error("late")));\n',
        /late/,
      ],
    ])("%s", (_, misdeed, sentence) => {
      const rules = scratch("misdeed.mjs");
      writeFileSync(rules, DECIDE + RULE + misdeed);
      const { status, stdout, stderr } = sweep("--scenarios", "first-start-empty", "--rules", rules);
      expect(status).toBe(1);
      expect(stderr).toMatch(/^flipside: the module[^\n]*\n$/);
      expect(stderr).toMatch(sentence);
      expect(stdout).not.toContain("held");
    });

    it("it ends the process when it is asked, in a sweep and in a replay", () => {
      const rules = scratch("exits.mjs");
      writeFileSync(rules, "export const rules = { decideBoot: () => process.exit(0) };\n");
      for (const args of [
        ["--scenarios", "first-start-empty"],
        ["--replay", "first-start-empty@0~1"],
      ]) {
        const { status, stdout, stderr } = sweep(...args, "--rules", rules);
        expect({ status, stderr }).toEqual({ status: 1, stderr: expect.stringMatching(/ended the thread/) });
        expect(stdout).not.toContain("held");
      }
    });

    it.each([
      [
        "when it is loaded",
        "let x = 0;\nfor (;;) x++;\n",
        /^the loading of the rules does not come back: it stands at \S+loops\.mjs:2:\d+$/,
      ],
      [
        "when it is asked",
        "export const rules = {\n  reduce() {\n    for (let x = 0; ; ) x++;\n  },\n};\n",
        /^the rule reduce does not come back: it stands at \S+loops\.mjs:3:\d+$/,
      ],
    ])("it does not come back %s, and where it stands is told", async (_, text, sentence) => {
      const rules = scratch("loops.mjs");
      writeFileSync(rules, text);
      const [imageA, imageB] = [HIGHER, LOWER].map((file) => new Uint8Array(readFileSync(file)));
      const options = {
        imageA,
        imageB,
        seed: 1,
        engine: "interpreter",
        rulesModule: `file://${rules}`,
      } as const;
      const thread = new SweepThread(options as SweepThreadOptions, 50);
      const unit = {
        scenario: "first-start",
        depth: 1,
        part: { index: 0, of: 1 },
        faults: false,
        runAll: false,
      };
      await expect(thread.run(unit, () => undefined)).rejects.toThrow(sentence);
      await expect(thread.close()).rejects.toThrow("does not come back");
    });
  });

  describe("scenarios of one's own", () => {
    const EXAMPLE = fileURLToPath(new URL("../../docs/examples/scenarios.mjs", import.meta.url));

    it("are swept in the place of flipside's, as the example has them, and a case is run again with them", () => {
      const { status, stdout, stderr } = sweep("--scenarios-from", EXAMPLE, "--scenarios", "work-*");
      expect([status, stderr]).toEqual([0, ""]);
      expect(stdout).toMatch(/^work-then-watchdog /m);
      expect(stdout).not.toContain("update-after-a-failover");
      const again = sweep("--scenarios-from", EXAMPLE, "--replay", "v1:work-then-watchdog@5~1");
      expect([again.status, again.stdout.split("\n")[0]]).toEqual([
        0,
        expect.stringMatching(/^work-then-watchdog: /),
      ]);
      expect(sweep("--scenarios-from", EXAMPLE, "--list").stdout).toContain("update-after-a-failover");
      expect(sweep("--scenarios-from", EXAMPLE, "--scenarios", "first-start").stderr).toContain(
        'there is no scenario "first-start"',
      );
    });

    it("that cannot be read or used are refused with their place, and nothing is swept", () => {
      const file = scratch("wrong.mjs");
      const refused = (text: string): string => {
        writeFileSync(file, text);
        const { status, stdout, stderr } = sweep("--scenarios-from", file);
        expect([status, stdout]).toEqual([2, ""]);
        return stderr;
      };
      expect(refused("export const a = 1;\nexport const = 2;\n")).toMatch(
        /cannot be loaded: .*, at \S+wrong\.mjs:2\n$/,
      );
      expect(refused('\nthrow new Error("not today");\n')).toMatch(/: not today, at \S+wrong\.mjs:2:7\n$/);
      expect(refused("export const rules = {};\n")).toMatch(
        /the module must export scenarios, and does not\n$/,
      );
      expect(refused('export const scenarios = [{ name: "x" }];\n')).toMatch(
        /scenarios\[0\] \(x\)\.setup: it is no object\n$/,
      );
    });
  });

  it("writes a JUnit report", () => {
    const file = scratch("junit.xml");
    expect(sweep("--scenarios", "first-start-empty", "--junit", file).status).toBe(0);
    expect(readFileSync(file, "utf8")).toContain('name="first-start-empty (');
  });

  it.each([
    ["swapped", LOWER, HIGHER, "swap them"],
    ["equal", HIGHER, HIGHER, "give B a lower version"],
  ])(
    "takes image A for the higher version: %s ones are refused, they would be false findings",
    (_, a, b, remedy) => {
      const { status, stderr } = sweep("--scenarios", "first-start", "--image-a", a, "--image-b", b);
      expect([status, stderr.trim().split("\n").length]).toEqual([2, 1]);
      expect(stderr).toContain(`A must be the higher one, ${remedy}`);
    },
  );

  it("checks both reports before the run, and a refusal leaves none", () => {
    const json = scratch("unwritten.json");
    const { status, stdout, stderr } = sweep("--json", json, "--junit", scratch("missing/junit.xml"));
    expect([status, stdout, existsSync(json)]).toEqual([2, "", false]);
    expect(stderr).toMatch(/^flipside: the JUnit report cannot be written: ENOENT/);
  });

  it.runIf(existsSync("/dev/full"))("tells of a report that cannot be written in one sentence", () => {
    const json = scratch("kept.json");
    const args = ["--scenarios", "first-start-empty", "--json", json, "--junit", "/dev/full"];
    const { status, stderr } = sweep(...args);
    expect([status, stderr.trim().split("\n").length]).toEqual([3, 1]);
    expect(stderr).toContain("the JUnit report cannot be written");
    expect(existsSync(json)).toBe(true);
  });

  it("refuses bad input in one sentence, exit code 2", () => {
    const bad = [
      ["--depth", "0"],
      ["--shard", "3/2"],
      ["--scenarios", "nope"],
      ["--image-a", scratch("missing")],
      ["--image-a", CLI],
      ["--image-a", "/dev/zero"],
      ["--rules", scratch("missing.mjs")],
      ["--replay", "foo"],
      ["--replay", "first-start@1~1", "--json", "replayed.json"],
      ["--replay", "nope@1~1"],
      ["--replay", "first-start@9999~1"],
      ["--scenarios", ","],
      ["--engine", "nope"],
      ["--json", scratch("missing/report.json")],
      ["--junit", scratch("missing/junit.xml")],
    ];
    for (const args of bad) {
      const { status, stderr } = sweep(...args);
      expect([args, status, stderr.trim().split("\n").length]).toEqual([args, 2, 1]);
    }
  });
});
