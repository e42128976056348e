/**
 * What an engine (interpreter or translator) and the machine around it owe each other.
 *
 * The engine executes instructions on the flat hart state (hart.ts) over the shared memory. Whatever is not
 * plain memory it asks of the {@link Bus}: devices, the bits of mip, the time. The machine decides how far a
 * run may go and what the reason means for which it came back.
 */

import type { AddressRange } from "./address-range.ts";

/** Why a run came back. In every case the hart state is exact: PC is the next instruction to execute. */
export const enum Stop {
  /** The budget is used up, or LIMIT was lowered: look at ATTENTION. */
  LIMIT = 0,
  /** `wfi` retired and no enabled interrupt is pending. */
  WFI = 1,
  /**
   * A device asked for a stop; the store that asked has retired. Or a fetch that is awaited is next, or an instruction that
   * has to wait for memory. The bus knows why.
   */
  DEVICE = 2,
  /**
   * Smdbltrp: a trap while MDT was set. PC is the instruction that trapped, TRAP_CAUSE and TRAP_TVAL tell
   * the second trap; mepc, mcause and mtval are still those of the first.
   */
  CRITICAL_ERROR = 3,
  /**
   * The trap handler traps, for ever. Either its first instruction does, so that none can retire any more (only
   * without Smdbltrp): mcause and mtval tell the trap that led there. Or one of its instructions has trapped
   * {@link MAX_TRAPS_ALIKE} times, without `mret` or a device's access in between. TRAP_CAUSE and TRAP_TVAL tell the
   * handler's trap, HANDLED_PC and HANDLED_CAUSE the one before.
   */
  TRAP_LOOP = 4,
  /** Between two engines only: the interpreter has come to a pc that the other one has code for. */
  ENTRY = 5,
}

/** Traps with one mepc and mcause and without `mret` or a device's access in between: the last is a trap loop. */
export const MAX_TRAPS_ALIKE = 1000;

/** Exception codes of mcause (volume II, table "Machine cause register"). */
export const enum Cause {
  /** Without C: the target of a jump, told of the jump. */
  INSTRUCTION_MISALIGNED = 0,
  INSTRUCTION_ACCESS_FAULT = 1,
  ILLEGAL_INSTRUCTION = 2,
  BREAKPOINT = 3,
  LOAD_MISALIGNED = 4,
  LOAD_ACCESS_FAULT = 5,
  STORE_MISALIGNED = 6,
  STORE_ACCESS_FAULT = 7,
  ECALL_U = 8,
  ECALL_M = 11,
}

/** Bits of mip and mie, and the interrupt's number in mcause is the bit's. */
export const enum InterruptBit {
  SOFTWARE = 1 << 3,
  TIMER = 1 << 7,
  EXTERNAL = 1 << 11,
}

/** Result of {@link Bus.load} and {@link Bus.store} for an address where no register answers. */
export const BUS_FAULT = -1;

/**
 * Everything that is not plain memory. Before each call the engine has stored the instructions retired so far
 * to RUN_RETIRED, so that a register which tells the time is exact; before a load or a store also PC, the address of the
 * instruction that makes it, and all registers.
 *
 * A store may change MIP (the engine looks at it after every store to a device), may lower LIMIT (a nearer
 * event), and may ask for a stop by {@link Bus.stopRequested}.
 */
export interface Bus {
  /** The register's value, 0 to 2^32 - 1 (zero-extended from `size` bytes), or {@link BUS_FAULT}. */
  load(address: number, size: number): number;
  /** 0, or {@link BUS_FAULT}. `value` is a signed 32-bit number of which `size` bytes count. */
  store(address: number, size: number, value: number): number;
  /** True from the moment at which a device wants the hart to stop until the machine has dealt with it. */
  stopRequested: boolean;
  /** mtime's halves, for the CSRs time and timeh. */
  timeLow(): number;
  timeHigh(): number;
  /**
   * `ebreak` at `pc` is to raise its exception, all registers stored. True if it is a call to the host, which has been
   * carried out: the instruction retires instead.
   */
  hostCall(pc: number): boolean;
  /** Something is done that is more than computing with memory: a trap, a wait, an access to the CSR with this number. */
  asksBesides(csr?: number): void;
  /** The instruction at `pc` may not be fetched. True if somebody waited for this: the run ends before it, Stop.DEVICE. */
  fetchAwaited(pc: number): boolean;
  /**
   * Nothing is there to be loaded or fetched at `address`. True if it is memory that is to be waited for: the run ends before the
   * instruction, Stop.DEVICE.
   */
  stalls(address: number): boolean;
  /** A synchronous exception is being taken, with what mcause and mtval are to be: the moment at which a failure, if it is one, began. */
  exception(cause: number, value: number): void;
  /**
   * Something took far longer than an instruction does, or is about to go on taking long: the thread lives, and the
   * run ends at the next instruction, for a look at the clock.
   */
  tookLong(): void;
}

/**
 * Sees the stores that matter to somebody besides the hart: every store to NVRAM and host memory, and those to
 * lines of RAM that carry LineFlag.WATCHED. Called around the store; offsets are host offsets.
 */
export interface StoreObserver {
  /** Stores to host memory are nothing to it: they need not be told. */
  readonly ignoresHostMemory?: true;
  beforeStore(offset: number, bytes: number): void;
  afterStore(offset: number, bytes: number): void;
}

/** Holds copies of code, and drops those that a store makes stale. */
export interface CodeCache {
  /** Bytes of RAM changed on a line that carries LineFlag.CODE. */
  ramChanged(offset: number, bytes: number): void;
  /** `fence.i`, or another hand changed RAM: nothing decoded from RAM is trusted any more. */
  dropRam(): void;
  /** Bytes of a region changed: those at these addresses of the window, or any where nobody says. */
  dropRegion(region: number, part?: AddressRange): void;
  /** Instructions that begin in the first ranges are for the interpreter alone, those in the second no longer. */
  watchExecution(now: readonly AddressRange[], was: readonly AddressRange[]): void;
}

/**
 * Is told of loads and stores of memory before they are made: of all that need a second look, and of others too. Offsets
 * are host offsets.
 */
export interface AccessRecorder {
  loads(offset: number, bytes: number): void;
  stores(offset: number, bytes: number): void;
}

/** Executes instructions. */
export interface Engine {
  /**
   * Runs until `maxInstructions` (at least 1, less than 2^31) have retired or something else ends it. Not
   * started while ATTENTION is set: then it returns Stop.LIMIT at once.
   */
  run(maxInstructions: number): Stop;
}
