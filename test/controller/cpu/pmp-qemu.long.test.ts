/** PMP, Smepmp and user mode against an independent hart: random rules and accesses end in the same traps as on QEMU. */
import { describe, expect, it } from "vitest";
import { parseElf } from "../../../controller/bare/elf.ts";
import { writeElf } from "../../../scripts/conformance/elf-writer.ts";
import { runOnEngine } from "../../../scripts/conformance/engines.ts";
import { pmpProgram } from "../support/pmp-program.ts";
import { expectQemuInCi, hasQemu, onQemu } from "../support/qemu.ts";

const SEEDS = Array.from({ length: 16 }, (_, seed) => seed + 1);
const ROUNDS = 36;

describe("random protection is the same as on QEMU", () => {
  expectQemuInCi();

  for (const smepmp of [false, true]) {
    it.runIf(hasQemu).each(SEEDS)(`${smepmp ? "with" : "without"} Smepmp's bits, seed %i`, (seed) => {
      const code = pmpProgram(seed, ROUNDS, { smepmp, beyondQemu: false });
      const source = writeElf({ code });
      const expected = onQemu(source);
      expect(expected.split("\n").filter((word) => Number.parseInt(word, 16) > 0).length).toBeGreaterThan(
        150,
      );
      const elf = parseElf(source);
      if ("error" in elf) throw new Error(elf.message);
      const interpreted = runOnEngine(elf, "interpreter");
      expect(interpreted.sent.split("\n")).toEqual(expected.split("\n"));
      const translated = runOnEngine(elf, "translator");
      expect(translated.sent).toBe(expected);
      expect(translated.translated).toBeGreaterThan(500);
    });
  }
});
