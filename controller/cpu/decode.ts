/**
 * The instruction decoder: bits in, a small decoded form out, for RV32IMAC_Zicsr_Zifencei in machine mode with Zba, Zbb,
 * Zbc, Zbs and Zcb; of the extensions (isa.ts) those count that the hart has.
 *
 * Pure and complete: every 16- and 32-bit pattern decodes, what is not an instruction of the hart as
 * Op.ILLEGAL. A compressed instruction is first expanded to the 32-bit instruction that the manual defines it
 * to be, so both lengths share one table and one set of operations. HINTs decode as the instruction they are
 * (a write to x0); encodings reserved or meant for custom use are illegal.
 *
 * Source: The RISC-V Instruction Set Manual, volume I (RV32I, M, A, C, B, Zc, Zicsr, Zifencei and the opcode map) and
 * volume II (mret, wfi).
 */
import { Extension, type Extensions } from "./isa.ts";

/** One operation. The order groups operations of one shape; nothing else depends on it. */
export const enum Op {
  ILLEGAL = 0,
  LUI,
  AUIPC,
  JAL,
  JALR,
  BEQ,
  BNE,
  BLT,
  BGE,
  BLTU,
  BGEU,
  LB,
  LH,
  LW,
  LBU,
  LHU,
  SB,
  SH,
  SW,
  ADDI,
  SLTI,
  SLTIU,
  XORI,
  ORI,
  ANDI,
  SLLI,
  SRLI,
  SRAI,
  ADD,
  SUB,
  SLL,
  SLT,
  SLTU,
  XOR,
  SRL,
  SRA,
  OR,
  AND,
  MUL,
  MULH,
  MULHSU,
  MULHU,
  DIV,
  DIVU,
  REM,
  REMU,
  SH1ADD,
  SH2ADD,
  SH3ADD,
  ANDN,
  ORN,
  XNOR,
  CLZ,
  CTZ,
  CPOP,
  MAX,
  MAXU,
  MIN,
  MINU,
  SEXT_B,
  SEXT_H,
  ZEXT_H,
  ROL,
  ROR,
  RORI,
  ORC_B,
  REV8,
  CLMUL,
  CLMULH,
  CLMULR,
  BCLR,
  BCLRI,
  BEXT,
  BEXTI,
  BINV,
  BINVI,
  BSET,
  BSETI,
  LR_W,
  SC_W,
  AMOSWAP_W,
  AMOADD_W,
  AMOXOR_W,
  AMOAND_W,
  AMOOR_W,
  AMOMIN_W,
  AMOMAX_W,
  AMOMINU_W,
  AMOMAXU_W,
  CSRRW,
  CSRRS,
  CSRRC,
  CSRRWI,
  CSRRSI,
  CSRRCI,
  FENCE,
  FENCE_I,
  ECALL,
  EBREAK,
  MRET,
  WFI,
  COUNT,
}

/** Bytes that a load or store moves. */
export function accessBytes(op: Op): number {
  switch (op) {
    case Op.LB:
    case Op.LBU:
    case Op.SB:
      return 1;
    case Op.LH:
    case Op.LHU:
    case Op.SH:
      return 2;
    default:
      return 4;
  }
}

/** Mnemonic of each {@link Op}, by its number. */
export const OP_NAMES: readonly string[] = (
  "illegal lui auipc jal jalr beq bne blt bge bltu bgeu lb lh lw lbu lhu sb sh sw " +
  "addi slti sltiu xori ori andi slli srli srai add sub sll slt sltu xor srl sra or and " +
  "mul mulh mulhsu mulhu div divu rem remu " +
  "sh1add sh2add sh3add andn orn xnor clz ctz cpop max maxu min minu sext.b sext.h zext.h " +
  "rol ror rori orc.b rev8 clmul clmulh clmulr bclr bclri bext bexti binv binvi bset bseti " +
  "lr.w sc.w amoswap.w amoadd.w amoxor.w amoand.w amoor.w " +
  "amomin.w amomax.w amominu.w amomaxu.w csrrw csrrs csrrc csrrwi csrrsi csrrci " +
  "fence fence.i ecall ebreak mret wfi"
).split(" ");

