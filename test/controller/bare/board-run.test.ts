/** A board of a profile that runs live: its resets, its flash, its end. */
import { describe, expect, it } from "vitest";
import { BoardMachine, type BoardRunOptions, type ChangedPage } from "../../../controller/bare/board-run.ts";
import { LoadError } from "../../../controller/bare/run-report.ts";
import { Hart } from "../../../controller/cpu/hart.ts";
import { DEFAULT_HART } from "../../../controller/cpu/hart-config.ts";
import type { DeviceModule } from "../../../controller/devices/device-module.ts";
import { DeviceModuleFault } from "../../../controller/devices/module-device.ts";
import { ResetReason } from "../../../controller/devices/reset-block.ts";
import { type BoardProfile, boardMistakes } from "../../../controller/profile.ts";
import { monotonicNs } from "../../../emulator/base/clock.ts";
import { RAM_BASE } from "../../../emulator/memory/map.ts";
import { sweepEngine } from "../../../supervisor/sweep/flipside/engine.ts";
import * as asm from "../support/assembler.ts";
import { writeElf } from "../support/elf-writer.ts";
import { A0, A1, A2, S0, T0 } from "../support/machines.ts";

const NOR = 0x2000_0000;
const SECTOR = 0x4_0000;
const [FINISHER, WATCHDOG, RESET_BLOCK] = [0x0010_0000, 0x1001_0000, 0x1007_0000];
const [REASON, RESET, RETAINED] = [RESET_BLOCK, RESET_BLOCK + 4, RESET_BLOCK + 8];
const FLASH = 0x1003_0000;
const STARTS = RAM_BASE + 0x100;
const PASS = 0x5555;

const PROFILE: BoardProfile = {
  ramBytes: 65_536,
  flash: [
    {
      name: "nor",
      base: NOR,
      interface: "cfi",
      geometry: {
        sectors: [{ count: 4, bytes: SECTOR }],
        writeBlockBytes: 4,
        erasedByte: 0xff,
        program: "and",
      },
      bytes: 4 * SECTOR,
      whileBusy: "ready",
      times: { eraseUs: 0, programUs: 0 },
      atReset: "torn",
      resetIsWired: true,
    },
  ],
  registers: [],
  devices: [],
  watchdogMs: undefined,
  keyIsOpen: false,
  counterLimit: undefined,
  start: NOR,
};

function board(program: asm.Program, options: Partial<BoardRunOptions> = {}): BoardMachine {
  const made = new BoardMachine({
    profile: PROFILE,
    hart: DEFAULT_HART,
    clock: "virtual",
    line: { send: () => undefined, receive: () => -1 },
    nowNs: () => 0,
    ...options,
  });
  made.flash(0).set(program.bytes());
  return made;
}

const word = (bytes: Uint8Array): number => new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true);
const store = (program: asm.Program, address: number, value: number): asm.Program =>
  program
    .li(A0, address)
    .li(A1, value)
    .words(asm.store("sw", A1, 0, A0));
const goingTo = (program: asm.Program, address: number): asm.Program =>
  program.li(A0, address).words(asm.jalr(0, A0, 0));
const stay = (program: asm.Program): asm.Program => program.label("stay").jal(0, "stay");

/** Notes the reason of the reset at STARTS + 4 n and in a retained word what n is; ends at its third start. */
function counting(reset: (program: asm.Program) => void): asm.Program {
  const program = new asm.Program()
    .li(S0, RETAINED)
    .words(asm.load("lw", A2, 0, S0), asm.shift("slli", T0, A2, 2))
    .li(A1, STARTS)
    .words(asm.r("add", T0, T0, A1))
    .li(A0, REASON)
    .words(asm.load("lw", A1, 0, A0), asm.store("sw", A1, 0, T0))
    .words(asm.i("addi", A2, A2, 1), asm.store("sw", A2, 0, S0))
    .li(A1, 3)
    .branch("blt", A2, A1, "reset");
  store(program, FINISHER, PASS);
  reset(program.label("reset"));
  return stay(program);
}

