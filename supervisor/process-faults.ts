/**
 * What can be done to a whole supervisor process: it dies or hangs, and its guardian has to notice.
 *
 * Kept apart from the catalogue of faults.ts: without a guardian and a flash file none of these is survived.
 */

/** Long enough for the answer to whoever asked for the fault to leave the process. */
const ANSWER_MS = 5;

const PROCESS_FAULTS: Readonly<Record<string, () => void>> = {
  "supervisor-kill": () => process.kill(process.pid, "SIGKILL"),
  "supervisor-stop": () => process.kill(process.pid, "SIGSTOP"),
  "supervisor-abort": () => process.abort(),
  "supervisor-loop": () => {
    for (;;);
  },
  "supervisor-throw": () => {
    throw new Error("injected: an uncaught exception in the supervisor's main thread");
  },
};

export const PROCESS_FAULT_KINDS: readonly string[] = Object.keys(PROCESS_FAULTS);

export function isProcessFault(kind: string): boolean {
  return Object.hasOwn(PROCESS_FAULTS, kind);
}

/** Does the fault a moment later. */
export function commitProcessFault(kind: string): void {
  const fault = PROCESS_FAULTS[kind];
  if (fault === undefined) throw new RangeError(`there is no process fault "${kind}"`);
  setTimeout(fault, ANSWER_MS);
}
