/** Without C: a computed jump to no multiple of four is left to the interpreter as if nothing of it had been done. */
import { describe, expect, it } from "vitest";
import { BARE_BOARD, type BoardPlan } from "../../../controller/boards.ts";
import { Cause } from "../../../controller/cpu/engine.ts";
import { Hart } from "../../../controller/cpu/hart.ts";
import { Extension } from "../../../controller/cpu/isa.ts";
import * as asm from "../../../scripts/hostile/assembler.ts";
import { CODE_BASE, newPair, type Pair, runBoth } from "./harness.ts";

const BOARD: BoardPlan = {
  ...BARE_BOARD,
  extensions: BARE_BOARD.extensions & ~(Extension.C | Extension.ZCB),
};
const [RA, T0, A0, A1, A2] = [1, 5, 10, 11, 12] as const;
const HANDLER = "handler";

function pairOf(program: asm.Program): Pair {
  program.label(HANDLER).jal(0, HANDLER);
  const pair = newPair(new Int32Array(program.bytes().buffer), BOARD);
  for (const { machine } of [pair.reference, pair.translated]) {
    machine.hart[Hart.MTVEC] = CODE_BASE + program.offsetOf(HANDLER);
    machine.hart[Hart.X + A0] = CODE_BASE;
    for (const register of [RA, T0, A1]) machine.hart[Hart.X + register] = CODE_BASE + 2;
  }
  return pair;
}

describe("its registers are what they were, though only one of two ways to it wrote them", () => {
  it.each([
    ["a call", RA, A0, 2],
    ["a call by the other link register", T0, A0, 2],
    ["a jump that links elsewhere", A1, A0, 2],
    ["a jump", 0, A1, 0],
    ["a return", 0, RA, 0],
  ])("%s", (_, link, target, offset) => {
    const written = [RA, T0, A1].filter((register) => register !== target);
    const program = new asm.Program()
      .branch("beq", A2, 0, "jump")
      .words(...written.map((register) => asm.i("addi", register, 0, 1)))
      .label("jump")
      .words(asm.jalr(link, target, offset));
    const pair = pairOf(program);
    runBoth(pair, 20, "jump");
    const { hart } = pair.translated.machine;
    expect(hart[Hart.MCAUSE]).toBe(Cause.INSTRUCTION_MISALIGNED);
    expect(hart[Hart.MTVAL]).toBe((CODE_BASE + 2) | 0);
    expect(hart[Hart.MEPC]).toBe((CODE_BASE + program.offsetOf("jump")) | 0);
    expect([RA, T0, A1].map((register) => hart[Hart.X + register])).toEqual(
      [0, 0, 0].map(() => (CODE_BASE + 2) | 0),
    );
    expect(pair.translated.engine?.stats().exitsInterpret).toBeGreaterThan(0);
  });
});

it("a return of a function that is written out in its caller is compared, too", () => {
  const program = new asm.Program()
    .jal(RA, "callee")
    .words(asm.NOP)
    .label("callee")
    .words(asm.i("addi", RA, RA, 2), asm.jalr(0, RA, 0));
  const pair = pairOf(program);
  runBoth(pair, 20, "return");
  expect(pair.translated.machine.hart[Hart.MTVAL]).toBe((CODE_BASE + 6) | 0);
});
