/**
 * Threads of this process that explore units or replay a case, each with a bench of its own (worker.ts).
 *
 * A user's modules run there and nowhere else. Invariant: whatever one does to its thread, ending it, throwing in
 * a timer, never coming back, is a {@link SweepError} that says so, and no result.
 */
import { setFlagsFromString } from "node:v8";
import type { Worker } from "node:worker_threads";
import { kindOf } from "../../../emulator/base/errors.ts";
import { keepCompiledOnce } from "../../../emulator/base/keep-compiled.ts";
import { launchSweepWorker } from "../../launch.ts";
import { type CallsOptions, CallsSeen, describeThrown } from "../../module/calls.ts";
import { deviceCallsOf } from "../../module/device-modules.ts";
import { ModuleError } from "../../module/load.ts";
import { LOOK_MS, ModuleWatch } from "../../module/module-watch.ts";
import { OWN_DIRECTORY } from "../../own-directory.ts";
import type { Disturbance } from "../explore/case-id.ts";
import type { ScenarioTally, Told } from "../explore/explorer.ts";
import { RULE_CALLS } from "../flipside/rules-module.ts";
import { SCENARIO_CALLS } from "../flipside/scenarios-module.ts";
import type { PlannedScenario } from "./plan.ts";
import { SweepError, type SweepUnit, type UnitRunner } from "./queue-port.ts";
import type { Replay } from "./sweep-bench.ts";
import type { Swept } from "./swept.ts";

/** What a thread works with. */
export type SweepThreadOptions = Swept;

/** What a thread is started with. */
export type SweepWorkerData = Swept & { readonly calls: CallsOptions };

/** What a thread is asked; each is answered, in this order. Before that it tells that its rules are loaded. */
export type SweepRequest =
  | { readonly unit: SweepUnit }
  | { readonly scenario: string; readonly path: readonly Disturbance[] }
  /** All that was to be done is done: what the rules still have under way comes first. */
  | { readonly end: true };

export type SweepAnswer =
  | { readonly value: ScenarioTally | Replay | readonly PlannedScenario[] | null }
  /** Of the unit that is under way; no answer yet. */
  | { readonly soFar: ScenarioTally }
  /** A module of the user's cannot be used. */
  | { readonly refused: string };

/**
 * Each thread compiles what it executes by itself, on processors that the others sweep with. V8 inlines by a third of
 * its usual measure: that halves the compiling, and the sweep itself is as fast. (Not --max-inlined-bytecode-size: a
 * compilation that is under way when that one changes ends the process.)
 */
const INLINE_LESS = "--max-inlined-bytecode-size-cumulative=300";
/** V8's own choice is up to four times what was alive at the last full collection: 30 MB a thread, for no more speed. */
const GROW_LESS = "--heap-growing-percent=50";

interface UnderWay {
  readonly resolve: (value: never) => void;
  readonly reject: (error: Error) => void;
  readonly told?: Told | undefined;
}

/** A module of a user's is judged; what fails without one is an accident of flipside's own. */
function failedModule(error: Error): SweepError {
  const what = describeThrown(error, OWN_DIRECTORY);
  return new SweepError(`the module, or the sweep with it, failed: ${what}`, kindOf(error));
}

/** Somebody's own is executed in the threads. */
export function hasModule(swept: SweepThreadOptions): boolean {
  if ("loader" in swept) return swept.loader.board.devices.length > 0;
  return (swept.rulesModule ?? swept.scenariosModule) !== undefined;
}

/** What takes its time before anything is called, as it is named to the user. */
export const LOADINGS = ["the loading of the rules", "the loading of the scenarios"] as const;

export class SweepThread implements UnitRunner {
  readonly ahead = 2;
  readonly #worker: Worker;
  /** Of the user. */
  readonly #hasModule: boolean;
  readonly #calls: CallsSeen;
  readonly #underWay: UnderWay[] = [];
  readonly #watch: ModuleWatch | undefined;
  /**
   * Resolves once the user's modules are loaded, with the scenarios of the one that has some. Rejects with
   * {@link ModuleError}, or with {@link SweepError}.
   */
  readonly loaded: Promise<readonly PlannedScenario[] | null>;
  #failure: Error | undefined;
  #closed = false;

  /**
   * Sets flags of V8 for the whole process.
   * @param lookMs how often is looked whether the user's module comes back; ten times in a row it may not
   */
  constructor(options: SweepThreadOptions, lookMs = LOOK_MS) {
    keepCompiledOnce();
    setFlagsFromString(INLINE_LESS);
    setFlagsFromString(GROW_LESS);
    const devices = "loader" in options ? options.loader.board.devices : [];
    this.#hasModule = hasModule(options);
    this.#calls = new CallsSeen([...LOADINGS, ...RULE_CALLS, ...SCENARIO_CALLS, ...deviceCallsOf(devices)]);
    const { words, names } = this.#calls;
    const calls = { words, names, ownDirectory: OWN_DIRECTORY };
    this.#worker = launchSweepWorker({ ...options, calls } satisfies SweepWorkerData);
    this.#worker.on("error", (error) => {
      this.#fail(this.#hasModule ? failedModule(error) : error);
    });
    this.#worker.on("exit", () => this.#fail(this.#endedBecause()));
    this.#worker.on("message", (answer: SweepAnswer) => {
      if ("refused" in answer) this.#fail(new ModuleError(answer.refused));
      else if ("soFar" in answer) this.#underWay[0]?.told?.(answer.soFar);
      else this.#underWay.shift()?.resolve(answer.value as never);
    });
    this.loaded = this.#expect();
    // Whoever asks for something is told.
    this.loaded.catch(() => undefined);
    this.#watch = this.#hasModule ? this.#look(lookMs) : undefined;
  }

  run(unit: SweepUnit, told: Told): Promise<ScenarioTally> {
    return this.#ask({ unit }, told);
  }

  replay(scenario: string, path: readonly Disturbance[]): Promise<Replay> {
    return this.#ask({ scenario, path });
  }

  /** Rejects with what the user's module did behind the last answer. */
  async close(): Promise<void> {
    try {
      await this.#ask({ end: true });
    } finally {
      await this.#end();
    }
  }

  async abandon(): Promise<void> {
    this.#fail(new SweepError("the sweep was ended before it was done", "unjudged"));
    await this.#end();
  }

  async #end(): Promise<void> {
    this.#closed = true;
    this.#watch?.end();
    await this.#worker.terminate();
  }

  #ask<T>(request: SweepRequest, told?: Told): Promise<T> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    this.#worker.postMessage(request);
    return this.#expect(told);
  }

  #expect<T>(told?: Told): Promise<T> {
    return new Promise((resolve, reject) => this.#underWay.push({ resolve, reject, told }));
  }

  #look(lookMs: number): ModuleWatch {
    return new ModuleWatch(
      {
        threadId: this.#worker.threadId,
        calls: this.#calls,
        ownDirectory: OWN_DIRECTORY,
        onStuck: (account) => this.#fail(new SweepError(account)),
      },
      lookMs,
    );
  }

  #endedBecause(): Error {
    if (!this.#hasModule) return new Error("a thread of the sweep ended before it was done");
    return new SweepError("the module ended the thread that it ran in, or waits for what never comes");
  }

  #fail(error: Error): void {
    if (this.#closed) return;
    this.#failure ??= error;
    for (const { reject } of this.#underWay.splice(0)) reject(this.#failure);
  }
}
