/**
 * Directories that a command needs while it runs, and that nobody is to find after it.
 *
 * Invariant: they are gone when the process ends, however it ends, but by SIGKILL or by a signal that its command does
 * not take.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { constants, tmpdir } from "node:os";
import { join } from "node:path";
import { errorMessage } from "../emulator/base/text.ts";
import { UnableError } from "./exit-codes.ts";

/** Signals that ask a process to end. */
export const ENDING_SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

const directories = new Set<string>();
process.once("exit", removeAllScratch);

/** Makes one in the system's directory for such. Throws {@link UnableError}. */
export function scratchDirectory(): string {
  try {
    const directory = mkdtempSync(join(tmpdir(), "flipside-"));
    directories.add(directory);
    return directory;
  } catch (error) {
    const why = `a directory for what is needed meanwhile cannot be made: ${errorMessage(error)}`;
    throw new UnableError(`${why}; TMPDIR names the directory that it is made in`);
  }
}

/** Before the process ends, where there will be many. */
export function removeScratch(directory: string): void {
  // A process that still lives may put a file into it meanwhile.
  rmSync(directory, { recursive: true, force: true, maxRetries: 5, retryDelay: 20 });
  directories.delete(directory);
}

function removeAllScratch(): void {
  for (const directory of [...directories]) {
    try {
      removeScratch(directory);
    } catch {
      // Nobody is left to do anything about it, and the end counts more.
    }
  }
}

/** For `process.once(signal, …)`: removes what there is and lets the signal end the process, as it would have. */
export function dieTidily(signal: NodeJS.Signals): void {
  removeAllScratch();
  // The kernel lets no signal end the first process of a container that does not take it.
  if (process.pid === 1) process.exit(128 + constants.signals[signal]);
  process.kill(process.pid, signal);
}

/** For a program whose end at a signal needs no more than that. */
export function takeSignals(): void {
  for (const signal of ENDING_SIGNALS) process.once(signal, dieTidily);
}
