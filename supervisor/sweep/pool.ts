/**
 * A sweep over several threads: each takes the next scenario, or part of one, until none is left.
 *
 * The result does not depend on the number of jobs: what is the same future is looked for within a part only, and
 * parts are the same whoever runs them.
 */
import { once } from "node:events";
import type { EngineKind } from "../../controller/engine-kind.ts";
import { launchSweepWorker } from "../launch.ts";
import type { Tally } from "./explorer.ts";
import { ReportBuilder, type SweepReport } from "./report.ts";
import type { Scenario } from "./scenario.ts";
import { SCENARIOS } from "./scenarios/index.ts";

export interface SweepOptions {
  readonly imageA: Uint8Array;
  readonly imageB: Uint8Array;
  readonly seed: number;
  readonly depth: number;
  /** Also crash, hang and flips at every point, and pairs of fault and cut. */
  readonly faults: boolean;
  /** Run every future to its end, even one that has joined another; see explorer.ts. */
  readonly runAll: boolean;
  /** What executes the firmware; the same futures come out of each. Default auto. */
  readonly engine?: EngineKind;
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
}

/** Parts of a scenario from depth 2 on. */
const DEEP_PARTS = 8;

/** Runs a sweep. Rejects with {@link SweepError}. */
export async function runSweep(options: SweepOptions): Promise<SweepReport> {
  const scenarios = SCENARIOS.filter(
    ({ name }) => options.scenarios.length === 0 || options.scenarios.includes(name),
  );
  const units = planUnits(scenarios, options);
  const builder = new ReportBuilder(scenarios.map(({ name }) => name));
  const startedMs = performance.now();
  const queue = [...units].sort((a, b) => b.weight - a.weight);
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
  const { imageA, imageB, seed, engine = "auto", rulesModule } = options;
  const workerData: SweepWorkerData = { imageA, imageB, seed, engine, rulesModule };
  const worker = launchSweepWorker(workerData);
  const failed = new Promise<never>((_, reject) => {
    worker.on("error", (error) => reject(new SweepError(`a sweep worker failed: ${describe(error)}`)));
    worker.on("exit", () => reject(new SweepError("a sweep worker ended")));
  });
  failed.catch(() => undefined);
  try {
    for (let unit = take(); unit !== undefined; unit = take()) {
      worker.postMessage(unit);
      const [tally] = (await Promise.race([once(worker, "message"), failed])) as [Tally];
      onTally(tally, unit.weight);
    }
  } finally {
    await worker.terminate();
  }
}

function describe(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
