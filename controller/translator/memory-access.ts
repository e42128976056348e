/**
 * Loads and stores as WebAssembly: one range check for each base register value, then plain accesses.
 *
 * A check establishes a *fact*: the bytes from `lo` to `hi` around the value of a guest register are memory,
 * and the host local of that register is their address there, plus the register's bias. It holds until the
 * register is written, moves with it when a constant is added, and the next accesses off the same base need no
 * check. Where paths meet the facts of all
 * of them are intersected; a loop keeps those whose register it does not write and that has not moved.
 *
 * RAM is stored to only where the line has no flag that counts (LineFlag: no code on it, nobody watches, no access that
 * needs a second look), host memory only while the watched global is 0. Where loads of RAM may need a second look they
 * look at the flags, too; what does of other memory is in none of the segments. Flags and global are set by the thread that runs this code, outside of it, so they hold as long
 * as the fact.
 * All that a check refuses the interpreter does; a check may refuse more than it must.
 */
import { LINE_BYTES, LINE_SHIFT, PAGE_BYTES } from "../../emulator/memory/layout.ts";
import { accessBytes, type Instruction, Op } from "../cpu/decode.ts";
import { type CodeWriter, Wasm } from "../wasm/emitter.ts";
import type { Block, Step } from "./graph.ts";
import { isLoad, isStore } from "./registers.ts";

/** Guest addresses with plain memory behind them. */
export interface Segment {
  readonly base: number;
  readonly bytes: number;
  /** Host offset. */
  readonly offset: number;
}

/** What generated code may touch of the shared memory. */
export interface GuestMemory {
  readonly ram: Segment;
  /** Host offset of the flag byte of RAM's first line. */
  readonly ramFlags: number;
  /** Flags of a line by which a load and a store are refused; 0: loads do not look at them. */
  readonly loadFlags: number;
  readonly storeFlags: number;
  /** Besides RAM, in the order in which they are tried. */
  readonly readable: readonly Segment[];
  /** Stored to unless somebody watches, as the watched global says. */
  readonly writable: readonly Segment[];
}

/** A register may move so far before its facts are dropped; its host local leaves that much room below. */
export const MAX_MOVE = 256;
/** Blocks that are looked through for further accesses with one base. */
const MAX_LOOK_AHEAD = 8;

const enum Known {
  NOTHING = 0,
  READABLE = 1,
  WRITABLE = 2,
}

/** What is known of a register: {@link Known}, the extent around its value, what was added since its host local was set. */
const enum Fact {
  KNOWN = 0,
  LO = 32,
  HI = 64,
  MOVED = 96,
  WORDS = 128,
}

/** What is known of each guest register's value as an address: the extent is relative to its present value. */
export class Facts {
  /** One array, as one is copied at each branch. */
  readonly #facts: Int32Array;

  constructor(facts = new Int32Array(Fact.WORDS)) {
    this.#facts = facts;
  }

