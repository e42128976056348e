/**
 * What code generation must know of a guest function before it writes a byte: which registers live where at
 * each point, and how many instructions may retire between two looks at LIMIT.
 *
 * A guest register's value is in the hart's memory, in a wasm local, or in both. A register is *dirty* where
 * its local may be newer than memory, and its local is *needed* where a later instruction, or the flush of a
 * dirty register, uses it before something sets it. Locals are loaded where they become needed: at the entry
 * and behind calls. So at every exit flushing the dirty registers makes memory exact, and nothing else moves.
 *
 * Calls trust no calling convention. A caller keeps in its own locals only what the callee, and all it may
 * call, never names; the rest is stored before the call or passed, and loaded again after it where needed.
 */
import { Op } from "../cpu/decode.ts";
import { analyseFlow, type Flow } from "./flow.ts";
import type { Block, End, Graph } from "./graph.ts";
import {
  A0,
  ALL_REGISTERS,
  hasRegister,
  mayBeRefused,
  NO_REGISTERS,
  type RegisterSet,
  readsOf,
  setOf,
  writesOf,
} from "./registers.ts";
import { unrollLoops } from "./unroll.ts";

/** How a guest function is called as a wasm function. */
export interface Signature {
  /** Guest registers passed by value, in the order of the parameters; instruction count and depth follow. */
  readonly parameters: readonly number[];
  readonly parameterSet: RegisterSet;
  /** Guest registers returned by value, behind the next pc and the instruction count. Never in memory then. */
  readonly results: readonly number[];
  readonly resultSet: RegisterSet;
  /** Makes calls, so it takes the depth that is left. */
  readonly takesDepth: boolean;
}

/** One guest function of a unit. */
export interface GuestFunction {
  readonly pc: number;
  readonly graph: Graph;
  readonly flow: Flow;
  /** Registers that it, or anything it calls, may write. */
  writes: RegisterSet;
  /** Registers that it, or anything it calls, may read or write. */
  mentions: RegisterSet;
  signature: Signature;
  /** No loop and no call: its caller's look at LIMIT covers it. */
  readonly bounded: boolean;
  /** Instructions that may retire from each block to the next look at LIMIT, by position. */
  readonly stretch: readonly number[];
}

/** The functions of a unit by entry pc; a call of any other goes through the table. */
export type Functions = ReadonlyMap<number, GuestFunction>;

/**
 * Registers worth passing by value, the best first: arguments, stack pointer, link. V8 has five machine
 * registers for integer parameters. Saved registers are mostly in memory already where they are not in use.
 */
const PARAMETER_ORDER: readonly number[] = [10, 11, 12, 13, 14, 2, 15, 1, 16, 17];
const MAX_PARAMETERS = 6;

const EMPTY_SIGNATURE: Signature = {
  parameters: [],
  parameterSet: NO_REGISTERS,
  results: [],
  resultSet: NO_REGISTERS,
  takesDepth: false,
};

function isCall(end: End): boolean {
  return end.kind === "call" || end.kind === "callIndirect";
}

/** Analyses flow; registers follow in {@link analyseUnit}, when all functions of the unit are known. */
export function newFunction(graph: Graph, maxInstructions: number, step: () => void): GuestFunction {
  const first = analyseFlow(graph, step);
  const flow = unrollLoops(graph, first, maxInstructions) ? analyseFlow(graph, step) : first;
  const hasLoop = flow.backPredecessors.some((sources) => sources.length > 0);
  const hasCall = flow.order.some((block) => isCall(block.end));
  return {
    pc: graph.entry.pc,
    graph,
    flow,
    writes: NO_REGISTERS,
    mentions: NO_REGISTERS,
    signature: { ...EMPTY_SIGNATURE, takesDepth: hasCall },
    bounded: !hasLoop && !hasCall,
    stretch: [],
  };
}

