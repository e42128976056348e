/** Traps, interrupts, wfi, Smdbltrp and CSRs: volume II and docs/hardware.md, rule by rule. */
import { describe, expect, it } from "vitest";
import { BARE_BOARD, type BoardPlan } from "../../../controller/boards.ts";
import { Cause, InterruptBit } from "../../../controller/cpu/engine.ts";
import { Hart, MSTATUS_MPP } from "../../../controller/cpu/hart.ts";
import { Extension } from "../../../controller/cpu/isa.ts";
import { MachineStop } from "../../../controller/machine.ts";
import { Evidence } from "../../../emulator/memory/evidence.ts";
import { RAM_BASE, WINDOW_BASE } from "../../../emulator/memory/map.ts";
import * as asm from "../support/assembler.ts";
import {
  A0,
  A1,
  A2,
  type Fixture,
  type FixtureOptions,
  fixture,
  inRam,
  inRegion,
  T0,
  withHandler,
} from "../support/machines.ts";

/** Nothing but machine mode. */
const MACHINE_MODE_BOARD: BoardPlan = {
  ...BARE_BOARD,
  extensions: BARE_BOARD.extensions & ~Extension.SVBARE,
  hart: { smdbltrp: false, userMode: false, pmpEntries: 0 },
};
const MIE_BIT = 1 << 3;
const MPIE_BIT = 1 << 7;
const MDT_BIT = 1 << 10;
const CLINT_MSIP = 0x0200_0000;
const INTERRUPT = 0x8000_0000;

/** The values a0, a1, … after `instructions`, which all retire. */
function execute(
  instructions: readonly number[],
  setUp: (f: Fixture) => void = () => undefined,
  options: FixtureOptions = {},
): Fixture {
  const f = inRam(new asm.Program().words(...instructions), options);
  setUp(f);
  f.machine.run(instructions.length);
  return f;
}

/** Reads a CSR after writing all ones, then all zeros. */
function writeAndRead(number: number, options: FixtureOptions = {}): { ones: number; zeros: number } {
  const instructions = [
    asm.i("addi", T0, 0, -1),
    asm.csr("csrrw", 0, number, T0),
    asm.csr("csrrs", A0, number, 0),
    asm.csr("csrrw", 0, number, 0),
    asm.csr("csrrs", A1, number, 0),
  ];
  const f = execute(instructions, () => undefined, options);
  return { ones: f.x(A0), zeros: f.x(A1) };
}

describe("CSRs keep what their fields allow", () => {
  it.each([
    ["mscratch", asm.MSCRATCH, -1, 0],
    ["mepc has no bit 0", asm.MEPC, -2, 0],
    ["mcause", asm.MCAUSE, -1, 0],
    ["mtval", asm.MTVAL, -1, 0],
    ["mie has the three machine bits", asm.MIE, 0x888, 0],
    ["mip is the devices' alone", asm.MIP, 0, 0],
    ["mstatus: MIE, MPIE, MPP, MPRV and TW", asm.MSTATUS, MSTATUS_MPP | 0x22_0088, 0],
    ["mstatush is 0 without Smdbltrp", asm.MSTATUSH, 0, 0],
    ["mcountinhibit: cycle and instret", asm.MCOUNTINHIBIT, 5, 0],
    ["satp is Bare's", asm.SATP, 0, 0],
    ["misa is RV32ABCIMU and stays it", asm.MISA, 0x4010_1107, 0x4010_1107],
    ["mcounteren", 0x306, -1, 0],
    ["menvcfg has FIOM", 0x30a, 1, 0],
    ["menvcfgh is 0", 0x31a, 0, 0],
    ["mhpmcounter3 is 0", 0xb03, 0, 0],
    ["mhpmcounter31h is 0", 0xb9f, 0, 0],
    ["mhpmevent3 is 0", 0x323, 0, 0],
  ])("%s", (_, number, ones, zeros) => {
    expect(writeAndRead(number)).toEqual({ ones, zeros });
  });
  it.each([
    ["mstatus: MIE and MPIE; MPP is always machine mode", asm.MSTATUS, MSTATUS_MPP | 0x88, MSTATUS_MPP],
    ["misa is RV32ABCIM and stays it", asm.MISA, 0x4000_1107, 0x4000_1107],
  ])("%s in a hart without user mode", (_, number, ones, zeros) => {
    expect(writeAndRead(number, { plan: MACHINE_MODE_BOARD })).toEqual({ ones, zeros });
  });
  it("mtvec takes direct and vectored mode and ignores a reserved one", () => {
    const f = execute(
      [
        asm.csr("csrrw", 0, asm.MTVEC, A0),
        asm.csr("csrrs", A1, asm.MTVEC, 0),
        asm.i("addi", A0, A0, 1),
        asm.csr("csrrw", 0, asm.MTVEC, A0),
        asm.csr("csrrs", A2, asm.MTVEC, 0),
      ],
      (f) => f.setX(A0, 0x101),
    );
    expect([f.x(A1), f.x(A2)]).toEqual([0x101, 0x101]);
  });
  it.each([0xf11, 0xf12, 0xf13, 0xf14, 0xf15])("identity CSR %i reads 0", (number) => {
    expect(execute([asm.csr("csrrs", A0, number, 0)], (f) => f.setX(A0, 9)).x(A0)).toBe(0);
  });
});

