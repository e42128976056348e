import { describe, expect, it } from "vitest";
import { mergeReports } from "../../scripts/merge-reports.ts";
import type { SoakReport } from "../../supervisor/soak/soak.ts";

function summary(p50: number, count: number) {
  return { count, p50, p90: p50, p99: p50, max: p50 };
}

function report(p50: number, injected: number, violations: readonly string[]): SoakReport {
  return {
    seed: 5,
    durationMs: p50,
    failovers: injected,
    hostCommands: 1,
    violations,
    findings: violations.map((message) => ({ id: "ebreak", cause: "a rule", message })),
    notJudged: [],
    notInjected: [],
    codeBytesCopied: 0,
    restartUs: summary(p50, injected),
    trapRestartUs: summary(p50, injected),
    histogram: [{ fromUs: p50, count: injected }],
    faults: [
      {
        kind: "ebreak",
        class: "trap",
        injected,
        fromOutside: 1,
        detected: injected,
        recovered: injected - 1,
        notInjected: 0,
        notJudged: 1,
        detectUs: summary(p50, injected),
        restartUs: summary(p50, injected),
        readyUs: summary(p50, injected),
      },
    ],
    spontaneous: [],
    checks: { "a rule": injected },
    notAsked: [],
    rssBytes: [1, 2],
  };
}

describe("the report of several jobs", () => {
  it("adds counts, takes the worst times, and tells whose a violation is", () => {
    const merged = mergeReports(5, [report(10, 3, []), report(20, 4, ["it broke"])]);
    expect(merged).toMatchObject({
      seed: 5,
      failovers: 7,
      hostCommands: 2,
      violations: ["job 1: it broke"],
      findings: [{ id: "ebreak", cause: "a rule", message: "job 1: it broke" }],
      restartUs: { count: 7, p50: 20, max: 20 },
      histogram: [
        { fromUs: 10, count: 3 },
        { fromUs: 20, count: 4 },
      ],
      checks: { "a rule": 7 },
      rssBytes: [2, 4],
    });
    expect(merged.faults).toEqual([
      expect.objectContaining({ injected: 7, fromOutside: 2, detected: 7, recovered: 5 }),
    ]);
  });

  it("of one job is that job's own", () => {
    const only = report(10, 3, ["it broke"]);
    expect(mergeReports(5, [only])).toBe(only);
  });
});
