/**
 * The arithmetic of RV32IM, Zba, Zbb, Zbc and Zbs as WebAssembly: each operation leaves its result on the stack.
 *
 * Invariants: no operation here touches memory, control flow or the hart, and none can trap: the divisions
 * that WebAssembly traps on are told apart first (volume I, "Division operations": by zero, and overflow).
 */
import { BIT_OPERATIONS, constantOf } from "../cpu/bit-manipulation.ts";
import { type Instruction, Op } from "../cpu/decode.ts";
import { type CodeWriter, Wasm } from "../wasm/emitter.ts";

/** Where an operation's operands come from and what it may use besides. */
export interface OperandSource {
  readonly out: CodeWriter;
  /** Pushes the value of a guest register. */
  push(register: number): void;
  /** Two locals that are free for the length of one operation. */
  readonly scratch: number;
  readonly scratch2: number;
}

/** Operations on rs1 and the immediate. */
const IMMEDIATE: ReadonlyMap<Op, Wasm> = new Map([
  [Op.ADDI, Wasm.I32_ADD],
  [Op.SLTI, Wasm.I32_LT_S],
  [Op.SLTIU, Wasm.I32_LT_U],
  [Op.XORI, Wasm.I32_XOR],
  [Op.ORI, Wasm.I32_OR],
  [Op.ANDI, Wasm.I32_AND],
  [Op.SLLI, Wasm.I32_SHL],
  [Op.SRLI, Wasm.I32_SHR_U],
  [Op.SRAI, Wasm.I32_SHR_S],
  [Op.ZEXT_H, Wasm.I32_AND],
  [Op.BCLRI, Wasm.I32_AND],
  [Op.BINVI, Wasm.I32_XOR],
  [Op.BSETI, Wasm.I32_OR],
]);

/** Operations on rs1 and rs2. WebAssembly, too, takes shift amounts modulo 32. */
const REGISTER: ReadonlyMap<Op, Wasm> = new Map([
  [Op.ADD, Wasm.I32_ADD],
  [Op.SUB, Wasm.I32_SUB],
  [Op.SLL, Wasm.I32_SHL],
  [Op.SLT, Wasm.I32_LT_S],
  [Op.SLTU, Wasm.I32_LT_U],
  [Op.XOR, Wasm.I32_XOR],
  [Op.SRL, Wasm.I32_SHR_U],
  [Op.SRA, Wasm.I32_SHR_S],
  [Op.OR, Wasm.I32_OR],
  [Op.AND, Wasm.I32_AND],
  [Op.MUL, Wasm.I32_MUL],
]);

const BRANCH: ReadonlyMap<Op, Wasm> = new Map([
  [Op.BEQ, Wasm.I32_EQ],
  [Op.BNE, Wasm.I32_NE],
  [Op.BLT, Wasm.I32_LT_S],
  [Op.BGE, Wasm.I32_GE_S],
  [Op.BLTU, Wasm.I32_LT_U],
  [Op.BGEU, Wasm.I32_GE_U],
]);

const INT32_MIN = -(2 ** 31);

/** Pushes what `insn` writes to rd. */
export function emitArithmetic(source: OperandSource, insn: Instruction, pc: number): void {
  const { out } = source;
  const { op, rs1, rs2, imm } = insn;
  if (op === Op.LUI) {
    out.constant(imm);
    return;
  }
  if (op === Op.AUIPC) {
    out.constant((pc + imm) | 0);
    return;
  }
  const immediate = IMMEDIATE.get(op);
  if (immediate !== undefined) {
    emitImmediate(source, immediate, rs1, constantOf(op, imm) ?? imm);
    return;
  }
  const register = REGISTER.get(op);
  if (register !== undefined) {
    source.push(rs1);
    source.push(rs2);
    out.op(register);
    return;
  }
  const bitOperation = BIT_OPERATIONS.get(op);
  if (bitOperation !== undefined) {
    const second = op === Op.RORI || op === Op.BEXTI ? () => out.constant(imm) : () => source.push(rs2);
    bitOperation({ ...source, out, first: () => source.push(rs1), second });
    return;
  }
  if (op === Op.MULH || op === Op.MULHSU || op === Op.MULHU) emitMultiplyHigh(source, insn);
  else emitDivision(source, insn);
}

function emitImmediate(source: OperandSource, operation: Wasm, rs1: number, imm: number): void {
  const { out } = source;
  if (rs1 === 0 && operation === Wasm.I32_ADD) {
    out.constant(imm);
    return;
  }
  source.push(rs1);
  if (imm === 0 && operation === Wasm.I32_ADD) return;
  out.constant(imm);
  out.op(operation);
}

function emitMultiplyHigh(source: OperandSource, { op, rs1, rs2 }: Instruction): void {
  const { out } = source;
  source.push(rs1);
  out.op(op === Op.MULHU ? Wasm.I64_EXTEND_I32_U : Wasm.I64_EXTEND_I32_S);
  source.push(rs2);
  out.op(op === Op.MULH ? Wasm.I64_EXTEND_I32_S : Wasm.I64_EXTEND_I32_U);
  out.op(Wasm.I64_MUL);
  out.constant64(32);
  out.op(Wasm.I64_SHR_U);
  out.op(Wasm.I32_WRAP_I64);
}

function emitDivision(source: OperandSource, { op, rs1, rs2 }: Instruction): void {
  const { out, scratch } = source;
  const signed = op === Op.DIV || op === Op.REM;
  const remainder = op === Op.REM || op === Op.REMU;
  const block = out.block();
  // Division by zero: the quotient has all bits set, the remainder is the dividend.
  if (remainder) source.push(rs1);
  else out.constant(-1);
  out.set(scratch);
  source.push(rs2);
  out.op(Wasm.I32_EQZ);
  out.branchIf(block);
  // rem_s of -2^31 by -1 is 0 in WebAssembly as in RISC-V; only div_s traps there.
  if (signed && !remainder) emitOverflowCase(source, rs1, rs2, block);
  source.push(rs1);
  source.push(rs2);
  if (remainder) out.op(signed ? Wasm.I32_REM_S : Wasm.I32_REM_U);
  else out.op(signed ? Wasm.I32_DIV_S : Wasm.I32_DIV_U);
  out.set(scratch);
  out.end();
  out.get(scratch);
}

/** -2^31 / -1 is -2^31. */
function emitOverflowCase(source: OperandSource, rs1: number, rs2: number, block: number): void {
  const { out, scratch } = source;
  out.constant(INT32_MIN);
  out.set(scratch);
  source.push(rs1);
  out.constant(INT32_MIN);
  out.op(Wasm.I32_EQ);
  source.push(rs2);
  out.constant(-1);
  out.op(Wasm.I32_EQ);
  out.op(Wasm.I32_AND);
  out.branchIf(block);
}

/** Pushes whether a conditional branch is taken; any value but 0 says yes. */
export function emitCondition(source: OperandSource, { op, rs1, rs2 }: Instruction): void {
  const { out } = source;
  if (rs2 === 0 && (op === Op.BEQ || op === Op.BNE)) {
    source.push(rs1);
    if (op === Op.BEQ) out.op(Wasm.I32_EQZ);
    return;
  }
  source.push(rs1);
  source.push(rs2);
  out.op(BRANCH.get(op) ?? Wasm.UNREACHABLE);
}
