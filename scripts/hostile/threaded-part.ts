/**
 * A part whose cases run in a thread: one that does not end, or takes more memory than a heap may have, is a finding
 * and the end of its thread; the next case has another one.
 */
import { Worker } from "node:worker_threads";
import { errorMessage } from "../../emulator/base/text.ts";
import type { CaseResult, Part } from "./part.ts";
import type { CaseWorkerData, ThreadPart } from "./worker.ts";

/** Wall time, on a machine however busy: no case takes a second of a processor. */
const MAX_CASE_MS = 60_000;
const MAX_HEAP_MB = 256;

export class ThreadedPart implements Part {
  readonly counted: readonly string[];
  readonly #data: CaseWorkerData;
  #worker: Worker | undefined;
  #settle: (result: CaseResult) => void = () => undefined;
  /** The thread is of no more use. */
  #lost = false;

  constructor(part: ThreadPart, counted: readonly string[], directory: string) {
    this.counted = counted;
    this.#data = { part, directory };
  }

  async run(seed: number): Promise<CaseResult> {
    this.#worker ??= this.#start();
    const worker = this.#worker;
    const timer = setTimeout(() => this.#lose(`it did not end within ${MAX_CASE_MS} ms`), MAX_CASE_MS);
    const result = await new Promise<CaseResult>((resolve) => {
      this.#settle = resolve;
      worker.postMessage(seed);
    });
    clearTimeout(timer);
    if (this.#lost) await this.close();
    return result;
  }

  async close(): Promise<void> {
    await this.#worker?.terminate();
    this.#worker = undefined;
    this.#lost = false;
  }

  #lose(finding: string): void {
    this.#lost = true;
    this.#settle({ counts: {}, findings: [finding] });
  }

  #start(): Worker {
    const worker = new Worker(new URL("./worker.js", import.meta.url), {
      name: `hostile-${this.#data.part}`,
      workerData: this.#data,
      resourceLimits: { maxOldGenerationSizeMb: MAX_HEAP_MB },
      // What commands print of hostile files is for nobody.
      stdout: true,
      stderr: true,
    });
    worker.on("message", (result: CaseResult) => this.#settle(result));
    worker.on("error", (error) => this.#lose(errorMessage(error)));
    worker.on("exit", (code) => this.#lose(`its thread ended with exit code ${code}`));
    worker.stdout.resume();
    worker.stderr.resume();
    return worker;
  }
}
