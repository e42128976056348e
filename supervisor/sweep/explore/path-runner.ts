/**
 * Runs one case from its start: every step is executed again, and each disturbance is done where it is due. Slow
 * and plain; the explorer takes short cuts through undone memory and must come to the same (a test compares them).
 */

import { Random } from "../../../emulator/base/random.ts";
import type { Tear } from "../../../emulator/flash/flash-tear.ts";
import { Evidence } from "../../../emulator/memory/evidence.ts";
import { executingRegion, perform, rot, settle } from "../flipside/actor.ts";
import { PowerCut } from "../flipside/device-event.ts";
import type { GoodVerdict, Wrong } from "../flipside/oracle/verdict.ts";
import type { Rig } from "../flipside/rig.ts";
import type { Scenario } from "../flipside/scenario.ts";
import { type Disturbance, endsRun, type Hurt, isTear } from "./case-id.ts";

/** Steps that make no sense where one before them did not come to pass. */
const ENDING_WHERE_REFUSED: ReadonlySet<string> = new Set(["load", "activate", "designate"]);

/** A different seed for each place, the same in every run. */
export function seedAt(seed: number, at: number): number {
  return (Math.imul(seed + 1, 0x9e37_79b1) + at) | 0;
}

export class PathRunner {
  readonly #rig: Rig;
  readonly #seed: number;
  #path: readonly Disturbance[] = [];
  #done = 0;
  /** Item from which the current run counts. */
  #from = 0;
  /** The item that is made before it is undone and torn. */
  #tearing: { readonly index: number; readonly how: Tear } | undefined;
  /** What is left to be done when the power has gone. */
  #torn: (() => void) | undefined;
  /** A tear came to a place where nothing tears. */
  #untorn = false;

  constructor(rig: Rig, seed: number) {
    this.#rig = rig;
    this.#seed = seed;
  }

  /** The verdict of the case. Without disturbances this is the uncut run, which must do what the scenario says. */
  run(scenario: Scenario, path: readonly Disturbance[]): GoodVerdict | Wrong {
    const rig = this.#rig;
    rig.setUp(scenario);
    this.#path = path;
    this.#done = 0;
    this.#from = 0;
    this.#tearing = undefined;
    this.#torn = undefined;
    this.#untorn = false;
    rig.timeline.hook = (index) => this.#before(index);
    try {
      let cut = this.#attempt(() => this.#steps(scenario));
      while (cut) cut = this.#attempt(() => this.#comeBack(scenario));
    } finally {
      rig.timeline.hook = undefined;
    }
    return rig.oracle.verdict();
  }

  /**
   * Every disturbance of the last case came to its place, and could be done there; else the run that it was meant for
   * ended before, or a tear was meant for what is no unit of flash or would not change.
   */
  get complete(): boolean {
    return this.#done === this.#path.length && !this.#untorn;
  }

  #steps(scenario: Scenario): void {
    const { oracle } = this.#rig;
    const random = new Random(this.#seed);
    const strict = this.#path.length === 0;
    for (const step of scenario.steps) {
      const wrong = perform(this.#rig, step, random);
      if (wrong === undefined) continue;
      if (strict) oracle.condemn("harness-broken", `step ${step.do}: ${wrong}`);
      if (strict || ENDING_WHERE_REFUSED.has(step.do)) break;
    }
    settle(this.#rig);
    if (strict) checkEnd(this.#rig, scenario);
  }

  #comeBack(scenario: Scenario): void {
    const { device, oracle } = this.#rig;
    device.powerOn();
    settle(this.#rig);
    if (oracle.judgement.wrong !== undefined) return;
    resume(this.#rig, scenario, this.#seed);
  }

  /** True if power was cut. */
  #attempt(work: () => void): boolean {
    const { timeline, device, oracle } = this.#rig;
    try {
      work();
      // A cut behind the last item.
      this.#before(timeline.length);
      return false;
    } catch (error) {
      if (!(error instanceof PowerCut)) throw error;
      device.powerOff();
      this.#torn?.();
      this.#torn = undefined;
      oracle.judgement = oracle.afterCut(oracle.judgement);
      this.#from = timeline.length;
      return true;
    }
  }

  #before(index: number): void {
    if (this.#tearing !== undefined) this.#tear(this.#tearing.index, this.#tearing.how);
    for (;;) {
      const due = this.#path[this.#done];
      if (due === undefined || index - this.#from !== due.at) return;
      this.#done += 1;
      if (isTear(due.kind)) {
        this.#tearing = { index, how: due.kind };
        return;
      }
      if (endsRun(due)) throw new PowerCut("before the operation");
      this.#hurt(due.kind as Hurt, index);
    }
  }

  /** The item that was made is undone, and torn as soon as the power has gone. */
  #tear(index: number, how: Tear): never {
    const { timeline, flash } = this.#rig;
    this.#tearing = undefined;
    const unit = timeline.unitAt(index);
    if (unit === undefined) this.#untorn = true;
    else {
      const after = flash.read(unit);
      this.#torn = () => {
        if (!flash.tear(unit, after, how, seedAt(this.#seed, index))) this.#untorn = true;
      };
    }
    timeline.rewind(index);
    throw new PowerCut("inside the operation");
  }

  #hurt(kind: Hurt, index: number): void {
    const { timeline, device } = this.#rig;
    const random = new Random(seedAt(this.#seed, index));
    const { hook } = timeline;
    timeline.hook = undefined;
    switch (kind) {
      case "crash":
        timeline.event({ type: "hurt", what: "crash", rots: "nothing" });
        device.crash();
        break;
      case "hang":
        timeline.event({ type: "hurt", what: "hang", rots: "nothing" });
        device.hurtThread(Evidence.HEARTBEAT);
        break;
      case "flip-table":
        rot(this.#rig, { in: "replica", replica: random.below(2) === 0 ? 0 : 1 }, random);
        break;
      case "flip-floor":
        rot(this.#rig, { in: "floor" }, random);
        break;
      case "flip-primary":
        rot(this.#rig, { in: "region", region: executingRegion(this.#rig) }, random);
        break;
      case "flip-other": {
        const { regions } = this.#rig.memory.layout.config;
        const other = (executingRegion(this.#rig) + 1 + random.below(regions - 1)) % regions;
        rot(this.#rig, { in: "region", region: other }, random);
        break;
      }
    }
    timeline.hook = hook;
  }
}

/** What is done after a cut once the device has come to an end by itself. */
export function resume(rig: Rig, scenario: Scenario, seed: number): void {
  const random = new Random(seed);
  for (const step of scenario.resume ?? []) {
    if (rig.oracle.judgement.wrong !== undefined) return;
    const wrong = perform(rig, step, random);
    if (wrong !== undefined) rig.oracle.condemn("bricked", `resuming with ${step.do}: ${wrong}`);
  }
}

/** The uncut run ends as the scenario says. */
function checkEnd({ device, oracle }: Rig, { ends }: Scenario): void {
  const end = device.mode === "safe-mode" ? "safe-mode" : device.region;
  if (ends === undefined) return;
  if (end !== ends || (end !== "safe-mode" && !device.ready)) {
    oracle.condemn("harness-broken", `the uncut run ended in ${name(end)} instead of ${name(ends)}`);
  }
}

function name(end: number | "safe-mode"): string {
  return end === "safe-mode" ? "safe mode" : `region ${end}`;
}