/**
 * A decoded instruction. Fields that an operation does not have are 0. Reused: {@link decode} fills one in.
 *
 * - `imm`: the sign-extended immediate as a signed 32-bit number; for lui and auipc already shifted by 12; for
 *   branches and jal the offset from the instruction's own address; for shifts the amount; for CSR
 *   instructions the CSR number 0 to 4095; for Op.ILLEGAL the instruction's own bits (16 or 32, the mtval).
 * - `rs1`: a register, or the 5-bit unsigned immediate of csrrwi, csrrsi and csrrci.
 * - `length`: 2 or 4 bytes.
 */
export interface Instruction {
  op: Op;
  rd: number;
  rs1: number;
  rs2: number;
  imm: number;
  length: number;
}

export function emptyInstruction(): Instruction {
  return { op: Op.ILLEGAL, rd: 0, rs1: 0, rs2: 0, imm: 0, length: 2 };
}

/** Length in bytes of the instruction that starts with this 16-bit parcel. */
export function instructionLength(parcel: number): 2 | 4 {
  return (parcel & 3) === 3 ? 4 : 2;
}

/**
 * Decodes the instruction whose first parcel is the low half of `bits`; the high half counts only if that
 * parcel starts a 32-bit instruction.
 */
export function decode(bits: number, out: Instruction, extensions: Extensions): void {
  if ((bits & 3) === 3) {
    decodeWord(bits | 0, out, extensions);
    out.length = 4;
    return;
  }
  const parcel = bits & 0xffff;
  decodeWord(expandCompressed(parcel, extensions), out, extensions);
  out.length = 2;
  if (out.op === Op.ILLEGAL) out.imm = parcel;
}

// 32-bit instructions ---------------------------------------------------------------------------------------

const enum Format {
  R,
  I,
  S,
  B,
  U,
  J,
  /** Immediate shift: the amount in place of rs2. */
  SHIFT,
  /** One operand: rd and rs1. */
  UNARY,
  CSR,
  /** No operands: fence, fence.i, ecall, ebreak, mret, wfi. */
  BARE,
}

const enum Opcode {
  LOAD = 0x03,
  MISC_MEM = 0x0f,
  OP_IMM = 0x13,
  AUIPC = 0x17,
  STORE = 0x23,
  AMO = 0x2f,
  OP = 0x33,
  LUI = 0x37,
  BRANCH = 0x63,
  JALR = 0x67,
  JAL = 0x6f,
  SYSTEM = 0x73,
}

interface Row {
  readonly op: Op;
  readonly format: Format;
  /** Bits that tell this instruction, and their values. */
  readonly mask: number;
  readonly match: number;
  /** Whose it is. */
  readonly extension: Extension;
}

const OPCODE_MASK = 0x7f;
const FUNCT3_MASK = 0x707f;
const FUNCT7_MASK = 0xfe00_707f | 0;
/** AMOs: aq and rl (bits 26 and 25) are accepted as they come; one hart in order keeps every ordering. */
const FUNCT5_MASK = 0xf800_707f | 0;
const LR_MASK = 0xf9f0_707f | 0;
/** funct7, rs2 and funct3. */
const UNARY_MASK = 0xfff0_707f | 0;
const ALL_BITS = -1;

const row = (op: Op, format: Format, mask: number, match: number): Row => ({
  op,
  format,
  mask,
  match,
  extension: Extension.BASE,
});
const byOpcode = (op: Op, format: Format, opcode: Opcode): Row => row(op, format, OPCODE_MASK, opcode);
const byFunct3 = (op: Op, format: Format, opcode: Opcode, funct3: number): Row =>
  row(op, format, FUNCT3_MASK, (funct3 << 12) | opcode);
const byFunct7 = (op: Op, format: Format, opcode: Opcode, funct3: number, funct7: number): Row =>
  row(op, format, FUNCT7_MASK, (funct7 << 25) | (funct3 << 12) | opcode);
const amo = (op: Op, funct5: number): Row =>
  row(op, Format.R, FUNCT5_MASK, (funct5 << 27) | (2 << 12) | Opcode.AMO);
const unary = (op: Op, opcode: Opcode, funct3: number, funct12: number): Row =>
  row(op, Format.UNARY, UNARY_MASK, (funct12 << 20) | (funct3 << 12) | opcode);
