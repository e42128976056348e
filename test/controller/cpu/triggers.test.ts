/** The trigger module: RISC-V Debug Specification 1.0, chapter "Sdtrig", rule by rule. */
import { describe, expect, it } from "vitest";
import { CONTROLLER_BOARD } from "../../../controller/boards.ts";
import { LineFlag } from "../../../controller/cpu/address-space.ts";
import { Cause } from "../../../controller/cpu/engine.ts";
import { Hart, Mode } from "../../../controller/cpu/hart.ts";
import { Extension } from "../../../controller/cpu/isa.ts";
import { type ArmedRanges, Triggers } from "../../../controller/cpu/triggers.ts";
import { RAM_BASE } from "../../../emulator/memory/map.ts";
import * as asm from "../support/assembler.ts";
import { A0, A1, A2, type Fixture, inRam, inRegion, S0, T0, T1 } from "../support/machines.ts";

const RA = 1;
const [TSELECT, TDATA1, TDATA2, TDATA3, TINFO, TCONTROL] = [0x7a0, 0x7a1, 0x7a2, 0x7a3, 0x7a4, 0x7a5];
const DISABLED = 0xf000_0000 | 0;
const MCONTROL = 2 << 28;
const MCONTROL6 = 6 << 28;
const [M, U] = [1 << 6, 1 << 3];
const [LOAD, STORE, EXECUTE] = [1, 2, 4];
const [MTE, MPTE] = [8, 128];
const MCONTROL_HIT = 1 << 20;
const MCONTROL6_HIT0 = 1 << 22;
const match = (kind: number): number => kind << 7;
const size = (code: number): number => code << 16;
const NAPOT = match(1);
const GE = match(2);
const LT = match(3);

function newTriggers(hasUser = true): { hart: Int32Array; triggers: Triggers; changes: ArmedRanges[] } {
  const hart = new Int32Array(Hart.WORDS);
  const changes: ArmedRanges[] = [];
  hart[Hart.MODE] = Mode.MACHINE;
  return { hart, triggers: new Triggers(hart, hasUser, (_, now) => changes.push(now)), changes };
}

