/**
 * Where the units of a sweep are explored: what is put behind this port decides whether that is a thread here or a
 * machine elsewhere. Units and tallies are plain JSON.
 */
import type { ErrorKind } from "../../../emulator/base/errors.ts";
import type { ScenarioTally, Told } from "../explore/explorer.ts";

export interface SweepUnit {
  readonly scenario: string;
  readonly depth: number;
  readonly part: { readonly index: number; readonly of: number };
  readonly faults: boolean;
  readonly runAll: boolean;
}

/** A runner ended that should not have; `message` says why. */
export class SweepError extends Error {
  override readonly name = "SweepError";
  readonly kind: ErrorKind;

  constructor(message: string, kind: ErrorKind = "finding") {
    super(message);
    this.kind = kind;
  }
}

/** Explores units in the order in which it is given them. */
export interface UnitRunner {
  /** How many units it should have: those under way and the next, so that it never waits for one. */
  readonly ahead: number;
  /**
   * Rejects with {@link SweepError}; after that it explores nothing any more.
   * @param told hears now and then what was counted so far, and of each finding at once
   */
  run(unit: SweepUnit, told: Told): Promise<ScenarioTally>;
  close(): Promise<void>;
  /** Ends it at once: what is under way is rejected with {@link SweepError}. */
  abandon(): Promise<void>;
}
