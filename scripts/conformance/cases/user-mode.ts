/** User mode, PMP and Smepmp. Where a case ends in user mode it comes back by ecall, to a handler of its own. */
import * as asm from "../../hostile/assembler.ts";
import { type Case, type CaseGroup, type CaseProgram, DATA } from "../case.ts";

const [A0, A1, A2, A3] = [10, 11, 12, 13] as const;

/** mcause. */
const ILLEGAL_INSTRUCTION = 2;
const LOAD_FAULT = 5;
const STORE_FAULT = 7;
const ECALL_U = 8;
const [MCOUNTEREN, MENVCFG, MSECCFG] = [0x306, 0x30a, 0x747] as const;
const [PMPCFG0, PMPADDR0] = [0x3a0, 0x3b0] as const;
const [MPP, MPRV, TW] = [0x1800, 0x2_0000, 0x20_0000] as const;
const [R, W, X, NA4, NAPOT, L] = [1, 2, 4, 0x10, 0x18, 0x80] as const;
const [MMWP, RLB] = [2, 4] as const;

/** Entry 3: user mode may do all everywhere, as far as the entries before it say nothing. */
function openAll(p: CaseProgram): CaseProgram {
  return p
    .li(A0, -1)
    .words(asm.csr("csrrw", 0, PMPADDR0 + 3, A0))
    .li(A0, (NAPOT | R | W | X) << 24)
    .words(asm.csr("csrrw", 0, PMPCFG0, A0));
}

/**
 * Executes `body` in user mode. The frame's handler goes on behind what trapped, so the ecall that ends it returns to user
 * mode: whoever comes back sets mepc and MPP by a handler of its own.
 */
function inUser(p: CaseProgram, body: (p: CaseProgram) => void): CaseProgram {
  openAll(p);
  p.la(A0, "home").words(asm.csr("csrrw", A3, asm.MTVEC, A0));
  p.li(A0, MPP)
    .words(asm.csr("csrrc", 0, asm.MSTATUS, A0))
    .la(A0, "user");
  p.words(asm.csr("csrrw", 0, asm.MEPC, A0), asm.MRET).label("user");
  body(p);
  p.words(asm.ECALL)
    .align(4)
    .label("home")
    .words(asm.csr("csrrw", 0, asm.MTVEC, A3))
    .sendCsr(asm.MCAUSE);
  p.li(A0, MPP)
    .words(asm.csr("csrrs", A1, asm.MSTATUS, 0), asm.r("and", A1, A1, A0))
    .send(A1);
  return p;
}

const illegalInUser = (
  name: string,
  bits: number,
  setUp: (p: CaseProgram) => void = () => undefined,
): Case => ({
  name: `${name} is illegal in user mode`,
  write: (p) => {
    setUp(p);
    inUser(p, () => p.words(bits));
  },
  expected: [ILLEGAL_INSTRUCTION, 0],
});

const setBits =
  (number: number, bits: number) =>
  (p: CaseProgram): void =>
    void p.li(A0, bits).words(asm.csr("csrrs", 0, number, A0));

const userCases: readonly Case[] = [
  {
    name: "ecall of user mode has a cause of its own, and MPP tells where it came from",
    write: (p) => void inUser(p, () => undefined),
    expected: [ECALL_U, 0],
  },
  illegalInUser("mret", asm.MRET),
  illegalInUser("a CSR of machine mode", asm.csr("csrrs", A0, asm.MSCRATCH, 0)),
  illegalInUser("satp", asm.csr("csrrw", 0, asm.SATP, 0)),
  illegalInUser("a counter whose bit of mcounteren is clear", asm.csr("csrrs", A0, 0xc02, 0)),
  {
    name: "a counter whose bit of mcounteren is set is read in user mode",
    write: (p) => {
      setBits(MCOUNTEREN, 4)(p);
      inUser(p, () => p.words(asm.csr("csrrs", A0, 0xc02, 0)));
    },
    expected: [ECALL_U, 0],
  },
  {
    ...illegalInUser("wfi while TW is set", asm.WFI, setBits(asm.MSTATUS, TW)),
    unlikeQemu: "QEMU 7.2 heeds TW in supervisor mode alone",
  },
  {
    name: "an interrupt for machine mode is taken in user mode while MIE is clear",
    write: (p) => {
      p.li(A0, 0x0200_0000).words(asm.i("addi", A1, 0, 1), asm.store("sw", A1, 0, A0));
      p.words(asm.csr("csrrwi", 0, asm.MIE, 8));
      inUser(p, () => p.words(asm.NOP, asm.NOP));
      p.li(A0, 0x0200_0000).words(asm.store("sw", 0, 0, A0), asm.csr("csrrwi", 0, asm.MIE, 0));
    },
    expected: [0x8000_0003, 0],
  },
  {
    name: "MPP takes no mode that there is not",
    write: (p) => {
      p.li(A0, MPP)
        .words(asm.csr("csrrs", 0, asm.MSTATUS, A0))
        .li(A1, 0x800);
      p.words(asm.csr("csrrc", 0, asm.MSTATUS, A1), asm.csr("csrrs", A1, asm.MSTATUS, 0));
      p.words(asm.r("and", A1, A1, A0)).send(A1);
    },
    expected: [MPP],
    unlikeQemu: "QEMU 7.2 takes any",
  },
  {
    name: "menvcfg has FIOM",
    write: (p) => {
      p.words(asm.i("addi", A0, 0, -1), asm.csr("csrrw", 0, MENVCFG, A0)).sendCsr(MENVCFG);
    },
    expected: [1],
    unlikeQemu: "QEMU 7.2 keeps the bits of Zicboz and Zicbom, too",
  },
];