describe("trigger CSRs keep what their fields allow", () => {
  it.each([
    ["tselect has four triggers to select", TSELECT, 7, 3],
    ["tdata3 is textra32 without a field", TDATA3, -1, 0],
    ["tinfo tells version 1 and the types 2, 6 and 15", TINFO, 0, 0x0100_8044],
    ["tcontrol has mte and mpte", TCONTROL, -1, MTE | MPTE],
    ["a type that there is not disables", TDATA1, (3 << 28) | M | EXECUTE, DISABLED],
    ["type 0 disables", TDATA1, M | EXECUTE, DISABLED],
    ["type 15 has no other bits", TDATA1, -1, DISABLED],
    ["dmode is a debugger's", TDATA1, MCONTROL | (1 << 27), MCONTROL],
    ["mcontrol: only action 0", TDATA1, MCONTROL | (1 << 12), MCONTROL],
    ["mcontrol6: only action 0", TDATA1, MCONTROL6 | (15 << 12), MCONTROL6],
    ["no chains", TDATA1, MCONTROL6 | (1 << 11), MCONTROL6],
    ["mcontrol: addresses, not data", TDATA1, MCONTROL | (1 << 19), MCONTROL],
    ["mcontrol6: addresses, not data", TDATA1, MCONTROL6 | (1 << 21), MCONTROL6],
    ["mcontrol: before, not after", TDATA1, MCONTROL | (1 << 18), MCONTROL],
    ["no S", TDATA1, MCONTROL | (1 << 4), MCONTROL],
    ["mcontrol: u", TDATA1, MCONTROL | U, MCONTROL | U],
    ["mcontrol6: u", TDATA1, MCONTROL6 | U, MCONTROL6 | U],
    ["no VS and no VU", TDATA1, MCONTROL6 | (3 << 23), MCONTROL6],
    ["mcontrol6: always certain, and fired before", TDATA1, MCONTROL6 | (3 << 25), MCONTROL6],
    ["mcontrol: hit", TDATA1, MCONTROL | MCONTROL_HIT, MCONTROL | MCONTROL_HIT],
    ["mcontrol6: hit", TDATA1, MCONTROL6 | MCONTROL6_HIT0, MCONTROL6 | MCONTROL6_HIT0],
    ["mcontrol: maskmax is 0", TDATA1, MCONTROL | (63 << 21), MCONTROL],
    ["mcontrol: so there is no NAPOT", TDATA1, MCONTROL | NAPOT, MCONTROL],
    ["mcontrol6: NAPOT", TDATA1, MCONTROL6 | NAPOT, MCONTROL6 | NAPOT],
    ["at or above", TDATA1, MCONTROL | GE, MCONTROL | GE],
    ["below", TDATA1, MCONTROL6 | LT, MCONTROL6 | LT],
    ["every other match is equal", TDATA1, MCONTROL6 | match(4), MCONTROL6],
    ["also those that are negated", TDATA1, MCONTROL6 | match(8), MCONTROL6],
    ["8, 16 and 32 bits", TDATA1, MCONTROL6 | size(3), MCONTROL6 | size(3)],
    ["every other size is any", TDATA1, MCONTROL6 | size(5), MCONTROL6],
    ["all accesses at once", TDATA1, MCONTROL | M | 7, MCONTROL | M | 7],
  ])("%s", (_, csr, written, read) => {
    const { triggers } = newTriggers();
    triggers.write(csr, written);
    expect(triggers.read(csr)).toBe(read);
  });

  it("all triggers begin disabled", () => {
    const { triggers } = newTriggers();
    const found = [0, 1, 2, 3].map((index) => {
      triggers.write(TSELECT, index);
      return [triggers.read(TSELECT), triggers.read(TDATA1), triggers.read(TDATA2)];
    });
    expect(found).toEqual([0, 1, 2, 3].map((index) => [index, DISABLED, 0]));
  });

  it("a write goes to the selected trigger alone, and to that register alone", () => {
    const { triggers } = newTriggers();
    triggers.write(TDATA2, 0x1234);
    triggers.write(TSELECT, 2);
    triggers.write(TDATA1, MCONTROL | M | LOAD);
    triggers.write(TDATA2, 0x5678);
    triggers.write(TDATA1, 0);
    expect([triggers.read(TDATA1), triggers.read(TDATA2)]).toEqual([DISABLED, 0x5678]);
    triggers.write(TSELECT, 0);
    expect([triggers.read(TDATA1), triggers.read(TDATA2)]).toEqual([DISABLED, 0x1234]);
  });

  it("the largest NAPOT range is half of all addresses: maskmax6 is 31", () => {
    const { triggers } = newTriggers();
    triggers.write(TDATA1, MCONTROL6 | NAPOT);
    triggers.write(TDATA2, -1);
    expect(triggers.read(TDATA2)).toBe(0xbfff_ffff | 0);
  });

  it("all addresses are no NAPOT range either where tdata2 was written first", () => {
    const { triggers } = newTriggers();
    triggers.write(TDATA2, 0x7fff_ffff);
    triggers.write(TDATA1, MCONTROL6 | NAPOT);
    expect([triggers.read(TDATA1), triggers.read(TDATA2)]).toEqual([MCONTROL6, 0x7fff_ffff]);
  });
});

