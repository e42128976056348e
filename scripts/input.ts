/** Reading and writing the files that a user names. What cannot be done ends in a {@link UsageError}, or in an {@link UnableError}. */
import {
  accessSync,
  closeSync,
  constants,
  existsSync,
  fstatSync,
  lstatSync,
  mkdirSync,
  openSync,
  readSync,
  rmSync,
  type Stats,
  statSync,
  writeFileSync,
} from "node:fs";
import { dirname, resolve } from "node:path";
import { kindOf } from "../emulator/base/errors.ts";
import { errorMessage } from "../emulator/base/text.ts";
import { UnableError } from "./exit-codes.ts";
import { UsageError } from "./options.ts";

/** More than the header of any format that is read. */
export const HEAD_BYTES = 256;

/**
 * Reads a whole file, but never more than `maxBytes` (a device or a pipe may have no end).
 * @param what what the file is to the user, such as "the image"
 * @param judge is given the first {@link HEAD_BYTES}, or all there are, before the rest, which may be long, is read; throws
 * {@link UsageError} where no rest would help
 */
export function readInput(
  what: string,
  file: string,
  maxBytes: number,
  judge: (head: Uint8Array) => void = () => undefined,
): Uint8Array {
  const chunks: Uint8Array[] = [];
  let total = 0;
  try {
    const descriptor = openSync(file, "r");
    try {
      const stats = fstatSync(descriptor);
      // Reading one fails, too, but in words that do not name it.
      if (stats.isDirectory()) throw new UsageError(`${what} ${file} is a directory, not a file`);
      if (stats.isFile() && stats.size > maxBytes) {
        throw new UsageError(`${what} ${file} has ${stats.size} bytes, more than ${maxBytes}`);
      }
      const head = readHead(descriptor);
      judge(head);
      chunks.push(head);
      total = head.length;
      if (total > maxBytes) throw new UsageError(`${what} ${file} has more than ${maxBytes} bytes`);
      for (;;) {
        const chunk = new Uint8Array(65_536);
        const bytes = readSync(descriptor, chunk);
        if (bytes === 0) break;
        total += bytes;
        if (total > maxBytes) throw new UsageError(`${what} ${file} has more than ${maxBytes} bytes`);
        chunks.push(chunk.subarray(0, bytes));
      }
    } finally {
      closeSync(descriptor);
    }
  } catch (error) {
    if (error instanceof UsageError) throw error;
    throw refusalOf(`${what} cannot be read`, error);
  }
  const whole = new Uint8Array(total);
  let offset = 0;
  for (const chunk of chunks) {
    whole.set(chunk, offset);
    offset += chunk.length;
  }
  return whole;
}

/** A pipe may give them one by one. */
function readHead(descriptor: number): Uint8Array {
  const head = new Uint8Array(HEAD_BYTES);
  let total = 0;
  for (let more = 1; more > 0 && total < head.length; total += more) {
    more = readSync(descriptor, head, total, head.length - total, null);
  }
  return head.subarray(0, total);
}

/** Longest text that is read: keys in PEM have some hundred bytes. */
const MAX_TEXT_BYTES = 2 ** 20;

export function readText(what: string, file: string): string {
  return new TextDecoder().decode(readInput(what, file, MAX_TEXT_BYTES));
}

/** A file that is at fault is bad input; a machine without descriptors, memory or room is not. */
export function refusalOf(what: string, error: unknown): UsageError | UnableError {
  const message = `${what}: ${errorMessage(error)}`;
  return kindOf(error) === "resource" ? new UnableError(message) : new UsageError(message);
}

/**
 * With its parents, step by step: Node's own recursive mkdir never ends where a parent takes no entries (/proc). Throws what
 * the file system does.
 * @param mode of each directory that is made
 */
export function makeDirectory(directory: string, mode = 0o777): void {
  if (existsSync(directory)) return;
  makeDirectory(dirname(directory), mode);
  mkdirSync(directory, { mode });
}

/** Throws {@link UsageError}. @param what what the file is to the user */
export function writeOutput(what: string, file: string, content: string | Uint8Array): void {
  try {
    writeFileSync(file, content);
  } catch (error) {
    throw refusalOf(`${what} cannot be written`, error);
  }
}

/** Of every kind of report; raised for all of them when a field goes or gets another meaning. */
const REPORT_FORMAT = 1;

/**
 * Writes a machine-readable report, which says of which kind and of which version of its format it is: "flipside soak
 * report 1". Throws {@link UsageError} when the file cannot be written.
 */
export function writeReport(file: string, kind: string, report: object): void {
  const whole = { format: `flipside ${kind} report ${REPORT_FORMAT}`, ...report };
  writeOutput("the report", file, `${JSON.stringify(whole, null, 2)}\n`);
}

/**
 * Each file that is written is written once, and none that was read, or one would be lost. Throws {@link UsageError}.
 * What is not asked for is undefined.
 */
export function requireSeparate(
  outputs: readonly (string | undefined)[],
  inputs: readonly (string | undefined)[],
): void {
  const taken = new Set(inputs.filter((file) => file !== undefined).map(identityOf));
  for (const file of outputs) {
    if (file === undefined || isDevice(file)) continue;
    const identity = identityOf(file);
    if (taken.has(identity)) throw new UsageError(`${file} is named twice: it is read or written once`);
    taken.add(identity);
  }
}

/** Whatever its name: there may be links. */
function identityOf(file: string): string {
  const stats = statsOf(file);
  return stats === undefined ? resolve(file) : `${stats.dev}:${stats.ino}`;
}

/** Undefined for what is not there, or cannot be got at: whoever opens it will say why. */
function statsOf(file: string): Stats | undefined {
  try {
    return statSync(file, { throwIfNoEntry: false });
  } catch {
    return undefined;
  }
}

/** Whatever is written to a terminal, a pipe or nowhere takes nothing from what was written before. */
function isDevice(file: string): boolean {
  return statsOf(file)?.isFile() === false;
}

/**
 * Whoever asks for a report is not to learn at the end of a long run that there can be none. What a file holds stays, and
 * one that was not there is not left empty by a refusal or a signal: what this makes is removed at once.
 * Throws {@link UsageError}.
 * @param what what the file is to the user
 */
export function requireWritable(file: string, what = "the report"): void {
  try {
    // Also a link that leads nowhere is there.
    const isNew = lstatSync(file, { throwIfNoEntry: false }) === undefined;
    // Opening and closing a pipe would tell its reader that all is over.
    if (statSync(file, { throwIfNoEntry: false })?.isFIFO() === true) accessSync(file, constants.W_OK);
    else closeSync(openSync(file, "a"));
    if (isNew) rmSync(file, { force: true });
  } catch (error) {
    throw refusalOf(`${what} cannot be written`, error);
  }
}
