/**
 * What a soak comes to, for people and for continuous integration: its verdict beside what was expected, and each kind
 * of fault as a test case.
 */
import { FAULTS, SURVIVAL_KINDS } from "../../supervisor/faults/catalogue.ts";
import type { SoakFinding, SoakReport } from "../../supervisor/index.ts";
import { NOT_INJECTED } from "../../supervisor/soak/judgements.ts";
import type { FaultReport } from "../../supervisor/soak/tally.ts";
import { type Comparison, compareFindings, describeVanished, type Known } from "../expectations.ts";
import { formatJunit, type JunitCase, type JunitFailure } from "../junit.ts";

/**
 * Unchecked: it ended before any fault, or before it could try every kind. Not judged: for some of what was done the machine
 * was too busy to say. Not injected: a fault that was asked for never took place, and so nothing was shown of it.
 */
export type Verdict = "held" | "violated" | typeof NOT_INJECTED | "not-judged" | "unchecked";

const ALL_KINDS: ReadonlySet<string> = new Set([...FAULTS.map(({ kind }) => kind), ...SURVIVAL_KINDS]);

export interface Outcome {
  readonly verdict: Verdict;
  readonly compared: Comparison<SoakFinding>;
  /** Kinds that were to be tried and were not, because the time of --max-time was over. */
  readonly notTried: readonly string[];
}

/**
 * @param expected findings that are known
 * @param kinds that had to be tried; empty where whoever ended it did not wait for them
 */
export function outcomeOf(
  report: SoakReport,
  expected: readonly Known[] = [],
  kinds: readonly string[] = [],
): Outcome {
  const tried = report.faults
    .filter(({ injected, notInjected }) => injected + notInjected > 0)
    .map(({ kind }) => kind);
  const { notAsked, leftOut = [] } = report;
  const notTried = kinds.filter((kind) => ![...tried, ...notAsked, ...leftOut].includes(kind));
  // What is no kind of fault is looked at in every soak.
  const isLookedFor = ({ id }: Known): boolean => tried.includes(id) || !ALL_KINDS.has(id);
  const compared = compareFindings(
    expected,
    [...report.findings, ...report.notInjected],
    ({ id, cause }) => ({ id, cause }),
    isLookedFor,
  );
  return { verdict: verdictOf(report, compared, notTried), compared, notTried };
}

function verdictOf(
  { faults, notJudged }: SoakReport,
  { known, unexpected, vanished }: Comparison<SoakFinding>,
  notTried: readonly string[],
): Verdict {
  const explained = new Set(known.map(({ id }) => id));
  const isWhole = faults.every((fault) => isComplete(fault) || explained.has(fault.kind));
  if (unexpected.some(isViolation) || vanished.length > 0 || !isWhole) return "violated";
  if (unexpected.length > 0) return NOT_INJECTED;
  if (notJudged.length > 0 || faults.some((fault) => fault.notJudged > 0)) return "not-judged";
  return notTried.length === 0 && faults.some(({ injected }) => injected > 0) ? "held" : "unchecked";
}

/** Of what is compared with what was expected: a fault that never took place says nothing against a controller. */
export function isViolation({ cause }: SoakFinding): boolean {
  return cause !== NOT_INJECTED;
}

function isComplete({ class: faultClass, injected, detected, recovered, notJudged }: FaultReport): boolean {
  const found = faultClass === "uncovered" || detected + notJudged >= injected;
  return found && recovered + notJudged >= injected;
}

/** Faults that were done, and those of them of which the machine let nothing be said. */
export function countFaults(faults: readonly FaultReport[]): { injected: number; notJudged: number } {
  const sum = (of: (fault: FaultReport) => number): number =>
    faults.reduce((total, fault) => total + of(fault), 0);
  return { injected: sum(({ injected }) => injected), notJudged: sum(({ notJudged }) => notJudged) };
}

/**
 * JUnit XML: a test case for each kind of fault, and one for each other thing that something was found of.
 * @param again the command that runs the soak again
 */
export function junitOf(report: SoakReport, { compared, notTried }: Outcome, again: string): string {
  const kinds = [...new Set([...report.faults.map(({ kind }) => kind), ...notTried])];
  const ids = new Set([
    ...kinds,
    ...report.findings.map(({ id }) => id),
    ...compared.vanished.map(({ id }) => id),
  ]);
  const cases = [...ids].map((id) => caseOf(id, report, compared, notTried, again));
  return formatJunit(`flipside emulate, seed ${report.seed}`, report.durationMs, cases);
}

function caseOf(
  id: string,
  { faults, notJudged }: SoakReport,
  { known, unexpected, vanished }: Comparison<SoakFinding>,
  notTried: readonly string[],
  again: string,
): JunitCase {
  const fault = faults.find(({ kind }) => kind === id);
  const toFailure = ({ cause, message }: SoakFinding): JunitFailure => ({
    type: cause,
    message,
    detail: again,
  });
  const found = unexpected.filter((finding) => finding.id === id);
  const gone = vanished.filter((each) => each.id === id);
  const expected = known.filter((finding) => finding.id === id);
  const failures = [
    ...found.filter(isViolation).map(toFailure),
    ...gone.map((each) => ({ type: "vanished", message: describeVanished(each), detail: again })),
  ];
  if (fault !== undefined && failures.length === 0 && expected.length === 0 && !isComplete(fault)) {
    const { injected, detected, recovered } = fault;
    const message = `of ${injected} faults ${detected} were found and ${recovered} survived`;
    failures.push({ type: "every fault is found and survived", message, detail: again });
  }
  const unjudged = notJudged.filter((each) => each.id === id).map(({ message }) => message);
  return {
    classname: "flipside.emulate",
    name: id,
    failures,
    errors: found.filter((finding) => !isViolation(finding)).map(toFailure),
    skipped: notTried.includes(id) ? "not tried: the time of --max-time was over" : unjudged[0],
    output:
      expected.length === 0 ? undefined : expected.map(({ message }) => `expected: ${message}`).join("\n"),
  };
}
