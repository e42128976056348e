/** `flipside emulate` as its user has it: the built command line, its summary and its report. */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

const CLI = new URL("../../dist/scripts/cli.bundle.cjs", import.meta.url).pathname;

let folder = "";
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "flipside-emulate-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function soak(...args: readonly string[]) {
  const json = join(folder, "report.json");
  const short = ["--failovers", "1", "--faults", "ebreak", "--json", json];
  const { status, stdout } = spawnSync(process.execPath, [CLI, "emulate", ...short, ...args], {
    encoding: "utf8",
  });
  return { status, stdout, report: JSON.parse(readFileSync(json, "utf8")) };
}

describe("--stats", () => {
  it("adds to summary and report what all controllers translated ahead of need", () => {
    const { status, stdout, report } = soak("--stats", "--jobs", "2");
    expect(status).toBe(0);
    const { translationsAhead } = report.translator;
    expect(translationsAhead).toBeGreaterThanOrEqual(2);
    expect(stdout).toContain(`${translationsAhead} ahead of need`);
  });

  it("is what it takes: without it nothing is said of the translator", () => {
    const { status, stdout, report } = soak();
    expect(status).toBe(0);
    expect(stdout).not.toContain("translat");
    expect(report).not.toHaveProperty("translator");
  });
});
