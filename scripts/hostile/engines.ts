/** Part "engines": a program made by chance, interpreted and translated, must be the same to the last bit of memory. */
import { BARE_BOARD, type BoardPlan } from "../../controller/boards.ts";
import { Extension } from "../../controller/cpu/isa.ts";
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
  { rare: true, selfModifying: false, wild: true, withoutC: true },
  { rare: true, selfModifying: true, wild: true, triggers: true, user: true },
];

/** The board that such a program is for. */
export function boardFor({ withoutC = false }: Ingredients): BoardPlan {
  if (!withoutC) return BARE_BOARD;
  return { ...BARE_BOARD, extensions: BARE_BOARD.extensions & ~(Extension.C | Extension.ZCB) };
}

export function runProgram(seed: number): CaseResult {
  const random = new Random(seed);
  const programSeed = random.uint32();
  const ingredients = random.pick(INGREDIENTS);
  const pair = newPair(randomProgram(programSeed, ingredients), boardFor(ingredients));
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
