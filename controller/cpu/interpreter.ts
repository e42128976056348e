/**
 * The reference engine: a predecoding interpreter.
 *
 * Each instruction is one entry of two words (micro.ts). The inner loop (stride.ts) executes what is common
 * and leaves the rest to {@link Interpreter.#step}, one instruction at a time. Before each instruction the count of
 * retired ones is compared with LIMIT in shared memory, so a budget is exact and another thread's halt is felt at
 * the next instruction.
 */
import type { AccessGuard, AccessView } from "./access-guard.ts";
import { Access } from "./access-zones.ts";
import type { AddressSpace } from "./address-space.ts";
import type { CodeSegment } from "./code-segment.ts";
import { advanceCounter, CsrFile, countInstructions, countWritingInstruction, MSTATUSH_MDT } from "./csr.ts";
import type { DataPath } from "./data-path.ts";
import { accessBytes, decode, emptyInstruction, type Instruction, instructionLength, Op } from "./decode.ts";
import type { DecodedCode } from "./decoded-code.ts";
import { type Bus, Cause, type Engine, InterruptBit, MAX_TRAPS_ALIKE, Stop } from "./engine.ts";
import { Hart, type HartFeatures, Mode, MSTATUS_MPP, Mstatus, NO_CAUSE } from "./hart.ts";
import { alignmentBits, type Extensions } from "./isa.ts";
import { type EntryOp, entryOpOf, lengthOf, Micro, rdOf, rs1Of, rs2Of } from "./micro.ts";
import {
  createGuardedStride,
  createStride,
  type EntryRange,
  type GuardedStride,
  NO_ENTRY,
  type Stride,
} from "./stride.ts";
import { disableTriggers, isTriggerCsr, restoreTriggers, type Triggers } from "./triggers.ts";

/** Counts of instructions within a run stay small integers. */
const MAX_LIMIT = 2 ** 30;
/** Instructions of one run of the interpreter at most: V8 replaces the inner loop's code only when it is called again. */
const MAX_RUN = 2 ** 16;
const HALF_WORD = 2;
const INTERRUPT = 1 << 31;
const SOFTWARE_INTERRUPT = INTERRUPT | 3;
const TIMER_INTERRUPT = INTERRUPT | 7;
const EXTERNAL_INTERRUPT = INTERRUPT | 11;

export interface InterpreterParts {
  /** {@link Hart} words. */
  readonly hart: Int32Array;
  readonly space: AddressSpace;
  readonly code: DecodedCode;
  readonly data: DataPath;
  readonly bus: Bus;
  readonly extensions: Extensions;
  readonly guard: AccessGuard;
  readonly features: HartFeatures;
  /** Where the hart has Sdtrig. */
  readonly triggers?: Triggers | undefined;
}

export class Interpreter implements Engine {
  readonly #hart: Int32Array;
  readonly #space: AddressSpace;
  readonly #code: DecodedCode;
  readonly #data: DataPath;
  readonly #bus: Bus;
  readonly #extensions: Extensions;
  /** Bits that no target of a jump may have. */
  readonly #alignment: number;
  readonly #guard: AccessGuard;
  readonly #features: HartFeatures;
  readonly #csrs: CsrFile;
  readonly #triggers: Triggers | undefined;
  readonly #stride: Stride;
  /** Made when something needs a second look for the first time. */
  #guardedStride: GuardedStride | undefined;
  readonly #scratch = emptyInstruction();
  /** The segment that executes. */
  #segment: CodeSegment;
  /** What of it is executed without a second look; undefined: all. */
  #fetches: EntryRange | undefined;
  /** Why the run ends, once something says NO_ENTRY. */
  #stop: Stop = Stop.LIMIT;
  #stopsAtEntries = false;

  constructor(parts: InterpreterParts) {
    this.#hart = parts.hart;
    this.#space = parts.space;
    this.#code = parts.code;
    this.#data = parts.data;
    this.#bus = parts.bus;
    this.#extensions = parts.extensions;
    this.#alignment = alignmentBits(parts.extensions);
    this.#guard = parts.guard;
    this.#features = parts.features;
    this.#csrs = new CsrFile(parts);
    this.#triggers = parts.triggers;
    this.#segment = parts.code.ram;
    this.#stride = createStride(parts.space, parts.code.entriesOffset, this.#alignment);
  }

  run(maxInstructions: number): Stop {
    const early = this.begin(Math.min(maxInstructions, MAX_RUN));
    if (early !== undefined) return early;
    this.proceed();
    return this.finish();
  }

