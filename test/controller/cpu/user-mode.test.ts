/** User mode: The RISC-V Instruction Set Manual, volume II, "Machine-Level ISA", rule by rule. */
import { describe, expect, it } from "vitest";
import { Cause } from "../../../controller/cpu/engine.ts";
import { Hart, Mode, MSTATUS_MPP } from "../../../controller/cpu/hart.ts";
import { MachineStop } from "../../../controller/machine.ts";
import { RAM_BASE } from "../../../emulator/memory/map.ts";
import * as asm from "../support/assembler.ts";
import {
  A0,
  A1,
  type Fixture,
  type FixtureOptions,
  inRam,
  inRegion,
  T0,
  T1,
  withHandler,
} from "../support/machines.ts";

const [MIE_BIT, MPIE_BIT, MPRV, TW] = [1 << 3, 1 << 7, 1 << 17, 1 << 21];
const [PMPCFG0, PMPADDR0, MSECCFG] = [0x3a0, 0x3b0, 0x747];
/** NAPOT over everything, with these rights. */
const everything = (rights: number): number => 0x18 | rights;
const RWX = 7;

/** Sets up a handler and PMP for all in user mode, and goes there, at the label `user`, in {@link BEFORE_USER} instructions. */
function toUser(mstatus = 0): asm.Program {
  const program = withHandler()
    .li(T0, -1)
    .words(asm.csr("csrrw", 0, PMPADDR0, T0));
  program.words(asm.i("addi", T0, 0, everything(RWX)), asm.csr("csrrw", 0, PMPCFG0, T0));
  program.li(T0, mstatus).words(asm.csr("csrrw", 0, asm.MSTATUS, T0));
  return program.la(T0, "user").words(asm.csr("csrrw", 0, asm.MEPC, T0), asm.MRET);
}
const BEFORE_USER = 15;

/** Runs `instructions` in user mode, up to the handler's first instruction. */
function inUser(
  instructions: readonly number[],
  setUp: (f: Fixture) => void = () => undefined,
  mstatus = 0,
): Fixture {
  const program = toUser(mstatus)
    .label("user")
    .words(...instructions)
    .align(4)
    .label("handler")
    .words(asm.NOP);
  const f = inRam(program);
  f.machine.run(BEFORE_USER);
  expect(f.hart(Hart.MODE)).toBe(Mode.USER);
  setUp(f);
  f.machine.run(instructions.length);
  return f;
}

const trapOf = (f: Fixture): readonly number[] => [f.hart(Hart.MCAUSE), f.hart(Hart.MTVAL)];

describe("going to user mode and back (Privilege and Global Interrupt-Enable Stack in mstatus register)", () => {
  it("mret goes to the mode in MPP, sets it to the least privileged one, and clears MPRV", () => {
    const f = inUser([], () => undefined, MPRV | MPIE_BIT);
    expect(f.hart(Hart.MSTATUS)).toBe(MPIE_BIT | MIE_BIT);
  });
  it("mret to machine mode leaves MPRV", () => {
    const f = inRam(new asm.Program().words(asm.MRET));
    f.machine.hart[Hart.MSTATUS] = MSTATUS_MPP | MPRV;
    f.machine.hart[Hart.MEPC] = RAM_BASE | 0;
    f.machine.run(1);
    expect([f.hart(Hart.MSTATUS), f.hart(Hart.MODE)]).toEqual([MPRV | MPIE_BIT, Mode.MACHINE]);
  });
  it("a trap goes to machine mode and notes in MPP where it came from", () => {
    const f = inUser([asm.ECALL]);
    expect([f.hart(Hart.MODE), f.hart(Hart.MSTATUS) & MSTATUS_MPP]).toEqual([Mode.MACHINE, 0]);
  });
  it("MPP takes the modes that there are, and ignores the others (WARL)", () => {
    const f = inRam(
      new asm.Program()
        .li(T0, 1 << 11)
        .words(asm.csr("csrrw", 0, asm.MSTATUS, T0), asm.csr("csrrs", A0, asm.MSTATUS, 0))
        .words(asm.csr("csrrw", 0, asm.MSTATUS, 0), asm.csr("csrrs", A1, asm.MSTATUS, 0)),
    );
    f.machine.run(6);
    expect([f.x(A0), f.x(A1)]).toEqual([MSTATUS_MPP, 0]);
  });
  it("ecall is cause 8 there, 11 in machine mode (Machine Cause Register)", () => {
    expect(trapOf(inUser([asm.ECALL]))).toEqual([Cause.ECALL_U, 0]);
  });
});

