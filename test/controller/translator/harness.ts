/** The two machines of the hostile run (scripts/hostile/lockstep.ts) for tests: a difference fails the test. */
import { expect } from "vitest";
import type { MachineStop } from "../../../controller/machine.ts";
import { type Outcome, type Pair, runInLockstep, runPair } from "../../../scripts/hostile/lockstep.ts";

export { CODE_BASE, LAYOUT, newPair, newSide, type Pair } from "../../../scripts/hostile/lockstep.ts";

/** Runs both for a budget and compares all that firmware could see. Returns why they came back. */
export function runBoth(pair: Pair, budget: number, what: string): MachineStop {
  return agreed(pair, runPair(pair, budget), what);
}

/** Runs both to `total` instructions or a stop, in budgets drawn from the seed. Returns the last reason. */
export function lockstep(pair: Pair, budgetSeed: number, total: number, what: string): MachineStop {
  return agreed(pair, runInLockstep(pair, budgetSeed, total), what);
}

function agreed({ reference }: Pair, { stop, difference }: Outcome, what: string): MachineStop {
  expect(difference, `${what}, after ${reference.machine.retired} instructions`).toBeUndefined();
  return stop;
}