  /** Opens a run; whatever it returns is the run's result, and the run is not open then. */
  begin(maxInstructions: number): Stop | undefined {
    const hart = this.#hart;
    Atomics.store(hart, Hart.LIMIT, Math.min(maxInstructions, MAX_LIMIT));
    if (Atomics.load(hart, Hart.ATTENTION) !== 0) return Stop.LIMIT;
    if ((hart[Hart.WAITING] as number) !== 0) {
      if (this.#enabledInterrupts() === 0) return Stop.WFI;
      hart[Hart.WAITING] = 0;
    }
    return undefined;
  }

  /**
   * Executes within an open run, from PC and RUN_RETIRED on. With `stopsAtEntries` it also comes back at a
   * marked entry, before it executes it: Stop.ENTRY.
   */
  proceed(stopsAtEntries = false): Stop {
    this.#stop = Stop.LIMIT;
    this.#stopsAtEntries = stopsAtEntries;
    const start = this.#resume(this.#hart[Hart.PC] as number);
    if (start !== NO_ENTRY) this.#execute(start);
    return this.#stop;
  }

  /** Closes a run and counts what it retired. */
  finish(): Stop {
    const hart = this.#hart;
    const retired = hart[Hart.RUN_RETIRED] as number;
    countInstructions(hart, retired);
    advanceCounter(hart, Hart.RETIRED_LO, retired);
    hart[Hart.RUN_RETIRED] = 0;
    hart[Hart.COUNTED] = 0;
    return this.#stop;
  }

  /** Between runs: takes an exception at PC in place of the instruction there. The result is as that of a run. */
  takeException(cause: Cause, value: number): Stop {
    const hart = this.#hart;
    hart[Hart.WAITING] = 0;
    this.#stop = Stop.LIMIT;
    const index = this.#trap(cause, value, hart[Hart.PC] as number);
    const { base, entryBase } = this.#segment;
    if (index !== NO_ENTRY) hart[Hart.PC] = index - entryBase + base;
    return this.#stop;
  }

  /** Executes from the entry `start` until LIMIT is reached or a step ends the run. */
  #execute(start: number): void {
    const { entries } = this.#code;
    let index = this.#advance(start);
    while (index !== NO_ENTRY) {
      const next = this.#step(entries[index] as number, index);
      index = next === NO_ENTRY ? NO_ENTRY : this.#advance(next);
    }
  }