/** Fills in what depends on the other functions: register sets, signatures, stretches. */
export function analyseUnit(functions: Map<number, GuestFunction>, step: () => void): void {
  for (const fn of functions.values()) {
    for (const block of fn.flow.order) {
      fn.writes |= blockWrites(block);
      fn.mentions |= fn.writes | blockReads(block);
    }
  }
  // Callees are behind their callers, mostly: from the last to the first it is soon done.
  const backwards = [...functions.values()].reverse();
  for (let changed = true; changed; ) {
    changed = false;
    for (const fn of backwards) {
      step();
      const before = [fn.writes, fn.mentions];
      for (const { end } of fn.flow.order) {
        if (!isCall(end)) continue;
        const callee = calleeOf(end, functions);
        fn.writes |= callee.writes;
        fn.mentions |= callee.mentions;
      }
      changed ||= before[0] !== fn.writes || before[1] !== fn.mentions;
    }
  }
  for (const [pc, fn] of functions) {
    const resultSet = fn.writes & setOf(A0);
    const parameters = chooseParameters(fn, functions, step);
    const signature: Signature = {
      parameters,
      parameterSet: parameters.reduce((set, register) => set | setOf(register), NO_REGISTERS),
      results: resultSet === NO_REGISTERS ? [] : [A0],
      resultSet,
      takesDepth: fn.signature.takesDepth,
    };
    functions.set(pc, { ...fn, signature });
  }
  // Bounded functions first: the stretch of a caller contains theirs.
  for (const bounded of [true, false]) {
    for (const [pc, fn] of functions) {
      if (fn.bounded === bounded) functions.set(pc, { ...fn, stretch: findStretches(fn, functions) });
    }
  }
}

function blockWrites(block: Block): RegisterSet {
  let set = NO_REGISTERS;
  for (const { insn } of block.steps) set |= writesOf(insn);
  return "step" in block.end ? set | writesOf(block.end.step.insn) : set;
}

function blockReads(block: Block): RegisterSet {
  let set = NO_REGISTERS;
  for (const { insn } of block.steps) set |= readsOf(insn);
  return "step" in block.end ? set | readsOf(block.end.step.insn) : set;
}

/** What a call does to registers, seen from the caller. */
export interface CallEffect {
  readonly writes: RegisterSet;
  readonly mentions: RegisterSet;
  readonly signature: Signature;
  /** The function in the same unit, or undefined: through the table. */
  readonly callee: GuestFunction | undefined;
}

const UNKNOWN_CALLEE: CallEffect = {
  writes: ALL_REGISTERS,
  mentions: ALL_REGISTERS,
  signature: { ...EMPTY_SIGNATURE, takesDepth: true },
  callee: undefined,
};

export function calleeOf(end: End, functions: Functions): CallEffect {
  const callee = end.kind === "call" ? functions.get(end.target) : undefined;
  if (callee === undefined) return UNKNOWN_CALLEE;
  return { writes: callee.writes, mentions: callee.mentions, signature: callee.signature, callee };
}

/** Registers read before they are written on some path from the entry, of those worth passing. */
function chooseParameters(fn: GuestFunction, functions: Functions, step: () => void): number[] {
  const { order, positionOf } = fn.flow;
  const liveIn = order.map(() => NO_REGISTERS);
  for (let changed = true; changed; ) {
    step();
    changed = false;
    for (let position = order.length - 1; position >= 0; position--) {
      const block = order[position] as Block;
      let live = successorPositions(block, positionOf).reduce(
        (set, to) => set | (liveIn[to] as RegisterSet),
        NO_REGISTERS,
      );
      if (isCall(block.end)) live &= ~calleeOf(block.end, functions).writes;
      if ("step" in block.end) {
        const { insn } = block.end.step;
        live = (live & ~writesOf(insn)) | readsOf(insn);
      }
      for (let i = block.steps.length - 1; i >= 0; i--) {
        const { insn } = block.steps[i] as { insn: Parameters<typeof readsOf>[0] };
        live = (live & ~writesOf(insn)) | readsOf(insn);
      }
      changed ||= live !== liveIn[position];
      liveIn[position] = live;
    }
  }
  const live = liveIn[0] as RegisterSet;
  return PARAMETER_ORDER.filter((register) => hasRegister(live, register)).slice(0, MAX_PARAMETERS);
}