/** A locked rule over four bytes of DATA, then one access in machine mode; sends what the trap's handler sent and mtval. */
const guarded = (name: string, rights: number, access: number, expected: readonly number[]): Case => ({
  name,
  write: (p) => {
    p.li(A0, DATA >>> 2).words(asm.csr("csrrw", 0, PMPADDR0, A0));
    p.words(
      asm.i("addi", A0, 0, NA4 | rights),
      asm.csr("csrrw", 0, PMPCFG0, A0),
      asm.csr("csrrw", 0, asm.MTVAL, 0),
    );
    p.li(A0, DATA).words(access).sendCsr(asm.MTVAL);
  },
  expected,
});

const pmpCases: readonly Case[] = [
  guarded("a locked entry binds machine mode: a load", L, asm.load("lw", A1, 0, A0), [LOAD_FAULT, DATA]),
  guarded("a locked entry binds machine mode: a store", L | R, asm.store("sw", 0, 0, A0), [
    STORE_FAULT,
    DATA,
  ]),
  guarded("what it allows is done", L | R, asm.load("lw", A1, 0, A0), [0]),
  guarded("what lies behind it is not bound", L, asm.load("lw", A1, 4, A0), [0]),
  guarded("an entry that is not locked does not bind machine mode", 0, asm.load("lw", A1, 0, A0), [0]),
  {
    ...guarded("a misaligned load into it faults where it begins", L, asm.load("lw", A1, -2, A0), [
      LOAD_FAULT,
      DATA,
    ]),
    unlikeQemu: "QEMU tells the access's address, which the manual allows for an access that is not split",
  },
  {
    name: "a locked entry and its address stay",
    write: (p) => {
      p.li(A0, DATA >>> 2).words(asm.csr("csrrw", 0, PMPADDR0, A0));
      p.words(
        asm.i("addi", A1, 0, L | NA4 | R),
        asm.csr("csrrw", 0, PMPCFG0, A1),
        asm.csr("csrrw", 0, PMPCFG0, 0),
      );
      p.words(asm.csr("csrrw", 0, PMPADDR0, 0))
        .sendCsr(PMPCFG0)
        .sendCsr(PMPADDR0);
    },
    expected: [L | NA4 | R, DATA >>> 2],
  },
  {
    name: "MPRV: a load of machine mode is made as in user mode, which may do nothing",
    write: (p) => {
      p.li(A0, MPP)
        .words(asm.csr("csrrc", 0, asm.MSTATUS, A0))
        .li(A1, MPRV)
        .li(A0, DATA)
        .li(A2, 77);
      p.words(
        asm.csr("csrrs", 0, asm.MSTATUS, A1),
        asm.load("lw", A2, 0, A0),
        asm.csr("csrrc", 0, asm.MSTATUS, A1),
      );
      p.send(A2);
    },
    expected: [LOAD_FAULT, 77],
  },
];

const smepmpCases: readonly Case[] = [
  {
    name: "RLB cannot be set while an entry is locked",
    write: (p) => {
      p.words(asm.i("addi", A0, 0, L), asm.csr("csrrw", 0, PMPCFG0, A0), asm.csr("csrrwi", 0, MSECCFG, RLB));
      p.sendCsr(MSECCFG);
    },
    expected: [0],
  },
  {
    name: "with RLB a locked entry is written",
    write: (p) => {
      p.words(
        asm.csr("csrrwi", 0, MSECCFG, RLB),
        asm.i("addi", A0, 0, L | NA4),
        asm.csr("csrrw", 0, PMPCFG0, A0),
      );
      p.words(asm.csr("csrrwi", 0, PMPCFG0, R)).sendCsr(PMPCFG0);
    },
    expected: [R],
  },
  {
    name: "MMWP: machine mode may do nothing where no entry matches",
    write: (p) => {
      // All but the first page of addresses, where nothing is.
      p.li(A0, -1).words(asm.csr("csrrw", 0, PMPADDR0 + 1, A0), asm.i("addi", A0, 0, 0x3ff));
      p.words(asm.csr("csrrw", 0, PMPADDR0, A0)).li(A0, (0x08 | R | W | X) << 8);
      p.words(asm.csr("csrrw", 0, PMPCFG0, A0), asm.csr("csrrwi", 0, MSECCFG, MMWP)).sendCsr(MSECCFG);
      p.words(asm.load("lw", A1, 16, 0)).sendCsr(asm.MTVAL);
    },
    expected: [MMWP, LOAD_FAULT, 16],
  },
];

export const USER_MODE: CaseGroup = { name: "user mode", cases: userCases };
export const PMP: CaseGroup = { name: "PMP", cases: pmpCases };
export const SMEPMP: CaseGroup = { name: "Smepmp", cases: smepmpCases };
