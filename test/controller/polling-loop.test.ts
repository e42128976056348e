/**
 * A hart that waits in a loop: its rounds are counted, what comes of that is what executing comes to, and what is no such
 * loop is executed.
 */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { BARE_BOARD, type BoardPlan } from "../../controller/boards.ts";
import { Hart } from "../../controller/cpu/hart.ts";
import type { Board, Device } from "../../controller/devices/device.ts";
import { Machine, MachineStop } from "../../controller/machine.ts";
import { createMemory, planLayout } from "../../emulator/memory/layout.ts";
import { INSTRUCTIONS_PER_TICK, RAM_BASE } from "../../emulator/memory/map.ts";
import * as asm from "./support/assembler.ts";
import { A0, A1, A2, S0, TEST_CONFIG } from "./support/machines.ts";

const REGISTER = 0x1003_0000;
const DUE_TICKS = 100_000;
const MTIME = 0x0200_bff8;

/** Its register reads 0 until it is due, and from then on 1; a store makes it due so many ticks later. */
class DueDevice implements Device {
  readonly name = "due";
  readonly accessBytes = 4;
  readonly isSteady?: true;
  readonly #board: Board;
  #now = 0;
  #due = DUE_TICKS;
  loads = 0;
  onLoad: () => void = () => undefined;

  constructor(board: Board, isSteady: boolean) {
    this.#board = board;
    if (isSteady) this.isSteady = true;
  }

  load(): number {
    this.loads += 1;
    this.onLoad();
    return this.#now >= this.#due ? 1 : 0;
  }

  store(_offset: number, value: number): number {
    this.#now = this.#board.catchUp();
    this.#due = this.#now + value;
    this.#board.changed(this.#now);
    return 0;
  }

  nextEvent(now: number): number {
    return now >= this.#due ? Number.POSITIVE_INFINITY : this.#due;
  }

  tick(now: number): void {
    this.#now = now;
  }
}

function machineOf(
  program: asm.Program,
  { countsRounds = true, isSteady = true, hart = BARE_BOARD.hart } = {},
) {
  const layout = planLayout(TEST_CONFIG);
  let device: DueDevice | undefined;
  const plan: BoardPlan = {
    ...BARE_BOARD,
    hart,
    devices: ({ board }) => {
      device = new DueDevice(board, isSteady);
      return [[REGISTER, device]];
    },
  };
  let executed = 0;
  const memory = createMemory(layout);
  const machine = new Machine({
    memory,
    layout,
    slot: 0,
    plan,
    countsRounds,
    engine: (_, interpreter) => ({
      run: (limit) => {
        const before = machine.retired;
        const stop = interpreter.run(limit);
        executed += machine.retired - before;
        return stop;
      },
    }),
  });
  machine.space.bytes.set(program.bytes(), machine.space.ramOffset);
  machine.ramChanged();
  machine.reset(RAM_BASE | 0);
  if (device === undefined) throw new Error("the board made no device");
  return { machine, device, executed: () => executed };
}

type Made = ReturnType<typeof machineOf>;

/** All that firmware could tell. */
function stateOf({ machine }: Made): Int32Array {
  const state = new Int32Array(machine.stateWords);
  machine.saveState(state);
  return state;
}

const polls = (): asm.Program =>
  new asm.Program()
    .li(A0, REGISTER)
    .label("poll")
    .words(asm.load("lw", A1, 0, A0), asm.i("andi", A2, A1, 1))
    .branch("beq", A2, 0, "poll")
    .words(asm.i("addi", S0, S0, 1))
    .label("end")
    .jal(0, "end");

