/**
 * How NOR flash tears: what an erase or a program leaves when power goes while one of its units is under way.
 *
 * The unit was to change some bits (an erase sets them, a program clears them). A cut inside leaves any of these bits
 * changed and the others not, and may leave cells between two values that read differently each time until they are
 * erased. These ways stand for all: bits drawn by seed, all but one, none but one, every bit undecided; and bits drawn
 * by seed from what a chip does first in an erase: it programs the whole sector to 0.
 *
 * Nothing but bits of the unit in progress ever differs, whatever the way.
 */
import type { Random } from "../base/random.ts";

export const TEARS = ["seeded", "all-but-one", "none-but-one", "unstable", "preprogrammed"] as const;
export type Tear = (typeof TEARS)[number];

/**
 * Further ways. "front-half": the chip goes through the unit from its front, and has done some of it, in whole words (in
 * whole bytes where only one word changes); the rest is untouched. "ecc": nothing of the unit can be read until it is
 * erased, which only a chip with ECC can tell.
 */
export const PARTIAL_TEARS = ["front-half"] as const;
export const ECC_TEARS = ["ecc"] as const;
export const CHIP_TEARS = [...TEARS, ...PARTIAL_TEARS, ...ECC_TEARS] as const;
export type ChipTear = (typeof CHIP_TEARS)[number];

const PLAIN_TEARS: readonly ChipTear[] = [...TEARS, ...PARTIAL_TEARS];

/** The ways in which a unit of such flash tears. */
export function tearsOf(hasEcc: boolean): readonly ChipTear[] {
  return hasEcc ? CHIP_TEARS : PLAIN_TEARS;
}

/** A word that an operation would change. */
export interface WordChange {
  readonly word: number;
  readonly before: number;
  readonly after: number;
}

/** Bits of a word that a torn operation left between their two values. */
export interface UnstableWord {
  readonly word: number;
  readonly mask: number;
  /** What the operation would have made of the word. */
  readonly target: number;
}

export interface Torn {
  readonly stores: readonly { readonly word: number; readonly value: number }[];
  readonly unstable: readonly UnstableWord[];
}

/**
 * What is left of `changes` when they are torn.
 * @param changes all words that were to change; with none, nothing is torn
 */
export function tearChanges(changes: readonly WordChange[], how: ChipTear, random: Random): Torn {
  if (changes.length === 0) return { stores: [], unstable: [] };
  if (how === "front-half") return { stores: frontOf(changes, random), unstable: [] };
  if (how === "unstable") {
    const unstable = changes.map(({ word, before, after }) => ({
      word,
      mask: before ^ after,
      target: after,
    }));
    const stores = changes.map(({ word, before }, index) => {
      const cell = unstable[index];
      return { word, value: cell === undefined ? before : unstableReading(before, cell, random) };
    });
    return { stores, unstable };
  }
  const only = pickBit(changes, random);
  const stores = changes.map(({ word, before, after }) => {
    const bits = before ^ after;
    const picked = word === only.word ? only.bit : 0;
    return { word, value: before ^ chosen(how, bits, picked, random) };
  });
  return { stores, unstable: [] };
}

/** How unstable bits read: drawn anew, or, for the worst of readers, as if their operation had been completed. */
export type Reading = Random | "completed";

/** What a word with unstable bits reads this time. */
export function unstableReading(word: number, { mask, target }: UnstableWord, reading: Reading): number {
  return (word & ~mask) | ((reading === "completed" ? target : reading.uint32()) & mask);
}

/**
 * What is left of unstable cells when a unit is done: an erase makes all of its cells definite, a program those that it
 * changes.
 * @param left the bits of a word that the operation leaves
 */
export function settledCells(
  cells: readonly UnstableWord[],
  start: number,
  end: number,
  left: (word: number) => number,
): readonly UnstableWord[] {
  if (cells.length === 0) return cells;
  return cells.flatMap((cell) => {
    const inside = bitsWithin(cell.word, start, end);
    if (inside === 0) return [cell];
    const mask = cell.mask & (left(cell.word) | ~inside);
    return mask === 0 ? [] : [{ ...cell, mask }];
  });
}

/** The bits of a word whose bytes are in the range. */
export function bitsWithin(word: number, start: number, end: number): number {
  const from = Math.max(0, start - word * 4);
  const to = Math.min(4, end - word * 4);
  if (from === 0 && to === 4) return -1;
  return to <= from ? 0 : (2 ** (8 * to) - 2 ** (8 * from)) | 0;
}

/** The bits of one word that have flipped when power goes. */
function chosen(
  how: Exclude<ChipTear, "unstable" | "front-half">,
  bits: number,
  picked: number,
  random: Random,
): number {
  switch (how) {
    case "seeded":
    case "preprogrammed":
    // Whatever it leaves, nobody can read it.
    case "ecc":
      return bits & random.uint32();
    case "all-but-one":
      return bits & ~picked;
    case "none-but-one":
      return picked;
  }
}

/** Some of the changes from the front on, and never all. */
function frontOf(changes: readonly WordChange[], random: Random): Torn["stores"] {
  const [first] = changes;
  if (first === undefined) return [];
  if (changes.length > 1) {
    const done = changes.slice(0, 1 + random.below(changes.length - 1));
    return done.map(({ word, after }) => ({ word, value: after }));
  }
  const { word, before, after } = first;
  const bytes = [0, 1, 2, 3].filter((byte) => (((before ^ after) >>> (8 * byte)) & 0xff) !== 0);
  if (bytes.length < 2) return [];
  const end = bytes[1 + random.below(bytes.length - 1)] as number;
  const mask = 2 ** (8 * end) - 1;
  return [{ word, value: (before & ~mask) | (after & mask) }];
}

function pickBit(changes: readonly WordChange[], random: Random): { word: number; bit: number } {
  const { word, before, after } = random.pick(changes);
  const bits: number[] = [];
  for (let at = 0; at < 32; at += 1) {
    const bit = 1 << at;
    if (((before ^ after) & bit) !== 0) bits.push(bit);
  }
  return { word, bit: random.pick(bits) };
}
