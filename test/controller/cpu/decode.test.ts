import { createHash } from "node:crypto";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  decode,
  emptyInstruction,
  expandCompressed,
  extensionsNeeded,
  instructionLength,
  OP_NAMES,
  Op,
} from "../../../controller/cpu/decode.ts";
import { ALL_EXTENSIONS, CONTROLLER_EXTENSIONS, Extension } from "../../../controller/cpu/isa.ts";
import * as asm from "../support/assembler.ts";

const register = fc.integer({ min: 0, max: 31 });
const imm12 = fc.integer({ min: -2048, max: 2047 });

/** What `bits` decode to, with the operation's name. */
function decoded(bits: number, extensions = ALL_EXTENSIONS) {
  const out = emptyInstruction();
  decode(bits, out, extensions);
  const { op, ...operands } = out;
  return { name: OP_NAMES[op], ...operands };
}

describe("32-bit instructions decode to their operation and operands", () => {
  it.each(asm.R_MNEMONICS)("%s", (name) => {
    fc.assert(
      fc.property(register, register, register, (rd, rs1, rs2) => {
        expect(decoded(asm.r(name, rd, rs1, rs2))).toEqual({ name, rd, rs1, rs2, imm: 0, length: 4 });
      }),
    );
  });
  it.each(asm.I_MNEMONICS)("%s", (name) => {
    fc.assert(
      fc.property(register, register, imm12, (rd, rs1, imm) => {
        expect(decoded(asm.i(name, rd, rs1, imm))).toEqual({ name, rd, rs1, rs2: 0, imm, length: 4 });
      }),
    );
  });
  it.each(asm.SHIFT_MNEMONICS)("%s", (name) => {
    fc.assert(
      fc.property(register, register, register, (rd, rs1, imm) => {
        expect(decoded(asm.shift(name, rd, rs1, imm))).toEqual({ name, rd, rs1, rs2: 0, imm, length: 4 });
      }),
    );
  });
  it.each(asm.BIT_MNEMONICS)("%s", (name) => {
    fc.assert(
      fc.property(register, register, register, (rd, rs1, rs2) => {
        expect(decoded(asm.bit(name, rd, rs1, rs2))).toEqual({ name, rd, rs1, rs2, imm: 0, length: 4 });
      }),
    );
  });
  it.each(asm.UNARY_MNEMONICS)("%s", (name) => {
    fc.assert(
      fc.property(register, register, (rd, rs1) => {
        expect(decoded(asm.unary(name, rd, rs1))).toEqual({ name, rd, rs1, rs2: 0, imm: 0, length: 4 });
      }),
    );
  });
  it.each(asm.BIT_IMMEDIATE_MNEMONICS)("%s", (name) => {
    fc.assert(
      fc.property(register, register, register, (rd, rs1, imm) => {
        const word = asm.bitImmediate(name, rd, rs1, imm);
        expect(decoded(word)).toEqual({ name, rd, rs1, rs2: 0, imm, length: 4 });
      }),
    );
  });
  it.each(asm.LOAD_MNEMONICS)("%s", (name) => {
    fc.assert(
      fc.property(register, register, imm12, (rd, rs1, imm) => {
        expect(decoded(asm.load(name, rd, imm, rs1))).toEqual({ name, rd, rs1, rs2: 0, imm, length: 4 });
      }),
    );
  });
  it.each(asm.STORE_MNEMONICS)("%s", (name) => {
    fc.assert(
      fc.property(register, register, imm12, (rs2, rs1, imm) => {
        expect(decoded(asm.store(name, rs2, imm, rs1))).toEqual({ name, rd: 0, rs1, rs2, imm, length: 4 });
      }),
    );
  });
  it.each(asm.BRANCH_MNEMONICS)("%s", (name) => {
    const offset = fc.integer({ min: -2048, max: 2047 }).map((half) => half * 2);
    fc.assert(
      fc.property(register, register, offset, (rs1, rs2, imm) => {
        expect(decoded(asm.branch(name, rs1, rs2, imm))).toEqual({ name, rd: 0, rs1, rs2, imm, length: 4 });
      }),
    );
  });
  it.each(asm.AMO_MNEMONICS)("%s, whatever aq and rl are", (name) => {
    const ordering = fc.integer({ min: 0, max: 3 });
    fc.assert(
      fc.property(register, register, register, ordering, (rd, rs, rs1, bits) => {
        const rs2 = name === "lr.w" ? 0 : rs;
        const word = asm.amo(name, rd, rs2, rs1) | (bits << 25);
        expect(decoded(word)).toEqual({ name, rd, rs1, rs2, imm: 0, length: 4 });
      }),
    );
  });
  it.each(["csrrw", "csrrs", "csrrc", "csrrwi", "csrrsi", "csrrci"] as const)("%s", (name) => {
    const number = fc.integer({ min: 0, max: 4095 });
    fc.assert(
      fc.property(register, register, number, (rd, rs1, imm) => {
        expect(decoded(asm.csr(name, rd, imm, rs1))).toEqual({ name, rd, rs1, rs2: 0, imm, length: 4 });
      }),
    );
  });
  it("jal, jalr, lui and auipc", () => {
    const offset = fc.integer({ min: -(2 ** 19), max: 2 ** 19 - 1 }).map((half) => half * 2);
    const upper = fc.integer({ min: -(2 ** 19), max: 2 ** 19 - 1 }).map((page) => page * 4096);
    fc.assert(
      fc.property(register, register, offset, upper, imm12, (rd, rs1, far, high, low) => {
        const none = { rs1: 0, rs2: 0, length: 4 };
        expect(decoded(asm.jal(rd, far))).toEqual({ ...none, name: "jal", rd, imm: far });
        expect(decoded(asm.lui(rd, high))).toEqual({ ...none, name: "lui", rd, imm: high });
        expect(decoded(asm.auipc(rd, high))).toEqual({ ...none, name: "auipc", rd, imm: high });
        expect(decoded(asm.jalr(rd, rs1, low))).toEqual({ ...none, name: "jalr", rd, rs1, imm: low });
      }),
    );
  });
  it("fence ignores its fields, the other bare instructions have none", () => {
    expect(decoded(asm.FENCE).name).toBe("fence");
    expect(decoded(0x8330_000f).name).toBe("fence");
    expect(decoded(asm.FENCE_I | (3 << 15) | (3 << 7)).name).toBe("fence.i");
    for (const [word, name] of [
      [asm.ECALL, "ecall"],
      [asm.EBREAK, "ebreak"],
      [asm.MRET, "mret"],
      [asm.WFI, "wfi"],
    ] as const) {
      expect(decoded(word).name).toBe(name);
      expect(decoded(word | (1 << 7)).name).toBe("illegal");
    }
  });
});

