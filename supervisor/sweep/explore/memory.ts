/** What a subject keeps over a cut, as the explorer knows it. */
import type { ChipTear } from "../../../emulator/flash/flash-tear.ts";
import type { FlashUnit } from "./items.ts";

/** Persistent memory with a log of every word that changes. */
export interface UndoLog {
  /** Where the log stands. */
  readonly position: number;
  /** Takes back every change since the log stood at `position`. */
  undoTo(position: number): void;
  /** Equal for equal content, and but for a chance not worth counting only then. */
  stateKey(): number;
}

/** All that flash is besides what it reads, such as cells between two values: an immutable value. */
export type FlashCondition = object;

/** Flash whose units tear when power goes. */
export interface TearableFlash {
  /** What is put back when memory is undone. */
  condition: FlashCondition;
  /** It is what it reads, and nothing besides that anybody will ever find out. */
  readonly settled: boolean;
  /** The ways in which its units tear. */
  readonly tears: readonly ChipTear[];
  /** A copy of what a unit holds. */
  read(unit: FlashUnit): Uint8Array;
  /** Power goes while the unit is on its way to hold `after`; false when that changes nothing: there is nothing to tear. */
  tear(unit: FlashUnit, after: Uint8Array, how: ChipTear, seed: number): boolean;
}