describe("CSR instructions", () => {
  const old = 0b1100;
  it.each([
    ["csrrw", 0b1010, 0b1010],
    ["csrrs", 0b1010, 0b1110],
    ["csrrc", 0b1010, 0b0100],
    ["csrrwi", 0b1010, 0b1010],
    ["csrrsi", 0b1010, 0b1110],
    ["csrrci", 0b1010, 0b0100],
  ] as const)("%s gives the old value and writes the new", (name, operand, result) => {
    const immediate = name.endsWith("i");
    const f = execute(
      [asm.csr(name, A1, asm.MSCRATCH, immediate ? operand : A0), asm.csr("csrrs", A2, asm.MSCRATCH, 0)],
      (f) => {
        f.setX(A0, operand);
        f.machine.hart[Hart.MSCRATCH] = old;
      },
    );
    expect([f.x(A1), f.x(A2)]).toEqual([old, result]);
  });
  it("reads before it writes when rd is rs1", () => {
    const f = execute([asm.csr("csrrw", A0, asm.MSCRATCH, A0)], (f) => {
      f.setX(A0, 1);
      f.machine.hart[Hart.MSCRATCH] = 2;
    });
    expect([f.x(A0), f.hart(Hart.MSCRATCH)]).toEqual([2, 1]);
  });

  function illegalAt(instruction: number, setUp: (f: Fixture) => void = () => undefined) {
    const program = withHandler().words(instruction).label("handler").words(asm.NOP);
    const f = inRam(program, { plan: MACHINE_MODE_BOARD });
    setUp(f);
    f.machine.run(4);
    return { cause: f.hart(Hart.MCAUSE), tval: f.hart(Hart.MTVAL), pc: f.hart(Hart.MEPC) };
  }
  it.each([
    ["a CSR that does not exist", 0x7ff],
    ["medeleg, which a hart without S has not", 0x302],
    ["mcounteren, which a hart without U has not", 0x306],
    ["menvcfg, which a hart without U has not", 0x30a],
    ["pmpcfg0, which a hart without PMP has not", 0x3a0],
    ["pmpaddr15, which a hart without PMP has not", 0x3bf],
    ["mseccfg, which a hart without PMP has not", 0x747],
    ["satp, which a hart without S and Svbare has not", asm.SATP],
    ["fcsr", 0x003],
  ])("%s is illegal even to read", (_, number) => {
    const instruction = asm.csr("csrrs", A0, number, 0);
    const trap = { cause: Cause.ILLEGAL_INSTRUCTION, tval: instruction, pc: (RAM_BASE + 12) | 0 };
    expect(illegalAt(instruction)).toEqual(trap);
  });
  it.each([
    ["csrrw", "csrrw", 0, true],
    ["csrrwi", "csrrwi", 0, true],
    ["csrrs of a register, even one that holds 0", "csrrs", A0, true],
    ["csrrs of x0", "csrrs", 0, false],
    ["csrrc of x0", "csrrc", 0, false],
    ["csrrsi of 0", "csrrsi", 0, false],
    ["csrrsi of 1", "csrrsi", 1, true],
  ] as const)("a write to a read-only CSR is illegal: %s", (_, name, source, illegal) => {
    const { cause } = illegalAt(asm.csr(name, A1, asm.MHARTID, source));
    expect(cause).toBe(illegal ? Cause.ILLEGAL_INSTRUCTION : 0);
  });
});

