/**
 * What needs a second look gets it in translated code as in the interpreter: random rules of PMP, accesses of all kinds and
 * alignments near and across them, mode changes, wherever runs end.
 */
import fc from "fast-check";
import { expect, it } from "vitest";
import { Hart } from "../../../controller/cpu/hart.ts";
import { MachineStop } from "../../../controller/machine.ts";
import * as asm from "../support/assembler.ts";
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

it("translated code has nothing of code that may not be executed: a loop calls a function that a rule locks away", () => {
  const [T0, A0, A1, A2] = [5, 10, 11, 12];
  const [PMPCFG0, PMPADDR0] = [0x3a0, 0x3b0];
  const ROUNDS_CALLED = 300;
  const program = new asm.Program().la(T0, "handler").words(asm.csr("csrrw", 0, asm.MTVEC, T0));
  // The 64 bytes of the function, once it has been called and translated.
  program
    .words(asm.i("addi", A0, 0, ROUNDS_CALLED))
    .label("before")
    .jal(1, "locked");
  program.words(asm.i("addi", A0, A0, -1)).branch("bne", A0, 0, "before");
  program.la(T0, "locked").words(asm.shift("srli", T0, T0, 2), asm.i("ori", T0, T0, 7));
  program.words(
    asm.csr("csrrw", 0, PMPADDR0, T0),
    asm.i("addi", T0, 0, 0x99),
    asm.csr("csrrw", 0, PMPCFG0, T0),
  );
  program
    .words(asm.i("addi", A0, 0, ROUNDS_CALLED))
    .label("after")
    .jal(1, "locked");
  program
    .words(asm.i("addi", A0, A0, -1))
    .branch("bne", A0, 0, "after")
    .label("end")
    .jal(0, "end");
  program
    .align(4)
    .label("handler")
    .words(asm.i("addi", A2, A2, 1), asm.csr("csrrw", 0, asm.MEPC, 1), asm.MRET);
  program
    .align(64)
    .label("locked")
    .words(asm.i("addi", A1, A1, 1), asm.jalr(0, 1, 0))
    .align(64);
  const code = program.bytes();
  const pair = newPair(new Int32Array(code.buffer, 0, code.length >>> 2));
  expect(lockstep(pair, 1, 5_000, "a locked function")).toBe(MachineStop.BUDGET);
  const { machine, engine } = pair.translated;
  expect([machine.hart[Hart.X + A1], machine.hart[Hart.X + A2]]).toEqual([ROUNDS_CALLED, ROUNDS_CALLED]);
  expect(engine?.stats().retiredTranslated).toBeGreaterThan(1_000);
});
