/** What a sweep found, as one value: the summary, `--json` and `--junit` are made of it. */

import { formatCaseId } from "../explore/case-id.ts";
import {
  type Finding,
  newScenarioTally,
  type ScenarioTally,
  type WatchdogPeriods,
} from "../explore/explorer.ts";
import { NOT_INJECTED } from "../flipside/oracle/verdict.ts";

/** How many cases ended in each verdict that there was. */
export type Verdicts = Readonly<Record<string, number>>;

export interface ScenarioReport {
  readonly name: string;
  readonly cuts: number;
  readonly distinctFutures: number;
  readonly faults: number;
  readonly verdicts: Verdicts;
}

export interface LeftOut {
  readonly scenario: string;
  /** "scenario" or "own-update" of all of it (LEFT_OUT_BECAUSE), or "commands" of one that was run without. */
  readonly what: string;
}

export interface SweepReport {
  readonly seed: number;
  readonly depth: number;
  readonly jobs: number;
  readonly shard: string;
  readonly durationMs: number;
  readonly scenarios: readonly ScenarioReport[];
  /** Cases in which power was cut. */
  readonly cuts: number;
  /** Of these, futures that were run; the others were the same byte for byte as one of them. */
  readonly distinctFutures: number;
  /** Cases with a fault that is no cut. */
  readonly faults: number;
  readonly cutsPerSecond: number;
  readonly verdicts: Verdicts;
  readonly findings: readonly Finding[];
  /** What was not asked of the firmware, since it says that it does not do it: a whole scenario, or the host's commands in it. */
  readonly leftOut: readonly LeftOut[];
  /** Of a boot loader's board on which a watchdog ran. */
  readonly watchdog?: WatchdogPeriods;
  /** Scenarios that were to be swept and were not, or not to their end: it was ended before. */
  readonly notSwept: readonly string[];
}

/** Tallies of parts of scenarios, put together; in the order in which the scenarios are listed. */
export class ReportBuilder {
  readonly #tallies = new Map<string, ScenarioTally>();
  readonly #leftOut = new Map<string, string>();
  #watchdog: WatchdogPeriods | undefined;
  #skippable: number | undefined;

  constructor(scenarios: readonly string[]) {
    for (const scenario of scenarios) this.#tallies.set(scenario, newScenarioTally(scenario));
  }

  add(part: ScenarioTally): void {
    const tally = this.#tallies.get(part.scenario);
    if (tally === undefined) throw new Error(`there is no scenario ${part.scenario}`);
    if (part.leftOut !== undefined) this.#leftOut.set(part.scenario, part.leftOut);
    if (part.watchdog !== undefined) this.#watchdog = longer(this.#watchdog, part.watchdog);
    if (part.skippable !== undefined) this.#skippable = (this.#skippable ?? 0) + part.skippable;
    tally.cuts += part.cuts;
    tally.distinctFutures += part.distinctFutures;
    tally.faults += part.faults;
    addVerdicts(tally.verdicts, part.verdicts);
    tally.findings.push(...part.findings);
  }

  get cuts(): number {
    return this.#sum(({ cuts }) => cuts);
  }

  get findings(): number {
    return this.#sum(({ findings }) => findings.length);
  }

