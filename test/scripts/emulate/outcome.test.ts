import { describe, expect, it } from "vitest";
import { junitOf, outcomeOf } from "../../../scripts/emulate/outcome.ts";
import type { SoakReport } from "../../../supervisor/soak/soak.ts";
import type { FaultReport } from "../../../supervisor/soak/tally.ts";

const NO_TIMES = { count: 0, p50: 0, p90: 0, p99: 0, max: 0 };

function report(counts: Partial<FaultReport>, more: Partial<SoakReport> = {}): SoakReport {
  const fault: FaultReport = {
    kind: "ebreak",
    class: "trap",
    fromOutside: 0,
    injected: 2,
    detected: 2,
    recovered: 2,
    notInjected: 0,
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
    notInjected: [],
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

function found(...ids: readonly string[]): Pick<SoakReport, "violations" | "findings"> {
  const findings = ids.map((id) => ({ id, cause: "a rule", message: `${id}: a sentence` }));
  return { violations: findings.map(({ message }) => message), findings };
}

/** Never took place, and so was neither found nor survived. */
const never = { injected: 0, detected: 0, recovered: 0, notInjected: 1 };
const notInjected = [{ id: "ebreak", cause: "not-injected", message: "it went on" }];

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
      report({ notJudged: 1 }, { ...found("ebreak"), notJudged: [late] }),
      "violated",
    ],
    ["violated: nor for a fault that nobody excused", report({ detected: 0, notJudged: 1 }), "violated"],
    ["not injected: a fault never took place", report(never, { notInjected }), "not-injected"],
    [
      "not injected: a busy machine has no part in that",
      report({ ...never, notJudged: 1 }, { notInjected }),
      "not-injected",
    ],
    ["violated: a finding says more", report(never, { ...found("work"), notInjected }), "violated"],
    ["held: what nothing covers need not be found", report({ class: "uncovered", detected: 0 }), "held"],
  ] as const)("%s", (_, soaked, verdict) => {
    expect(outcomeOf(soaked).verdict).toBe(verdict);
  });
});

describe("findings that are expected", () => {
  const known = (id: string) => ({ id, cause: "a rule" });
  const unfound = { detected: 1, recovered: 1 };

  it.each([
    ["held: all came, and no others", report({}, found("ebreak")), [known("ebreak")], "held"],
    [
      "held: also where the fault was not found or survived for it",
      report(unfound, found("ebreak")),
      [known("ebreak")],
      "held",
    ],
    ["violated: another one came", report({}, found("ebreak", "work")), [known("ebreak")], "violated"],
    [
      "violated: the same fault has another cause",
      report({}, found("ebreak")),
      [{ id: "ebreak", cause: "b" }],
      "violated",
    ],
    ["violated: one is gone", report({}), [known("ebreak")], "violated"],
    ["violated: one of no kind of fault is gone", report({}), [known("work")], "violated"],
    [
      "held: a fault of a kind never took place, which is known",
      report({ notInjected: 1 }, { notInjected }),
      [{ id: "ebreak", cause: "not-injected" }],
      "held",
    ],
    [
      "violated: a fault takes place that was known never to do so",
      report({}),
      [{ id: "ebreak", cause: "not-injected" }],
      "violated",
    ],
    [
      "held: of a kind that was not tried nobody can say that it is gone",
      report({}),
      [known("ecall")],
      "held",
    ],
  ] as const)("%s", (_, soaked, expected, verdict) => {
    expect(outcomeOf(soaked, expected).verdict).toBe(verdict);
  });
});

describe("a soak that had to end in time", () => {
  it("is unchecked where a kind was not tried, and tells which", () => {
    const { verdict, notTried } = outcomeOf(report({}), [], ["ebreak", "ecall"]);
    expect({ verdict, notTried }).toEqual({ verdict: "unchecked", notTried: ["ecall"] });
  });

  it("has tried what never took place", () => {
    const { notTried } = outcomeOf(report(never, { notInjected }), [], ["ebreak"]);
    expect(notTried).toEqual([]);
  });

  it("is violated where something was found all the same", () => {
    expect(outcomeOf(report({}, found("ebreak")), [], ["ebreak", "ecall"]).verdict).toBe("violated");
  });
});

describe("the JUnit report of a soak", () => {
  function cases(soaked: SoakReport, ...asked: [Parameters<typeof outcomeOf>[1]?, (readonly string[])?]) {
    const text = junitOf(soaked, outcomeOf(soaked, ...asked), "flipside emulate --seed 1");
    const [, counts] = /<testsuites (.*)>/.exec(text) ?? [];
    return { text, counts };
  }

  it("has a case for each kind; one of which nothing can be said is skipped", () => {
    const { text, counts } = cases(report({}), [], ["ebreak", "ecall"]);
    expect(counts).toBe('tests="2" failures="0" errors="0" skipped="1"');
    expect(text).toContain('<testcase classname="flipside.emulate" name="ebreak"/>');
    expect(text).toContain('<skipped message="not tried: the time of --max-time was over"/>');
    expect(cases(report({ notJudged: 1 }, { notJudged: [late] })).text).toContain(
      '<skipped message="a sentence"/>',
    );
  });

  it("tells each finding with its cause and the command, one that is no kind's as a case of its own", () => {
    const { text, counts } = cases(report({}, found("ebreak", "work")));
    expect(counts).toBe('tests="2" failures="2" errors="0" skipped="0"');
    expect(text).toContain(
      '<failure type="a rule" message="work: a sentence">flipside emulate --seed 1</failure>',
    );
  });

  it("has an error, and no failure, for a fault that never took place", () => {
    const { text, counts } = cases(report(never, { notInjected }));
    expect(counts).toBe('tests="1" failures="0" errors="1" skipped="0"');
    expect(text).toContain(
      '<error type="not-injected" message="it went on">flipside emulate --seed 1</error>',
    );
  });

  it("fails a kind that was not survived, though no rule says why", () => {
    expect(cases(report({ recovered: 1 })).text).toContain("of 2 faults 2 were found and 1 survived");
  });

  it("does not fail what is expected, and fails what is gone", () => {
    const expected = [
      { id: "ebreak", cause: "a rule" },
      { id: "work", cause: "a rule" },
    ];
    const { text, counts } = cases(report({}, found("ebreak")), expected);
    expect(counts).toBe('tests="2" failures="1" errors="0" skipped="0"');
    expect(text).toContain("<system-out>expected: ebreak: a sentence</system-out>");
    expect(text).toContain('<failure type="vanished" message="work: ');
  });
});
