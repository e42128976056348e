/** The hart against an independent one: random programs give the same registers, memory and traps as on QEMU. */
import { describe, expect, it } from "vitest";
import { expectQemuInCi, hasQemu, onFlipside, onQemu } from "../support/qemu.ts";
import { qemuProgram } from "../support/qemu-program.ts";

const SEEDS = Array.from({ length: 24 }, (_, seed) => seed + 1);
const PIECES = 400;

describe("random programs do the same as on QEMU", () => {
  expectQemuInCi();

  it.runIf(hasQemu).each(SEEDS)("seed %i", (seed) => {
    const elf = qemuProgram(seed, PIECES);
    const expected = onQemu(elf);
    expect(expected.split("\n").length).toBeGreaterThan(300);
    expect(onFlipside(elf)).toBe(expected);
  });

  it.runIf(hasQemu).each(SEEDS)("with triggers, seed %i", (seed) => {
    const elf = qemuProgram(seed, PIECES, { triggers: true });
    expect(onFlipside(elf)).toBe(onQemu(elf));
  });
});
