/** Register operations against their definition over whole numbers (BigInt). */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { RAM_BASE } from "../../../emulator/memory/map.ts";
import {
  BIT_DEFINITIONS,
  BIT_IMMEDIATE_DEFINITIONS,
  DEFINITIONS,
  low32,
  UNARY_DEFINITIONS,
} from "../../../scripts/conformance/definitions.ts";
import * as asm from "../support/assembler.ts";
import { A0, A1, A2, inRam, S0 } from "../support/machines.ts";

const TWO_31 = 1n << 31n;

/** Values at which carries, signs and shifts turn, and any others. */
const word = fc.oneof(
  fc.constantFrom(0, 1, 2, -1, -2, 31, 32, 0x7fff_ffff, -0x8000_0000, 0xffff, 0x10000, -0x10000),
  fc.integer(),
);

describe("register-register operations", () => {
  it.each(asm.R_MNEMONICS)("%s, any two words", (name) => {
    const f = inRam(new asm.Program().words(asm.r(name, A2, A0, A1), asm.r(name, S0, A0, A0)));
    fc.assert(
      fc.property(word, word, (a, b) => {
        f.setX(A0, a);
        f.setX(A1, b);
        f.machine.hart[33] = RAM_BASE | 0;
        f.machine.run(2);
        expect(f.x(A2)).toBe(low32(DEFINITIONS[name](a, b)));
        expect(f.x(S0)).toBe(low32(DEFINITIONS[name](a, a)));
      }),
    );
  });
  it("the overflowing quotient is the dividend, its remainder 0", () => {
    expect(low32(DEFINITIONS.div(-0x8000_0000, -1))).toBe(Number(-TWO_31));
    const f = inRam(new asm.Program().words(asm.r("div", A2, A0, A1), asm.r("rem", S0, A0, A1)));
    f.setX(A0, -0x8000_0000);
    f.setX(A1, -1);
    f.machine.run(2);
    expect(f.x(A2)).toBe(-0x8000_0000);
    expect(f.x(S0)).toBe(0);
  });
});

describe("register-immediate operations are the register operation with the sign-extended immediate", () => {
  const twin = { addi: "add", slti: "slt", sltiu: "sltu", xori: "xor", ori: "or", andi: "and" } as const;
  it.each(asm.I_MNEMONICS)("%s", (name) => {
    fc.assert(
      fc.property(word, fc.integer({ min: -2048, max: 2047 }), (a, imm) => {
        const f = inRam(new asm.Program().words(asm.i(name, A2, A0, imm)));
        f.setX(A0, a);
        f.machine.run(1);
        expect(f.x(A2)).toBe(low32(DEFINITIONS[twin[name]](a, imm)));
      }),
      { numRuns: 40 },
    );
  });
  const shiftTwin = { slli: "sll", srli: "srl", srai: "sra" } as const;
  it.each(asm.SHIFT_MNEMONICS)("%s", (name) => {
    fc.assert(
      fc.property(word, fc.integer({ min: 0, max: 31 }), (a, amount) => {
        const f = inRam(new asm.Program().words(asm.shift(name, A2, A0, amount)));
        f.setX(A0, a);
        f.machine.run(1);
        expect(f.x(A2)).toBe(low32(DEFINITIONS[shiftTwin[name]](a, amount)));
      }),
      { numRuns: 40 },
    );
  });
});

describe("bit manipulation", () => {
  it.each(asm.BIT_MNEMONICS)("%s, any two words", (name) => {
    const f = inRam(new asm.Program().words(asm.bit(name, A2, A0, A1), asm.bit(name, A0, A0, A0)));
    fc.assert(
      fc.property(word, word, (a, b) => {
        f.setX(A0, a);
        f.setX(A1, b);
        f.machine.hart[33] = RAM_BASE | 0;
        f.machine.run(2);
        expect(f.x(A2)).toBe(low32(BIT_DEFINITIONS[name](a, b)));
        expect(f.x(A0)).toBe(low32(BIT_DEFINITIONS[name](a, a)));
      }),
    );
  });
  it.each(asm.BIT_IMMEDIATE_MNEMONICS)("%s, any word and number", (name) => {
    fc.assert(
      fc.property(word, fc.integer({ min: 0, max: 31 }), (a, number) => {
        const f = inRam(new asm.Program().words(asm.bitImmediate(name, A2, A0, number)));
        f.setX(A0, a);
        f.machine.run(1);
        expect(f.x(A2)).toBe(low32(BIT_IMMEDIATE_DEFINITIONS[name](a, number)));
      }),
      { numRuns: 40 },
    );
  });
  it.each(asm.UNARY_MNEMONICS)("%s, any word", (name) => {
    const f = inRam(new asm.Program().words(asm.unary(name, A2, A0), asm.unary(name, A0, A0)));
    fc.assert(
      fc.property(word, (a) => {
        f.setX(A0, a);
        f.machine.hart[33] = RAM_BASE | 0;
        f.machine.run(2);
        expect(f.x(A2)).toBe(low32(UNARY_DEFINITIONS[name](a)));
        expect(f.x(A0)).toBe(low32(UNARY_DEFINITIONS[name](a)));
      }),
    );
  });
});

it("lui and auipc, the latter relative to its own address", () => {
  const f = inRam(new asm.Program().words(asm.NOP, asm.auipc(A0, 0x1_2000), asm.lui(A1, -4096)));
  f.machine.run(3);
  expect(f.x(A0)).toBe((RAM_BASE + 4 + 0x1_2000) | 0);
  expect(f.x(A1)).toBe(-4096);
});

it("x0 stays 0, whatever writes to it", () => {
  const f = inRam(
    new asm.Program().words(
      asm.i("addi", 0, 0, 5),
      asm.lui(0, 0x1000),
      asm.r("mul", 0, A0, A0),
      asm.load("lw", 0, 0, A1),
      asm.jal(0, 4),
      asm.csr("csrrs", 0, asm.MISA, 0),
      asm.i("addi", A2, 0, 7),
    ),
  );
  f.setX(A0, 3);
  f.setX(A1, RAM_BASE | 0);
  f.machine.run(7);
  expect(f.x(0)).toBe(0);
  expect(f.x(A2)).toBe(7);
});