describe("counters", () => {
  const readInstret = (rd: number): number => asm.csr("csrrs", rd, asm.MINSTRET, 0);
  it("minstret counts the instructions before it", () => {
    const f = execute([asm.NOP, asm.NOP, readInstret(A0), readInstret(A1)]);
    expect([f.x(A0), f.x(A1)]).toEqual([2, 3]);
  });
  it("a written value is what the next instruction reads", () => {
    const f = execute([asm.csr("csrrwi", 0, asm.MINSTRET, 9), readInstret(A0), asm.NOP, readInstret(A1)]);
    expect([f.x(A0), f.x(A1)]).toEqual([9, 11]);
  });
  it("carries into its upper half, and a write of that half takes the place of an increment", () => {
    const f = execute([
      asm.i("addi", T0, 0, -1),
      asm.csr("csrrw", 0, asm.MINSTRET, T0),
      asm.csr("csrrwi", 0, asm.MINSTRETH, 6),
      asm.NOP,
      readInstret(A0),
      asm.csr("csrrs", A1, asm.MINSTRETH, 0),
    ]);
    expect([f.x(A0), f.x(A1)]).toEqual([0, 7]);
  });
  it("mcountinhibit stops each counter by itself", () => {
    const f = execute([
      asm.csr("csrrwi", 0, asm.MCYCLE, 0),
      asm.csr("csrrwi", 0, asm.MINSTRET, 0),
      asm.csr("csrrwi", 0, asm.MCOUNTINHIBIT, 4),
      asm.NOP,
      asm.NOP,
      readInstret(A0),
      asm.csr("csrrs", A1, asm.MCYCLE, 0),
    ]);
    expect([f.x(A0), f.x(A1)]).toEqual([1, 5]);
  });
  it("instructions that trap are not counted", () => {
    const f = inRam(withHandler().words(asm.ECALL).label("handler").words(readInstret(A0)));
    f.machine.run(4);
    expect(f.x(A0)).toBe(3);
    expect(f.machine.retired).toBe(4);
  });
  it("hold across runs", () => {
    const f = inRam(new asm.Program().words(asm.NOP, asm.NOP, asm.NOP, readInstret(A0)));
    for (let run = 0; run < 4; run++) f.machine.run(1);
    expect(f.x(A0)).toBe(3);
  });
  it("time is mtime", () => {
    const f = inRam(
      new asm.Program()
        .words(...Array.from({ length: 57 }, () => asm.NOP))
        .words(asm.csr("csrrs", A0, asm.TIME, 0)),
    );
    f.machine.run(58);
    expect(f.x(A0), "57 instructions are 5 ticks of the virtual clock").toBe(5);
  });
});

describe("taking and leaving a trap", () => {
  it("saves MIE in MPIE and clears it; mret restores it and goes to mepc", () => {
    const f = inRam(
      withHandler()
        .words(asm.csr("csrrsi", 0, asm.MSTATUS, MIE_BIT), asm.ECALL, asm.NOP)
        .label("handler")
        .words(asm.csr("csrrs", A0, asm.MSTATUS, 0), asm.MRET),
    );
    f.machine.run(5);
    expect(f.x(A0)).toBe(MSTATUS_MPP | MPIE_BIT);
    expect(f.hart(Hart.MEPC)).toBe((RAM_BASE + 16) | 0);
    f.machine.hart[Hart.MEPC] = (RAM_BASE + 20) | 0;
    f.machine.run(1);
    expect(f.hart(Hart.MSTATUS)).toBe(MPIE_BIT | MIE_BIT);
    expect(f.hart(Hart.PC)).toBe((RAM_BASE + 20) | 0);
  });
  it("exceptions go to the base even when mtvec is vectored", () => {
    const f = inRam(
      new asm.Program()
        .la(A0, "table")
        .words(asm.i("addi", A0, A0, 1), asm.csr("csrrw", 0, asm.MTVEC, A0), asm.ECALL)
        .align(4)
        .label("table")
        .words(asm.NOP),
    );
    f.machine.run(4);
    f.machine.run(1);
    expect(f.hart(Hart.PC)).toBe((RAM_BASE + 24) | 0);
  });
  it("without Smdbltrp a handler that traps at once ends the run: nothing can retire any more", () => {
    const f = inRam(withHandler().words(asm.NOP).label("handler").words(asm.ILLEGAL));
    expect(f.machine.run(100)).toBe(MachineStop.STOPPED);
    expect(f.machine.evidence).toBe(Evidence.DOUBLE_TRAP);
    expect(f.machine.retired).toBe(4);
    expect(f.hart(Hart.MEPC)).toBe((RAM_BASE + 16) | 0);
  });
  it("without a handler likewise", () => {
    const f = inRam(new asm.Program().words(asm.NOP, asm.EBREAK));
    expect(f.machine.run(100)).toBe(MachineStop.STOPPED);
    expect(f.machine.evidence).toBe(Evidence.TRAP);
    expect(f.machine.retired).toBe(1);
  });
});