describe("a reset of the hart is no end", () => {
  it.each<readonly [string, (program: asm.Program) => void, ResetReason]>([
    ["the finisher's", (program) => store(program, FINISHER, 0x7777), ResetReason.SOFTWARE],
    ["the reset block's", (program) => store(program, RESET, 0x5a), ResetReason.SOFTWARE],
    ["the watchdog's, by its period", (program) => store(program, WATCHDOG, 100), ResetReason.WATCHDOG],
    ["the watchdog's, by a wrong kick", (program) => store(program, WATCHDOG + 8, 1), ResetReason.WATCHDOG],
  ])("%s: RAM and retained words stay, and the start is told why", (_, reset, reason) => {
    const made = board(counting(reset));
    const report = made.run(1_000_000);
    expect(report).toMatchObject({ exitReason: "pass", resets: 2 });
    const reasons = [0, 4, 8].map((offset) => word(made.read("a word", STARTS + offset, 4)));
    expect(reasons).toEqual([ResetReason.POWER, reason, reason]);
  });

  it("for which the hart stops at once: the next instruction is the first one", () => {
    const program = new asm.Program()
      .li(S0, RETAINED)
      .words(asm.load("lw", A2, 0, S0))
      .branch("bne", A2, 0, "end");
    store(program, RETAINED, 1);
    store(program, RESET, 0x5a);
    store(program, STARTS, 1);
    store(program.label("end"), FINISHER, PASS);
    const made = board(stay(program));
    expect(made.run(10_000)).toMatchObject({ exitReason: "pass", resets: 1 });
    expect(word(made.read("a word", STARTS, 4))).toBe(0);
  });

  it("but its instructions count: a loader that resets for ever ends at the limit", () => {
    const made = board(stay(store(new asm.Program(), RESET, 0x5a)));
    const report = made.run(1000);
    expect(report).toMatchObject({ exitReason: "max-instructions", retiredInstructions: 1000 });
    expect(report.resets).toBeGreaterThan(100);
  });
});

describe("an end", () => {
  it.each([
    [PASS, { exitReason: "pass", failCode: 0 }],
    [0x0007_3333, { exitReason: "fail", failCode: 7 }],
  ])("is the finisher's, %i", (value, end) => {
    expect(board(stay(store(new asm.Program(), FINISHER, value))).run(1000)).toMatchObject({
      ...end,
      resets: 0,
    });
  });

  it("is a trap that nobody handles", () => {
    const report = board(new asm.Program().words(asm.ILLEGAL)).run(1000);
    expect(report).toMatchObject({
      exitReason: "trap-loop",
      hasTrapHandler: false,
      trap: { cause: 2, pc: NOR },
    });
  });

  it("is a wait for what cannot come", () => {
    expect(board(stay(new asm.Program().words(asm.WFI))).run(1000).exitReason).toBe("idle");
  });
});

