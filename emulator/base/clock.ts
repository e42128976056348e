/** The one wall clock of every thread and process: CLOCK_MONOTONIC, comparable between threads. */

/** Monotonic nanoseconds. A double holds them exactly for 104 days of uptime of the machine. */
export function monotonicNs(): number {
  // hrtime.bigint() takes three times as long where it is cold, and leaves a BigInt behind: this is read per device access.
  const time = process.hrtime();
  return time[0] * 1e9 + time[1];
}
