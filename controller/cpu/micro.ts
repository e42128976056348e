/**
 * An entry of decoded code: what one instruction does, as two words that the interpreter executes.
 *
 * The first word has a byte for each of its fields, so that the inner loop (stride.ts) loads each as it stands:
 * `operation | 128 if it has four bytes`, then four times the numbers of rd, rs1 and rs2. The second is the operand: an
 * immediate, or for a jump within its segment the host offset of the target's entry.
 */

import { Op } from "./decode.ts";

/**
 * What an entry does that no instruction has for its operation; all others are their instruction's {@link Op}. An entry
 * that nobody wrote is 0, so an illegal instruction has a number here.
 */
export const enum Micro {
  UNDECODED = 0,
  ILLEGAL = 112,
  /** Execution ran off the end of the segment. */
  SEGMENT_END,
  /** A 4-byte instruction of which only the first half lies in the segment. */
  RAGGED,
  NOP,
  /** rd = operand. */
  LI,
  /** jal without link. */
  J,
  /** jal or a branch whose target lies outside its segment, or where the hart has no instruction. */
  JUMP_OUT,
  /** The operand holds the Op above bit 12. */
  AMO,
  /** The operand holds the CSR number and, above bit 12, the Op. */
  CSR,
  /** Another engine has code for this pc (DecodedCode.markEntry); the instruction itself is not decoded here. */
  ENTRY,
  /** A trigger may fire here (triggers.ts); the instruction itself is not decoded here. */
  TRIGGER,
  COUNT,
}

/** What an entry does. */
export type EntryOp = Op | Micro;

/** Bit of an entry's first byte: the instruction has four bytes, else two. */
export const LONG = 0x80;

if (Op.COUNT > Micro.ILLEGAL || Micro.COUNT > LONG)
  throw new Error("the operations of entries do not fit a byte");

/** An entry's first word. Of `rd`, 32 is where what is written to x0 goes. */
export function packEntry(op: EntryOp, rd: number, rs1: number, rs2: number, length: number): number {
  return op | (length === 4 ? LONG : 0) | (rd << 10) | (rs1 << 18) | (rs2 << 26);
}

export function entryOpOf(entry: number): EntryOp {
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