describe("flash", () => {
  /** Programs a word of the last sector by the bank's commands, and reads the array again. */
  const programming = (value: number): asm.Program => {
    const program = new asm.Program()
      .la(T0, "copied")
      .li(A1, RAM_BASE)
      .la(A2, "end")
      .label("copy")
      .words(asm.load("lw", S0, 0, T0), asm.store("sw", S0, 0, A1))
      .words(asm.i("addi", T0, T0, 4), asm.i("addi", A1, A1, 4))
      .branch("bltu", T0, A2, "copy")
      .li(A1, RAM_BASE)
      .words(asm.FENCE_I, asm.jalr(0, A1, 0))
      .align(4)
      .label("copied");
    const at = NOR + 3 * SECTOR;
    for (const stored of [0x0040_0040, value, 0x00ff_00ff]) store(program, at, stored);
    return stay(store(program, FINISHER, PASS))
      .align(4)
      .label("end");
  };

  it("that changes is kept, a page at a time, and what is read at the end is what it holds", () => {
    const kept: ChangedPage[] = [];
    const made = board(programming(0x1234_5678), { keep: (page) => kept.push(page) });
    expect(made.run(100_000)).toMatchObject({ exitReason: "pass", flashMisuses: [] });
    expect(kept.map(({ device, offset, bytes }) => [device, offset, bytes.length])).toEqual([
      [0, 3 * SECTOR, 4096],
    ]);
    expect(word(made.read("the dump", NOR + 3 * SECTOR, 4))).toBe(0x1234_5678);
    expect(word(made.flash(0).subarray(3 * SECTOR))).toBe(0x1234_5678);
  });

  it("tells what it was asked for and cannot do, once", () => {
    const program = stay(
      store(store(store(new asm.Program(), NOR + SECTOR, 0x40), NOR, 0xff), FINISHER, PASS),
    );
    const { flashMisuses } = board(program).run(1000);
    expect(flashMisuses).toHaveLength(new Set(flashMisuses).size);
    expect(flashMisuses[0]).toMatch(/one of (the|its) two chips|one chip|chip/);
  });

  it.each(["interpreter", "translator"] as const)("tells where it was asked, with the %s", (kind) => {
    const program = new asm.Program().li(A0, RAM_BASE).li(A1, 0x40).li(A2, 100_000);
    const access = NOR + program.bytes().length;
    program.label("loop").words(asm.store("sw", A1, 0, A0), asm.i("addi", A2, A2, -1));
    program
      .branch("bne", A2, 0, "loop")
      .li(T0, NOR + SECTOR)
      .branch("beq", A0, T0, "end");
    program
      .words(asm.i("addi", A0, T0, 0), asm.i("addi", A2, 0, 1))
      .jal(0, "loop")
      .label("end");
    const code = stay(program).bytes();
    const sections = [{ type: "PROGBITS", offset: 0, bytes: code.length }] as const;
    const symbols = { poke: { value: NOR, type: "FUNC", section: 0 } } as const;
    const elf = writeElf({ code, address: NOR, sections, symbols });
    const told = (file?: Uint8Array): readonly string[] =>
      board(program, { ...sweepEngine(kind), elf: file }).run(1_000_000).flashMisuses;
    const message = `nor: 0x40 is not the same command for both chips, at pc 0x${access.toString(16)}`;
    expect(told(elf)).toEqual([`${message}, in poke`]);
    expect(told()).toEqual([message]);
  });

  it.each(["interpreter", "translator"] as const)(
    "tells of code that runs from flash that faults while it is erased, with the %s",
    (kind) => {
      const flash = PROFILE.flash.map((each) => ({
        ...each,
        interface: "controller" as const,
        whileBusy: "fault" as const,
        times: { eraseUs: 100, programUs: 1 },
      }));
      const program = store(store(new asm.Program(), FLASH + 0x20, SECTOR), FLASH + 0x24, SECTOR);
      store(program, FLASH + 0x2c, 2);
      const next = program.bytes().length.toString(16);
      const profile = { ...PROFILE, keyIsOpen: true, flash };
      const { flashMisuses } = board(stay(program), { ...sweepEngine(kind), profile }).run(100_000);
      expect(flashMisuses).toEqual([
        `nor: a read of 0x${next} while an erase or a program is under way, at pc 0x${(NOR + Number.parseInt(next, 16)).toString(16)}`,
      ]);
    },
  );

  it("tells of code that runs from a bank of parallel NOR while that is erased", () => {
    const times = { eraseUs: 100, programUs: 1 };
    const flash = PROFILE.flash.map((each) => ({ ...each, times }));
    const program = store(store(new asm.Program(), NOR + SECTOR, 0x20_0020), NOR + SECTOR, 0xd0_00d0);
    const made = board(new asm.Program(), { profile: { ...PROFILE, flash, start: RAM_BASE } });
    made.placeInRam(RAM_BASE, goingTo(program, NOR).bytes());
    expect(made.run(1000).flashMisuses).toEqual([
      "nor: a read of 0x0 while an erase or a program is under way, at pc 0x20000000",
    ]);
  });

  it("reads as erased where nothing was put, whatever that is on its chip", () => {
    const [nor] = PROFILE.flash;
    const profile = {
      ...PROFILE,
      flash: nor
        ? [
            {
              ...nor,
              interface: "controller" as const,
              geometry: { ...nor.geometry, erasedByte: 0 as const },
            },
          ]
        : [],
    };
    const made = board(new asm.Program(), { profile });
    expect([...made.read("the dump", NOR + SECTOR, 2)]).toEqual([0, 0]);
  });

  it("that the controller alone reads needs no address", () => {
    const [nor] = PROFILE.flash;
    const profile: BoardProfile = {
      ...PROFILE,
      flash: nor ? [{ ...nor, base: undefined, interface: "controller" }] : [],
      start: RAM_BASE,
    };
    const made = board(new asm.Program(), { profile });
    made.placeInRam(RAM_BASE, stay(store(new asm.Program(), FINISHER, PASS)).bytes());
    expect(made.run(1000).exitReason).toBe("pass");
  });
});

