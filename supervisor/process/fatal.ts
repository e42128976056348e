/** How a supervisor process gives itself up; whoever guards it starts it again. */
import { kindOf } from "../../emulator/base/errors.ts";

/** Something happened after which nothing is sure (EX_SOFTWARE of sysexits.h). */
export const EXIT_FATAL = 70;
/** The machine lacks what the process needs: another one would lack it, too (EX_OSERR of sysexits.h). */
export const EXIT_LACKING = 71;

export function fatal(reason: string, exitCode = EXIT_FATAL): never {
  process.stderr.write(`flipside supervisor: ${reason}\n`);
  process.exit(exitCode);
}

/** For what nothing catches: a sentence where the machine is at fault, the stack where this program is. */
export function fatalError(thrown: unknown): never {
  if (!(thrown instanceof Error)) return fatal(String(thrown));
  if (kindOf(thrown) === "resource") return fatal(thrown.message, EXIT_LACKING);
  return fatal(thrown.stack ?? thrown.message);
}
