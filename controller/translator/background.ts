/**
 * Translating on another thread while the hart goes on: what is asked of it, what it answers, and the hart's end of it.
 *
 * The thread reads the guest's code from the shared memory itself. The guest may change it meanwhile, so an answer has
 * the bytes that were read along, and whoever takes it compares. V8 compiles what a thread calls first on that thread,
 * and for all that have the module; so the answer is a module whose functions have been called once, on a memory that
 * is not the guest's.
 *
 * Invariants: one request is under way at most; neither side ever waits for its event loop, since a hart that runs has
 * none: the signal words tell, and ports are read by hand.
 */
import type { MessagePort } from "node:worker_threads";
import { late } from "../../emulator/base/late.ts";
import { PAGE_BYTES } from "../../emulator/memory/layout.ts";
import { NOWHERE } from "../cpu/address-space.ts";
import type { Extensions } from "../cpu/isa.ts";
import type { CodeReader } from "./graph.ts";
import type { Target, Unit } from "./unit.ts";

/** Memory from which code may be executed: guest address, size, host offset. */
export interface CodeRange {
  readonly base: number;
  readonly bytes: number;
  readonly offset: number;
}

export interface TranslationRequest {
  /** Guest entries, the hottest first. */
  readonly entries: readonly number[];
  readonly target: Target;
  readonly code: readonly CodeRange[];
  readonly extensions: Extensions;
  /** Which units are wanted: of the region behind the window, and under which view (cpu/access-guard.ts). */
  readonly windowOffset: number;
  readonly viewKey: string;
  readonly sharedPageAccesses: readonly number[];
  /** What the hart's registers hold: where jump tables may lie (UnitOptions of unit.ts). */
  readonly registers: readonly number[];
  /** Functions that other units have, and are called for (UnitOptions.isShared of unit.ts). */
  readonly shared: readonly number[];
  /** Guest instructions at which the unit takes in no more functions. */
  readonly maxInstructions: number;
}

/** Undefined members: nothing there can be translated. */
export interface TranslationReply {
  readonly unit: Unit | undefined;
  readonly module: WebAssembly.Module | undefined;
  /** The half-words of the unit's ranges, one after the other, as they were read. */
  readonly parcels: Uint16Array;
}

export const NOTHING_TRANSLATED: TranslationReply = {
  unit: undefined,
  module: undefined,
  parcels: new Uint16Array(0),
};

/** The hart's end of a thread that translates. */
export interface TranslatingThread {
  /** Nothing that was asked is unanswered. */
  readonly isIdle: boolean;
  request(request: TranslationRequest): void;
  /** The answer to the request that is under way, if it has come. */
  poll(): TranslationReply | undefined;
}

export interface BackgroundWorkerData {
  readonly memory: WebAssembly.Memory;
  readonly port: MessagePort;
  readonly signal: Int32Array;
}

/** Words of the signal: how many requests were made, and how many were answered. */
export const enum Signal {
  REQUESTS = 0,
  REPLIES = 1,
  WORDS = 2,
}

/** Code of shared memory; each page is read once, so that what was made of it fits together. */
export class CodeSnapshot implements CodeReader {
  readonly extensions: Extensions;
  readonly #halves: Uint16Array;
  readonly #code: readonly CodeRange[];
  readonly #pages = new Map<number, Int32Array<ArrayBuffer>>();
  /** The page that was read from last, and its half-words. */
  #page = -1;
  #parcels = new Int32Array(0);

  constructor(memory: WebAssembly.Memory, code: readonly CodeRange[], extensions: Extensions) {
    this.extensions = extensions;
    this.#halves = new Uint16Array(memory.buffer);
    this.#code = code;
  }

  parcel(pc: number): number {
    const page = Math.floor(pc / PAGE_BYTES);
    if (page !== this.#page) {
      this.#page = page;
      this.#parcels = this.#pages.get(page) ?? this.#read(page);
    }
    return this.#parcels[(pc % PAGE_BYTES) >>> 1] as number;
  }