it("of as many flash devices and sectors as there may be has room for their words", () => {
  const [nor] = PROFILE.flash;
  const sectors = [{ count: 512, bytes: 4096 }];
  const flash = [0, 1, 2, 3].flatMap((device) => {
    const name = `nor ${device}`;
    const base = NOR + device * 0x20_0000;
    return nor ? [{ ...nor, name, base, bytes: 0x20_0000, geometry: { ...nor.geometry, sectors } }] : [];
  });
  const profile = { ...PROFILE, flash };
  expect([...boardMistakes(profile)]).toEqual([]);
  const made = board(stay(store(new asm.Program(), FINISHER, PASS)), { profile });
  expect(made.run(1000).exitReason).toBe("pass");
});

it("memory that is not there is refused in a sentence", () => {
  const made = board(new asm.Program());
  const outside = "lies neither in RAM from 0x80000000 to 0x80010000 nor in a mapped flash device";
  for (const [address, byteCount] of [
    [0, 4],
    [RAM_BASE + 65_532, 8],
    [NOR + 4 * SECTOR - 4, 8],
  ] as const) {
    expect(() => made.read("the dump", address, byteCount)).toThrow(LoadError);
    expect(() => made.read("the dump", address, byteCount)).toThrow(outside);
  }
  expect(() => made.placeInRam(NOR, new Uint8Array(4))).toThrow(
    `a program of 4 bytes at 0x20000000 ${outside}`,
  );
});