const of = (extension: Extension, rows: readonly Row[]): readonly Row[] =>
  rows.map((each) => ({ ...each, extension }));

/** Every instruction that a hart here may have. */
const ROWS: readonly Row[] = [
  byOpcode(Op.LUI, Format.U, Opcode.LUI),
  byOpcode(Op.AUIPC, Format.U, Opcode.AUIPC),
  byOpcode(Op.JAL, Format.J, Opcode.JAL),
  byFunct3(Op.JALR, Format.I, Opcode.JALR, 0),
  byFunct3(Op.BEQ, Format.B, Opcode.BRANCH, 0),
  byFunct3(Op.BNE, Format.B, Opcode.BRANCH, 1),
  byFunct3(Op.BLT, Format.B, Opcode.BRANCH, 4),
  byFunct3(Op.BGE, Format.B, Opcode.BRANCH, 5),
  byFunct3(Op.BLTU, Format.B, Opcode.BRANCH, 6),
  byFunct3(Op.BGEU, Format.B, Opcode.BRANCH, 7),
  byFunct3(Op.LB, Format.I, Opcode.LOAD, 0),
  byFunct3(Op.LH, Format.I, Opcode.LOAD, 1),
  byFunct3(Op.LW, Format.I, Opcode.LOAD, 2),
  byFunct3(Op.LBU, Format.I, Opcode.LOAD, 4),
  byFunct3(Op.LHU, Format.I, Opcode.LOAD, 5),
  byFunct3(Op.SB, Format.S, Opcode.STORE, 0),
  byFunct3(Op.SH, Format.S, Opcode.STORE, 1),
  byFunct3(Op.SW, Format.S, Opcode.STORE, 2),
  byFunct3(Op.ADDI, Format.I, Opcode.OP_IMM, 0),
  byFunct3(Op.SLTI, Format.I, Opcode.OP_IMM, 2),
  byFunct3(Op.SLTIU, Format.I, Opcode.OP_IMM, 3),
  byFunct3(Op.XORI, Format.I, Opcode.OP_IMM, 4),
  byFunct3(Op.ORI, Format.I, Opcode.OP_IMM, 6),
  byFunct3(Op.ANDI, Format.I, Opcode.OP_IMM, 7),
  byFunct7(Op.SLLI, Format.SHIFT, Opcode.OP_IMM, 1, 0x00),
  byFunct7(Op.SRLI, Format.SHIFT, Opcode.OP_IMM, 5, 0x00),
  byFunct7(Op.SRAI, Format.SHIFT, Opcode.OP_IMM, 5, 0x20),
  byFunct7(Op.ADD, Format.R, Opcode.OP, 0, 0x00),
  byFunct7(Op.SUB, Format.R, Opcode.OP, 0, 0x20),
  byFunct7(Op.SLL, Format.R, Opcode.OP, 1, 0x00),
  byFunct7(Op.SLT, Format.R, Opcode.OP, 2, 0x00),
  byFunct7(Op.SLTU, Format.R, Opcode.OP, 3, 0x00),
  byFunct7(Op.XOR, Format.R, Opcode.OP, 4, 0x00),
  byFunct7(Op.SRL, Format.R, Opcode.OP, 5, 0x00),
  byFunct7(Op.SRA, Format.R, Opcode.OP, 5, 0x20),
  byFunct7(Op.OR, Format.R, Opcode.OP, 6, 0x00),
  byFunct7(Op.AND, Format.R, Opcode.OP, 7, 0x00),
  ...of(Extension.M, [
    byFunct7(Op.MUL, Format.R, Opcode.OP, 0, 0x01),
    byFunct7(Op.MULH, Format.R, Opcode.OP, 1, 0x01),
    byFunct7(Op.MULHSU, Format.R, Opcode.OP, 2, 0x01),
    byFunct7(Op.MULHU, Format.R, Opcode.OP, 3, 0x01),
    byFunct7(Op.DIV, Format.R, Opcode.OP, 4, 0x01),
    byFunct7(Op.DIVU, Format.R, Opcode.OP, 5, 0x01),
    byFunct7(Op.REM, Format.R, Opcode.OP, 6, 0x01),
    byFunct7(Op.REMU, Format.R, Opcode.OP, 7, 0x01),
  ]),
  ...of(Extension.ZBA, [
    byFunct7(Op.SH1ADD, Format.R, Opcode.OP, 2, 0x10),
    byFunct7(Op.SH2ADD, Format.R, Opcode.OP, 4, 0x10),
    byFunct7(Op.SH3ADD, Format.R, Opcode.OP, 6, 0x10),
  ]),
  ...of(Extension.ZBB, [
    byFunct7(Op.ANDN, Format.R, Opcode.OP, 7, 0x20),
    byFunct7(Op.ORN, Format.R, Opcode.OP, 6, 0x20),
    byFunct7(Op.XNOR, Format.R, Opcode.OP, 4, 0x20),
    unary(Op.CLZ, Opcode.OP_IMM, 1, 0x600),
    unary(Op.CTZ, Opcode.OP_IMM, 1, 0x601),
    unary(Op.CPOP, Opcode.OP_IMM, 1, 0x602),
    byFunct7(Op.MAX, Format.R, Opcode.OP, 6, 0x05),
    byFunct7(Op.MAXU, Format.R, Opcode.OP, 7, 0x05),
    byFunct7(Op.MIN, Format.R, Opcode.OP, 4, 0x05),
    byFunct7(Op.MINU, Format.R, Opcode.OP, 5, 0x05),
    unary(Op.SEXT_B, Opcode.OP_IMM, 1, 0x604),
    unary(Op.SEXT_H, Opcode.OP_IMM, 1, 0x605),
    unary(Op.ZEXT_H, Opcode.OP, 4, 0x080),
    byFunct7(Op.ROL, Format.R, Opcode.OP, 1, 0x30),
    byFunct7(Op.ROR, Format.R, Opcode.OP, 5, 0x30),
    byFunct7(Op.RORI, Format.SHIFT, Opcode.OP_IMM, 5, 0x30),
    unary(Op.ORC_B, Opcode.OP_IMM, 5, 0x287),
    unary(Op.REV8, Opcode.OP_IMM, 5, 0x698),
  ]),
  ...of(Extension.ZBC, [
    byFunct7(Op.CLMUL, Format.R, Opcode.OP, 1, 0x05),
    byFunct7(Op.CLMULR, Format.R, Opcode.OP, 2, 0x05),
    byFunct7(Op.CLMULH, Format.R, Opcode.OP, 3, 0x05),
  ]),
  ...of(Extension.ZBS, [
    byFunct7(Op.BCLR, Format.R, Opcode.OP, 1, 0x24),
    byFunct7(Op.BCLRI, Format.SHIFT, Opcode.OP_IMM, 1, 0x24),
    byFunct7(Op.BEXT, Format.R, Opcode.OP, 5, 0x24),
    byFunct7(Op.BEXTI, Format.SHIFT, Opcode.OP_IMM, 5, 0x24),
    byFunct7(Op.BINV, Format.R, Opcode.OP, 1, 0x34),
    byFunct7(Op.BINVI, Format.SHIFT, Opcode.OP_IMM, 1, 0x34),
    byFunct7(Op.BSET, Format.R, Opcode.OP, 1, 0x14),
    byFunct7(Op.BSETI, Format.SHIFT, Opcode.OP_IMM, 1, 0x14),
  ]),
  ...of(Extension.A, [
    row(Op.LR_W, Format.R, LR_MASK, (0x02 << 27) | (2 << 12) | Opcode.AMO),
    amo(Op.SC_W, 0x03),
    amo(Op.AMOSWAP_W, 0x01),
    amo(Op.AMOADD_W, 0x00),
    amo(Op.AMOXOR_W, 0x04),
    amo(Op.AMOAND_W, 0x0c),
    amo(Op.AMOOR_W, 0x08),
    amo(Op.AMOMIN_W, 0x10),
    amo(Op.AMOMAX_W, 0x14),
    amo(Op.AMOMINU_W, 0x18),
    amo(Op.AMOMAXU_W, 0x1c),
  ]),
  byFunct3(Op.CSRRW, Format.CSR, Opcode.SYSTEM, 1),
  byFunct3(Op.CSRRS, Format.CSR, Opcode.SYSTEM, 2),
  byFunct3(Op.CSRRC, Format.CSR, Opcode.SYSTEM, 3),
  byFunct3(Op.CSRRWI, Format.CSR, Opcode.SYSTEM, 5),
  byFunct3(Op.CSRRSI, Format.CSR, Opcode.SYSTEM, 6),
  byFunct3(Op.CSRRCI, Format.CSR, Opcode.SYSTEM, 7),
  // The unused fields of fence and fence.i "shall be ignored" (volume I, sections on fence and Zifencei).
  byFunct3(Op.FENCE, Format.BARE, Opcode.MISC_MEM, 0),
  byFunct3(Op.FENCE_I, Format.BARE, Opcode.MISC_MEM, 1),
  row(Op.ECALL, Format.BARE, ALL_BITS, 0x0000_0073),
  row(Op.EBREAK, Format.BARE, ALL_BITS, 0x0010_0073),
  row(Op.MRET, Format.BARE, ALL_BITS, 0x3020_0073),
  row(Op.WFI, Format.BARE, ALL_BITS, 0x1050_0073),
];

