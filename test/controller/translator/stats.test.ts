/** What a translating engine counts, and where it can be read. */

import { describe, expect, it } from "vitest";
import { BARE_BOARD } from "../../../controller/boards.ts";
import { Machine } from "../../../controller/machine.ts";
import { chooseEngine } from "../../../controller/translator/select.ts";
import { formatStats, isUsed, readStats, sumStats } from "../../../controller/translator/stats.ts";
import { engineCounters } from "../../../emulator/memory/control.ts";
import { createMemory } from "../../../emulator/memory/layout.ts";
import * as asm from "../support/assembler.ts";
import { A0 } from "../support/machines.ts";
import { CODE_BASE, LAYOUT } from "./harness.ts";

const BUDGET = 100_000;
const LOOP = new asm.Program()
  .label("loop")
  .words(asm.i("addi", A0, A0, 1), asm.NOP)
  .jal(0, "loop")
  .bytes();

/** A controller worker's engine in a slot of this memory, about to run a loop without end. */
function worker(memory: WebAssembly.Memory, slot = 0) {
  const choice = chooseEngine("translator");
  const machine = new Machine({
    ...choice.options,
    memory,
    layout: LAYOUT,
    slot,
    plan: BARE_BOARD,
  });
  machine.space.bytes.set(LOOP, machine.space.ramOffset);
  machine.ramChanged();
  machine.reset(CODE_BASE | 0);
  const engine = choice.translator();
  if (engine === undefined) throw new Error("there is no translator");
  return { machine, engine };
}

describe("the counters of an engine", () => {
  it("are in its slot block, for whoever has the memory, and tell all that was retired", () => {
    const memory = createMemory(LAYOUT);
    const { machine, engine } = worker(memory);
    machine.run(BUDGET);
    const stats = readStats(engineCounters(memory, LAYOUT, 0));
    expect(stats).toEqual(engine.stats());
    expect(stats.retiredTranslated + stats.retiredInterpreted).toBe(machine.retired);
    expect(stats.retiredTranslated).toBeGreaterThan(BUDGET / 2);
    expect(stats).toMatchObject({ units: 1, translationsAhead: 0, translationsRunning: 1 });
    expect(stats.exitsLimit).toBeGreaterThan(0);
  });

  it("tell what was translated ahead of need from what was while it ran", () => {
    const { machine, engine } = worker(createMemory(LAYOUT));
    expect(engine.prepare(CODE_BASE)).toBe(true);
    expect(engine.stats()).toMatchObject({
      translationsAhead: 1,
      translationsRunning: 0,
      retiredTranslated: 0,
    });
    machine.run(BUDGET);
    expect(engine.stats()).toMatchObject({ translationsAhead: 1, translationsRunning: 0 });
    expect(engine.stats().retiredTranslated).toBeGreaterThan(BUDGET / 2);
  });

  it("go on in the slot's next engine, but what the last one had live is gone", () => {
    const memory = createMemory(LAYOUT);
    worker(memory).engine.prepare(CODE_BASE);
    const { engine } = worker(memory);
    expect(engine.stats()).toMatchObject({ units: 0, unitBytes: 0, entries: 0, translationsAhead: 1 });
    engine.prepare(CODE_BASE);
    expect(engine.stats()).toMatchObject({ units: 1, translationsAhead: 2 });
  });

  it("are each slot's own, and a device's are their sum", () => {
    const memory = createMemory(LAYOUT);
    const executing = worker(memory, 0);
    const standby = worker(memory, 1);
    standby.engine.prepare(CODE_BASE);
    executing.machine.run(BUDGET);
    const [first, second] = [0, 1].map((slot) => engineCounters(memory, LAYOUT, slot));
    const whole = readStats(first ?? new Float64Array(), second ?? new Float64Array());
    expect(whole).toEqual(sumStats([executing.engine.stats(), standby.engine.stats()]));
    expect(whole).toMatchObject({ units: 2, translationsAhead: 1, translationsRunning: 1 });
  });
});

describe("what is told of them", () => {
  it("says when and how much was translated, and why it was left", () => {
    const counters = new Float64Array(16).map((_, place) => place + 1);
    expect(formatStats(readStats(counters))).toEqual([
      "retired 19 instructions, 47.37 % of them in translated code",
      "translations 9 of 6 instructions: 4 ahead of need, 5 while running; live 1 modules, 2 bytes, 3 entries; dropped 7 times because code changed, 15 modules to make room",
      "left for an instruction that is not translated 11, for a device or a fault 12, near the limit 13, for code not translated 14",
    ]);
  });

  it("is one sentence where there was nothing to count", () => {
    const none = readStats(new Float64Array(16));
    expect(isUsed(none)).toBe(false);
    expect(formatStats(none)).toEqual(["nothing was given to a translator"]);
  });
});
