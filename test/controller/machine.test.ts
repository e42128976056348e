/** The machine as a whole: clocks, events, stops, snapshots. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { InterruptBit } from "../../controller/cpu/engine.ts";
import { Hart } from "../../controller/cpu/hart.ts";
import type { Device } from "../../controller/devices/device.ts";
import { MachineStop, STATE_WORDS } from "../../controller/machine.ts";
import { Control } from "../../emulator/memory/control.ts";
import { Evidence } from "../../emulator/memory/evidence.ts";
import { HOST_BASE, INSTRUCTIONS_PER_TICK, NVRAM_BASE, RAM_BASE } from "../../emulator/memory/map.ts";
import * as asm from "./support/assembler.ts";
import { A0, A1, A2, type Fixture, inRam, inRegion, S0, T1, T2, withHandler } from "./support/machines.ts";

const MIE_BIT = 1 << 3;
const MTIMECMP = 0x0200_4000;
const WATCHDOG = 0x1001_0000;
const STATUS = 0x1002_0000;
const UART_DATA = 0x1000_0000;
const UART_INTERRUPT_ENABLE = 0x1000_0001;

/** Sets mtimecmp to `tick`, enables the timer interrupt, then what follows; a0 holds mtimecmp's address. */
function withTimer(tick: number): asm.Program {
  return withHandler()
    .li(A0, MTIMECMP)
    .li(A1, tick)
    .words(asm.store("sw", A1, 0, A0), asm.store("sw", 0, 4, A0))
    .li(A2, InterruptBit.TIMER)
    .words(asm.csr("csrrw", 0, asm.MIE, A2), asm.csr("csrrsi", 0, asm.MSTATUS, MIE_BIT));
}

/** Retires one instruction after the other for ever. */
const spin = (program: asm.Program): asm.Program => program.label("spin").words(asm.NOP).jal(0, "spin");
const handler = (program: asm.Program): asm.Program => program.label("handler").words(asm.NOP, asm.jal(0, 0));

function saved(f: Fixture): number[] {
  const state = new Int32Array(STATE_WORDS);
  f.machine.saveState(state);
  return [...state];
}

describe("a rehearsal", () => {
  it("retires nothing, and what follows is what would have followed without it", () => {
    const program = () => inRam(handler(spin(withTimer(20))));
    const [rehearsed, plain] = [program(), program()];
    for (const instructions of [0, 1, 150, 100]) {
      rehearsed.machine.run(instructions);
      plain.machine.run(instructions);
      rehearsed.machine.rehearse();
      expect(rehearsed.machine.retired).toBe(plain.machine.retired);
      expect(saved(rehearsed)).toEqual(saved(plain));
    }
  });
});