describe("a trigger is armed where some access is enabled in some mode", () => {
  it.each([
    ["equal", MCONTROL, 0x8000_0010, [{ first: 0x8000_0010, last: 0x8000_0010 }]],
    ["NAPOT of 8 bytes", MCONTROL6 | NAPOT, 0x8000_0013, [{ first: 0x8000_0010, last: 0x8000_0017 }]],
    ["NAPOT of 2 bytes", MCONTROL6 | NAPOT, 0x10, [{ first: 0x10, last: 0x11 }]],
    ["at or above", MCONTROL | GE, 0xffff_0000, [{ first: 0xffff_0000, last: 0xffff_ffff }]],
    ["below", MCONTROL | LT, 0x100, [{ first: 0, last: 0xff }]],
    ["below 0, which is nowhere", MCONTROL | LT, 0, []],
  ])("%s", (_, control, address, ranges) => {
    const { triggers } = newTriggers();
    triggers.write(TDATA2, address | 0);
    triggers.write(TDATA1, control | M | LOAD);
    expect(triggers.armed).toEqual({ execute: [], load: ranges, store: [] });
  });

  it("not without a mode, whatever tcontrol says", () => {
    const { triggers, changes } = newTriggers();
    triggers.write(TDATA1, MCONTROL | LOAD | STORE | EXECUTE);
    triggers.write(TCONTROL, MTE);
    expect([triggers.watchesData, changes]).toEqual([false, []]);
  });

  it("and tells it when that changes, not at each write", () => {
    const { triggers, changes } = newTriggers();
    triggers.write(TDATA1, MCONTROL | M | STORE);
    triggers.write(TDATA1, MCONTROL | M | STORE | MCONTROL_HIT);
    triggers.write(TCONTROL, MTE);
    triggers.write(TDATA1, 0);
    const everywhere = { execute: [], load: [], store: [{ first: 0, last: 0 }] };
    expect(changes).toEqual([everywhere, { execute: [], load: [], store: [] }]);
  });
});

/** Where the program below has its data, and what loads and stores find there. */
const DATA = RAM_BASE + 0x400;
const WORD = 0x1234_5678;

interface Firing {
  readonly control: number;
  readonly address: number;
  readonly enable?: number;
}

/** A program that arms trigger 0 and then executes at `tried`; s0 points to the data. Traps end at `handler`. */
function armed({ control, address, enable = MTE }: Firing, tried: readonly number[]): Fixture {
  const program = new asm.Program()
    .la(T0, "handler")
    .words(asm.csr("csrrw", 0, asm.MTVEC, T0))
    .li(S0, DATA)
    .li(T0, address)
    .words(asm.csr("csrrw", 0, TDATA2, T0))
    .li(T0, control)
    .words(asm.csr("csrrw", 0, TDATA1, T0), asm.csr("csrrsi", 0, TCONTROL, enable & 31))
    .label("tried")
    .words(...tried)
    .label("end")
    .jal(0, "end")
    .align(4)
    .label("handler")
    .words(asm.csr("csrrs", A2, TCONTROL, 0))
    .label("stay")
    .jal(0, "stay");
  const f = inRam(program);
  f.setRam(0x400, [0x78, 0x56, 0x34, 0x12, 0xff]);
  f.machine.run(60);
  return f;
}

/** mcause, mtval and how far the instruction that trapped lies behind the first that is tried. */
function trapOf(f: Fixture, tried: number): readonly number[] {
  return [f.hart(Hart.MCAUSE), f.hart(Hart.MTVAL) >>> 0, (f.hart(Hart.MEPC) >>> 0) - tried];
}

const control = (access: number, more = 0): number => MCONTROL6 | M | access | more;
/** Where `tried` lies. */
const TRIED = RAM_BASE + 4 * 12;
const NONE = [0, 0, -TRIED];