describe("what is machine mode's alone (CSR Address Mapping Conventions; Trap-Return Instructions)", () => {
  it.each([
    ["mret", asm.MRET],
    ["a read of mstatus", asm.csr("csrrs", A0, asm.MSTATUS, 0)],
    ["a write of mscratch", asm.csr("csrrw", 0, asm.MSCRATCH, A0)],
    ["pmpcfg0", asm.csr("csrrs", A0, PMPCFG0, 0)],
    ["mseccfg", asm.csr("csrrs", A0, MSECCFG, 0)],
    ["tselect", asm.csr("csrrs", A0, 0x7a0, 0)],
    ["misa", asm.csr("csrrs", A0, asm.MISA, 0)],
    ["mvendorid", asm.csr("csrrs", A0, 0xf11, 0)],
  ])("%s is illegal", (_, instruction) => {
    expect(trapOf(inUser([instruction]))).toEqual([Cause.ILLEGAL_INSTRUCTION, instruction]);
  });
});

describe("counters (Machine Counter-Enable Register)", () => {
  const counters = [
    ["cycle", 0xc00, 0],
    ["time", 0xc01, 1],
    ["instret", 0xc02, 2],
    ["hpmcounter3", 0xc03, 3],
    ["cycleh", 0xc80, 0],
    ["timeh", 0xc81, 1],
    ["instreth", 0xc82, 2],
    ["hpmcounter31h", 0xc9f, 31],
  ] as const;
  it.each(counters)("%s is read in user mode where its bit is set", (_, number, bit) => {
    const read = asm.csr("csrrs", A0, number, 0);
    const withBits = (bits: number): Fixture =>
      inUser([read], (f) => {
        f.machine.hart[Hart.MCOUNTEREN] = bits;
      });
    expect(trapOf(withBits(1 << bit))).toEqual([0, 0]);
    expect(trapOf(withBits(~(1 << bit)))).toEqual([Cause.ILLEGAL_INSTRUCTION, read]);
  });
  it("they are never written there", () => {
    const write = asm.csr("csrrw", 0, 0xc00, A0);
    const f = inUser([write], (g) => {
      g.machine.hart[Hart.MCOUNTEREN] = -1;
    });
    expect(trapOf(f)).toEqual([Cause.ILLEGAL_INSTRUCTION, write]);
  });
});

describe("wfi (Virtualization Support in mstatus Register)", () => {
  it("waits in user mode while TW is 0", () => {
    const f = inUser([asm.WFI], () => undefined, 0);
    expect([f.hart(Hart.WAITING), f.machine.run(1)]).toEqual([1, MachineStop.IDLE]);
  });
  it("is illegal in user mode while TW is 1, and not in machine mode", () => {
    expect(trapOf(inUser([asm.WFI], () => undefined, TW))).toEqual([Cause.ILLEGAL_INSTRUCTION, asm.WFI]);
    const f = inRam(new asm.Program().words(asm.WFI));
    f.machine.hart[Hart.MSTATUS] = MSTATUS_MPP | TW;
    f.machine.run(1);
    expect(f.hart(Hart.WAITING)).toBe(1);
  });
});

it("an interrupt for machine mode is taken in user mode whatever MIE says (Machine Interrupt Registers)", () => {
  const f = inUser([asm.NOP], (g) => {
    g.machine.hart[Hart.MIE] = 1 << 3;
    g.machine.storeWord(0x0200_0000, 1);
  });
  expect(trapOf(f)).toEqual([0x8000_0003 | 0, 0]);
  expect(f.hart(Hart.MSTATUS) & (MSTATUS_MPP | MIE_BIT)).toBe(0);
});

