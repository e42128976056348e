/**
 * ECC over blocks of flash: which blocks cannot be read any more once power went while a unit was made. A block that was
 * neither left alone nor finished does not match its ECC, and faults at every read until it is erased.
 *
 * Pure. Invariant: a set goes in and a set comes out that differs from it within the torn unit alone, by whole blocks.
 */
import { type ByteRanges, withoutRange, withRange } from "./byte-ranges.ts";
import { bitsWithin, type ChipTear, type UnstableWord, type WordChange } from "./flash-tear.ts";

/** A unit as a tear has left it. */
export interface TornUnit {
  readonly kind: "erase" | "program";
  /** Its bytes. */
  readonly start: number;
  readonly end: number;
  readonly how: ChipTear;
  /** Cells that were left between two values. */
  readonly cells: readonly UnstableWord[];
  /** What the whole unit would have changed. */
  readonly meant: readonly WordChange[];
}

/** The cells that it was torn in. */
export interface EccCells {
  readonly blockBytes: number;
  /** What a word of erased cells reads. */
  readonly erasedWord: number;
  load32(word: number): number;
}

/** What cannot be read after a tear, where that was `faulty` before. */
export function faultyAfterTear(faulty: ByteRanges, torn: TornUnit, cells: EccCells): ByteRanges {
  const { start, end, how, meant } = torn;
  if (how === "ecc") return withRange(faulty, start, end);
  const { blockBytes } = cells;
  const changes = new Map(meant.map((change) => [change.word, change]));
  let now = faulty;
  for (let at = start; at < end; at += blockBytes) {
    const block = blockAfterTear(torn, at, at + blockBytes, changes, cells);
    if (block === "faulty") now = withRange(now, at, at + blockBytes);
    else if (block === "erased") now = withoutRange(now, at, at + blockBytes);
  }
  return now;
}

function blockAfterTear(
  { kind, cells }: TornUnit,
  start: number,
  end: number,
  changes: ReadonlyMap<number, WordChange>,
  { load32, erasedWord }: EccCells,
): "faulty" | "erased" | "as-before" {
  let [isUntouched, isFinished] = [true, true];
  for (let word = Math.floor(start / 4); word * 4 < end; word += 1) {
    const bits = bitsWithin(word, start, end);
    const now = load32(word);
    // What was not to change holds already what it would: a program leaves it, an erase may program it first.
    const same = kind === "erase" ? erasedWord : now;
    const { before = same, after = same } = changes.get(word) ?? {};
    isUntouched &&= ((now ^ before) & bits) === 0;
    isFinished &&= ((now ^ after) & bits) === 0;
  }
  const isUndecided = cells.some(({ word, mask }) => (mask & bitsWithin(word, start, end)) !== 0);
  if (isUndecided || !(isUntouched || isFinished)) return "faulty";
  return !isUntouched && kind === "erase" ? "erased" : "as-before";
}