describe("a trigger fires before the instruction", () => {
  const load = asm.load("lw", A0, 0, S0);
  const store = asm.store("sw", A1, 0, S0);
  it.each([
    ["a load", control(LOAD), DATA, load, DATA],
    ["a store", control(STORE), DATA, store, DATA],
    ["an instruction", control(EXECUTE), TRIED, load, TRIED],
    ["a load, by its last byte, which mtval tells", control(LOAD), DATA + 3, load, DATA + 3],
    ["a misaligned store", control(STORE), DATA + 4, asm.store("sw", A1, 1, S0), DATA + 4],
    ["lr.w is a load", control(LOAD), DATA, asm.amo("lr.w", A0, 0, S0), DATA],
    ["sc.w is a store", control(STORE), DATA, asm.amo("sc.w", A0, A1, S0), DATA],
    ["an AMO is a load", control(LOAD), DATA, asm.amo("amoadd.w", A0, A1, S0), DATA],
    ["and a store", control(STORE), DATA, asm.amo("amoadd.w", A0, A1, S0), DATA],
    ["of 32 bits", control(LOAD, size(3)), DATA, load, DATA],
    ["of mcontrol", MCONTROL | M | LOAD, DATA, load, DATA],
    ["within a NAPOT range", control(LOAD, NAPOT), DATA + 7, load, DATA],
    ["at or above", control(LOAD, GE), DATA + 2, load, DATA + 2],
    ["below", control(LOAD, LT), DATA + 1, load, DATA],
    ["a device", control(LOAD), 0x1000_0005, asm.load("lbu", A0, 5, T1), 0x1000_0005],
    ["an instruction of 32 bits", control(EXECUTE, size(3)), TRIED, load, TRIED],
  ])("%s", (_, tdata1, address, tried, mtval) => {
    const f = armed({ control: tdata1, address }, [asm.lui(T1, 0x1000_0000), tried]);
    if (address === TRIED) {
      expect(trapOf(f, TRIED)).toEqual([Cause.BREAKPOINT, mtval, 0]);
    } else {
      expect(trapOf(f, TRIED)).toEqual([Cause.BREAKPOINT, mtval, 4]);
    }
    expect([f.x(A0), f.ramWord(0x400)], "nothing of it was done").toEqual([0, WORD]);
    const hit = tdata1 >>> 28 === 2 ? MCONTROL_HIT : MCONTROL6_HIT0;
    expect(f.hart(Hart.TDATA1), "the hit bit").toBe(tdata1 | hit);
  });

  it.each([
    ["a load where stores are watched", control(STORE), DATA, load],
    ["a store where loads are watched", control(LOAD), DATA, store],
    ["beside", control(LOAD), DATA + 4, load],
    ["of another size", control(LOAD, size(2)), DATA, load],
    ["of another length", control(EXECUTE, size(2)), TRIED, load],
    ["the second half of an instruction", control(EXECUTE), TRIED + 2, load],
    ["below where it is not", control(LOAD, LT), DATA, load],
    ["with no mode enabled", MCONTROL6 | LOAD, DATA, load],
    ["disabled", (15 << 28) | M | LOAD, DATA, load],
  ])("not %s", (_, tdata1, address, tried) => {
    const f = armed({ control: tdata1, address }, [tried]);
    expect(trapOf(f, TRIED)).toEqual(NONE);
    expect(f.hart(Hart.TDATA1) & (MCONTROL_HIT | MCONTROL6_HIT0)).toBe(0);
  });
});

describe("in machine mode triggers fire only while tcontrol.mte is set", () => {
  const load = asm.load("lw", A0, 0, S0);
  it("not without", () => {
    expect(trapOf(armed({ control: control(LOAD), address: DATA, enable: 0 }, [load]), TRIED)).toEqual(NONE);
  });
  it("a trap saves it in mpte and clears it", () => {
    const f = armed({ control: control(LOAD), address: DATA }, [load]);
    expect(f.x(A2)).toBe(MPTE);
  });
  it("a trap without it saves that, too", () => {
    const f = armed({ control: control(LOAD), address: DATA, enable: 0 }, [asm.ECALL]);
    expect(f.x(A2)).toBe(0);
  });
  it("so a handler may load what is watched and execute what is; mret brings it back, and the instruction fires anew", () => {
    const program = new asm.Program()
      .la(T0, "handler")
      .words(asm.csr("csrrw", 0, asm.MTVEC, T0))
      .li(S0, DATA)
      .words(asm.csr("csrrw", 0, TDATA2, S0))
      .li(T0, control(LOAD))
      .words(asm.csr("csrrw", 0, TDATA1, T0), asm.csr("csrrwi", 0, TSELECT, 1))
      .la(T0, "handler")
      .words(asm.csr("csrrw", 0, TDATA2, T0))
      .li(T0, control(EXECUTE))
      .words(asm.csr("csrrw", 0, TDATA1, T0), asm.csr("csrrsi", 0, TCONTROL, MTE))
      .words(load)
      .label("end")
      .jal(0, "end")
      .align(4)
      .label("handler")
      .words(asm.load("lw", A1, 0, S0), asm.i("addi", A2, A2, 1), asm.MRET);
    const f = inRam(program);
    f.setRam(0x400, [7, 0, 0, 0]);
    f.machine.run(100);
    expect([f.x(A0), f.x(A1)]).toEqual([0, 7]);
    expect(f.x(A2), "it comes again and again").toBeGreaterThan(10);
    expect(f.hart(Hart.TCONTROL)).toBe(MPTE);
  });
});

