/** What register operations give, defined over whole numbers: the manual's sentences, and nothing of how a machine computes. */
import type { BitImmediateMnemonic, BitMnemonic, RMnemonic, UnaryMnemonic } from "../hostile/assembler.ts";

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

const ALL_ONES = 0xffff_ffffn;
const bitOf = (number: number): bigint => 1n << (unsigned(number) & 31n);
const hasBit = (word: bigint, bit: number): boolean => ((word >> BigInt(bit)) & 1n) !== 0n;
const bitNumbers = Array.from({ length: 32 }, (_, bit) => bit);
const rotated = (a: number, left: bigint): bigint => {
  const amount = left & 31n;
  return ((unsigned(a) << amount) | (unsigned(a) >> (32n - amount))) & ALL_ONES;
};
/** The 64-bit product without carries. */
const carryless = (a: number, b: number): bigint =>
  bitNumbers
    .filter((bit) => hasBit(unsigned(b), bit))
    .reduce((product, bit) => product ^ (unsigned(a) << BigInt(bit)), 0n);
const bytesOf = (a: number): readonly bigint[] =>
  [0n, 8n, 16n, 24n].map((shift) => (unsigned(a) >> shift) & 0xffn);
/** The lowest first. */
const fromBytes = (bytes: readonly bigint[]): bigint =>
  bytes.reduceRight((word, byte) => (word << 8n) | byte, 0n);

/** Volume I, chapter B and "Zbc". */
export const BIT_DEFINITIONS: Readonly<Record<BitMnemonic, Definition>> = {
  sh1add: (a, b) => signed(b) + 2n * signed(a),
  sh2add: (a, b) => signed(b) + 4n * signed(a),
  sh3add: (a, b) => signed(b) + 8n * signed(a),
  andn: (a, b) => signed(a) & ~signed(b),
  orn: (a, b) => signed(a) | ~signed(b),
  xnor: (a, b) => ~(signed(a) ^ signed(b)),
  max: (a, b) => (signed(a) > signed(b) ? signed(a) : signed(b)),
  maxu: (a, b) => (unsigned(a) > unsigned(b) ? unsigned(a) : unsigned(b)),
  min: (a, b) => (signed(a) < signed(b) ? signed(a) : signed(b)),
  minu: (a, b) => (unsigned(a) < unsigned(b) ? unsigned(a) : unsigned(b)),
  rol: (a, b) => rotated(a, unsigned(b)),
  ror: (a, b) => rotated(a, -unsigned(b)),
  clmul: (a, b) => carryless(a, b) & ALL_ONES,
  clmulr: (a, b) => carryless(a, b) >> 31n,
  clmulh: (a, b) => carryless(a, b) >> 32n,
  bclr: (a, b) => unsigned(a) & ~bitOf(b),
  bext: (a, b) => (unsigned(a) >> (unsigned(b) & 31n)) & 1n,
  binv: (a, b) => unsigned(a) ^ bitOf(b),
  bset: (a, b) => unsigned(a) | bitOf(b),
};

/** With a constant in place of rs2. */
export const BIT_IMMEDIATE_DEFINITIONS: Readonly<Record<BitImmediateMnemonic, Definition>> = {
  rori: BIT_DEFINITIONS.ror,
  bclri: BIT_DEFINITIONS.bclr,
  bexti: BIT_DEFINITIONS.bext,
  binvi: BIT_DEFINITIONS.binv,
  bseti: BIT_DEFINITIONS.bset,
};

/** Of one register. */
export const UNARY_DEFINITIONS: Readonly<Record<UnaryMnemonic, (a: number) => bigint>> = {
  clz: (a) => BigInt(bitNumbers.find((bit) => hasBit(unsigned(a), 31 - bit)) ?? 32),
  ctz: (a) => BigInt(bitNumbers.find((bit) => hasBit(unsigned(a), bit)) ?? 32),
  cpop: (a) => BigInt(bitNumbers.filter((bit) => hasBit(unsigned(a), bit)).length),
  "sext.b": (a) => BigInt.asIntN(8, unsigned(a)),
  "sext.h": (a) => BigInt.asIntN(16, unsigned(a)),
  "zext.h": (a) => unsigned(a) & 0xffffn,
  "orc.b": (a) => fromBytes(bytesOf(a).map((byte) => (byte === 0n ? 0n : 0xffn))),
  rev8: (a) => fromBytes([...bytesOf(a)].reverse()),
};
