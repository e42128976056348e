/**
 * An entry of decoded code: what one instruction does, as two words that the interpreter executes.
 *
 * The first word has a byte for each of its fields, so that the inner loop (stride.ts) loads each as it stands:
 * `operation | 128 if it has four bytes`, then four times the numbers of rd, rs1 and rs2. The second is the operand: an
 * immediate, or for a jump within its segment the host offset of the target's entry.
 */

/** What an entry does. Those named as an Op of decode.ts are it. */
export const enum Micro {
  UNDECODED = 0,
  /** Execution ran off the end of the segment. */
  SEGMENT_END,
  /** A 4-byte instruction of which only the first half lies in the segment. */
  RAGGED,
  ILLEGAL,
  NOP,
  /** rd = operand. */
  LI,
  JAL,
  /** jal without link. */
  J,
  JALR,
  /** jal or a branch whose target lies outside its segment. */
  JUMP_OUT,
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
  ROL,
  ROR,
  RORI,
  ORC_B,
  REV8,
  CLMUL,
  CLMULH,
  CLMULR,
  BCLR,
  BEXT,
  BEXTI,
  BINV,
  BSET,
  LR_W,
  SC_W,
  /** The operand holds the Op above bit 12. */
  AMO,
  /** The operand holds the CSR number and, above bit 12, the Op. */
  CSR,
  FENCE_I,
  ECALL,
  EBREAK,
  MRET,
  WFI,
  /** Another engine has code for this pc (DecodedCode.markEntry); the instruction itself is not decoded here. */
  ENTRY,
  /** A trigger may fire here (triggers.ts); the instruction itself is not decoded here. */
  TRIGGER,
}

/** Bit of an entry's first byte: the instruction has four bytes, else two. */
export const LONG = 0x80;
/** An entry's first word. Of `rd`, 32 is where what is written to x0 goes. */
export function packEntry(micro: Micro, rd: number, rs1: number, rs2: number, length: number): number {
  return micro | (length === 4 ? LONG : 0) | (rd << 10) | (rs1 << 18) | (rs2 << 26);
}

export function microOf(entry: number): Micro {
  return entry & 0x7f;
}

export function rdOf(entry: number): number {
  return (entry >> 10) & 63;
}

export function rs1Of(entry: number): number {
  return (entry >> 18) & 31;
}

export function rs2Of(entry: number): number {
  return (entry >> 26) & 31;
}

/** Bytes of the instruction. */
export function lengthOf(entry: number): number {
  return (entry & LONG) === 0 ? 2 : 4;
}
