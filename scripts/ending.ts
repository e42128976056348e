/**
 * What ends a command early that then tells what it has done so far: a signal, and the time of `--max-time`.
 * The second signal ends it at once, without a word, but tidily.
 */
import { parseDuration } from "./options.ts";
import { dieTidily, ENDING_SIGNALS } from "./scratch.ts";

/** Aborts at the first signal. */
export function endOnSignal(end: AbortController, tell: () => void): void {
  for (const signal of ENDING_SIGNALS) {
    process.once(signal, () => {
      for (const again of ENDING_SIGNALS) process.removeAllListeners(again).once(again, dieTidily);
      tell();
      end.abort();
    });
  }
}

/** Of a command. */
export const MAX_TIME_OPTION = { "max-time": { type: "string" } } as const;

/** Longer timers of Node end at once; that is 24 days. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** Undefined for no end. Throws UsageError. */
export function parseMaxTime(text: string | undefined): number | undefined {
  return text === undefined ? undefined : Math.min(parseDuration("--max-time", text), LONGEST_TIMER_MS);
}

/** Calls `onOver` when the time is over, unless all is done by then. */
export function atMaxTime(maxTimeMs: number | undefined, onOver: () => void): void {
  if (maxTimeMs !== undefined) setTimeout(onOver, maxTimeMs).unref();
}
