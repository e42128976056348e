/**
 * How soon a running engine stops: from the store of the halt word by another thread to the moment at which run()
 * has come back, at random places of each benchmark program.
 */
import { readFileSync } from "node:fs";
import { Worker } from "node:worker_threads";
import { Hart } from "../../controller/cpu/hart.ts";
import { type ElfFile, parseElf } from "../../controller/elf.ts";
import type { EngineKind } from "../../controller/engine-kind.ts";
import { monotonicNs } from "../../emulator/clock.ts";
import { Attention, engineWords } from "../../emulator/control.ts";
import { createMemory, DEFAULT_MEMORY_CONFIG, type Layout, planLayout } from "../../emulator/layout.ts";
import { Random } from "../../emulator/random.ts";
import { Timing } from "../../supervisor/timing.ts";
import { PROGRAMS } from "./programs.ts";
import type { Figure, Section } from "./sections.ts";

/** Words shared with the worker, a cache line each; the time is a Float64 behind them. */
export const enum HaltWord {
  COUNT = 0,
  DONE = 16,
  BYTES = 256,
}
export const STOPPED_NS_F64 = 16;

export interface HaltData {
  readonly memory: WebAssembly.Memory;
  readonly layout: Layout;
  readonly program: ElfFile;
  readonly engine: EngineKind;
  readonly times: SharedArrayBuffer;
}

const HALTS = 1_000;
/** Until the program's hot code is compiled. */
const WARM_UP_NS = 500e6;
const MAX_PAUSE_NS = 400_000;

function spinUntil(ns: number): void {
  while (monotonicNs() < ns);
}

async function measureHalts(name: string, engine: EngineKind, timing: Timing): Promise<void> {
  const file = new URL(`../../../controller/firmware/bench/elf/${name}.elf`, import.meta.url);
  const program = parseElf(readFileSync(file));
  if ("error" in program) throw new Error(program.message);
  const layout = planLayout(DEFAULT_MEMORY_CONFIG);
  const memory = createMemory(layout);
  const hart = engineWords(memory, layout, 0);
  const times = new SharedArrayBuffer(HaltWord.BYTES);
  const words = new Int32Array(times);
  const stamps = new Float64Array(times);
  const data: HaltData = { memory, layout, program, engine, times };
  const worker = new Worker(new URL("./halt-worker.js", import.meta.url), { workerData: data });
  const ended = new Promise((resolve, reject) => {
    worker.once("exit", resolve);
    worker.once("error", reject);
  });
  await new Promise((resolve) => worker.once("online", resolve));
  spinUntil(monotonicNs() + WARM_UP_NS);
  const random = new Random(1);
  for (let halt = 1; halt <= HALTS; halt++) {
    spinUntil(monotonicNs() + random.below(MAX_PAUSE_NS));
    const storedNs = monotonicNs();
    Atomics.or(hart, Hart.ATTENTION, Attention.HALT);
    Atomics.store(hart, Hart.LIMIT, 0);
    while (Atomics.load(words, HaltWord.COUNT) !== halt);
    timing.recordNs((stamps[STOPPED_NS_F64] ?? 0) - storedNs);
  }
  Atomics.store(words, HaltWord.DONE, 1);
  Atomics.store(hart, Hart.LIMIT, 0);
  await ended;
}

export async function benchHalt(): Promise<Section> {
  const figures: Figure[] = [];
  for (const engine of ["translator", "interpreter"] as const) {
    const timing = new Timing();
    for (const name of PROGRAMS) await measureHalts(name, engine, timing);
    figures.push(
      { name: `${engine}: halt word to the end of run(), p50`, value: timing.percentileUs(50), unit: "µs" },
      { name: "  p99", value: timing.percentileUs(99), unit: "µs", atMost: 20 },
    );
  }
  return { title: `halting, ${HALTS} times in each of ${PROGRAMS.length} programs`, figures };
}