/** mret goes to user mode then. */
const CLEAR_MPP = [
  asm.lui(T1, 0x2000),
  asm.i("addi", T1, T1, -0x800),
  asm.csr("csrrc", 0, asm.MSTATUS, T1),
] as const;

describe("an instruction that a trigger was passed at, where it could not fire, is not passed after mret", () => {
  /** Arms a trigger at `shared`, a function that counts in a0. */
  const sharing = (tdata1: number): asm.Program =>
    new asm.Program()
      .la(T0, "handler")
      .words(asm.csr("csrrw", 0, asm.MTVEC, T0), asm.i("addi", T0, 0, -1), asm.csr("csrrw", 0, 0x3b0, T0))
      .words(asm.csr("csrrwi", 0, 0x3a0, 0x1f))
      .la(T0, "shared")
      .words(asm.csr("csrrw", 0, TDATA2, T0))
      .li(T0, tdata1)
      .words(asm.csr("csrrw", 0, TDATA1, T0));
  const expectFired = (program: asm.Program): void => {
    program
      .label("shared")
      .words(asm.i("addi", A0, A0, 1), asm.jalr(0, RA, 0))
      .label("stay")
      .jal(0, "stay");
    const f = inRam(program);
    f.machine.run(100);
    expect([f.hart(Hart.MCAUSE), f.hart(Hart.MEPC)]).toEqual([
      Cause.BREAKPOINT,
      (RAM_BASE + program.offsetOf("shared")) | 0,
    ]);
    expect(f.x(A0), "once before").toBe(1);
  };

  it("that brings mte back: the handler had executed it", () => {
    expectFired(
      sharing(control(EXECUTE))
        .words(asm.csr("csrrsi", 0, TCONTROL, MTE), asm.ECALL)
        .jal(RA, "shared")
        .align(4)
        .label("handler")
        .words(asm.csr("csrrs", T0, asm.MCAUSE, 0), asm.i("addi", T1, 0, Cause.BREAKPOINT))
        .branch("beq", T0, T1, "stay")
        .jal(RA, "shared")
        .words(asm.csr("csrrs", T0, asm.MEPC, 0), asm.i("addi", T0, T0, 4))
        .words(asm.csr("csrrw", 0, asm.MEPC, T0), asm.MRET),
    );
  });
  it("to user mode: machine mode had executed it", () => {
    expectFired(
      sharing(MCONTROL6 | U | EXECUTE)
        .jal(RA, "shared")
        .la(T0, "user")
        .words(asm.csr("csrrw", 0, asm.MEPC, T0), ...CLEAR_MPP, asm.MRET)
        .label("user")
        .jal(RA, "shared")
        .align(4)
        .label("handler")
        .jal(0, "stay"),
    );
  });
});