  #read(page: number): Int32Array<ArrayBuffer> {
    const parcels = new Int32Array(PAGE_BYTES / 2).fill(NOWHERE);
    const start = page * PAGE_BYTES;
    for (const { base, bytes, offset } of this.#code) {
      const end = Math.min(start + PAGE_BYTES, base + bytes);
      for (let pc = Math.max(start, base); pc + 2 <= end; pc += 2) {
        parcels[(pc - start) >>> 1] = this.#halves[(pc - base + offset) >>> 1] as number;
      }
    }
    this.#pages.set(page, parcels);
    return parcels;
  }

  /** The half-words of a unit's ranges. */
  parcelsOf({ ranges }: Unit): Uint16Array {
    const parcels = new Uint16Array(ranges.reduce((sum, [first, behind]) => sum + (behind - first) / 2, 0));
    let at = 0;
    for (const [first, behind] of ranges) {
      for (let pc = first; pc < behind; pc += 2) parcels[at++] = this.parcel(pc);
    }
    return parcels;
  }
}

/** Whether the code is still what a unit was made from. */
export function isUnchanged(code: CodeReader, { ranges }: Unit, parcels: Uint16Array): boolean {
  let at = 0;
  for (const [first, behind] of ranges) {
    for (let pc = first; pc < behind; pc += 2) if (code.parcel(pc) !== parcels[at++]) return false;
  }
  return true;
}

export class BackgroundTranslator implements TranslatingThread {
  readonly #port: MessagePort;
  readonly #signal = new Int32Array(new SharedArrayBuffer(Signal.WORDS * 4));
  #requests = 0;
  #taken = 0;

  /** Starts the thread. Throws where there can be none. @param program translator-worker.ts */
  constructor(memory: WebAssembly.Memory, program: URL) {
    const { MessageChannel, Worker } = late("node:worker_threads");
    const { port1, port2 } = new MessageChannel();
    this.#port = port1;
    port1.unref();
    const workerData: BackgroundWorkerData = { memory, port: port2, signal: this.#signal };
    const worker = new Worker(program, { workerData, transferList: [port2] });
    worker.unref();
    // It is the hart's, and the hart goes on without it.
    worker.on("error", () => undefined);
  }

  get isIdle(): boolean {
    return this.#requests === this.#taken;
  }

  request(request: TranslationRequest): void {
    this.#port.postMessage(request);
    Atomics.store(this.#signal, Signal.REQUESTS, ++this.#requests);
    Atomics.notify(this.#signal, Signal.REQUESTS);
  }

  poll(): TranslationReply | undefined {
    if (Atomics.load(this.#signal, Signal.REPLIES) === this.#taken) return undefined;
    this.#taken++;
    return late("node:worker_threads").receiveMessageOnPort(this.#port)?.message as
      | TranslationReply
      | undefined;
  }
}

/**
 * Answers the first request on the hart's own thread, since the other takes longer to begin than that: the hart waits once,
 * and for a small unit, and all that follows is made beside it.
 */
export class FirstHere implements TranslatingThread {
  readonly #thread: TranslatingThread;
  readonly #answer: (request: TranslationRequest) => TranslationReply;
  #isFirst = true;
  #reply: TranslationReply | undefined;

  constructor(thread: TranslatingThread, answer: (request: TranslationRequest) => TranslationReply) {
    this.#thread = thread;
    this.#answer = answer;
  }

  get isIdle(): boolean {
    return this.#reply === undefined && this.#thread.isIdle;
  }

  request(request: TranslationRequest): void {
    if (this.#isFirst) this.#reply = this.#answer(request);
    else this.#thread.request(request);
    this.#isFirst = false;
  }

  poll(): TranslationReply | undefined {
    const reply = this.#reply ?? this.#thread.poll();
    this.#reply = undefined;
    return reply;
  }
}
