/** What a subject keeps over a cut, as the explorer knows it. */
import type { Tear, UnstableWord } from "../../../emulator/flash/flash-tear.ts";
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

/** Cells between two values, by region. */
export type UnstableCells = readonly (readonly UnstableWord[])[];

/** Flash whose units tear when power goes. */
export interface TearableFlash {
  /** All unstable cells, an immutable value: what is put back when memory is undone. */
  unstable: UnstableCells;
  /** No cell is between two values. */
  readonly settled: boolean;
  /** A copy of what a unit holds. */
  read(unit: FlashUnit): Uint8Array;
  /** Power goes while the unit is on its way to hold `after`; false when that changes nothing: there is nothing to tear. */
  tear(unit: FlashUnit, after: Uint8Array, how: Tear, seed: number): boolean;
}