describe("the virtual clock", () => {
  it("raises the timer interrupt after exactly ten instructions per tick", () => {
    fc.assert(
      fc.property(fc.integer({ min: 2, max: 200 }), (tick) => {
        const f = inRam(handler(spin(withTimer(tick))));
        f.machine.run(10 * tick);
        expect(f.hart(Hart.MCAUSE), "not before").toBe(0);
        f.machine.run(1);
        expect(f.hart(Hart.MCAUSE)).toBe((1 << 31) | 7);
        expect(f.machine.retired).toBe(10 * tick + 1);
        expect(f.hart(Hart.PC)).toBe((f.hart(Hart.MTVEC) + 4) | 0);
      }),
      { numRuns: 30 },
    );
  });
  it("the place of an interrupt does not depend on how the run is cut", () => {
    const whole = inRam(handler(spin(withTimer(20))));
    whole.machine.run(202);
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 60 }), { maxLength: 10 }), (cuts) => {
        const f = inRam(handler(spin(withTimer(20))));
        let left = 202;
        for (const cut of cuts) {
          f.machine.run(Math.min(cut, left));
          left -= Math.min(cut, left);
        }
        f.machine.run(left);
        expect(saved(f)).toEqual(saved(whole));
      }),
      { numRuns: 30 },
    );
  });
  it("an mtimecmp that comes nearer in the middle of a run is felt in that run", () => {
    const f = inRam(handler(spin(withTimer(5))));
    expect(f.machine.run(1000)).toBe(MachineStop.BUDGET);
    expect(f.hart(Hart.MEPC)).not.toBe(0);
    expect(f.hart(Hart.MCAUSE)).toBe((1 << 31) | 7);
  });
  it("wfi jumps to the next event", () => {
    const f = inRam(handler(withTimer(1_000_000).words(asm.WFI)));
    f.machine.run(16);
    expect(f.machine.clock.now()).toBe(1_000_000);
    expect(f.hart(Hart.MCAUSE)).toBe((1 << 31) | 7);
    expect(f.machine.retired).toBe(16);
  });
  describe("reaches the last tick whose count of instructions is exact, and none behind it", () => {
    const LAST_TICK = Math.floor(Number.MAX_SAFE_INTEGER / INSTRUCTIONS_PER_TICK);
    const waiting = (tick: number): Fixture =>
      inRam(
        handler(
          withTimer(tick % 2 ** 32)
            .li(A2, Math.floor(tick / 2 ** 32))
            .words(asm.store("sw", A2, 4, A0), asm.WFI),
        ),
      );
    it("the last wakes a waiting hart", () => {
      const f = waiting(LAST_TICK);
      expect(f.machine.run(19)).toBe(MachineStop.BUDGET);
      expect(f.machine.clock.now()).toBe(LAST_TICK);
      expect(f.hart(Hart.MCAUSE)).toBe((1 << 31) | 7);
    });
    it.each([LAST_TICK + 1, Number.MAX_SAFE_INTEGER])(
      "mtimecmp %d is no event: the hart waits for ever",
      (tick) => {
        const f = waiting(tick);
        expect(f.machine.run(1000)).toBe(MachineStop.IDLE);
        expect(f.machine.parkNs()).toBe(Number.POSITIVE_INFINITY);
      },
    );
  });
  it("goes on over a reset of the hart, and starts again at power-on", () => {
    const f = inRam(spin(new asm.Program()));
    f.machine.run(1000);
    f.machine.reset(RAM_BASE | 0);
    f.machine.run(500);
    expect(f.machine.retired).toBe(500);
    expect(f.machine.clock.now()).toBe(150);
    f.machine.clock.powerOn();
    expect(f.machine.clock.now()).toBe(0);
  });
  it("a run ends at its horizon, before the instruction that would lie behind it", () => {
    const f = inRam(spin(new asm.Program()));
    expect(f.machine.run(1000, 7)).toBe(MachineStop.HORIZON);
    expect(f.machine.retired).toBe(70);
    expect(f.machine.run(1000, 7)).toBe(MachineStop.HORIZON);
    expect(f.machine.retired).toBe(70);
  });
  it("a waiting hart reaches the horizon without an instruction", () => {
    const f = inRam(new asm.Program().words(asm.WFI, asm.NOP));
    expect(f.machine.run(1000, 500)).toBe(MachineStop.HORIZON);
    expect([f.machine.retired, f.machine.clock.now()]).toEqual([1, 500]);
  });
});

