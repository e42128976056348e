/**
 * How soon a running engine stops: from the store of the halt word by another thread to the last instruction that
 * retires, and to the moment at which run() has come back, at random places of each benchmark program; and how soon
 * translated code feels that an instruction of the loop it is in was changed: from the store of the bits until the code
 * as it was does not run any more, and until the changed instruction makes its exception, copies dropped and made anew.
 *
 * Beside it the same for a thread that does nothing but look at the word: what a machine with few processors adds.
 */
import { Worker } from "node:worker_threads";
import type { ElfFile } from "../../controller/bare/elf.ts";
import type { EngineKind } from "../../controller/cpu/engine-kind.ts";
import { Hart } from "../../controller/cpu/hart.ts";
import { monotonicNs } from "../../emulator/base/clock.ts";
import { Random } from "../../emulator/base/random.ts";
import { Attention, slotWords } from "../../emulator/memory/control.ts";
import {
  createMemory,
  DEFAULT_MEMORY_CONFIG,
  type Layout,
  planLayout,
} from "../../emulator/memory/layout.ts";
import { RAM_BASE } from "../../emulator/memory/map.ts";
import { Timing } from "../../supervisor/soak/timing.ts";
import { endlessProgram, PROGRAMS } from "./programs.ts";
import type { Figure, Section } from "./sections.ts";

/** Words shared with the worker, a cache line each; the time is a Float64 behind them. */
export const enum HaltWord {
  COUNT = 0,
  DONE = 16,
  /** Where it stopped. */
  PC = 32,
  BYTES = 256,
}
export const STOPPED_NS_F64 = 24;
/** When the engine had come back to have its copies of changed code dropped: none of them runs any more. */
export const FELT_NS_F64 = 25;

/** `none`: no engine, a thread that looks at the word. */
type Halted = EngineKind | "none";

export interface HaltData {
  readonly memory: WebAssembly.Memory;
  readonly layout: Layout;
  /** What loading needs: symbols are no data that a thread can be given. */
  readonly program: Pick<ElfFile, "entry" | "parts">;
  readonly engine: Halted;
  readonly times: SharedArrayBuffer;
}

const HALTS = 500;
const FLIPS = 30;
/** Halts from which the hottest loop is known. */
const SAMPLES = 50;
/** Until what a program does over and over is compiled: an engine that is compiling is told to stop, too, but later. */
const WARM_UP_NS = 1e9;
/** The same for a program that was started anew: V8 knows the engine, but not the new modules. */
const RESTART_NS = 60e6;
const MAX_PAUSE_NS = 400_000;
const ILLEGAL_INSTRUCTION = 0;

/** Since the store of the halt word, nanoseconds. */
interface Stopping {
  /** The last instruction retired; 0 when none did. */
  readonly retiredNs: number;
  /** run() had come back. */
  readonly returnedNs: number;
}

/**
 * Sees from another thread when a hart last retired: an engine stores RUN_RETIRED as it leaves the code that retires
 * instructions, and adds it to the counter when its run ends, whatever it does in between.
 */
class Retirement {
  readonly #hart: Int32Array;
  readonly #counterBefore: number;
  readonly #runBefore: number;
  #run: number;
  #counter: number;
  #seenNs = 0;

  constructor(hart: Int32Array) {
    this.#hart = hart;
    this.#counterBefore = this.#counter = Atomics.load(hart, Hart.RETIRED_LO);
    this.#runBefore = this.#run = Atomics.load(hart, Hart.RUN_RETIRED);
  }

