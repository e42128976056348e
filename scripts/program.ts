/**
 * How a program runs that `npm run` starts: at a signal nothing is left behind, and what it throws is told in one place,
 * with the exit code that exit-codes.ts has for it.
 */
import { failureOf } from "./exit-codes.ts";
import { takeSignals } from "./scratch.ts";

/** Tells what a program or a command threw; the exit code that it ends by. */
export function tellFailure(error: unknown): number {
  const { exitCode, text } = failureOf(error);
  process.stderr.write(`${text}\n`);
  return exitCode;
}

/** @param program is given the command line's arguments, and answers with its exit code */
export async function runProgram(
  program: (args: readonly string[]) => number | Promise<number>,
): Promise<void> {
  takeSignals();
  try {
    process.exitCode = await program(process.argv.slice(2));
  } catch (error) {
    process.exitCode = tellFailure(error);
  }
}
