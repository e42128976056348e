/** Machine mode: traps and what they leave behind, the CSRs, what is illegal. */
import * as asm from "../../hostile/assembler.ts";
import { type Case, type CaseGroup, DATA } from "../case.ts";

const [A0, A1, A2] = [10, 11, 12] as const;

/** mcause. */
const ILLEGAL_INSTRUCTION = 2;
const FETCH_FAULT = 1;
const BREAKPOINT = 3;
const LOAD_FAULT = 5;
const STORE_FAULT = 7;
const ECALL_M = 11;
const MACHINE_SOFTWARE = 0x8000_0003;
const MACHINE_TIMER = 0x8000_0007;
const HOST_CLOCK = "without -icount QEMU counts by the host's clock";

/** Nothing answers here, on either machine. */
const NOWHERE = 0x1800_0000;
const CLINT_MSIP = 0x0200_0000;

const illegal = (name: string, bits: number, unlikeQemu?: string): Case => ({
  name: `${name} is illegal, and mtval holds it`,
  write: (p) => {
    p.words(bits).sendCsr(asm.MTVAL);
  },
  expected: [ILLEGAL_INSTRUCTION, bits],
  ...(unlikeQemu === undefined ? {} : { unlikeQemu }),
});

const trapCases: readonly Case[] = [
  {
    name: "ecall",
    write: (p) => {
      p.la(A0, "call").label("call").words(asm.ECALL).sendCsr(asm.MTVAL);
      // The handler has stepped over it.
      p.words(asm.csr("csrrs", A1, asm.MEPC, 0), asm.r("sub", A1, A1, A0)).send(A1);
    },
    expected: [ECALL_M, 0, 4],
  },
  {
    name: "ebreak and c.ebreak",
    write: (p) => {
      p.words(asm.EBREAK).parcels(0x9002).send(0);
    },
    expected: [BREAKPOINT, BREAKPOINT, 0],
  },
  {
    name: "ebreak's mtval is its address",
    write: (p) => {
      p.la(A0, "here")
        .label("here")
        .words(asm.EBREAK, asm.csr("csrrs", A1, asm.MTVAL, 0));
      p.words(asm.r("sub", A0, A1, A0)).send(A0);
    },
    expected: [BREAKPOINT, 0],
    unlikeQemu: "QEMU 7.2 leaves 0 in mtval, which the manual allows, too",
  },
  {
    name: "a load from where nothing is",
    write: (p) => {
      p.li(A0, NOWHERE)
        .li(A1, 77)
        .words(asm.load("lw", A1, 16, A0))
        .send(A1)
        .sendCsr(asm.MTVAL);
    },
    expected: [LOAD_FAULT, 77, NOWHERE + 16],
  },
  {
    name: "a store to where nothing is",
    write: (p) => {
      p.li(A0, NOWHERE)
        .words(asm.store("sh", A0, 2, A0))
        .sendCsr(asm.MTVAL);
    },
    expected: [STORE_FAULT, NOWHERE + 2],
  },
  {
    name: "a jump to where nothing is",
    write: (p) => {
      p.li(A0, NOWHERE)
        .words(asm.jalr(1, A0, 4))
        .sendCsr(asm.MTVAL);
    },
    expected: [FETCH_FAULT, NOWHERE + 4],
  },
  {
    name: "a trap moves MIE to MPIE, mret moves it back",
    write: (p) => {
      p.words(asm.csr("csrrsi", 0, asm.MSTATUS, 8))
        .la(A0, "handler")
        .words(asm.csr("csrrw", A1, asm.MTVEC, A0));
      p.words(asm.ECALL, asm.csr("csrrs", A0, asm.MSTATUS, 0), asm.i("andi", A0, A0, 0x88)).send(A0);
      p.words(asm.csr("csrrw", 0, asm.MTVEC, A1))
        .jal(0, "done")
        .align(4)
        .label("handler");
      p.words(asm.csr("csrrs", A0, asm.MSTATUS, 0), asm.i("andi", A0, A0, 0x88)).send(A0);
      p.words(asm.csr("csrrs", A0, asm.MEPC, 0), asm.i("addi", A0, A0, 4), asm.csr("csrrw", 0, asm.MEPC, A0));
      p.words(asm.MRET).label("done");
    },
    expected: [0x80, 0x88],
  },
  {
    name: "a software interrupt, once mie and mstatus allow it",
    write: (p) => {
      p.li(A0, CLINT_MSIP)
        .words(asm.i("addi", A1, 0, 1), asm.store("sw", A1, 0, A0))
        .send(A1);
      p.words(asm.csr("csrrsi", 0, asm.MIE, 8))
        .send(A1)
        .words(asm.csr("csrrsi", 0, asm.MSTATUS, 8));
      p.words(asm.csr("csrrs", A2, asm.MIP, 0), asm.i("andi", A2, A2, 8)).send(A2);
      p.words(asm.store("sw", 0, 0, A0), asm.csr("csrrs", A2, asm.MIP, 0), asm.i("andi", A2, A2, 8)).send(A2);
    },
    expected: [1, 1, MACHINE_SOFTWARE, 8, 0],
  },
  {
    name: "wfi goes on at an interrupt that is pending but not enabled in mstatus",
    write: (p) => {
      p.li(A0, CLINT_MSIP).words(asm.i("addi", A1, 0, 1), asm.store("sw", A1, 0, A0));
      p.words(asm.csr("csrrsi", 0, asm.MIE, 8), asm.WFI)
        .send(A1)
        .words(asm.store("sw", 0, 0, A0));
    },
    expected: [1],
  },
];

