/** The trigger module: the debug specification's chapter "Sdtrig", as far as this hart has it. */
import * as asm from "../../hostile/assembler.ts";
import { type Case, type CaseGroup, type CaseProgram, DATA } from "../case.ts";

const [A0, A1, A2, A3] = [10, 11, 12, 13] as const;
const [TSELECT, TDATA1, TDATA2, TDATA3, TINFO, TCONTROL] = [
  0x7a0, 0x7a1, 0x7a2, 0x7a3, 0x7a4, 0x7a5,
] as const;

const BREAKPOINT = 3;
const FETCH_FAULT = 1;
/** Nothing answers here, on either machine. */
const NOWHERE = 0x1800_0000;

const MCONTROL = 2 << 28;
const MCONTROL6 = 6 << 28;
const DISABLED = 15 << 28;
const M = 1 << 6;
const [LOAD, STORE, EXECUTE] = [1, 2, 4] as const;
const [NAPOT, GE, LT] = [1 << 7, 2 << 7, 3 << 7] as const;
const SIZE_16 = 2 << 16;
const MCONTROL_HIT = 1 << 20;
const MCONTROL6_HIT0 = 1 << 22;
const [MTE, MPTE] = [1 << 3, 1 << 7] as const;

const NO_TCONTROL = "QEMU 7.2 has no tcontrol";
const NO_MCONTROL6 = "QEMU 7.2 has no mcontrol6";
const NO_MATCH = "QEMU 7.2 compares for equality alone";

/** Has triggers fire in machine mode. A hart without tcontrol does that anyhow, and traps, which is passed over. */
function enable(p: CaseProgram): void {
  p.la(A0, "enabled").words(asm.csr("csrrw", A0, asm.MTVEC, A0), asm.csr("csrrsi", 0, TCONTROL, MTE));
  p.align(4)
    .label("enabled")
    .words(asm.csr("csrrw", 0, asm.MTVEC, A0));
}

/** Arms trigger 0 for the address that a0 holds. */
function arm(p: CaseProgram, control: number): void {
  p.words(asm.csr("csrrwi", 0, TSELECT, 0), asm.csr("csrrw", 0, TDATA1, 0), asm.csr("csrrw", 0, TDATA2, A0));
  p.li(A1, control).words(asm.csr("csrrw", 0, TDATA1, A1));
}

/** The value that a register of the module keeps of one that is written. */
const keeps = (name: string, csr: number, written: number, kept: number, unlikeQemu?: string): Case => ({
  name,
  write: (p) => {
    p.li(A0, written)
      .words(asm.csr("csrrw", 0, csr, A0))
      .sendCsr(csr);
  },
  expected: [kept],
  ...(unlikeQemu === undefined ? {} : { unlikeQemu }),
});

/** A load and a store of the word at {@link DATA} + 16, which holds 7, and what that word is after them. */
const tries = (name: string, control: number, address: number, fires: string, unlikeQemu?: string): Case => ({
  name,
  write: (p) => {
    p.li(A2, DATA + 16)
      .li(A3, 7)
      .words(asm.store("sw", A3, 0, A2))
      .li(A0, address);
    arm(p, control);
    enable(p);
    p.li(A3, 9).words(asm.load("lw", A0, 0, A2), asm.store("sw", A3, 0, A2));
    // Of no mode and no access, for QEMU 7.2 ignores what has another type.
    p.li(A1, MCONTROL)
      .words(asm.csr("csrrw", 0, TDATA1, A1), asm.load("lw", A3, 0, A2))
      .send(A3);
  },
  expected: [...[...fires].map(() => BREAKPOINT), fires.includes("s") ? 7 : 9],
  ...(unlikeQemu === undefined ? {} : { unlikeQemu }),
});

const registerCases: readonly Case[] = [
  keeps("tselect selects", TSELECT, 1, 1),
  keeps("there are four triggers", TSELECT, 4, 0, "QEMU 7.2 has two"),
  keeps("tdata1: mcontrol for all accesses in machine mode", TDATA1, MCONTROL | M | 7, MCONTROL | M | 7),
  keeps("tdata1: dmode is a debugger's", TDATA1, MCONTROL | (1 << 27), MCONTROL),
  keeps("tdata1: a breakpoint exception is all that there is", TDATA1, MCONTROL | (1 << 12), MCONTROL),
  keeps("tdata1: no chains, no data, before and not after", TDATA1, MCONTROL | (0x181 << 11), MCONTROL),
  keeps(
    "tdata1: maskmax is 0, and NAPOT is none of mcontrol",
    TDATA1,
    MCONTROL | (63 << 21) | NAPOT,
    MCONTROL,
  ),
  keeps(
    "tdata1: hit is writable",
    TDATA1,
    MCONTROL | MCONTROL_HIT,
    MCONTROL | MCONTROL_HIT,
    "QEMU 7.2 has none",
  ),
  keeps(
    "tdata1: mcontrol6",
    TDATA1,
    MCONTROL6 | M | LOAD | NAPOT,
    MCONTROL6 | M | LOAD | NAPOT,
    NO_MCONTROL6,
  ),
  keeps(
    "tdata1: no uncertainty, no S, no VS",
    TDATA1,
    MCONTROL6 | (15 << 23) | (1 << 4),
    MCONTROL6,
    NO_MCONTROL6,
  ),
  keeps("tdata1: another type disables", TDATA1, 3 << 28, DISABLED, "QEMU 7.2 ignores it"),
  keeps("tdata1: 0 disables", TDATA1, 0, DISABLED, "QEMU 7.2 ignores it"),
  keeps("tdata2 holds any address", TDATA2, -2, -2),
  keeps("tdata3 is 0", TDATA3, -1, 0, "QEMU 7.2 keeps it"),
  keeps("tinfo: version 1, types 2, 6 and 15", TINFO, 0, 0x0100_8044, "QEMU 7.2 has none"),
  keeps("tcontrol: mte and mpte", TCONTROL, -1, MTE | MPTE, NO_TCONTROL),
];

