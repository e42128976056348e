/** Runs a command as the command line does, keeping what it prints. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, vi } from "vitest";
import { EXIT_USAGE } from "../../scripts/exit-codes.ts";
import { UsageError } from "../../scripts/options.ts";

export interface Outcome {
  readonly exitCode: number;
  readonly stdout: string;
  /** The sentence for bad input; empty without. */
  readonly refusal: string;
}

export async function run(
  command: (args: readonly string[]) => Promise<number>,
  ...args: readonly string[]
): Promise<Outcome> {
  let stdout = "";
  const write = vi.spyOn(process.stdout, "write").mockImplementation((text) => {
    stdout += String(text);
    return true;
  });
  try {
    return { exitCode: await command(args), stdout, refusal: "" };
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    return { exitCode: EXIT_USAGE, stdout, refusal: error.message };
  } finally {
    write.mockRestore();
  }
}

/** A directory of the test file's own; gives paths in it. */
export function scratchDirectory(): (name: string) => string {
  let directory = "";
  beforeAll(() => {
    directory = mkdtempSync(join(tmpdir(), "flipside-"));
  });
  afterAll(() => rmSync(directory, { recursive: true, force: true }));
  return (name) => join(directory, name);
}
