/**
 * Translated code and interpreter in lockstep: the same random program on two machines, compared whenever a
 * budget is used up. The whole hart, RAM and what the UART sent must agree, to the instruction.
 */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { lockstep, newPair } from "./harness.ts";
import { type Ingredients, randomProgram } from "./random-program.ts";

const SEED = fc.integer({ min: 1, max: 2 ** 30 });

describe("translated code and interpreter agree on registers, memory, CSRs and retired instructions", () => {
  const cases: readonly (readonly [string, Ingredients])[] = [
    ["plain code", { rare: false, selfModifying: false, wild: false }],
    ["traps, CSRs, atomics, devices and timer interrupts", { rare: true, selfModifying: false, wild: false }],
    ["jumps into the middle of instructions", { rare: true, selfModifying: false, wild: true }],
    ["code that rewrites itself", { rare: true, selfModifying: true, wild: true }],
  ];
  for (const [name, ingredients] of cases) {
    it(name, () => {
      let retiredTranslated = 0;
      fc.assert(
        fc.property(SEED, SEED, (seed, budgetSeed) => {
          const pair = newPair(randomProgram(seed, ingredients));
          lockstep(pair, budgetSeed, 10_000, `seed ${seed}`);
          retiredTranslated += pair.translated.engine?.stats().retiredTranslated ?? 0;
        }),
        { numRuns: 40 },
      );
      expect(retiredTranslated, "translated code must have run").toBeGreaterThan(10_000);
    });
  }
});