/** Rows by major opcode (bits 6:2) and funct3: some ten to try. */
const BUCKETS: readonly (readonly Row[])[] = Array.from({ length: 256 }, (_, bucket) => {
  const key = ((bucket & 0x1f) << 2) | 3 | ((bucket >> 5) << 12);
  return ROWS.filter(({ mask, match }) => ((key ^ match) & mask & FUNCT3_MASK) === 0);
});

/** `bits` is a signed 32-bit number: an instruction with low bits 11, or 0 for an illegal one. */
function decodeWord(bits: number, out: Instruction, extensions: Extensions): void {
  const row = rowOf(bits);
  if (row !== undefined && (row.extension & extensions) !== 0) {
    out.op = row.op;
    extractOperands(bits, row.format, out);
    return;
  }
  out.op = Op.ILLEGAL;
  extractOperands(bits, Format.BARE, out);
  out.imm = bits;
}

function rowOf(bits: number): Row | undefined {
  const bucket = ((bits >>> 2) & 0x1f) | ((bits >>> 7) & 0xe0);
  const rows = BUCKETS[bucket] as readonly Row[];
  for (let index = 0; index < rows.length; index++) {
    const candidate = rows[index] as Row;
    if ((bits & candidate.mask) === candidate.match) return candidate;
  }
  return undefined;
}

