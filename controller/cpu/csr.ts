/**
 * Control and status registers of a hart with machine mode and, where it has them, user mode and PMP.
 *
 * Source: The RISC-V Instruction Set Manual, volume II, chapters "CSRs" and "Machine-Level ISA"; Smepmp; Smdbltrp where
 * enabled. Where the manual leaves a choice this hart does as QEMU's `virt` without S and triggers: mtvec ignores a write
 * of a reserved mode, mstatus.MPP one of a mode that there is not, the counters above instret read as zero. Registers
 * that the manual says "should not exist" in such a hart (medeleg, mideleg; without U also mcounteren) do not. satp is
 * there, as Bare alone has it, where the hart has Svbare.
 */
import type { AccessGuard } from "./access-guard.ts";
import type { Bus } from "./engine.ts";
import { Hart, type HartFeatures, Mode, MSTATUS_MPP, Mstatus } from "./hart.ts";
import { alignmentBits, Extension, type Extensions, misaOf } from "./isa.ts";
import { writeMseccfg, writePmpAddress, writePmpConfig } from "./pmp.ts";
import { isTriggerCsr, type Triggers } from "./triggers.ts";

/** CSRs that need more than a word and a mask. */
const enum Csr {
  SATP = 0x180,
  MSTATUS = 0x300,
  MISA = 0x301,
  MTVEC = 0x305,
  MCOUNTEREN = 0x306,
  MENVCFG = 0x30a,
  MSTATUSH = 0x310,
  MENVCFGH = 0x31a,
  MEPC = 0x341,
  PMPCFG0 = 0x3a0,
  PMPADDR0 = 0x3b0,
  MSECCFG = 0x747,
  MSECCFGH = 0x757,
  CYCLE = 0xc00,
  TIME = 0xc01,
  TIMEH = 0xc81,
}

/** mstatush.MDT of Smdbltrp. */
export const MSTATUSH_MDT = 1 << 10;

const MISA_U = 1 << 20;
const INTERRUPTS = (1 << 3) | (1 << 7) | (1 << 11);
const INHIBIT_CYCLE = 1 << 0;
const INHIBIT_INSTRET = 1 << 2;
/** menvcfg.FIOM. */
const FIOM = 1 << 0;
const ALL_BITS = -1;

/** Word of the hart state behind a CSR; these two have none. */
const ABSENT = -2;
const ZERO = -1;

/** What a hart must have for a CSR to exist. */
const enum Needs {
  NOTHING = 0,
  USER = 1,
  PMP = 2,
  SVBARE = 4,
}

/** By CSR number: the word of the hart state, the bits that a write changes (WARL: the others stay), and {@link Needs}. */
const WORD = new Int8Array(4096).fill(ABSENT);
const WRITABLE = new Int32Array(4096);
const NEEDS = new Uint8Array(4096);

function define(csr: number, word: number, writable = 0, needs = Needs.NOTHING): void {
  WORD[csr] = word;
  WRITABLE[csr] = writable;
  NEEDS[csr] = needs;
}

define(Csr.SATP, ZERO, 0, Needs.SVBARE);
define(Csr.MSTATUS, Hart.MSTATUS, Mstatus.MIE | Mstatus.MPIE);
define(Csr.MISA, ZERO);
define(0x304, Hart.MIE, INTERRUPTS);
define(Csr.MTVEC, Hart.MTVEC, ALL_BITS);
define(Csr.MCOUNTEREN, Hart.MCOUNTEREN, ALL_BITS, Needs.USER);
define(Csr.MENVCFG, Hart.MENVCFG, FIOM, Needs.USER);
define(Csr.MSTATUSH, Hart.MSTATUSH);
define(Csr.MENVCFGH, ZERO, 0, Needs.USER);
define(0x320, Hart.MCOUNTINHIBIT, INHIBIT_CYCLE | INHIBIT_INSTRET);
define(0x340, Hart.MSCRATCH, ALL_BITS);
define(Csr.MEPC, Hart.MEPC, ~1);
define(0x342, Hart.MCAUSE, ALL_BITS);
define(0x343, Hart.MTVAL, ALL_BITS);
define(0x344, Hart.MIP);
for (let register = 0; register < 4; register++) {
  define(Csr.PMPCFG0 + register, Hart.PMPCFG + register, ALL_BITS, Needs.PMP);
}
for (let entry = 0; entry < 16; entry++) {
  define(Csr.PMPADDR0 + entry, Hart.PMPADDR + entry, ALL_BITS, Needs.PMP);
}
define(Csr.MSECCFG, Hart.MSECCFG, ALL_BITS, Needs.PMP);
define(Csr.MSECCFGH, ZERO, 0, Needs.PMP);
define(0xb00, Hart.MCYCLE_LO, ALL_BITS);
define(0xb02, Hart.MINSTRET_LO, ALL_BITS);
define(0xb80, Hart.MCYCLE_HI, ALL_BITS);
define(0xb82, Hart.MINSTRET_HI, ALL_BITS);
define(Csr.CYCLE, Hart.MCYCLE_LO);
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

export interface CsrFileParts {
  readonly triggers?: Triggers | undefined;
  readonly hart: Int32Array;
  readonly bus: Bus;
  readonly guard: AccessGuard;
  readonly features: HartFeatures;
  readonly extensions: Extensions;
}