describe("the live clock", () => {
  const SECOND = 1e9;
  it("mtime is the time since power-on in ticks of 100 ns", () => {
    let nowNs = 5 * SECOND;
    const f = inRam(spin(new asm.Program()), { nowNs: () => nowNs });
    f.machine.clock.powerOn();
    nowNs += 1234;
    expect(f.machine.clock.now()).toBe(12);
  });
  it("a timer that comes while the hart runs interrupts it in the next slice", () => {
    let nowNs = 0;
    const f = inRam(handler(spin(withTimer(1000))), { nowNs: () => (nowNs += 10_000) });
    f.machine.run(10_000_000);
    expect(f.hart(Hart.MCAUSE)).toBe((1 << 31) | 7);
  });
  it("wfi comes back as idle, with the time until the next event", () => {
    let nowNs = 0;
    const f = inRam(handler(withTimer(1000).words(asm.WFI)), { nowNs: () => nowNs });
    expect(f.machine.run(1000)).toBe(MachineStop.IDLE);
    expect(f.machine.parkNs()).toBe(100_000);
    nowNs = 40_000;
    expect(f.machine.run(1000)).toBe(MachineStop.IDLE);
    expect(f.machine.parkNs()).toBe(60_000);
    nowNs = 100_000;
    f.machine.run(1);
    expect(f.hart(Hart.MCAUSE)).toBe((1 << 31) | 7);
  });
  it("is looked at once for a store to a device, and not at all for polled output", () => {
    const looks = (address: number): number => {
      let count = 0;
      const f = inRam(
        new asm.Program().li(A0, address).words(asm.store("sb", 0, 0, A0), asm.store("sb", 0, 0, A0)),
        { nowNs: () => ++count },
      );
      f.machine.run(3);
      const before = count;
      f.machine.run(1);
      return count - before;
    };
    const run = looks(RAM_BASE + 0x1000);
    expect(looks(UART_DATA)).toBe(run);
    expect(looks(UART_INTERRUPT_ENABLE)).toBe(run + 1);
  });
});

describe("the watchdog", () => {
  const program = (periodUs: number): asm.Program =>
    new asm.Program()
      .li(A0, WATCHDOG)
      .li(A1, periodUs)
      .words(asm.store("sw", A1, 0, A0));
  it("stops a hart that runs, exactly at the end of its period", () => {
    const f = inRegion(spin(program(10)));
    expect(f.machine.run(100_000)).toBe(MachineStop.STOPPED);
    expect(f.machine.evidence).toBe(Evidence.WATCHDOG);
    expect(f.machine.retired, "started at tick 0, and 10 µs are 1000 instructions").toBe(1000);
  });
  it("stops a hart that waits", () => {
    const f = inRegion(program(10).words(asm.WFI, asm.NOP));
    expect(f.machine.run(100_000)).toBe(MachineStop.STOPPED);
    expect(f.machine.evidence).toBe(Evidence.WATCHDOG);
    expect([f.machine.retired, f.machine.clock.now()]).toEqual([6, 100]);
  });
  it("live, is the deadline of a parked wait", () => {
    let nowNs = 0;
    const f = inRegion(program(10).words(asm.WFI, asm.NOP), { nowNs: () => nowNs });
    expect(f.machine.run(100_000)).toBe(MachineStop.IDLE);
    expect(f.machine.parkNs()).toBe(10_000);
    nowNs = 10_000;
    expect(f.machine.run(100_000)).toBe(MachineStop.STOPPED);
    expect(f.machine.evidence).toBe(Evidence.WATCHDOG);
  });
  it("live, expires while the hart waits, though every look at the clock takes time of its own", () => {
    let nowNs = 0;
    const looksTakeNs = 5_000;
    const f = inRegion(program(1000).words(asm.WFI, asm.NOP), { nowNs: () => (nowNs += looksTakeNs) });
    // As the controller worker waits.
    for (let parks = 0; parks < 100 && f.machine.run(1000) === MachineStop.IDLE; parks++) {
      f.machine.run(0);
      nowNs += f.machine.parkNs();
    }
    expect(f.machine.evidence).toBe(Evidence.WATCHDOG);
  });
  it("is stopped by a reset", () => {
    const f = inRegion(spin(program(10)));
    f.machine.run(500);
    f.machine.reset(f.hart(Hart.PC));
    expect(f.machine.run(5000)).toBe(MachineStop.BUDGET);
  });
});

