/** A: read-modify-write, and the reservation. */
import * as asm from "../../hostile/assembler.ts";
import { type Case, type CaseGroup, DATA } from "../case.ts";

const [A0, A1, A2, A3] = [10, 11, 12, 13] as const;

type Amo = Exclude<asm.AmoMnemonic, "lr.w" | "sc.w">;

const PAIRS: readonly (readonly [inMemory: number, operand: number])[] = [
  [5, 3],
  [-1, 1],
  [0x7fff_ffff, 1],
  [-0x8000_0000, 1],
  [0x0f0f_0f0f, 0x00ff_00ff],
];

const AFTER: Readonly<Record<Amo, (inMemory: number, operand: number) => number>> = {
  "amoswap.w": (_, b) => b,
  "amoadd.w": (a, b) => a + b,
  "amoxor.w": (a, b) => a ^ b,
  "amoand.w": (a, b) => a & b,
  "amoor.w": (a, b) => a | b,
  "amomin.w": Math.min,
  "amomax.w": Math.max,
  "amominu.w": (a, b) => Math.min(a >>> 0, b >>> 0),
  "amomaxu.w": (a, b) => Math.max(a >>> 0, b >>> 0),
};

const isAmo = (name: asm.AmoMnemonic): name is Amo => name !== "lr.w" && name !== "sc.w";

const amoCases = asm.AMO_MNEMONICS.filter(isAmo).map(
  (name): Case => ({
    name: `${name} gives what was there and stores what it must`,
    write: (p) => {
      p.li(A0, DATA);
      for (const [inMemory, operand] of PAIRS) {
        p.li(A1, inMemory)
          .li(A2, operand)
          .words(asm.store("sw", A1, 0, A0), asm.amo(name, A3, A2, A0))
          .send(A3);
        p.words(asm.load("lw", A3, 0, A0)).send(A3);
      }
    },
    expected: PAIRS.flatMap(([a, b]) => [a, AFTER[name](a, b)]),
  }),
);

const reservationCases: readonly Case[] = [
  {
    name: "sc.w stores after lr.w of the same word, once",
    write: (p) => {
      p.li(A0, DATA)
        .li(A1, 11)
        .li(A2, 22)
        .words(asm.store("sw", A1, 0, A0));
      p.words(asm.amo("lr.w", A3, 0, A0))
        .send(A3)
        .words(asm.amo("sc.w", A3, A2, A0))
        .send(A3);
      p.words(asm.amo("sc.w", A3, A1, A0), asm.r("sltu", A3, 0, A3)).send(A3);
      p.words(asm.load("lw", A3, 0, A0)).send(A3);
    },
    expected: [11, 0, 1, 22],
  },
  {
    name: "sc.w without a reservation, or with that of another word, stores nothing",
    write: (p) => {
      p.li(A0, DATA)
        .li(A1, 11)
        .li(A2, DATA + 64)
        .words(asm.store("sw", A1, 0, A0));
      p.words(asm.amo("sc.w", A3, A2, A0), asm.r("sltu", A3, 0, A3)).send(A3);
      p.words(asm.amo("lr.w", A3, 0, A2), asm.amo("sc.w", A3, A2, A0), asm.r("sltu", A3, 0, A3)).send(A3);
      p.words(asm.load("lw", A3, 0, A0)).send(A3);
    },
    expected: [1, 1, 11],
  },
];

export const ATOMIC: CaseGroup = { name: "A", cases: [...amoCases, ...reservationCases] };
