/**
 * Block discovery: from the entry of a guest function to the graph of its blocks, calls inlined where small.
 *
 * One graph has one entry, so every graph that is built from any pc, the middle of a loop included, is a
 * function of its own; that is what makes re-entry after an exit simple. A block belongs to a context: the
 * function itself or one inlined call of it, so the same pc may stand in several blocks.
 *
 * Invariants: blocks end at every branch target of their context; what may not be fetched, is not translated
 * or lies beyond the size limit ends the graph with an exit at exactly that pc. Nothing here trusts the
 * calling convention: a jalr that looks like a return is one only behind a comparison, unless the link
 * register provably still holds what the call wrote.
 */
import { decode, emptyInstruction, type Instruction, instructionLength, Op } from "../cpu/decode.ts";
import { alignmentBits, type Extensions } from "../cpu/isa.ts";
import { isConditionalBranch, isControlTransfer, isTranslated, RA, T0 } from "./registers.ts";

/** Where code is read from. */
export interface CodeReader {
  /** The 16-bit parcel at an even physical address, or -1 where nothing may be executed. */
  parcel(pc: number): number;
  /** What its instructions are. */
  readonly extensions: Extensions;
}

export interface Step {
  readonly pc: number;
  readonly insn: Instruction;
}

/** How a block goes on. `step` is the control transfer itself; it is not among the block's steps. */
export type End =
  | { readonly kind: "jump"; readonly to: Block }
  | { readonly kind: "branch"; readonly step: Step; readonly taken: Block; readonly next: Block }
  /** jal to another guest function; goes on at `to` if that returns to `returnPc`. */
  | {
      readonly kind: "call";
      readonly step: Step;
      readonly target: number;
      readonly returnPc: number;
      readonly to: Block;
    }
  /** jalr that links: like a call, the target known at run time only. */
  | { readonly kind: "callIndirect"; readonly step: Step; readonly returnPc: number; readonly to: Block }
  /** Return of an inlined call: to `to` if the register holds `expected`, else it leaves. */
  | { readonly kind: "return"; readonly step: Step; readonly expected: number; readonly to: Block }
  /** jalr without link through another register than a link register; blocks that it probably goes to. */
  | { readonly kind: "switch"; readonly step: Step; readonly candidates: readonly Block[] }
  /** Any other jalr: leaves the function with the computed pc. */
  | { readonly kind: "computed"; readonly step: Step }
  /** The instruction at `pc` is the interpreter's. */
  | { readonly kind: "interpret"; readonly pc: number }
  /** The dispatcher goes on at `pc`. */
  | { readonly kind: "leave"; readonly pc: number };

export interface Block {
  readonly pc: number;
  readonly steps: Step[];
  end: End;
  /** Instructions that retire when the block runs through, its end included. */
  weight: number;
}

export interface Graph {
  readonly entry: Block;
  readonly blocks: readonly Block[];
  /** Guest instructions in all blocks. */
  readonly instructions: number;
  /** Entries of the guest functions that are called, each once. */
  readonly callees: readonly number[];
  /** Bits that no target of a jump may have: a computed one that has is the interpreter's, which raises the exception. */
  readonly alignment: number;
}

export interface GraphLimits {
  /** Instructions in one graph; what lies beyond is left by an exit. */
  readonly functionInstructions: number;
  /** A callee of at most so many instructions (its own inlined calls included) is inlined. */
  readonly inlineInstructions: number;
  /** Calls inlined within one another. */
  readonly inlineDepth: number;
}

export const DEFAULT_LIMITS: GraphLimits = {
  // Bounds the code between two looks at LIMIT, the nesting of blocks, and what one compilation costs.
  functionInstructions: 2000,
  // A wasm call with its spills costs some thirty instructions; below that order inlining pays in size too.
  inlineInstructions: 60,
  inlineDepth: 4,
};

/** The block successors of an end, in the order in which it names them. */
export function successorsOf(end: End): readonly Block[] {
  switch (end.kind) {
    case "branch":
      return end.taken === end.next ? [end.next] : [end.taken, end.next];
    case "jump":
    case "call":
    case "callIndirect":
    case "return":
      return [end.to];
    case "switch":
      return end.candidates;
    default:
      return [];
  }
}

/** The same end with other successors. */
export function mapSuccessors(end: End, map: (block: Block) => Block): End {
  switch (end.kind) {
    case "branch":
      return { ...end, taken: map(end.taken), next: map(end.next) };
    case "switch":
      return { ...end, candidates: end.candidates.map(map) };
    case "jump":
    case "call":
    case "callIndirect":
    case "return":
      return { ...end, to: map(end.to) };
    default:
      return end;
  }
}

