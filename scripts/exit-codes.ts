/**
 * What a command says by its exit code, decided here for all of them.
 *
 * Invariant: only what was found of a device, or of what was given to be judged, is a finding. An accident of this
 * program, a machine that lacks something and an early end say nothing of it.
 */
import { describeAccident } from "../emulator/base/accident.ts";
import { type ErrorKind, kindOf, lackIn } from "../emulator/base/errors.ts";

/** All that was looked at is as it must be, or was done. */
export const EXIT_HELD = 0;
/** Something is not as it must be. */
export const EXIT_FINDING = 1;
/** Bad input, or what was asked for never took place. */
export const EXIT_USAGE = 2;
/** It could not run here: the machine lacks memory, descriptors, processes or room, or gives no access. */
export const EXIT_UNABLE = 3;
/** It ended before anything could be said. */
export const EXIT_UNJUDGED = 4;

/** For each command's help, behind what 0 and 1 are to it. */
export const OTHER_EXIT_CODES = "2 bad input or nothing done, 3 could not run here, 4 not judged";

const CODES: Readonly<Record<ErrorKind, number>> = {
  usage: EXIT_USAGE,
  finding: EXIT_FINDING,
  busy: EXIT_USAGE,
  resource: EXIT_UNABLE,
  unjudged: EXIT_UNJUDGED,
};

/** This machine does not let it run: `message` is one sentence that says what is missing. */
export class UnableError extends Error {
  override readonly name = "UnableError";
  readonly kind: ErrorKind = "resource";
}

/** It came to no judgement here: `message` is one sentence that says why. */
export class UnjudgedError extends Error {
  override readonly name = "UnjudgedError";
  readonly kind: ErrorKind = "unjudged";
}

/** How a command ends that threw `error`. */
export interface Failure {
  readonly exitCode: number;
  /** What its user is told: a sentence; of an accident of this program also where it came from and how to report it. */
  readonly text: string;
}

export function failureOf(error: unknown): Failure {
  const kind = kindOf(error);
  if (!(error instanceof Error) || kind === undefined)
    return { exitCode: EXIT_UNJUDGED, text: `flipside: ${describeAccident(error)}` };
  const lack = kind === "resource" && !(error instanceof UnableError) ? lackIn(textOf(error)) : undefined;
  const text = lack === undefined ? error.message : `there is too little here of ${lack}: ${error.message}`;
  return { exitCode: CODES[kind], text: `flipside: ${text}` };
}

function textOf(error: NodeJS.ErrnoException): string {
  return `${error.message} ${error.code ?? ""}`;
}

/** Of a command that did all it should, but whose output was lost: that is no success. */
export function codeWithoutOutput(code: number): number {
  return code === EXIT_HELD ? EXIT_UNABLE : code;
}
