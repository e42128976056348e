/**
 * One guest function as one WebAssembly function.
 *
 * Structure follows the dominator tree (Ramsey, "Beyond Relooper", 2022): a block is written inside its
 * immediate dominator, a block with several ways into it behind a wasm `block` that those ways leave, a loop
 * header inside a `loop`. Blocks outside of a loop are written outside of its `loop`, so that the optimising
 * compiler sees loops as they are. The tree is as deep as the guest makes it, so what is still to be written waits in
 * a list, not on the stack: whoever goes on at a block puts it there and does nothing more.
 *
 * The function returns the next pc, the instructions retired in this run, and its results. An even pc goes on
 * by the dispatcher (or in the caller, which expects one); with bit 0 set the run leaves translated code there,
 * for the reason in the reason global. Either way all that is dirty has been stored, results excepted.
 *
 * Counting: the count local lags by an amount known for each point of the code; it is brought up at loops,
 * calls and exits, and where paths with different lags meet.
 */
import { accessBytes, type Instruction, Op } from "../cpu/decode.ts";
import { Hart } from "../cpu/hart.ts";
import { CodeWriter, type Label, type ModuleWriter, Wasm } from "../wasm/emitter.ts";
import {
  type CallEffect,
  calleeOf,
  type Functions,
  type GuestFunction,
  looksAtLimit,
  type Placement,
  placeCall,
  placeRegisters,
  reloadedAfter,
} from "./analysis.ts";
import { emitAtomic } from "./atomic-access.ts";
import { encloses, type Flow } from "./flow.ts";
import { type Block, type End, type Step, successorsOf } from "./graph.ts";
import {
  type CheckContext,
  emitCheck,
  emitSharedPageStore,
  extentOf,
  Facts,
  type GuestMemory,
  isMove,
  MAX_MOVE,
} from "./memory-access.ts";
import { emitArithmetic, emitCondition, type OperandSource } from "./operations.ts";
import {
  forEachRegister,
  isAtomic,
  isLoad,
  isStore,
  NO_REGISTERS,
  type RegisterSet,
  setOf,
  writesOf,
} from "./registers.ts";

/** Why translated code was left; the value of the reason global. */
export const enum Reason {
  NONE = 0,
  /** The next instruction is one that is not translated. */
  INTERPRET = 1,
  /** A load or store met something else than plain memory. */
  ACCESS = 2,
  /** The next look at LIMIT might come too late. */
  LIMIT = 3,
  /** There is no translated code at the pc, or the table's slot holds another's. */
  MISS = 4,
  COUNT,
}

/** What every function of a unit is generated against. */
export interface UnitContext {
  readonly module: ModuleWriter;
  readonly memory: GuestMemory;
  /** Host offset of the hart state. */
  readonly hart: number;
  readonly functions: Functions;
  /** wasm function index by guest entry. */
  readonly indexOf: ReadonlyMap<number, number>;
  /** Type of table functions: (pc, count, depth) to (pc, count). */
  readonly tableType: number;
  /** The table has tableMask + 1 slots; a pc's slot is (pc >>> 1) & tableMask. */
  readonly tableMask: number;
  readonly reasonGlobal: number;
  readonly watchedGlobal: number;
  /** Stores known to meet pages with code on them, and loads whose check was refused for such a store; by pc. */
  readonly sharedPageAccesses: ReadonlySet<number>;
  /** Index of the imported function that makes such a store. */
  readonly storeIndex: number;
  /** Called at every step, about a block: it may throw, which gives the unit up. */
  readonly step: () => void;
}

/** The wasm type of a guest function, as numbers of parameters and results. */
function wasmArity(fn: GuestFunction): readonly [parameters: number, results: number] {
  const { parameters, results, takesDepth } = fn.signature;
  return [parameters.length + (takesDepth ? 2 : 1), results.length + 2];
}

interface ExitGroup {
  readonly label: Label;
  readonly dirty: RegisterSet;
  readonly reason: Reason;
}

const NONE_LOCAL = -1;

/** Generates `fn` into the unit's module. */
export function generateFunction(fn: GuestFunction, unit: UnitContext): void {
  new FunctionGenerator(fn, unit).generate();
}

