/**
 * Standard output that may end before the command does: its reader goes away (`flipside … | head`), its disk is full.
 *
 * Invariant: neither decides what a command does. It goes on to its end, writes its report and gives its own exit
 * code; what it prints after that is swallowed.
 */
import type { ErrorKind } from "../emulator/base/errors.ts";

const gone = new AbortController();
let unwritable = false;

/** Aborted once nobody reads standard output any more; for a command that does nothing but show. */
export const readerGone: AbortSignal = gone.signal;

/** True once output was lost for another reason than that its reader went away: the command has not done all it should. */
export function isOutputLost(): boolean {
  return unwritable;
}

/** Thrown by a command that nothing else would end (an endless program) when its reader has gone away. */
export class ReaderGoneError extends Error {
  override readonly name = "ReaderGoneError";
  readonly kind: ErrorKind = "unjudged";

  constructor() {
    super("the reader of the output went away before the command was done");
  }
}

/** Later writes go nowhere; their callbacks come all the same. */
function swallow(stream: NodeJS.WriteStream): void {
  stream.write = (_: unknown, encoding?: unknown, written?: unknown) => {
    const callback = typeof encoding === "function" ? encoding : written;
    if (typeof callback === "function") process.nextTick(callback as () => void);
    return true;
  };
}

/** Standard output could not be written. For who writes to its descriptor itself: neither does that decide anything. */
export function onOutputError(error: NodeJS.ErrnoException): void {
  swallow(process.stdout);
  if (error.code === "EPIPE") gone.abort();
  else if (!unwritable) {
    unwritable = true;
    process.stderr.write(`flipside: standard output cannot be written: ${error.message}\n`);
  }
}

/** Node opens such a stream when it is first asked for, which takes longer than a short run has: guards it then. */
function guardWhenOpened(name: "stdout" | "stderr", guard: (stream: NodeJS.WriteStream) => void): void {
  const opened = Object.getOwnPropertyDescriptor(process, name) ?? {};
  const open = (): NodeJS.WriteStream => {
    Object.defineProperty(process, name, opened);
    const stream = process[name];
    guard(stream);
    return stream;
  };
  if (opened.get === undefined) guard(process[name]);
  else Object.defineProperty(process, name, { ...opened, get: open });
}

/** Nobody can be told when standard error itself ends. */
export function guardOutput(): void {
  guardWhenOpened("stdout", (stream) => stream.on("error", onOutputError));
  guardWhenOpened("stderr", (stream) => stream.on("error", () => swallow(stream)));
}
