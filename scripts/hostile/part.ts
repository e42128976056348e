/**
 * A part of the hostile run: cases, each of which is made from one number and from nothing else, so that a finding can
 * be had again.
 */

export const PART_NAMES = ["engines", "files", "frames", "kills"] as const;
export type PartName = (typeof PART_NAMES)[number];

export interface CaseResult {
  /** What was done, by name. */
  readonly counts: Readonly<Record<string, number>>;
  /** What is not as it must be, each one sentence. */
  readonly findings: readonly string[];
}

export interface Part {
  /** The names of all that is counted: what is never done at all makes the run a failure. */
  readonly counted: readonly string[];
  /** @param seed 32 bits */
  run(seed: number): Promise<CaseResult>;
  close(): Promise<void>;
}