  #advance(start: number): number {
    const fetches = this.#fetches;
    if (fetches === undefined) return this.#stride(this.#segment, start);
    this.#guardedStride ??= createGuardedStride(this.#space, this.#code.entriesOffset, this.#alignment);
    return this.#guardedStride(this.#segment, start, fetches, this.#guard.view);
  }

  /**
   * Executes one instruction in full generality: what {@link #stride} leaves. Returns the next entry or
   * NO_ENTRY, and counts in RUN_RETIRED.
   */
  #step(entry: number, index: number): number {
    const op = entryOpOf(entry);
    const { base, entryBase } = this.#segment;
    const pc = (index - entryBase + base) | 0;
    if (this.#fetches !== undefined && !isIn(this.#fetches, index)) return this.#enter(pc);
    switch (op) {
      case Micro.UNDECODED:
        this.#code.decodeEntry(this.#segment, index);
        return index;
      case Micro.ENTRY:
        if (this.#stopsAtEntries) return this.#end(Stop.ENTRY, pc);
        this.#code.unmarkEntry(index);
        return index;
      case Micro.TRIGGER:
        return this.#executeWatched(index, pc);
      case Micro.SEGMENT_END:
        return this.#enter(pc);
      case Micro.RAGGED:
        return this.#trap(Cause.INSTRUCTION_ACCESS_FAULT, pc + 2, pc);
      case Micro.ILLEGAL:
        return this.#trap(Cause.ILLEGAL_INSTRUCTION, this.#operand(index), pc);
      case Op.ECALL:
        return this.#trap(this.#isUser ? Cause.ECALL_U : Cause.ECALL_M, 0, pc);
      case Op.EBREAK:
        return this.#bus.hostCall(pc) ? this.#retire(pc + 4) : this.#trap(Cause.BREAKPOINT, pc, pc);
      case Op.MRET:
        return this.#returnFromTrap(pc);
      case Op.WFI:
        return this.#waitForInterrupt(pc);
      case Op.FENCE_I:
        this.#data.fenceInstructions();
        this.#bus.tookLong();
        return this.#retire(pc + 4);
      case Op.JALR:
        return this.#jumpRegister(entry, index, pc);
      case Micro.JUMP_OUT:
        return this.#jumpOut(pc);
      case Micro.CSR:
        return this.#accessCsr(entry, index, pc);
      default:
        return this.#accessMemory(op, entry, index, pc);
    }
  }

  #operand(index: number): number {
    return this.#code.entries[index + 1] as number;
  }

  #accessMemory(op: EntryOp, entry: number, index: number, pc: number): number {
    const hart = this.#hart;
    const data = this.#data;
    const operand = this.#operand(index);
    const first = hart[rs1Of(entry)] as number;
    const second = hart[rs2Of(entry)] as number;
    const address = (first + operand) | 0;
    let value = 0;
    // A device may want to know who accesses it.
    hart[Hart.PC] = pc;
    if (this.#triggers?.watchesData === true && this.#firesOnAccess(this.#triggers, op, first, address)) {
      return this.#trap(Cause.BREAKPOINT, this.#triggers.address, pc);
    }
    switch (op) {
      case Op.LB:
        value = (data.load(address, 1) << 24) >> 24;
        break;
      case Op.LBU:
        value = data.load(address, 1);
        break;
      case Op.LH:
        value = (data.load(address, 2) << 16) >> 16;
        break;
      case Op.LHU:
        value = data.load(address, 2);
        break;
      case Op.LW:
        value = data.load(address, 4);
        break;
      case Op.SB:
        data.store(address, 1, second);
        break;
      case Op.SH:
        data.store(address, 2, second);
        break;
      case Op.SW:
        data.store(address, 4, second);
        break;
      case Op.LR_W:
        value = data.loadReserved(first);
        break;
      case Op.SC_W:
        value = data.storeConditional(first, second);
        break;
      case Micro.AMO:
        value = data.atomic(operand >> 12, first, second);
        break;
      default:
        throw new Error(`no case executes operation ${op}`);
    }
    if (data.cause !== 0) return this.#trap(data.cause, data.faultAddress, pc);
    hart[rdOf(entry)] = value; // SINK for a store
    return this.#retire(pc + lengthOf(entry));
  }

  #firesOnAccess(triggers: Triggers, op: EntryOp, first: number, address: number): boolean {
    switch (op) {
      case Op.LR_W:
        return triggers.fires(Access.LOAD, first, 4);
      case Op.SC_W: // Also one that fails: that is left open.
        return triggers.fires(Access.STORE, first, 4);
      case Micro.AMO:
        return triggers.fires(Access.LOAD | Access.STORE, first, 4);
      default:
        return triggers.fires(op < Op.SB ? Access.LOAD : Access.STORE, address, accessBytes(op as Op));
    }
  }

  /** At an instruction that a trigger is armed for: it fires, or the instruction is decoded to be executed. */
  #executeWatched(index: number, pc: number): number {
    if (this.#firesAt(pc, instructionLength(this.#parcel(pc)))) {
      return this.#trap(Cause.BREAKPOINT, pc, pc);
    }
    this.#code.passTrigger(this.#segment, index);
    return index;
  }

  #firesAt(pc: number, length: number): boolean {
    return this.#triggers?.fires(Access.FETCH, pc, length) === true;
  }

  /** A trigger that did not fire where it was passed may do so now. */
  #triggersMayFireAnew(): void {
    if (this.#triggers !== undefined) this.#code.rewatch();
  }

  #accessCsr(entry: number, index: number, pc: number): number {
    const hart = this.#hart;
    const operand = this.#operand(index);
    const csr = operand & 0xfff;
    this.#bus.asksBesides(csr);
    const op: Op = operand >> 12;
    const field = rs1Of(entry);
    const source = op >= Op.CSRRWI ? field : (hart[field] as number);
    const swap = op === Op.CSRRW || op === Op.CSRRWI;
    const write = swap || field !== 0;
    if (!this.#csrs.isAccessible(csr, write)) return this.#illegal(pc);
    const retired = hart[Hart.RUN_RETIRED] as number;
    countInstructions(hart, retired);
    const old = this.#csrs.read(csr);
    if (write) {
      const clear = op === Op.CSRRC || op === Op.CSRRCI;
      countWritingInstruction(hart, csr, retired + 1);
      this.#csrs.write(csr, swap ? source : clear ? old & ~source : old | source);
      if (isTriggerCsr(csr)) this.#triggersMayFireAnew();
    }
    hart[rdOf(entry)] = old;
    return this.#retire(pc + 4);
  }

  get #isUser(): boolean {
    return this.#hart[Hart.MODE] === Mode.USER;
  }

  #illegal(pc: number): number {
    return this.#trap(Cause.ILLEGAL_INSTRUCTION, this.#instructionBits(pc), pc);
  }

  /** Volume II, "Trap-Return Instructions" and "Privilege and Global Interrupt-Enable Stack in mstatus register". */
  #returnFromTrap(pc: number): number {
    if (this.#isUser) return this.#illegal(pc);
    const hart = this.#hart;
    const mstatus = hart[Hart.MSTATUS] as number;
    const mode = (mstatus & MSTATUS_MPP) === 0 ? Mode.USER : Mode.MACHINE;
    const kept = mstatus & (mode === Mode.USER ? Mstatus.TW : Mstatus.TW | Mstatus.MPRV);
    const enable = (mstatus & Mstatus.MPIE) !== 0 ? Mstatus.MIE : 0;
    hart[Hart.MODE] = mode;
    hart[Hart.MSTATUS] = kept | this.#leastMode | Mstatus.MPIE | enable;
    if (mode === Mode.USER || (kept & Mstatus.MPRV) !== 0) this.#guard.modeChanged();
    hart[Hart.MSTATUSH] = (hart[Hart.MSTATUSH] as number) & ~MSTATUSH_MDT;
    hart[Hart.LAST_TRAP_CAUSE] = NO_CAUSE;
    restoreTriggers(hart);
    this.#triggersMayFireAnew();
    return this.#retire(hart[Hart.MEPC] as number);
  }

  /** mstatus.MPP of the least privileged mode. */
  get #leastMode(): number {
    return this.#features.userMode ? 0 : MSTATUS_MPP;
  }

  /** With mstatus.TW the time that `wfi` may take in user mode is none (volume II, "Virtualization Support in mstatus"). */
  #waitForInterrupt(pc: number): number {
    this.#bus.asksBesides();
    if (this.#isUser && ((this.#hart[Hart.MSTATUS] as number) & Mstatus.TW) !== 0) return this.#illegal(pc);
    if (this.#enabledInterrupts() !== 0) return this.#retire(pc + 4);
    const hart = this.#hart;
    hart[Hart.RUN_RETIRED] = (hart[Hart.RUN_RETIRED] as number) + 1;
    hart[Hart.WAITING] = 1;
    return this.#end(Stop.WFI, pc + 4);
  }

  #jumpRegister(entry: number, index: number, pc: number): number {
    const target = ((this.#hart[rs1Of(entry)] as number) + this.#operand(index)) & ~1;
    if ((target & this.#alignment) !== 0) return this.#trap(Cause.INSTRUCTION_MISALIGNED, target, pc);
    this.#hart[rdOf(entry)] = pc + lengthOf(entry);
    return this.#retire(target);
  }

  /** A direct jump or a branch whose target is outside the segment, or misaligned: rare enough to be decoded anew. */
  #jumpOut(pc: number): number {
    const hart = this.#hart;
    const { op, rd, rs1, rs2, imm, length } = this.#redecode(pc);
    const taken = op === Op.JAL || branchTaken(op, hart[rs1] as number, hart[rs2] as number);
    if (taken && (imm & this.#alignment) !== 0) {
      return this.#trap(Cause.INSTRUCTION_MISALIGNED, pc + imm, pc);
    }
    if (op === Op.JAL && rd !== 0) hart[rd] = pc + length;
    return this.#retire(pc + (taken ? imm : length));
  }

  #redecode(pc: number): Instruction {
    decode(this.#instructionBits(pc), this.#scratch, this.#extensions);
    return this.#scratch;
  }

  /** The bits of the instruction at `pc`, which has been decoded before and so lies in the segment. */
  #instructionBits(pc: number): number {
    const parcel = this.#parcel(pc);
    return instructionLength(parcel) === 2 ? parcel : parcel | (this.#parcel(pc + 2) << 16);
  }

  /** The half-word at `pc`, or right behind the segment. */
  #parcel(pc: number): number {
    const { offset, base } = this.#segment;
    return this.#space.halves[(offset + (pc - (base | 0))) >> 1] as number;
  }

  /** Counts the instruction and goes on at `pc`, unless a device stops the hart or an interrupt is due. */
  #retire(pc: number): number {
    const hart = this.#hart;
    hart[Hart.RUN_RETIRED] = (hart[Hart.RUN_RETIRED] as number) + 1;
    if (this.#bus.stopRequested) return this.#end(Stop.DEVICE, pc);
    return this.#resume(pc);
  }

  /** Goes on at `pc`, or takes an interrupt there. */
  #resume(pc: number): number {
    const hart = this.#hart;
    const enabled = this.#isUser || ((hart[Hart.MSTATUS] as number) & Mstatus.MIE) !== 0;
    const pending = enabled ? this.#enabledInterrupts() : 0;
    return pending === 0 ? this.#enter(pc) : this.#trap(interruptCause(pending), 0, pc);
  }

  #enabledInterrupts(): number {
    return (this.#hart[Hart.MIP] as number) & (this.#hart[Hart.MIE] as number);
  }

  /** The entry of the instruction at `pc`. */
  #enter(pc: number): number {
    const segment = this.#code.segmentFor(pc);
    if (segment === undefined) return this.#trapAtFetch(pc);
    this.#segment = segment;
    const index = (pc | 0) - (segment.base | 0) + segment.entryBase;
    const { view } = this.#guard;
    if (!view.isFree) return this.#enterGuarded(pc, index, view);
    this.#fetches = undefined;
    return index;
  }

  /**
   * The same where something needs a second look: execution may go on up to where that is a fetch. The half-words of an
   * instruction are fetched one by one (volume II, "Physical Memory Protection").
   */
  #enterGuarded(pc: number, index: number, view: AccessView): number {
    const { first, behind } = view.fetchesAround(pc);
    const left = behind - (pc >>> 0);
    if (left <= 0) return this.#trapAtFetch(pc);
    if (left === HALF_WORD && this.#isLong(pc)) return this.#trap(Cause.INSTRUCTION_ACCESS_FAULT, pc + 2, pc);
    this.#guard.prepare(view);
    const before = (pc >>> 0) - first;
    // Of what starts in the last half-word only this instruction is known to end there.
    this.#fetches =
      left === HALF_WORD
        ? { first: index, behind: index + HALF_WORD }
        : this.#clip(index - before, index + left - HALF_WORD);
    return index;
  }

  /** Entries of the segment, and those that say that it ends. */
  #clip(first: number, behind: number): EntryRange {
    const { entryBase, bytes } = this.#segment;
    const end = entryBase + bytes + 2 * HALF_WORD;
    return { first: Math.max(first, entryBase), behind: Math.min(behind, end) };
  }

  /** Whether the instruction whose first half-word lies at `pc`, in the segment, has four bytes. */
  #isLong(pc: number): boolean {
    const { offset, base } = this.#segment;
    return instructionLength(this.#space.halves[(offset + (pc - (base | 0))) >> 1] as number) === 4;
  }

  /** Where nothing can be fetched a trigger on the address goes first. */
  #trapAtFetch(pc: number): number {
    if (this.#bus.fetchAwaited(pc)) return this.#end(Stop.DEVICE, pc);
    return this.#trap(this.#firesAt(pc, 0) ? Cause.BREAKPOINT : Cause.INSTRUCTION_ACCESS_FAULT, pc, pc);
  }

  /**
   * Takes a trap at `pc` and returns the entry of its handler, but where the instruction has to wait for what it reads.
   * `cause` as in mcause, bit 31 for an interrupt. The instruction at `pc` does not retire.
   */
  #trap(cause: number, value: number, pc: number): number {
    const isUnread = cause === Cause.LOAD_ACCESS_FAULT || cause === Cause.INSTRUCTION_ACCESS_FAULT;
    if (isUnread && this.#bus.stalls(value)) return this.#end(Stop.DEVICE, pc);
    this.#bus.asksBesides();
    if (cause >= 0) this.#bus.exception(cause, value);
    const hart = this.#hart;
    const vector = hart[Hart.MTVEC] as number;
    const handler = vector & ~3;
    if (this.#features.smdbltrp) {
      const mstatush = hart[Hart.MSTATUSH] as number;
      if ((mstatush & MSTATUSH_MDT) !== 0) return this.#endByTrap(Stop.CRITICAL_ERROR, cause, value, pc);
      hart[Hart.MSTATUSH] = mstatush | MSTATUSH_MDT;
    }
    const hasRetired = this.#hasRetiredSinceTrap();
    const isRepeated = this.#isRepeatedTrap(cause, pc);
    if (isRepeated || (!hasRetired && (pc | 0) === handler)) {
      return this.#endByTrap(Stop.TRAP_LOOP, cause, value, pc);
    }
    hart[Hart.MEPC] = pc;
    hart[Hart.MCAUSE] = cause;
    hart[Hart.MTVAL] = value;
    disableTriggers(hart);
    this.#enterMachineMode();
    const vectored = cause < 0 && (vector & 1) !== 0;
    return this.#enter(vectored ? handler + 4 * (cause & 0xff) : handler);
  }

  #enterMachineMode(): void {
    const hart = this.#hart;
    const mstatus = hart[Hart.MSTATUS] as number;
    const kept = mstatus & (Mstatus.TW | Mstatus.MPRV);
    const previous = this.#isUser ? 0 : MSTATUS_MPP;
    if (this.#isUser || (kept & Mstatus.MPRV) !== 0) this.#guard.modeChanged();
    hart[Hart.MODE] = Mode.MACHINE;
    hart[Hart.MSTATUS] = kept | previous | ((mstatus & Mstatus.MIE) !== 0 ? Mstatus.MPIE : 0);
  }

  /**
   * Notes that a trap is being taken; false if nothing has retired since the one before. Words of the hart's state tell
   * it: runs end between a trap and its handler's first instruction, and where they do is no part of what executes.
   */
  #hasRetiredSinceTrap(): boolean {
    const hart = this.#hart;
    const sum = ((hart[Hart.RETIRED_LO] as number) >>> 0) + (hart[Hart.RUN_RETIRED] as number);
    const low = sum | 0;
    const high = (hart[Hart.RETIRED_HI] as number) + (sum < 2 ** 32 ? 0 : 1);
    const sinceTrap = hart[Hart.LAST_TRAP_LO] !== low || hart[Hart.LAST_TRAP_HI] !== high;
    hart[Hart.LAST_TRAP_LO] = low;
    hart[Hart.LAST_TRAP_HI] = high;
    return sinceTrap;
  }

  /** Notes the trap that is being taken; true if it is the last of {@link MAX_TRAPS_ALIKE}. */
  #isRepeatedTrap(cause: number, pc: number): boolean {
    const hart = this.#hart;
    const lastPc = hart[Hart.LAST_TRAP_PC] as number;
    const lastCause = hart[Hart.LAST_TRAP_CAUSE] as number;
    if (lastCause === cause && lastPc === (pc | 0)) {
      const alike = (hart[Hart.TRAPS_ALIKE] as number) + 1;
      hart[Hart.TRAPS_ALIKE] = alike;
      return alike >= MAX_TRAPS_ALIKE;
    }
    hart[Hart.HANDLED_PC] = lastPc;
    hart[Hart.HANDLED_CAUSE] = lastCause;
    hart[Hart.LAST_TRAP_PC] = pc;
    hart[Hart.LAST_TRAP_CAUSE] = cause;
    hart[Hart.TRAPS_ALIKE] = 1;
    return false;
  }

  #endByTrap(stop: Stop, cause: number, value: number, pc: number): number {
    this.#hart[Hart.TRAP_CAUSE] = cause;
    this.#hart[Hart.TRAP_TVAL] = value;
    return this.#end(stop, pc);
  }

  #end(stop: Stop, pc: number): number {
    this.#stop = stop;
    this.#hart[Hart.PC] = pc;
    return NO_ENTRY;
  }
}

/** mcause of the interrupt that goes first: external, software, timer (volume II, "mip and mie"). */
function interruptCause(pending: number): number {
  if ((pending & InterruptBit.EXTERNAL) !== 0) return EXTERNAL_INTERRUPT;
  return (pending & InterruptBit.SOFTWARE) !== 0 ? SOFTWARE_INTERRUPT : TIMER_INTERRUPT;
}

function isIn({ first, behind }: EntryRange, index: number): boolean {
  return index >= first && index < behind;
}

function branchTaken(op: Op, first: number, second: number): boolean {
  switch (op) {
    case Op.BEQ:
      return first === second;
    case Op.BNE:
      return first !== second;
    case Op.BLT:
      return first < second;
    case Op.BGE:
      return first >= second;
    case Op.BLTU:
      return first >>> 0 < second >>> 0;
    default:
      return first >>> 0 >= second >>> 0;
  }
}