describe("a kick of the watchdog reads the clock once: what a preemption steals is no expiry, wherever it comes", () => {
  const PERIOD_NS = 10e6;
  const STOLEN_NS = 1.5 * PERIOD_NS;
  const PLACES = 60;
  const [KICK, KICK_VALUE] = [8, 0x5a];
  const started = (): asm.Program =>
    new asm.Program()
      .li(A0, WATCHDOG)
      .li(A1, PERIOD_NS / 1000)
      .words(asm.store("sw", A1, 0, A0), asm.i("addi", A1, 0, KICK_VALUE));

  /** Places, counted in readings of the clock, at which the loss of STOLEN_NS ends in a stop. */
  function expiringPlaces(
    program: () => asm.Program,
    run: (f: Fixture, park: (ns: number) => void) => void,
  ): number[] {
    return Array.from({ length: PLACES }, (_, place) => place).filter((place) => {
      let [readings, parkedNs] = [0, 0];
      const nowNs = (): number => {
        // While the machine is made there is none yet.
        const instructions = f === undefined ? 0 : f.machine.retired + f.hart(Hart.RUN_RETIRED);
        return 80 * instructions + parkedNs + (readings++ >= place ? STOLEN_NS : 0);
      };
      let f: Fixture | undefined;
      f = inRegion(program(), { nowNs });
      run(f, (ns) => (parkedNs += ns));
      expect(f.machine.stopped || readings > PLACES, "every place must be reached").toBe(true);
      return f.machine.stopped;
    });
  }

  it("while the hart runs", () => {
    const program = () =>
      started()
        .label("again")
        .words(asm.store("sw", A1, KICK, A0))
        .li(A2, 10_000)
        .label("spin")
        .words(asm.i("addi", A2, A2, -1))
        .branch("bne", A2, 0, "spin")
        .jal(0, "again");
    expect(expiringPlaces(program, ({ machine }) => machine.run(800_000))).toEqual([]);
  });

  it("while the hart waits", () => {
    const CLINT = 0x0200_4000;
    const MTIME_OFFSET = 0x7ff8;
    const program = () =>
      started()
        .li(S0, CLINT)
        .li(A2, InterruptBit.TIMER)
        .words(asm.csr("csrrw", 0, asm.MIE, A2))
        .li(A2, CLINT + MTIME_OFFSET)
        .words(asm.store("sw", 0, 4, S0))
        .li(T1, PERIOD_NS / 200)
        .label("again")
        .words(asm.load("lw", T2, 0, A2), asm.r("add", T2, T2, T1), asm.store("sw", T2, 0, S0), asm.WFI)
        .words(asm.store("sw", A1, KICK, A0))
        .jal(0, "again");
    const places = expiringPlaces(program, ({ machine, hart }, park) => {
      // As the controller worker waits.
      for (let parks = 0; parks < 30 && machine.run(1000) === MachineStop.IDLE; parks++) {
        if (machine.run(0) !== MachineStop.BUDGET || (hart(Hart.MIP) & hart(Hart.MIE)) !== 0) continue;
        park(machine.parkNs());
      }
    });
    expect(places).toEqual([]);
  });

  it.each([
    ["the watchdog's PERIOD", WATCHDOG, 1],
    ["the watchdog's WINDOW", WATCHDOG + 4, 0],
    ["the watchdog's KICK", WATCHDOG + KICK, 1],
    ["msip", 0x0200_0000, 1],
    ["mtimecmp", 0x0200_4000, 1],
    ["mtime", 0x0200_bff8, 1],
    ["mtime's upper half", 0x0200_bffc, 1],
  ])("a store to %s is one reading at the most", (_, address, most) => {
    const readings = (program: asm.Program): number => {
      let count = 0;
      const f = inRegion(program, { nowNs: () => ++count });
      f.machine.run(20);
      const before = count;
      f.machine.run(1);
      return count - before;
    };
    const program = (last: number): asm.Program => {
      const made = new asm.Program().li(A0, address).words(asm.i("addi", A1, 0, KICK_VALUE));
      while (made.bytes().length < 80) made.words(asm.NOP);
      return made.words(last);
    };
    expect(readings(program(asm.store("sw", A1, 0, A0))) - readings(program(asm.NOP))).toBe(most);
  });
});