  clone(): Facts {
    return new Facts(this.#facts.slice());
  }

  covers(register: number, lo: number, hi: number, write: boolean): boolean {
    const facts = this.#facts;
    const enough = (facts[Fact.KNOWN + register] as number) >= (write ? Known.WRITABLE : Known.READABLE);
    return (
      enough && (facts[Fact.LO + register] as number) <= lo && (facts[Fact.HI + register] as number) >= hi
    );
  }

  learn(register: number, lo: number, hi: number, write: boolean): void {
    const facts = this.#facts;
    facts[Fact.KNOWN + register] = write ? Known.WRITABLE : Known.READABLE;
    facts[Fact.LO + register] = lo;
    facts[Fact.HI + register] = hi;
    facts[Fact.MOVED + register] = 0;
  }

  /** What has been added to the register since its host local was set. */
  moved(register: number): number {
    return this.#facts[Fact.MOVED + register] as number;
  }

  /** A constant was added to the register. */
  move(register: number, amount: number): void {
    const facts = this.#facts;
    const moved = (facts[Fact.MOVED + register] as number) + amount;
    facts[Fact.MOVED + register] = moved;
    facts[Fact.LO + register] = (facts[Fact.LO + register] as number) - amount;
    facts[Fact.HI + register] = (facts[Fact.HI + register] as number) - amount;
    if (Math.abs(moved) > MAX_MOVE) facts[Fact.KNOWN + register] = Known.NOTHING;
  }

  /** Forgets every register of the set. */
  forget(registers: number): void {
    for (let register = 0; register < 32; register++) {
      if (((registers >>> register) & 1) !== 0) this.#facts[Fact.KNOWN + register] = Known.NOTHING;
    }
  }

  /**
   * At a loop's header: keeps only what a check inside the loop leaves as it is. Such a check sets the host local to
   * the register's present value, and the way back must find what was known on the way in.
   */
  forgetMoved(): void {
    for (let register = 0; register < 32; register++) {
      if (this.moved(register) !== 0) this.#facts[Fact.KNOWN + register] = Known.NOTHING;
    }
  }

  /** Keeps what both know. */
  intersect(other: Facts): void {
    const [ours, theirs] = [this.#facts, other.#facts];
    for (let register = 0; register < 32; register++) {
      const lo = Math.max(ours[Fact.LO + register] as number, theirs[Fact.LO + register] as number);
      const hi = Math.min(ours[Fact.HI + register] as number, theirs[Fact.HI + register] as number);
      const known = Math.min(ours[Fact.KNOWN + register] as number, theirs[Fact.KNOWN + register] as number);
      ours[Fact.LO + register] = lo;
      ours[Fact.HI + register] = hi;
      const apart = this.moved(register) !== other.moved(register);
      ours[Fact.KNOWN + register] = lo < hi && !apart ? known : Known.NOTHING;
    }
  }
}

/** Bytes around a base register that one check is to cover. */
export interface Extent {
  readonly lo: number;
  readonly hi: number;
  readonly write: boolean;
}

/**
 * The extent of access `index` of the block and of those that may follow with the same base, whether it moves by
 * constants or not; stores among them only unless `loadsOnly`. It touches two lines at the most if it has a store or
 * `looksAtFlags`. `following` are the blocks that a block leads to, going forward.
 */
export function extentOf(
  block: Block,
  index: number,
  loadsOnly: boolean,
  looksAtFlags: boolean,
  following: (block: Block) => readonly Block[],
): Extent {
  const { insn: first } = block.steps[index] as Step;
  const base = first.rs1;
  let lo = first.imm;
  let hi = first.imm + accessBytes(first.op);
  let write = isStore(first.op);
  let blocksLeft = MAX_LOOK_AHEAD;
  const scan = (at: Block, from: number, start: number): void => {
    let moved = start;
    for (let i = from; i < at.steps.length; i++) {
      const { insn } = at.steps[i] as Step;
      if ((isLoad(insn.op) || (isStore(insn.op) && !loadsOnly)) && insn.rs1 === base) {
        const below = Math.min(lo, insn.imm + moved);
        const above = Math.max(hi, insn.imm + moved + accessBytes(insn.op));
        // Where flags are looked at, it is those of two lines, so the extent touches two lines at most.
        const longest = looksAtFlags || write || isStore(insn.op) ? LINE_BYTES : PAGE_BYTES;
        if (above - below > longest) return;
        lo = below;
        hi = above;
        write ||= isStore(insn.op);
      }
      if (insn.rd !== base) continue;
      if (!isMove(insn) || Math.abs(moved + insn.imm) > MAX_MOVE) return;
      moved += insn.imm;
    }
    for (const next of following(at)) if (blocksLeft-- > 0) scan(next, 0, moved);
  };
  scan(block, index, 0);
  return { lo, hi, write };
}

/** Whether `insn` adds a constant to a register. */
export function isMove({ op, rd, rs1 }: Instruction): boolean {
  return op === Op.ADDI && rd === rs1 && rd !== 0;
}

/** Locals and exits that a check uses. */
export interface CheckContext {
  readonly out: CodeWriter;
  push(register: number): void;
  readonly scratch: number;
  readonly scratch2: number;
  /** A global that is not 0 while stores to {@link GuestMemory.writable} are watched. */
  readonly watchedGlobal: number;
  /** Emits an exit to the interpreter at the access; it never falls through. */
  refuse(): void;
}

/**
 * Emits a check of `extent` around `base`; behind it `hostLocal` is the host address of base plus `bias`.
 * `size` is that of the first access.
 */
export function emitCheck(
  context: CheckContext,
  memory: GuestMemory,
  base: number,
  extent: Extent,
  size: number,
  hostLocal: number,
  bias: number,
): void {
  const { out, scratch } = context;
  const { lo, hi, write } = extent;
  const { ram } = memory;
  context.push(base);
  out.constant((lo - ram.base) | 0);
  out.op(Wasm.I32_ADD);
  out.tee(scratch);
  const alone = hi - lo === size;
  if (write && alone && size > 1) {
    // Rotated right, a misaligned offset is as large as one beyond RAM: one comparison refuses both.
    const shift = size === 4 ? 2 : 1;
    out.constant(shift);
    out.op(Wasm.I32_ROTR);
    out.constant((ram.bytes >>> shift) - 1);
  } else {
    out.constant(ram.bytes - (hi - lo));
  }
  out.op(Wasm.I32_GT_U);
  const toHost = (ram.offset + bias - lo) | 0;
  const others = write ? memory.writable : memory.readable;
  out.if();
  if (others.length === 0) {
    context.refuse();
    out.end();
  } else {
    emitOtherSegments(context, others, base, extent, hostLocal, bias);
    out.else();
  }
  // A load alone is not necessarily aligned.
  if (write) emitFlagCheck(context, memory, alone ? 0 : hi - lo - 1, memory.storeFlags | memory.loadFlags);
  else if (memory.loadFlags !== 0) emitFlagCheck(context, memory, hi - lo - 1, memory.loadFlags);
  emitOffset(context, scratch, toHost, hostLocal);
  if (others.length > 0) out.end();
}

function emitOffset({ out }: CheckContext, from: number, offset: number, to: number): void {
  out.get(from);
  out.constant(offset);
  out.op(Wasm.I32_ADD);
  out.set(to);
}

/** Refuses if the line of the first byte, or of the one `distance` bytes on, has one of these flags. */
export function emitFlagCheck(
  context: CheckContext,
  memory: GuestMemory,
  distance: number,
  flags: number,
): void {
  emitFlags(context, memory, distance, flags);
  context.out.if();
  context.refuse();
  context.out.end();
}

/** Pushes these flags of the line of the byte at the RAM offset in scratch, and of that `distance` bytes on. */
function emitFlags(
  { out, scratch }: CheckContext,
  memory: GuestMemory,
  distance: number,
  flags: number,
): void {
  const pushFlag = (offset: number): void => {
    out.get(scratch);
    if (offset > 0) {
      out.constant(offset);
      out.op(Wasm.I32_ADD);
    }
    out.constant(LINE_SHIFT);
    out.op(Wasm.I32_SHR_U);
    out.memory(Wasm.I32_LOAD8_U, memory.ramFlags);
  };
  pushFlag(0);
  if (distance > 0) {
    pushFlag(distance);
    out.op(Wasm.I32_OR);
  }
  out.constant(flags);
  out.op(Wasm.I32_AND);
}

/**
 * Emits a store to a line that holds code, too, as was seen before: if a flag is set the host function
 * `storeIndex` (address, size, value) makes the store and returns 1, or 0 where it must not. Without facts.
 */
export function emitSharedPageStore(
  context: CheckContext,
  memory: GuestMemory,
  { rs1, rs2, imm }: Instruction,
  size: number,
  opcode: Wasm,
  storeIndex: number,
): void {
  const { out, scratch } = context;
  context.push(rs1);
  out.constant((imm - memory.ram.base) | 0);
  out.op(Wasm.I32_ADD);
  out.tee(scratch);
  out.constant(memory.ram.bytes - size);
  out.op(Wasm.I32_GT_U);
  out.if();
  context.refuse();
  out.end();
  emitFlags(context, memory, size - 1, memory.storeFlags);
  out.if();
  context.push(rs1);
  out.constant(imm);
  out.op(Wasm.I32_ADD);
  out.constant(size);
  context.push(rs2);
  out.call(storeIndex);
  out.op(Wasm.I32_EQZ);
  out.if();
  context.refuse();
  out.end();
  out.else();
  out.get(scratch);
  context.push(rs2);
  out.memory(opcode, memory.ram.offset);
  out.end();
}

function emitOtherSegments(
  context: CheckContext,
  segments: readonly Segment[],
  base: number,
  { lo, hi, write }: Extent,
  hostLocal: number,
  bias: number,
): void {
  const { out, scratch2 } = context;
  if (write) {
    out.getGlobal(context.watchedGlobal);
    out.if();
    context.refuse();
    out.end();
  }
  const found = out.block();
  for (const segment of segments) {
    context.push(base);
    out.constant((lo - segment.base) | 0);
    out.op(Wasm.I32_ADD);
    out.tee(scratch2);
    out.constant(segment.bytes - (hi - lo));
    out.op(Wasm.I32_LE_U);
    out.if();
    emitOffset(context, scratch2, (segment.offset + bias - lo) | 0, hostLocal);
    out.branch(found);
    out.end();
  }
  context.refuse();
  out.end();
}