function successorPositions(block: Block, positionOf: ReadonlyMap<Block, number>): number[] {
  const { end } = block;
  const positions: number[] = [];
  const add = (to: Block): void => {
    const position = positionOf.get(to);
    if (position !== undefined) positions.push(position);
  };
  if (end.kind === "branch") {
    add(end.taken);
    add(end.next);
  } else if (end.kind === "switch") {
    end.candidates.forEach(add);
  } else if ("to" in end) {
    add(end.to);
  }
  return positions;
}

/** Whether a look at LIMIT stands at the head of the block. */
export function looksAtLimit(fn: GuestFunction, position: number): boolean {
  if (position === 0 && !fn.bounded) return true;
  return (fn.flow.backPredecessors[position] as readonly number[]).length > 0;
}

function findStretches(fn: GuestFunction, functions: Functions): number[] {
  const { order, positionOf } = fn.flow;
  const stretch = order.map(() => 0);
  for (let position = order.length - 1; position >= 0; position--) {
    const block = order[position] as Block;
    let beyond = 0;
    const callee = isCall(block.end) ? calleeOf(block.end, functions).callee : undefined;
    if (!isCall(block.end) || callee?.bounded === true) {
      for (const to of successorPositions(block, positionOf)) {
        if (to > position && !looksAtLimit(fn, to)) beyond = Math.max(beyond, stretch[to] as number);
      }
      beyond += callee?.stretch[0] ?? 0;
    }
    stretch[position] = block.weight + beyond;
  }
  return stretch;
}

// Registers at each point -----------------------------------------------------------------------------------

/** Where registers are, by block position. */
export interface Placement {
  /** Dirty at the block's head. */
  readonly dirtyIn: readonly RegisterSet[];
  /** Locals that must hold their register at the block's head. */
  readonly neededIn: readonly RegisterSet[];
}

/** Registers around one call. */
export interface CallPlacement {
  /** Stored before the call. */
  readonly spilled: RegisterSet;
  readonly dirtyAfter: RegisterSet;
  /** Locals that no longer hold their register behind the call. */
  readonly clobbered: RegisterSet;
}

/** `dirty` is the set at the call, its link register included. */
export function placeCall(effect: CallEffect, dirty: RegisterSet): CallPlacement {
  const { parameterSet, resultSet } = effect.signature;
  const kept = dirty & (~effect.mentions | (parameterSet & ~effect.writes));
  return {
    spilled: dirty & effect.mentions & ~parameterSet,
    dirtyAfter: kept | resultSet,
    clobbered: effect.writes & ~resultSet,
  };
}

/**
 * Dirty at the entry: of the parameters those that the function writes, so that its caller's copy would be stale, and
 * those that a callee looks for in memory, where no caller need have stored what it passes by value.
 */
function dirtyAtEntry(fn: GuestFunction, functions: Functions): RegisterSet {
  let wanted = fn.writes;
  for (const { end } of fn.flow.order) {
    if (!isCall(end)) continue;
    const { mentions, signature } = calleeOf(end, functions);
    wanted |= mentions & ~signature.parameterSet;
  }
  return fn.signature.parameterSet & wanted;
}

