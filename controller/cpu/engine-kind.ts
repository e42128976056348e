/** The engines to choose from; apart from what they are, so that a command line can name them without loading them. */

/**
 * `auto` interprets first and translates what turns out to be hot, in so small a share of its time that it is never
 * slower than `interpreter`, which never translates; `translator` translates from the first sample on and gets fast
 * sooner. All three give the same run.
 */
export const ENGINE_KINDS = ["auto", "translator", "interpreter"] as const;
export type EngineKind = (typeof ENGINE_KINDS)[number];

export function isEngineKind(text: string): text is EngineKind {
  return ENGINE_KINDS.some((kind) => kind === text);
}
