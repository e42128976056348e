/** Who waits for an instruction, and memory that refuses: in both engines the same, and nothing before its time. */
import { describe, expect, it } from "vitest";
import { CONTROLLER_BOARD } from "../../controller/boards.ts";
import { Access, zonesFrom } from "../../controller/cpu/access-zones.ts";
import { Cause } from "../../controller/cpu/engine.ts";
import { Hart } from "../../controller/cpu/hart.ts";
import { type Machine, MachineStop } from "../../controller/machine.ts";
import { RAM_BASE, WINDOW_BASE } from "../../emulator/memory/map.ts";
import { newSide } from "../../scripts/hostile/lockstep.ts";
import * as asm from "./support/assembler.ts";
import { A0, A1, S0, T0 } from "./support/machines.ts";

const MUCH = 1_000_000;
const SUBROUTINE = 0x400;
const ROUNDS = 2000;

function machineOf(program: asm.Program, translate: boolean): Machine {
  const bytes = new Uint8Array(Math.ceil(program.bytes().length / 4) * 4);
  bytes.set(program.bytes());
  const { machine, engine } = newSide(new Int32Array(bytes.buffer), translate);
  engine?.prepare(RAM_BASE);
  return machine;
}

/** Counts in s0, calls what is at SUBROUTINE in each round, and counts there in a0. */
function calling(): asm.Program {
  const program = new asm.Program().li(T0, RAM_BASE + SUBROUTINE).label("loop");
  program
    .words(asm.i("addi", S0, S0, 1), asm.jalr(1, T0, 0))
    .li(A1, ROUNDS)
    .branch("bne", S0, A1, "loop")
    .label("end")
    .jal(0, "end");
  while (program.bytes().length < SUBROUTINE) program.words(asm.NOP);
  return program.words(asm.i("addi", A0, A0, 1), asm.i("addi", A0, A0, 1), asm.jalr(0, 1, 0));
}

const pcOf = (machine: Machine): number => (machine.hart[Hart.PC] as number) >>> 0;
const x = (machine: Machine, index: number): number => machine.hart[Hart.X + index] as number;
const at = (offset: number, bytes = 4) => ({ first: RAM_BASE + offset, last: RAM_BASE + offset + bytes - 1 });

describe.each([
  ["the interpreter", false],
  ["translated code", true],
])("an awaited fetch on %s", (_, translate) => {
  it("comes before the first instruction of a range, and nothing of that has retired", () => {
    const machine = machineOf(calling(), translate);
    machine.awaitFetch([at(SUBROUTINE, 0x100)]);
    expect(machine.run(MUCH)).toBe(MachineStop.FETCH);
    expect([pcOf(machine), x(machine, S0), x(machine, A0)]).toEqual([RAM_BASE + SUBROUTINE, 1, 0]);
    const before = machine.retired;
    expect(machine.run(1)).toBe(MachineStop.BUDGET);
    expect([machine.retired, x(machine, A0)]).toEqual([before + 1, 1]);
  });

  it("comes once: the run goes on through the range, and to the end it was given", () => {
    const machine = machineOf(calling(), translate);
    machine.awaitFetch([at(SUBROUTINE)]);
    expect(machine.run(MUCH)).toBe(MachineStop.FETCH);
    expect(machine.run(MUCH)).toBe(MachineStop.BUDGET);
    expect([x(machine, S0), x(machine, A0)]).toEqual([ROUNDS, 2 * ROUNDS]);
  });

  it("comes where code was executed before that nobody waited for", () => {
    const machine = machineOf(calling(), translate);
    expect(machine.run(500)).toBe(MachineStop.BUDGET);
    const [rounds, counted] = [x(machine, S0), x(machine, A0)];
    machine.awaitFetch([at(SUBROUTINE + 4)]);
    expect(machine.run(MUCH)).toBe(MachineStop.FETCH);
    expect(pcOf(machine)).toBe(RAM_BASE + SUBROUTINE + 4);
    expect(x(machine, S0) - rounds).toBeLessThanOrEqual(1);
    expect(x(machine, A0) - counted).toBeLessThanOrEqual(2);
  });

  it("comes at the range that is reached first, and for none that nobody waits for any more", () => {
    const machine = machineOf(calling(), translate);
    machine.awaitFetch([at(SUBROUTINE + 8), at(SUBROUTINE + 4)]);
    expect(machine.run(MUCH)).toBe(MachineStop.FETCH);
    expect(pcOf(machine)).toBe(RAM_BASE + SUBROUTINE + 4);
    machine.awaitFetch([at(SUBROUTINE)]);
    machine.awaitFetch([]);
    expect(machine.run(MUCH)).toBe(MachineStop.BUDGET);
  });

  it("changes nothing but where the run is cut", () => {
    const [cut, whole] = [machineOf(calling(), translate), machineOf(calling(), translate)];
    cut.awaitFetch([at(SUBROUTINE)]);
    cut.run(5000);
    cut.run(5000 - cut.retired);
    whole.run(5000);
    const state = (machine: Machine) => [
      ...machine.hart.subarray(Hart.X, Hart.X + 32),
      pcOf(machine),
      machine.retired,
    ];
    expect(state(cut)).toEqual(state(whole));
  });
});