describe("a stop", () => {
  const fault = new asm.Program()
    .li(A0, STATUS)
    .words(asm.i("addi", A1, 0, 0x105), asm.store("sw", A1, 0x18, A0), asm.i("addi", A2, 0, 1));
  it("takes effect right after the store that asked for it has retired", () => {
    const f = inRegion(fault);
    expect(f.machine.run(100)).toBe(MachineStop.STOPPED);
    expect([f.machine.evidence, f.machine.stopCode]).toEqual([Evidence.PANIC, 0x105]);
    expect([f.machine.retired, f.x(A2)]).toEqual([4, 0]);
  });
  it("stays: no further run retires anything", () => {
    const f = inRegion(fault);
    f.machine.run(100);
    expect(f.machine.run(100)).toBe(MachineStop.STOPPED);
    expect(f.machine.retired).toBe(4);
  });
  it("the first of two counts", () => {
    const f = inRegion(fault);
    f.machine.stop(Evidence.WATCHDOG, 3);
    f.machine.stop(Evidence.PANIC, 4);
    expect([f.machine.evidence, f.machine.stopCode]).toEqual([Evidence.WATCHDOG, 3]);
  });
  it("ends with a reset", () => {
    const f = inRegion(fault);
    f.machine.run(100);
    f.machine.reset(f.hart(Hart.PC));
    expect(f.machine.stopped).toBe(false);
    f.machine.run(1);
    expect(f.x(A2)).toBe(1);
  });
});

describe("what a version says carries the boot epoch of its own start", () => {
  const ready = new asm.Program()
    .li(A0, STATUS)
    .words(asm.i("addi", A1, 0, 1), asm.store("sw", A1, 0x10, A0), asm.NOP);
  it("not that of the time when it was prepared, nor a later one", () => {
    const f = inRegion(ready);
    Atomics.store(f.control, Control.BOOT_EPOCH, 7);
    f.machine.run(3);
    Atomics.store(f.control, Control.BOOT_EPOCH, 8);
    f.machine.run(1);
    expect(Atomics.load(f.control, Control.READY)).toBe(7);
  });
});

describe("the external interrupt", () => {
  it("is raised while the host queue has entries, found at the start of a run", () => {
    const f = inRegion(
      handler(
        spin(
          withHandler()
            .li(A2, InterruptBit.EXTERNAL)
            .words(asm.csr("csrrw", 0, asm.MIE, A2), asm.csr("csrrsi", 0, asm.MSTATUS, MIE_BIT)),
        ),
      ),
    );
    f.machine.run(20);
    expect(f.hart(Hart.MCAUSE)).toBe(0);
    Atomics.store(f.control, Control.SQ_TAIL, 1);
    f.machine.run(1);
    expect(f.hart(Hart.MCAUSE)).toBe((1 << 31) | 11);
  });
});

describe("a snapshot", () => {
  it("brings back hart, devices and clock: what follows is the same, word for word", () => {
    const program = (): asm.Program => handler(spin(withTimer(300)));
    const f = inRam(program());
    const saved = new Int32Array(STATE_WORDS);
    const end = new Int32Array(STATE_WORDS);
    const again = new Int32Array(STATE_WORDS);
    f.machine.run(1234);
    f.machine.saveState(saved);
    f.machine.run(5000);
    f.machine.saveState(end);
    f.machine.restoreState(saved);
    f.machine.run(5000);
    f.machine.saveState(again);
    expect([...again]).toEqual([...end]);
  });
});

