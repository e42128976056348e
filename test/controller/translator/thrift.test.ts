/** When the translating engine translates, for how long, and when it leaves what it has translated alone. */

import { describe, expect, it } from "vitest";
import { BARE_BOARD } from "../../../controller/boards.ts";
import { STORE_FLAGS } from "../../../controller/cpu/access-guard.ts";
import { ALL_EXTENSIONS } from "../../../controller/cpu/isa.ts";
import { Machine } from "../../../controller/machine.ts";
import { TranslatingEngine, type TranslatorOptions } from "../../../controller/translator/engine.ts";
import { type Pace, translateUnit, UNHURRIED } from "../../../controller/translator/unit.ts";
import { createMemory } from "../../../emulator/memory/layout.ts";
import * as asm from "../support/assembler.ts";
import { A0, A1, A2, RA } from "../support/machines.ts";
import { CODE_BASE, LAYOUT } from "./harness.ts";

const UART_LINE_STATUS = 0x1000_0005;
/** Of one run at the most; the first sample of what is hot is taken at the end of one. */
const RUN = 1_000_000;

/** A machine that is about to run an endless loop of what `body` adds. */
function looping(
  options: TranslatorOptions,
  body: (program: asm.Program) => asm.Program,
  showLife: () => void = () => undefined,
) {
  let engine: TranslatingEngine | undefined;
  const machine = new Machine({
    showLife,
    memory: createMemory(LAYOUT),
    layout: LAYOUT,
    slot: 0,
    plan: BARE_BOARD,
    engine: (parts, interpreter, memory, slot) => {
      engine = new TranslatingEngine(parts, interpreter, memory, slot, options);
      return engine;
    },
  });
  const program = body(new asm.Program().li(A0, UART_LINE_STATUS).label("loop")).jal(0, "loop");
  machine.space.bytes.set(program.bytes(), machine.space.ramOffset);
  machine.ramChanged();
  machine.reset(CODE_BASE | 0);
  if (engine === undefined) throw new Error("the machine made no engine");
  return { machine, engine };
}

const counting = (program: asm.Program) => program.words(asm.i("addi", A1, A1, 1), asm.NOP);
const polling = (program: asm.Program) => program.words(asm.load("lbu", A1, 0, A0), asm.NOP);

describe("translating", () => {
  it("is paid for in advance: what runs for a short time is interpreted", () => {
    const { machine, engine } = looping({}, counting);
    machine.run(RUN);
    expect(engine.stats()).toMatchObject({ translationsRunning: 0, retiredTranslated: 0 });
  });

  it("comes in time for what runs on", () => {
    const { machine, engine } = looping({}, counting);
    for (let runs = 0; runs < 400 && engine.stats().translationsRunning === 0; runs++) machine.run(RUN);
    expect(engine.stats().translationsRunning).toBe(1);
  });

  it("comes at the first sample where its time does not matter", () => {
    const { machine, engine } = looping({ share: 4 }, counting);
    machine.run(RUN);
    expect(engine.stats().translationsRunning).toBe(1);
    expect(engine.stats().retiredTranslated).toBeGreaterThan(RUN / 2);
  });
});

describe("an entry that is left again at once", () => {
  it("is given back to the interpreter", () => {
    const { machine, engine } = looping({ share: 4 }, polling);
    machine.run(RUN);
    machine.run(RUN);
    const { translationsRunning, exitsAccess } = engine.stats();
    expect(translationsRunning).toBeGreaterThan(0);
    // A third of the instructions are loads from the device.
    expect(exitsAccess).toBeLessThan(RUN / 100);
  });

  it("is an entry again when more has been translated", () => {
    const { machine, engine } = looping({ share: 4 }, polling);
    machine.run(RUN);
    const { retiredTranslated, exitsAccess } = engine.stats();
    machine.reset(CODE_BASE | 0);
    engine.prepare(CODE_BASE);
    machine.run(RUN);
    const more = engine.stats();
    expect(more.retiredTranslated).toBeGreaterThan(retiredTranslated);
    expect(more.exitsAccess).toBeGreaterThan(exitsAccess);
  });

  it("is tried again where it was left for more places than one trial met often", () => {
    const FUNCTIONS = 32;
    /** Calls one function after the other through a register, each of two instructions. */
    const { machine, engine } = looping({ share: 4 }, (program) => {
      program.words(asm.i("addi", A1, A1, 8), asm.i("andi", A2, A1, 8 * (FUNCTIONS - 1)));
      program
        .la(RA, "first")
        .words(asm.r("add", A2, A2, RA), asm.jalr(RA, A2, 0))
        .jal(0, "loop")
        .label("first");
      for (let index = 0; index < FUNCTIONS; index++) program.words(asm.NOP, asm.jalr(0, RA, 0));
      return program;
    });
    const isTranslated = (): boolean => {
      const { retiredTranslated: before } = engine.stats();
      machine.run(RUN);
      return engine.stats().retiredTranslated - before > RUN / 2;
    };
    const runs = Array.from({ length: 400 }, (_, run) => run);
    expect(runs.some(isTranslated)).toBe(true);
  });
});

