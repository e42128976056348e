import { describe, expect, it } from "vitest";
import { verdictOf } from "../../../scripts/emulate/summary.ts";
import type { SoakReport } from "../../../supervisor/soak/soak.ts";
import type { FaultReport } from "../../../supervisor/soak/tally.ts";

const NO_TIMES = { count: 0, p50: 0, p90: 0, p99: 0, max: 0 };

function report(counts: Partial<FaultReport>, more: Partial<SoakReport> = {}): SoakReport {
  const fault: FaultReport = {
    kind: "ebreak",
    class: "trap",
    injected: 2,
    detected: 2,
    recovered: 2,
    notJudged: 0,
    detectUs: NO_TIMES,
    restartUs: NO_TIMES,
    readyUs: NO_TIMES,
    ...counts,
  };
  return {
    seed: 1,
    durationMs: 1,
    failovers: 2,
    hostCommands: 0,
    violations: [],
    findings: [],
    notAsked: [],
    notJudged: [],
    codeBytesCopied: 0,
    restartUs: NO_TIMES,
    trapRestartUs: NO_TIMES,
    histogram: [],
    faults: [fault],
    spontaneous: [],
    checks: {},
    rssBytes: [],
    ...more,
  };
}

const late = {
  id: "ebreak",
  cause: "a cause",
  message: "a sentence",
  delays: { elapsedMs: 1, waitedMs: 1, stolenMs: 0 },
};

describe("the verdict of a soak", () => {
  it.each([
    ["held: each fault was found and survived", report({}), "held"],
    ["unchecked: no fault was done", report({ injected: 0, detected: 0, recovered: 0 }), "unchecked"],
    ["violated: one was not found", report({ detected: 1 }), "violated"],
    ["violated: one was not survived", report({ recovered: 1 }), "violated"],
    ["not judged: the machine was too busy for one", report({ detected: 1, notJudged: 1 }), "not-judged"],
    ["not judged: it was too busy for something else", report({}, { notJudged: [late] }), "not-judged"],
    [
      "violated: no busy machine makes up for a rule that did not hold",
      report({ notJudged: 1 }, { violations: ["a sentence"], notJudged: [late] }),
      "violated",
    ],
    ["violated: nor for a fault that nobody excused", report({ detected: 0, notJudged: 1 }), "violated"],
    ["held: what nothing covers need not be found", report({ class: "uncovered", detected: 0 }), "held"],
  ] as const)("%s", (_, soaked, verdict) => {
    expect(verdictOf(soaked)).toBe(verdict);
  });
});