describe("the store observer", () => {
  function stores(address: number, instruction: number, watch: boolean): Fixture & { seen: number[][] } {
    const f = inRegion(new asm.Program().li(A0, address).words(instruction));
    const seen: number[][] = [];
    const word = (at: number): number => f.space.words[at >>> 2] ?? 0;
    f.setX(S0, 0x55);
    if (watch) f.machine.watchPage(address - RAM_BASE + f.layout.ram, true);
    f.machine.observeStores({
      beforeStore: (at, bytes) => seen.push([0, at, bytes, word(at)]),
      afterStore: (at, bytes) => seen.push([1, at, bytes, word(at)]),
    });
    f.machine.run(3);
    return { ...f, seen };
  }
  it.each([
    ["NVRAM", NVRAM_BASE + 8, (f: Fixture) => f.layout.nvram + 8, false],
    ["host memory", HOST_BASE + 8, (f: Fixture) => f.layout.host + 8, false],
    ["a watched page of RAM", RAM_BASE + 8, (f: Fixture) => f.layout.ram + 8, true],
  ])("sees a store to %s before and after it is made", (_, address, offset, watch) => {
    const f = stores(address, asm.store("sw", S0, 0, A0), watch);
    expect(f.seen).toEqual([
      [0, offset(f), 4, 0],
      [1, offset(f), 4, 0x55],
    ]);
  });
  it("sees no store to other RAM, and no load", () => {
    expect(stores(RAM_BASE + 8, asm.store("sw", S0, 0, A0), false).seen).toEqual([]);
    expect(stores(NVRAM_BASE, asm.load("lw", A1, 0, A0), false).seen).toEqual([]);
  });
  it("does not see a store that faults", () => {
    const f = stores(NVRAM_BASE + 65_536, asm.store("sw", S0, 0, A0), false);
    expect(f.seen).toEqual([]);
  });
});

it("a machine without regions shows RAM, finisher, CLINT and UART, and nothing else", () => {
  for (const [address, answers] of [
    [0x0200_bff8, true],
    [0x2000_0000, false],
    [0x2400_0000, false],
    [NVRAM_BASE, false],
    [HOST_BASE, false],
    [STATUS + 4, false],
    [WATCHDOG, false],
  ] as const) {
    const f = inRam(handler(withHandler().words(asm.load("lw", A1, 0, A0), asm.NOP)));
    f.setX(A0, address);
    f.machine.run(4);
    expect(f.hart(Hart.MCAUSE) === 0, address.toString(16)).toBe(answers);
  }
});

describe("decoding ahead", () => {
  const count = new asm.Program().words(asm.i("addi", A1, A1, 1), asm.jal(0, -4));
  it("changes nothing that executes", () => {
    const ahead = inRegion(count);
    const plain = inRegion(count);
    ahead.machine.decodeAhead(0, 4096);
    ahead.machine.run(1001);
    plain.machine.run(1001);
    expect(saved(ahead)).toEqual(saved(plain));
  });
  it("is undone by a change of the region", () => {
    const f = inRegion(count);
    f.machine.decodeAhead(0, 4096);
    f.space.bytes.set(new asm.Program().words(asm.i("addi", A1, A1, 16)).bytes(), f.layout.regions[0]);
    f.machine.regionChanged(0);
    f.machine.run(2);
    expect(f.x(A1)).toBe(16);
  });
  it("may reach to the region's end and no further", () => {
    const f = inRegion(count);
    f.machine.decodeAhead(0, 2 ** 24);
    f.machine.run(2);
    expect(f.x(A1)).toBe(1);
    expect(() => f.machine.decodeAhead(7, 16)).toThrow("region 7");
  });
});

describe("a further peripheral", () => {
  it("is reset with the hart, told the time, interrupts it and wakes it at its next event", () => {
    const told: string[] = [];
    const alarm: Device = {
      name: "alarm",
      accessBytes: 4,
      load: () => 0,
      store: () => 0,
      reset: () => told.push("reset"),
      pending: (now) => (now >= 50 ? InterruptBit.EXTERNAL : 0),
      nextEvent: (now) => (now < 50 ? 50 : Number.POSITIVE_INFINITY),
      tick: (now) => told.push(`tick ${now}`),
    };
    const program = withHandler()
      .li(A2, InterruptBit.EXTERNAL)
      .words(asm.csr("csrrw", 0, asm.MIE, A2), asm.csr("csrrsi", 0, asm.MSTATUS, MIE_BIT), asm.WFI);
    const f = inRam(handler(spin(program)));
    f.machine.attach(0x1003_0000, alarm);
    f.machine.reset(f.hart(Hart.PC));
    expect(told).toEqual(["reset"]);
    f.machine.run(100);
    expect(f.hart(Hart.MCAUSE)).toBe(0x8000_000b | 0);
    expect(told).toContain("tick 50");
  });
});
