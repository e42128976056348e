/** What register operations give, defined over whole numbers: the manual's sentences, and nothing of how a machine computes. */
import type { RMnemonic } from "../hostile/assembler.ts";

const signed = (value: number): bigint => BigInt(value | 0);
const unsigned = (value: number): bigint => BigInt(value >>> 0);

/** What fits a register. */
export const low32 = (value: bigint): number => Number(BigInt.asIntN(32, value));

/** Of rs1 and rs2; the low 32 bits count. */
export type Definition = (a: number, b: number) => bigint;

/** Volume I, RV32I "Integer Register-Register Operations" and chapter M. */
export const DEFINITIONS: Readonly<Record<RMnemonic, Definition>> = {
  add: (a, b) => signed(a) + signed(b),
  sub: (a, b) => signed(a) - signed(b),
  sll: (a, b) => unsigned(a) << (unsigned(b) & 31n),
  slt: (a, b) => (signed(a) < signed(b) ? 1n : 0n),
  sltu: (a, b) => (unsigned(a) < unsigned(b) ? 1n : 0n),
  xor: (a, b) => signed(a) ^ signed(b),
  srl: (a, b) => unsigned(a) >> (unsigned(b) & 31n),
  sra: (a, b) => signed(a) >> (unsigned(b) & 31n),
  or: (a, b) => signed(a) | signed(b),
  and: (a, b) => signed(a) & signed(b),
  mul: (a, b) => signed(a) * signed(b),
  mulh: (a, b) => (signed(a) * signed(b)) >> 32n,
  mulhsu: (a, b) => (signed(a) * unsigned(b)) >> 32n,
  mulhu: (a, b) => (unsigned(a) * unsigned(b)) >> 32n,
  div: (a, b) => (b === 0 ? -1n : signed(a) / signed(b)),
  divu: (a, b) => (b === 0 ? -1n : unsigned(a) / unsigned(b)),
  rem: (a, b) => (b === 0 ? signed(a) : signed(a) % signed(b)),
  remu: (a, b) => (b === 0 ? unsigned(a) : unsigned(a) % unsigned(b)),
};
