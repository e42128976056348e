/** flipside's device in a thread of a sweep, with the user's rules and scenarios where there are any. */
import type { Calls } from "../../module/calls.ts";
import type { Disturbance } from "../explore/case-id.ts";
import type { ScenarioTally, Told } from "../explore/explorer.ts";
import { STANDARD_RULES } from "../flipside/rules.ts";
import { loadRules } from "../flipside/rules-module.ts";
import type { Scenario } from "../flipside/scenario.ts";
import { SCENARIOS } from "../flipside/scenarios/index.ts";
import { loadScenarios } from "../flipside/scenarios-module.ts";
import { TimelineText } from "../flipside/timeline-text.ts";
import { type PlannedScenario, plannedOf } from "./plan.ts";
import type { SweepUnit } from "./queue-port.ts";
import { type Replay, type SweepBench, scenarioNamed } from "./sweep-bench.ts";
import type { SweptFlipside } from "./swept.ts";
import type { LOADINGS } from "./threads.ts";
import { Workbench } from "./workbench.ts";

class FlipsideBench implements SweepBench {
  readonly #workbench: Workbench;
  readonly #scenarios: readonly Scenario[];
  readonly #seed: number;

  constructor(workbench: Workbench, scenarios: readonly Scenario[], seed: number) {
    this.#workbench = workbench;
    this.#scenarios = scenarios;
    this.#seed = seed;
  }

  /** Without their functions, which stay in the thread. */
  get scenarios(): readonly PlannedScenario[] {
    return this.#scenarios.map(plannedOf);
  }

  explore({ scenario, depth, part, faults, runAll }: SweepUnit, told?: Told): ScenarioTally {
    const plan = { depth, seed: this.#seed, part, faults, runAll };
    return this.#workbench.explore(scenarioNamed(this.#scenarios, scenario), plan, told);
  }

  replay(scenario: string, path: readonly Disturbance[]): Replay {
    const timeline = new TimelineText();
    const script = scenarioNamed(this.#scenarios, scenario);
    const ending = this.#workbench.replay(script, path, timeline.narrate);
    return { ending, lines: timeline.finish(this.#workbench.rig) };
  }
}

/** Rejects with ModuleError where one of the user's modules cannot be used. */
export async function makeFlipsideBench(
  { imageA, imageB, seed, engine, device, rulesModule, scenariosModule }: SweptFlipside,
  calls: Calls,
): Promise<SweepBench> {
  const load = <T>(
    loading: (typeof LOADINGS)[number],
    url: string,
    loader: (url: string, calls: Calls) => Promise<T>,
  ): Promise<T> => calls.awaited(loading, () => loader(url, calls));
  const rules =
    rulesModule === undefined
      ? STANDARD_RULES
      : await load("the loading of the rules", rulesModule, loadRules);
  const scenarios =
    scenariosModule === undefined
      ? SCENARIOS
      : await load("the loading of the scenarios", scenariosModule, loadScenarios);
  return new FlipsideBench(new Workbench(imageA, imageB, rules, seed, engine, device), scenarios, seed);
}