describe("MPRV (Memory Privilege in mstatus Register)", () => {
  const DATA = RAM_BASE + 0x800;
  /** In machine mode with MPP = U: user mode may do nothing at all. */
  function withMprv(...instructions: number[]): Fixture {
    const program = withHandler()
      .li(A1, DATA)
      .li(T0, MPRV)
      .words(asm.csr("csrrw", 0, asm.MSTATUS, T0));
    const f = inRam(
      program
        .words(...instructions)
        .align(4)
        .label("handler")
        .words(asm.NOP),
    );
    f.machine.run(8 + instructions.length);
    return f;
  }
  it("loads and stores are made as in the mode in MPP, fetches are not", () => {
    expect(trapOf(withMprv(asm.load("lw", A0, 0, A1)))).toEqual([Cause.LOAD_ACCESS_FAULT, DATA | 0]);
    expect(trapOf(withMprv(asm.store("sw", A0, 0, A1)))).toEqual([Cause.STORE_ACCESS_FAULT, DATA | 0]);
    expect(trapOf(withMprv(asm.NOP))).toEqual([0, 0]);
  });
  it("the trap's handler is at home again: MPP is machine mode there", () => {
    const f = withMprv(asm.load("lw", A0, 0, A1));
    expect([f.hart(Hart.MSTATUS) & (MPRV | MSTATUS_MPP), f.hart(Hart.MCAUSE)]).toEqual([
      MPRV | MSTATUS_MPP,
      5,
    ]);
  });
});

describe("access faults of PMP (Physical Memory Protection)", () => {
  const GUARD = RAM_BASE + 0x840;
  /** Locks 64 bytes from all modes, then executes in machine mode with A1 at the guard. */
  function guarded(...instructions: number[]): Fixture {
    const program = withHandler()
      .li(A1, GUARD)
      .li(T0, (GUARD >>> 2) | 7);
    program.words(
      asm.csr("csrrw", 0, PMPADDR0, T0),
      asm.i("addi", T0, 0, 0x98),
      asm.csr("csrrw", 0, PMPCFG0, T0),
    );
    program
      .words(...instructions)
      .align(4)
      .label("handler")
      .words(asm.NOP);
    const f = inRam(program);
    f.setRam(0x83c, [1, 2, 3, 4]);
    f.machine.run(10 + instructions.length);
    return f;
  }
  it.each([
    ["a load", asm.load("lw", A0, 0, A1), Cause.LOAD_ACCESS_FAULT, GUARD],
    ["a load of the last byte", asm.load("lb", A0, 63, A1), Cause.LOAD_ACCESS_FAULT, GUARD + 63],
    ["a store", asm.store("sw", A0, 8, A1), Cause.STORE_ACCESS_FAULT, GUARD + 8],
    ["lr.w", asm.amo("lr.w", A0, 0, A1), Cause.LOAD_ACCESS_FAULT, GUARD],
    ["sc.w without a reservation", asm.amo("sc.w", A0, 0, A1), Cause.STORE_ACCESS_FAULT, GUARD],
    ["an AMO", asm.amo("amoadd.w", A0, 0, A1), Cause.STORE_ACCESS_FAULT, GUARD],
    ["a misaligned load into it", asm.load("lw", A0, -2, A1), Cause.LOAD_ACCESS_FAULT, GUARD],
    ["a misaligned load out of it", asm.load("lw", A0, 62, A1), Cause.LOAD_ACCESS_FAULT, GUARD + 62],
    ["a misaligned store into it", asm.store("sw", A0, -1, A1), Cause.STORE_ACCESS_FAULT, GUARD],
    ["a fetch", asm.jalr(0, A1, 0), Cause.INSTRUCTION_ACCESS_FAULT, GUARD],
  ])("%s: cause and mtval", (_, instruction, cause, value) => {
    const f = guarded(instruction);
    expect(trapOf(f)).toEqual([cause, value | 0]);
  });
  it("a store that straddles its border stores nothing", () => {
    expect(guarded(asm.store("sw", A0, -1, A1)).ramWord(0x83c)).toBe(0x0403_0201);
  });
  it.each([
    ["before it", asm.load("lw", A0, -4, A1)],
    ["behind it", asm.store("sw", A0, 64, A1)],
  ])("what lies right %s is accessed", (_, instruction) => {
    expect(trapOf(guarded(instruction))).toEqual([0, 0]);
  });
  it("an instruction of which the second half-word may not be fetched: mepc is its first, mtval that one", () => {
    const program = withHandler()
      .li(A1, GUARD - 2)
      .li(T0, (GUARD >>> 2) | 7);
    program.words(
      asm.csr("csrrw", 0, PMPADDR0, T0),
      asm.i("addi", T0, 0, 0x98),
      asm.csr("csrrw", 0, PMPCFG0, T0),
    );
    const f = inRam(
      program
        .words(asm.jalr(0, A1, 0))
        .align(4)
        .label("handler")
        .words(asm.NOP),
    );
    f.setRam(0x83e, [0x13, 0, 0, 0]);
    f.machine.run(11);
    expect([...trapOf(f), f.hart(Hart.MEPC)]).toEqual([1, GUARD | 0, (GUARD - 2) | 0]);
  });
  it("execution runs into it: the trap is at its first instruction", () => {
    const program = withHandler()
      .li(A1, GUARD - 8)
      .li(T0, (GUARD >>> 2) | 7);
    program.words(
      asm.csr("csrrw", 0, PMPADDR0, T0),
      asm.i("addi", T0, 0, 0x98),
      asm.csr("csrrw", 0, PMPCFG0, T0),
    );
    const f = inRam(
      program
        .words(asm.jalr(0, A1, 0))
        .align(4)
        .label("handler")
        .words(asm.NOP),
    );
    f.setRam(0x838, [0x13, 0, 0, 0, 0x13, 0, 0, 0]);
    f.machine.run(14);
    expect([...trapOf(f), f.hart(Hart.MEPC)]).toEqual([1, GUARD | 0, GUARD | 0]);
  });
  it("a device is protected, too", () => {
    const program = toUser()
      .label("user")
      .li(A1, 0x1000_0000)
      .words(asm.load("lbu", A0, 5, A1));
    const f = inRam(program.align(4).label("handler").words(asm.NOP));
    f.machine.run(BEFORE_USER + 2);
    f.machine.hart[Hart.PMPCFG] = 0x18 | 4;
    const state = new Int32Array(f.machine.stateWords);
    f.machine.saveState(state);
    f.machine.restoreState(state);
    f.machine.run(1);
    expect(trapOf(f)).toEqual([Cause.LOAD_ACCESS_FAULT, 0x1000_0005]);
  });
  it("where user mode may do nothing its first fetch faults", () => {
    const program = withHandler()
      .words(asm.csr("csrrw", 0, asm.MSTATUS, 0))
      .la(T0, "user");
    program
      .words(asm.csr("csrrw", 0, asm.MEPC, T0), asm.MRET)
      .label("user")
      .words(asm.NOP);
    const f = inRam(program.align(4).label("handler").words(asm.NOP));
    f.machine.run(8);
    expect(trapOf(f)).toEqual([Cause.INSTRUCTION_ACCESS_FAULT, (RAM_BASE + program.offsetOf("user")) | 0]);
  });
});