const illegalCases: readonly Case[] = [
  illegal("all ones", -1),
  illegal("slli by 32", 0x0200_1013),
  illegal("ld", 0x0000_3003),
  illegal("sd", 0x0000_3023),
  illegal("amoadd.d", 0x0000_302f),
  illegal("lr.w with rs2", 0x1010_202f),
  illegal("sret", 0x1020_0073),
  illegal("sfence.vma", 0x1200_0073, "QEMU 7.2 takes it for a fence where there is no S"),
  illegal("flw", 0x0000_2007),
  illegal("fadd.s", 0x0000_0053),
  illegal("a CSR that is not there", asm.csr("csrrs", A0, 0x7c0, 0)),
  illegal("a write to a CSR that is read only", asm.csr("csrrw", A0, asm.MHARTID, 0)),
  {
    name: "a parcel of zeros is illegal, and mtval holds 16 bits",
    write: (p) => {
      p.parcels(0, 0x0001).sendCsr(asm.MTVAL);
    },
    expected: [ILLEGAL_INSTRUCTION, 0],
  },
];

const CSR_FORMS: readonly (readonly [asm.CsrMnemonic, source: number, after: number])[] = [
  ["csrrw", A1, 0x0f0f],
  ["csrrs", A1, 0xffff],
  ["csrrc", A1, 0xf0f0],
  ["csrrwi", 21, 21],
  ["csrrsi", 21, 0xf0ff | 21],
  ["csrrci", 21, 0xf0ff & ~21],
];

