/**
 * How NOR flash tears: what an erase or a program leaves when power goes while it is under way.
 *
 * An operation changes some bits of its unit (an erase sets bits, a program clears them). A cut inside leaves any
 * of these bits changed and the others not; some cells may be left between two values and read differently each
 * time until they are erased. Five ways stand for all: two drawn by seed, all but one bit, none but one bit, and
 * every bit undecided (the worst reader: whole when it is verified, torn when it is used).
 */
import { Random } from "../../emulator/random.ts";
import type { PersistentMemory, UnstableWord } from "./persistent-memory.ts";

export const TEARS = ["seeded", "seeded-again", "all-but-one", "none-but-one", "unstable"] as const;
export type Tear = (typeof TEARS)[number];

/** What an operation would change: word by word, before and after. */
export interface WordChange {
  readonly word: number;
  readonly before: number;
  readonly after: number;
}

/** Applies `changes` as far as the tear lets them, to memory that holds what was before. */
export function tear(
  memory: PersistentMemory,
  changes: readonly WordChange[],
  how: Tear,
  seed: number,
): void {
  const random = new Random(seed);
  if (how === "unstable") {
    const words = changes.map(
      ({ word, before, after }): UnstableWord => ({ word, mask: before ^ after, target: after }),
    );
    memory.unstable = [...memory.unstable, ...words];
    return;
  }
  const only = pickBit(changes, random);
  for (const { word, before, after } of changes) {
    const bits = before ^ after;
    const done = chosen(how, bits, word === only.word ? only.bit : 0, random);
    memory.store(word, before ^ done);
  }
}

/** Of the bits of one word that change, those that have changed. */
function chosen(how: Exclude<Tear, "unstable">, bits: number, only: number, random: Random): number {
  switch (how) {
    case "seeded":
    case "seeded-again":
      return bits & random.uint32();
    case "all-but-one":
      return bits & ~only;
    case "none-but-one":
      return only;
  }
}

function pickBit(
  changes: readonly WordChange[],
  random: Random,
): { readonly word: number; readonly bit: number } {
  const { word, before, after } = random.pick(changes);
  const bits = Array.from({ length: 32 }, (_, at) => 1 << at).filter((bit) => ((before ^ after) & bit) !== 0);
  return { word, bit: random.pick(bits) };
}