  look(): void {
    const run = Atomics.load(this.#hart, Hart.RUN_RETIRED);
    const counter = Atomics.load(this.#hart, Hart.RETIRED_LO);
    const leftCode = run !== this.#run && run !== 0;
    const endedUnseen = counter !== this.#counter && this.#seenNs === 0;
    if (leftCode || endedUnseen) this.#seenNs = monotonicNs();
    this.#run = run;
    this.#counter = counter;
  }

  /** Once run() has come back: when the last instruction retired, at the latest, after `sinceNs`. */
  lastNs(sinceNs: number): number {
    this.look();
    const retired = (this.#counter - this.#counterBefore) | 0;
    return retired === this.#runBefore ? 0 : this.#seenNs - sinceNs;
  }
}

const sleeper = new Int32Array(new SharedArrayBuffer(4));

/** Asleep, as a supervisor is: V8's compiling threads have a processor. */
function pause(ns: number): void {
  Atomics.wait(sleeper, 0, 0, ns / 1e6);
}

/** One program on one engine in a thread of its own. */
class Halting {
  readonly #layout = planLayout(DEFAULT_MEMORY_CONFIG);
  readonly #memory = createMemory(this.#layout);
  readonly #hart = slotWords(this.#memory, this.#layout, 0);
  readonly #words: Int32Array;
  readonly #stamps: Float64Array;
  readonly #worker: Worker;
  readonly #random = new Random(1);
  #count = 0;

  constructor(name: string, engine: Halted) {
    const times = new SharedArrayBuffer(HaltWord.BYTES);
    this.#words = new Int32Array(times);
    this.#stamps = new Float64Array(times);
    const [memory, layout] = [this.#memory, this.#layout];
    const { entry, parts } = endlessProgram(name);
    const workerData: HaltData = { memory, layout, program: { entry, parts }, engine, times };
    this.#worker = new Worker(new URL("./halt-worker.js", import.meta.url), { workerData });
  }

  async start(): Promise<void> {
    await new Promise((resolve, reject) => {
      this.#worker.once("online", resolve);
      this.#worker.once("error", reject);
    });
    pause(WARM_UP_NS);
  }

  /** Halts it once. */
  halt(): Stopping {
    return this.#attend(Attention.HALT);
  }

  /** Changes an instruction of the hottest loop into an illegal one and waits until it is executed. */
  flip(): { readonly feltNs: number; readonly exceptionNs: number } {
    const pcs = new Map<number, number>();
    for (let sample = 0; sample < SAMPLES; sample++) {
      this.halt();
      const pc = (this.#words[HaltWord.PC] as number) >>> 0;
      pcs.set(pc, (pcs.get(pc) ?? 0) + 1);
    }
    const [[hottest] = [RAM_BASE]] = [...pcs].sort((a, b) => b[1] - a[1]);
    const halves = new Uint16Array(this.#memory.buffer);
    halves[(this.#layout.ram + hottest - RAM_BASE) >>> 1] = ILLEGAL_INSTRUCTION;
    const exceptionNs = this.#attend(Attention.MEMORY_CHANGED).returnedNs;
    const stamps = this.#stamps;
    const feltNs = exceptionNs - ((stamps[STOPPED_NS_F64] as number) - (stamps[FELT_NS_F64] as number));
    pause(RESTART_NS);
    return { feltNs, exceptionNs };
  }

  async end(): Promise<void> {
    const ended = new Promise((resolve) => this.#worker.once("exit", resolve));
    Atomics.store(this.#words, HaltWord.DONE, 1);
    Atomics.or(this.#hart, Hart.ATTENTION, Attention.HALT);
    Atomics.store(this.#hart, Hart.LIMIT, 0);
    await ended;
  }

  #attend(attention: Attention): Stopping {
    pause(this.#random.below(MAX_PAUSE_NS));
    const retirement = new Retirement(this.#hart);
    const storedNs = monotonicNs();
    Atomics.or(this.#hart, Hart.ATTENTION, attention);
    Atomics.store(this.#hart, Hart.LIMIT, 0);
    this.#count++;
    while (Atomics.load(this.#words, HaltWord.COUNT) !== this.#count) retirement.look();
    const returnedNs = (this.#stamps[STOPPED_NS_F64] as number) - storedNs;
    return { retiredNs: Math.min(retirement.lastNs(storedNs), returnedNs), returnedNs };
  }
}

function figuresOf(name: string, timing: Timing, atMost?: number): Figure[] {
  return [
    { name: `${name}, p50`, value: timing.percentileUs(50), unit: "µs" },
    { name: "  p90", value: timing.percentileUs(90), unit: "µs" },
    { name: "  p99", value: timing.percentileUs(99), unit: "µs", ...(atMost !== undefined && { atMost }) },
  ];
}

export async function benchHalt(): Promise<Section> {
  const retired = { translator: new Timing(), interpreter: new Timing(), none: new Timing() };
  const returned = { translator: new Timing(), interpreter: new Timing(), none: new Timing() };
  const felt = new Timing();
  const exceptions = new Timing();
  for (const name of PROGRAMS) {
    for (const engine of ["translator", "interpreter", "none"] as const) {
      const halting = new Halting(name, engine);
      await halting.start();
      for (let halt = 0; halt < HALTS; halt++) {
        const { retiredNs, returnedNs } = halting.halt();
        retired[engine].recordNs(retiredNs);
        returned[engine].recordNs(returnedNs);
      }
      for (let flip = 0; engine === "translator" && flip < FLIPS; flip++) {
        const { feltNs, exceptionNs } = halting.flip();
        felt.recordNs(feltNs);
        exceptions.recordNs(exceptionNs);
      }
      await halting.end();
    }
  }
  const figures = [
    ...figuresOf("a thread that only looks at the halt word: store to stop", returned.none),
    ...figuresOf("translator: halt word to the last retired instruction", retired.translator, 20),
    ...figuresOf("translator: halt word to the end of run()", returned.translator),
    ...figuresOf("interpreter: halt word to the last retired instruction", retired.interpreter, 20),
    ...figuresOf("interpreter: halt word to the end of run()", returned.interpreter),
    ...figuresOf(`translator: bits flipped to the last old instruction, ${FLIPS} times each`, felt, 20),
    ...figuresOf("translator: bits flipped to the exception", exceptions),
  ];
  return { title: `halting, ${HALTS} times in each of ${PROGRAMS.length} programs`, figures };
}
