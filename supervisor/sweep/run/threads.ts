/**
 * Threads of this process that explore units or replay a case, each with a workbench of its own (worker.ts).
 *
 * A user's rules run there and nowhere else. Invariant: whatever a rules module does to its thread, ending it, throwing in
 * a timer, never coming back, is a {@link SweepError} that says so, and no result.
 */
import { setFlagsFromString } from "node:v8";
import type { Worker } from "node:worker_threads";
import type { EngineKind } from "../../../controller/cpu/engine-kind.ts";
import { monotonicNs } from "../../../emulator/base/clock.ts";
import { kindOf } from "../../../emulator/base/errors.ts";
import { ownRunningTime } from "../../../emulator/base/running-time.ts";
import { errorMessage } from "../../../emulator/base/text.ts";
import { launchSweepWorker } from "../../launch.ts";
import type { Disturbance } from "../explore/case-id.ts";
import type { ScenarioTally } from "../explore/explorer.ts";
import type { Ending } from "../explore/oracle.ts";
import { RulesModuleError } from "../flipside/rules-module.ts";
import { calledRule, RULE_CALLS, RULES_WATCH_WORDS } from "../flipside/rules-watch.ts";
import type { SweptDevice } from "../flipside/swept-device.ts";
import { SweepError, type SweepUnit, type UnitRunner } from "./queue-port.ts";

/** What a thread works with. */
export interface SweepThreadOptions {
  readonly imageA: Uint8Array;
  readonly imageB: Uint8Array;
  readonly seed: number;
  readonly engine: EngineKind;
  readonly device: SweptDevice;
  readonly rulesModule: string | undefined;
}

/** What a thread is started with. */
export interface SweepWorkerData extends SweepThreadOptions {
  /** Words of rules-watch.ts. */
  readonly watch: Int32Array;
}

/** What a thread is asked; each is answered, in this order. Before that it tells that its rules are loaded. */
export type SweepRequest =
  | { readonly unit: SweepUnit }
  | { readonly scenario: string; readonly path: readonly Disturbance[] }
  /** All that was to be done is done: what the rules still have under way comes first. */
  | { readonly end: true };

export type SweepAnswer =
  | { readonly value: ScenarioTally | Replay | null }
  /** The rules cannot be used. */
  | { readonly refused: string };

/** One case, run from its start. */
export interface Replay {
  /** Undefined when it is no case: there was nothing at one of its places. */
  readonly ending: Ending | undefined;
  /** Its timeline in words. */
  readonly lines: readonly string[];
}

/**
 * Each thread compiles what it executes by itself, on processors that the others sweep with. V8 inlines by a third of
 * its usual measure: that halves the compiling, and the sweep itself is as fast. (Not --max-inlined-bytecode-size: a
 * compilation that is under way when that one changes ends the process.)
 */
const INLINE_LESS = "--max-inlined-bytecode-size-cumulative=300";

/**
 * Rules are asked thousands of times a second. So many looks in vain are counted, as this thread may stand still itself, and
 * so much running time, as the rules' thread may wait for a processor.
 */
const LOOK_MS = 1_000;
const MAX_IDLE_LOOKS = 10;

interface UnderWay {
  readonly resolve: (value: never) => void;
  readonly reject: (error: Error) => void;
}

/** A module of a user's is judged; what fails without one is an accident of flipside's own. */
function failedRules(error: Error): SweepError {
  return new SweepError(
    `the rules module, or the sweep with it, failed: ${errorMessage(error)}`,
    kindOf(error),
  );
}

export class SweepThread implements UnitRunner {
  readonly ahead = 2;
  readonly #worker: Worker;
  readonly #hasRules: boolean;
  readonly #watch = new Int32Array(new SharedArrayBuffer(RULES_WATCH_WORDS * 4));
  readonly #underWay: UnderWay[] = [];
  readonly #looking: NodeJS.Timeout;
  /** Resolves once its rules are loaded. Rejects with RulesModuleError, or with {@link SweepError}. */
  readonly loaded: Promise<null>;
  #failure: Error | undefined;
  #closed = false;

  /**
   * Sets a flag of V8 for the whole process.
   * @param lookMs how often is looked whether the rules come back; ten times in a row they may not
   */
  constructor(options: SweepThreadOptions, lookMs = LOOK_MS) {
    setFlagsFromString(INLINE_LESS);
    this.#hasRules = options.rulesModule !== undefined;
    this.#worker = launchSweepWorker({ ...options, watch: this.#watch } satisfies SweepWorkerData);
    this.#worker.on("error", (error) => {
      this.#fail(this.#hasRules ? failedRules(error) : error);
    });
    this.#worker.on("exit", () => this.#fail(this.#endedBecause()));
    this.#worker.on("message", (answer: SweepAnswer) => {
      if ("refused" in answer) this.#fail(new RulesModuleError(answer.refused));
      else this.#underWay.shift()?.resolve(answer.value as never);
    });
    this.loaded = this.#expect();
    // Whoever asks for something is told.
    this.loaded.catch(() => undefined);
    this.#looking = this.#hasRules ? this.#look(lookMs) : setTimeout(() => undefined, 0);
  }

  run(unit: SweepUnit): Promise<ScenarioTally> {
    return this.#ask({ unit });
  }

  replay(scenario: string, path: readonly Disturbance[]): Promise<Replay> {
    return this.#ask({ scenario, path });
  }

  /** Rejects with what the rules did behind the last answer. */
  async close(): Promise<void> {
    try {
      await this.#ask({ end: true });
    } finally {
      this.#closed = true;
      clearInterval(this.#looking);
      await this.#worker.terminate();
    }
  }

  async abandon(): Promise<void> {
    this.#fail(new SweepError("the sweep was ended before it was done", "unjudged"));
    this.#closed = true;
    clearInterval(this.#looking);
    await this.#worker.terminate();
  }

  #ask<T>(request: SweepRequest): Promise<T> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    this.#worker.postMessage(request);
    return this.#expect();
  }

  #expect<T>(): Promise<T> {
    return new Promise((resolve, reject) => this.#underWay.push({ resolve, reject }));
  }

  #look(lookMs: number): NodeJS.Timeout {
    let [calls, looks] = [0, 0];
    let idle = ownRunningTime(monotonicNs());
    return setInterval(() => {
      const now = Atomics.load(this.#watch, RULE_CALLS);
      if (now !== calls || this.#underWay.length === 0) {
        [calls, looks] = [now, 0];
        idle = ownRunningTime(monotonicNs());
        return;
      }
      looks += 1;
      const isLate = idle.passedNs(monotonicNs()) >= MAX_IDLE_LOOKS * lookMs * 1e6;
      if (looks < MAX_IDLE_LOOKS || !isLate) return;
      const what = calledRule(this.#watch) ?? "its loading";
      this.#fail(new SweepError(`the rules module does not come back: the last that began was ${what}`));
    }, lookMs);
  }

  #endedBecause(): Error {
    if (!this.#hasRules) return new Error("a thread of the sweep ended before it was done");
    return new SweepError("the rules module ended the thread that it ran in, or waits for what never comes");
  }

  #fail(error: Error): void {
    if (this.#closed) return;
    this.#failure ??= error;
    for (const { reject } of this.#underWay.splice(0)) reject(this.#failure);
  }
}