class FunctionGenerator implements OperandSource, CheckContext {
  readonly out = new CodeWriter();
  readonly #fn: GuestFunction;
  readonly #unit: UnitContext;
  readonly #flow: Flow;
  readonly #placement: Placement;
  readonly #registerLocal = new Int32Array(32).fill(NONE_LOCAL);
  readonly #hostLocal = new Int32Array(32).fill(NONE_LOCAL);
  readonly #bias: Int32Array;
  readonly #count: number;
  readonly #depth: number;
  readonly #nextPc: number;
  readonly scratch: number;
  readonly scratch2: number;
  readonly watchedGlobal: number;
  #locals: number;
  readonly #exits = new Map<string, ExitGroup>();
  /** Labels of blocks that are branched to, by position. */
  readonly #blockLabel = new Map<number, Label>();
  readonly #loopLabel = new Map<number, Label>();
  /** Blocks written behind the wasm block of an anchor: inside its loop, and outside of it. */
  readonly #inside: number[][];
  readonly #outside: number[][];
  readonly #lag: number[];
  readonly #facts: (Facts | undefined)[];
  /** What is still to be written, the next last. */
  readonly #later: (() => void)[] = [];
  // Where generation stands.
  #dirty: RegisterSet = NO_REGISTERS;
  #known = new Facts();
  #pc = 0;
  /** Instructions retired since the count local was right. */
  #pending = 0;

  constructor(fn: GuestFunction, unit: UnitContext) {
    this.#fn = fn;
    this.#unit = unit;
    this.watchedGlobal = unit.watchedGlobal;
    this.#flow = fn.flow;
    this.#placement = placeRegisters(fn, unit.functions, unit.step);
    const { parameters, takesDepth } = fn.signature;
    parameters.forEach((register, index) => {
      this.#registerLocal[register] = index;
    });
    this.#count = parameters.length;
    this.#depth = takesDepth ? this.#count + 1 : NONE_LOCAL;
    this.#locals = this.#count + (takesDepth ? 2 : 1);
    this.#nextPc = this.#locals++;
    this.scratch = this.#locals++;
    this.scratch2 = this.#locals++;
    this.#bias = findBiases(this.#flow.order);
    const { length } = this.#flow.order;
    this.#inside = Array.from({ length }, () => []);
    this.#outside = Array.from({ length }, () => []);
    this.#facts = Array.from({ length }, () => undefined);
    this.#lag = findLags(fn);
    this.#anchorBlocks();
  }

