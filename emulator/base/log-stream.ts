/**
 * Lines to a file descriptor, written at once and whole as long as somebody reads them, and never waited for: what a
 * pipe, a socket or a stopped terminal does not take waits here, up to a bound, and further lines are dropped and counted.
 *
 * A line is given to the kernel in one call. What the kernel takes only in part, which it does with lines of more than
 * 4,096 bytes (PIPE_BUF) and with sockets, is completed before anything else of this thread.
 */
import { constants, fstatSync, openSync, writeSync } from "node:fs";
import { monotonicNs } from "./clock.ts";
import { late } from "./late.ts";

const MAX_WAITING_BYTES = 256 * 1024;
/** What was not taken is not offered again before: a call in vain costs more than many lines. */
const RETRY_MS = 20;

/**
 * A descriptor for the same file that does not wait. The flag belongs to what was opened, which other processes share:
 * so a pipe and a terminal are opened once more. A socket cannot be: it gets the flag, which Node, too, gives it where
 * it writes to it.
 */
function withoutWaiting(fd: number): number {
  try {
    const stat = fstatSync(fd);
    if (stat.isSocket()) {
      const { Socket } = late("node:net");
      new Socket({ fd, readable: false, writable: true }).unref();
    }
    if (!stat.isFIFO() && !stat.isCharacterDevice()) return fd;
    return openSync(`/dev/fd/${fd}`, constants.O_WRONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
  } catch {
    return fd;
  }
}

export class LogStream {
  readonly #fd: number;
  readonly #onDrop: () => void;
  readonly #dropped: (count: number) => string;
  #waiting: Buffer[] = [];
  #waitingBytes = 0;
  #droppedCount = 0;
  #retry: NodeJS.Timeout | undefined;
  #retryNs = 0;

  /** @param dropped the line that tells of so many dropped ones, written where they are missing */
  constructor(fd: number, onDrop: () => void, dropped: (count: number) => string) {
    this.#fd = withoutWaiting(fd);
    this.#onDrop = onDrop;
    this.#dropped = dropped;
    process.on("exit", () => this.#offer());
  }

  /** @param line with its end */
  write(line: string): void {
    this.#flush();
    this.#add(line);
    this.#flush();
  }

  #add(line: string): void {
    if (this.#waitingBytes + line.length > MAX_WAITING_BYTES) {
      this.#droppedCount += 1;
      this.#onDrop();
      return;
    }
    if (this.#droppedCount > 0) this.#push(this.#dropped(this.#droppedCount));
    this.#droppedCount = 0;
    this.#push(line);
  }

  #push(line: string): void {
    const bytes = Buffer.from(line);
    this.#waiting.push(bytes);
    this.#waitingBytes += bytes.length;
  }

  #flush(): void {
    if (monotonicNs() >= this.#retryNs) this.#offer();
  }

  #offer(): void {
    for (let [first] = this.#waiting; first !== undefined; [first] = this.#waiting) {
      const written = this.#writeSome(first);
      this.#waitingBytes -= written;
      if (written === first.length) this.#waiting.shift();
      else this.#waiting[0] = first.subarray(written);
      if (written === 0) break;
    }
    clearTimeout(this.#retry);
    if (this.#waiting.length === 0) return;
    this.#retryNs = monotonicNs() + RETRY_MS * 1e6;
    this.#retry = setTimeout(() => this.#offer(), RETRY_MS).unref();
  }

  /** Whatever keeps it from being written, a log is no reason to fail. */
  #writeSome(bytes: Buffer): number {
    try {
      return writeSync(this.#fd, bytes);
    } catch {
      return 0;
    }
  }
}
