/**
 * Translation unit: a guest function, the functions it calls, and what those call, as one WebAssembly module.
 *
 * Inside a unit calls are direct. Everything else goes through one table of entries that all units share: a
 * slot for each hash of a pc, an entry function that first compares the pc it was called for with its own.
 */

import { Hart } from "../cpu/hart.ts";
import { CodeWriter, ModuleWriter, Wasm } from "../wasm/emitter.ts";
import { analyseUnit, type GuestFunction, newFunction } from "./analysis.ts";
import { generateFunction, Reason, type UnitContext } from "./codegen.ts";
import { type CodeReader, DEFAULT_LIMITS, GraphBuilder, type GraphLimits } from "./graph.ts";
import type { GuestMemory } from "./memory-access.ts";

export interface UnitLimits extends GraphLimits {
  /** Functions in one unit. */
  readonly unitFunctions: number;
  /** Guest instructions in one unit; a function begun below it is finished. */
  readonly unitInstructions: number;
}

export const DEFAULT_UNIT_LIMITS: UnitLimits = {
  ...DEFAULT_LIMITS,
  unitFunctions: 256,
  unitInstructions: 20_000,
};

/** Where generated code runs: offsets that are constants in it. */
export interface Target {
  readonly memory: GuestMemory;
  /** Host offset of the hart state. */
  readonly hart: number;
  /** Pages of 64 KiB of the shared memory. */
  readonly memoryPages: number;
  /** Slots of the table, a power of two. */
  readonly tableSlots: number;
}

/** Asked while a unit is made: translating takes milliseconds, and somebody may be waiting. */
export interface Pace {
  /** Whether the unit may take in a further function. */
  readonly mayGrow: () => boolean;
  /** Before each step, which takes well below a millisecond; false gives the unit up. */
  readonly goesOn: () => boolean;
}

/** Somebody is waiting: there is to be no unit. */
class GivenUp extends Error {}

/** For whoever has all the time there is. */
export const UNHURRIED: Pace = { mayGrow: () => true, goesOn: () => true };

export interface UnitOptions {
  readonly limits?: UnitLimits;
  /** Further entries that are wanted, unless what is made for those before them executes them, too. */
  readonly alsoFrom?: readonly number[];
  /** Addresses at which jump tables may lie: what registers hold, where their making lies before the entries. */
  readonly hints?: readonly number[];
  /** See {@link UnitContext.sharedPageAccesses}. */
  readonly sharedPageAccesses?: ReadonlySet<number>;
  /** Whether another unit has the function at `pc`, and is to be called for it . */
  readonly isShared?: (pc: number) => boolean;
  readonly pace?: Pace;
}

export interface Unit {
  readonly bytes: Uint8Array;
  /** Guest entries; each is exported under the {@link entryName} of its number here. */
  readonly entries: readonly number[];
  /** So many of the entries, the first ones, were asked for; the others are what these call. */
  readonly wanted: number;
  /** Guest instructions of the function behind each entry. */
  readonly sizes: readonly number[];
  readonly instructions: number;
  /** Where it ends by itself: instructions that are the interpreter's, and those beyond the size limit. */
  readonly ends: readonly number[];
  /** Guest code that it was made from: every instruction of every function, as [first, behind last) ranges. */
  readonly ranges: readonly (readonly [number, number])[];
  readonly cutEdges: number;
}

/** What the entry with this number is exported as. */
export function entryName(index: number): string {
  return `e${index}`;
}

export function tableSlot(pc: number, slots: number): number {
  return (pc >>> 1) & (slots - 1);
}

/**
 * A function that another unit has already is called through the table from this size on: what the call costs more
 * than a direct one is little beside it, and each copy would have to be compiled twice by V8 before it is fast.
 */
export const MIN_SHARED_INSTRUCTIONS = 80;

/**
 * Translates the code reachable from `entry`; undefined if not even its first instruction can be, nor that of any other
 * entry that is wanted, or if it was given up.
 */
export function translateUnit(
  code: CodeReader,
  entry: number,
  target: Target,
  options: UnitOptions = {},
): Unit | undefined {
  const { goesOn } = options.pace ?? UNHURRIED;
  const step = (): void => {
    if (!goesOn()) throw new GivenUp();
  };
  try {
    return makeUnit(code, entry, target, options, step);
  } catch (error) {
    if (error instanceof GivenUp) return undefined;
    throw error;
  }
}

