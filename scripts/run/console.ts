/**
 * The other end of the UART of `flipside run`, and the console of its semihosting: standard output, and standard input
 * once the program listens.
 *
 * Nothing is read before, so that it waits where it was typed, and a program that only prints leaves a terminal as it is.
 * A program listens that asks for input twice without saying anything in between, or still after {@link PATIENT_NS}: one
 * that prints asks whether it may before each character, and the register that tells it tells of input, too.
 */
import type { Console as SemihostingConsole } from "../../controller/bare/semihosting-streams.ts";
import type { SerialLine } from "../../controller/devices/uart.ts";
import type { Input } from "./input.ts";

const PATIENT_NS = 1e8;
/** Who waits for input looks again after so long, whatever comes. */
const PAUSE_MS = 1000;

export interface Output {
  readonly send: (byte: number) => void;
  /** Shows what was sent. */
  readonly flush: () => void;
}

export class Console implements SerialLine, SemihostingConsole {
  readonly #output: Output;
  readonly #open: () => Input;
  readonly #nowNs: (() => number) | undefined;
  #input: Input | undefined;
  /** Since something was sent or received. */
  #askedInVain = 0;
  #firstAskedNs: number | undefined;

  /**
   * @param open opens the input, once
   * @param nowNs absent: the program listens when it asks at all, so that what it gets hangs on no clock
   */
  constructor(output: Output, open: () => Input, nowNs?: () => number) {
    this.#output = output;
    this.#open = open;
    this.#nowNs = nowNs;
  }

  send(byte: number): void {
    this.#askedInVain = 0;
    this.#output.send(byte);
  }

  receive(): number {
    const byte = this.#input?.take() ?? -1;
    if (byte >= 0) {
      this.#askedInVain = 0;
      return byte;
    }
    this.#askedInVain++;
    if (!this.#listens) return -1;
    // It waits for an answer to what it said.
    this.#output.flush();
    if (this.#input !== undefined) return -1;
    this.#input = this.#open();
    return this.#input.take();
  }

  awaitInput(maxMs: number): boolean {
    this.#output.flush();
    this.#input ??= this.#open();
    return this.#input.wait(maxMs);
  }

  write(bytes: Uint8Array): void {
    for (const byte of bytes) this.send(byte);
  }

  writeError(bytes: Uint8Array): void {
    this.#output.flush();
    process.stderr.write(bytes);
  }

  /** Waits for a byte at least, and gives as many as there are and fit; 0 where none will ever come. */
  read(into: Uint8Array): number {
    let count = 0;
    while (count === 0 && this.awaitInput(PAUSE_MS)) {
      for (let byte = 0; count < into.length; into[count++] = byte) {
        byte = this.#input?.take() ?? -1;
        if (byte < 0) break;
      }
    }
    return count;
  }

  get #listens(): boolean {
    if (this.#askedInVain > 1) return true;
    if (this.#input !== undefined) return false;
    const nowNs = this.#nowNs?.();
    if (nowNs === undefined) return true;
    this.#firstAskedNs ??= nowNs;
    return nowNs - this.#firstAskedNs > PATIENT_NS;
  }
}