const csrCases: readonly Case[] = [
  ...CSR_FORMS.map(([name, source, after]): Case => {
    const before = name.endsWith("i") ? 0xf0ff : 0xf0f0;
    return {
      name: `${name} gives what was there and changes what it must`,
      write: (p) => {
        p.li(A0, before)
          .li(A1, 0x0f0f)
          .words(asm.csr("csrrw", 0, asm.MSCRATCH, A0));
        p.words(asm.csr(name, A2, asm.MSCRATCH, source))
          .send(A2)
          .sendCsr(asm.MSCRATCH);
      },
      expected: [before, after],
    };
  }),
  {
    name: "csrrs and csrrc with x0 write nothing",
    write: (p) => {
      p.words(asm.csr("csrrs", A0, asm.MHARTID, 0), asm.csr("csrrc", A1, asm.MHARTID, 0))
        .send(A0)
        .send(A1);
    },
    expected: [0, 0],
  },
  {
    name: "mepc has no lowest bit",
    write: (p) => {
      p.li(A0, DATA + 7)
        .words(asm.csr("csrrw", 0, asm.MEPC, A0))
        .sendCsr(asm.MEPC);
    },
    expected: [DATA + 6],
    unlikeQemu: "QEMU 7.2 keeps it until mret",
  },
  {
    name: "mtvec keeps a base and a mode",
    write: (p) => {
      p.li(A0, DATA + 1)
        .words(asm.csr("csrrw", A1, asm.MTVEC, A0), asm.csr("csrrw", A2, asm.MTVEC, A1))
        .send(A2);
    },
    expected: [DATA + 1],
  },
  {
    name: "mie holds the three machine interrupts",
    write: (p) => {
      p.words(asm.i("addi", A0, 0, -1), asm.csr("csrrw", 0, asm.MIE, A0)).sendCsr(asm.MIE);
    },
    expected: [0x888],
    unlikeQemu: "QEMU 7.2 keeps the bits of modes that it is told not to have",
  },
  {
    name: "minstret counts the instructions between two looks",
    write: (p) => {
      p.words(asm.csr("csrrs", A0, asm.MINSTRET, 0), asm.NOP, asm.NOP, asm.csr("csrrs", A1, asm.MINSTRET, 0));
      p.words(asm.r("sub", A0, A1, A0)).send(A0);
    },
    expected: [3],
    unlikeQemu: HOST_CLOCK,
  },
  {
    name: "what is written to minstret is what the next instruction reads",
    write: (p) => {
      p.li(A0, 1000)
        .words(asm.csr("csrrw", 0, asm.MINSTRET, A0))
        .sendCsr(asm.MINSTRET);
    },
    expected: [1000],
    unlikeQemu: HOST_CLOCK,
  },
];

/** CSRs that hold what is written to them, or some of its bits. */
const WRITTEN: readonly (readonly [name: string, number: number, afterOnes: number, unlikeQemu?: string])[] =
  [
    ["mscratch", asm.MSCRATCH, -1],
    ["mcause", asm.MCAUSE, -1],
    ["mtval", asm.MTVAL, -1],
    ["mcountinhibit", asm.MCOUNTINHIBIT, 5, "QEMU 7.2 keeps the bits of further counters"],
    ["mcycleh", asm.MCYCLEH, -1, HOST_CLOCK],
    ["minstreth", asm.MINSTRETH, -1, HOST_CLOCK],
  ];

const writtenCases = WRITTEN.map(
  ([name, number, afterOnes, unlikeQemu]): Case => ({
    name: `${name} holds what is written to it, as far as it has the bits`,
    write: (p) => {
      p.words(asm.i("addi", A0, 0, -1), asm.csr("csrrw", 0, number, A0)).sendCsr(number);
      p.words(asm.csr("csrrw", 0, number, 0)).sendCsr(number);
    },
    expected: [afterOnes, 0],
    ...(unlikeQemu === undefined ? {} : { unlikeQemu }),
  }),
);

/** mhpmevent, mhpmcounter, mhpmcounterh, hpmcounter and hpmcounterh of counter 3. */
const FURTHER_COUNTERS: readonly number[] = [0x323, 0xb03, 0xb83, 0xc03, 0xc83];
const COUNTERS = 29;
const [MVENDORID, MARCHID, MIMPID, MCONFIGPTR] = [0xf11, 0xf12, 0xf13, 0xf15] as const;
const [CYCLE, INSTRET] = [0xc00, 0xc02] as const;
const [CLINT_MTIMECMP, CLINT_MTIME] = [0x0200_4000, 0x0200_bff8] as const;

