/** Threads of this process that explore units, each with a workbench of its own (worker.ts). */
import { setFlagsFromString } from "node:v8";
import type { Worker } from "node:worker_threads";
import type { EngineKind } from "../../../controller/cpu/engine-kind.ts";
import { type ErrorKind, kindOf } from "../../../emulator/base/errors.ts";
import { errorMessage } from "../../../emulator/base/text.ts";
import { launchSweepWorker } from "../../launch.ts";
import type { ScenarioTally } from "../explore/explorer.ts";
import { SweepError, type SweepUnit, type UnitRunner } from "./queue-port.ts";

/** What a thread is started with. */
export interface SweepWorkerData {
  readonly imageA: Uint8Array;
  readonly imageB: Uint8Array;
  readonly seed: number;
  readonly engine: EngineKind;
  readonly rulesModule: string | undefined;
}

/**
 * Each thread compiles what it executes by itself, on processors that the others sweep with. V8 inlines by a third of
 * its usual measure: that halves the compiling, and the sweep itself is as fast. (Not --max-inlined-bytecode-size: a
 * compilation that is under way when that one changes ends the process.)
 */
const INLINE_LESS = "--max-inlined-bytecode-size-cumulative=300";

interface UnderWay {
  readonly resolve: (tally: ScenarioTally) => void;
  readonly reject: (error: SweepError) => void;
}

export class SweepThread implements UnitRunner {
  readonly ahead = 2;
  readonly #worker: Worker;
  readonly #underWay: UnderWay[] = [];

  /** Sets a flag of V8 for the whole process. */
  constructor(data: SweepWorkerData) {
    setFlagsFromString(INLINE_LESS);
    this.#worker = launchSweepWorker(data);
    this.#worker.on("error", (error) =>
      this.#fail(`a sweep worker failed: ${errorMessage(error)}`, kindOf(error)),
    );
    this.#worker.on("exit", () => this.#fail("a sweep worker ended"));
    this.#worker.on("message", (tally: ScenarioTally) => this.#underWay.shift()?.resolve(tally));
  }

  run(unit: SweepUnit): Promise<ScenarioTally> {
    return new Promise((resolve, reject) => {
      this.#underWay.push({ resolve, reject });
      this.#worker.postMessage(unit);
    });
  }

  async close(): Promise<void> {
    await this.#worker.terminate();
  }

  #fail(message: string, kind?: ErrorKind): void {
    for (const { reject } of this.#underWay.splice(0)) reject(new SweepError(message, kind));
  }
}
