/**
 * The operations of Zba, Zbb, Zbc and Zbs as WebAssembly, for the interpreter's inner loop and for translated code: each
 * leaves its result on the stack, and none can trap.
 *
 * Source: The RISC-V Instruction Set Manual, volume I, chapter "B" and "Zbc: Carry-less multiplication".
 */
import { type CodeWriter, Wasm } from "../wasm/emitter.ts";
import { Op } from "./decode.ts";

/** Where operands come from, as often as they are needed, and what may be used besides. */
export interface BitOperands {
  readonly out: CodeWriter;
  /** Pushes rs1. */
  readonly first: () => void;
  /** Pushes rs2, or the constant in its place. */
  readonly second: () => void;
  /** Two locals that are free for the length of one operation. */
  readonly scratch: number;
  readonly scratch2: number;
}

/** Pushes what goes to rd. */
export type BitOperation = (operands: BitOperands) => void;

const LOW_BITS_OF_BYTES = 0x7f7f_7f7f;
const HIGH_BITS_OF_BYTES = 0x8080_8080 | 0;
const EVEN_BYTES = 0x00ff_00ff;

const shiftAdd =
  (amount: number): BitOperation =>
  ({ out, first, second }) => {
    first();
    out.constant(amount);
    out.op(Wasm.I32_SHL);
    second();
    out.op(Wasm.I32_ADD);
  };

const unary =
  (op: Wasm): BitOperation =>
  ({ out, first }) => {
    first();
    out.op(op);
  };

const binary =
  (op: Wasm): BitOperation =>
  ({ out, first, second }) => {
    first();
    second();
    out.op(op);
  };

/** With rs2's complement. */
const inverted =
  (op: Wasm): BitOperation =>
  ({ out, first, second }) => {
    first();
    second();
    out.constant(-1);
    out.op(Wasm.I32_XOR);
    out.op(op);
  };

/** The first operand where the comparison holds, else the second. */
const chosen =
  (comparison: Wasm): BitOperation =>
  ({ out, first, second }) => {
    first();
    second();
    first();
    second();
    out.op(comparison);
    out.op(Wasm.SELECT);
  };

/** With the bit that the second operand numbers, or for bclr with all but it. */
const withBit =
  (op: Wasm, complement: boolean): BitOperation =>
  ({ out, first, second }) => {
    first();
    out.constant(complement ? -2 : 1);
    second();
    out.op(complement ? Wasm.I32_ROTL : Wasm.I32_SHL);
    out.op(op);
  };

const extractBit: BitOperation = ({ out, first, second }) => {
  first();
  second();
  out.op(Wasm.I32_SHR_U);
  out.constant(1);
  out.op(Wasm.I32_AND);
};

/** A byte's highest bit is set where it is not 0: a carry from the lower ones tells, or it was. Then it fills the byte. */
const orCombine: BitOperation = ({ out, first }) => {
  first();
  out.constant(LOW_BITS_OF_BYTES);
  out.op(Wasm.I32_AND);
  out.constant(LOW_BITS_OF_BYTES);
  out.op(Wasm.I32_ADD);
  first();
  out.op(Wasm.I32_OR);
  out.constant(HIGH_BITS_OF_BYTES);
  out.op(Wasm.I32_AND);
  out.constant(7);
  out.op(Wasm.I32_SHR_U);
  out.constant(0xff);
  out.op(Wasm.I32_MUL);
};

/** Bytes 0 and 2 go 8 to the left, round the end; bytes 1 and 3 to the right. */
const reverseBytes: BitOperation = ({ out, first }) => {
  first();
  out.constant(8);
  out.op(Wasm.I32_ROTL);
  out.constant(EVEN_BYTES);
  out.op(Wasm.I32_AND);
  first();
  out.constant(8);
  out.op(Wasm.I32_ROTR);
  out.constant(~EVEN_BYTES);
  out.op(Wasm.I32_AND);
  out.op(Wasm.I32_OR);
};