describe("in user mode triggers fire by their bit u", () => {
  it("which a hart without that mode has not", () => {
    const { triggers } = newTriggers(false);
    triggers.write(TDATA1, MCONTROL | U | M | LOAD);
    expect(triggers.read(TDATA1)).toBe(MCONTROL | M | LOAD);
  });

  /** Arms, then executes in user mode; the handler executes the same in machine mode with mte, and ends at `stay`. */
  function inUserMode(tdata1: number, address: number | "tried", tried: readonly number[]): Fixture {
    const program = new asm.Program().la(T0, "handler").words(asm.csr("csrrw", 0, asm.MTVEC, T0));
    // All of memory is user mode's.
    program.words(
      asm.i("addi", T0, 0, -1),
      asm.csr("csrrw", 0, 0x3b0, T0),
      asm.csr("csrrwi", 0, 0x3a0, 0x1f),
    );
    program.li(S0, DATA);
    if (address === "tried") program.la(T0, "tried");
    else program.li(T0, address);
    program.words(asm.csr("csrrw", 0, TDATA2, T0));
    program
      .li(T0, tdata1)
      .words(asm.csr("csrrw", 0, TDATA1, T0))
      .la(T0, "tried");
    program.words(asm.csr("csrrw", 0, asm.MEPC, T0), ...CLEAR_MPP, asm.MRET).label("tried");
    program
      .words(...tried, asm.ECALL)
      .align(4)
      .label("handler");
    program
      .words(asm.csr("csrrs", A2, asm.MSTATUS, 0))
      .label("stay")
      .jal(0, "stay");
    const f = inRam(program);
    f.machine.run(60);
    return f;
  }
  const load = asm.load("lw", A0, 0, S0);
  const ECALL_U = 8;

  it.each([
    ["a load", LOAD, DATA, [load]],
    ["a store", STORE, DATA, [asm.store("sw", A0, 0, S0)]],
  ])("%s, without mte", (_, access, address, tried) => {
    const f = inUserMode(MCONTROL6 | U | access, address, tried);
    expect([f.hart(Hart.MCAUSE), f.hart(Hart.MTVAL) >>> 0]).toEqual([Cause.BREAKPOINT, address]);
    expect(f.x(A2) & (3 << 11), "taken in user mode").toBe(0);
  });
  it("an instruction", () => {
    const f = inUserMode(MCONTROL6 | U | EXECUTE, "tried", [load]);
    expect([f.hart(Hart.MCAUSE), f.x(A0)]).toEqual([Cause.BREAKPOINT, 0]);
    expect(f.hart(Hart.MTVAL)).toBe(f.hart(Hart.MEPC));
  });
  it.each([
    ["a load", LOAD, DATA],
    ["an instruction", EXECUTE, "tried"],
  ] as const)("not by m: %s", (_, access, address) => {
    expect(inUserMode(MCONTROL6 | M | access, address, [load]).hart(Hart.MCAUSE)).toBe(ECALL_U);
  });
  it("nor in machine mode by u", () => {
    const f = armed({ control: MCONTROL6 | U | LOAD, address: DATA }, [load]);
    expect(trapOf(f, TRIED)).toEqual(NONE);
  });
  it("with MPRV it is the mode that executes that counts", () => {
    const access = [asm.lui(T1, 1 << 17), asm.csr("csrrs", 0, asm.MSTATUS, T1), load];
    const everything = [
      asm.i("addi", T1, 0, -1),
      asm.csr("csrrw", 0, 0x3b0, T1),
      asm.csr("csrrwi", 0, 0x3a0, 0x1f),
    ];
    const tried = [...everything, ...CLEAR_MPP, ...access];
    const by = (bit: number): number =>
      armed({ control: MCONTROL6 | bit | LOAD, address: DATA }, tried).hart(Hart.MCAUSE);
    expect([by(M), by(U)]).toEqual([Cause.BREAKPOINT, 0]);
  });
});

