/** What a sweep consists of and in which order it is done: the same for the same options, whoever does it. */
import type { Scenario } from "../flipside/scenario.ts";
import type { LoaderScenario } from "../loader/scenario.ts";
import type { SweepUnit } from "./queue-port.ts";

/** Units of all weights that are explored before the rest. */
const MIXED_UNITS = 128;
/**
 * Parts of a scenario from depth 3 on. What is known of one part's futures is not known in another, so each costs: at
 * depth 2 eight parts run three times as many futures as one.
 */
const DEEP_PARTS = 8;
export const DEPTH_IN_PARTS = 3;
/** Writing flash is most, beside a step that only starts something. */
const UPLOAD_WEIGHT = 20;

/** What decides it. */
export interface PlanOptions {
  readonly depth: number;
  /** Also crash, hang and flips at every point, and pairs of fault and cut. */
  readonly faults: boolean;
  /** Run every future to its end, even one that has joined another; see explorer.ts. */
  readonly runAll: boolean;
  /** Part `index` (from 1) of `of` parts of the whole sweep. */
  readonly shard: { readonly index: number; readonly of: number };
}

/** What a plan needs to know of a scenario. */
export interface PlannedScenario {
  readonly name: string;
  readonly about: string;
  /** About how much work it is beside another. */
  readonly weight: number;
}

export function plannedOf(scenario: Scenario): PlannedScenario {
  return { name: scenario.name, about: scenario.about, weight: weigh(scenario) };
}

export function plannedLoaderOf({ name, about, steps }: LoaderScenario): PlannedScenario {
  const uploads = steps.filter((step) => step.do === "upload").length;
  return { name, about, weight: 1 + steps.length + uploads * UPLOAD_WEIGHT };
}

export interface WeightedUnit extends SweepUnit {
  readonly weight: number;
}

/** The units of a shard, in the order in which they are explored. */
export function planUnits(
  scenarios: readonly PlannedScenario[],
  options: PlanOptions,
): readonly WeightedUnit[] {
  const { depth, faults, runAll, shard } = options;
  const units = scenarios.flatMap((scenario): WeightedUnit[] => {
    const of = depth >= DEPTH_IN_PARTS ? DEEP_PARTS : 1;
    return Array.from({ length: of }, (_, index) => ({
      scenario: scenario.name,
      depth,
      part: { index, of },
      faults,
      runAll,
      weight: scenario.weight,
    }));
  });
  return inOrder(units.filter((_, at) => at % shard.of === shard.index - 1));
}

/**
 * Heaviest first, so that all threads end together; but before that a few of every weight. V8 compiles for what it has
 * seen, and does so again when it sees more: two compilations in five were for kinds of scenarios that came late.
 */
function inOrder(units: readonly WeightedUnit[]): WeightedUnit[] {
  const byWeight = [...units].sort((a, b) => b.weight - a.weight);
  const stride = Math.max(1, Math.floor(units.length / MIXED_UNITS));
  const mixed = byWeight.filter((_, at) => at % stride === 0);
  return [...mixed, ...byWeight.filter((_, at) => at % stride !== 0)];
}

/** About how much work a scenario is beside another: writing flash is most, then waiting for a watchdog. */
function weigh({ steps, costly }: Scenario): number {
  const loads = steps.some((step) => step.do === "load") ? UPLOAD_WEIGHT : 0;
  const waits = costly === true ? 20 : 0;
  return 1 + steps.length + loads + waits;
}
