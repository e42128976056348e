/** A hart without C: instructions lie at multiples of four, and a jump to anywhere else is an exception of the jump. */
import * as asm from "../../hostile/assembler.ts";
import { type Case, type CaseGroup, type CaseProgram, DATA } from "../case.ts";

const [RA, T0, A0, A1, A2, A3] = [1, 5, 10, 11, 12, 13] as const;
const MISALIGNED = 0;
const ILLEGAL_INSTRUCTION = 2;
const C_ADDI_A0_1 = 0x0505;
const OF_JUMP = "QEMU 7.2 leaves another address in mtval";

/** Sends where the trap says that it was, and mtval, both from a0 on. */
function sendPlace(p: CaseProgram): CaseProgram {
  // The frame's handler has stepped over what trapped.
  p.words(asm.csr("csrrs", A1, asm.MEPC, 0), asm.i("addi", A1, A1, -4), asm.r("sub", A1, A1, A0)).send(A1);
  return p.words(asm.csr("csrrs", A1, asm.MTVAL, 0), asm.r("sub", A1, A1, A0)).send(A1);
}

/** Jumps from the label `jump`, whose address is in a0, by two bytes too many, and tells what became of ra. */
const jumping = (name: string, write: (p: CaseProgram) => void, unlikeQemu?: string): Case => ({
  name: `${name} to no multiple of four is its own exception, and links nothing`,
  write: (p) => {
    p.li(RA, 77).la(A0, "jump");
    write(p);
    sendPlace(p).send(RA);
  },
  expected: [MISALIGNED, 0, 6, 77],
  ...(unlikeQemu === undefined ? {} : { unlikeQemu }),
});

/** A function that returns to wherever ra says, called often and then once with a ra that nobody may return to. */
const returning: Case = {
  name: "a return, an indirect call and a jump by a register, each after good ones of the same place",
  write: (p) => {
    p.la(A0, "callee").li(A2, 40).li(A3, 0);
    p.label("again")
      .words(asm.jalr(RA, A0, 0), asm.i("addi", A2, A2, -1))
      .branch("bne", A2, 0, "again");
    p.send(A3);
    // The callee is called, and returns, by two bytes more; then by none.
    p.words(asm.jalr(RA, A0, 2))
      .la(RA, "back")
      .words(asm.i("addi", RA, RA, 2))
      .jal(0, "callee");
    p.label("back")
      .send(A3)
      .la(A1, "callee")
      .words(asm.i("addi", A1, A1, 2))
      .words(asm.jalr(0, A1, 0));
    p.jal(0, "done");
    p.label("callee").words(asm.i("addi", A3, A3, 1), asm.jalr(0, RA, 0), asm.i("addi", A3, A3, 1));
    p.words(asm.i("addi", RA, RA, -2), asm.jalr(0, RA, 0));
    p.label("done").send(A3);
  },
  // The return that traps goes on behind itself, where ra is mended.
  expected: [40, MISALIGNED, MISALIGNED, 42, MISALIGNED, 42],
};

const parcels = (name: string, first: number): Case => ({
  name: `${name} is illegal, and mtval holds its 16 bits`,
  write: (p) => {
    p.li(A0, 7)
      .la(A1, "handler")
      .words(asm.csr("csrrw", A2, asm.MTVEC, A1))
      .la(A3, "behind");
    p.parcels(first, C_ADDI_A0_1)
      .label("behind")
      .words(asm.csr("csrrw", 0, asm.MTVEC, A2))
      .send(A0);
    p.jal(0, "done").align(4);
    p.label("handler").sendCsr(asm.MCAUSE).sendCsr(asm.MTVAL);
    p.words(asm.csr("csrrw", 0, asm.MEPC, A3), asm.MRET).label("done");
  },
  expected: [ILLEGAL_INSTRUCTION, first, 7],
});

export const WITHOUT_COMPRESSED: CaseGroup = {
  name: "without C",
  isa: "rv32ima_zba_zbb_zbc_zbs_sdtrig",
  qemuCpu: "c=false",
  cases: [
    parcels("c.addi", C_ADDI_A0_1),
    parcels("c.nop", 0x0001),
    parcels("c.ebreak", 0x9002),
    jumping("jal", (p) => p.label("jump").words(asm.jal(RA, 6), asm.NOP), OF_JUMP),
    jumping("jalr", (p) => p.label("jump").words(asm.jalr(RA, A0, 6), asm.NOP)),
    {
      name: "jalr by its own link register keeps that, too",
      write: (p) => {
        p.la(T0, "jump")
          .words(asm.i("addi", A0, T0, 0))
          .label("jump")
          .words(asm.jalr(T0, T0, 2));
        p.words(asm.r("sub", T0, T0, A0)).send(T0);
      },
      expected: [MISALIGNED, 0],
    },
    jumping(
      "a branch that is taken",
      (p) => p.label("jump").words(asm.branch("beq", 0, 0, 6), asm.NOP),
      OF_JUMP,
    ),
    {
      name: "a branch there that is not taken is none",
      write: (p) => {
        p.li(A0, 1)
          .words(asm.branch("beq", A0, 0, 6), asm.branch("blt", A0, 0, -6))
          .send(A0);
      },
      expected: [1],
    },
    {
      name: "jalr drops the lowest bit of its target before that",
      write: (p) => {
        p.la(A0, "there")
          .words(asm.jalr(RA, A0, 1), asm.NOP)
          .label("there")
          .send(0);
      },
      expected: [0],
    },
    returning,
    {
      name: "mepc has neither of the two lowest bits",
      write: (p) => {
        p.li(A0, DATA + 7)
          .words(asm.csr("csrrw", 0, asm.MEPC, A0))
          .sendCsr(asm.MEPC);
      },
      expected: [DATA + 4],
      unlikeQemu: "QEMU 7.2 keeps them, and traps at mret",
    },
    {
      name: "misa does not tell C",
      write: (p) => {
        p.words(asm.csr("csrrs", A0, asm.MISA, 0), asm.i("andi", A0, A0, 0x105)).send(A0);
      },
      expected: [0x101],
    },
  ],
};
