/**
 * What the machine's scheduler has given a thread: what tells a thread that is stuck from one that does not get to run.
 *
 * Linux counts it per thread (Documentation/scheduler/sched-stats.rst, "/proc/<pid>/schedstat": nanoseconds spent on
 * a processor, then nanoseconds spent waiting for one). A wait is added when it ends: a thread that waits at this
 * moment is told by its state, runnable, and by time that neither number accounts for.
 */
import { readFileSync } from "node:fs";
import { monotonicNs } from "../emulator/clock.ts";

export interface ThreadSchedule {
  /** When this was read, monotonic. */
  readonly atNs: number;
  readonly runNs: number;
  readonly waitNs: number;
  /** It runs or waits for a processor; else it sleeps. */
  readonly runnable: boolean;
}

/** Elsewhere, or when the thread has gone: nothing is known, and it is taken to be asleep. */
const UNKNOWN = { runNs: 0, waitNs: 0, runnable: false };

/** The kernel brings a running thread's time up to date at its scheduling ticks, 10 ms apart at the most. */
const ACCOUNTING_NS = 10e6;

/** @param threadId as gettid(2) gives it, 0 for unknown */
export function readSchedule(threadId: number): ThreadSchedule {
  const atNs = monotonicNs();
  if (threadId === 0) return { atNs, ...UNKNOWN };
  try {
    const [runNs, waitNs] = readFileSync(`/proc/self/task/${threadId}/schedstat`, "latin1").split(" ");
    const stat = readFileSync(`/proc/self/task/${threadId}/stat`, "latin1");
    // The name before the state may hold anything but ends in the last parenthesis.
    const runnable = stat[stat.lastIndexOf(")") + 2] === "R";
    return { atNs, runNs: Number(runNs) || 0, waitNs: Number(waitNs) || 0, runnable };
  } catch {
    return { atNs, ...UNKNOWN };
  }
}

/** For how long the thread has waited for a processor from one reading to the next, nanoseconds. */
export function waitedNs(from: ThreadSchedule, to: ThreadSchedule): number {
  const waited = to.waitNs - from.waitNs;
  const unaccounted = to.atNs - from.atNs - (to.runNs - from.runNs) - waited;
  return to.runnable && unaccounted > ACCOUNTING_NS ? waited + unaccounted : waited;
}
