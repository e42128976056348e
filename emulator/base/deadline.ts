/**
 * A deadline in the running time of this process: on a busy machine, an answer is not late that its threads had no
 * processor for.
 */
import { monotonicNs } from "./clock.ts";
import { ownRunningTime, type RunningTime } from "./running-time.ts";

/** So often it is looked at; what is in time mostly ends before the first look. */
const LOOK_MS = 100;

/** Calls `onLate` once after `deadlineMs` of `time`; what it returns prevents that. */
export function afterRunning(
  deadlineMs: number,
  onLate: () => void,
  time: RunningTime = ownRunningTime(monotonicNs()),
): () => void {
  const look = (): void => {
    if (time.passedNs(monotonicNs()) >= deadlineMs * 1e6) onLate();
    else timer = setTimeout(look, LOOK_MS);
  };
  let timer = setTimeout(look, Math.min(deadlineMs, LOOK_MS));
  return () => clearTimeout(timer);
}