describe("a handler that runs and traps again", () => {
  /** Traps once, then in its handler behind `instructions`, for ever. */
  function loopOf(...instructions: readonly number[]): asm.Program {
    return withHandler()
      .li(A0, CLINT_MSIP)
      .words(asm.ECALL)
      .align(4)
      .label("handler")
      .words(asm.i("addi", A1, A1, 1), ...instructions, asm.load("lw", A2, 8, 0), asm.NOP);
  }
  /** Traps at one place `times` times, each behind `between`, and comes to its end. */
  function again(times: number, ...between: readonly number[]): asm.Program {
    return withHandler()
      .li(A0, CLINT_MSIP)
      .li(A2, times)
      .words(asm.ECALL)
      .align(4)
      .label("handler")
      .words(asm.i("addi", A2, A2, -1))
      .branch("beq", A2, 0, "end")
      .la(T0, "fault")
      .words(asm.csr("csrrw", 0, asm.MEPC, T0), ...between)
      .label("fault")
      .words(asm.EBREAK)
      .label("end")
      .jal(0, "end");
  }

  it("ends the run after 1,000 traps with one mepc and mcause", () => {
    const f = inRam(loopOf());
    expect(f.machine.run(100_000)).toBe(MachineStop.STOPPED);
    expect([f.machine.evidence, f.machine.stopCode]).toEqual([Evidence.DOUBLE_TRAP, Cause.LOAD_ACCESS_FAULT]);
    expect(f.machine.stopTval).toBe(8);
    // Entered for the call, and then for 999 of the handler's own traps.
    expect(f.x(A1)).toBe(1000);
    expect([f.hart(Hart.HANDLED_CAUSE), f.hart(Hart.HANDLED_PC) >>> 0]).toEqual([
      Cause.ECALL_M,
      RAM_BASE + 20,
    ]);
  });
  it("wherever runs end, at the same instruction", () => {
    const retired = [1, 3, 7, 100_000].map((budget) => {
      const { machine } = inRam(loopOf());
      for (let runs = 0; runs < 10_000 && machine.run(budget) === MachineStop.BUDGET; runs++);
      expect(machine.stopped).toBe(true);
      return machine.retired;
    });
    expect(new Set(retired).size).toBe(1);
  });
  it("also where it clears MDT of Smdbltrp first", () => {
    const clear = [asm.csr("csrrw", 0, asm.MSTATUSH, 0)];
    const f = inRegion(loopOf(...clear));
    expect(f.machine.run(100_000)).toBe(MachineStop.STOPPED);
    expect([f.machine.evidence, f.x(A1)]).toEqual([Evidence.DOUBLE_TRAP, 1000]);
  });
  it("goes on below that", () => {
    const f = inRam(again(1000));
    expect(f.machine.run(100_000)).toBe(MachineStop.BUDGET);
    expect(f.hart(Hart.TRAPS_ALIKE)).toBe(999);
  });
  it("is counted until it does something: returns by mret, or is answered by a device", () => {
    expect(inRam(again(1001)).machine.run(100_000), "nothing").toBe(MachineStop.STOPPED);
    for (const access of [asm.load("lw", 0, 0, A0), asm.store("sw", 0, 0, A0)]) {
      expect(inRam(again(5000, access)).machine.run(100_000)).toBe(MachineStop.BUDGET);
    }
    expect(inRam(again(5000, asm.MRET)).machine.run(100_000)).toBe(MachineStop.BUDGET);
  });
  it("a trap elsewhere in between is another one", () => {
    const f = inRam(
      withHandler()
        .words(asm.ECALL)
        .align(4)
        .label("handler")
        .words(asm.i("xori", A1, A1, 1))
        .branch("beq", A1, 0, "other")
        .words(asm.EBREAK)
        .label("other")
        .words(asm.EBREAK),
    );
    expect(f.machine.run(100_000)).toBe(MachineStop.BUDGET);
  });
});