describe("a translation that takes long", () => {
  const FUNCTIONS = 40;
  /** Calls one function after the other. */
  const calling = (program: asm.Program): asm.Program => {
    for (let index = 0; index < FUNCTIONS; index++) program.jal(RA, `f${index}`);
    program.jal(0, "loop");
    for (let index = 0; index < FUNCTIONS; index++) {
      program.label(`f${index}`);
      // Too many to be inlined.
      for (let i = 0; i < 100; i++) program.words(asm.i("addi", A1, A1, index));
      program.words(asm.jalr(0, RA, 0));
    }
    return program;
  };
  const translate = (pace: Pace, program = () => calling(new asm.Program().label("loop"))) => {
    const parcels = new Uint16Array(program().bytes().buffer);
    const target = {
      memory: {
        ram: { base: CODE_BASE, bytes: LAYOUT.config.ramBytes, offset: LAYOUT.ram },
        ramFlags: LAYOUT.ramFlags[0] as number,
        loadFlags: 0,
        storeFlags: STORE_FLAGS,
        readable: [],
        writable: [],
      },
      hart: LAYOUT.slots[0] as number,
      memoryPages: LAYOUT.wasmPages,
      tableSlots: 4096,
    };
    return translateUnit(
      { parcel: (pc) => parcels[(pc - CODE_BASE) / 2] ?? -1, extensions: ALL_EXTENSIONS },
      CODE_BASE,
      target,
      {
        pace,
      },
    );
  };

  it("shows life for each function that it comes to", () => {
    let lives = 0;
    const { machine, engine } = looping({ eager: true }, calling, () => lives++);
    machine.run(RUN);
    const { entries } = engine.stats();
    expect(entries).toBeGreaterThan(FUNCTIONS);
    expect(lives).toBeGreaterThan(3 * entries);
  });

  it("has a step for each block of a function, however large that is", () => {
    const blocks = 300;
    const branches = Array.from({ length: blocks }, () => asm.branch("beq", A0, A1, 8));
    let steps = 0;
    expect(
      translate({ ...UNHURRIED, goesOn: () => steps++ >= 0 }, () =>
        new asm.Program().words(...branches, asm.jalr(0, RA, 0)),
      ),
    ).toBeDefined();
    expect(steps).toBeGreaterThan(2 * blocks);
  });

  it("takes in no further function when it has no more time, and is whole all the same", () => {
    expect(translate(UNHURRIED)?.entries).toHaveLength(FUNCTIONS + 1);
    let left = 5;
    const unit = translate({ ...UNHURRIED, mayGrow: () => left-- > 0 });
    expect(unit?.entries).toHaveLength(6);
    expect(WebAssembly.validate(unit?.bytes as Uint8Array<ArrayBuffer>)).toBe(true);
  });

  it("is given up when somebody waits, wherever it stands", () => {
    let steps = 0;
    expect(translate({ ...UNHURRIED, goesOn: () => steps++ >= 0 })).toBeDefined();
    for (let at = 0; at < steps; at += 11) {
      let left = at;
      expect(translate({ ...UNHURRIED, goesOn: () => left-- > 0 })).toBeUndefined();
    }
  });

  it("ahead of need leaves the rest when somebody waits", () => {
    const { engine } = looping({}, calling);
    expect(engine.prepare(CODE_BASE, () => false)).toBe(false);
    expect(engine.stats().translationsAhead).toBe(0);
    expect(engine.prepare(CODE_BASE)).toBe(true);
    expect(engine.stats().translationsAhead).toBeGreaterThan(0);
  });
});
