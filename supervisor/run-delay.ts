/**
 * How long a thread has waited for a processor: what tells a thread that is stuck from one that does not get to run.
 *
 * Linux counts it per thread (Documentation/scheduler/sched-stats.rst: the second number of schedstat is the time
 * spent waiting on a runqueue, in nanoseconds). Elsewhere it is unknown, and 0 is assumed.
 */
import { readFileSync } from "node:fs";

/** @param threadId as gettid(2) gives it, 0 for unknown */
export function runDelayNs(threadId: number): number {
  if (threadId === 0) return 0;
  try {
    const [, delayNs] = readFileSync(`/proc/self/task/${threadId}/schedstat`, "latin1").split(" ");
    return Number(delayNs) || 0;
  } catch {
    return 0;
  }
}