describe("Smdbltrp", () => {
  it("a trap sets MDT, mret clears it", () => {
    const f = inRegion(withHandler().words(asm.ECALL).label("handler").words(asm.NOP, asm.MRET));
    f.machine.run(4);
    expect(f.hart(Hart.MSTATUSH)).toBe(MDT_BIT);
    f.machine.run(1);
    expect(f.hart(Hart.MSTATUSH)).toBe(0);
  });
  it("a trap while MDT is set stops the hart with the first trap's CSRs untouched", () => {
    const f = inRegion(
      withHandler()
        .words(asm.ECALL)
        .label("handler")
        .words(asm.NOP, asm.load("lw", A0, 8, 0)),
    );
    expect(f.machine.run(100)).toBe(MachineStop.STOPPED);
    expect(f.machine.evidence).toBe(Evidence.DOUBLE_TRAP);
    expect(f.machine.stopCode).toBe(Cause.LOAD_ACCESS_FAULT);
    expect(f.machine.stopTval).toBe(8);
    expect(f.machine.stopPc).toBe(WINDOW_BASE + 20);
    expect(f.hart(Hart.MCAUSE)).toBe(Cause.ECALL_M);
    expect(f.hart(Hart.MEPC)).toBe(WINDOW_BASE + 12);
    expect(f.machine.retired).toBe(4);
  });
  it("a trap before any handler is installed is told as the trap it was", () => {
    const f = inRegion(new asm.Program().words(asm.NOP, asm.load("lw", A0, 16, 0)));
    expect(f.machine.run(100)).toBe(MachineStop.STOPPED);
    expect(f.machine.evidence).toBe(Evidence.TRAP);
    expect(f.machine.stopCode).toBe(Cause.LOAD_ACCESS_FAULT);
    expect(f.machine.stopPc).toBe(WINDOW_BASE + 4);
    expect(f.machine.stopTval).toBe(16);
  });
  it("setting MDT clears MIE, and MIE cannot be set while MDT is", () => {
    const f = inRegion(
      new asm.Program().words(
        asm.csr("csrrsi", 0, asm.MSTATUS, MIE_BIT),
        asm.i("addi", T0, 0, MDT_BIT),
        asm.csr("csrrs", 0, asm.MSTATUSH, T0),
        asm.csr("csrrs", A0, asm.MSTATUS, 0),
        asm.csr("csrrsi", 0, asm.MSTATUS, MIE_BIT),
        asm.csr("csrrs", A1, asm.MSTATUS, 0),
        asm.csr("csrrw", 0, asm.MSTATUSH, 0),
        asm.csr("csrrsi", 0, asm.MSTATUS, MIE_BIT),
        asm.csr("csrrs", A2, asm.MSTATUS, 0),
      ),
    );
    f.machine.run(9);
    expect([f.x(A0), f.x(A1), f.x(A2)]).toEqual([MSTATUS_MPP, MSTATUS_MPP, MSTATUS_MPP | MIE_BIT]);
  });
  it("is off at reset, so firmware that does not know it may trap and return", () => {
    expect(fixture().hart(Hart.MSTATUSH)).toBe(0);
  });
});

