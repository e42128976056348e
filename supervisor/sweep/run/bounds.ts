/** How much a sweep may be asked for: of the command line and of the library. */
import { availableParallelism } from "node:os";

/** Cuts in a row. */
export const MAX_DEPTH = 8;
/** Threads. */
export const MAX_JOBS = 64;

/** Where nobody says how many: one thread for each processor. */
export function defaultJobs(): number {
  return Math.min(availableParallelism(), MAX_JOBS);
}
