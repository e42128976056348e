/** Triggers and translated code: it keeps off what is armed, and goes on beside it. */
import { describe, expect, it } from "vitest";
import { CONTROLLER_BOARD } from "../../../controller/boards.ts";
import { Cause } from "../../../controller/cpu/engine.ts";
import { Hart } from "../../../controller/cpu/hart.ts";
import { ALL_EXTENSIONS } from "../../../controller/cpu/isa.ts";
import { HOST_BASE, RAM_BASE, WINDOW_BASE } from "../../../emulator/memory/map.ts";
import * as asm from "../support/assembler.ts";
import { A0, A1, S0, T0, T1 } from "../support/machines.ts";
import { newPair, type Pair, runBoth } from "./harness.ts";

const [TDATA1, TDATA2, TCONTROL] = [0x7a1, 0x7a2, 0x7a5];
const MCONTROL = 2 << 28;
const M = 1 << 6;
const [LOAD, STORE, EXECUTE] = [1, 2, 4];
const DATA = RAM_BASE + 0x4000;
const RUN = 50_000;
const COUNTER = 29;
const HANDLER = "handler";

/** Arms trigger 0 for an address. */
function arm(program: asm.Program, control: number, address: number): asm.Program {
  program.li(T0, address).words(asm.csr("csrrw", 0, TDATA2, T0));
  return program.li(T0, control).words(asm.csr("csrrw", 0, TDATA1, T0));
}

/** A loop with a load, a store and what `loop` writes besides; s0 points to what it loads and stores. */
function looping(base: number, begin: (p: asm.Program) => void, rounds = 1_000_000): asm.Program {
  const program = new asm.Program().la(T0, HANDLER).words(asm.csr("csrrw", 0, asm.MTVEC, T0));
  begin(program.li(S0, base));
  program
    .words(asm.csr("csrrsi", 0, TCONTROL, 8))
    .li(COUNTER, rounds)
    .label("loop");
  program.words(asm.load("lw", A0, 0, S0), asm.r("add", A1, A1, A0));
  if (base !== WINDOW_BASE) program.words(asm.store("sw", A1, 4, S0));
  return program.words(asm.i("addi", COUNTER, COUNTER, -1)).branch("bne", COUNTER, 0, "loop");
}

/** The handler ends the program. */
function pairOf(program: asm.Program, plan?: typeof CONTROLLER_BOARD): Pair {
  program.label("end").jal(0, "end").align(4).label(HANDLER).jal(0, HANDLER);
  const bytes = new Uint8Array(Math.ceil(program.bytes().length / 4) * 4);
  bytes.set(program.bytes());
  const pair = newPair(new Int32Array(bytes.buffer), plan);
  if (plan !== undefined) for (const { machine } of [pair.reference, pair.translated]) machine.setRegion(0);
  return pair;
}

/** How much of the last run was translated, from 0 to 1. */
function translatedShare(pair: Pair, budget: number): number {
  const before = pair.translated.engine?.stats().retiredTranslated ?? 0;
  runBoth(pair, budget, "run");
  return ((pair.translated.engine?.stats().retiredTranslated ?? 0) - before) / budget;
}

describe("while a trigger is armed, what is not near it stays translated", () => {
  it.each([
    ["a load", LOAD, DATA + 64],
    ["a store", STORE, DATA - 4],
    ["an instruction", EXECUTE, RAM_BASE + 0x3000],
    ["a load elsewhere than in RAM", LOAD, 0x1000_0000],
  ])("%s", (_, access, address) => {
    const pair = pairOf(looping(DATA, (p) => arm(p, MCONTROL | M | access, address)));
    translatedShare(pair, RUN);
    expect(translatedShare(pair, RUN)).toBeGreaterThan(0.95);
  });

  it("and what is near it is not, nor does it fire for that", () => {
    const pair = pairOf(looping(DATA, (p) => arm(p, MCONTROL | M | LOAD, DATA + 8)));
    translatedShare(pair, RUN);
    expect(translatedShare(pair, RUN)).toBeLessThan(0.95);
    expect(pair.translated.machine.hart[Hart.MCAUSE]).toBe(0);
  });
});

describe("what was translated before fires once it is armed", () => {
  /** Rounds of the loop, then `armed` arms, and the loop again. */
  function armedLater(base: number, control: number, address: number): Pair {
    const program = looping(base, () => undefined, 20_000);
    program.branch("bne", T1, 0, "end").words(asm.i("addi", T1, 0, 1));
    arm(program, control, address).li(COUNTER, 20_000).jal(0, "loop");
    return pairOf(program, { ...CONTROLLER_BOARD, extensions: ALL_EXTENSIONS });
  }
  it.each([
    ["a load from RAM", DATA, LOAD, DATA],
    ["a store to RAM", DATA, STORE, DATA + 4],
    ["a load from the window", WINDOW_BASE, LOAD, WINDOW_BASE + 1],
    ["a load from host memory", HOST_BASE, LOAD, HOST_BASE],
    ["a store to host memory", HOST_BASE, STORE, HOST_BASE + 7],
    // la, csrrw, li, csrrsi, li: the loop's first instruction.
    ["an instruction", DATA, EXECUTE, RAM_BASE + 4 * 8],
  ])("%s", (_, base, access, address) => {
    const pair = armedLater(base, MCONTROL | M | access, address);
    expect(translatedShare(pair, 60_000), "the rounds before").toBeGreaterThan(0.8);
    runBoth(pair, 200_000, "the rounds after");
    for (const { machine } of [pair.reference, pair.translated]) {
      expect([machine.hart[Hart.MCAUSE], (machine.hart[Hart.MTVAL] as number) >>> 0]).toEqual([
        Cause.BREAKPOINT,
        address,
      ]);
    }
  });
});

