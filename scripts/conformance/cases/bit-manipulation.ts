/** Zba, Zbb, Zbc and Zbs. */
import * as asm from "../../hostile/assembler.ts";
import type { Case, CaseGroup } from "../case.ts";
import { BIT_DEFINITIONS, BIT_IMMEDIATE_DEFINITIONS, low32, UNARY_DEFINITIONS } from "../definitions.ts";
import { immediateCase, registerCase } from "./integer.ts";

const [A0, A1, A2] = [10, 11, 12] as const;
const AMOUNTS: readonly number[] = [0, 1, 7, 31];
/** Words at which counts, bytes and signs turn. */
const WORDS: readonly number[] = [
  0,
  1,
  -1,
  -0x8000_0000,
  0x7fff_ffff,
  0x80,
  0x7f,
  0x8000,
  0x0100,
  0x0001_0000,
  0x1234_5678,
  0x80ff_0100 | 0,
];

const registers = (...names: readonly asm.BitMnemonic[]): readonly Case[] =>
  names.map((name) =>
    registerCase(name, (rd, rs1, rs2) => asm.bit(name, rd, rs1, rs2), BIT_DEFINITIONS[name]),
  );

const immediates = (...names: readonly asm.BitImmediateMnemonic[]): readonly Case[] =>
  names.map((name) =>
    immediateCase(
      name,
      AMOUNTS,
      (rd, rs1, amount) => asm.bitImmediate(name, rd, rs1, amount),
      BIT_IMMEDIATE_DEFINITIONS[name],
    ),
  );

const unaries = (...names: readonly asm.UnaryMnemonic[]): readonly Case[] =>
  names.map((name) => ({
    name,
    write: (p) => {
      for (const word of WORDS)
        p.li(A0, word)
          .words(asm.unary(name, A2, A0))
          .send(A2);
      p.li(A1, 0x81)
        .words(asm.unary(name, A1, A1), asm.unary(name, 0, A0))
        .send(A1)
        .send(0);
    },
    expected: [...WORDS, 0x81].map((word) => low32(UNARY_DEFINITIONS[name](word))).concat(0),
  }));

export const BIT_MANIPULATION: readonly CaseGroup[] = [
  { name: "Zba", cases: registers("sh1add", "sh2add", "sh3add") },
  {
    name: "Zbb",
    cases: [
      ...registers("andn", "orn", "xnor", "max", "maxu", "min", "minu", "rol", "ror"),
      ...immediates("rori"),
      ...unaries(...asm.UNARY_MNEMONICS),
    ],
  },
  { name: "Zbc", cases: registers("clmul", "clmulh", "clmulr") },
  {
    name: "Zbs",
    cases: [...registers("bclr", "bext", "binv", "bset"), ...immediates("bclri", "bexti", "binvi", "bseti")],
  },
];