describe("interrupts", () => {
  /** The software interrupt is raised by a store, with mie and MIE as given; then NOPs. */
  function raise(mie: number, enabled: boolean, mtvecMode = 0): Fixture {
    const program = new asm.Program()
      .la(T0, "handler")
      .words(asm.i("addi", T0, T0, mtvecMode), asm.csr("csrrw", 0, asm.MTVEC, T0))
      .li(A0, CLINT_MSIP)
      .li(A1, mie)
      .words(asm.i("addi", A2, 0, 1), asm.csr("csrrw", 0, asm.MIE, A1))
      .words(enabled ? asm.csr("csrrsi", 0, asm.MSTATUS, MIE_BIT) : asm.NOP)
      .words(asm.store("sw", A2, 0, A0))
      .label("next")
      .words(asm.NOP, asm.NOP, asm.NOP)
      .align(4)
      .label("handler")
      .words(...Array.from({ length: 16 }, () => asm.NOP));
    const f = inRam(program);
    f.machine.run(12);
    return f;
  }
  const next = RAM_BASE + 48;
  const handler = RAM_BASE + 60;

  it("is taken right after the store that raised it, with the next instruction in mepc", () => {
    const f = raise(InterruptBit.SOFTWARE, true);
    expect(f.hart(Hart.MCAUSE) >>> 0).toBe(INTERRUPT + 3);
    expect(f.hart(Hart.MEPC) >>> 0).toBe(next);
    expect(f.hart(Hart.MTVAL)).toBe(0);
    expect(f.hart(Hart.PC) >>> 0).toBe(handler);
  });
  it("vectored mode enters at base + 4 × number", () => {
    expect(raise(InterruptBit.SOFTWARE, true, 1).hart(Hart.PC) >>> 0).toBe(handler + 12);
  });
  it.each([
    ["mie does not enable it", InterruptBit.TIMER, true],
    ["MIE is clear", InterruptBit.SOFTWARE, false],
  ])("waits while %s", (_, mie, enabled) => {
    const f = raise(mie, enabled);
    expect(f.hart(Hart.MCAUSE)).toBe(0);
    expect(f.hart(Hart.PC) >>> 0).toBe(next);
    expect(f.hart(Hart.MIP) & InterruptBit.SOFTWARE).not.toBe(0);
  });
  it("is taken as soon as mstatus, mie or mret lets it", () => {
    const f = raise(InterruptBit.SOFTWARE, false);
    f.setRam(48, new asm.Program().words(asm.csr("csrrsi", 0, asm.MSTATUS, MIE_BIT)).bytes());
    f.machine.ramChanged();
    f.machine.run(1);
    expect(f.hart(Hart.MCAUSE) >>> 0).toBe(INTERRUPT + 3);
    expect(f.hart(Hart.MEPC) >>> 0).toBe(next + 4);
    f.setRam(60, new asm.Program().words(asm.MRET).bytes());
    f.machine.ramChanged();
    f.machine.run(1);
    expect(f.hart(Hart.PC) >>> 0, "mret enables it again, and it still stands").toBe(handler);
    expect(f.hart(Hart.MEPC) >>> 0).toBe(next + 4);
  });
  it("external goes before software, software before timer", () => {
    const f = fixture();
    f.machine.setRegion(0);
    const order: number[] = [];
    for (const pending of [0x888, 0x088, 0x080]) {
      f.machine.reset(WINDOW_BASE);
      const { hart } = f.machine;
      hart[Hart.MSTATUS] = MSTATUS_MPP | MIE_BIT;
      hart[Hart.MIE] = 0x888;
      hart[Hart.MTVEC] = WINDOW_BASE + 0x100;
      hart[Hart.MIP] = pending;
      f.space.bytes.set(new asm.Program().words(asm.NOP).bytes(), (f.layout.regions[0] ?? 0) + 0x100);
      f.machine.interpreter.run(1);
      order.push((hart[Hart.MCAUSE] as number) & 0xff);
    }
    expect(order).toEqual([11, 3, 7]);
  });
});

describe("wfi", () => {
  const wait = (): asm.Program =>
    new asm.Program().words(asm.csr("csrrw", 0, asm.MIE, A0), asm.WFI, asm.i("addi", A1, 0, 1));
  it("without any event to come leaves the hart idle, and does not run on by itself", () => {
    const f = inRam(wait());
    f.setX(A0, InterruptBit.SOFTWARE);
    expect(f.machine.run(100)).toBe(MachineStop.IDLE);
    expect(f.machine.retired).toBe(2);
    expect(f.machine.run(100)).toBe(MachineStop.IDLE);
    expect([f.machine.retired, f.x(A1)]).toEqual([2, 0]);
  });
  it("ends when an enabled interrupt is pending, even with MIE clear, and takes no trap then", () => {
    const f = inRam(wait());
    f.setX(A0, InterruptBit.SOFTWARE);
    f.machine.run(2);
    expect(f.hart(Hart.WAITING)).toBe(1);
    f.machine.hart[Hart.MIP] = InterruptBit.SOFTWARE;
    f.machine.interpreter.run(1);
    expect([f.x(A1), f.hart(Hart.MCAUSE)]).toEqual([1, 0]);
  });
  it("does not wait at all if one is pending already", () => {
    const f = inRam(wait());
    f.setX(A0, InterruptBit.SOFTWARE);
    f.machine.hart[Hart.MIP] = InterruptBit.SOFTWARE;
    f.machine.interpreter.run(3);
    expect(f.x(A1)).toBe(1);
  });
});