describe("a loop that waits for a device", () => {
  it("is counted to when the device is due, and hardly executed", () => {
    const made = machineOf(polls());
    expect(made.machine.run(INSTRUCTIONS_PER_TICK * DUE_TICKS - 100)).toBe(MachineStop.BUDGET);
    expect(made.machine.hart[Hart.X + S0]).toBe(0);
    expect(made.executed()).toBeLessThan(2_000);
    made.machine.run(200);
    expect(made.machine.hart[Hart.X + S0]).toBe(1);
  });

  it("is found as soon after a long computation as before one", () => {
    const program = new asm.Program()
      .li(A0, REGISTER)
      .li(A1, 4_000_000)
      .label("compute")
      .words(asm.i("addi", A1, A1, -1))
      .branch("bne", A1, 0, "compute")
      .li(A1, DUE_TICKS)
      .words(asm.store("sw", A1, 0, A0))
      .label("poll")
      .words(asm.load("lw", A1, 0, A0))
      .branch("beq", A1, 0, "poll")
      .label("end")
      .jal(0, "end");
    const made = machineOf(program);
    made.machine.run(8_000_000 + (INSTRUCTIONS_PER_TICK * DUE_TICKS) / 2);
    expect(made.executed()).toBeLessThan(8_000_000 + 2_000);
  });

  it("is found as soon behind runs that are too short to count in", () => {
    const made = machineOf(polls());
    for (let run = 0; run < 3; run += 1) made.machine.run(1_000);
    made.machine.run((INSTRUCTIONS_PER_TICK * DUE_TICKS) / 2);
    expect(made.executed()).toBeLessThan(3_000 + 2_000);
  });

  it("comes to what executing it comes to, wherever a run ends", () => {
    const budgets = fc.array(fc.integer({ min: 1, max: 400_000 }), { minLength: 1, maxLength: 12 });
    fc.assert(
      fc.property(budgets, (runs) => {
        const [counted, executed] = [machineOf(polls()), machineOf(polls(), { countsRounds: false })];
        for (const budget of runs) {
          expect(counted.machine.run(budget)).toBe(executed.machine.run(budget));
          expect(stateOf(counted)).toEqual(stateOf(executed));
        }
      }),
      { numRuns: 20 },
    );
  });

  it("is counted to the horizon, too", () => {
    const made = machineOf(polls());
    expect(made.machine.run(10_000_000, DUE_TICKS / 2)).toBe(MachineStop.HORIZON);
    expect(made.machine.retired).toBe((INSTRUCTIONS_PER_TICK * DUE_TICKS) / 2);
    expect(made.executed()).toBeLessThan(20_000);
  });
});

describe("a loop that waits for what the program has begun itself", () => {
  it("is counted to when that is due, which the run did not know when it began", () => {
    const program = new asm.Program()
      .li(A0, REGISTER)
      .label("again")
      .li(A1, 50_000)
      .words(asm.store("sw", A1, 0, A0))
      .label("poll")
      .words(asm.load("lw", A1, 0, A0))
      .branch("beq", A1, 0, "poll")
      .words(asm.i("addi", S0, S0, 1))
      .jal(0, "again");
    const [counted, executed] = [machineOf(program), machineOf(program, { countsRounds: false })];
    for (const { machine } of [counted, executed]) machine.run(3_000_000);
    expect(stateOf(counted)).toEqual(stateOf(executed));
    expect(counted.machine.hart[Hart.X + S0]).toBeGreaterThan(4);
    expect(counted.executed()).toBeLessThan(200_000);
  });

  it("is left at once where somebody wants the hart, whatever it executes then", () => {
    const loop = (before: number): asm.Program =>
      new asm.Program()
        .li(A0, REGISTER)
        .words(...Array<number>(before).fill(asm.NOP))
        .label("poll")
        .words(asm.load("lw", A1, 0, A0))
        .jal(0, "poll");
    // The first look is after 256 loads.
    const cases = [0, 1].flatMap((before) => [254, 255, 256, 257].map((load) => ({ before, load })));
    for (const { before, load } of cases) {
      const [counted, executed] = [machineOf(loop(before)), machineOf(loop(before), { countsRounds: false })];
      for (const { machine, device } of [counted, executed]) {
        device.onLoad = () => {
          if (device.loads !== load) return;
          machine.hart[Hart.ATTENTION] = 1;
          machine.hart[Hart.LIMIT] = 0;
        };
        expect(machine.run(1_000_000)).toBe(MachineStop.ATTENTION);
      }
      expect(stateOf(counted)).toEqual(stateOf(executed));
    }
  });
});

