/**
 * What chance decides about a fault, drawn from the fault's seed alone: the same kind with the same seed does the same
 * again, as far as the device is in the same state. What rots is drawn in rot.ts.
 */
import { randomInt } from "node:crypto";
import { Random } from "../../emulator/base/random.ts";
import { ROT_KINDS } from "./catalogue.ts";

/** Seeds are words. */
export const MAX_SEED = 2 ** 32 - 1;

/** A commit makes about 20 stores to each replica; a cut after so many falls anywhere in it or just behind. */
const STORES_OF_A_COMMIT = 48;

/** All others do the same each time. */
const SEEDED_KINDS: ReadonlySet<string> = new Set([...ROT_KINDS, "power-cut", "power-cut-in-commit"]);

export function isSeeded(kind: string): boolean {
  return SEEDED_KINDS.has(kind);
}

/** For a fault whose seed nobody chose. */
export function drawSeed(): number {
  return randomInt(MAX_SEED + 1);
}

/** How power goes. */
export interface Cut {
  /** Of what is left of a flash operation in progress: power.ts. */
  readonly tearSeed: number;
  /** Stores of a commit that come before it, where it is aimed at one. */
  readonly stores: number;
}

/** @param seed from 0 to {@link MAX_SEED} */
export function drawCut(seed: number): Cut {
  const random = new Random(seed);
  return { tearSeed: random.uint32(), stores: random.below(STORES_OF_A_COMMIT) };
}