const machineCases: readonly Case[] = [
  {
    name: "mvendorid, marchid, mimpid, mhartid and mconfigptr are 0",
    write: (p) => {
      for (const number of [MVENDORID, MARCHID, MIMPID, asm.MHARTID, MCONFIGPTR]) p.sendCsr(number);
    },
    expected: [0, 0, 0, 0, 0],
    unlikeQemu: "QEMU has numbers of its own in marchid and mimpid",
  },
  {
    name: "the counters above instret are 0, whatever is written to them",
    write: (p) => {
      p.li(A0, -1).li(A1, 0);
      for (const first of FURTHER_COUNTERS) {
        for (let counter = first; counter < first + COUNTERS; counter++) {
          if (counter < CYCLE) p.words(asm.csr("csrrw", 0, counter, A0));
          p.words(asm.csr("csrrs", A2, counter, 0), asm.r("or", A1, A1, A2));
        }
      }
      p.send(A1);
    },
    expected: [0],
    unlikeQemu: "QEMU 7.2 has sixteen such counters",
  },
  {
    name: "instret and cycle tell minstret and mcycle, which mcountinhibit stops",
    write: (p) => {
      p.words(asm.csr("csrrwi", 0, asm.MCOUNTINHIBIT, 5));
      for (const [user, machine] of [[CYCLE, asm.MCYCLE] as const, [INSTRET, asm.MINSTRET] as const]) {
        p.words(asm.csr("csrrs", A0, user, 0), asm.NOP, asm.csr("csrrs", A1, machine, 0));
        p.words(asm.r("sub", A0, A1, A0)).send(A0);
      }
    },
    expected: [0, 0],
    unlikeQemu: HOST_CLOCK,
  },
  {
    name: "time tells mtime",
    write: (p) => {
      p.li(A0, CLINT_MTIME).words(asm.csr("csrrs", A1, asm.TIME, 0), asm.load("lw", A2, 0, A0));
      p.words(asm.r("sub", A1, A2, A1), asm.shift("srli", A1, A1, 24)).send(A1);
    },
    expected: [0],
  },
  {
    name: "mip's machine bits are the devices', whatever is written to it",
    write: (p) => {
      p.li(A0, CLINT_MTIMECMP)
        .li(A1, -1)
        .words(asm.store("sw", A1, 4, A0));
      p.li(A0, 0x888)
        .words(asm.csr("csrrw", 0, asm.MIP, A0))
        .sendCsr(asm.MIP);
    },
    expected: [0],
  },
  {
    name: "a timer interrupt, by the vector that mtvec has for it",
    write: (p) => {
      p.la(A0, "vectors").words(asm.i("addi", A0, A0, 1), asm.csr("csrrw", A1, asm.MTVEC, A0));
      p.li(A0, CLINT_MTIMECMP).words(
        asm.store("sw", 0, 0, A0),
        asm.store("sw", 0, 4, A0),
        asm.i("addi", A2, 0, 0x80),
      );
      p.words(asm.csr("csrrw", 0, asm.MIE, A2), asm.csr("csrrsi", 0, asm.MSTATUS, 8)).send(A2);
      p.words(asm.csr("csrrw", 0, asm.MTVEC, A1))
        .jal(0, "done")
        .align(64)
        .label("vectors");
      // One jump for each cause; the timer's is the eighth.
      for (let cause = 0; cause < 12; cause++) p.jal(0, cause === 7 ? "timer" : "other");
      p.label("other")
        .words(asm.i("addi", A2, 0, 1))
        .label("timer")
        .sendCsr(asm.MCAUSE);
      p.words(asm.csr("csrrwi", 0, asm.MIE, 0), asm.i("addi", A0, 0, -1));
      p.li(A2, CLINT_MTIMECMP)
        .words(asm.store("sw", A0, 4, A2), asm.i("addi", A2, 0, 55), asm.MRET)
        .label("done");
    },
    expected: [MACHINE_TIMER, 55],
  },
  {
    name: "of two interrupts the software's goes before the timer's",
    write: (p) => {
      p.li(A0, CLINT_MSIP).words(asm.i("addi", A1, 0, 1), asm.store("sw", A1, 0, A0));
      p.li(A0, CLINT_MTIMECMP).words(
        asm.store("sw", 0, 0, A0),
        asm.store("sw", 0, 4, A0),
        asm.i("addi", A1, 0, 0x88),
      );
      p.words(asm.csr("csrrw", 0, asm.MIE, A1), asm.csr("csrrsi", 0, asm.MSTATUS, 8)).send(A1);
      p.li(A0, CLINT_MSIP).words(
        asm.store("sw", 0, 0, A0),
        asm.i("addi", A1, 0, 0x80),
        asm.csr("csrrw", 0, asm.MIE, A1),
      );
      p.send(A1);
    },
    expected: [MACHINE_SOFTWARE, 0x88, MACHINE_TIMER, 0x80],
  },
];

export const TRAPS: CaseGroup = { name: "traps", cases: trapCases };
export const ILLEGAL: CaseGroup = { name: "illegal instructions", cases: illegalCases };
export const CSRS: CaseGroup = {
  name: "Zicsr and CSRs",
  cases: [...csrCases, ...writtenCases, ...machineCases],
};