/** @param step to be called at every step: may throw {@link GivenUp} */
function makeUnit(
  code: CodeReader,
  entry: number,
  target: Target,
  options: UnitOptions,
  step: () => void,
): Unit | undefined {
  const { sharedPageAccesses = new Set() } = options;
  const wanted = [entry, ...(options.alsoFrom ?? [])];
  const functions = discover(code, wanted, options, step);
  if (functions.size === 0) return undefined;
  analyseUnit(functions, step);
  const module = new ModuleWriter();
  module.importMemory("memory", target.memoryPages);
  module.importTable("table", target.tableSlots);
  module.importMutableGlobal("reason");
  module.importMutableGlobal("watched");
  const storeIndex = module.importFunction("store", module.type(3, 1));
  const firstIndex = module.nextFunction;
  const entries = [...functions.keys()];
  const unit: UnitContext = {
    module,
    memory: target.memory,
    hart: target.hart,
    functions,
    indexOf: new Map(entries.map((pc, index) => [pc, firstIndex + index])),
    tableType: module.type(3, 2),
    tableMask: target.tableSlots - 1,
    reasonGlobal: 0,
    watchedGlobal: 1,
    sharedPageAccesses,
    storeIndex,
    step,
  };
  for (const fn of functions.values()) generateFunction(fn, unit);
  entries.forEach((pc, index) => {
    const fn = functions.get(pc);
    if (fn !== undefined)
      module.exportFunction(entryName(index), generateEntry(fn, firstIndex + index, unit));
  });
  let [instructions, cutEdges] = [0, 0];
  for (const { graph, flow } of functions.values()) {
    instructions += graph.instructions;
    cutEdges += flow.cutEdges;
  }
  const sizes = [...functions.values()].map(({ graph }) => graph.instructions);
  return {
    bytes: module.finish(),
    entries,
    wanted: wanted.filter((pc) => functions.has(pc)).length,
    sizes,
    instructions,
    ends: endsOf(functions),
    ranges: rangesOf(functions),
    cutEdges,
  };
}

function discover(
  code: CodeReader,
  wanted: readonly number[],
  { limits = DEFAULT_UNIT_LIMITS, isShared = () => false, pace = UNHURRIED, hints = [] }: UnitOptions,
  step: () => void,
): Map<number, GuestFunction> {
  const builder = new GraphBuilder(code, limits, step, hints);
  const functions = new Map<number, GuestFunction>();
  const queue = [...wanted];
  let instructions = 0;
  for (const [at, pc] of queue.entries()) {
    if (functions.has(pc)) continue;
    // What leads into a loop and what lies in it reach the same code: one of them is enough.
    const isSpared = at < wanted.length ? covers(functions, pc) : isShared(pc);
    if (isSpared) continue;
    if (functions.size >= limits.unitFunctions || instructions >= limits.unitInstructions) break;
    if (functions.size > 0 && !pace.mayGrow()) break;
    const graph = builder.build(pc);
    if (graph.instructions === 0) continue;
    instructions += graph.instructions;
    functions.set(pc, newFunction(graph, limits.functionInstructions, step));
    queue.push(...graph.callees);
  }
  return functions;
}

/** Whether any of the functions executes the instruction at `pc`. */
function covers(functions: ReadonlyMap<number, GuestFunction>, pc: number): boolean {
  for (const { graph } of functions.values()) {
    for (const { steps, end } of graph.blocks) {
      if ("step" in end && end.step.pc === pc) return true;
      if (steps.some((step) => step.pc === pc)) return true;
    }
  }
  return false;
}

/** The entry of a function: compares the pc, brings registers from memory, and puts results there. */
function generateEntry(fn: GuestFunction, index: number, unit: UnitContext): number {
  const out = new CodeWriter();
  const [PC, COUNT, DEPTH] = [0, 1, 2];
  const { parameters, results, takesDepth } = fn.signature;
  const leave = (reason: Reason): void => {
    out.if();
    out.constant(reason);
    out.setGlobal(unit.reasonGlobal);
    out.get(PC);
    out.constant(1);
    out.op(Wasm.I32_OR);
    out.get(COUNT);
    out.op(Wasm.RETURN);
    out.end();
  };
  out.get(PC);
  out.constant(fn.pc | 0);
  out.op(Wasm.I32_NE);
  leave(Reason.MISS);
  if (fn.bounded) {
    out.get(COUNT);
    out.constant(fn.stretch[0] ?? 0);
    out.op(Wasm.I32_ADD);
    out.constant(unit.hart);
    out.memory(Wasm.I32_LOAD, Hart.LIMIT * 4);
    out.op(Wasm.I32_GT_U);
    leave(Reason.LIMIT);
  }
  for (const register of parameters) {
    out.constant(unit.hart);
    out.memory(Wasm.I32_LOAD, register * 4);
  }
  out.get(COUNT);
  if (takesDepth) out.get(DEPTH);
  out.call(index);
  // The results go to memory through locals behind the parameters.
  const firstLocal = 3;
  for (let i = results.length - 1; i >= 0; i--) out.set(firstLocal + i);
  results.forEach((register, i) => {
    out.constant(unit.hart);
    out.get(firstLocal + i);
    out.memory(Wasm.I32_STORE, register * 4);
  });
  return unit.module.function(unit.tableType, results.length, out.finish());
}

function endsOf(functions: ReadonlyMap<number, GuestFunction>): number[] {
  const ends = new Set<number>();
  for (const { graph } of functions.values()) {
    for (const { end } of graph.blocks)
      if (end.kind === "interpret" || end.kind === "leave") ends.add(end.pc);
  }
  return [...ends];
}

/** Merged ranges of guest addresses, ascending. */
function rangesOf(functions: ReadonlyMap<number, GuestFunction>): (readonly [number, number])[] {
  const starts: [number, number][] = [];
  for (const { graph } of functions.values()) {
    for (const { pc, steps, end } of graph.blocks) {
      const last = "step" in end ? end.step : steps.at(-1);
      if (last !== undefined) starts.push([pc, last.pc + last.insn.length]);
    }
  }
  starts.sort((a, b) => a[0] - b[0]);
  const merged: [number, number][] = [];
  for (const [from, to] of starts) {
    const last = merged.at(-1);
    if (last !== undefined && from <= last[1]) last[1] = Math.max(last[1], to);
    else merged.push([from, to]);
  }
  return merged;
}
