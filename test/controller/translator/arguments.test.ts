/**
 * Registers across calls inside a unit: whether a function reads a register, writes it or leaves it alone decides
 * whether it is passed by value, stored first or kept, in its callers as in itself. Every combination of that in a chain
 * of four functions, in lockstep with the interpreter.
 */
import { describe, expect, it } from "vitest";
import { MachineStop } from "../../../controller/machine.ts";
import * as a from "../../../scripts/hostile/assemble.ts";
import { randomProgram } from "../../../scripts/hostile/random-program.ts";
import { Program } from "../support/assembler.ts";
import { RA } from "../support/machines.ts";
import { lockstep, newPair } from "./harness.ts";

/** What a stretch of code does to a register. */
type Use = "nothing" | "reads" | "writes";
const USES: readonly Use[] = ["nothing", "reads", "writes"];

/** Registers that are passed by value if any are, and some that never are: more than a signature has room for. */
const REGISTERS = [10, 11, 12, 13, 14, 15, 16, 17, 28, 29, 30, 31] as const;
/** Where functions keep their link: whatever returns by another register than ra is not inlined. */
const [LINK_OF_F, LINK_OF_G, LINK_OF_H] = [8, 9, 19];
const SUM = 18;

/** The uses by: main; f before and after its call of g; g before and after its call of h; h. */
type Combination = readonly Use[];
const STRETCHES = 6;
const ALL: readonly Combination[] = Array.from({ length: 3 ** STRETCHES }, (_, number) =>
  Array.from({ length: STRETCHES }, (_, at) => USES[Math.floor(number / 3 ** at) % 3] as Use),
);
/** Prime to their number: neighbours in one program have little in common. */
const STRIDE = 100;

function uses(combinations: readonly Combination[], stretch: number): number[] {
  return combinations.flatMap((combination, i) => {
    const register = REGISTERS[i] as number;
    if (combination[stretch] === "reads") return [a.add(SUM, SUM, register)];
    return combination[stretch] === "writes" ? [a.addi(register, register, stretch + 1)] : [];
  });
}

function programOf(combinations: readonly Combination[]): Int32Array {
  const program = new Program()
    .label("main")
    .words(...uses(combinations, 0))
    .jal(RA, "f")
    .jal(0, "main")
    .label("f")
    .words(a.addi(LINK_OF_F, RA, 0), ...uses(combinations, 1))
    .jal(RA, "g")
    .words(...uses(combinations, 2), a.jalr(0, LINK_OF_F, 0))
    .label("g")
    .words(a.addi(LINK_OF_G, RA, 0), ...uses(combinations, 3))
    .jal(RA, "h")
    .words(...uses(combinations, 4), a.jalr(0, LINK_OF_G, 0))
    .label("h")
    .words(a.addi(LINK_OF_H, RA, 0), ...uses(combinations, 5), a.jalr(0, LINK_OF_H, 0));
  const bytes = program.bytes();
  return new Int32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4);
}

describe("an argument arrives, whoever of a chain of functions reads it, writes it or only passes it on", () => {
  it("in every combination", () => {
    for (let first = 0; first < ALL.length; first += REGISTERS.length) {
      const combinations = REGISTERS.map((_, i) => ALL[((first + i) * STRIDE) % ALL.length] as Combination);
      const pair = newPair(programOf(combinations));
      const what = `registers from combination ${first}`;
      expect(lockstep(pair, first + 1, 3000, what)).toBe(MachineStop.BUDGET);
      expect(pair.translated.engine?.stats().retiredTranslated, what).toBeGreaterThan(1000);
    }
  });

  it("in functions that call each other", () => {
    const pair = newPair(randomProgram(980620474, { rare: true, selfModifying: false, wild: true }));
    lockstep(pair, 25, 10_000, "a function that passes on what it never writes");
  });
});