/** The extensions that an instruction needs, if any hart here may have it; `bits` as mtval holds them. */
export function extensionsNeeded(bits: number): Extensions {
  if ((bits & 3) === 3) return rowOf(bits | 0)?.extension ?? 0;
  const parcel = bits & 0xffff;
  if (expandCompressed(parcel, Extension.C) !== ILLEGAL_WORD) return Extension.C;
  const row = rowOf(expandCompressed(parcel, Extension.C | Extension.ZCB));
  return row === undefined ? 0 : Extension.ZCB | row.extension;
}

const enum Field {
  NONE = 0,
  RD = 1,
  RS1 = 2,
  RS2 = 4,
}

/** What there is to take out of an instruction of a format. */
interface Layout {
  readonly fields: number;
  readonly immediate: (bits: number) => number;
}

const FORMATS: Readonly<Record<Format, Layout>> = {
  [Format.R]: { fields: Field.RD | Field.RS1 | Field.RS2, immediate: () => 0 },
  [Format.I]: { fields: Field.RD | Field.RS1, immediate: (bits) => bits >> 20 },
  [Format.S]: {
    fields: Field.RS1 | Field.RS2,
    immediate: (bits) => ((bits >> 25) << 5) | ((bits >>> 7) & 31),
  },
  [Format.B]: { fields: Field.RS1 | Field.RS2, immediate: branchOffset },
  [Format.U]: { fields: Field.RD, immediate: (bits) => bits & ~0xfff },
  [Format.J]: { fields: Field.RD, immediate: jumpOffset },
  [Format.SHIFT]: { fields: Field.RD | Field.RS1, immediate: (bits) => (bits >>> 20) & 31 },
  [Format.UNARY]: { fields: Field.RD | Field.RS1, immediate: () => 0 },
  [Format.CSR]: { fields: Field.RD | Field.RS1, immediate: (bits) => bits >>> 20 },
  [Format.BARE]: { fields: Field.NONE, immediate: () => 0 },
};

