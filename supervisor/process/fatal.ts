/** How a supervisor process gives itself up; whoever guards it starts it again. */
import { describeAccident } from "../../emulator/base/accident.ts";
import { isInjected, kindOf } from "../../emulator/base/errors.ts";

/** Something happened after which nothing is sure (EX_UNAVAILABLE of sysexits.h). */
export const EXIT_FATAL = 69;
/** An error that nothing expects, which says nothing of the device (EX_SOFTWARE of sysexits.h). */
export const EXIT_ACCIDENT = 70;
/** The machine lacks what the process needs: another one would lack it, too (EX_OSERR of sysexits.h). */
export const EXIT_LACKING = 71;

export function fatal(reason: string, exitCode = EXIT_FATAL): never {
  process.stderr.write(`flipside supervisor: ${reason}\n`);
  process.exit(exitCode);
}

/** For what nothing catches: a sentence where the machine is at fault, and how to report it where this program is. */
export function fatalError(thrown: unknown): never {
  if (thrown instanceof Error && isInjected(thrown)) return fatal(thrown.message);
  if (thrown instanceof Error && kindOf(thrown) === "resource") return fatal(thrown.message, EXIT_LACKING);
  return fatal(describeAccident(thrown), EXIT_ACCIDENT);
}
