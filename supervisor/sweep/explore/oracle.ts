/** Who judges a subject, as the explorer knows it. */

import type { FlashUnit } from "./items.ts";

/** What was wrong, in a sentence, and what that is called. */
export interface Wrong {
  readonly verdict: string;
  readonly message: string;
}

/** How a case ended: the name of a good verdict, or what was wrong. */
export type Ending = string | Wrong;

/** Follows the events of a device and judges it. */
export interface Oracle<Event, Judgement> {
  /** All that it knows. An immutable value, so that a branch takes it up again where it left. */
  judgement: Judgement;
  /** Something was wrong: nothing that follows changes the verdict. */
  readonly condemned: boolean;
  observe(event: Event): void;
  /** Persistent memory is being changed: a unit of flash, which may be torn, or a store, which is made. */
  begins?(unit: FlashUnit | undefined): void;
  /** Power was lost: what the next start is to be judged from. The same value for the same judgement. */
  afterCut(judgement: Judgement): Judgement;
  /** Equal for judgements of the same memory from which the same verdicts follow. */
  keyOf(judgement: Judgement): string;
  /** What a case that ended here is. */
  verdict(): Ending;
}
