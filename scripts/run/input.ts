/**
 * Standard input, byte by byte, for a thread that has no event loop. Files are read by that thread itself; a terminal, a
 * pipe or a socket by another one (input-worker.ts), so that it can wait for them and for time at once.
 */
import { fstatSync, readSync } from "node:fs";
import type { MessagePort } from "node:worker_threads";
import { late } from "../../emulator/base/late.ts";

const STANDARD_INPUT = 0;
const CHUNK_BYTES = 4096;

export interface Input {
  /** The next byte, or -1 while there is none. */
  take(): number;
  /** Waits for a byte, at most so long; false at once where none will ever come. */
  wait(maxMs: number): boolean;
}

/** What the thread is given. */
export interface InputWorkerData {
  /** Chunks come out of it, an empty one at the end; how many bytes were taken goes in. */
  readonly port: MessagePort;
  /** One word, raised with each chunk. */
  readonly news: Int32Array;
}

/** Standard input as it is opened here. @param program of the thread that reads what has to be waited for */
export function openStandardInput(program: URL): Input {
  const stats = fstatSync(STANDARD_INPUT);
  const isTerminal = (): boolean => stats.isCharacterDevice() && late("node:tty").isatty(STANDARD_INPUT);
  const mustWait = stats.isFIFO() || stats.isSocket() || isTerminal();
  return mustWait ? new ThreadInput(program) : new FileInput(STANDARD_INPUT);
}

class FileInput implements Input {
  readonly #file: number;
  readonly #buffer = new Uint8Array(CHUNK_BYTES);
  #chunk = new Uint8Array(0);
  #at = 0;
  #ended = false;

  constructor(file: number) {
    this.#file = file;
  }

  take(): number {
    return this.wait() ? (this.#chunk[this.#at++] as number) : -1;
  }

  wait(): boolean {
    if (this.#at === this.#chunk.length && !this.#ended) {
      this.#chunk = this.#buffer.subarray(0, this.#read());
      this.#at = 0;
      this.#ended = this.#chunk.length === 0;
    }
    return this.#at < this.#chunk.length;
  }

  /** What cannot be read, such as a directory, is at its end. */
  #read(): number {
    try {
      return readSync(this.#file, this.#buffer);
    } catch {
      return 0;
    }
  }
}

class ThreadInput implements Input {
  readonly #port: MessagePort;
  readonly #news = new Int32Array(new SharedArrayBuffer(4));
  #chunk = new Uint8Array(0);
  #at = 0;
  #seen = 0;
  #ended = false;

  constructor(program: URL) {
    const { MessageChannel, Worker } = late("node:worker_threads");
    const { port1, port2 } = new MessageChannel();
    const workerData: InputWorkerData = { port: port2, news: this.#news };
    const worker = new Worker(program, { workerData, transferList: [port2] });
    // It ends with its process.
    worker.unref();
    this.#port = port1;
  }

  take(): number {
    if (this.#at === this.#chunk.length) this.#next();
    return this.#at < this.#chunk.length ? (this.#chunk[this.#at++] as number) : -1;
  }

  wait(maxMs: number): boolean {
    const news = Atomics.load(this.#news, 0);
    if (this.#at === this.#chunk.length) this.#next();
    if (this.#at < this.#chunk.length) return true;
    if (this.#ended) return false;
    // What has been looked at is what it was told by then, or more.
    Atomics.wait(this.#news, 0, news, maxMs);
    return true;
  }

  #next(): void {
    const news = Atomics.load(this.#news, 0);
    if (news === this.#seen) return;
    const message = late("node:worker_threads").receiveMessageOnPort(this.#port)?.message as
      | Uint8Array<ArrayBuffer>
      | undefined;
    if (message === undefined) return;
    this.#seen = (this.#seen + 1) | 0;
    this.#port.postMessage(this.#chunk.length);
    this.#chunk = message;
    this.#at = 0;
    this.#ended = message.length === 0;
  }
}