  generate(): void {
    this.#emitEntry();
    this.#emitTree(0);
    for (let next = this.#later.pop(); next !== undefined; next = this.#later.pop()) next();
    const body = this.out.finishPart();
    const whole = new CodeWriter();
    const groups = [...this.#exits.values()];
    for (let i = 0; i < groups.length; i++) whole.block();
    whole.append(body);
    whole.op(Wasm.UNREACHABLE);
    for (const group of groups) {
      whole.end();
      this.#emitExitGroup(whole, group);
    }
    const [parameters, results] = wasmArity(this.#fn);
    const type = this.#unit.module.type(parameters, results);
    this.#unit.module.function(type, this.#locals - parameters, whole.finish());
  }

  // Registers ------------------------------------------------------------------------------------------------

  #localOf(register: number): number {
    const known = this.#registerLocal[register] as number;
    if (known !== NONE_LOCAL) return known;
    this.#registerLocal[register] = this.#locals;
    return this.#locals++;
  }

  #hostLocalOf(register: number): number {
    const known = this.#hostLocal[register] as number;
    if (known !== NONE_LOCAL) return known;
    this.#hostLocal[register] = this.#locals;
    return this.#locals++;
  }

  push(register: number): void {
    if (register === 0) this.out.constant(0);
    else this.out.get(this.#localOf(register));
  }

  /** Pops the value that `register`, not x0, gets. */
  #pop(register: number): void {
    this.out.set(this.#localOf(register));
    this.#dirty |= setOf(register);
    this.#known.forget(setOf(register));
  }

  #popOrDrop(register: number): void {
    if (register === 0) this.out.op(Wasm.DROP);
    else this.#pop(register);
  }

  #load(registers: RegisterSet): void {
    forEachRegister(registers, (register) => {
      this.out.constant(this.#unit.hart);
      this.out.memory(Wasm.I32_LOAD, (Hart.X + register) * 4);
      this.out.set(this.#localOf(register));
    });
  }

  #store(out: CodeWriter, registers: RegisterSet): void {
    forEachRegister(registers, (register) => {
      out.constant(this.#unit.hart);
      out.get(this.#localOf(register));
      out.memory(Wasm.I32_STORE, (Hart.X + register) * 4);
    });
  }

  // Exits ----------------------------------------------------------------------------------------------------

  /** Label of the code that stores `dirty` and returns the pc in its local. */
  #exitLabel(dirty: RegisterSet, reason: Reason): Label {
    const stored = dirty & ~this.#fn.signature.resultSet;
    const key = `${stored}:${reason}`;
    const known = this.#exits.get(key);
    if (known !== undefined) return known.label;
    // Wrapped around the body when it is done: the first group is the innermost block.
    const label = -this.#exits.size;
    this.#exits.set(key, { label, dirty: stored, reason });
    return label;
  }

  #emitExitGroup(out: CodeWriter, { dirty, reason }: ExitGroup): void {
    if (reason !== Reason.NONE) {
      out.constant(reason);
      out.setGlobal(this.#unit.reasonGlobal);
    }
    this.#store(out, dirty);
    this.#emitReturn(out);
  }

  #emitReturn(out: CodeWriter): void {
    out.get(this.#nextPc);
    out.get(this.#count);
    for (const register of this.#fn.signature.results) out.get(this.#localOf(register));
    out.op(Wasm.RETURN);
  }

  #addToCount(amount: number): void {
    if (amount === 0) return;
    this.out.get(this.#count);
    this.out.constant(amount);
    this.out.op(Wasm.I32_ADD);
    this.out.set(this.#count);
  }

  /** Leaves at a pc known now, with all that retired before it counted. */
  #leave(pc: number, reason: Reason): void {
    this.#addToCount(this.#pending);
    this.out.constant((reason === Reason.NONE ? pc : pc | 1) | 0);
    this.out.set(this.#nextPc);
    this.out.branch(this.#exitLabel(this.#dirty, reason));
  }

  refuse(): void {
    this.#leave(this.#pc, Reason.ACCESS);
  }

  /** Leaves at `pc` if the instructions up to the next such look might exceed LIMIT. */
  #lookAtLimit(pc: number, stretch: number): void {
    const { out } = this;
    out.get(this.#count);
    out.constant(this.#pending + stretch);
    out.op(Wasm.I32_ADD);
    out.constant(this.#unit.hart);
    out.memory(Wasm.I32_LOAD, Hart.LIMIT * 4);
    out.op(Wasm.I32_GT_U);
    out.if();
    this.#leave(pc, Reason.LIMIT);
    out.end();
  }

  // Structure ------------------------------------------------------------------------------------------------

  /** Decides behind whose wasm block each block with a label is written. */
  #anchorBlocks(): void {
    const { order, forwardPredecessors, loopOf, dominator } = this.#flow;
    for (let position = 1; position < order.length; position++) {
      const sources = forwardPredecessors[position] as readonly number[];
      const loop = loopOf[position];
      const leavesLoop = sources.some((from) => {
        const around = loopOf[from];
        return around !== undefined && !encloses(around, loop);
      });
      if (sources.length < 2 && !leavesLoop) continue;
      const parent = dominator[position] as number;
      let left: number | undefined;
      for (let around = loopOf[parent]; around !== undefined && !encloses(around, loop); ) {
        left = around.header;
        around = around.parent;
      }
      const list = left === undefined ? this.#inside[parent] : this.#outside[left];
      (list as number[]).push(position);
    }
  }

  /** Writes a block; what it dominates, and the ends of the wasm blocks around that, are written later. */
  #emitTree(position: number): void {
    const { out } = this;
    const outside = this.#outside[position] as readonly number[];
    const inside = this.#inside[position] as readonly number[];
    this.#openBlocks(outside);
    const isHeader = (this.#flow.backPredecessors[position] as readonly number[]).length > 0;
    if (isHeader) {
      this.#loopLabel.set(position, out.loop());
      this.#forgetWrittenInLoop(position);
    }
    this.#openBlocks(inside);
    this.#closeBlocksLater(outside);
    if (isHeader) this.#later.push(() => out.end());
    this.#closeBlocksLater(inside);
    this.#emitBlock(position);
  }

  /** Positions ascend, so the outermost block is the last one's. */
  #openBlocks(positions: readonly number[]): void {
    for (let i = positions.length - 1; i >= 0; i--) {
      this.#blockLabel.set(positions[i] as number, this.out.block());
    }
  }

  #closeBlocksLater(positions: readonly number[]): void {
    for (let i = positions.length - 1; i >= 0; i--) {
      const position = positions[i] as number;
      this.#later.push(() => {
        this.out.end();
        this.#known = this.#facts[position] ?? new Facts();
        this.#emitTree(position);
      });
    }
  }

  #forgetWrittenInLoop(header: number): void {
    const loop = this.#flow.loopOf[header];
    if (loop === undefined) return;
    let written = NO_REGISTERS;
    for (const member of loop.members) {
      const { steps, end } = this.#flow.order[member] as Block;
      for (const { insn } of steps) written |= writesOf(insn);
      if ("step" in end) written |= writesOf(end.step.insn);
      if (end.kind === "call" || end.kind === "callIndirect") {
        written |= calleeOf(end, this.#unit.functions).writes;
      }
    }
    this.#known.forget(written);
    this.#known.forgetMoved();
  }

  /** Goes on at `to`, by a branch or by writing it here, which is the next thing that is written. */
  #goTo(to: Block): void {
    const position = this.#positionOf(to);
    const back = this.#loopLabel.get(position);
    const label = back ?? this.#blockLabel.get(position);
    this.#addToCount(this.#pending - (this.#lag[position] as number));
    this.#pending = this.#lag[position] as number;
    if (label === undefined) {
      this.#later.push(() => this.#emitTree(position));
      return;
    }
    if (back === undefined) this.#meet(position);
    this.out.branch(label);
  }

  #positionOf(block: Block): number {
    const position = this.#flow.positionOf.get(block);
    if (position === undefined) throw new Error("a block is missing from the order");
    return position;
  }

  #meet(position: number): void {
    const facts = this.#facts[position];
    if (facts === undefined) this.#facts[position] = this.#known.clone();
    else facts.intersect(this.#known);
  }

  /** The label if going to `to` takes no code but a branch. */
  #plainBranch(to: Block): Label | undefined {
    const position = this.#positionOf(to);
    if (this.#pending !== this.#lag[position]) return undefined;
    return this.#loopLabel.get(position) ?? this.#blockLabel.get(position);
  }

  // Blocks ---------------------------------------------------------------------------------------------------

  #emitEntry(): void {
    const { signature } = this.#fn;
    this.#load((this.#placement.neededIn[0] as RegisterSet) & ~signature.parameterSet);
    this.#dirty = this.#placement.dirtyIn[0] as RegisterSet;
    if (this.#depth === NONE_LOCAL) return;
    this.out.get(this.#depth);
    this.out.op(Wasm.I32_EQZ);
    this.out.if();
    this.#leave(this.#fn.pc, Reason.NONE);
    this.out.end();
  }

  #emitBlock(position: number): void {
    this.#unit.step();
    const block = this.#flow.order[position] as Block;
    this.#dirty = this.#placement.dirtyIn[position] as RegisterSet;
    this.#pending = this.#lag[position] as number;
    if (looksAtLimit(this.#fn, position)) {
      this.#lookAtLimit(block.pc, this.#fn.stretch[position] as number);
    }
    for (let i = 0; i < block.steps.length; i++) {
      this.#emitStep(block, i);
      this.#pending++;
    }
    this.#emitEnd(block.end);
  }

  #emitStep(block: Block, index: number): void {
    const { pc, insn } = block.steps[index] as Step;
    this.#pc = pc;
    const { op, rd } = insn;
    if (isLoad(op) || isStore(op)) {
      this.#emitAccess(block, index);
    } else if (isAtomic(op)) {
      emitAtomic(this, this.#unit.memory, insn, this.#unit.hart);
      this.#popOrDrop(rd);
    } else if (isMove(insn)) {
      emitArithmetic(this, insn, pc);
      this.out.set(this.#localOf(rd));
      this.#dirty |= setOf(rd);
      this.#known.move(rd, insn.imm);
    } else if (op === Op.FENCE) {
      this.out.fence();
    } else if (op === Op.JAL) {
      this.#link(pc, insn);
    } else if (op !== Op.JALR && rd !== 0) {
      emitArithmetic(this, insn, pc);
      this.#pop(rd);
    }
  }

  #link(pc: number, { rd, length }: Instruction): void {
    if (rd === 0) return;
    this.out.constant((pc + length) | 0);
    this.#pop(rd);
  }

  #emitAccess(block: Block, index: number): void {
    const { out } = this;
    const { insn } = block.steps[index] as Step;
    const { op, rd, rs1, rs2, imm } = insn;
    const size = accessBytes(op);
    const shared = this.#unit.sharedPageAccesses.has(this.#pc);
    if (isStore(op) && shared) {
      const opcode = STORES.get(op) ?? Wasm.UNREACHABLE;
      emitSharedPageStore(this, this.#unit.memory, insn, size, opcode, this.#unit.storeIndex);
      return;
    }
    const host = this.#hostLocalOf(rs1);
    const bias = this.#bias[rs1] as number;
    if (!this.#known.covers(rs1, imm, imm + size, isStore(op))) {
      const looksAtFlags = this.#unit.memory.loadFlags !== 0;
      const extent = extentOf(block, index, shared, looksAtFlags, (from) => this.#forwardFrom(from));
      emitCheck(this, this.#unit.memory, rs1, extent, size, host, bias);
      this.#known.learn(rs1, extent.lo, extent.hi, extent.write);
    }
    const offset = imm + this.#known.moved(rs1) - bias;
    out.get(host);
    if (isStore(op)) {
      this.push(rs2);
      out.memory(STORES.get(op) ?? Wasm.UNREACHABLE, offset);
    } else {
      out.memory(LOADS.get(op) ?? Wasm.UNREACHABLE, offset);
      this.#popOrDrop(rd);
    }
  }

  /** Blocks that execution may go on with, without a call in between and without going round a loop. */
  #forwardFrom(block: Block): Block[] {
    const { end } = block;
    if (end.kind === "call" || end.kind === "callIndirect") return [];
    const position = this.#positionOf(block);
    return successorsOf(end).filter((to) => this.#positionOf(to) > position);
  }

  #emitEnd(end: End): void {
    switch (end.kind) {
      case "jump":
        this.#goTo(end.to);
        return;
      case "branch":
        this.#pending++;
        this.#emitBranch(end.step.insn, end.taken, end.next);
        return;
      case "call":
      case "callIndirect":
        this.#emitCall(end);
        return;
      case "return":
        this.#pending++;
        this.#emitGuardedReturn(end.step, end.expected, end.to);
        return;
      case "switch":
        this.#pending++;
        this.#emitSwitch(end.step, end.candidates);
        return;
      case "computed":
        this.#pending++;
        this.#emitComputed(end.step);
        return;
      case "interpret":
        this.#leave(end.pc, Reason.INTERPRET);
        return;
      default:
        this.#leave(end.pc, Reason.NONE);
    }
  }

  #emitBranch(insn: Instruction, taken: Block, next: Block): void {
    const { out } = this;
    if (taken === next) {
      this.#goTo(next);
      return;
    }
    emitCondition(this, insn);
    const label = this.#plainBranch(taken);
    if (label !== undefined) {
      const position = this.#positionOf(taken);
      if (!this.#loopLabel.has(position)) this.#meet(position);
      out.branchIf(label);
      this.#goTo(next);
      return;
    }
    out.if();
    const [dirty, pending, known] = [this.#dirty, this.#pending, this.#known];
    this.#later.push(() => {
      out.end();
      [this.#dirty, this.#pending, this.#known] = [dirty, pending, known];
      this.#goTo(next);
    });
    this.#known = known.clone();
    this.#goTo(taken);
  }

  /** Stores the target in the next-pc local; the link, if any, is written behind it. */
  #emitTarget({ pc, insn }: Step): void {
    this.push(insn.rs1);
    if (insn.imm !== 0) {
      this.out.constant(insn.imm);
      this.out.op(Wasm.I32_ADD);
    }
    this.out.constant(-2);
    this.out.op(Wasm.I32_AND);
    this.out.set(this.#nextPc);
    this.#leaveIfMisaligned(pc);
    this.#link(pc, insn);
  }

  /**
   * Leaves at a computed jump whose target, in the next-pc local, is none: before it links, and before it counts, though it
   * is pending already.
   */
  #leaveIfMisaligned(pc: number): void {
    const { alignment } = this.#fn.graph;
    if (alignment === 0) return;
    this.out.get(this.#nextPc);
    this.out.constant(alignment);
    this.out.op(Wasm.I32_AND);
    this.out.if();
    this.#pending--;
    this.#leave(pc, Reason.INTERPRET);
    this.#pending++;
    this.out.end();
  }

  #emitComputed(step: Step): void {
    this.#emitTarget(step);
    this.#addToCount(this.#pending);
    this.#store(this.out, this.#dirty & ~this.#fn.signature.resultSet);
    this.#emitReturn(this.out);
  }

  /** Goes on in the candidate whose pc the target is, or leaves. */
  #emitSwitch(step: Step, candidates: readonly Block[]): void {
    const { out } = this;
    this.#emitTarget(step);
    const first = (candidates[0] as Block).pc;
    const last = (candidates.at(-1) as Block).pc;
    const leave = out.block();
    const labels = candidates.map(() => out.block()).reverse();
    // Targets are even: one label for each half-word from the first candidate to the last.
    const table: Label[] = Array.from({ length: (last - first) / 2 + 1 }, () => leave);
    candidates.forEach(({ pc }, i) => {
      table[(pc - first) / 2] = labels[i] as Label;
    });
    out.get(this.#nextPc);
    out.constant(first | 0);
    out.op(Wasm.I32_SUB);
    out.constant(1);
    out.op(Wasm.I32_SHR_U);
    out.branchTable(table, leave);
    const [dirty, pending, known] = [this.#dirty, this.#pending, this.#known];
    this.#later.push(() => {
      out.end();
      this.#addToCount(pending);
      out.branch(this.#exitLabel(dirty, Reason.NONE));
    });
    for (const candidate of [...candidates].reverse()) {
      this.#later.push(() => {
        out.end();
        [this.#dirty, this.#pending, this.#known] = [dirty, pending, known.clone()];
        this.#goTo(candidate);
      });
    }
  }

  #emitGuardedReturn({ pc, insn }: Step, expected: number, to: Block): void {
    const { out } = this;
    const [dirty, pending] = [this.#dirty, this.#pending];
    this.push(insn.rs1);
    out.constant(-2);
    out.op(Wasm.I32_AND);
    out.tee(this.#nextPc);
    this.#leaveIfMisaligned(pc);
    out.constant(expected | 0);
    out.op(Wasm.I32_NE);
    out.if();
    this.#addToCount(this.#pending);
    out.branch(this.#exitLabel(this.#dirty, Reason.NONE));
    out.end();
    [this.#dirty, this.#pending] = [dirty, pending];
    this.#goTo(to);
  }

  #emitCall(end: Extract<End, { kind: "call" | "callIndirect" }>): void {
    const { out } = this;
    const { step, returnPc, to } = end;
    const effect = calleeOf(end, this.#unit.functions);
    this.#pending++;
    if (end.kind === "callIndirect") this.#emitTarget(step);
    else this.#link(step.pc, step.insn);
    this.#addToCount(this.#pending);
    this.#pending = 0;
    const placement = placeCall(effect, this.#dirty);
    this.#store(out, placement.spilled);
    if (effect.callee === undefined) this.#callTable(end);
    else this.#callDirectly(effect, effect.callee);
    this.#dirty = placement.dirtyAfter;
    this.#known.forget(effect.writes);
    const position = this.#positionOf(to);
    const needed =
      (this.#placement.neededIn[position] as RegisterSet) | this.#dirty | this.#fn.signature.resultSet;
    this.#load(reloadedAfter(placement, needed));
    out.get(this.#nextPc);
    out.constant(returnPc | 0);
    out.op(Wasm.I32_NE);
    out.branchIf(this.#exitLabel(this.#dirty, Reason.NONE));
    if (effect.callee?.bounded !== true && !looksAtLimit(this.#fn, position)) {
      this.#lookAtLimit(returnPc, this.#fn.stretch[position] as number);
    }
    this.#goTo(to);
  }

  /** Leaves the next pc and the count in their locals. */
  #callDirectly(effect: CallEffect, callee: GuestFunction): void {
    const { out } = this;
    for (const register of effect.signature.parameters) this.push(register);
    out.get(this.#count);
    if (effect.signature.takesDepth) this.#pushDepth();
    out.call(this.#unit.indexOf.get(callee.pc) ?? -1);
    for (const register of [...effect.signature.results].reverse()) out.set(this.#localOf(register));
    out.set(this.#count);
    out.set(this.#nextPc);
  }

  #callTable(end: Extract<End, { kind: "call" | "callIndirect" }>): void {
    const { out } = this;
    if (end.kind === "call") {
      out.constant(end.target | 0);
      out.set(this.#nextPc);
    }
    out.get(this.#nextPc);
    out.get(this.#count);
    this.#pushDepth();
    out.get(this.#nextPc);
    out.constant(1);
    out.op(Wasm.I32_SHR_U);
    out.constant(this.#unit.tableMask);
    out.op(Wasm.I32_AND);
    out.callIndirect(this.#unit.tableType);
    out.set(this.#count);
    out.set(this.#nextPc);
  }

  #pushDepth(): void {
    this.out.get(this.#depth);
    this.out.constant(1);
    this.out.op(Wasm.I32_SUB);
  }
}

const LOADS: ReadonlyMap<Op, Wasm> = new Map([
  [Op.LB, Wasm.I32_LOAD8_S],
  [Op.LH, Wasm.I32_LOAD16_S],
  [Op.LW, Wasm.I32_LOAD],
  [Op.LBU, Wasm.I32_LOAD8_U],
  [Op.LHU, Wasm.I32_LOAD16_U],
]);

const STORES: ReadonlyMap<Op, Wasm> = new Map([
  [Op.SB, Wasm.I32_STORE8],
  [Op.SH, Wasm.I32_STORE16],
  [Op.SW, Wasm.I32_STORE],
]);

/**
 * What each register's host local is the address of: the lowest offset that any access adds, and room for the
 * register to move down. So every access has an offset that is not negative, as WebAssembly wants it.
 */
function findBiases(order: readonly Block[]): Int32Array {
  const bias = new Int32Array(32).fill(-MAX_MOVE);
  for (const { steps } of order) {
    for (const { insn } of steps) {
      if (isLoad(insn.op) || isStore(insn.op)) {
        bias[insn.rs1] = Math.min(bias[insn.rs1] as number, insn.imm - MAX_MOVE);
      }
    }
  }
  return bias;
}

/** By how much the count local lags at each block's head: as on the last way in, but not at all in a loop's. */
function findLags(fn: GuestFunction): number[] {
  const { order, forwardPredecessors, backPredecessors } = fn.flow;
  const lag = order.map(() => 0);
  for (let position = 1; position < order.length; position++) {
    const from = (forwardPredecessors[position] as readonly number[]).at(-1);
    const isHeader = (backPredecessors[position] as readonly number[]).length > 0;
    if (isHeader || from === undefined) continue;
    const { end, weight } = order[from] as Block;
    // Calls bring the count up.
    if (end.kind === "call" || end.kind === "callIndirect") continue;
    lag[position] = (lag[from] as number) + weight;
  }
  return lag;
}
