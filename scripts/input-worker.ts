/**
 * The thread that reads standard input for a program under `flipside run` (run/input.ts), until its process ends.
 *
 * A terminal gives each character as it is typed, and shows none: that is the program's to do. Ctrl-C ends the process as it
 * does everywhere, and so a terminal is always read: what is typed beyond what anybody takes is lost. A pipe is not
 * read on until what was read is taken.
 */
import { Socket } from "node:net";
import type { Readable } from "node:stream";
import { isatty, ReadStream } from "node:tty";
import { workerData } from "node:worker_threads";
import type { InputWorkerData } from "./run/input.ts";

const STANDARD_INPUT = 0;
const CTRL_C = 0x03;
/** Bytes that nobody has taken. */
const MOST_WAITING = 65_536;

const { port, news } = workerData as InputWorkerData;

function tell(chunk: Uint8Array): void {
  // A copy: a piece of Node's pool of buffers would take all of that along.
  port.postMessage(new Uint8Array(chunk));
  Atomics.add(news, 0, 1);
  Atomics.notify(news, 0);
}

function openTerminal(): Readable {
  const terminal = new ReadStream(STANDARD_INPUT);
  terminal.setRawMode(true);
  return terminal;
}

const isTerminal = isatty(STANDARD_INPUT);
const input = isTerminal
  ? openTerminal()
  : new Socket({ fd: STANDARD_INPUT, readable: true, writable: false });
let waiting = 0;

input.on("data", (chunk: Uint8Array) => {
  if (isTerminal && chunk.includes(CTRL_C)) process.kill(process.pid, "SIGINT");
  if (isTerminal && waiting > MOST_WAITING) return;
  waiting += chunk.length;
  if (waiting > MOST_WAITING && !isTerminal) input.pause();
  tell(chunk);
});
// Also a terminal that is gone is at its end.
input.on("error", () => undefined);
input.once("close", () => tell(new Uint8Array(0)));

port.on("message", (taken: number) => {
  waiting -= taken;
  if (waiting <= MOST_WAITING) input.resume();
});