export function placeRegisters(fn: GuestFunction, functions: Functions, step: () => void): Placement {
  const { order, positionOf } = fn.flow;
  const dirtyIn = order.map(() => NO_REGISTERS);
  dirtyIn[0] = dirtyAtEntry(fn, functions);
  for (let changed = true; changed; ) {
    step();
    changed = false;
    for (let position = 0; position < order.length; position++) {
      const block = order[position] as Block;
      const dirty = dirtyOut(block, dirtyIn[position] as RegisterSet, functions);
      for (const to of successorPositions(block, positionOf)) {
        const before = dirtyIn[to] as RegisterSet;
        dirtyIn[to] = before | dirty;
        changed ||= dirtyIn[to] !== before;
      }
    }
  }
  const neededIn = order.map(() => NO_REGISTERS);
  for (let changed = true; changed; ) {
    step();
    changed = false;
    for (let position = order.length - 1; position >= 0; position--) {
      const block = order[position] as Block;
      const out = successorPositions(block, positionOf).reduce(
        (set, to) => set | (neededIn[to] as RegisterSet),
        NO_REGISTERS,
      );
      let needed = neededBefore(fn, block, dirtyIn[position] as RegisterSet, out, functions);
      if (looksAtLimit(fn, position) || position === 0) {
        needed |= (dirtyIn[position] as RegisterSet) | fn.signature.resultSet;
      }
      changed ||= needed !== neededIn[position];
      neededIn[position] = needed;
    }
  }
  return { dirtyIn, neededIn };
}

function dirtyOut(block: Block, dirtyIn: RegisterSet, functions: Functions): RegisterSet {
  const dirty = dirtyIn | blockWrites(block);
  return isCall(block.end) ? placeCall(calleeOf(block.end, functions), dirty).dirtyAfter : dirty;
}

/** Needed before the block's first instruction, `out` being needed behind its end. */
function neededBefore(
  fn: GuestFunction,
  block: Block,
  dirtyIn: RegisterSet,
  out: RegisterSet,
  functions: Functions,
): RegisterSet {
  const dirtyAt: RegisterSet[] = [];
  let dirty = dirtyIn;
  for (const { insn } of block.steps) {
    dirtyAt.push(dirty);
    dirty |= writesOf(insn);
  }
  let needed = neededAtEnd(fn, block.end, dirty, out, functions);
  // A jump that is the interpreter's after all leaves before it is done, by way of a flush.
  if (fn.graph.alignment !== 0 && isComputed(block.end)) needed |= dirty | fn.signature.resultSet;
  for (let i = block.steps.length - 1; i >= 0; i--) {
    const { insn } = block.steps[i] as Block["steps"][number];
    needed = (needed & ~writesOf(insn)) | (insn.op === Op.JALR ? NO_REGISTERS : readsOf(insn));
    // It may leave before it is done, by way of a flush.
    if (mayBeRefused(insn.op)) needed |= (dirtyAt[i] as RegisterSet) | fn.signature.resultSet;
  }
  return needed;
}

/** Whether the end goes to where a register says. */
function isComputed({ kind }: End): boolean {
  return kind === "callIndirect" || kind === "return" || kind === "switch" || kind === "computed";
}

function neededAtEnd(
  fn: GuestFunction,
  end: End,
  dirty: RegisterSet,
  out: RegisterSet,
  functions: Functions,
): RegisterSet {
  const leaving = fn.signature.resultSet;
  switch (end.kind) {
    case "jump":
      return out;
    case "branch":
      return out | readsOf(end.step.insn);
    case "call":
    case "callIndirect": {
      const { insn } = end.step;
      const effect = calleeOf(end, functions);
      const { spilled, dirtyAfter, clobbered } = placeCall(effect, dirty | writesOf(insn));
      const after = (out | dirtyAfter | leaving) & ~(clobbered | effect.signature.resultSet);
      return ((after | spilled | effect.signature.parameterSet) & ~writesOf(insn)) | readsOf(insn);
    }
    case "return":
    case "switch":
    case "computed": {
      const { insn } = end.step;
      return ((out | dirty | writesOf(insn) | leaving) & ~writesOf(insn)) | readsOf(insn);
    }
    default:
      return dirty | leaving;
  }
}

/** Locals to load behind a call so that all in `needed` hold their register again. */
export function reloadedAfter(placement: CallPlacement, needed: RegisterSet): RegisterSet {
  return placement.clobbered & needed;
}
