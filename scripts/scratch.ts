/** Directories that a command needs while it runs, and that nobody is to find after it, however it ends. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const directories = new Set<string>();

export function scratchDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), "flipside-"));
  directories.add(directory);
  return directory;
}

export function removeScratch(directory: string): void {
  rmSync(directory, { recursive: true, force: true });
  directories.delete(directory);
}

/** For `process.once(signal, …)`: removes what there is and lets the signal end the process, as it would have. */
export function dieTidily(signal: NodeJS.Signals): void {
  for (const directory of directories) {
    try {
      removeScratch(directory);
    } catch {
      // A supervisor that still lives writes into it: the signal counts more.
    }
  }
  process.kill(process.pid, signal);
}
