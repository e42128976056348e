/** The explorer over a subject that is not flipside's: what it does, it does to any. */
import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { parseCaseId } from "../../../../supervisor/sweep/explore/case-id.ts";
import { Explorer, type Plan } from "../../../../supervisor/sweep/explore/explorer.ts";
import { PathRunner } from "../../../../supervisor/sweep/explore/path-runner.ts";
import { type ToyScript, ToySubject } from "./toy-subject.ts";

const RIGHT: ToyScript = { name: "update", deep: true, countsTooEarly: false };
const WRONG: ToyScript = { name: "update", deep: true, countsTooEarly: true };
const PLAN: Plan = { depth: 1, seed: 1, part: { index: 0, of: 1 }, faults: false, runAll: false };

function explore(script: ToyScript, plan: Partial<Plan> = {}) {
  const subject = new ToySubject();
  return { subject, tally: new Explorer(subject, script, { ...PLAN, ...plan }).explore() };
}

describe("explorer over another subject", () => {
  it("finds nothing where every cut is survived", () => {
    const { tally } = explore(RIGHT, { depth: 2 });
    expect(tally.findings).toEqual([]);
    expect(Object.keys(tally.verdicts).sort()).toEqual(["version-1", "version-2"]);
  });

  it("finds a planted bug at the very items where a cut shows it, under the subject's own name", () => {
    // Items: 3 of the start, 2 of scratch, then the slot counts (5), and its two words are written (6, 7).
    const { tally } = explore(WRONG);
    const found = tally.findings.map(({ cut, verdict }) => [cut, verdict]);
    expect(found.sort()).toEqual([
      ["6", "no-image"],
      ["7", "no-image"],
    ]);
  });

  it("a finding is run again by its id, and ends in the same", () => {
    const [finding] = explore(WRONG).tally.findings;
    const { path, seed } = parseCaseId(finding?.replay ?? "", new ToySubject().faults);
    const runner = new PathRunner(new ToySubject(), seed);
    expect(runner.run(WRONG, path)).toEqual({ verdict: finding?.verdict, message: finding?.message });
    expect(runner.complete).toBe(true);
    expect(new PathRunner(new ToySubject(), seed).run(RIGHT, path)).toBe("version-1");
  });

  it("joins futures at the subject's join place, and ends as when all are run", () => {
    const joined = explore(RIGHT);
    const whole = explore(RIGHT, { runAll: true });
    expect(joined.tally.verdicts).toEqual(whole.tally.verdicts);
    expect(joined.tally.cuts).toBe(whole.tally.cuts);
    expect(joined.tally.distinctFutures).toBeLessThan(whole.tally.distinctFutures);
    expect(joined.subject.runs).toBeLessThan(whole.subject.runs);
  });

  it("does the subject's own faults at every point", () => {
    const { tally } = explore(RIGHT, { faults: true });
    expect(tally.faults).toBeGreaterThan(0);
    expect(tally.findings.map(({ verdict }) => verdict)).toContain("forgotten");
    expect(tally.findings[0]?.replay).toMatch(/^v1:update@\d+!go-back~1$/);
  });

  it("knows no rule of flipside", () => {
    const folder = new URL("../../../../supervisor/sweep/explore/", import.meta.url);
    for (const file of readdirSync(folder)) {
      const imports = readFileSync(new URL(file, folder), "utf8").match(/(?<=from ")[^"]+/g) ?? [];
      expect(imports.filter((path) => !/^(\.\/|\.\.\/\.\.\/\.\.\/emulator\/)/.test(path))).toEqual([]);
    }
  });
});
