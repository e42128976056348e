/**
 * How a program runs that `npm run` starts: at a signal nothing is left behind, and what it throws is told in one place,
 * with the exit code that exit-codes.ts has for it, wherever it throws. The command line ends the same way.
 */
import { EXIT_UNJUDGED, failureOf } from "./exit-codes.ts";
import { takeSignals } from "./scratch.ts";

/** Tells what a program or a command threw; the exit code that it ends by. */
export function tellFailure(error: unknown): number {
  const { exitCode, text } = failureOf(error);
  process.stderr.write(`${text}\n`);
  return exitCode;
}

/** Nothing is left that could settle it: without a word this would look like success. */
function tellUnfinished(): void {
  process.stderr.write("flipside: the command is not done and waits for something that never comes\n");
}

/** The exit code of `work`, also of one that throws where it cannot catch it, or that never ends. */
export async function exitCodeOf(work: () => number | Promise<number>): Promise<number> {
  // As at a process that cannot be started.
  process.on("uncaughtException", (error) => process.exit(tellFailure(error)));
  process.exitCode = EXIT_UNJUDGED;
  process.once("beforeExit", tellUnfinished);
  try {
    return await work();
  } catch (error) {
    return tellFailure(error);
  } finally {
    process.off("beforeExit", tellUnfinished);
  }
}

/** @param program is given the command line's arguments, and answers with its exit code */
export async function runProgram(
  program: (args: readonly string[]) => number | Promise<number>,
): Promise<void> {
  takeSignals();
  process.exitCode = await exitCodeOf(() => program(process.argv.slice(2)));
}