describe.each(["interpreter", "translator"] as const)(
  "flash that stalls reads while it is erased, with the %s",
  (kind) => {
    const ERASE_US = 2000;
    const [MTIME, MTIMECMP] = [0x0200_bff8, 0x0200_4000];
    const flash = PROFILE.flash.map((each) => ({
      ...each,
      interface: "controller" as const,
      whileBusy: "stall" as const,
      times: { eraseUs: ERASE_US, programUs: 1 },
    }));
    const profile = { ...PROFILE, keyIsOpen: true, flash, start: RAM_BASE + 0x1000 };
    /** Erases a sector, and notes when it began: in A2. */
    const erasing = (program: asm.Program): asm.Program => {
      store(store(program, FLASH + 0x20, SECTOR), FLASH + 0x24, SECTOR);
      program.li(T0, MTIME).words(asm.load("lw", A2, 0, T0));
      return store(program, FLASH + 0x2c, 2);
    };
    /** Ends the run, with the ticks since then in STARTS. */
    const noting = (program: asm.Program): asm.Program => {
      program.li(T0, MTIME).words(asm.load("lw", A1, 0, T0), asm.r("sub", A1, A1, A2));
      program.li(A0, STARTS).words(asm.store("sw", A1, 0, A0));
      return stay(store(program, FINISHER, PASS));
    };
    const reading = (program: asm.Program, how: "lb" | "lw" = "lw", at = NOR): asm.Program =>
      program.li(A0, at).words(asm.load(how, S0, 0, A0));
    const made = (program: asm.Program, options: Partial<BoardRunOptions> = {}): BoardMachine => {
      const machine = board(new asm.Program(), { ...sweepEngine(kind), profile, ...options });
      machine.placeInRam(RAM_BASE + 0x1000, program.bytes());
      return machine;
    };
    /** Ticks that it took. */
    const ran = (machine: BoardMachine, said: object = {}): number => {
      expect(machine.run(10_000)).toMatchObject({ exitReason: "pass", flashMisuses: [], ...said });
      return word(machine.read("a word", STARTS, 4));
    };
    const exactly = (ticks: number): void => {
      expect(ticks).toBeGreaterThanOrEqual(10 * ERASE_US);
      expect(ticks).toBeLessThan(10 * ERASE_US + 10);
    };

    it("has a load wait until the end, and then gives what is there", () => {
      for (const [how, at] of [
        ["lw", NOR + SECTOR],
        ["lb", NOR + SECTOR],
        ["lw", NOR + SECTOR + 2],
      ] as const) {
        const machine = made(noting(reading(erasing(new asm.Program()), how, at)));
        machine.flash(0).fill(0, SECTOR, SECTOR + 16);
        exactly(ran(machine));
        expect(machine.machine.hart[S0 + Hart.X]).toBe(-1);
      }
    });

    it("has a fetch wait", () => {
      const program = erasing(new asm.Program())
        .li(A0, NOR)
        .words(asm.jalr(0, A0, 0));
      const machine = made(program);
      machine.flash(0).set(noting(new asm.Program()).bytes());
      exactly(ran(machine));
    });

    it("lets a load of what is not mapped fault at once", () => {
      const program = erasing(new asm.Program())
        .li(A1, RAM_BASE + 0x2000)
        .words(asm.csr("csrrw", 0, 0x305, A1));
      const machine = made(reading(program, "lw", 0x4000_0000));
      machine.placeInRam(RAM_BASE + 0x2000, noting(new asm.Program()).bytes());
      expect(ran(machine)).toBeLessThan(10);
    });

    it("lets the watchdog bite at its tick, and the start that follows wait for what is left", () => {
      const program = new asm.Program()
        .li(A0, REASON)
        .words(asm.load("lw", A1, 0, A0))
        .li(T0, ResetReason.WATCHDOG)
        .branch("beq", A1, T0, "bitten");
      reading(erasing(store(program, WATCHDOG, ERASE_US / 4)))
        .label("bitten")
        .li(T0, MTIME)
        .words(asm.load("lw", A2, 0, T0));
      const goesOn = flash.map((each) => ({ ...each, atReset: "goes-on" as const }));
      const machine = made(noting(reading(program)), { profile: { ...profile, flash: goesOn } });
      const left = 10 * (ERASE_US - ERASE_US / 4);
      expect(Math.abs(ran(machine, { resets: 1 }) - left)).toBeLessThan(10);
    });

    it("lets a timer interrupt meanwhile", () => {
      const program = new asm.Program().li(A1, RAM_BASE + 0x2000).words(asm.csr("csrrw", 0, 0x305, A1));
      store(store(program, MTIMECMP, 5 * ERASE_US), MTIMECMP + 4, 0);
      program.li(A1, 1 << 7).words(asm.csr("csrrw", 0, 0x304, A1), asm.csr("csrrsi", 0, 0x300, 8));
      const machine = made(stay(reading(erasing(program))));
      machine.placeInRam(RAM_BASE + 0x2000, noting(new asm.Program()).bytes());
      const ticks = ran(machine);
      expect(ticks).toBeLessThan(5 * ERASE_US + 10);
    });

    it("takes as long live", () => {
      const machine = made(noting(reading(erasing(new asm.Program()))), {
        clock: "live",
        nowNs: monotonicNs,
      });
      expect(ran(machine)).toBeGreaterThanOrEqual(10 * ERASE_US);
    });
  },
);

