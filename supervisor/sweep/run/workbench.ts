/**
 * One worker's part of a sweep: rigs, kept between scenarios, and the exploring, shrinking and replaying of cases.
 * Everything is in one thread; threads.ts puts several side by side.
 */
import type { EngineKind } from "../../../controller/cpu/engine-kind.ts";
import { type CaseId, type Disturbance, formatCaseId, parseCaseId } from "../explore/case-id.ts";
import {
  Explorer,
  type Finding,
  newScenarioTally,
  type Plan,
  type ScenarioTally,
} from "../explore/explorer.ts";
import type { Ending } from "../explore/oracle.ts";
import { PathRunner } from "../explore/path-runner.ts";
import type { Narrator } from "../explore/timeline.ts";
import { probeCapabilities } from "../flipside/capability-probe.ts";
import { FlipsideSubject, SWEEP_FAULTS } from "../flipside/flipside-subject.ts";
import { imageLibrary, type LibraryImage } from "../flipside/image-library.ts";
import { Rig } from "../flipside/rig.ts";
import type { Rules } from "../flipside/rules.ts";
import { leftOutOf, type Scenario } from "../flipside/scenario.ts";
import { DEFAULT_SWEPT_DEVICE, type SweptDevice } from "../flipside/swept-device.ts";
import type { VirtualEvent } from "../flipside/virtual-event.ts";

export class Workbench {
  readonly #images: ReadonlyMap<string, LibraryImage>;
  readonly #rules: Rules;
  readonly #seed: number;
  readonly #engine: EngineKind;
  readonly #device: SweptDevice;
  /** Its memory is most of what a worker takes: there is one, for all scenarios. */
  #made: FlipsideSubject | undefined;

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
  explore(scenario: Scenario, plan: Plan): ScenarioTally {
    const subject = this.#subject;
    const leftOut = leftOutOf(scenario, subject.rig.capabilities.can);
    if (leftOut === "scenario") return { ...newScenarioTally(scenario.name), leftOut };
    const tally = new Explorer(subject, scenario, plan).explore();
    const findings = tally.findings.map((finding) => this.#shrink(scenario, finding));
    return { ...tally, findings, ...(leftOut === undefined ? {} : { leftOut }) };
  }

  /**
   * Runs one case from its start, telling `narrator` everything that happens. Undefined when all went well and a
   * run ended before the place at which something was to be done to it.
   */
  replay(
    scenario: Scenario,
    path: readonly Disturbance[],
    narrator?: Narrator<VirtualEvent>,
  ): Ending | undefined {
    const subject = this.#subject;
    const { timeline } = subject;
    timeline.narrator = narrator;
    try {
      const runner = new PathRunner(subject, this.#seed);
      const ending = runner.run(scenario, path);
      return runner.complete || typeof ending !== "string" ? ending : undefined;
    } finally {
      timeline.narrator = undefined;
    }
  }

  /** What scenarios run on: for whoever wants to look at memory afterwards. */
  get rig(): Rig {
    return this.#subject.rig;
  }

  get #subject(): FlipsideSubject {
    this.#made ??= this.#make();
    return this.#made;
  }

  #make(): FlipsideSubject {
    const rig = new Rig({
      rules: this.#rules,
      seed: this.#seed,
      images: this.#images,
      engine: this.#engine,
      device: this.#device,
    });
    rig.capabilities = probeCapabilities(rig);
    return new FlipsideSubject(rig);
  }

  /** The fewest of a finding's faults that still end in its verdict. */
  #shrink(scenario: Scenario, finding: Finding): Finding {
    let id: CaseId = parseCaseId(finding.replay, SWEEP_FAULTS);
    let { message } = finding;
    for (let left = 0; left < id.path.length && id.path.length > 1; ) {
      const path = id.path.filter((_, at) => at !== left);
      const ending = this.replay(scenario, path);
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