describe("what is no instruction of this hart is illegal and carries its bits", () => {
  it.each([
    ["all ones", -1],
    ["slli by 32 and more", 0x0200_1013],
    ["a shift with a foreign funct7", 0x2000_5013],
    ["a register operation with a foreign funct7", 0x0400_0033],
    ["rev8 of RV64", 0x6b80_5013 | 0],
    ["zext.h with rs2", 0x0810_4033],
    ["clz with a foreign number", 0x6030_1013],
    ["bclri by 32 and more", 0x4a00_1013],
    ["branch funct3 2", 0x0000_2063],
    ["load funct3 3 (ld)", 0x0000_3003],
    ["store funct3 3 (sd)", 0x0000_3023],
    ["amo.d", 0x0000_302f],
    ["lr.w with rs2", 0x1010_202f],
    ["sret", 0x1020_0073],
    ["sfence.vma", 0x1200_0073],
    ["system funct3 4", 0x0000_4073],
    ["jalr funct3 1", 0x0000_1067],
    ["flw", 0x0000_2007],
    ["fadd.s", 0x0000_0053],
    ["a 48-bit prefix", 0x0000_001f],
  ])("%s", (_, bits) => {
    expect(decoded(bits)).toEqual({ name: "illegal", rd: 0, rs1: 0, rs2: 0, imm: bits | 0, length: 4 });
  });
  it("the all-zero parcel, and mtval gets 16 bits only", () => {
    expect(decoded(0x1234_0000)).toMatchObject({ name: "illegal", imm: 0, length: 2 });
    expect(decoded(0x1234_2000)).toMatchObject({ name: "illegal", imm: 0x2000, length: 2 });
  });
});