const firingCases: readonly Case[] = [
  tries("an armed load does not load", MCONTROL | M | LOAD, DATA + 16, "l"),
  tries("an armed store does not store", MCONTROL | M | STORE, DATA + 16, "s"),
  tries("both", MCONTROL | M | LOAD | STORE, DATA + 16, "ls"),
  tries("nothing without a mode", MCONTROL | LOAD | STORE, DATA + 16, ""),
  tries("nothing beside", MCONTROL | M | LOAD | STORE, DATA + 20, ""),
  tries("each byte of an access counts", MCONTROL6 | M | LOAD, DATA + 19, "l", NO_MCONTROL6),
  tries("another size", MCONTROL6 | M | LOAD | STORE | SIZE_16, DATA + 16, "", NO_MCONTROL6),
  tries("a NAPOT range", MCONTROL6 | M | STORE | NAPOT, DATA + 15, "s", NO_MCONTROL6),
  tries("at or above", MCONTROL | M | LOAD | GE, DATA + 16, "l", NO_MATCH),
  tries("below", MCONTROL6 | M | STORE | LT, DATA + 16, "", NO_MCONTROL6),
  {
    name: "an armed instruction does not execute, and loads from it do not fire",
    write: (p) => {
      p.la(A0, "armed");
      arm(p, MCONTROL | M | EXECUTE);
      enable(p);
      p.li(A2, 5)
        .la(A3, "armed")
        .label("armed")
        .words(asm.i("addi", A2, A2, 1))
        .send(A2);
      p.words(asm.load("lw", A1, 0, A3)).send(0);
    },
    expected: [BREAKPOINT, 5, 0],
  },
  {
    name: "an armed address goes before a fetch that faults",
    write: (p) => {
      p.li(A0, NOWHERE);
      arm(p, MCONTROL | M | EXECUTE);
      enable(p);
      p.la(A2, "handler").words(asm.csr("csrrw", A3, asm.MTVEC, A2));
      p.li(A0, NOWHERE)
        .words(asm.jalr(0, A0, 0))
        .align(4)
        .label("handler");
      p.words(asm.csr("csrrw", 0, asm.MTVEC, A3))
        .sendCsr(asm.MCAUSE)
        .sendCsr(asm.MTVAL);
      // Disabled it is the fetch that faults; the frame's handler returns to ra.
      p.words(asm.csr("csrrw", 0, TDATA1, 0))
        .la(1, "back")
        .words(asm.jalr(0, A0, 0))
        .label("back")
        .send(0);
    },
    expected: [BREAKPOINT, NOWHERE, FETCH_FAULT, 0],
    unlikeQemu: "QEMU 7.2 faults first",
  },
  {
    name: "mtval is the address that matched, and the hit bit is set",
    write: (p) => {
      p.li(A0, DATA + 18);
      arm(p, MCONTROL6 | M | LOAD);
      enable(p);
      p.li(A2, DATA + 16)
        .words(asm.load("lw", A1, 0, A2))
        .sendCsr(asm.MTVAL)
        .sendCsr(TDATA1);
    },
    expected: [BREAKPOINT, DATA + 18, MCONTROL6 | M | LOAD | MCONTROL6_HIT0],
    unlikeQemu: NO_MCONTROL6,
  },
  {
    name: "a trap saves mte in mpte and clears it, and mret restores it",
    write: (p) => {
      enable(p);
      p.la(A2, "handler").words(asm.csr("csrrw", A3, asm.MTVEC, A2), asm.ECALL);
      p.align(4).label("handler").sendCsr(TCONTROL).la(A0, "back");
      p.words(asm.csr("csrrw", 0, asm.MTVEC, A3), asm.csr("csrrw", 0, asm.MEPC, A0), asm.MRET);
      p.label("back").sendCsr(TCONTROL);
    },
    expected: [MPTE, MTE | MPTE],
    unlikeQemu: NO_TCONTROL,
  },
];

export const TRIGGERS: CaseGroup = {
  name: "Sdtrig",
  cases: [...registerCases, ...firingCases],
  qemuCpu: "debug=true",
};
