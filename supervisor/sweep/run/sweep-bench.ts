/**
 * What is made in each thread of a sweep: something whose scenarios are explored and replayed, known to the thread by
 * their names alone. flipside-bench.ts has flipside's device, loader-bench.ts somebody's own boot loader.
 */
import type { Disturbance } from "../explore/case-id.ts";
import type { ScenarioTally, Told } from "../explore/explorer.ts";
import type { Ending } from "../explore/oracle.ts";
import type { PlannedScenario } from "./plan.ts";
import type { SweepUnit } from "./queue-port.ts";

/** One case, run from its start. */
export interface Replay {
  /** Undefined when it is no case: there was nothing at one of its places. */
  readonly ending: Ending | undefined;
  /** Its timeline in words. */
  readonly lines: readonly string[];
}

export interface SweepBench {
  /** All that there are to sweep. */
  readonly scenarios: readonly PlannedScenario[];
  /** A unit of the plan; findings are shrunk. @param told is told after every case */
  explore(unit: SweepUnit, told?: Told): ScenarioTally;
  replay(scenario: string, path: readonly Disturbance[]): Replay;
}

/** The one of that name, which the plan or whoever asks for a replay has looked up before. */
export function scenarioNamed<S extends { readonly name: string }>(scenarios: readonly S[], name: string): S {
  const scenario = scenarios.find((each) => each.name === name);
  if (scenario === undefined) throw new Error(`there is no scenario ${name}`);
  return scenario;
}
