/**
 * One subject, kept from script to script, and the exploring, shrinking and replaying of its cases.
 *
 * Knows the subject by supervisor/sweep/explore/subject.ts alone: whatever can be explored is shrunk and replayed alike.
 */
import { type CaseId, type Disturbance, formatCaseId, parseCaseId } from "../explore/case-id.ts";
import { Explorer, type Finding, type Plan, type ScenarioTally, type Told } from "../explore/explorer.ts";
import type { Ending } from "../explore/oracle.ts";
import { PathRunner } from "../explore/path-runner.ts";
import type { Script, Subject } from "../explore/subject.ts";
import type { Narrator } from "../explore/timeline.ts";

export class CaseBench<S extends Script, Event, Judgement extends object> {
  readonly #subject: Subject<S, Event, Judgement>;
  readonly #seed: number;

  constructor(subject: Subject<S, Event, Judgement>, seed: number) {
    this.#subject = subject;
    this.#seed = seed;
  }

  /** All that the plan asks for of one script; findings are shrunk, but for what is told before all is done. */
  explore(script: S, plan: Plan, told?: Told): ScenarioTally {
    const tally = new Explorer(this.#subject, script, plan).explore(told);
    return { ...tally, findings: tally.findings.map((finding) => this.#shrink(script, finding)) };
  }

  /**
   * Runs one case from its start, telling `narrator` everything that happens. Undefined when all went well and a
   * run ended before the place at which something was to be done to it.
   */
  replay(script: S, path: readonly Disturbance[], narrator?: Narrator<Event>): Ending | undefined {
    const { timeline } = this.#subject;
    timeline.narrator = narrator;
    try {
      const runner = new PathRunner(this.#subject, this.#seed);
      const ending = runner.run(script, path);
      return runner.complete || typeof ending !== "string" ? ending : undefined;
    } finally {
      timeline.narrator = undefined;
    }
  }

  /** The fewest of a finding's faults that still end in its verdict. */
  #shrink(script: S, finding: Finding): Finding {
    let id: CaseId = parseCaseId(finding.replay, this.#subject.faults);
    let { message } = finding;
    for (let left = 0; left < id.path.length && id.path.length > 1; ) {
      const path = id.path.filter((_, at) => at !== left);
      const ending = this.replay(script, path);
      if (typeof ending === "object" && ending.verdict === finding.verdict) {
        id = { ...id, path };
        ({ message } = ending);
      } else {
        left += 1;
      }
    }
    const replay = formatCaseId(id);
    const cut = replay.slice(replay.indexOf("@") + 1, replay.lastIndexOf("~"));
    return { ...finding, replay, cut, message };
  }
}