/**
 * The sum without carries of rs1, shifted by `shift`, for each bit that rs2 has: its number is on the stack, and rs1
 * below it.
 */
const carryless =
  (shift: (out: CodeWriter) => void): BitOperation =>
  ({ out, first, second, scratch, scratch2 }) => {
    second();
    out.set(scratch);
    out.constant(0);
    out.set(scratch2);
    const done = out.block();
    const next = out.loop();
    out.get(scratch);
    out.op(Wasm.I32_EQZ);
    out.branchIf(done);
    first();
    out.get(scratch);
    out.op(Wasm.I32_CTZ);
    shift(out);
    out.get(scratch2);
    out.op(Wasm.I32_XOR);
    out.set(scratch2);
    out.get(scratch);
    out.get(scratch);
    out.constant(1);
    out.op(Wasm.I32_SUB);
    out.op(Wasm.I32_AND);
    out.set(scratch);
    out.branch(next);
    out.end();
    out.end();
    out.get(scratch2);
  };

/** To the right by 31 less the bit's number: modulo 32 that is its complement. */
const shiftReversed = (out: CodeWriter): void => {
  out.constant(-1);
  out.op(Wasm.I32_XOR);
  out.op(Wasm.I32_SHR_U);
};

/** The same, and once more. */
const shiftHigh = (out: CodeWriter): void => {
  shiftReversed(out);
  out.constant(1);
  out.op(Wasm.I32_SHR_U);
};

/** Those with a constant of one bit are an and, or or xor with {@link constantOf} it, and are not here; zext.h likewise. */
export const BIT_OPERATIONS: ReadonlyMap<Op, BitOperation> = new Map<Op, BitOperation>([
  [Op.SH1ADD, shiftAdd(1)],
  [Op.SH2ADD, shiftAdd(2)],
  [Op.SH3ADD, shiftAdd(3)],
  [Op.ANDN, inverted(Wasm.I32_AND)],
  [Op.ORN, inverted(Wasm.I32_OR)],
  [Op.XNOR, inverted(Wasm.I32_XOR)],
  [Op.CLZ, unary(Wasm.I32_CLZ)],
  [Op.CTZ, unary(Wasm.I32_CTZ)],
  [Op.CPOP, unary(Wasm.I32_POPCNT)],
  [Op.MAX, chosen(Wasm.I32_GT_S)],
  [Op.MAXU, chosen(Wasm.I32_GT_U)],
  [Op.MIN, chosen(Wasm.I32_LT_S)],
  [Op.MINU, chosen(Wasm.I32_LT_U)],
  [Op.SEXT_B, unary(Wasm.I32_EXTEND8_S)],
  [Op.SEXT_H, unary(Wasm.I32_EXTEND16_S)],
  [Op.ROL, binary(Wasm.I32_ROTL)],
  [Op.ROR, binary(Wasm.I32_ROTR)],
  [Op.RORI, binary(Wasm.I32_ROTR)],
  [Op.ORC_B, orCombine],
  [Op.REV8, reverseBytes],
  [Op.CLMUL, carryless((out) => out.op(Wasm.I32_SHL))],
  [Op.CLMULH, carryless(shiftHigh)],
  [Op.CLMULR, carryless(shiftReversed)],
  [Op.BCLR, withBit(Wasm.I32_AND, true)],
  [Op.BEXT, extractBit],
  [Op.BEXTI, extractBit],
  [Op.BINV, withBit(Wasm.I32_XOR, false)],
  [Op.BSET, withBit(Wasm.I32_OR, false)],
]);

/** The constant that an operation's and, or or xor has; undefined where it is none of these. */
export function constantOf(op: Op, imm: number): number | undefined {
  switch (op) {
    case Op.ZEXT_H:
      return 0xffff;
    case Op.BCLRI:
      return ~(1 << imm);
    case Op.BINVI:
    case Op.BSETI:
      return 1 << imm;
    default:
      return undefined;
  }
}