/** The function itself (no parent) or one inlined call. */
interface Context {
  readonly parent: Context | undefined;
  readonly depth: number;
  readonly entry: number;
  readonly returnPc: number;
  /** The body never writes ra: its return goes to returnPc for certain. */
  readonly keepsLink: boolean;
  readonly instructions: Map<number, Instruction | null>;
  readonly leaders: Set<number>;
  readonly inlined: Map<number, Context>;
  /** Constant addresses that the code makes: where jump tables may lie. */
  readonly constants: Set<number>;
  /** Jumps whose target only a register tells. */
  computedJumps: number;
  /** Where those jumps probably go. */
  readonly jumpTargets: Set<number>;
  readonly blocks: Map<number, Block>;
}

/** What is known of a callee before it is inlined. */
interface Callee {
  readonly inlinable: boolean;
  /** Instructions, inlined calls included. */
  readonly size: number;
  readonly keepsLink: boolean;
}

const NOT_INLINABLE: Callee = { inlinable: false, size: 0, keepsLink: false };
/** Entries of one jump table that are looked at, and how far from its code a table leads. */
const MAX_JUMP_TABLE = 128;
const MAX_JUMP_DISTANCE = 4096;
/** Hints are for the one jump of an interpreter's loop. */
const MAX_HINTED_JUMPS = 2;
/**
 * Threaded code jumps from everywhere to everywhere: there a table for each jump is far more code, and far more work for
 * V8, than going by the dispatcher costs.
 */
const MAX_TABLED_JUMPS = 8;
/**
 * Half-words from the first place that a graph's computed jumps may go to to the last, for all these jumps together:
 * each gets a table of so many. Beyond, where they go is found at run time, or the guest could have code of any size.
 */
const MAX_SWITCH_HALVES = 1 << 16;

const NOWHERE: End = { kind: "leave", pc: 0 };

/** jalr that by the ABI's hints returns: no link, through ra or t0, no offset. */
function isReturn(insn: Instruction): boolean {
  return insn.op === Op.JALR && insn.rd === 0 && insn.imm === 0 && (insn.rs1 === RA || insn.rs1 === T0);
}

function isLink(register: number): boolean {
  return register === RA || register === T0;
}

/** Reads one instruction, or undefined where it cannot be fetched whole. */
export function fetchInstruction(code: CodeReader, pc: number): Instruction | undefined {
  const low = code.parcel(pc);
  if (low < 0) return undefined;
  let bits = low;
  if (instructionLength(low) === 4) {
    const high = code.parcel((pc + 2) >>> 0);
    if (high < 0) return undefined;
    bits = low | (high << 16);
  }
  const insn = emptyInstruction();
  decode(bits, insn, code.extensions);
  return insn;
}

/** Builds graphs over one piece of code. Keeps what it learnt of callees, so it lives as long as one unit. */
export class GraphBuilder {
  readonly #code: CodeReader;
  readonly #limits: GraphLimits;
  readonly #step: () => void;
  readonly #hints: readonly number[];
  readonly #callees = new Map<number, Callee>();
  readonly #alignment: number;
  #instructions = 0;

  /**
   * @param step called at every step, about a block
   * @param hints addresses at which jump tables may lie, besides those that the code makes
   */
  constructor(code: CodeReader, limits: GraphLimits, step: () => void, hints: readonly number[] = []) {
    this.#code = code;
    this.#alignment = alignmentBits(code.extensions);
    this.#limits = limits;
    this.#step = step;
    this.#hints = hints;
  }

  build(entry: number): Graph {
    this.#instructions = 0;
    const root = newContext(undefined, entry, 0, false);
    this.#explore(root);
    const blocks: Block[] = [];
    const callees = new Set<number>();
    const first = this.#blockAt(root, entry, blocks, callees);
    // blockAt appends what it meets, so this loop ends when nothing new was met.
    for (const block of blocks) block.weight = block.steps.length + (hasOwnInstruction(block.end) ? 1 : 0);
    const instructions = blocks.reduce((sum, block) => sum + block.weight, 0);
    return { entry: first, blocks, instructions, callees: [...callees], alignment: this.#alignment };
  }

  /** Decodes everything that direct control flow reaches in this context and marks where blocks begin. */
  #explore(context: Context): void {
    const work = [context.entry];
    context.leaders.add(context.entry);
    for (;;) {
      for (let pc = work.pop(); pc !== undefined; pc = work.pop()) this.#exploreFrom(context, pc, work);
      if (context.computedJumps === 0) return;
      const before = context.jumpTargets.size;
      for (const address of context.constants) this.#readJumpTable(context, address, work);
      if (context.computedJumps <= MAX_HINTED_JUMPS) {
        for (const address of this.#hints) this.#readJumpTable(context, address, work);
      }
      if (context.jumpTargets.size === before) return;
    }
  }

  /**
   * Takes words at a constant address for a jump table as long as each is an address near the code. Only a hint:
   * where a jump really goes is compared when it is made.
   */
  #readJumpTable(context: Context, address: number, work: number[]): void {
    for (let index = 0; index < MAX_JUMP_TABLE; index++) {
      const low = this.#code.parcel((address + 4 * index) >>> 0);
      const high = this.#code.parcel((address + 4 * index + 2) >>> 0);
      if (low < 0 || high < 0) return;
      const target = ((high << 16) | low) >>> 0;
      if ((target & 1) !== 0 || Math.abs(target - context.entry) > MAX_JUMP_DISTANCE) return;
      if (context.jumpTargets.has(target)) continue;
      context.jumpTargets.add(target);
      context.leaders.add(target);
      work.push(target);
    }
  }