  build(
    how: Pick<SweepReport, "seed" | "depth" | "jobs" | "shard" | "durationMs" | "notSwept">,
  ): SweepReport {
    if (this.#skippable === 0 && how.shard === WHOLE_SWEEP && how.notSwept.length === 0)
      this.#nothingSkipped(how.seed);
    const tallies = [...this.#tallies.values()].filter(({ verdicts }) => Object.keys(verdicts).length > 0);
    const verdicts: Record<string, number> = {};
    for (const tally of tallies) addVerdicts(verdicts, tally.verdicts);
    return {
      ...how,
      scenarios: tallies.map((tally) => ({
        name: tally.scenario,
        cuts: tally.cuts,
        distinctFutures: tally.distinctFutures,
        faults: tally.faults,
        verdicts: tally.verdicts,
      })),
      cuts: this.cuts,
      distinctFutures: this.#sum(({ distinctFutures }) => distinctFutures),
      faults: this.#sum(({ faults }) => faults),
      cutsPerSecond: Math.round(this.cuts / (how.durationMs / 1000)),
      verdicts,
      ...(this.#watchdog !== undefined && { watchdog: this.#watchdog }),
      findings: tallies.flatMap(({ findings }) => findings),
      leftOut: [...this.#tallies.keys()].flatMap((scenario) => {
        const what = this.#leftOut.get(scenario);
        return what === undefined ? [] : [{ scenario, what }];
      }),
    };
  }

  /** A test that tested nothing. */
  #nothingSkipped(seed: number): void {
    const [tally] = this.#tallies.values();
    if (tally === undefined) return;
    const { scenario } = tally;
    const path = [{ at: 0, kind: "skip" }];
    const message = "no instruction was skipped: the loader executes none in the code that loader.skip names";
    addVerdicts(tally.verdicts, { [NOT_INJECTED]: 1 });
    const replay = formatCaseId({ scenario, path, seed });
    tally.findings.push({ replay, verdict: NOT_INJECTED, scenario, cut: "0!skip", message });
  }

  #sum(of: (tally: ScenarioTally) => number): number {
    return [...this.#tallies.values()].reduce((sum, tally) => sum + of(tally), 0);
  }
}

/** What is enough for both. */
function longer(one: WatchdogPeriods | undefined, other: WatchdogPeriods): WatchdogPeriods {
  if (one === undefined) return other;
  const disturbedUs = Math.max(one.disturbedUs ?? 0, other.disturbedUs ?? 0);
  return {
    uncutUs: Math.max(one.uncutUs, other.uncutUs),
    ...(disturbedUs > 0 && { disturbedUs }),
  };
}

function addVerdicts(sums: Record<string, number>, verdicts: Verdicts): void {
  for (const [verdict, count] of Object.entries(verdicts)) sums[verdict] = (sums[verdict] ?? 0) + count;
}

/** All parts of a sweep in one. */
const WHOLE_SWEEP = "1/1";
const NOT_SWEPT_BECAUSE = "the sweep was ended before it was done";
/** Of a whole scenario, by what is left out. */
export const LEFT_OUT_BECAUSE: ReadonlyMap<string, string> = new Map([
  ["scenario", "the firmware says that it commits no faults on request"],
  ["own-update", "the firmware does not say that it updates regions by itself"],
]);

/**
 * JUnit XML: one test case for each scenario. A fault that never took place is an error, not a failure: nothing was shown.
 * @param missing what else has failed, by name and in a sentence
 */
export function toJunit(report: SweepReport, missing: readonly (readonly [string, string])[] = []): string {
  // One of which a part was swept has failed if that has, and else it is skipped.
  const hasFailed = (name: string): boolean => report.findings.some(({ scenario }) => scenario === name);
  const swept = report.scenarios.filter(({ name }) => !report.notSwept.includes(name) || hasFailed(name));
  const cases = swept.map(({ name, cuts }) => {
    const findings = report.findings.filter(({ scenario }) => scenario === name);
    const head = `    <testcase classname="flipside.sweep" name="${escapeXml(`${name} (${cuts} cuts)`)}"`;
    if (findings.length === 0) return `${head}/>`;
    const failures = findings.map(({ verdict, message, replay }) => {
      const element = verdict === NOT_INJECTED ? "error" : "failure";
      return `      <${element} type="${verdict}" message="${escapeXml(message)}">${escapeXml(`flipside sweep --replay ${replay}`)}</${element}>`;
    });
    return [`${head}>`, ...failures, "    </testcase>"].join("\n");
  });
  for (const [name, message] of missing) {
    const failure = `<failure type="vanished" message="${escapeXml(message)}"/>`;
    cases.push(`    <testcase classname="flipside.sweep" name="${escapeXml(name)}">${failure}</testcase>`);
  }
  const leftOut = report.leftOut.flatMap(({ scenario, what }) => {
    const because = LEFT_OUT_BECAUSE.get(what);
    return because === undefined ? [] : [skippedCase(scenario, because)];
  });
  const skipped = [
    ...leftOut,
    ...report.notSwept.filter((name) => !hasFailed(name)).map((name) => skippedCase(name, NOT_SWEPT_BECAUSE)),
  ];
  const scenariosWith = (of: (finding: Finding) => boolean): number =>
    new Set(report.findings.filter(of).map(({ scenario }) => scenario)).size;
  const failed = scenariosWith(({ verdict }) => verdict !== NOT_INJECTED) + missing.length;
  const errors = scenariosWith(({ verdict }) => verdict === NOT_INJECTED);
  const counts = `tests="${cases.length + skipped.length}" failures="${failed}" errors="${errors}"`;
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<testsuites ${counts}>`,
    `  <testsuite name="flipside sweep, seed ${report.seed}, depth ${report.depth}" ${counts} skipped="${skipped.length}" time="${(report.durationMs / 1000).toFixed(3)}">`,
    ...cases,
    ...skipped,
    "  </testsuite>",
    "</testsuites>",
    "",
  ].join("\n");
}

function skippedCase(name: string, why: string): string {
  const skipped = `<skipped message="${escapeXml(why)}"/>`;
  return `    <testcase classname="flipside.sweep" name="${escapeXml(name)}">${skipped}</testcase>`;
}

function escapeXml(text: string): string {
  return text.replace(/[<>&"]/g, (character) => `&#${character.charCodeAt(0)};`);
}