describe("priority", () => {
  const nowhere = 0x6000_0000;
  it("execution goes before a fetch that faults", () => {
    const jump = [asm.lui(T0, nowhere), asm.jalr(0, T0, 0)];
    const f = armed({ control: control(EXECUTE), address: nowhere }, jump);
    expect([f.hart(Hart.MCAUSE), f.hart(Hart.MTVAL), f.hart(Hart.MEPC)]).toEqual([3, nowhere, nowhere]);
  });
  it("which a size keeps apart, as nothing has one there", () => {
    const jump = [asm.lui(T0, nowhere), asm.jalr(0, T0, 0)];
    const f = armed({ control: control(EXECUTE, size(3)), address: nowhere }, jump);
    expect(f.hart(Hart.MCAUSE)).toBe(Cause.INSTRUCTION_ACCESS_FAULT);
  });
  it("execution goes before what the instruction raises", () => {
    const f = armed({ control: control(EXECUTE), address: TRIED }, [asm.ECALL]);
    expect(trapOf(f, TRIED)).toEqual([Cause.BREAKPOINT, TRIED, 0]);
  });
  it.each([
    ["an access fault", asm.load("lw", A0, 0, T0)],
    ["a misaligned AMO", asm.amo("amoadd.w", A0, A1, T0)],
  ])("an address goes before %s", (_, tried) => {
    const address = nowhere + 2;
    const f = armed({ control: control(LOAD), address }, [
      asm.lui(T0, nowhere),
      asm.i("addi", T0, T0, 2),
      tried,
    ]);
    expect(trapOf(f, TRIED)).toEqual([Cause.BREAKPOINT, address, 8]);
  });
  it("all that fire at once set their hit bits", () => {
    const { triggers, hart } = newTriggers();
    for (const index of [0, 2]) {
      triggers.write(TSELECT, index);
      triggers.write(TDATA2, 0x100 + index);
      triggers.write(TDATA1, control(LOAD));
    }
    triggers.write(TCONTROL, MTE);
    expect([triggers.fires(LOAD, 0x100, 4), triggers.address]).toEqual([true, 0x100]);
    expect(
      [0, 1, 2, 3].map((index) => hart[Hart.TDATA1 + index] === (control(LOAD) | MCONTROL6_HIT0)),
    ).toEqual([true, false, true, false]);
  });
});

describe("triggers and what is around them", () => {
  it("another hand's store fires none", () => {
    const f = armed({ control: control(STORE), address: DATA }, []);
    f.machine.storeWord(DATA, 9);
    expect([f.ramWord(0x400), f.hart(Hart.MCAUSE)]).toEqual([9, 0]);
  });

  it("a reset disarms them all", () => {
    const f = armed({ control: control(LOAD | STORE | EXECUTE), address: DATA }, []);
    f.machine.run(1);
    expect((f.space.ramFlags[0x400 / 64] as number) & LineFlag.LOAD_M).not.toBe(0);
    f.machine.reset(RAM_BASE | 0);
    const words = f.machine.hart.subarray(Hart.TSELECT, Hart.TDATA2 + 4);
    expect([...words].every((word) => word === 0)).toBe(true);
  });

  it("a saved state has them", () => {
    const f = armed({ control: control(STORE), address: DATA }, []);
    const saved = new Int32Array(f.machine.stateWords);
    f.machine.saveState(saved);
    f.machine.reset(RAM_BASE | 0);
    f.machine.restoreState(saved);
    expect(f.hart(Hart.TDATA1)).toBe(control(STORE));
    expect(f.space.ramFlags[0x400 / 64]).not.toBe(0);
  });

  it("a controller's hart has none", () => {
    expect(CONTROLLER_BOARD.extensions & Extension.SDTRIG).toBe(0);
    for (let csr = TSELECT; csr <= TCONTROL; csr++) {
      const f = inRegion(new asm.Program().words(asm.csr("csrrs", A0, csr, 0)));
      f.machine.run(2);
      expect(f.hart(Hart.MCAUSE), `CSR ${csr.toString(16)}`).toBe(Cause.ILLEGAL_INSTRUCTION);
    }
  });
});
