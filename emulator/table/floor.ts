/**
 * The security floor: a one-way counter below which no image runs.
 *
 * It stands beside the table as two pairs of value and complement: value, ~value, value, ~value. One pair would
 * show damage but not tell a torn raise from a flipped bit; with two, either leaves a whole pair. A raise stores
 * the four words in that order, so a cut leaves the old floor or the new one; it is raised only after the commit
 * that confirms a version, and raised again, idempotently, at every start.
 */
import { FLOOR_WORD, type NvramPort } from "./nvram.ts";

const PAIRS = [FLOOR_WORD, FLOOR_WORD + 2] as const;

export interface FloorRecovery {
  /**
   * sound: nothing to do. blank: never written, made 0. repaired: one pair was torn or bad.
   * lost: no pair held and the words had no majority; made `confirmedCounter`.
   */
  readonly outcome: "sound" | "blank" | "repaired" | "lost";
  /** The floor that counts, 32 bits, unsigned; in both pairs. */
  readonly floor: number;
  readonly severity: "info" | "warn" | "error";
  readonly message: string;
}

/** The floor lies where nothing can be stored, or was asked to go down. */
export class FloorError extends Error {
  override readonly name = "FloorError";
}

/** The value of a pair, undefined when value and complement disagree. */
function readPair(port: NvramPort, word: number): number | undefined {
  const value = port.load32(word);
  return value === ~port.load32(word + 1) ? value >>> 0 : undefined;
}

function storePair(port: NvramPort, word: number, floor: number): void {
  port.store32(word, floor | 0);
  port.store32(word + 1, ~floor);
}

/** The floor that stands in memory; undefined when the pairs are damaged or disagree: recover first. */
export function readFloor(port: NvramPort): number | undefined {
  const [a, b] = [readPair(port, PAIRS[0]), readPair(port, PAIRS[1])];
  return a === b ? a : undefined;
}

/**
 * Raises the floor to `counter`; does nothing where it is as high already.
 * Throws {@link FloorError} when the floor is damaged.
 */
export function raiseFloor(port: NvramPort, counter: number): void {
  const floor = readFloor(port);
  if (floor === undefined) throw new FloorError("the security floor is damaged: recover it first");
  if (counter <= floor) return;
  for (const pair of PAIRS) storePair(port, pair, counter);
  if (readFloor(port) !== counter >>> 0)
    throw new FloorError("the security floor does not hold what is stored");
}

/** What words that were never written say: complements of 0, values of all ones. It takes a whole pair to mean it. */
const BLANK_SAYS = 0xffff_ffff;

/** The candidate that at least half of the four words speak for, if just one has that many. */
function majority(port: NvramPort): number | undefined {
  const votes = new Map<number, number>();
  for (const pair of PAIRS) {
    for (const candidate of [port.load32(pair) >>> 0, ~port.load32(pair + 1) >>> 0]) {
      votes.set(candidate, (votes.get(candidate) ?? 0) + 1);
    }
  }
  const winners = [...votes].filter(([candidate, count]) => count >= 2 && candidate !== BLANK_SAYS);
  return winners.length === 1 ? winners[0]?.[0] : undefined;
}

function isBlank(port: NvramPort): boolean {
  const words = PAIRS.flatMap((pair) => [port.load32(pair), port.load32(pair + 1)]);
  return words.every((word) => word === 0) || words.every((word) => word === -1);
}

/**
 * Finds the floor that counts and makes both pairs hold it.
 * @param confirmedCounter highest security counter among accepted usable images; the floor was raised to that
 *   one or an equal one before, so it stands in when nothing of the floor can be read
 */
export function recoverFloor(port: NvramPort, confirmedCounter: number): FloorRecovery {
  const [a, b] = [readPair(port, PAIRS[0]), readPair(port, PAIRS[1])];
  if (a !== undefined && a === b) {
    return { outcome: "sound", floor: a, severity: "info", message: `the security floor is ${a}` };
  }
  if (isBlank(port)) {
    rewrite(port, 0);
    return { outcome: "blank", floor: 0, severity: "info", message: "the security floor starts at 0" };
  }
  // Two whole pairs that differ: a raise was cut off between them.
  const whole = a !== undefined && b !== undefined ? Math.max(a, b) : (a ?? b);
  const floor = whole ?? majority(port);
  if (floor !== undefined) {
    rewrite(port, floor);
    const message = `the security floor was damaged or its raising cut off; it is ${floor}`;
    return { outcome: "repaired", floor, severity: "warn", message };
  }
  rewrite(port, confirmedCounter);
  const message = `the security floor was lost; it is ${confirmedCounter}, from the accepted images`;
  return { outcome: "lost", floor: confirmedCounter, severity: "error", message };
}

/** Pairs that hold already are left alone, so that at every store a whole pair remains where there was one. */
function rewrite(port: NvramPort, floor: number): void {
  for (const pair of PAIRS) {
    if (readPair(port, pair) !== floor) storePair(port, pair, floor);
  }
  if (readFloor(port) !== floor) throw new FloorError("the security floor does not hold what is stored");
}
