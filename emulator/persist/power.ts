/**
 * How power goes from a device that keeps its memory in a flash file: the supervisor's main thread cuts it, the memory
 * emulator worker settles what memory keeps, then the process ends.
 *
 * Invariants: all that was stored before the cut is in the file when it is settled, and nothing of what the worker
 * would have stored after it; a unit of flash that was to be made next is torn instead, by bits drawn from the seed.
 */
import { Control } from "../memory/control.ts";

const enum Power {
  ON = 0,
  CUT = 1,
  /** What memory keeps is in the file. */
  SETTLED = 2,
}

/**
 * Power goes. Blocks until what memory keeps is settled, `timeoutMs` at most: for the last moments of a process.
 * @param seed of what a flash operation in progress leaves, 32 bits
 */
export function cutPower(control: Int32Array, seed: number, timeoutMs: number, wake: () => void): void {
  control[Control.POWER_SEED] = seed;
  Atomics.store(control, Control.POWER, Power.CUT);
  wake();
  Atomics.wait(control, Control.POWER, Power.CUT, timeoutMs);
}

/** Whether power has gone and nobody has settled it yet. */
export function isPowerCut(control: Int32Array): boolean {
  return Atomics.load(control, Control.POWER) === Power.CUT;
}

export function powerCutSeed(control: Int32Array): number {
  return control[Control.POWER_SEED] as number;
}

export function powerSettled(control: Int32Array): void {
  Atomics.store(control, Control.POWER, Power.SETTLED);
  Atomics.notify(control, Control.POWER);
}
