/**
 * A worker thread as its supervisor holds it: its link, its end, and a termination with a bound.
 *
 * `worker.terminate()` is not bounded: a thread in a blocking read or a huge sort does not exit for seconds.
 * {@link WorkerThread.terminate} says whether the thread is gone; what follows from "no" is its caller's rule.
 */

import type { Worker } from "node:worker_threads";
import { describeAccident } from "../../emulator/base/accident.ts";
import { afterRunning } from "../../emulator/base/deadline.ts";
import { isInjected, kindOf } from "../../emulator/base/errors.ts";
import { type Api, Link, lastWordsOf } from "../../emulator/base/link.ts";
import { errorMessage } from "../../emulator/base/text.ts";

/** How a worker ended. */
export interface WorkerEnd {
  readonly exitCode: number;
  /** What it threw, when it ended by an error. */
  readonly error: Error | undefined;
}

/** Told already, each once: a thread that ends over and over does so by the same. */
const told = new Set<string>();
const MAX_TOLD = 8;

/** The end of a thread is found and survived like any other; that it was flipside's own fault is for people. */
function tellAccident(error: Error): void {
  if (isInjected(error) || kindOf(error) !== undefined || told.size >= MAX_TOLD) return;
  const text = `flipside: a thread has ended by ${describeAccident(error)}\n`;
  if (told.has(text)) return;
  told.add(text);
  process.stderr.write(text);
}

export class WorkerThread<A extends Api> {
  readonly link: Link<A>;
  /** Resolves at the thread's exit, never rejects. */
  readonly ended: Promise<WorkerEnd>;
  readonly #worker: Worker;
  #end: WorkerEnd | undefined;

  constructor(worker: Worker, onEnd: (end: WorkerEnd) => void) {
    this.#worker = worker;
    this.link = new Link<A>(this.#worker);
    let error: Error | undefined;
    // Of exceptions the worker tells itself; of an exhausted heap Node does.
    this.#worker.on("error", (thrown: unknown) => {
      error = thrown instanceof Error ? thrown : new Error(errorMessage(thrown));
    });
    this.#worker.on("message", (message: unknown) => {
      error = lastWordsOf(message) ?? error;
    });
    this.ended = new Promise((resolve) => {
      this.#worker.once("exit", (exitCode) => {
        this.#end = { exitCode, error };
        onEnd(this.#end);
        // What follows from the end comes first: nobody waits for this.
        if (error !== undefined) setImmediate(tellAccident, error);
        resolve(this.#end);
      });
    });
  }

  get end(): WorkerEnd | undefined {
    return this.#end;
  }

  /** Ends the thread. True once it has exited, false when it has not within `deadlineMs` of running time. */
  async terminate(deadlineMs: number): Promise<boolean> {
    if (this.#end !== undefined) return true;
    void this.#worker.terminate();
    let cancel: () => void = () => undefined;
    const late = new Promise<boolean>((resolve) => {
      cancel = afterRunning(deadlineMs, () => resolve(false));
    });
    const gone = await Promise.race([this.ended.then(() => true), late]);
    cancel();
    return gone;
  }
}
