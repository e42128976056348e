/**
 * A boot loader for the explorer: how a scenario is carried out, what can be done to it besides cuts, and how it has to go
 * on alone after one.
 *
 * After a cut the loader starts, and what it has come to is the verdict. Then one more update is done in the same life:
 * most leftovers show only then.
 */

import { ResetReason, Role } from "../../../controller/devices/reset-block.ts";
import { Random } from "../../../emulator/base/random.ts";
import type { LoaderProfile } from "../../core/loader-profile.ts";
import type { Disturbance } from "../explore/case-id.ts";
import { seedAt } from "../explore/path-runner.ts";
import type { InstructionFaults, JoinPlace, Scrutiny, Subject } from "../explore/subject.ts";
import type { Timeline } from "../explore/timeline.ts";
import type { PersistentMemory } from "../flipside/persistent-memory.ts";
import type { ChipBank } from "./chip-bank.ts";
import type { LoaderJudgement } from "./judgement.ts";
import type { LoaderDevice } from "./loader-device.ts";
import type { LoaderEvent } from "./loader-event.ts";
import { LoaderRig } from "./loader-rig.ts";
import type { LoaderOracle } from "./oracle.ts";
import type { LoaderScenario, LoaderStep } from "./scenario.ts";

/** What can be done besides cuts: at every item at which the hart executes, */
const HART_FAULTS = ["reset", "watchdog"] as const;
/** to each unit of flash that firmware makes, */
const UNIT_FAULTS = ["bad-block", "fails-once"] as const;
/** and between two instructions. */
const BETWEEN_FAULTS = ["reset-between", "watchdog-between"] as const;
const SKIP = "skip";
export const LOADER_FAULTS: readonly string[] = [...HART_FAULTS, ...UNIT_FAULTS, ...BETWEEN_FAULTS, SKIP];

/** Of a scenario, resets between two instructions. */
const RESETS_BETWEEN = 64;
/** Of a scenario, instructions that are skipped at the most. */
const SKIPS = 1024;

/**
 * Where what follows a cut is decided by memory and what is known: before the slot is erased that the next update goes to,
 * but for what lies there; after that; and each time that power comes on again.
 */
const CLEARING = 1;
const CLEARED = 2;
const LAST_JOIN_PLACE = CLEARED + 3;
/** Of all starts' seeds none is this one. */
const REREAD_SEED = 100;
/** And behind each erase of a sector by firmware. */
const EXECUTING = LAST_JOIN_PLACE + 1;

/** Undefined where no watchdog ran. */
export interface UnkickedTicks {
  readonly uncut: number | undefined;
  readonly disturbed: number | undefined;
}
export const NEVER_RAN: UnkickedTicks = { uncut: undefined, disturbed: undefined };

export class LoaderSubject implements Subject<LoaderScenario, LoaderEvent, LoaderJudgement> {
  readonly rig: LoaderRig;
  readonly timeline: Timeline<LoaderEvent, LoaderJudgement>;
  readonly memory: PersistentMemory;
  readonly flash: ChipBank;
  readonly oracle: LoaderOracle;
  readonly device: LoaderDevice;
  readonly faults = LOADER_FAULTS;
  /** How long the watchdog had to wait at the most, in ticks: undisturbed, and after a cut or another disturbance. */
  unkicked: UnkickedTicks = NEVER_RAN;
  /** Instructions that the last uncut run executed in code that may be skipped; undefined where none was to be skipped. */
  skippable: number | undefined;
  /** Starts by power since the cut. */
  #starts = 0;
  #readsAgain = false;

  constructor(
    profile: LoaderProfile,
    engine: ConstructorParameters<typeof LoaderRig>[1],
    modules?: ConstructorParameters<typeof LoaderRig>[2],
  ) {
    this.rig = new LoaderRig(profile, engine, modules);
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

  /** Of devices that are modules: nobody knows what these keep outside of their words. */
  get scrutiny(): Scrutiny | undefined {
    const { modules } = this.device;
    if (modules.length === 0) return undefined;
    return {
      begin: (forgets) => {
        for (const module of modules) module.scrutinize(forgets);
      },
      end: () => modules.map((module) => module.scrutinized()),
      blames: (parts) => {
        const names = parts.map((part) => modules[part]?.name).join(" and ");
        return `what the device ${names} does hangs on something that is not in its words of state`;
      },
    };
  }

  readonly instructionFaults: InstructionFaults = {
    kinds: [...BETWEEN_FAULTS, SKIP],
    places: (random) => this.#places(random),
    arm: ({ kind, at }, done) => this.device.arm(kind, at, done),
  };

  /**
   * Has `undisturbed` show how long a start takes at the most, for one that takes far longer is one without an end, and
   * whether counters are raised.
   */
  measure(undisturbed: () => void): void {
    this.device.longestStart = 0;
    this.device.measures = true;
    this.oracle.raises = false;
    try {
      undisturbed();
      this.oracle.raises = this.oracle.judgement.floor > 0;
    } finally {
      this.device.measures = false;
    }
  }

  setUp(scenario: LoaderScenario): void {
    this.rig.setUp(scenario);
  }

  carryOut(scenario: LoaderScenario, seed: number, strict: boolean): void {
    this.#starts = 0;
    this.#readsAgain = false;
    this.device.countFromHere();
    this.#measuring(strict ? "uncut" : "disturbed", () => {
      for (const step of scenario.steps) {
        if (!this.#perform(step, seed) || this.oracle.condemned) break;
      }
    });
    this.oracle.conclude();
    if (strict) this.#checkEnd(scenario);
  }

