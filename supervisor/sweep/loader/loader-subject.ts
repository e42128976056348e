/**
 * A boot loader for the explorer: how a scenario is carried out, what can be done to it besides cuts, and how it has to go
 * on alone after one.
 *
 * After a cut the loader starts, and what it has come to is the verdict. Then one more update is done in the same life:
 * most leftovers show only then.
 */

import { ResetReason, Role } from "../../../controller/devices/reset-block.ts";
import type { LoaderProfile } from "../../core/loader-profile.ts";
import { seedAt } from "../explore/path-runner.ts";
import type { JoinPlace, Subject } from "../explore/subject.ts";
import type { Timeline } from "../explore/timeline.ts";
import type { PersistentMemory } from "../flipside/persistent-memory.ts";
import type { ChipBank } from "./chip-bank.ts";
import type { LoaderJudgement } from "./judgement.ts";
import type { LoaderDevice } from "./loader-device.ts";
import type { LoaderEvent } from "./loader-event.ts";
import { LoaderRig } from "./loader-rig.ts";
import type { LoaderOracle } from "./oracle.ts";
import type { LoaderScenario, LoaderStep } from "./scenario.ts";

/** What can be done besides cuts, at every item. */
export const LOADER_FAULTS: readonly string[] = ["reset", "watchdog", "bad-block"];

/**
 * Where what follows a cut is decided by memory and what is known: before the slot is erased that the next update goes to,
 * but for what lies there; after that; and each time that power comes on again.
 */
const CLEARING = 1;
const CLEARED = 2;
const LAST_JOIN_PLACE = CLEARED + 3;
/** And behind each erase of a sector by firmware. */
const EXECUTING = LAST_JOIN_PLACE + 1;

export class LoaderSubject implements Subject<LoaderScenario, LoaderEvent, LoaderJudgement> {
  readonly rig: LoaderRig;
  readonly timeline: Timeline<LoaderEvent, LoaderJudgement>;
  readonly memory: PersistentMemory;
  readonly flash: ChipBank;
  readonly oracle: LoaderOracle;
  readonly device: LoaderDevice;
  readonly faults = LOADER_FAULTS;
  /** Starts by power since the cut. */
  #starts = 0;

  constructor(profile: LoaderProfile, engine: ConstructorParameters<typeof LoaderRig>[1]) {
    this.rig = new LoaderRig(profile, engine);
    this.timeline = this.rig.timeline;
    this.memory = this.rig.memory;
    this.flash = this.rig.bank;
    this.oracle = this.rig.oracle;
    this.device = this.rig.device;
  }

  get recalls(): boolean {
    return this.device.recalls;
  }

  set recalls(recalls: boolean) {
    this.device.recalls = recalls;
  }

  setUp(scenario: LoaderScenario): void {
    this.rig.setUp(scenario);
  }

  carryOut(scenario: LoaderScenario, seed: number, strict: boolean): void {
    this.#starts = 0;
    for (const step of scenario.steps) {
      if (!this.#perform(step, seed) || this.oracle.condemned) break;
    }
    this.oracle.conclude();
    if (strict) this.#checkEnd(scenario);
  }

  powerOff(): void {
    this.device.powerOff();
  }

  comeBack(_scenario: LoaderScenario, seed: number): void {
    this.#starts = 0;
    this.#start({ do: "start", by: "power" }, seed);
    this.oracle.conclude();
    if (!this.oracle.condemned) this.#updateOnceMore(seed);
  }

  inject(kind: string): boolean {
    return this.device.inject(kind);
  }

  get faultPending(): boolean {
    return this.device.faultPending;
  }

  faultKey(): number | undefined {
    return undefined;
  }

  /** RAM holds the power-up pattern, and devices are as after power-on. */
  joinPlace(event: LoaderEvent): JoinPlace<LoaderJudgement> | "none" | undefined {
    const known = this.oracle.judgement;
    switch (event.type) {
      // Nothing executes from here to the start by power that follows.
      case "clearing": {
        const key = this.memory.stateKeyWithout(this.rig.areaOf(event.slot));
        return { place: CLEARING, known, last: false, key, atLastCut: true };
      }
      case "cleared":
        return { place: CLEARED, known, last: false };
      case "erased":
        return this.#whileExecuting(known);
      case "started": {
        // The first one is the cut's.
        const place = CLEARED + this.#starts - 1;
        if (event.reason !== ResetReason.POWER || place === CLEARED) return undefined;
        return { place, known, last: place === LAST_JOIN_PLACE };
      }
      default:
        return undefined;
    }
  }

  /** Where firmware executes its state decides, too, and what time it is as long as nobody asks. */
  #whileExecuting(known: LoaderJudgement): JoinPlace<LoaderJudgement> | undefined {
    const { machine } = this.device;
    if (!machine.isUntimed || !this.recalls) return undefined;
    const { timeAsked } = machine;
    const key = this.device.executionKey();
    return { place: EXECUTING, known, last: false, key, holds: () => machine.timeAsked === timeAsked };
  }

  // Steps -------------------------------------------------------------------------------------------------------

  /** False where it did not come to what it should, so that what follows makes no sense. */
  #perform(step: LoaderStep, seed: number): boolean {
    if (step.do === "start") return this.#start(step, seed);
    if (step.by === "application") return this.rig.uploadByApplication(step.image);
    return this.rig.upload(step.image, step.part);
  }

  #start({ by, role = Role.NOTHING }: Extract<LoaderStep, { do: "start" }>, seed: number): boolean {
    const { device } = this;
    if (by === "power") {
      if (device.powered) device.powerOff();
      device.powerOn(seedAt(seed, this.#starts));
      this.#starts += 1;
    }
    return device.start(by === "power" ? ResetReason.POWER : ResetReason.EXTERNAL, role) === "done";
  }

  /** Whatever it has come to, it has to be able to go on. */
  #updateOnceMore(seed: number): void {
    const image = this.rig.nextUpdate;
    if (image === undefined) return;
    const steps: readonly LoaderStep[] = [
      { do: "upload", image, by: "operator" },
      ...(this.rig.asks ? [{ do: "start", by: "power", role: Role.REQUEST_TEST } as const] : []),
      { do: "start", by: "power", role: this.rig.reverts ? Role.CONFIRM : Role.NOTHING },
      { do: "start", by: "power" },
    ];
    for (const step of steps) {
      const went = this.#perform(step, seed);
      if (this.oracle.condemned) return;
      if (!went) break;
    }
    const { running } = this.oracle.judgement;
    if (running === image) return;
    this.timeline.event({
      type: "missed",
      message: `afterwards it cannot be updated to ${image}: ${running ?? "nothing"} runs`,
    });
  }

  /** The uncut run ends as the scenario says. */
  #checkEnd({ ends }: LoaderScenario): void {
    const { running, isSafe } = this.oracle.judgement;
    const end = isSafe ? "safe" : running;
    if (end === ends) return;
    this.oracle.condemn(
      "stuck-state",
      `without any disturbance ${end ?? "nothing"} runs at the end instead of ${ends}`,
    );
  }
}
