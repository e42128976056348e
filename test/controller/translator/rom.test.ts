/**
 * A board may have executable ranges of its own: code there, calls between it and RAM, its constants and its end are the
 * same to both engines, and no store changes it.
 */
import { describe, expect, it } from "vitest";
import { BARE_BOARD, type BoardPlan } from "../../../controller/boards.ts";
import { Cause } from "../../../controller/cpu/engine.ts";
import { Hart } from "../../../controller/cpu/hart.ts";
import { MachineStop } from "../../../controller/machine.ts";
import { add, addi, bne, ebreak, jal, jalr, lui, lw, ret, sw } from "../../../scripts/hostile/assemble.ts";
import { LAYOUT, lockstep, newPair, type Pair, runBoth } from "./harness.ts";

const ROM_BASE = 0x4000_0000;
const ROM_BYTES = 4096;
const ROM_OFFSET = LAYOUT.regions[1] as number;
const BOARD: BoardPlan = {
  ...BARE_BOARD,
  memory: () => [{ base: ROM_BASE, bytes: ROM_BYTES, offset: ROM_OFFSET, kind: "rom" }],
};
const [T0, T1, S0, S1, A0] = [5, 6, 8, 9, 10];
const ROUNDS = 500;
const CONSTANT = 0x1234_5677;

/** Adds the ROM's constant to a0, then a0 to s1, 3 times. */
const ROM = [
  lui(T0, ROM_BASE >>> 12),
  lw(T0, T0, 64),
  addi(T1, 0, 3),
  add(A0, A0, T0),
  add(S1, S1, A0),
  addi(T1, T1, -1),
  bne(T1, 0, -12),
  ret,
];

/** Calls the ROM in a loop, then does what `last` says. */
function calling(...last: number[]): Int32Array {
  return Int32Array.from([
    addi(S0, 0, ROUNDS),
    lui(12, ROM_BASE >>> 12),
    jalr(1, 12, 0),
    addi(S0, S0, -1),
    bne(S0, 0, -8),
    ...last,
  ]);
}

function pairWith(program: Int32Array): Pair {
  const pair = newPair(program, BOARD);
  for (const { machine } of [pair.reference, pair.translated]) {
    machine.space.words.set(ROM, ROM_OFFSET >>> 2);
    machine.space.words[(ROM_OFFSET + 64) >>> 2] = CONSTANT;
  }
  return pair;
}

function untilTrapLoop(pair: Pair): Int32Array {
  const stop = lockstep(pair, 1, 200_000, "a program that calls ROM");
  expect(stop).toBe(MachineStop.STOPPED);
  return pair.reference.machine.hart;
}

describe("a board's executable ROM", () => {
  it("is executed, called from RAM, by interpreter and translator alike", () => {
    const pair = pairWith(calling(jal(0, 0)));
    runBoth(pair, 100_000, "a program that calls ROM");
    let [sum, total] = [0, 0];
    for (let add = 0; add < ROUNDS * 3; add++) {
      sum = (sum + CONSTANT) | 0;
      total = (total + sum) | 0;
    }
    expect(pair.reference.machine.hart[Hart.X + S1]).toBe(total);
    expect(pair.translated.engine?.stats().retiredTranslated).toBeGreaterThan(50_000);
  });

  it("takes no store", () => {
    const pair = pairWith(calling(sw(0, 12, 64), ebreak));
    const hart = untilTrapLoop(pair);
    expect(hart[Hart.MCAUSE]).toBe(Cause.STORE_ACCESS_FAULT);
    expect(hart[Hart.MTVAL]).toBe(ROM_BASE + 64);
    for (const { machine } of [pair.reference, pair.translated]) {
      expect(machine.space.words[(ROM_OFFSET + 64) >>> 2]).toBe(CONSTANT);
    }
  });

  it("ends where its range ends", () => {
    const pair = pairWith(calling(lui(T0, (ROM_BASE + ROM_BYTES) >>> 12), jalr(0, T0, -4)));
    for (const { machine } of [pair.reference, pair.translated]) {
      machine.space.words[(ROM_OFFSET + ROM_BYTES - 4) >>> 2] = addi(A0, 0, 7);
    }
    const hart = untilTrapLoop(pair);
    expect(hart[Hart.X + A0]).toBe(7);
    expect(hart[Hart.MCAUSE]).toBe(Cause.INSTRUCTION_ACCESS_FAULT);
    expect(hart[Hart.MEPC]).toBe(ROM_BASE + ROM_BYTES);
  });
});
