/** RV32I and M: what each instruction makes of values at which carries, signs and shifts turn. */
import { RAM_BASE } from "../../../emulator/memory/map.ts";
import * as asm from "../../hostile/assembler.ts";
import { type Case, type CaseGroup, type CaseProgram, DATA } from "../case.ts";
import { DEFINITIONS, type Definition, low32 } from "../definitions.ts";

const [A0, A1, A2, A3] = [10, 11, 12, 13] as const;

/** Pairs of operands. */
const PAIRS: readonly (readonly [number, number])[] = [
  [0, 0],
  [1, -1],
  [-1, 1],
  [5, 3],
  [-7, 2],
  [7, -2],
  [0x7fff_ffff, 1],
  [-0x8000_0000, -1],
  [-0x8000_0000, 0],
  [0x1234_5678, 31],
  [-0x1234_5678, 33],
  [-1, -1],
  [0x0000_ffff, 0x7fff_0000],
];

/** A register operation, with its operands in other registers, in its own, and with x0 as its target. */
export function registerCase(name: string, encode: RegisterEncoder, definition: Definition): Case {
  return {
    name,
    write: (p) => {
      for (const [a, b] of PAIRS)
        p.li(A0, a)
          .li(A1, b)
          .words(encode(A2, A0, A1))
          .send(A2);
      for (const [a, b] of PAIRS)
        p.li(A0, a)
          .li(A1, b)
          .words(encode(A1, A0, A1))
          .send(A1);
      p.li(A0, 5)
        .words(encode(A0, A0, A0))
        .send(A0)
        .words(encode(0, A1, A1))
        .send(0);
    },
    expected: [
      ...PAIRS.map(([a, b]) => low32(definition(a, b))),
      ...PAIRS.map(([a, b]) => low32(definition(a, b))),
      low32(definition(5, 5)),
      0,
    ],
  };
}
export type RegisterEncoder = (rd: number, rs1: number, rs2: number) => number;

/** An operation on a register and a constant, which `definition` is given as its second operand. */
export function immediateCase(
  name: string,
  immediates: readonly number[],
  encode: (rd: number, rs1: number, immediate: number) => number,
  definition: Definition,
): Case {
  const operands = PAIRS.map(([a]) => a).flatMap((a) => immediates.map((b) => [a, b] as const));
  return {
    name,
    write: (p) => {
      for (const [a, b] of operands)
        p.li(A0, a)
          .words(encode(A2, A0, b))
          .send(A2);
      p.li(A0, 9)
        .words(encode(A0, A0, immediates[0] ?? 0))
        .send(A0);
    },
    expected: [
      ...operands.map(([a, b]) => low32(definition(a, b))),
      low32(definition(9, immediates[0] ?? 0)),
    ],
  };
}

const IMMEDIATES: readonly number[] = [0, 1, -1, 2047, -2048];
const AMOUNTS: readonly number[] = [0, 1, 15, 31];
const TWINS = { addi: "add", slti: "slt", sltiu: "sltu", xori: "xor", ori: "or", andi: "and" } as const;
const SHIFT_TWINS = { slli: "sll", srli: "srl", srai: "sra" } as const;

const registerCases = (names: readonly asm.RMnemonic[]): readonly Case[] =>
  names.map((name) => registerCase(name, (rd, rs1, rs2) => asm.r(name, rd, rs1, rs2), DEFINITIONS[name]));

/** Bytes in memory, and what each load makes of them; -128 and 0x80 tell signed from unsigned. */
const STORED = 0x80f0_7f81 | 0;
const LOADS: readonly (readonly [asm.LoadMnemonic, offset: number, value: number])[] = [
  ["lb", 0, -127],
  ["lb", 1, 0x7f],
  ["lb", 3, -128],
  ["lbu", 0, 0x81],
  ["lbu", 3, 0x80],
  ["lh", 0, 0x7f81],
  ["lh", 2, -0x7f10],
  ["lhu", 0, 0x7f81],
  ["lhu", 2, 0x80f0],
  ["lw", 0, STORED],
];

