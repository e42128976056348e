/**
 * One worker's part of a sweep of flipside's device: its rig, kept between scenarios, and what the firmware is not asked for.
 * Everything is in one thread; threads.ts puts several side by side.
 */
import type { EngineKind } from "../../../controller/cpu/engine-kind.ts";
import type { Disturbance } from "../explore/case-id.ts";
import { newScenarioTally, type Plan, type ScenarioTally, type Told } from "../explore/explorer.ts";
import type { Ending } from "../explore/oracle.ts";
import type { Narrator } from "../explore/timeline.ts";
import { probeCapabilities } from "../flipside/capability-probe.ts";
import { FlipsideSubject } from "../flipside/flipside-subject.ts";
import { imageLibrary, type LibraryImage } from "../flipside/image-library.ts";
import type { Judgement } from "../flipside/oracle/judgement.ts";
import { Rig } from "../flipside/rig.ts";
import type { Rules } from "../flipside/rules.ts";
import { leftOutOf, type Scenario } from "../flipside/scenario.ts";
import { DEFAULT_SWEPT_DEVICE, type SweptDevice } from "../flipside/swept-device.ts";
import type { VirtualEvent } from "../flipside/virtual-event.ts";
import { CaseBench } from "./case-bench.ts";

interface Made {
  readonly rig: Rig;
  readonly cases: CaseBench<Scenario, VirtualEvent, Judgement>;
}

export class Workbench {
  readonly #images: ReadonlyMap<string, LibraryImage>;
  readonly #rules: Rules;
  readonly #seed: number;
  readonly #engine: EngineKind;
  readonly #device: SweptDevice;
  /** Its memory is most of what a worker takes: there is one, for all scenarios. */
  #made: Made | undefined;

  constructor(
    imageA: Uint8Array,
    imageB: Uint8Array,
    rules: Rules,
    seed: number,
    engine: EngineKind = "auto",
    device: SweptDevice = DEFAULT_SWEPT_DEVICE,
  ) {
    this.#images = imageLibrary(imageA, imageB);
    this.#rules = rules;
    this.#seed = seed;
    this.#engine = engine;
    this.#device = device;
  }

  /** All that the plan asks for of one scenario; findings are shrunk. */
  explore(scenario: Scenario, plan: Plan, told?: Told): ScenarioTally {
    const { rig, cases } = this.#parts;
    const leftOut = leftOutOf(scenario, rig.capabilities.can);
    if (leftOut !== undefined && leftOut !== "commands") {
      return { ...newScenarioTally(scenario.name), leftOut };
    }
    const whole = (tally: ScenarioTally): ScenarioTally =>
      leftOut === undefined ? tally : { ...tally, leftOut };
    return whole(cases.explore(scenario, plan, told && ((tally) => told(whole(tally)))));
  }

  /** As {@link CaseBench.replay}. */
  replay(
    scenario: Scenario,
    path: readonly Disturbance[],
    narrator?: Narrator<VirtualEvent>,
  ): Ending | undefined {
    return this.#parts.cases.replay(scenario, path, narrator);
  }

  /** What scenarios run on: for whoever wants to look at memory afterwards. */
  get rig(): Rig {
    return this.#parts.rig;
  }

  get #parts(): Made {
    this.#made ??= this.#make();
    return this.#made;
  }

  #make(): Made {
    const rig = new Rig({
      rules: this.#rules,
      seed: this.#seed,
      images: this.#images,
      engine: this.#engine,
      device: this.#device,
    });
    rig.capabilities = probeCapabilities(rig);
    return { rig, cases: new CaseBench(new FlipsideSubject(rig), this.#seed) };
  }
}
