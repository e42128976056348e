/** Standard output as the other end of a UART has it: written by a thread that has no event loop, and no byte of it lost. */
import { writeSync } from "node:fs";
import { onOutputError, ReaderGoneError, readerGone } from "../standard-output.ts";
import type { Output } from "./console.ts";

const LINE_FEED = 0x0a;
const OUTPUT_BUFFER_BYTES = 4096;

/**
 * The UART's other end: standard output, a line at a time.
 * @param endless nothing else ends the program: throws {@link ReaderGoneError} once there is no reader any more
 */
export function standardOutput(endless: boolean): Output {
  const buffer = new Uint8Array(OUTPUT_BUFFER_BYTES);
  let used = 0;
  let lost = false;
  const flush = (): void => {
    if (used > 0 && !lost) lost = !writeAll(buffer.subarray(0, used));
    used = 0;
    if (endless && readerGone.aborted) throw new ReaderGoneError();
  };
  const send = (byte: number): void => {
    buffer[used++] = byte;
    if (byte === LINE_FEED || used === buffer.length) flush();
  };
  return { send, flush };
}

/** Writes to standard output; a full pipe is waited for. False when it cannot be written any more. */
function writeAll(bytes: Uint8Array): boolean {
  let written = 0;
  while (written < bytes.length) {
    try {
      written += writeSync(1, bytes, written);
    } catch (error) {
      const failure = error as NodeJS.ErrnoException;
      if (failure.code !== "EAGAIN") {
        onOutputError(failure);
        return false;
      }
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1);
    }
  }
  return true;
}
