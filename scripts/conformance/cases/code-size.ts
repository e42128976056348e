/** Zcb, as parcels that were worked out by hand from the manual's encodings (volume I, "Zcb"). */
import * as asm from "../../hostile/assembler.ts";
import { type Case, type CaseGroup, DATA } from "../case.ts";

/** x8 to x15 are those that its three-bit fields name. */
const [S0, S1, A0, A1, A5] = [8, 9, 10, 11, 15] as const;
const NOT_IN_QEMU = "QEMU 7.2 does not have Zcb";
const ILLEGAL_INSTRUCTION = 2;
const STORED = 0x80f0_7f81 | 0;

const zcb = (name: string, write: Case["write"], expected: readonly number[]): Case => ({
  name,
  write,
  expected,
  unlikeQemu: NOT_IN_QEMU,
});

/** Loads of the word {@link STORED}: into a1 from where a0 points. */
const load = (name: string, parcels: readonly number[], expected: readonly number[]): Case =>
  zcb(
    name,
    (p) => {
      p.li(A0, DATA)
        .li(A1, STORED)
        .words(asm.store("sw", A1, 0, A0));
      for (const parcel of parcels) p.parcels(parcel).send(A1);
    },
    expected,
  );

/** Stores of a1 to where s0 points. */
const store = (name: string, parcels: readonly number[], expected: readonly number[]): Case =>
  zcb(
    name,
    (p) => {
      p.li(S0, DATA)
        .li(A1, -1)
        .words(asm.store("sw", A1, 0, S0))
        .li(A1, 0x1122_3344);
      for (const parcel of parcels) {
        p.parcels(parcel)
          .words(asm.load("lw", A5, 0, S0))
          .send(A5);
      }
    },
    expected,
  );

/** Of s1, which is its target, too. */
const unary = (
  name: string,
  parcel: number,
  pairs: readonly (readonly [before: number, after: number])[],
): Case =>
  zcb(
    name,
    (p) => {
      for (const [before] of pairs) p.li(S1, before).parcels(parcel).send(S1);
    },
    pairs.map(([, after]) => after),
  );

export const CODE_SIZE: CaseGroup = {
  name: "Zcb",
  cases: [
    // 100 000 rs1' u0 u1 rd' 00, with rs1' = a0 = 010, rd' = a1 = 011
    load("c.lbu at 0, 1, 2 and 3", [0x810c, 0x814c, 0x812c, 0x816c], [0x81, 0x7f, 0xf0, 0x80]),
    // 100 001 rs1' 0 u1 rd' 00
    load("c.lhu at 0 and 2", [0x850c, 0x852c], [0x7f81, 0x80f0]),
    // 100 001 rs1' 1 u1 rd' 00
    load("c.lh at 0 and 2", [0x854c, 0x856c], [0x7f81, -0x7f10]),
    // 100 010 rs1' u0 u1 rs2' 00, with rs1' = s0 = 000
    store(
      "c.sb at 0, 1, 2 and 3",
      [0x880c, 0x884c, 0x882c, 0x886c],
      [0xffff_ff44, 0xffff_4444, 0xff44_4444, 0x4444_4444],
    ),
    // 100 011 rs1' 0 u1 rs2' 00
    store("c.sh at 0 and 2", [0x8c0c, 0x8c2c], [0xffff_3344, 0x3344_3344]),
    // 100 111 rd' 11 kind 01, with rd' = s1 = 001
    unary("c.zext.b", 0x9ce1, [
      [0x1234_5681, 0x81],
      [-1, 0xff],
    ]),
    unary("c.sext.b", 0x9ce5, [
      [0x1234_5681, -127],
      [0x7f, 0x7f],
    ]),
    unary("c.zext.h", 0x9ce9, [
      [0x1234_8001 | 0, 0x8001],
      [-1, 0xffff],
    ]),
    unary("c.sext.h", 0x9ced, [
      [0x1234_8001 | 0, -0x7fff],
      [0x7fff, 0x7fff],
    ]),
    unary("c.not", 0x9cf5, [
      [0, -1],
      [0x1234_5678, ~0x1234_5678],
    ]),
    zcb(
      // 100 111 rd' 10 rs2' 01, with rd' = a5 = 111, rs2' = a0 = 010
      "c.mul",
      (p) => {
        for (const [a, b] of [[7, -3] as const, [0x1_0001, 0x1_0003] as const])
          p.li(A5, a).li(A0, b).parcels(0x9fc9).send(A5);
      },
      [-21, Number(BigInt.asIntN(32, 0x1_0001n * 0x1_0003n))],
    ),
    zcb(
      "what Zcb leaves reserved is illegal: c.zext.w, c.sh with bit 6, the rest of their space",
      (p) => {
        for (const parcel of [0x9cf1, 0x9cf9, 0x9cfd, 0x8c4c, 0x900c, 0x9c0c, 0x9c01, 0x9c21])
          p.parcels(parcel);
      },
      Array.from({ length: 8 }, () => ILLEGAL_INSTRUCTION),
    ),
  ],
};
