/** The one wall clock of every thread and process: CLOCK_MONOTONIC, comparable between threads. */

/** Monotonic nanoseconds. A double holds them exactly for 104 days of uptime of the machine. */
export function monotonicNs(): number {
  return Number(process.hrtime.bigint());
}
