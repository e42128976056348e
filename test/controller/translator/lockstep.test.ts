/**
 * Translated code and interpreter in lockstep: the same random program on two machines, compared whenever a
 * budget is used up. The whole hart, RAM and what the UART sent must agree, to the instruction.
 */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Hart } from "../../../controller/cpu/hart.ts";
import { MachineStop } from "../../../controller/machine.ts";
import * as a from "../../../scripts/hostile/assemble.ts";
import { boardFor } from "../../../scripts/hostile/engines.ts";
import { type Ingredients, randomProgram } from "../../../scripts/hostile/random-program.ts";
import { lockstep, newPair, newSide } from "./harness.ts";

const SEED = fc.integer({ min: 1, max: 2 ** 30 });

describe("translated code and interpreter agree on registers, memory, CSRs and retired instructions", () => {
  const cases: readonly (readonly [string, Ingredients])[] = [
    ["plain code", { rare: false, selfModifying: false, wild: false }],
    ["traps, CSRs, atomics, devices and timer interrupts", { rare: true, selfModifying: false, wild: false }],
    ["jumps into the middle of instructions", { rare: true, selfModifying: false, wild: true }],
    ["code that rewrites itself", { rare: true, selfModifying: true, wild: true }],
    ["no C: jumps that are misaligned", { rare: true, selfModifying: false, wild: true, withoutC: true }],
    [
      "no C, in code that rewrites itself",
      { rare: true, selfModifying: true, wild: true, withoutC: true, triggers: true },
    ],
    ["bit manipulation", { rare: false, selfModifying: false, wild: false, bits: true }],
    ["bit manipulation and all else", { rare: true, selfModifying: true, wild: true, bits: true }],
    ["triggers", { rare: true, selfModifying: false, wild: false, triggers: true }],
    [
      "triggers in code that rewrites itself",
      { rare: true, selfModifying: true, wild: true, triggers: true },
    ],
    ["user mode", { rare: true, selfModifying: false, wild: true, user: true }],
    ["triggers in user mode", { rare: true, selfModifying: false, wild: false, triggers: true, user: true }],
    [
      "triggers in user mode, in code that rewrites itself",
      { rare: true, selfModifying: true, wild: true, triggers: true, user: true },
    ],
    [
      "triggers and bit manipulation",
      { rare: true, selfModifying: false, wild: false, bits: true, triggers: true },
    ],
  ];
  for (const [name, ingredients] of cases) {
    it(name, () => {
      let retiredTranslated = 0;
      fc.assert(
        fc.property(SEED, SEED, (seed, budgetSeed) => {
          const pair = newPair(randomProgram(seed, ingredients), boardFor(ingredients));
          lockstep(pair, budgetSeed, 10_000, `seed ${seed}`);
          retiredTranslated += pair.translated.engine?.stats().retiredTranslated ?? 0;
        }),
        { numRuns: 40 },
      );
      expect(retiredTranslated, "translated code must have run").toBeGreaterThan(10_000);
    });
  }
});

describe("after an endless trap loop all engines tell the same trap", () => {
  it("in a program whose runs end between the trap and its handler", () => {
    const pair = newPair(randomProgram(127443778, { rare: true, selfModifying: false, wild: false }));
    expect(lockstep(pair, 1, 10_000, "trap loop")).toBe(MachineStop.STOPPED);
    expect(pair.reference.machine.retired).toBe(1424);
    // The jump to nowhere, not the handler's illegal instruction.
    expect(pair.reference.machine.hart[Hart.MCAUSE]).toBe(1);
    expect(pair.reference.machine.hart[Hart.TRAP_CAUSE]).toBe(2);
  });

  it("wherever runs end", () => {
    // A jump to address 64, where nothing is, and a handler whose only instruction is illegal.
    const [MTVEC, ILLEGAL] = [0x305, 2];
    const words = Int32Array.from([
      a.auipc(5, 0),
      a.addi(5, 5, 20),
      a.csr(1, 0, MTVEC, 5),
      a.addi(6, 0, 64),
      a.jalr(0, 6, 0),
      0,
    ]);
    for (const translate of [false, true]) {
      for (const budget of [1, 2, 3, 4, 5, 6]) {
        const { machine } = newSide(words, translate);
        while (machine.run(budget) === MachineStop.BUDGET);
        expect([machine.hart[Hart.MEPC], machine.hart[Hart.MTVAL]], `budget ${budget}`).toEqual([64, 64]);
        expect(machine.hart[Hart.TRAP_CAUSE]).toBe(ILLEGAL);
      }
    }
  });
});
