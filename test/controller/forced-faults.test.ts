/** Faults forced on a hart: what its firmware sees is what it would have seen had its own instruction done it. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { CONTROLLER_BOARD } from "../../controller/boards.ts";
import { Cause } from "../../controller/cpu/engine.ts";
import { Hart } from "../../controller/cpu/hart.ts";
import {
  FORCED_FAULT_NAMES,
  type ForcedFaultName,
  forcedFaultCode,
  forceFault,
} from "../../controller/forced-faults.ts";
import { MachineStop } from "../../controller/machine.ts";
import { Evidence } from "../../emulator/memory/evidence.ts";
import { RAM_BASE, WATCHDOG_BASE } from "../../emulator/memory/map.ts";
import * as asm from "./support/assembler.ts";
import { A0, A1, S0, T1, withHandler } from "./support/machines.ts";
import { CODE_BASE, newPair, type Pair, runBoth } from "./translator/harness.ts";

const ENGINES = ["reference", "translated"] as const;
const NOWHERE = 0x6000_0000;
const PERIOD_US = 1000;
/** Instructions under the virtual clock until the watchdog of a hart expires that has just started it. */
const PERIOD = PERIOD_US * 100;

/** The handler counts in s0, and goes on where it was called: at the same instruction. */
const withReturningHandler = (program: asm.Program): asm.Program =>
  program.label("handler").words(asm.i("addi", S0, S0, 1), asm.MRET);

/** Sets a handler up, starts the watchdog, and then counts in t1, with a call in each round. */
function counting(): asm.Program {
  const start = withHandler()
    .li(A0, WATCHDOG_BASE)
    .li(A1, PERIOD_US)
    .words(asm.store("sw", A1, 0, A0))
    .label("loop")
    .words(asm.i("addi", T1, T1, 1), asm.i("xori", A1, T1, 0x55))
    .jal(0, "loop");
  return withReturningHandler(start);
}

function pairOf(program: asm.Program): Pair {
  const bytes = program.bytes();
  const words = new Int32Array(Math.ceil(bytes.length / 4));
  new Uint8Array(words.buffer).set(bytes);
  return newPair(words, CONTROLLER_BOARD);
}

function force(pair: Pair, name: ForcedFaultName): void {
  for (const engine of ENGINES) forceFault(pair[engine].machine, forcedFaultCode(name));
}

/** Both have retired so many. */
function counted(instructions: number): Pair {
  const pair = pairOf(counting());
  runBoth(pair, instructions, "before");
  return pair;
}

const INSTRUCTIONS = fc.integer({ min: 20, max: 5000 });

it.each(ENGINES)("an illegal instruction is as one that is planted where the hart is: %s", (engine) => {
  fc.assert(
    fc.property(INSTRUCTIONS, (instructions) => {
      const forced = counted(instructions)[engine].machine;
      forceFault(forced, forcedFaultCode("illegal-instruction"));
      const planted = counted(instructions)[engine].machine;
      planted.storeWord(planted.hart[Hart.PC] as number, 0);
      // The handler's first instruction.
      for (const machine of [forced, planted]) machine.run(1);
      const words = [...planted.hart];
      words[Hart.LIMIT] = forced.hart[Hart.LIMIT] as number;
      expect([...forced.hart]).toEqual(words);
      expect(forced.hart[S0]).toBe(1);
    }),
    { numRuns: 20 },
  );
});

describe("an exception is the handler's to deal with, whatever the engine", () => {
  /** From the instruction that is next: mcause, mtval and mepc. */
  const cases: readonly (readonly [ForcedFaultName, (pc: number) => readonly number[]])[] = [
    ["illegal-instruction", (pc) => [Cause.ILLEGAL_INSTRUCTION, 0, pc]],
    ["load-nowhere", (pc) => [Cause.LOAD_ACCESS_FAULT, NOWHERE, pc]],
    ["store-nowhere", (pc) => [Cause.STORE_ACCESS_FAULT, NOWHERE, pc]],
    ["store-own-region", (pc) => [Cause.STORE_ACCESS_FAULT, 0x2000_0000, pc]],
    ["jump-zero", () => [Cause.INSTRUCTION_ACCESS_FAULT, 0, 0]],
    ["misaligned-jump", (pc) => [Cause.ILLEGAL_INSTRUCTION, 0, pc + 2]],
    ["stack-overflow", (pc) => [Cause.STORE_ACCESS_FAULT, (RAM_BASE - 16) | 0, pc]],
    ["ebreak", (pc) => [Cause.BREAKPOINT, pc, pc]],
    ["ecall", (pc) => [Cause.ECALL_M, 0, pc]],
  ];
  it.each(cases)("%s", (name, told) => {
    fc.assert(
      fc.property(INSTRUCTIONS, (instructions) => {
        const pair = counted(instructions);
        const { machine } = pair.reference;
        const pc = machine.hart[Hart.PC] as number;
        const before = machine.retired;
        force(pair, name);
        expect(machine.retired).toBe(before);
        runBoth(pair, 1, "in the handler");
        const seen = [Hart.MCAUSE, Hart.MTVAL, Hart.MEPC].map((word) => machine.hart[word]);
        expect(seen).toEqual(told(pc));
        expect(machine.hart[S0]).toBe(1);
        runBoth(pair, 500, "after it");
      }),
      { numRuns: 10 },
    );
  });
});

