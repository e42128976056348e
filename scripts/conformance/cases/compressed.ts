/** C, as parcels; jumps and branches by encoders of their own, which scatter an offset as the manual has it. */
import * as asm from "../../hostile/assembler.ts";
import { type Case, type CaseGroup, type CaseProgram, DATA } from "../case.ts";

const [RA, SP, S0, A0, A1, A2, A3, A5] = [1, 2, 8, 10, 11, 12, 13, 15] as const;
const ILLEGAL_INSTRUCTION = 2;

/** `count` bits of an offset from bit `from` on, to stand at bit `to` of the parcel. */
const field = (offset: number, from: number, count: number, to: number): number =>
  ((offset >> from) & ((1 << count) - 1)) << to;

/** c.jal (funct3 1) and c.j (5): offset[11|4|9:8|10|6|7|3:1|5] from bit 12 on. */
const jump = (funct3: number, offset: number): number =>
  (funct3 << 13) |
  field(offset, 11, 1, 12) |
  field(offset, 4, 1, 11) |
  field(offset, 8, 2, 9) |
  field(offset, 10, 1, 8) |
  field(offset, 6, 1, 7) |
  field(offset, 7, 1, 6) |
  field(offset, 1, 3, 3) |
  field(offset, 5, 1, 2) |
  1;

/** c.beqz (funct3 6) and c.bnez (7) of one of x8 to x15: offset[8|4:3], the register, offset[7:6|2:1|5]. */
const branch = (funct3: number, register: number, offset: number): number =>
  (funct3 << 13) |
  field(offset, 8, 1, 12) |
  field(offset, 3, 2, 10) |
  ((register - 8) << 7) |
  field(offset, 6, 2, 5) |
  field(offset, 1, 2, 3) |
  field(offset, 5, 1, 2) |
  1;

/** What a parcel makes of a0, a1 being 12. */
const computes = (
  name: string,
  parcel: number,
  pairs: readonly (readonly [before: number, after: number])[],
): Case => ({
  name,
  write: (p) => {
    for (const [before] of pairs) p.li(A0, before).li(A1, 12).parcels(parcel).send(A0);
  },
  expected: pairs.map(([, after]) => after),
});

const computing: readonly Case[] = [
  computes("c.addi a0, -1", 0x157d, [
    [5, 4],
    [-0x8000_0000, 0x7fff_ffff],
  ]),
  computes("c.li a0, -32", 0x5501, [[7, -32]]),
  computes("c.lui a0, 1", 0x6505, [[7, 0x1000]]),
  computes("c.lui a0, -1", 0x757d, [[7, -0x1000]]),
  computes("c.srli a0, 3", 0x810d, [[-8, 0x1fff_ffff]]),
  computes("c.srai a0, 31", 0x857d, [
    [-8, -1],
    [8, 0],
  ]),
  computes("c.andi a0, -32", 0x9901, [[0x1234_567f, 0x1234_5660]]),
  computes("c.sub a0, a1", 0x8d0d, [[5, -7]]),
  computes("c.xor a0, a1", 0x8d2d, [[5, 9]]),
  computes("c.or a0, a1", 0x8d4d, [[5, 13]]),
  computes("c.and a0, a1", 0x8d6d, [[5, 4]]),
  computes("c.slli a0, 31", 0x057e, [[3, -0x8000_0000]]),
  computes("c.mv a0, a1", 0x852e, [[5, 12]]),
  computes("c.add a0, a1", 0x952e, [[5, 17]]),
  computes("c.nop", 0x0001, [[5, 5]]),
  {
    name: "c.addi4spn and c.addi16sp",
    write: (p) => {
      p.li(SP, 1000).parcels(0x0048).send(A0).parcels(0x1fe0).send(S0);
      p.parcels(0x7101).send(SP).parcels(0x6141).send(SP);
    },
    expected: [1004, 2020, 488, 504],
  },
];

