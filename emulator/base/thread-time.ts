/**
 * Processor time of the calling thread: what something cost, however busy the machine was meanwhile.
 *
 * Node tells it from 23.9 on (process.threadCpuUsage). Before, Linux does ("/proc/thread-self/schedstat", see
 * thread-schedule.ts), brought up to date at scheduling ticks some milliseconds apart: a single reading may be that much
 * too small, but what is missing is in the next one.
 */
import { readFileSync } from "node:fs";
import { monotonicNs } from "./clock.ts";

interface CpuUsage {
  /** Microseconds. */
  readonly user: number;
  readonly system: number;
}

const { threadCpuUsage } = process as { readonly threadCpuUsage?: () => CpuUsage };

/** Nanoseconds; where nobody tells, those that have passed. */
export function threadCpuNs(): number {
  if (threadCpuUsage !== undefined) {
    const { user, system } = threadCpuUsage.call(process);
    return (user + system) * 1e3;
  }
  try {
    return Number.parseInt(readFileSync("/proc/thread-self/schedstat", "latin1"), 10);
  } catch {
    return monotonicNs();
  }
}