describe("a hart that waits", () => {
  it("takes it at the instruction behind its wfi", () => {
    const pair = pairOf(withReturningHandler(withHandler().words(asm.WFI).label("after").jal(0, "after")));
    expect(runBoth(pair, 100, "asleep")).toBe(MachineStop.IDLE);
    const pc = pair.reference.machine.hart[Hart.PC];
    force(pair, "ecall");
    expect(runBoth(pair, 1, "awake")).toBe(MachineStop.BUDGET);
    expect(pair.reference.machine.hart[Hart.MEPC]).toBe(pc);
  });
});

/** What stopped both, and where: evidence and code. */
function stopOf(pair: Pair, budget: number): readonly number[] {
  expect(runBoth(pair, budget, "to its stop")).toBe(MachineStop.STOPPED);
  const stops = ENGINES.map((engine) => [pair[engine].machine.evidence, pair[engine].machine.stopCode]);
  expect(stops[1]).toEqual(stops[0]);
  return stops[0] ?? [];
}

describe("what stops the hart", () => {
  it("is the first exception of firmware without a handler", () => {
    const pair = pairOf(new asm.Program().label("loop").words(asm.NOP).jal(0, "loop"));
    runBoth(pair, 100, "before");
    force(pair, "load-nowhere");
    expect(stopOf(pair, 1)).toEqual([Evidence.TRAP, Cause.LOAD_ACCESS_FAULT]);
  });
  it("is a second one in the handler", () => {
    const pair = counted(100);
    force(pair, "double-trap");
    expect(stopOf(pair, 1)).toEqual([Evidence.DOUBLE_TRAP, Cause.ILLEGAL_INSTRUCTION]);
    expect(pair.reference.machine.hart[Hart.MCAUSE]).toBe(Cause.BREAKPOINT);
  });
  it("is the finisher", () => {
    const pair = counted(100);
    force(pair, "finisher");
    expect(stopOf(pair, 1)).toEqual([Evidence.FINISHER, 7]);
  });
  it("is a kick that is none", () => {
    const pair = counted(100);
    force(pair, "early-kick");
    expect(stopOf(pair, 1)[0]).toBe(Evidence.EARLY_KICK);
  });
});

describe("what the watchdog finds, when its period is over", () => {
  it("is a hart that is held: nothing retires any more, and the time counts", () => {
    const pair = counted(100);
    const { machine } = pair.reference;
    force(pair, "wfi-forever");
    expect(stopOf(pair, 1)[0]).toBe(Evidence.WATCHDOG);
    expect(machine.retired).toBe(100);
    expect(machine.clock.now()).toBeGreaterThanOrEqual(PERIOD / 10);
  });
  it("is a loop of one instruction that nothing interrupts", () => {
    const pair = counted(100);
    force(pair, "tight-loop");
    runBoth(pair, 50, "in the loop");
    const pc = pair.reference.machine.hart[Hart.PC] as number;
    expect(pc >>> 0).toBeGreaterThan(CODE_BASE + 65_000);
    expect(stopOf(pair, 2 * PERIOD)[0]).toBe(Evidence.WATCHDOG);
    expect(pair.reference.machine.hart[Hart.PC]).toBe(pc);
  });
});

it("each has a code of its own, and what is none has none", () => {
  const codes = FORCED_FAULT_NAMES.map(forcedFaultCode);
  expect(new Set(codes).size).toBe(FORCED_FAULT_NAMES.length);
  expect(codes).not.toContain(0);
  expect(forcedFaultCode("never-ready")).toBe(0);
  expect(() => forceFault(counted(20).reference.machine, 0)).toThrow("there is no forced fault 0");
});