describe("compressed instructions expand as the manual defines them", () => {
  it.each([
    ["c.addi4spn a0, sp, 4", 0x0048, asm.i("addi", 10, 2, 4)],
    ["c.addi4spn s0, sp, 1020", 0x1fe0, asm.i("addi", 8, 2, 1020)],
    ["c.lw a5, 4(a0)", 0x415c, asm.load("lw", 15, 4, 10)],
    ["c.lw s0, 64(s1)", 0x40a0, asm.load("lw", 8, 64, 9)],
    ["c.sw a1, 124(a2)", 0xde6c, asm.store("sw", 11, 124, 12)],
    ["c.nop", 0x0001, asm.NOP],
    ["c.addi a0, -1", 0x157d, asm.i("addi", 10, 10, -1)],
    ["c.jal . + 2046", 0x2ffd, asm.jal(1, 2046)],
    ["c.j . - 2048", 0xb001, asm.jal(0, -2048)],
    ["c.li t6, 31", 0x4ffd, asm.i("addi", 31, 0, 31)],
    ["c.lui a0, 0x1", 0x6505, asm.lui(10, 0x1000)],
    ["c.lui a0, -1", 0x757d, asm.lui(10, -4096)],
    ["c.addi16sp sp, -512", 0x7101, asm.i("addi", 2, 2, -512)],
    ["c.addi16sp sp, 16", 0x6141, asm.i("addi", 2, 2, 16)],
    ["c.srli a0, 3", 0x810d, asm.shift("srli", 10, 10, 3)],
    ["c.srai a0, 31", 0x857d, asm.shift("srai", 10, 10, 31)],
    ["c.andi a0, -32", 0x9901, asm.i("andi", 10, 10, -32)],
    ["c.sub a0, a1", 0x8d0d, asm.r("sub", 10, 10, 11)],
    ["c.xor a0, a1", 0x8d2d, asm.r("xor", 10, 10, 11)],
    ["c.or a0, a1", 0x8d4d, asm.r("or", 10, 10, 11)],
    ["c.and a0, a1", 0x8d6d, asm.r("and", 10, 10, 11)],
    ["c.beqz a0, . + 254", 0xcd7d, asm.branch("beq", 10, 0, 254)],
    ["c.bnez a0, . - 256", 0xf101, asm.branch("bne", 10, 0, -256)],
    ["c.slli a0, 31", 0x057e, asm.shift("slli", 10, 10, 31)],
    ["c.lwsp a0, 252(sp)", 0x557e, asm.load("lw", 10, 252, 2)],
    ["c.jr ra", 0x8082, asm.jalr(0, 1, 0)],
    ["c.mv a0, a1", 0x852e, asm.r("add", 10, 0, 11)],
    ["c.ebreak", 0x9002, asm.EBREAK],
    ["c.jalr a0", 0x9502, asm.jalr(1, 10, 0)],
    ["c.add a0, a1", 0x952e, asm.r("add", 10, 10, 11)],
    ["c.swsp a0, 252(sp)", 0xdfaa, asm.store("sw", 10, 252, 2)],
  ])("%s", (_, parcel, word) => {
    expect(expandCompressed(parcel, CONTROLLER_EXTENSIONS).toString(16)).toBe(word.toString(16));
    expect(decoded(parcel)).toEqual({ ...decoded(word), length: 2 });
  });

  it.each([
    ["zero", 0x0000],
    ["c.addi4spn with 0", 0x0004],
    ["c.lui with 0", 0x6501],
    ["c.addi16sp with 0", 0x6101],
    ["c.lwsp to x0", 0x4002],
    ["c.jr x0", 0x8002],
    ["c.slli by 32", 0x1502],
    ["c.srli by 32", 0x9101],
    ["c.srai by 32", 0x9501],
    ["c.subw", 0x9d0d],
    ["c.fld", 0x2000],
    ["c.flw", 0x6000],
    ["c.fsdsp", 0xa002],
    ["reserved quadrant 0 funct3 4", 0x8000],
  ])("reserved or foreign: %s", (_, parcel) => {
    expect(expandCompressed(parcel, CONTROLLER_EXTENSIONS)).toBe(0);
    expect(decoded(parcel, CONTROLLER_EXTENSIONS)).toMatchObject({ name: "illegal", imm: parcel, length: 2 });
  });

  it("all 49152 parcels as they were compared with binutils 2.40", () => {
    const hash = createHash("sha256");
    let legal = 0;
    for (let parcel = 0; parcel < 0x1_0000; parcel++) {
      if ((parcel & 3) === 3) continue;
      const word = expandCompressed(parcel, CONTROLLER_EXTENSIONS);
      if (word !== 0) legal++;
      hash.update(`${parcel}:${word};`);
    }
    expect(legal).toBe(28_823);
    expect(hash.digest("hex").slice(0, 16)).toBe("ca9c1ffe6df39f6a");
  });
});

