/**
 * A sweep: runners each take the next unit until none is left, and their tallies make a report.
 *
 * The result does not depend on who runs what: what is the same future is looked for within a unit only, and units are
 * the same whoever runs them.
 */
import type { EngineKind } from "../../../controller/cpu/engine-kind.ts";
import type { LoaderProfile } from "../../core/loader-profile.ts";
import type { ScenarioTally } from "../explore/explorer.ts";
import { DEFAULT_SWEPT_DEVICE, type SweptDevice } from "../flipside/swept-device.ts";
import { type PlannedScenario, type PlanOptions, planUnits } from "./plan.ts";
import type { SweepUnit, UnitRunner } from "./queue-port.ts";
import { ReportBuilder, type SweepReport } from "./report.ts";
import { ownScenariosOf } from "./swept.ts";
import { hasModule, SweepThread, type SweepThreadOptions } from "./threads.ts";

/** Of every sweep, whatever is swept. */
export interface SweepTerms extends PlanOptions {
  readonly seed: number;
  /** What executes the firmware; the same futures come out of each. */
  readonly engine: EngineKind;
  readonly jobs: number;
  /** Names; empty for all. */
  readonly scenarios: readonly string[];
  readonly onProgress?: (progress: SweepProgress) => void;
  /** Ends it at once; the report tells what was not swept. */
  readonly signal?: AbortSignal;
}

export interface SweepOptions extends SweepTerms {
  readonly imageA: Uint8Array;
  readonly imageB: Uint8Array;
  /** What is swept; the default device where it is absent. */
  readonly device?: SweptDevice;
  /** File URL of a user's module that exports `rules`. */
  readonly rulesModule?: string;
  /** File URL of a user's module that exports `scenarios`, which are swept in the place of flipside's. */
  readonly scenariosModule?: string;
}

/** Of a boot loader. */
export interface LoaderSweepOptions extends SweepTerms {
  readonly loader: LoaderProfile;
}

export type AnySweepOptions = SweepOptions | LoaderSweepOptions;

export interface SweepProgress {
  readonly cuts: number;
  readonly findings: number;
  readonly elapsedMs: number;
  /** Undefined until something can be said. */
  readonly remainingMs: number | undefined;
  readonly scenario: string;
}

/**
 * The scenarios that there are: a user's own, where there is a module of them. All modules are loaded once for it, so that
 * those that cannot be used are refused before anything is done, and not by each thread. Rejects with ModuleError, or with
 * SweepError.
 */
export async function scenariosOf(options: AnySweepOptions): Promise<readonly PlannedScenario[]> {
  const all = ownScenariosOf(options);
  const terms = threadOptions(options);
  if (!hasModule(terms)) return all;
  const thread = new SweepThread(terms);
  return (await thread.loaded.finally(() => thread.close())) ?? all;
}

/**
 * Runs a sweep. Rejects with SweepError.
 * @param makeRunner as many as there are jobs are made; threads of this process where it is not given
 */
export async function runSweep(
  options: AnySweepOptions,
  makeRunner: () => UnitRunner = () => new SweepThread(threadOptions(options)),
): Promise<SweepReport> {
  const scenarios = (await scenariosOf(options)).filter(
    ({ name }) => options.scenarios.length === 0 || options.scenarios.includes(name),
  );
  const queue = [...planUnits(scenarios, options)];
  /** Not swept to its end. */
  const left = new Set(queue);
  /** What was counted of units that are under way. */
  const soFar = new Map<SweepUnit, ScenarioTally>();
  const { signal } = options;
  const empty = (): void => {
    queue.length = 0;
  };
  signal?.addEventListener("abort", empty);
  if (signal?.aborted === true) empty();
  const builder = new ReportBuilder(scenarios.map(({ name }) => name));
  const startedMs = performance.now();
  const whole = queue.reduce((sum, { weight }) => sum + weight, 0);
  let done = 0;
  const take = async (runner: UnitRunner): Promise<void> => {
    for (let unit = queue.shift(); unit !== undefined; unit = queue.shift()) {
      const counted = unit;
      const tally = await runner.run(unit, (some) => soFar.set(counted, some));
      builder.add(tally);
      left.delete(unit);
      soFar.delete(unit);
      done += unit.weight;
      const elapsedMs = performance.now() - startedMs;
      const { cuts, findings } = builder;
      const remainingMs = done === 0 ? undefined : (elapsedMs * (whole - done)) / done;
      options.onProgress?.({ cuts, findings, elapsedMs, remainingMs, scenario: tally.scenario });
    }
  };
  const work = async (): Promise<void> => {
    const runner = makeRunner();
    const abandon = (): void => void runner.abandon();
    signal?.addEventListener("abort", abandon);
    try {
      await Promise.all(Array.from({ length: runner.ahead }, () => take(runner)));
      await runner.close();
    } catch (error) {
      // Nobody has to go on.
      empty();
      await runner.abandon();
      if (signal?.aborted !== true) throw error;
    } finally {
      signal?.removeEventListener("abort", abandon);
    }
  };
  const jobs = Math.max(1, Math.min(options.jobs, queue.length));
  await Promise.all(Array.from({ length: jobs }, work));
  // It was ended in their midst.
  for (const tally of soFar.values()) builder.add(tally);
  return builder.build({
    seed: options.seed,
    depth: options.depth,
    jobs,
    shard: `${options.shard.index}/${options.shard.of}`,
    durationMs: performance.now() - startedMs,
    notSwept: scenarios
      .map(({ name }) => name)
      .filter((name) => [...left].some((unit) => unit.scenario === name)),
  });
}

/** What each thread of a sweep works with. */
export function threadOptions(options: AnySweepOptions): SweepThreadOptions {
  const { seed, engine } = options;
  if ("loader" in options) return { loader: options.loader, seed, engine };
  const { imageA, imageB, device = DEFAULT_SWEPT_DEVICE, rulesModule, scenariosModule } = options;
  return { imageA, imageB, seed, engine, device, rulesModule, scenariosModule };
}
