/** What a case of a boot loader ends in. docs/loader.md tells what each means, and in which order they are given. */
export const GOOD_LOADER_VERDICTS = ["runs-new", "runs-old", "unlucky", "safe-mode-told"] as const;
export const BAD_LOADER_VERDICTS = [
  "mixed-image",
  "unverified-executed",
  "wrong-image",
  "below-floor",
  "counter-raised-early",
  "fallback-gone",
  "reverted-confirmed",
  "unconfirmed-kept",
  "lost-update",
  "request-ignored",
  "bricked-but-whole",
  "bricked",
  "fault-loop",
  "livelock",
  "flapping",
  "stuck-state",
  "counter-not-raised",
  "counter-lowered",
  "flash-misuse",
  "slow",
  "wear",
  "not-injected",
  "nondeterministic",
  "harness-broken",
] as const;
export type GoodLoaderVerdict = (typeof GOOD_LOADER_VERDICTS)[number];
export type BadLoaderVerdict = (typeof BAD_LOADER_VERDICTS)[number];

/** What was wrong, in a sentence. */
export interface LoaderWrong {
  readonly verdict: BadLoaderVerdict;
  readonly message: string;
}