describe("Zcb expands as the manual defines it, in what C leaves reserved", () => {
  const cases: readonly (readonly [name: string, parcel: number, word: number])[] = [
    ["c.lbu a1, 0(a0)", 0x810c, asm.load("lbu", 11, 0, 10)],
    ["c.lbu a1, 1(a0)", 0x814c, asm.load("lbu", 11, 1, 10)],
    ["c.lbu a1, 2(a0)", 0x812c, asm.load("lbu", 11, 2, 10)],
    ["c.lbu a5, 3(s1)", 0x80fc, asm.load("lbu", 15, 3, 9)],
    ["c.lhu a1, 0(a0)", 0x850c, asm.load("lhu", 11, 0, 10)],
    ["c.lhu a1, 2(a0)", 0x852c, asm.load("lhu", 11, 2, 10)],
    ["c.lh a1, 0(a0)", 0x854c, asm.load("lh", 11, 0, 10)],
    ["c.lh a1, 2(a0)", 0x856c, asm.load("lh", 11, 2, 10)],
    ["c.sb a1, 1(s0)", 0x884c, asm.store("sb", 11, 1, 8)],
    ["c.sb a1, 2(s0)", 0x882c, asm.store("sb", 11, 2, 8)],
    ["c.sh a1, 0(s0)", 0x8c0c, asm.store("sh", 11, 0, 8)],
    ["c.sh a1, 2(s0)", 0x8c2c, asm.store("sh", 11, 2, 8)],
    ["c.zext.b s1", 0x9ce1, asm.i("andi", 9, 9, 255)],
    ["c.sext.b s1", 0x9ce5, asm.unary("sext.b", 9, 9)],
    ["c.zext.h s1", 0x9ce9, asm.unary("zext.h", 9, 9)],
    ["c.sext.h s1", 0x9ced, asm.unary("sext.h", 9, 9)],
    ["c.not s1", 0x9cf5, asm.i("xori", 9, 9, -1)],
    ["c.mul a5, a0", 0x9fc9, asm.r("mul", 15, 15, 10)],
  ];
  it.each(cases)("%s", (_, parcel, word) => {
    expect(expandCompressed(parcel, Extension.C | Extension.ZCB).toString(16)).toBe((word | 0).toString(16));
    expect(decoded(parcel)).toEqual({ ...decoded(word), length: 2 });
    expect(decoded(parcel, CONTROLLER_EXTENSIONS)).toMatchObject({ name: "illegal", imm: parcel });
  });
  it("with nothing else, and without taking anything from C", () => {
    let parcels = 0;
    for (let parcel = 0; parcel < 0x1_0000; parcel++) {
      if ((parcel & 3) === 3) continue;
      const without = expandCompressed(parcel, CONTROLLER_EXTENSIONS);
      const word = expandCompressed(parcel, ALL_EXTENSIONS);
      if (without !== 0) expect(word).toBe(without);
      else if (word !== 0) parcels++;
    }
    // Of 64 pairs of registers c.lbu and c.sb with 4 offsets, c.lhu, c.lh and c.sh with 2, c.mul; 5 on one of 8 registers.
    expect(parcels).toBe(64 * (4 + 4 + 2 + 2 + 2 + 1) + 8 * 5);
  });
});

describe("an instruction of an extension that the hart does not have is illegal", () => {
  const without = (extension: Extension): number => ALL_EXTENSIONS & ~extension;
  it.each([
    ["mul", asm.r("mul", 1, 2, 3), Extension.M],
    ["lr.w", asm.amo("lr.w", 1, 0, 2), Extension.A],
    ["amoadd.w", asm.amo("amoadd.w", 1, 2, 3), Extension.A],
    ["sh2add", asm.bit("sh2add", 1, 2, 3), Extension.ZBA],
    ["andn", asm.bit("andn", 1, 2, 3), Extension.ZBB],
    ["clz", asm.unary("clz", 1, 2), Extension.ZBB],
    ["rori", asm.bitImmediate("rori", 1, 2, 3), Extension.ZBB],
    ["clmulr", asm.bit("clmulr", 1, 2, 3), Extension.ZBC],
    ["bset", asm.bit("bset", 1, 2, 3), Extension.ZBS],
    ["bexti", asm.bitImmediate("bexti", 1, 2, 3), Extension.ZBS],
    ["c.addi", 0x0505, Extension.C],
    ["c.ebreak", 0x9002, Extension.C],
    ["c.mul, of Zcb", 0x9fc9, Extension.ZCB],
    ["c.mul, which needs M, too", 0x9fc9, Extension.M],
    ["c.sext.b, which needs Zbb, too", 0x9ce5, Extension.ZBB],
  ])("%s", (_, bits, extension) => {
    expect(decoded(bits).name).not.toBe("illegal");
    expect(decoded(bits, without(extension))).toMatchObject({ name: "illegal", imm: bits });
    expect(extensionsNeeded(bits) & extension).toBe(extension);
  });
  it("and what is nobody's needs nothing", () => {
    for (const bits of [-1, 0, 0x0200_1013, 0x8c4c, 0x9cf1]) expect(extensionsNeeded(bits)).toBe(0);
    for (const bits of [asm.NOP, asm.ECALL, asm.csr("csrrw", 0, 0x7c0, 0)])
      expect(extensionsNeeded(bits)).toBe(Extension.BASE);
  });
});

it("the two low bits of the first parcel tell the length", () => {
  for (let parcel = 0; parcel < 0x1_0000; parcel++) {
    expect(instructionLength(parcel)).toBe((parcel & 3) === 3 ? 4 : 2);
  }
});

it("every operation has a name, and names are unique", () => {
  expect(OP_NAMES).toHaveLength(Op.COUNT);
  expect(new Set(OP_NAMES).size).toBe(Op.COUNT);
});