export class CsrFile {
  readonly #hart: Int32Array;
  readonly #bus: Bus;
  readonly #guard: AccessGuard;
  readonly #features: HartFeatures;
  readonly #misa: number;
  readonly #triggers: Triggers | undefined;
  /** Bits that mepc does not have. */
  readonly #alignment: number;
  /** {@link Needs} that are met. */
  readonly #met: number;

  constructor({ hart, bus, guard, features, extensions, triggers }: CsrFileParts) {
    this.#triggers = triggers;
    this.#hart = hart;
    this.#bus = bus;
    this.#guard = guard;
    this.#features = features;
    this.#alignment = alignmentBits(extensions);
    this.#misa = misaOf(extensions) | (features.userMode ? MISA_U : 0);
    this.#met =
      (features.userMode ? Needs.USER : 0) |
      (features.pmpEntries > 0 ? Needs.PMP : 0) |
      ((extensions & Extension.SVBARE) !== 0 ? Needs.SVBARE : 0);
  }

  /**
   * Whether the CSR may be accessed so by the mode that executes: of its number the top two bits say that it is
   * read-only, the next two name the lowest mode (volume II, "CSR Address Mapping Conventions").
   */
  isAccessible(csr: number, write: boolean): boolean {
    if (this.#triggersOf(csr) !== undefined) return this.#hart[Hart.MODE] === Mode.MACHINE;
    if (WORD[csr] === ABSENT || ((NEEDS[csr] as number) & ~this.#met) !== 0) return false;
    if (write && csr >>> 10 === 3) return false;
    return (this.#hart[Hart.MODE] as number) === Mode.MACHINE || this.#isForUsers(csr);
  }

  /** The trigger module where the CSR is one of its. */
  #triggersOf(csr: number): Triggers | undefined {
    return isTriggerCsr(csr) ? this.#triggers : undefined;
  }

  /** The counters, each as its bit of mcounteren says. */
  #isForUsers(csr: number): boolean {
    if (((csr >>> 8) & 3) !== 0) return false;
    return (((this.#hart[Hart.MCOUNTEREN] as number) >>> (csr & 31)) & 1) !== 0;
  }

  /** Reads an accessible CSR. The counters have been brought up to date. */
  read(csr: number): number {
    const triggers = this.#triggersOf(csr);
    if (triggers !== undefined) return triggers.read(csr);
    if (csr === Csr.TIME) return this.#bus.timeLow() | 0;
    if (csr === Csr.TIMEH) return this.#bus.timeHigh() | 0;
    if (csr === Csr.MISA) return this.#misa;
    const word = WORD[csr] as number;
    return word < 0 ? 0 : (this.#hart[word] as number);
  }

  /**
   * Writes an accessible CSR. The counters have been brought up to the end of the writing instruction: a write
   * takes effect after it (volume II, "CSR instructions").
   */
  write(csr: number, value: number): void {
    const triggers = this.#triggersOf(csr);
    if (triggers !== undefined) {
      triggers.write(csr, value);
      return;
    }
    const hart = this.#hart;
    const word = WORD[csr] as number;
    if (word < 0 || (csr === Csr.MTVEC && (value & 2) !== 0)) return;
    if (NEEDS[csr] === Needs.PMP) this.#writeProtection(csr, value);
    else if (csr === Csr.MSTATUS) this.#writeMstatus(value);
    else if (csr === Csr.MSTATUSH) this.#writeMstatush(value);
    else {
      const writable = (WRITABLE[csr] as number) & (csr === Csr.MEPC ? ~this.#alignment : ALL_BITS);
      hart[word] = ((hart[word] as number) & ~writable) | (value & writable);
    }
  }

  #writeMstatus(value: number): void {
    const hart = this.#hart;
    const old = hart[Hart.MSTATUS] as number;
    // While MDT is set MIE cannot be; it is 0 already.
    let writable = (hart[Hart.MSTATUSH] as number) !== 0 ? Mstatus.MPIE : Mstatus.MIE | Mstatus.MPIE;
    if (this.#features.userMode) {
      writable |= Mstatus.MPRV | Mstatus.TW;
      const mpp = value & MSTATUS_MPP;
      if (mpp === 0 || mpp === MSTATUS_MPP) writable |= MSTATUS_MPP;
    }
    hart[Hart.MSTATUS] = (old & ~writable) | (value & writable);
    if (((old | value) & Mstatus.MPRV) !== 0) this.#guard.modeChanged();
  }

  #writeMstatush(value: number): void {
    if (!this.#features.smdbltrp) return;
    const hart = this.#hart;
    hart[Hart.MSTATUSH] = value & MSTATUSH_MDT;
    if ((value & MSTATUSH_MDT) !== 0) hart[Hart.MSTATUS] = (hart[Hart.MSTATUS] as number) & ~Mstatus.MIE;
  }

  #writeProtection(csr: number, value: number): void {
    const hart = this.#hart;
    if (csr === Csr.MSECCFG) writeMseccfg(hart, value);
    else if (csr >= Csr.PMPADDR0) writePmpAddress(hart, csr - Csr.PMPADDR0, value);
    else writePmpConfig(hart, csr - Csr.PMPCFG0, value);
    this.#guard.zonesChanged();
  }
}
