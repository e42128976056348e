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
export function tearChanges(changes: readonly WordChange[], how: Tear, random: Random): Torn {
  if (changes.length === 0) return { stores: [], unstable: [] };
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

/** The bits of one word that have flipped when power goes. */
function chosen(how: Exclude<Tear, "unstable">, bits: number, picked: number, random: Random): number {
  switch (how) {
    case "seeded":
    case "preprogrammed":
      return bits & random.uint32();
    case "all-but-one":
      return bits & ~picked;
    case "none-but-one":
      return picked;
  }
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
