/**
 * A sweep over several threads: each takes the next scenario, or part of one, until none is left.
 *
 * The result does not depend on the number of jobs: what is the same future is looked for within a part only, and
 * parts are the same whoever runs them.
 */

import { setFlagsFromString } from "node:v8";
import type { EngineKind } from "../../../controller/cpu/engine-kind.ts";
import type { ErrorKind } from "../../../emulator/base/errors.ts";
import { errorMessage } from "../../../emulator/base/text.ts";
import { launchSweepWorker } from "../../launch.ts";
import type { Tally } from "../explore/explorer.ts";
import type { Scenario } from "../flipside/scenario.ts";
import { SCENARIOS } from "../flipside/scenarios/index.ts";
import { ReportBuilder, type SweepReport } from "./report.ts";

export interface SweepOptions {
  readonly imageA: Uint8Array;
  readonly imageB: Uint8Array;
  readonly seed: number;
  readonly depth: number;
  /** Also crash, hang and flips at every point, and pairs of fault and cut. */
  readonly faults: boolean;
  /** Run every future to its end, even one that has joined another; see explorer.ts. */
  readonly runAll: boolean;
  /** What executes the firmware; the same futures come out of each. */
  readonly engine: EngineKind;
  readonly jobs: number;
  /** Part `index` (from 1) of `of` parts of the whole sweep. */
  readonly shard: { readonly index: number; readonly of: number };
  /** Names; empty for all. */
  readonly scenarios: readonly string[];
  /** File URL of a user's module that exports `rules`. */
  readonly rulesModule?: string;
  readonly onProgress?: (progress: SweepProgress) => void;
}

export interface SweepProgress {
  readonly cuts: number;
  readonly findings: number;
  readonly elapsedMs: number;
  /** Undefined until something can be said. */
  readonly remainingMs: number | undefined;
  readonly scenario: string;
}

/** What a worker is started with and asked for. */
export interface SweepWorkerData {
  readonly imageA: Uint8Array;
  readonly imageB: Uint8Array;
  readonly seed: number;
  readonly engine: EngineKind;
  readonly rulesModule: string | undefined;
}

export interface SweepUnit {
  readonly scenario: string;
  readonly depth: number;
  readonly part: { readonly index: number; readonly of: number };
  readonly hurts: boolean;
  readonly runAll: boolean;
}

/** A worker ended that should not have; `message` says why. */
export class SweepError extends Error {
  override readonly name = "SweepError";
  readonly kind: ErrorKind = "finding";
}

/** Units of all weights that are explored before the rest. */
const MIXED_UNITS = 128;
/** Units that a thread has been given: the one that it explores, and the next. */
const UNITS_AHEAD = 2;
/** Parts of a scenario from depth 2 on. */
const DEEP_PARTS = 8;

/**
 * Each thread compiles what it executes by itself, on processors that the others sweep with. V8 inlines by a third of
 * its usual measure: that halves the compiling, and the sweep itself is as fast. (Not --max-inlined-bytecode-size: a
 * compilation that is under way when that one changes ends the process.)
 */
const INLINE_LESS = "--max-inlined-bytecode-size-cumulative=300";

/** Runs a sweep. Rejects with {@link SweepError}. Sets a flag of V8 for the whole process. */
export async function runSweep(options: SweepOptions): Promise<SweepReport> {
  setFlagsFromString(INLINE_LESS);
  const scenarios = SCENARIOS.filter(
    ({ name }) => options.scenarios.length === 0 || options.scenarios.includes(name),
  );
  const units = planUnits(scenarios, options);
  const builder = new ReportBuilder(scenarios.map(({ name }) => name));
  const startedMs = performance.now();
  const queue = inOrder(units);
  const whole = queue.reduce((sum, { weight }) => sum + weight, 0);
  let done = 0;
  const take = () => queue.shift();
  const onTally = (tally: Tally, weight: number) => {
    builder.add(tally);
    done += weight;
    const elapsedMs = performance.now() - startedMs;
    const { cuts, findings } = builder;
    const remainingMs = done === 0 ? undefined : (elapsedMs * (whole - done)) / done;
    options.onProgress?.({ cuts, findings, elapsedMs, remainingMs, scenario: tally.scenario });
  };
  const jobs = Math.max(1, Math.min(options.jobs, queue.length));
  await Promise.all(Array.from({ length: jobs }, () => work(options, take, onTally)));
  return builder.build({
    seed: options.seed,
    depth: options.depth,
    jobs,
    shard: `${options.shard.index}/${options.shard.of}`,
    durationMs: performance.now() - startedMs,
  });
}

interface WeightedUnit extends SweepUnit {
  readonly weight: number;
}

function planUnits(scenarios: readonly Scenario[], options: SweepOptions): readonly WeightedUnit[] {
  const { depth, faults, runAll, shard } = options;
  const units = scenarios.flatMap((scenario): WeightedUnit[] => {
    const of = depth > 1 ? DEEP_PARTS : 1;
    return Array.from({ length: of }, (_, index) => ({
      scenario: scenario.name,
      depth,
      part: { index, of },
      hurts: faults,
      runAll,
      weight: weigh(scenario),
    }));
  });
  return units.filter((_, at) => at % shard.of === shard.index - 1);
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
  const loads = steps.some((step) => step.do === "load") ? 20 : 0;
  const waits = costly === true ? 20 : 0;
  return 1 + steps.length + loads + waits;
}

async function work(
  options: SweepOptions,
  take: () => WeightedUnit | undefined,
  onTally: (tally: Tally, weight: number) => void,
): Promise<void> {
  const { imageA, imageB, seed, engine, rulesModule } = options;
  const workerData: SweepWorkerData = { imageA, imageB, seed, engine, rulesModule };
  const worker = launchSweepWorker(workerData);
  const underWay: WeightedUnit[] = [];
  const post = () => {
    const unit = take();
    if (unit === undefined) return;
    underWay.push(unit);
    worker.postMessage(unit);
  };
  try {
    await new Promise<void>((resolve, reject) => {
      worker.on("error", (error) => reject(new SweepError(`a sweep worker failed: ${errorMessage(error)}`)));
      worker.on("exit", () => reject(new SweepError("a sweep worker ended")));
      worker.on("message", (tally: Tally) => {
        onTally(tally, underWay.shift()?.weight ?? 0);
        post();
        if (underWay.length === 0) resolve();
      });
      for (let unit = 0; unit < UNITS_AHEAD; unit += 1) post();
      if (underWay.length === 0) resolve();
    });
  } finally {
    await worker.terminate();
  }
}