const accessing: readonly Case[] = [
  {
    name: "c.sw a1, 124(a2) and c.lw a5, 4(a0)",
    write: (p) => {
      p.li(A2, DATA)
        .li(A1, 0x1234_5678)
        .parcels(0xde6c)
        .li(A0, DATA + 120)
        .parcels(0x415c)
        .send(A5);
    },
    expected: [0x1234_5678],
  },
  {
    name: "c.swsp a0, 252(sp) and c.lwsp a0, 252(sp)",
    write: (p) => {
      p.li(SP, DATA).li(A0, 0x1234_5678).parcels(0xdfaa).li(A0, 0).parcels(0x557e).send(A0);
      p.words(asm.load("lw", A1, 252, SP)).send(A1);
    },
    expected: [0x1234_5678, 0x1234_5678],
  },
];

/** c.li a3, 1, which is to be jumped over, or not. */
const MARK = 0x4685;

/** Over one parcel, forward, from a distance, and back to what goes on behind. */
function jumpsFar(p: CaseProgram, over: number, parcelOf: (offset: number) => number): void {
  p.li(A3, 0).parcels(parcelOf(2 * over + 2));
  p.parcels(...Array.from({ length: over }, () => MARK)).send(A3);
}

const jumping: readonly Case[] = [
  {
    name: "c.j, over a few parcels, and as far as it goes",
    write: (p) => {
      for (const over of [0, 1, 7, 8, 100, 255, 512, 1022]) jumpsFar(p, over, (offset) => jump(5, offset));
      // Ahead, back, and ahead over that.
      p.parcels(jump(5, 6), jump(5, 8), MARK, jump(5, -4), MARK).send(A3);
    },
    expected: [0, 0, 0, 0, 0, 0, 0, 0, 0],
  },
  {
    name: "c.jal links behind itself",
    write: (p) => {
      p.align(4).la(A0, "here").label("here").parcels(jump(1, 4), MARK);
      p.words(asm.r("sub", RA, RA, A0)).send(RA);
    },
    expected: [2],
  },
  {
    name: "c.jr a0, and c.jalr a0, which links behind itself",
    write: (p) => {
      p.li(A3, 0).la(A0, "first").parcels(0x8502, MARK).label("first").send(A3);
      p.la(A0, "second").la(A1, "call").label("call").parcels(0x9502, MARK).label("second").send(A3);
      p.words(asm.r("sub", RA, RA, A1)).send(RA);
    },
    expected: [0, 0, 2],
  },
];

const branching = ([funct3, name, taken]: readonly [number, string, boolean]): Case => ({
  name: `${name}, taken and not, over a few parcels and as far as it goes`,
  write: (p) => {
    for (const value of [0, 1, -0x8000_0000]) {
      for (const over of [1, 4, 15, 16, 63, 126]) {
        p.li(A0, value);
        jumpsFar(p, over, (offset) => branch(funct3, A0, offset));
      }
    }
  },
  expected: [0, 1, -0x8000_0000].flatMap((value) =>
    Array.from({ length: 6 }, () => ((value === 0) === taken ? 0 : 1)),
  ),
});

const RESERVED: readonly (readonly [name: string, parcel: number])[] = [
  ["c.addi4spn with 0", 0x0004],
  ["c.lui with 0", 0x6501],
  ["c.addi16sp with 0", 0x6101],
  ["c.lwsp to x0", 0x4002],
  ["c.jr x0", 0x8002],
  ["c.fld", 0x2000],
  ["c.flw", 0x6000],
];

const reserved = RESERVED.map(
  ([name, parcel]): Case => ({
    name: `${name} is illegal, and mtval holds its 16 bits`,
    write: (p) => {
      p.parcels(parcel).sendCsr(asm.MTVAL);
    },
    expected: [ILLEGAL_INSTRUCTION, parcel],
  }),
);

export const COMPRESSED: CaseGroup = {
  name: "C",
  cases: [
    ...computing,
    ...accessing,
    ...jumping,
    branching([6, "c.beqz", true]),
    branching([7, "c.bnez", false]),
    {
      name: "an instruction of four bytes between two of two",
      write: (p) => {
        p.align(4)
          .parcels(0x0001)
          .li(A0, 0x1234_5678)
          .words(asm.i("addi", A0, A0, 1))
          .parcels(0x0001)
          .send(A0);
      },
      expected: [0x1234_5679],
    },
    ...reserved,
  ],
};