describe("once a trigger is disarmed, the code around it is translated again", () => {
  it("where it was armed for an instruction of the loop, and did not fire", () => {
    // mte is 0 up to looping's end of the beginning, so nothing fires; then the trigger goes.
    const program = new asm.Program()
      .la(T0, HANDLER)
      .words(asm.csr("csrrw", 0, asm.MTVEC, T0))
      .li(S0, DATA);
    program.la(T0, "load").words(asm.csr("csrrw", 0, TDATA2, T0));
    program
      .li(T0, MCONTROL | M | EXECUTE)
      .words(asm.csr("csrrw", 0, TDATA1, T0))
      .li(COUNTER, 20_000);
    program
      .label("loop")
      .words(asm.i("addi", A1, A1, 1))
      .label("load")
      .words(asm.load("lw", A0, 0, S0));
    program.words(asm.i("addi", COUNTER, COUNTER, -1)).branch("bne", COUNTER, 0, "loop");
    program
      .words(asm.csr("csrrw", 0, TDATA1, 0))
      .li(COUNTER, 1_000_000)
      .jal(0, "loop");
    const pair = pairOf(program);
    translatedShare(pair, 40_000);
    expect(translatedShare(pair, 20_000), "while it is armed").toBeLessThan(0.9);
    translatedShare(pair, 60_000);
    expect(translatedShare(pair, RUN), "afterwards").toBeGreaterThan(0.95);
  });
});

/** A loop that walks from s0 on by `step` bytes, with these instructions. */
function walk(program: asm.Program, step: number, instructions: readonly number[]): asm.Program {
  program
    .li(COUNTER, 30_000 / step)
    .label("loop")
    .words(...instructions, asm.i("addi", S0, S0, step));
  return program.words(asm.i("addi", COUNTER, COUNTER, -1)).branch("bne", COUNTER, 0, "loop");
}

function expectBreakpoint(pair: Pair, address: number): void {
  for (const { machine } of [pair.reference, pair.translated]) {
    const { hart } = machine;
    expect([hart[Hart.MCAUSE], (hart[Hart.MTVAL] as number) >>> 0]).toEqual([Cause.BREAKPOINT, address]);
  }
}

describe("what was translated while a trigger was armed fires where that is", () => {
  const [ram, window, host] = [RAM_BASE + 0x4000, WINDOW_BASE, HOST_BASE];
  const far = 20_000 - (20_000 % 192);
  const lw = (offset: number): number => asm.load("lw", A0, offset, S0);
  it.each([
    ["a load", ram, LOAD, 4, [lw(0)]],
    ["a load of a byte", ram, LOAD, 1, [asm.load("lb", A0, 0, S0)]],
    ["a load from a line between those of two others", ram + 64, LOAD, 192, [lw(0), lw(64), lw(128)]],
    ["a load that is misaligned, by its last byte", ram + 3, LOAD, 8, [lw(0)]],
    ["a load that lies across two lines, by its last byte", ram + 64, LOAD, 192, [lw(62)]],
    ["lr.w", ram, LOAD, 4, [asm.amo("lr.w", A0, 0, S0)]],
    ["an AMO, by its load", ram, LOAD, 4, [asm.amo("amoadd.w", A0, A1, S0)]],
    ["an AMO, by its store", ram, STORE, 4, [asm.amo("amoadd.w", A0, A1, S0)]],
    ["sc.w", ram, STORE, 4, [asm.amo("lr.w", A0, 0, S0), asm.amo("sc.w", A0, A1, S0)]],
    ["a store", ram, STORE, 4, [asm.store("sw", A0, 0, S0)]],
    ["a store behind a load, by its load", ram, LOAD, 4, [lw(0), asm.store("sw", A0, 0, S0)]],
    ["a load from the window", window, LOAD, 4, [lw(0)]],
    ["a load from host memory", host, LOAD, 4, [lw(0)]],
    ["a store to host memory", host, STORE, 4, [asm.store("sw", A0, 0, S0)]],
  ])("%s", (_, first, access, step, instructions) => {
    const program = new asm.Program().la(T0, HANDLER).words(asm.csr("csrrw", 0, asm.MTVEC, T0));
    const address = first + far;
    arm(program.li(S0, first & ~127), MCONTROL | M | access, address);
    walk(program.words(asm.csr("csrrsi", 0, TCONTROL, 8)), step, instructions);
    const pair = pairOf(program, { ...CONTROLLER_BOARD, extensions: ALL_EXTENSIONS });
    for (let at = 0; at < 12; at++) runBoth(pair, 10_000, "the walk");
    expectBreakpoint(pair, address);
  });
});