  #exploreFrom(context: Context, start: number, work: number[]): void {
    this.#step();
    const follow = (pc: number): void => {
      context.leaders.add(pc);
      if (!context.instructions.has(pc)) work.push(pc);
    };
    // Upper halves of constants, by register, as far as they were made on this way.
    const upper = new Map<number, number>();
    for (let pc = start; !context.instructions.has(pc); ) {
      if (this.#instructions >= this.#limits.functionInstructions) return;
      const insn = fetchInstruction(this.#code, pc);
      if (insn === undefined || !this.#translates(insn)) {
        context.instructions.set(pc, null);
        return;
      }
      context.instructions.set(pc, insn);
      this.#instructions++;
      if (insn.op === Op.LUI || insn.op === Op.AUIPC) {
        upper.set(insn.rd, insn.op === Op.LUI ? insn.imm : pc + insn.imm);
      } else if (insn.op === Op.ADDI) {
        const base = upper.get(insn.rs1);
        if (base !== undefined) context.constants.add((base + insn.imm) >>> 0);
      }
      const next = (pc + insn.length) >>> 0;
      if (isConditionalBranch(insn.op)) {
        follow(next);
        follow((pc + insn.imm) >>> 0);
        return;
      }
      if (insn.op === Op.JAL) {
        if (isLink(insn.rd)) {
          follow(next);
          this.#inline(context, pc, insn, next);
        } else {
          follow((pc + insn.imm) >>> 0);
        }
        return;
      }
      if (insn.op === Op.JALR) {
        if (isLink(insn.rd)) follow(next);
        else if (!isReturn(insn)) context.computedJumps++;
        return;
      }
      pc = next;
    }
  }

  /** Not a jump or branch to where the hart has no instruction. */
  #translates({ op, imm }: Instruction): boolean {
    const isDirect = isControlTransfer(op) && op !== Op.JALR;
    return isTranslated(op) && !(isDirect && (imm & this.#alignment) !== 0);
  }

  #inline(context: Context, pc: number, insn: Instruction, returnPc: number): void {
    const target = (pc + insn.imm) >>> 0;
    if (insn.rd !== RA || context.depth >= this.#limits.inlineDepth) return;
    const callee = this.#summarize(target, 0);
    if (!callee.inlinable || this.#instructions + callee.size > this.#limits.functionInstructions / 2) return;
    const child = newContext(context, target, returnPc, callee.keepsLink);
    context.inlined.set(pc, child);
    this.#explore(child);
  }

  /** Decides whether a callee may be inlined: small, ends only in returns, calls only what may be inlined. */
  #summarize(entry: number, depth: number): Callee {
    const known = this.#callees.get(entry);
    if (known !== undefined) return known;
    // Stands while the callee's own calls are looked at: whatever calls itself is not inlined.
    this.#callees.set(entry, NOT_INLINABLE);
    const summary = depth > this.#limits.inlineDepth ? NOT_INLINABLE : this.#scanCallee(entry, depth);
    this.#callees.set(entry, summary);
    return summary;
  }

  #scanCallee(entry: number, depth: number): Callee {
    const seen = new Set<number>();
    const work = [entry];
    let size = 0;
    let keepsLink = true;
    for (let start = work.pop(); start !== undefined; start = work.pop()) {
      for (let pc = start; !seen.has(pc); ) {
        seen.add(pc);
        const insn = fetchInstruction(this.#code, pc);
        if (insn === undefined || !this.#translates(insn)) break;
        if (++size > this.#limits.inlineInstructions) return NOT_INLINABLE;
        if (insn.rd === RA) keepsLink = false;
        const next = (pc + insn.length) >>> 0;
        if (isConditionalBranch(insn.op)) work.push((pc + insn.imm) >>> 0);
        if (insn.op === Op.JALR) {
          if (!isReturn(insn) || insn.rs1 !== RA) return NOT_INLINABLE;
          break;
        }
        if (insn.op === Op.JAL) {
          const target = (pc + insn.imm) >>> 0;
          if (insn.rd === 0) {
            pc = target;
            continue;
          }
          if (insn.rd !== RA) return NOT_INLINABLE;
          const callee = this.#summarize(target, depth + 1);
          size += callee.size;
          if (!callee.inlinable || size > this.#limits.inlineInstructions) return NOT_INLINABLE;
        }
        pc = next;
      }
    }
    return { inlinable: true, size, keepsLink };
  }

  #blockAt(context: Context, pc: number, blocks: Block[], callees: Set<number>): Block {
    const pending: { block: Block; context: Context }[] = [];
    const reach = (where: Context, at: number): Block => {
      const known = where.blocks.get(at);
      if (known !== undefined) return known;
      const block: Block = { pc: at, steps: [], end: NOWHERE, weight: 0 };
      where.blocks.set(at, block);
      blocks.push(block);
      pending.push({ block, context: where });
      return block;
    };
    const first = reach(context, pc);
    for (let item = pending.pop(); item !== undefined; item = pending.pop()) {
      this.#step();
      item.block.end = fill(item.block, item.context, reach, callees);
    }
    return first;
  }
}

function newContext(
  parent: Context | undefined,
  entry: number,
  returnPc: number,
  keepsLink: boolean,
): Context {
  return {
    parent,
    depth: parent === undefined ? 0 : parent.depth + 1,
    entry,
    returnPc,
    keepsLink,
    instructions: new Map(),
    leaders: new Set(),
    inlined: new Map(),
    constants: new Set(),
    computedJumps: 0,
    jumpTargets: new Set(),
    blocks: new Map(),
  };
}

/** Moves a block's instructions into it up to its end, which is returned. */
function fill(
  block: Block,
  context: Context,
  reach: (context: Context, pc: number) => Block,
  callees: Set<number>,
): End {
  for (let pc = block.pc; ; ) {
    if (pc !== block.pc && context.leaders.has(pc)) return { kind: "jump", to: reach(context, pc) };
    const insn = context.instructions.get(pc);
    if (insn === undefined) return { kind: "leave", pc };
    if (insn === null) return { kind: "interpret", pc };
    const step: Step = { pc, insn };
    const next = (pc + insn.length) >>> 0;
    if (isConditionalBranch(insn.op)) {
      const taken = reach(context, (pc + insn.imm) >>> 0);
      return { kind: "branch", step, taken, next: reach(context, next) };
    }
    if (insn.op === Op.JAL) {
      const target = (pc + insn.imm) >>> 0;
      const inlined = context.inlined.get(pc);
      if (isLink(insn.rd) && inlined === undefined) {
        callees.add(target);
        return { kind: "call", step, target, returnPc: next, to: reach(context, next) };
      }
      // The link is written by the step; the jump itself costs nothing.
      block.steps.push(step);
      return { kind: "jump", to: inlined === undefined ? reach(context, target) : reach(inlined, target) };
    }
    if (insn.op === Op.JALR) return fillJalr(block, context, step, next, reach);
    block.steps.push(step);
    pc = next;
  }
}

function fillJalr(
  block: Block,
  context: Context,
  step: Step,
  next: number,
  reach: (context: Context, pc: number) => Block,
): End {
  const { insn } = step;
  if (isLink(insn.rd)) return { kind: "callIndirect", step, returnPc: next, to: reach(context, next) };
  const { parent } = context;
  if (insn.rd === 0 && !isReturn(insn)) {
    const candidates = jumpCandidates(context).map((pc) => reach(context, pc));
    if (candidates.length > 0) return { kind: "switch", step, candidates };
  }
  if (parent === undefined || !isReturn(insn) || insn.rs1 !== RA) return { kind: "computed", step };
  const to = reach(parent, context.returnPc);
  if (!context.keepsLink) return { kind: "return", step, expected: context.returnPc, to };
  block.steps.push(step);
  return { kind: "jump", to };
}

/** Where the context's computed jumps probably go, ascending; nowhere if there would be too much code for that. */
function jumpCandidates({ jumpTargets, computedJumps }: Context): number[] {
  const targets = [...jumpTargets].sort((a, b) => a - b);
  const halves = ((targets.at(-1) ?? 0) - (targets[0] ?? 0)) / 2 + 1;
  return computedJumps > MAX_TABLED_JUMPS || halves * computedJumps > MAX_SWITCH_HALVES ? [] : targets;
}

/** Whether the end retires an instruction that is not among the block's steps. */
function hasOwnInstruction(end: End): boolean {
  return "step" in end;
}
