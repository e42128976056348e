/**
 * The state of one hart as 32-bit words in shared memory, at the start of its slot block.
 *
 * It is flat so that the interpreter, translated code (by constant offsets), a crash dump and a test can all
 * read it without asking each other. Only the thread that runs the hart writes it, with two exceptions that
 * any thread may store: ATTENTION and LIMIT.
 *
 * How a running hart is interrupted: the other thread stores a reason to ATTENTION and then 0 to LIMIT, both
 * with Atomics. The engine compares its retired-instruction count with LIMIT before each instruction (the
 * interpreter) or at each back edge and call (translated code), so it stops at once. The engine itself stores
 * LIMIT and then reads ATTENTION, so one of the two sees the other, whatever the order.
 *
 * Vocabulary: The RISC-V Instruction Set Manual, volumes I and II.
 */
export const enum Hart {
  /** x0 to x31; x0 is always 0. */
  X = 0,
  /** Where a write to x0 goes. */
  SINK = 32,
  PC = 33,
  /** Instructions this run() may retire; 0 stops it now. */
  LIMIT = 34,
  /** Not 0: another thread wants the hart to leave run(). */
  ATTENTION = 35,
  /** Instructions retired since reset, 64 bits. */
  RETIRED_LO = 36,
  RETIRED_HI = 37,
  MSTATUS = 38,
  MIE = 39,
  MIP = 40,
  MTVEC = 41,
  MSCRATCH = 42,
  MEPC = 43,
  MCAUSE = 44,
  MTVAL = 45,
  MCOUNTINHIBIT = 46,
  MCYCLE_LO = 47,
  MCYCLE_HI = 48,
  MINSTRET_LO = 49,
  MINSTRET_HI = 50,
  /** Upper half of mstatus; MDT (Smdbltrp) is bit 10. */
  MSTATUSH = 51,
  /** Physical address of the LR/SC reservation, -1 without one. */
  RESERVATION = 52,
  /** Instructions retired so far in the run() that is under way. */
  RUN_RETIRED = 53,
  /** The trap of a critical error or a trap loop: what did not reach mcause and mtval. */
  TRAP_CAUSE = 54,
  TRAP_TVAL = 55,
  /** 1 after `wfi`, until an enabled interrupt is pending. */
  WAITING = 56,
  /** Of RUN_RETIRED: the instructions that mcycle and minstret have counted already. */
  COUNTED = 57,
  /** Instructions retired since reset when the last trap was taken, 64 bits; -1 before the first. */
  LAST_TRAP_LO = 58,
  LAST_TRAP_HI = 59,
  /** The last trap: its mepc and mcause; {@link NO_CAUSE} once `mret` has retired. */
  LAST_TRAP_PC = 60,
  LAST_TRAP_CAUSE = 61,
  /** How often it has been taken since `mret`, another trap or a device's access. */
  TRAPS_ALIKE = 62,
  /** {@link Mode} that executes. */
  MODE = 63,
  /** So many words, the first ones, are in a crash dump. */
  DUMPED_WORDS = 64,
  MCOUNTEREN = 65,
  MENVCFG = 66,
  MSECCFG = 67,
  /** pmpcfg0 to pmpcfg3. */
  PMPCFG = 68,
  /** pmpaddr0 to pmpaddr15. */
  PMPADDR = 72,
  /** Trigger module (triggers.ts): what is selected, tcontrol, and tdata1 and tdata2 of each trigger. */
  TSELECT = 112,
  TCONTROL = 113,
  TDATA1 = 114,
  TDATA2 = 118,
  /** The trap before the last one's like, which their handler was entered for; {@link NO_CAUSE} if it had been left. */
  HANDLED_PC = 126,
  HANDLED_CAUSE = 127,
  WORDS = 128,
}

/** Privilege modes, not numbered as in mstatus.MPP: dumps of harts that had machine mode alone hold 0. */
export const enum Mode {
  MACHINE = 0,
  USER = 1,
}

/** Bits of mstatus. */
export const enum Mstatus {
  MIE = 1 << 3,
  MPIE = 1 << 7,
  /** Loads and stores are made as in the mode in MPP. */
  MPRV = 1 << 17,
  /** `wfi` is illegal in user mode. */
  TW = 1 << 21,
}

/** What a hart has or has not, whatever its instructions. */
export interface HartFeatures {
  /** Smdbltrp: a trap in a trap handler stops it. */
  readonly smdbltrp: boolean;
  /** User mode. */
  readonly userMode: boolean;
  /** Physical memory protection with Smepmp: 16 entries, or none. */
  readonly pmpEntries: 0 | 16;
}

/** Puts the hart into its reset state at `pc`; {@link Hart.ATTENTION} and LIMIT belong to other threads and stay. */
export function resetHart(hart: Int32Array, pc: number): void {
  hart.fill(0, Hart.X, Hart.LIMIT);
  hart.fill(0, Hart.RETIRED_LO, Hart.WORDS);
  hart[Hart.PC] = pc;
  hart[Hart.MODE] = Mode.MACHINE;
  hart[Hart.MSTATUS] = MSTATUS_MPP;
  hart[Hart.RESERVATION] = NO_RESERVATION;
  hart[Hart.LAST_TRAP_HI] = NO_TRAP_HI;
  hart[Hart.LAST_TRAP_CAUSE] = NO_CAUSE;
  hart[Hart.HANDLED_CAUSE] = NO_CAUSE;
}

/** mstatus.MPP; all of it set is machine mode, which a hart without S and U holds always, and any hart after reset. */
export const MSTATUS_MPP = 3 << 11;
export const NO_RESERVATION = -1;
/** Of a trap in the words of the hart: there is none. No trap has this cause. */
export const NO_CAUSE = -1;
/** No count of instructions has this upper half. */
const NO_TRAP_HI = -1;

/** Instructions retired since reset, those of a run under way left out. */
export function retiredInstructions(hart: Int32Array): number {
  return (hart[Hart.RETIRED_HI] as number) * 2 ** 32 + ((hart[Hart.RETIRED_LO] as number) >>> 0);
}

/** Whether loads and stores in machine mode are made as in user mode. */
export function hasUserAccess(mstatus: number): boolean {
  return (mstatus & (Mstatus.MPRV | MSTATUS_MPP)) === Mstatus.MPRV;
}
