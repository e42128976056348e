/** Part "engines": a program made by chance, interpreted and translated, must be the same to the last bit of memory. */
import { Random } from "../../emulator/base/random.ts";
import { newPair, runInLockstep } from "./lockstep.ts";
import type { CaseResult } from "./part.ts";
import { type Ingredients, randomProgram } from "./random-program.ts";

export const ENGINE_COUNTS = ["programs", "instructions", "translated instructions"] as const;

const INSTRUCTIONS = 10_000;

const INGREDIENTS: readonly Ingredients[] = [
  { rare: false, selfModifying: false, wild: false },
  { rare: true, selfModifying: false, wild: false },
  { rare: true, selfModifying: false, wild: true },
  { rare: true, selfModifying: true, wild: true },
  { rare: false, selfModifying: false, wild: false, bits: true },
  { rare: true, selfModifying: true, wild: true, bits: true },
  { rare: true, selfModifying: true, wild: true, bits: true, triggers: true },
];

export function runProgram(seed: number): CaseResult {
  const random = new Random(seed);
  const pair = newPair(randomProgram(random.uint32(), random.pick(INGREDIENTS)));
  const { difference } = runInLockstep(pair, random.uint32(), INSTRUCTIONS);
  const { retired } = pair.reference.machine;
  return {
    counts: {
      programs: 1,
      instructions: retired,
      "translated instructions": pair.translated.engine?.stats().retiredTranslated ?? 0,
    },
    findings: difference === undefined ? [] : [`after ${retired} instructions ${difference}`],
  };
}
