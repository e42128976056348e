/**
 * flipside's device for the explorer: how a scenario is carried out on a rig, what can be done to it besides cuts, and
 * from where on the start after a cut is decided by memory and what the oracle knows.
 */
import { Random } from "../../../emulator/base/random.ts";
import { Evidence } from "../../../emulator/memory/evidence.ts";
import { NO_REGION } from "../../../emulator/table/table.ts";
import { OWED_BY_HANG } from "../../faults/explanation.ts";
import type { JoinPlace, Subject } from "../explore/subject.ts";
import type { Timeline } from "../explore/timeline.ts";
import { crashVersion, failThread, perform, rot, settle, spoilBlock } from "./actor.ts";
import { type Judgement, Rotted } from "./oracle/judgement.ts";
import type { Oracle } from "./oracle/oracle.ts";
import type { PersistentMemory } from "./persistent-memory.ts";
import type { RegionFlash } from "./region-flash.ts";
import type { Rig } from "./rig.ts";
import type { Scenario } from "./scenario.ts";
import type { VirtualEvent } from "./virtual-event.ts";

/** Only flash with ECC has blocks that cannot be read. */
const ECC_FAULTS = ["unreadable-primary", "unreadable-other"] as const;

export const SWEEP_FAULTS: readonly string[] = [
  "crash",
  "hang",
  "flip-table",
  "flip-floor",
  "flip-primary",
  "flip-other",
  ...ECC_FAULTS,
];

/** Steps that make no sense where one before them did not come to pass. */
const ENDING_WHERE_REFUSED: ReadonlySet<string> = new Set(["load", "activate", "designate", "own-update"]);

/** The management memory was recovered. */
const RECOVERED = 1;
/** The first version was started. */
const STARTED = 2;

/** No moment of the device: where nothing executes, nothing hangs, ever. */
const NOTHING_HANGS = -1;

export class FlipsideSubject implements Subject<Scenario, VirtualEvent, Judgement> {
  readonly rig: Rig;
  readonly timeline: Timeline<VirtualEvent, Judgement>;
  readonly memory: PersistentMemory;
  readonly flash: RegionFlash;
  readonly oracle: Oracle;
  readonly faults: readonly string[];

  constructor(rig: Rig) {
    this.rig = rig;
    this.timeline = rig.timeline;
    this.memory = rig.memory;
    this.flash = rig.flash;
    this.oracle = rig.oracle;
    const { ecc } = rig.memory.layout.config;
    this.faults = SWEEP_FAULTS.filter((kind) => ecc || !isEccFault(kind));
  }

  get recalls(): boolean {
    return this.rig.device.recalls;
  }

  set recalls(recalls: boolean) {
    this.rig.device.recalls = recalls;
  }

  setUp(scenario: Scenario): void {
    this.rig.setUp(scenario);
  }

  carryOut(scenario: Scenario, seed: number, strict: boolean): void {
    const random = new Random(seed);
    for (const step of scenario.steps) {
      const wrong = perform(this.rig, step, random);
      if (wrong === undefined) continue;
      if (strict) this.oracle.condemn(wrong.verdict, wrong.message);
      if (strict || ENDING_WHERE_REFUSED.has(step.do)) break;
    }
    settle(this.rig);
    if (strict) this.#checkEnd(scenario);
  }

  powerOff(): void {
    this.rig.device.powerOff();
  }

  comeBack(scenario: Scenario, seed: number): void {
    this.rig.device.powerOn();
    settle(this.rig);
    const random = new Random(seed);
    for (const step of scenario.resume ?? []) {
      if (this.oracle.condemned) return;
      const wrong = perform(this.rig, step, random);
      if (wrong === undefined) continue;
      // After a cut the device may be elsewhere than in the uncut run, but has to be able to go on.
      const verdict = wrong.verdict === "harness-broken" ? "bricked" : wrong.verdict;
      this.oracle.condemn(verdict, `resuming with ${step.do}: ${wrong.message}`);
    }
  }

  inject(kind: string, random: Random): boolean {
    if (!this.faults.includes(kind) && isEccFault(kind)) return false;
    switch (kind) {
      case "crash":
        this.timeline.event({ type: "injected", what: "crash", rots: "nothing" });
        crashVersion(this.rig);
        break;
      case "hang":
        this.timeline.event({ type: "injected", what: "hang", rots: "nothing" });
        return failThread(this.rig, Evidence.HEARTBEAT, OWED_BY_HANG);
      case "flip-table":
        rot(this.rig, { in: "replica", replica: random.below(2) === 0 ? 0 : 1 }, random);
        break;
      case "flip-floor":
        rot(this.rig, { in: "floor" }, random);
        break;
      case "flip-primary":
        rot(this.rig, { in: "region", region: this.#executingRegion }, random);
        break;
      case "flip-other":
        rot(this.rig, { in: "region", region: this.#otherRegion(random) }, random);
        break;
      case "unreadable-primary":
        spoilBlock(this.rig, this.#executingRegion, random);
        break;
      case "unreadable-other":
        spoilBlock(this.rig, this.#otherRegion(random), random);
        break;
      default:
        throw new Error(`there is no fault ${kind}`);
    }
    return true;
  }

  get faultPending(): boolean {
    return this.rig.device.crashPending;
  }

  /** A flipped bit is another one at every item. */
  faultKey(kind: string): number | undefined {
    const { device } = this.rig;
    if (kind === "crash") return device.moment;
    if (kind === "hang") return device.canHang ? device.moment : NOTHING_HANGS;
    return undefined;
  }

  /** All but memory is what power-on left; rules that go on with what they did not store join nothing. */
  joinPlace(event: VirtualEvent, atCut: Judgement): JoinPlace<Judgement> | "none" | undefined {
    const { device, oracle } = this.rig;
    if (event.type === "recovered") {
      const { table, floor } = event;
      if (table === undefined || !this.rig.isStored(table, floor)) return "none";
      // Unless rot is still being excused, what is known is what was known at the cut.
      return oracle.judgement.rotted === Rotted.NOTHING
        ? { place: RECOVERED, known: atCut, last: false }
        : undefined;
    }
    if (event.type !== "first-instruction") return undefined;
    if (!this.rig.isStored(device.table, device.floor)) return "none";
    return { place: STARTED, known: oracle.judgement, last: true };
  }

  /** The region that executes, for faults that hit it; region 0 while none does. */
  get #executingRegion(): number {
    const { region } = this.rig.device;
    return region === NO_REGION ? 0 : region;
  }

  #otherRegion(random: Random): number {
    const { regions } = this.rig.memory.layout.config;
    return (this.#executingRegion + 1 + random.below(regions - 1)) % regions;
  }

  /** The uncut run ends as the scenario says. */
  #checkEnd({ ends }: Scenario): void {
    const { device } = this.rig;
    const end = device.mode === "safe-mode" ? "safe-mode" : device.region;
    if (ends === undefined) return;
    if (end !== ends || (end !== "safe-mode" && !device.ready)) {
      this.oracle.condemn("harness-broken", `the uncut run ended in ${name(end)} instead of ${name(ends)}`);
    }
  }
}

function isEccFault(kind: string): boolean {
  return ECC_FAULTS.some((known) => known === kind);
}

function name(end: number | "safe-mode"): string {
  return end === "safe-mode" ? "safe mode" : `region ${end}`;
}