const memoryCases: readonly Case[] = [
  ...(["lb", "lbu", "lh", "lhu", "lw"] as const).map((name): Case => {
    const loads = LOADS.filter(([mnemonic]) => mnemonic === name);
    return {
      name,
      write: (p) => {
        p.li(A0, DATA)
          .li(A1, STORED)
          .words(asm.store("sw", A1, 0, A0));
        for (const [, offset] of loads) p.words(asm.load(name, A2, offset, A0)).send(A2);
        // Down from behind, and into its own base.
        p.words(asm.i("addi", A0, A0, 2047), asm.load(name, A0, -2047, A0)).send(A0);
      },
      expected: [...loads.map(([, , value]) => value), loads.find(([, offset]) => offset === 0)?.[2] ?? 0],
    };
  }),
  ...(["sb", "sh", "sw"] as const).map((name): Case => {
    const step = { sb: 1, sh: 2, sw: 4 }[name];
    return {
      name: `${name}, and what lies beside`,
      write: (p) => {
        p.li(A0, DATA).li(A1, -1).li(A2, 0x1122_3344);
        for (const at of [0, 4, 8]) p.words(asm.store("sw", A1, at, A0));
        p.words(asm.store(name, A2, 4, A0), asm.store(name, 0, 4 + step, A0));
        for (const at of [0, 4, 8]) p.words(asm.load("lw", A3, at, A0)).send(A3);
      },
      expected: {
        sb: [-1, 0xffff_0044, -1],
        sh: [-1, 0x0000_3344, -1],
        sw: [-1, 0x1122_3344, 0],
      }[name],
    };
  }),
  {
    name: "misaligned loads and stores are done",
    write: (p) => {
      p.li(A0, DATA)
        .li(A1, 0x1122_3344)
        .words(asm.store("sw", A1, 1, A0));
      for (const at of [0, 4]) p.words(asm.load("lw", A2, at, A0)).send(A2);
      p.words(asm.load("lw", A2, 1, A0))
        .send(A2)
        .words(asm.load("lhu", A2, 3, A0))
        .send(A2);
    },
    expected: [0x2233_4400, 0x0000_0011, 0x1122_3344, 0x0000_1122],
  },
];

/** Sends 1 if the branch was taken, else 2. */
function tellBranch(p: CaseProgram, name: asm.BranchMnemonic, index: number): void {
  p.words(asm.i("addi", A2, 0, 1)).branch(name, A0, A1, `taken${index}`);
  p.words(asm.i("addi", A2, 0, 2))
    .label(`taken${index}`)
    .send(A2);
}

const BRANCHES: Readonly<Record<asm.BranchMnemonic, (a: number, b: number) => boolean>> = {
  beq: (a, b) => a === b,
  bne: (a, b) => a !== b,
  blt: (a, b) => a < b,
  bge: (a, b) => a >= b,
  bltu: (a, b) => a >>> 0 < b >>> 0,
  bgeu: (a, b) => a >>> 0 >= b >>> 0,
};

const branchCases: readonly Case[] = asm.BRANCH_MNEMONICS.map((name) => ({
  name: `${name}, forward and back`,
  write: (p) => {
    PAIRS.forEach(([a, b], index) => {
      p.li(A0, a).li(A1, b);
      tellBranch(p, name, index);
    });
    // Back, over the operands that made it go forward: taken once.
    p.li(A0, 0).li(A1, 0).li(A3, 0).jal(0, "test").label("back");
    p.words(asm.i("addi", A3, A3, 1))
      .li(A0, 1)
      .li(A1, 0)
      .label("test");
    p.words(asm.i("addi", A2, A3, -1))
      .branch("beq", A2, 0, "done")
      .branch(name, A0, A1, "back");
    p.label("done").send(A3);
  },
  expected: [...PAIRS.map(([a, b]) => (BRANCHES[name](a | 0, b | 0) ? 1 : 2)), BRANCHES[name](0, 0) ? 1 : 0],
}));