describe("a reset", () => {
  const locked: FixtureOptions = {};
  it.each([
    ["RAM", inRam],
    ["a region", inRegion],
  ] as const)("resets PMP, locked entries too, mseccfg and the mode: %s", (_, make) => {
    const program = new asm.Program().li(T0, -1).words(asm.csr("csrrw", 0, PMPADDR0, T0));
    program.words(
      asm.i("addi", T0, 0, 0x9f),
      asm.csr("csrrw", 0, PMPCFG0, T0),
      asm.csr("csrrwi", 0, MSECCFG, 3),
    );
    const f = make(program, locked);
    f.machine.run(6);
    expect([f.hart(Hart.PMPADDR), f.hart(Hart.PMPCFG), f.hart(Hart.MSECCFG)]).toEqual([-1, 0x9f, 3]);
    f.machine.hart[Hart.MODE] = Mode.USER;
    f.machine.hart[Hart.MCOUNTEREN] = -1;
    f.machine.reset(f.hart(Hart.PC));
    const words = f.machine.hart.subarray(Hart.MCOUNTEREN, Hart.PMPADDR + 16);
    expect([f.hart(Hart.MODE), words.every((word) => word === 0)]).toEqual([Mode.MACHINE, true]);
    expect(f.x(T1)).toBe(0);
  });
});