function extractOperands(bits: number, format: Format, out: Instruction): void {
  const layout = FORMATS[format];
  const { fields } = layout;
  out.rd = (fields & Field.RD) === 0 ? 0 : (bits >>> 7) & 31;
  out.rs1 = (fields & Field.RS1) === 0 ? 0 : (bits >>> 15) & 31;
  out.rs2 = (fields & Field.RS2) === 0 ? 0 : (bits >>> 20) & 31;
  out.imm = layout.immediate(bits);
}

function branchOffset(bits: number): number {
  return ((bits >> 31) << 12) | ((bits << 4) & 0x800) | ((bits >>> 20) & 0x7e0) | ((bits >>> 7) & 0x1e);
}

function jumpOffset(bits: number): number {
  return ((bits >> 31) << 20) | (bits & 0xf_f000) | ((bits >>> 9) & 0x800) | ((bits >>> 20) & 0x7fe);
}

// Compressed instructions -----------------------------------------------------------------------------------

/** What an illegal parcel expands to; low bits other than 11 are in no row. */
const ILLEGAL_WORD = 0;
const ZERO = 0;
const RA = 1;
const SP = 2;

const rType = (op: Opcode, funct3: number, funct7: number, rd: number, rs1: number, rs2: number): number =>
  (funct7 << 25) | (rs2 << 20) | (rs1 << 15) | (funct3 << 12) | (rd << 7) | op;
const iType = (op: Opcode, funct3: number, rd: number, rs1: number, imm: number): number =>
  (imm << 20) | (rs1 << 15) | (funct3 << 12) | (rd << 7) | op;
const sType = (op: Opcode, funct3: number, rs1: number, rs2: number, imm: number): number =>
  ((imm >> 5) << 25) | (rs2 << 20) | (rs1 << 15) | (funct3 << 12) | ((imm & 31) << 7) | op;
const uType = (op: Opcode, rd: number, imm: number): number => (imm & ~0xfff) | (rd << 7) | op;
const bType = (funct3: number, rs1: number, imm: number): number =>
  (((imm >> 12) & 1) << 31) |
  (((imm >> 5) & 0x3f) << 25) |
  (rs1 << 15) |
  (funct3 << 12) |
  (((imm >> 1) & 0xf) << 8) |
  (((imm >> 11) & 1) << 7) |
  Opcode.BRANCH;
const jType = (rd: number, imm: number): number =>
  (((imm >> 20) & 1) << 31) |
  (((imm >> 1) & 0x3ff) << 21) |
  (((imm >> 11) & 1) << 20) |
  (imm & 0xf_f000) |
  (rd << 7) |
  Opcode.JAL;

/** Bit `from` of the parcel at position `to`. */
const bit = (parcel: number, from: number, to: number): number => ((parcel >>> from) & 1) << to;
/** The three-bit register fields name x8 to x15. */
const rdLow = (parcel: number): number => 8 + ((parcel >>> 2) & 7);
const rs1Low = (parcel: number): number => 8 + ((parcel >>> 7) & 7);
const rdFull = (parcel: number): number => (parcel >>> 7) & 31;
const rs2Full = (parcel: number): number => (parcel >>> 2) & 31;

/** imm[5] at bit 12, imm[4:0] at bits 6:2, sign-extended. */
const immediate6 = (parcel: number): number => ((bit(parcel, 12, 5) << 26) >> 26) | ((parcel >>> 2) & 31);
/** uimm[5:3] at bits 12:10, uimm[2] at bit 6, uimm[6] at bit 5. */
const wordOffset = (parcel: number): number =>
  ((parcel >>> 7) & 0x38) | bit(parcel, 6, 2) | bit(parcel, 5, 6);
const compressedJumpOffset = (parcel: number): number =>
  ((bit(parcel, 12, 11) << 20) >> 20) |
  bit(parcel, 11, 4) |
  ((parcel >>> 1) & 0x300) |
  bit(parcel, 8, 10) |
  bit(parcel, 7, 6) |
  bit(parcel, 6, 7) |
  ((parcel >>> 2) & 0xe) |
  bit(parcel, 2, 5);