const jumpCases: readonly Case[] = [
  {
    name: "lui",
    write: (p) => {
      p.words(asm.lui(A0, 0x1234_5000), asm.lui(A1, -4096)).send(A0).send(A1);
    },
    expected: [0x1234_5000, -4096],
  },
  {
    name: "auipc",
    write: (p) => {
      p.align(4).label("here").words(asm.auipc(A0, 0), asm.auipc(A1, -4096));
      p.la(A2, "here")
        .words(asm.r("sub", A0, A0, A2), asm.r("sub", A1, A1, A2))
        .send(A0)
        .send(A1);
    },
    expected: [0, 4 - 4096],
  },
  {
    name: "jal links and jumps both ways",
    write: (p) => {
      p.la(A1, "first").label("first").jal(A0, "ahead");
      p.label("behind")
        .words(asm.r("sub", A2, A2, A1))
        .send(A2)
        .jal(0, "done");
      p.label("ahead")
        .words(asm.r("sub", A0, A0, A1))
        .send(A0)
        .jal(A2, "behind")
        .label("done");
    },
    expected: [4, 9 * 4],
  },
  {
    name: "jalr drops the lowest bit, and takes its target before it links",
    write: (p) => {
      p.la(A0, "odd")
        .words(asm.jalr(A0, A0, 1), asm.i("addi", A3, 0, 1))
        .label("odd");
      p.la(A1, "odd")
        .words(asm.r("sub", A0, A0, A1))
        .send(A0)
        .send(A3);
    },
    expected: [-4, 0],
  },
  {
    name: "fence and fence.i, whatever their fields hold",
    write: (p) => {
      p.words(asm.FENCE, 0x8330_000f, asm.FENCE_I, asm.FENCE_I | (3 << 15) | (3 << 7)).send(0);
    },
    expected: [0],
  },
  {
    name: "code that was stored is executed after fence.i",
    write: (p) => {
      p.la(A0, "patched")
        .li(A1, asm.i("addi", A2, 0, 42))
        .li(A3, 2)
        .label("again");
      p.label("patched")
        .words(asm.i("addi", A2, 0, 7))
        .send(A2);
      p.words(asm.store("sw", A1, 0, A0), asm.FENCE_I, asm.i("addi", A3, A3, -1));
      p.branch("bne", A3, 0, "again");
    },
    expected: [7, 42],
  },
  {
    name: "the program begins where RAM does, with all else at 0",
    write: (p) => {
      p.words(asm.auipc(A0, 0))
        .label("here")
        .la(A1, "here")
        .words(asm.r("sub", A0, A1, A0))
        .send(A0);
      p.li(A1, RAM_BASE + 0x7_0000)
        .words(asm.load("lw", A2, 0, A1))
        .send(A2);
    },
    expected: [4, 0],
  },
];

const M_NAMES: readonly asm.RMnemonic[] = ["mul", "mulh", "mulhsu", "mulhu", "div", "divu", "rem", "remu"];

export const INTEGER: CaseGroup = {
  name: "RV32I",
  cases: [
    ...registerCases(asm.R_MNEMONICS.filter((name) => !M_NAMES.includes(name))),
    ...asm.I_MNEMONICS.map((name) =>
      immediateCase(name, IMMEDIATES, (rd, rs1, imm) => asm.i(name, rd, rs1, imm), DEFINITIONS[TWINS[name]]),
    ),
    ...asm.SHIFT_MNEMONICS.map((name) =>
      immediateCase(
        name,
        AMOUNTS,
        (rd, rs1, amount) => asm.shift(name, rd, rs1, amount),
        DEFINITIONS[SHIFT_TWINS[name]],
      ),
    ),
    ...memoryCases,
    ...branchCases,
    ...jumpCases,
  ],
};

export const MULTIPLICATION: CaseGroup = { name: "M", cases: registerCases(M_NAMES) };