  powerOff(): void {
    this.device.powerOff();
  }

  comeBack({ resumes = Role.NOTHING }: LoaderScenario, seed: number): void {
    this.#starts = 0;
    this.#readsAgain = false;
    this.device.countFromHere();
    this.#measuring("disturbed", () => {
      this.#start({ do: "start", by: "power", role: resumes }, seed);
      this.oracle.conclude();
      this.#readAgain(seed);
      this.#endTrial(seed);
      if (this.oracle.condemned) return;
      this.#updateOnceMore(seed);
      this.oracle.conclude();
    });
  }

  #measuring(which: keyof UnkickedTicks, work: () => void): void {
    const { device } = this;
    device.longestUnkicked = undefined;
    try {
      work();
    } finally {
      const { longestUnkicked: ticks } = device;
      if (ticks !== undefined)
        this.unkicked = { ...this.unkicked, [which]: Math.max(this.unkicked[which] ?? 0, ticks) };
    }
  }

  /** The same flash with other readings of its undecided cells: it starts twice more, and has to come to the same. */
  #readAgain(seed: number): void {
    this.#readsAgain = true;
    const readings = [0, 1].map((index) => new Random(seedAt(seed, REREAD_SEED + index)));
    for (const [index, reading] of readings.entries()) {
      const isOver = this.oracle.condemned || this.oracle.judgement.running === undefined;
      if (isOver || (index === 0 && !this.flash.isUndecided)) break;
      this.device.powerOff();
      this.device.powerOn(reading);
      this.device.start(ResetReason.POWER, Role.NOTHING);
    }
    this.#readsAgain = false;
  }

  /** What is on trial, or may be, and does not confirm itself, is taken back at the next start. */
  #endTrial(seed: number): void {
    const progress = this.oracle.judgement.update?.progress;
    const mayBeOnTrial = progress === "tried" || progress === "confirming";
    if (this.oracle.reverts && mayBeOnTrial && !this.oracle.condemned)
      this.#start({ do: "start", by: "power" }, seed);
  }

  inject(kind: string): boolean {
    return this.device.inject(kind);
  }

  get faultPending(): boolean {
    return this.device.faultPending;
  }

  faultKey(kind: string, item: number): "none" | undefined {
    if (!this.device.executes) return "none";
    const isUnit = this.timeline.unitAt(item) !== undefined;
    return isUnit || !(UNIT_FAULTS as readonly string[]).includes(kind) ? undefined : "none";
  }

  /** Every so many instructions a reset, and each instruction that may be skipped. */
  #places(random: Random): readonly Disturbance[] {
    const { executed, passed } = this.device;
    if (this.device.maySkip) this.skippable = passed;
    const stride = Math.max(1, Math.ceil(executed / RESETS_BETWEEN));
    const resets = spread(executed, stride, random).map((at, index) => ({
      at,
      kind: BETWEEN_FAULTS[index % BETWEEN_FAULTS.length] as string,
    }));
    const skips = spread(passed, Math.max(1, Math.ceil(passed / SKIPS)), random);
    return [...resets, ...skips.map((at) => ({ at, kind: SKIP }))];
  }

  /** RAM holds the power-up pattern, and devices are as after power-on. */
  joinPlace(event: LoaderEvent): JoinPlace<LoaderJudgement> | "none" | undefined {
    // It is not the start that its number says, and one more may follow.
    if (this.#readsAgain) return undefined;
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
    if (!machine.isUntimed || !this.recalls || this.device.hasStartsBefore) return undefined;
    const { timeAsked } = machine;
    const key = this.device.executionKey(this.#starts);
    if (key === undefined) return undefined;
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
      // Worst of all: as if what was cut had been completed. Other readings follow.
      const isFirst = this.#starts === 0 && this.flash.isUndecided;
      device.powerOn(isFirst ? "completed" : new Random(seedAt(seed, this.#starts)));
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

/** Every `stride`-th number below `end`, from one that is drawn. */
function spread(end: number, stride: number, random: Random): readonly number[] {
  const places: number[] = [];
  for (let at = random.below(stride); at < end; at += stride) places.push(at);
  return places;
}