const compressedBranchOffset = (parcel: number): number =>
  ((bit(parcel, 12, 8) << 23) >> 23) |
  ((parcel >>> 7) & 0x18) |
  ((parcel << 1) & 0xc0) |
  ((parcel >>> 2) & 6) |
  bit(parcel, 2, 5);

function expandAddi4spn(parcel: number): number {
  const imm = ((parcel >>> 7) & 0x30) | ((parcel >>> 1) & 0x3c0) | bit(parcel, 6, 2) | bit(parcel, 5, 3);
  return imm === 0 ? ILLEGAL_WORD : iType(Opcode.OP_IMM, 0, rdLow(parcel), SP, imm);
}

/** c.addi16sp with rd = x2, else c.lui; an immediate of 0 is reserved in both. */
function expandLui(parcel: number): number {
  const imm = immediate6(parcel);
  if (imm === 0) return ILLEGAL_WORD;
  const rd = rdFull(parcel);
  if (rd !== SP) return uType(Opcode.LUI, rd, imm << 12);
  const step =
    ((bit(parcel, 12, 9) << 22) >> 22) |
    bit(parcel, 6, 4) |
    bit(parcel, 5, 6) |
    ((parcel << 4) & 0x180) |
    bit(parcel, 2, 5);
  return iType(Opcode.OP_IMM, 0, SP, SP, step);
}

/** funct3 and funct7 of c.sub, c.xor, c.or, c.and. */
const REGISTER_OPERATIONS: readonly (readonly [funct3: number, funct7: number])[] = [
  [0, 0x20],
  [4, 0],
  [6, 0],
  [7, 0],
];

/** c.srli, c.srai, c.andi, c.sub, c.xor, c.or, c.and. Shifts by 32 and more are custom space on RV32. */
function expandArithmetic(parcel: number): number {
  const rd = rs1Low(parcel);
  const kind = (parcel >>> 10) & 3;
  const wide = (parcel & 0x1000) !== 0;
  if (kind === 2) return iType(Opcode.OP_IMM, 7, rd, rd, immediate6(parcel));
  if (kind < 2) {
    return wide ? ILLEGAL_WORD : rType(Opcode.OP_IMM, 5, kind === 1 ? 0x20 : 0, rd, rd, rs2Full(parcel));
  }
  const operation = REGISTER_OPERATIONS[(parcel >>> 5) & 3];
  if (wide || operation === undefined) return ILLEGAL_WORD;
  return rType(Opcode.OP, operation[0], operation[1], rd, rd, rdLow(parcel));
}

function expandSlli(parcel: number): number {
  const rd = rdFull(parcel);
  return (parcel & 0x1000) !== 0 ? ILLEGAL_WORD : rType(Opcode.OP_IMM, 1, 0, rd, rd, rs2Full(parcel));
}

function expandLwsp(parcel: number): number {
  const rd = rdFull(parcel);
  const imm = ((parcel >>> 2) & 0x1c) | bit(parcel, 12, 5) | ((parcel << 4) & 0xc0);
  return rd === 0 ? ILLEGAL_WORD : iType(Opcode.LOAD, 2, rd, SP, imm);
}

/** c.jr, c.mv, c.ebreak, c.jalr, c.add. */
function expandJumpOrMove(parcel: number): number {
  const rd = rdFull(parcel);
  const rs2 = rs2Full(parcel);
  const link = (parcel & 0x1000) !== 0;
  if (rs2 !== 0) return rType(Opcode.OP, 0, 0, rd, link ? rd : ZERO, rs2);
  if (rd !== 0) return iType(Opcode.JALR, 0, link ? RA : ZERO, rd, 0);
  return link ? 0x0010_0073 : ILLEGAL_WORD;
}

