/**
 * A boot loader in a thread of a sweep.
 *
 * A start that never ends is one that takes far longer than the longest before it. So that a case ends alike whatever the
 * thread did before, what the longest takes is measured anew for each scenario, undisturbed.
 */
import { NamedProgram } from "../../../controller/bare/named-program.ts";
import type { EngineKind } from "../../../controller/cpu/engine-kind.ts";
import { DeviceModuleFault } from "../../../controller/devices/module-device.ts";
import type { BroughtModules } from "../../../controller/profile-board.ts";
import { MTIME_HZ } from "../../../emulator/memory/map.ts";
import type { LoaderProfile } from "../../core/loader-profile.ts";
import { type Calls, ModuleFailure } from "../../module/calls.ts";
import { loadDeviceModules } from "../../module/device-modules.ts";
import { ModuleError } from "../../module/load.ts";
import type { Disturbance } from "../explore/case-id.ts";
import type { ScenarioTally, Told, WatchdogPeriods } from "../explore/explorer.ts";
import { sweepEngine } from "../flipside/engine.ts";
import { FlashPlaces } from "../loader/flash-places.ts";
import type { LoaderJudgement } from "../loader/judgement.ts";
import type { LoaderEvent } from "../loader/loader-event.ts";
import { LoaderSubject, NEVER_RAN, type UnkickedTicks } from "../loader/loader-subject.ts";
import { LoaderTimelineText } from "../loader/loader-timeline.ts";
import type { LoaderScenario } from "../loader/scenario.ts";
import { loaderScenarios } from "../loader/scenarios.ts";
import { CaseBench } from "./case-bench.ts";
import { type PlannedScenario, plannedLoaderOf } from "./plan.ts";
import type { SweepUnit } from "./queue-port.ts";
import { type Replay, type SweepBench, scenarioNamed } from "./sweep-bench.ts";
import type { SweptLoader } from "./swept.ts";

const TICKS_PER_US = MTIME_HZ / 1_000_000;

/** Rejects with ModuleError where a module cannot be used. */
export async function makeLoaderBench(swept: SweptLoader, calls: Calls): Promise<SweepBench> {
  const { devices } = swept.loader.board;
  if (devices.length === 0) return new LoaderBench(swept);
  const modules = await loadDeviceModules(devices, calls);
  try {
    return new LoaderBench(swept, modules);
  } catch (error) {
    if (!(error instanceof ModuleFailure || error instanceof DeviceModuleFault)) throw error;
    throw new ModuleError(error.message);
  }
}

interface Made {
  readonly subject: LoaderSubject;
  readonly cases: CaseBench<LoaderScenario, LoaderEvent, LoaderJudgement>;
}

export class LoaderBench implements SweepBench {
  readonly #profile: LoaderProfile;
  readonly #engine: EngineKind;
  readonly #seed: number;
  readonly #scenarios: readonly LoaderScenario[];
  /** Its memory is most of what a worker takes: there is one, for all scenarios. */
  #made: Made | undefined;

  readonly #modules: BroughtModules | undefined;

  /** @param modules of the board's devices, where it has some */
  constructor({ loader, engine, seed }: SweptLoader, modules?: BroughtModules) {
    this.#modules = modules;
    this.#profile = loader;
    this.#engine = engine;
    this.#seed = seed;
    this.#scenarios = loaderScenarios(loader);
    // What is wrong with a module as it is made is told before anything is swept.
    if (modules !== undefined) this.#made = this.#make(sweepEngine(engine));
  }

  get scenarios(): readonly PlannedScenario[] {
    return this.#scenarios.map(plannedLoaderOf);
  }

  explore({ scenario, depth, part, faults, runAll }: SweepUnit, told?: Told): ScenarioTally {
    const script = scenarioNamed(this.#scenarios, scenario);
    this.#made ??= this.#make(sweepEngine(this.#engine));
    measureStarts(this.#made, script);
    const { subject, cases } = this.#made;
    subject.unkicked = NEVER_RAN;
    subject.skippable = undefined;
    const whole = (tally: ScenarioTally): ScenarioTally => {
      const watchdog = periodsOf(subject.unkicked);
      const { skippable } = subject;
      return {
        ...tally,
        ...(watchdog !== undefined && { watchdog }),
        ...(skippable !== undefined && { skippable }),
      };
    };
    const plan = { depth, seed: this.#seed, part, faults, runAll };
    return whole(cases.explore(script, plan, told && ((tally) => told(whole(tally)))));
  }

  /** With the interpreter, which counts exactly, and so on a device of its own. */
  replay(scenario: string, path: readonly Disturbance[]): Replay {
    const script = scenarioNamed(this.#scenarios, scenario);
    const places = new FlashPlaces();
    const made = this.#make(places.engine);
    const { subject, cases } = made;
    measureStarts(made, script);
    const program = NamedProgram.of(this.#profile.elf);
    if (program !== undefined) {
      places.count();
      cases.replay(script, path, new LoaderTimelineText(subject, path, places, undefined).narrate);
      places.stop();
    }
    const timeline = new LoaderTimelineText(subject, path, places, program);
    const ending = cases.replay(script, path, timeline.narrate);
    return { ending, lines: timeline.finish() };
  }

  #make(engine: ConstructorParameters<typeof LoaderSubject>[1]): Made {
    const subject = new LoaderSubject(this.#profile, engine, this.#modules);
    return { subject, cases: new CaseBench(subject, this.#seed) };
  }
}

function measureStarts({ subject, cases }: Made, script: LoaderScenario): void {
  subject.measure(() => cases.replay(script, []));
}

/** It expires when its period is over: one that is longer by the least that it can be set to is enough. */
function periodsOf({ uncut, disturbed }: UnkickedTicks): WatchdogPeriods | undefined {
  if (uncut === undefined) return undefined;
  const enoughUs = (ticks: number): number => Math.floor(ticks / TICKS_PER_US) + 1;
  return { uncutUs: enoughUs(uncut), ...(disturbed !== undefined && { disturbedUs: enoughUs(disturbed) }) };
}
