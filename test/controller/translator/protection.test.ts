/**
 * What needs a second look gets it in translated code as in the interpreter: random rules of PMP, accesses of all kinds and
 * alignments near and across them, mode changes, wherever runs end.
 */
import fc from "fast-check";
import { expect, it } from "vitest";
import { MachineStop } from "../../../controller/machine.ts";
import { pmpProgram } from "../support/pmp-program.ts";
import { lockstep, newPair } from "./harness.ts";

const SEED = fc.integer({ min: 1, max: 2 ** 30 });
const ROUNDS = 24;

it.each([false, true])("protected memory is the same to both engines, with Smepmp's bits: %s", (smepmp) => {
  let retiredTranslated = 0;
  fc.assert(
    fc.property(SEED, SEED, (seed, budgetSeed) => {
      const code = pmpProgram(seed, ROUNDS, { smepmp, beyondQemu: true });
      const pair = newPair(new Int32Array(code.buffer, 0, code.length >>> 2));
      const stop = lockstep(pair, budgetSeed, 60_000, `seed ${seed}`);
      expect([MachineStop.BUDGET, MachineStop.STOPPED]).toContain(stop);
      retiredTranslated += pair.translated.engine?.stats().retiredTranslated ?? 0;
    }),
    { numRuns: 25 },
  );
  expect(retiredTranslated, "translated code must have run").toBeGreaterThan(100_000);
});
