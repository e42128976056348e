/** What a case ends in. docs/sweep.md tells what each means. */
export const GOOD_VERDICTS = ["runs-new", "runs-old", "safe-mode-told"] as const;
export const BAD_VERDICTS = [
  "lost-update",
  "wrong-image",
  "below-floor",
  "unconfirmed-kept",
  "two-primaries",
  "bricked",
  "livelock",
  "lost-data",
  "failed-by-itself",
  "confirmed-too-soon",
  "never-ready",
  "never-confirmed",
  "not-served",
  "wrong-result",
  "broke-protocol",
  "not-injected",
  "nondeterministic",
  "harness-broken",
] as const;
export const VERDICTS = [...GOOD_VERDICTS, ...BAD_VERDICTS] as const;
export type GoodVerdict = (typeof GOOD_VERDICTS)[number];
export type BadVerdict = (typeof BAD_VERDICTS)[number];
export type Verdict = (typeof VERDICTS)[number];

/** Neither good nor bad: what was to be shown was not, since a fault that was asked for never took place. */
export const NOT_INJECTED = "not-injected" satisfies BadVerdict;

export function isGood(verdict: Verdict): verdict is GoodVerdict {
  return (GOOD_VERDICTS as readonly string[]).includes(verdict);
}

/** What was wrong, in a sentence. */
export interface Wrong {
  readonly verdict: BadVerdict;
  readonly message: string;
}