describe("a loop that waits for nothing", () => {
  it("is counted to the end of the run, in whole rounds", () => {
    const program = new asm.Program().label("end").words(asm.NOP, asm.NOP).jal(0, "end");
    const { machine } = machineOf(program);
    expect(machine.run(50_000_000_000)).toBe(MachineStop.BUDGET);
    expect(machine.retired).toBe(50_000_000_000);
    expect((machine.hart[Hart.PC] as number) >>> 0).toBe(RAM_BASE + 4 * (50_000_000_000 % 3));
  });
});

it("a handler that traps over and over is no loop that waits", () => {
  const [PMPCFG0, PMPADDR0] = [0x3a0, 0x3b0];
  const hart = { ...BARE_BOARD.hart, smdbltrp: false, pmpEntries: 16 as const };
  // Nothing may be loaded from the last word of RAM: locked, NA4, no permission.
  const forbidden = RAM_BASE + TEST_CONFIG.ramBytes - 4;
  const program = new asm.Program()
    .la(A0, "handler")
    .words(asm.csr("csrrw", 0, asm.MTVEC, A0))
    .li(A0, forbidden)
    .words(asm.shift("srli", A1, A0, 2), asm.csr("csrrw", 0, PMPADDR0, A1))
    .li(A1, 0x90)
    .words(asm.csr("csrrw", 0, PMPCFG0, A1))
    .align(4)
    .label("handler")
    .words(asm.NOP, asm.load("lw", A1, 0, A0));
  const [counted, executed] = [
    machineOf(program, { hart }),
    machineOf(program, { hart, countsRounds: false }),
  ];
  for (const { machine } of [counted, executed]) expect(machine.run(10_000_000)).toBe(MachineStop.STOPPED);
  expect(stateOf(counted)).toEqual(stateOf(executed));
});

describe("what is no loop that waits is executed:", () => {
  const loop = (body: (program: asm.Program) => asm.Program): asm.Program =>
    body(new asm.Program().li(A0, REGISTER).la(A2, "data").label("loop"))
      .jal(0, "loop")
      .align(4)
      .label("data")
      .words(0);

  it.each<[what: string, body: (program: asm.Program) => asm.Program, isSteady?: boolean]>([
    ["it counts in a register", (p) => p.words(asm.i("addi", A1, A1, 1))],
    [
      "it counts in memory",
      (p) =>
        p.words(
          asm.load("lw", A1, 0, A2),
          asm.i("addi", A1, A1, 1),
          asm.store("sw", A1, 0, A2),
          asm.i("addi", A1, 0, 0),
        ),
    ],
    ["it stores to a device", (p) => p.words(asm.store("sw", 0, 0, A0))],
    ["it asks a counter", (p) => p.words(asm.csr("csrrs", A1, 0xb02, 0), asm.i("addi", A1, 0, 0))],
    ["it reserves memory", (p) => p.words(asm.rType(0x2f, 2, 2 << 2, A1, A2, 0))],
    ["it asks a device that may give something else", (p) => p.words(asm.load("lw", A1, 0, A0)), false],
    [
      "it asks what time it is",
      (p) => p.li(A1, MTIME).words(asm.load("lw", A1, 0, A1), asm.i("addi", A1, 0, 0)),
    ],
  ])("%s", (_, body, isSteady = true) => {
    const made = machineOf(loop(body), { isSteady });
    made.machine.run(300_000);
    expect(made.machine.stopped).toBe(false);
    expect(made.executed()).toBe(300_000);
  });
});