describe.each([
  ["the interpreter", false],
  ["translated code", true],
])("memory that refuses, on %s", (_, translate) => {
  const DATA = RAM_BASE + 0x2000;
  /** Loads from DATA and 64 bytes behind it, over and over; the handler stays where it is. */
  const loading = (): asm.Program =>
    new asm.Program()
      .la(T0, "handler")
      .words(asm.csr("csrrw", 0, asm.MTVEC, T0))
      .li(S0, DATA)
      .label("loop")
      .words(asm.load("lw", A0, 64, S0), asm.load("lw", A1, 0, S0))
      .jal(0, "loop")
      .align(4)
      .label("handler")
      .jal(0, "handler");
  const zones = (first: number, behind: number, kinds: Access) =>
    zonesFrom([first, behind], (address) => (address >= first && address < behind ? kinds : 0));

  it("has loads there fault with their address, and no others", () => {
    const machine = machineOf(loading(), translate);
    expect(machine.run(5000)).toBe(MachineStop.BUDGET);
    expect(machine.hart[Hart.MCAUSE]).toBe(0);
    machine.refuse(zones(DATA, DATA + 4, Access.LOAD));
    machine.run(5000);
    expect(machine.hart[Hart.MCAUSE]).toBe(Cause.LOAD_ACCESS_FAULT);
    expect((machine.hart[Hart.MTVAL] as number) >>> 0).toBe(DATA);
  });

  it("has fetches there fault before anything retires", () => {
    const machine = machineOf(calling(), translate);
    const handler = RAM_BASE + 0x300;
    machine.hart[Hart.MTVEC] = handler;
    machine.refuse(zones(RAM_BASE + SUBROUTINE, RAM_BASE + SUBROUTINE + 4, Access.FETCH));
    machine.run(20);
    expect(machine.hart[Hart.MCAUSE]).toBe(Cause.INSTRUCTION_ACCESS_FAULT);
    expect((machine.hart[Hart.MEPC] as number) >>> 0).toBe(RAM_BASE + SUBROUTINE);
    expect(x(machine, A0)).toBe(0);
  });

  it("answers again once it refuses nothing any more", () => {
    const machine = machineOf(loading(), translate);
    machine.refuse(zones(DATA, DATA + 4, Access.LOAD));
    machine.refuse(zonesFrom([], () => 0));
    machine.run(5000);
    expect(machine.hart[Hart.MCAUSE]).toBe(0);
  });
});

it("an awaited fetch of the window comes when a region is put behind it", () => {
  const { machine } = newSide(new Int32Array(1), false, CONTROLLER_BOARD);
  machine.space.words.set([asm.NOP, asm.NOP, asm.jal(0, 0)], (machine.space.layout.regions[0] ?? 0) / 4);
  machine.setRegion(0);
  machine.reset(WINDOW_BASE);
  machine.awaitFetch([{ first: WINDOW_BASE + 4, last: WINDOW_BASE + 7 }]);
  expect(machine.run(100)).toBe(MachineStop.FETCH);
  expect([pcOf(machine), machine.retired]).toEqual([WINDOW_BASE + 4, 1]);
});