describe("a device that is a module", () => {
  const MODULE = 0x4000_0000;
  const [PRIORITIES, ENABLES, CLAIM] = [0x0c00_0000, 0x0c00_2000, 0x0c20_0004];
  const SOURCE = 5;
  const DUE_TICK = 1_000;
  const EXTERNAL = 0x800;

  /** Is woken once at DUE_TICK, stores 7 to RAM at STARTS, and raises its line. */
  const device: DeviceModule = {
    stateWords: 1,
    create: ({ state, writeRam }) => ({
      load: () => state[0] ?? 0,
      store: () => {
        state[0] = 0;
      },
      nextEvent: () => (state[0] === 0 ? DUE_TICK : Number.POSITIVE_INFINITY),
      tick: () => {
        state[0] = 1;
        writeRam(STARTS, Uint8Array.of(7, 0, 0, 0));
      },
      interrupt: () => state[0] === 1,
    }),
  };

  function withModule(program: asm.Program): BoardMachine {
    const said = { name: "mine", base: MODULE, bytes: 4096, module: "", interrupt: SOURCE, options: {} };
    return board(program, {
      profile: { ...PROFILE, devices: [said] },
      modules: { exported: [device], guard: (_, call) => call },
    });
  }

  it("that asks for more words than the board has left is told in a sentence", () => {
    const [nor] = PROFILE.flash;
    // A bank keeps two bits for each of its sectors.
    const geometry = {
      sectors: [{ count: 2048, bytes: 4096 }],
      writeBlockBytes: 4,
      erasedByte: 0xff,
    } as const;
    const flash = nor && { ...nor, geometry: { ...geometry, program: "and" as const }, bytes: 2048 * 4096 };
    const said = { name: "mine", base: MODULE, bytes: 4096, module: "", interrupt: undefined, options: {} };
    const make = (stateWords: number) => () =>
      board(new asm.Program(), {
        profile: { ...PROFILE, flash: flash ? [flash] : [], devices: [said] },
        modules: { exported: [{ ...device, stateWords }], guard: (_, call) => call },
      });
    expect(make(100)).not.toThrow();
    expect(make(256)).toThrow(DeviceModuleFault);
    expect(make(256)).toThrow("the board has not so many words of state left as its devices ask for: mine");
  });

  it("wakes the hart by its source of the PLIC, at its tick", () => {
    const program = new asm.Program();
    store(program, PRIORITIES + 4 * SOURCE, 1);
    store(program, ENABLES, 1 << SOURCE);
    program
      .li(A1, EXTERNAL)
      .words(asm.csr("csrrw", 0, asm.MIE, A1), asm.WFI)
      .li(A0, CLAIM)
      .words(asm.load("lw", A1, 0, A0))
      .li(A0, STARTS + 4)
      .words(asm.store("sw", A1, 0, A0));
    const made = withModule(stay(store(program, FINISHER, PASS)));
    expect(made.run(100_000).exitReason).toBe("pass");
    expect(made.machine.clock.now()).toBeGreaterThanOrEqual(DUE_TICK);
    expect(made.machine.clock.now()).toBeLessThan(DUE_TICK + 10);
    const words = [0, 4].map((offset) => word(made.read("a word", STARTS + offset, 4)));
    expect(words).toEqual([7, SOURCE]);
  });

  it("that does something by itself is seen to: a call in which that falls is no call that may be put in place", () => {
    const made = withModule(stay(new asm.Program()));
    made.run(5_000);
    const { asked } = made.machine;
    made.run(20_000);
    expect(made.machine.asked).toBeGreaterThan(asked);
  });
});