const illegal = (): number => ILLEGAL_WORD;
const expandLw = (p: number): number => iType(Opcode.LOAD, 2, rdLow(p), rs1Low(p), wordOffset(p));
const expandSw = (p: number): number => sType(Opcode.STORE, 2, rs1Low(p), rdLow(p), wordOffset(p));
const expandAddi = (p: number): number => iType(Opcode.OP_IMM, 0, rdFull(p), rdFull(p), immediate6(p));
const expandJal = (p: number): number => jType(RA, compressedJumpOffset(p));
const expandLi = (p: number): number => iType(Opcode.OP_IMM, 0, rdFull(p), ZERO, immediate6(p));
const expandJ = (p: number): number => jType(ZERO, compressedJumpOffset(p));
const expandBeqz = (p: number): number => bType(0, rs1Low(p), compressedBranchOffset(p));
const expandBnez = (p: number): number => bType(1, rs1Low(p), compressedBranchOffset(p));
const expandSwsp = (p: number): number =>
  sType(Opcode.STORE, 2, SP, rs2Full(p), ((p >>> 7) & 0x3c) | ((p >>> 1) & 0xc0));

/** By quadrant (bits 1:0) and funct3 (bits 15:13). The gaps are floating point. */
const EXPANDERS: readonly ((parcel: number) => number)[] = [
  ...[expandAddi4spn, illegal, expandLw, illegal, illegal, illegal, expandSw, illegal],
  ...[expandAddi, expandJal, expandLi, expandLui, expandArithmetic, expandJ, expandBeqz, expandBnez],
  ...[expandSlli, illegal, expandLwsp, illegal, expandJumpOrMove, illegal, expandSwsp, illegal],
];

/** c.lbu, c.lhu, c.lh, c.sb, c.sh: the offset's bit 1 is bit 5 of the parcel, its bit 0 bit 6 where it has one. */
function expandNarrowAccess(parcel: number): number {
  const half = bit(parcel, 5, 1);
  const byte = half | bit(parcel, 6, 0);
  const marked = (parcel & 0x40) !== 0;
  switch ((parcel >>> 10) & 7) {
    case 0:
      return iType(Opcode.LOAD, 4, rdLow(parcel), rs1Low(parcel), byte);
    case 1:
      return iType(Opcode.LOAD, marked ? 1 : 5, rdLow(parcel), rs1Low(parcel), half);
    case 2:
      return sType(Opcode.STORE, 0, rs1Low(parcel), rdLow(parcel), byte);
    case 3:
      return marked ? ILLEGAL_WORD : sType(Opcode.STORE, 1, rs1Low(parcel), rdLow(parcel), half);
    default:
      return ILLEGAL_WORD;
  }
}

/** c.mul, c.zext.b, c.sext.b, c.zext.h, c.sext.h, c.not. */
function expandExtendOrNot(parcel: number): number {
  const rd = rs1Low(parcel);
  const kind = (parcel >>> 5) & 3;
  if ((parcel & 0x1c00) !== 0x1c00 || kind < 2) return ILLEGAL_WORD;
  if (kind === 2) return rType(Opcode.OP, 0, 1, rd, rd, rdLow(parcel));
  switch ((parcel >>> 2) & 7) {
    case 0:
      return iType(Opcode.OP_IMM, 7, rd, rd, 0xff);
    case 1:
      return iType(Opcode.OP_IMM, 1, rd, rd, 0x604);
    case 2:
      return iType(Opcode.OP, 4, rd, rd, 0x080);
    case 3:
      return iType(Opcode.OP_IMM, 1, rd, rd, 0x605);
    case 5:
      return iType(Opcode.OP_IMM, 4, rd, rd, -1);
    default:
      return ILLEGAL_WORD;
  }
}

/** Zcb, in what C leaves reserved: quadrants 0 and 1, funct3 4. */
function expandZcb(parcel: number): number {
  if ((parcel & 0xe003) === 0x8000) return expandNarrowAccess(parcel);
  return (parcel & 0xe003) === 0x8001 ? expandExtendOrNot(parcel) : ILLEGAL_WORD;
}

/**
 * The 32-bit instruction that a compressed one stands for, or 0 if it is illegal. Of the extensions C and Zcb count;
 * whether the hart has what the expansion needs, such as M for c.mul, is the decoder's to say.
 */
export function expandCompressed(parcel: number, extensions: Extensions): number {
  if ((extensions & Extension.C) === 0) return ILLEGAL_WORD;
  const expand = EXPANDERS[((parcel & 3) << 3) | ((parcel >>> 13) & 7)] ?? illegal;
  const word = expand(parcel);
  return word === ILLEGAL_WORD && (extensions & Extension.ZCB) !== 0 ? expandZcb(parcel) : word;
}
