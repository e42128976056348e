/**
 * Control and status registers of a hart that has machine mode only.
 *
 * Source: The RISC-V Instruction Set Manual, volume II, chapters "CSRs" and "Machine-Level ISA"; Smdbltrp where
 * enabled. Where the manual leaves a choice this hart does as QEMU's `virt` without S, U, PMP and triggers:
 * mtvec ignores a write of a reserved mode, the counters above instret read as zero. Registers that the manual
 * says "should not exist" in such a hart (medeleg, mideleg, mcounteren) do not.
 */
import type { Bus } from "./engine.ts";
import { Hart } from "./hart.ts";

/** CSRs that need more than a word and a mask. */
const enum Csr {
  MSTATUS = 0x300,
  MISA = 0x301,
  MTVEC = 0x305,
  MSTATUSH = 0x310,
  TIME = 0xc01,
  TIMEH = 0xc81,
}

/** Bits of mstatus. */
export const enum Mstatus {
  MIE = 1 << 3,
  MPIE = 1 << 7,
}

/** mstatush.MDT of Smdbltrp. */
export const MSTATUSH_MDT = 1 << 10;

const INTERRUPTS = (1 << 3) | (1 << 7) | (1 << 11);
const INHIBIT_CYCLE = 1 << 0;
const INHIBIT_INSTRET = 1 << 2;
const ALL_BITS = -1;

/** Word of the hart state behind a CSR; these two have none. */
const ABSENT = -2;
const ZERO = -1;

/** By CSR number: the word of the hart state, and the bits that a write changes (WARL: the others stay). */
const WORD = new Int8Array(4096).fill(ABSENT);
const WRITABLE = new Int32Array(4096);

function define(csr: number, word: number, writable = 0): void {
  WORD[csr] = word;
  WRITABLE[csr] = writable;
}

define(Csr.MSTATUS, Hart.MSTATUS, Mstatus.MIE | Mstatus.MPIE);
define(Csr.MISA, ZERO);
define(0x304, Hart.MIE, INTERRUPTS);
define(Csr.MTVEC, Hart.MTVEC, ALL_BITS);
define(Csr.MSTATUSH, Hart.MSTATUSH);
define(0x320, Hart.MCOUNTINHIBIT, INHIBIT_CYCLE | INHIBIT_INSTRET);
define(0x340, Hart.MSCRATCH, ALL_BITS);
define(0x341, Hart.MEPC, ~1);
define(0x342, Hart.MCAUSE, ALL_BITS);
define(0x343, Hart.MTVAL, ALL_BITS);
define(0x344, Hart.MIP);
define(0xb00, Hart.MCYCLE_LO, ALL_BITS);
define(0xb02, Hart.MINSTRET_LO, ALL_BITS);
define(0xb80, Hart.MCYCLE_HI, ALL_BITS);
define(0xb82, Hart.MINSTRET_HI, ALL_BITS);
define(0xc00, Hart.MCYCLE_LO);
define(Csr.TIME, ZERO);
define(0xc02, Hart.MINSTRET_LO);
define(0xc80, Hart.MCYCLE_HI);
define(Csr.TIMEH, ZERO);
define(0xc82, Hart.MINSTRET_HI);
for (let csr = 0xf11; csr <= 0xf15; csr++) define(csr, ZERO); // mvendorid … mconfigptr
for (let counter = 3; counter <= 31; counter++) {
  // mhpmevent, mhpmcounter(h), hpmcounter(h)
  for (const base of [0x320, 0xb00, 0xb80, 0xc00, 0xc80]) define(base + counter, ZERO);
}

/** Whether the CSR may be accessed so; the top two bits of its number say that it is read-only. */
export function csrAccessible(csr: number, write: boolean): boolean {
  return WORD[csr] !== ABSENT && !(write && csr >>> 10 === 3);
}

/** Brings mcycle and minstret up to `retired` instructions of the run that is under way. */
export function countInstructions(hart: Int32Array, retired: number): void {
  const count = retired - (hart[Hart.COUNTED] as number);
  hart[Hart.COUNTED] = retired;
  const inhibited = hart[Hart.MCOUNTINHIBIT] as number;
  if ((inhibited & INHIBIT_CYCLE) === 0) advanceCounter(hart, Hart.MCYCLE_LO, count);
  if ((inhibited & INHIBIT_INSTRET) === 0) advanceCounter(hart, Hart.MINSTRET_LO, count);
}

/**
 * The same for the instruction that writes `csr`: a write to either half of a counter takes the place of that
 * counter's increment (volume II, "mcycle and minstret"; riscv-tests rv64mi/instret_overflow.S).
 */
export function countWritingInstruction(hart: Int32Array, csr: number, retired: number): void {
  const word = WORD[csr] as number;
  if (word < Hart.MCYCLE_LO || word > Hart.MINSTRET_HI) {
    countInstructions(hart, retired);
    return;
  }
  const low = word - ((word - Hart.MCYCLE_LO) & 1);
  const oldLow = hart[low] as number;
  const oldHigh = hart[low + 1] as number;
  countInstructions(hart, retired);
  hart[low] = oldLow;
  hart[low + 1] = oldHigh;
}

/** Adds to the 64-bit counter whose lower word is `low`. */
export function advanceCounter(hart: Int32Array, low: number, count: number): void {
  const sum = ((hart[low] as number) >>> 0) + count;
  hart[low] = sum;
  if (sum >= 2 ** 32) hart[low + 1] = (hart[low + 1] as number) + 1;
}

/** Reads an accessible CSR. The counters have been brought up to date. */
export function readCsr(hart: Int32Array, bus: Bus, csr: number, misa: number): number {
  if (csr === Csr.TIME) return bus.timeLow() | 0;
  if (csr === Csr.TIMEH) return bus.timeHigh() | 0;
  if (csr === Csr.MISA) return misa;
  const word = WORD[csr] as number;
  return word < 0 ? 0 : (hart[word] as number);
}

/**
 * Writes an accessible CSR. The counters have been brought up to the end of the writing instruction: a write
 * takes effect after it (volume II, "CSR instructions").
 */
export function writeCsr(hart: Int32Array, csr: number, value: number, smdbltrp: boolean): void {
  const word = WORD[csr] as number;
  if (word < 0 || (csr === Csr.MTVEC && (value & 2) !== 0)) return;
  let writable = WRITABLE[csr] as number;
  if (csr === Csr.MSTATUSH && smdbltrp) {
    writable = MSTATUSH_MDT;
    if ((value & MSTATUSH_MDT) !== 0) hart[Hart.MSTATUS] = (hart[Hart.MSTATUS] as number) & ~Mstatus.MIE;
  }
  // While MDT is set MIE cannot be; it is 0 already.
  if (csr === Csr.MSTATUS && (hart[Hart.MSTATUSH] as number) !== 0) writable = Mstatus.MPIE;
  hart[word] = ((hart[word] as number) & ~writable) | (value & writable);
}
