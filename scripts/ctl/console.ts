/**
 * `flipside ctl console`: a terminal, or a pipe, attached to the firmware's UART.
 *
 * Invariants: bytes go through as they are, both ways, but for Ctrl-], which leaves; a terminal is as it was when this
 * ends, however it ends; what was typed is sent in order, once, and kept while the firmware does not take it.
 */
import type { Readable, Writable } from "node:stream";
import { DeviceError } from "../../supervisor/process/client.ts";
import { MOST_TYPED } from "../../supervisor/process/requests.ts";
import type { ServedMethods } from "../../supervisor/process/served-device.ts";
import { EXIT_HELD } from "../exit-codes.ts";
import type { CtlClient } from "./said.ts";
import { UART_WAIT_MS } from "./uart.ts";

/** Ctrl-]. */
const LEAVE = 0x1d;
/** Characters that wait for the firmware before a pipe is read on. */
const MOST_WAITING = 65_536;
/** When all of a pipe is sent, and nothing was printed for so long, the rest is not waited for. */
const QUIET_MS = 500;

type Uart = ServedMethods["uart"];

/** The device's side. */
export type ConsoleLine = Pick<CtlClient, "call">;

/** What is typed on its way to the device. */
class Typist {
  readonly #line: ConsoleLine;
  readonly #input: Readable;
  #waiting: Buffer[] = [];
  #sending = false;
  #ended = false;
  readonly #leave: () => void;
  readonly #fail: (error: unknown) => void;

  constructor(line: ConsoleLine, input: Readable, leave: () => void, fail: (error: unknown) => void) {
    this.#line = line;
    this.#input = input;
    this.#leave = leave;
    this.#fail = fail;
    input.on("data", (chunk: Buffer) => this.#take(chunk));
    input.once("end", () => {
      this.#ended = true;
    });
  }

  /** All that there will ever be has been sent. */
  get done(): boolean {
    return this.#ended && !this.#sending;
  }

  #take(chunk: Buffer): void {
    const leaves = chunk.indexOf(LEAVE);
    const typed = leaves < 0 ? chunk : chunk.subarray(0, leaves);
    if (typed.length > 0) this.#waiting.push(typed);
    if (this.#waitingBytes > MOST_WAITING) this.#input.pause();
    if (!this.#sending) void this.#send(leaves >= 0);
    else if (leaves >= 0) this.#leave();
  }

  get #waitingBytes(): number {
    return this.#waiting.reduce((bytes, chunk) => bytes + chunk.length, 0);
  }

  async #send(leaves: boolean): Promise<void> {
    this.#sending = true;
    try {
      while (this.#waiting.length > 0) {
        const all = Buffer.concat(this.#waiting);
        const characters = all.subarray(0, MOST_TYPED);
        const taken = await this.#type(characters);
        if (taken === 0 && this.#ended) throw untaken(all.length);
        // More may have come meanwhile.
        this.#waiting = [Buffer.concat(this.#waiting).subarray(taken)].filter(({ length }) => length > 0);
        if (this.#waitingBytes <= MOST_WAITING) this.#input.resume();
      }
    } catch (error) {
      this.#fail(error);
    } finally {
      this.#sending = false;
    }
    if (leaves) this.#leave();
  }

  /** How many are on their way: all, where the process that was asked ended, and they with it. */
  async #type(characters: Uint8Array): Promise<number> {
    try {
      return (await this.#line.call("type", { characters, waitMs: UART_WAIT_MS })).taken;
    } catch (error) {
      if (!(error instanceof DeviceError) || error.name !== "SupervisorGone") throw error;
      return characters.length;
    }
  }
}

function untaken(count: number): DeviceError {
  const message = `the firmware does not take its input: ${count} characters are left`;
  return new DeviceError("InputNotTaken", message, "unjudged");
}

/** Attaches until Ctrl-], or the end of an input that is no terminal. Rejects with {@link DeviceError}. */
export async function attach(line: ConsoleLine, input: Readable, output: Writable): Promise<void> {
  let left = false;
  let wake = (): void => undefined;
  const over = new Promise<void>((resolve) => (wake = resolve));
  let failure: unknown;
  const leave = (): void => {
    left = true;
    wake();
  };
  let { next: from, powerOnMs } = await line.call("uart", {});
  const typist = new Typist(line, input, leave, (error) => {
    failure = error;
    leave();
  });
  const show = async (): Promise<void> => {
    while (!left) {
      const isLast = typist.done;
      const waitMs = isLast ? QUIET_MS : UART_WAIT_MS;
      const answer = await nextOutput(line, { from, powerOnMs, waitMs });
      if (left) return;
      if (answer.powerOnMs !== powerOnMs) output.write("\r\n[the device was powered on again]\r\n");
      if (answer.lost > 0) output.write(`\r\n[${answer.lost} characters were lost]\r\n`);
      output.write(answer.bytes);
      ({ next: from, powerOnMs } = answer);
      if (isLast && answer.bytes.length === 0) leave();
    }
  };
  await Promise.race([show(), over]);
  left = true;
  if (failure !== undefined) throw failure;
}

/** A process that ends is followed by the next, which is asked again. */
async function nextOutput(line: ConsoleLine, params: Uart["params"]): Promise<Uart["result"]> {
  try {
    return await line.call("uart", params);
  } catch (error) {
    if (!(error instanceof DeviceError) || error.name !== "SupervisorGone") throw error;
    return line.call("uart", params);
  }
}

/** This process's own terminal, or what stands in its place. */
export async function attachTerminal(client: CtlClient): Promise<number> {
  const { stdin, stdout } = process;
  const isTerminal = stdin.isTTY === true;
  if (isTerminal) {
    process.stderr.write("attached to the UART; Ctrl-] leaves\n");
    stdin.setRawMode(true);
  }
  try {
    await attach(client, stdin, stdout);
  } finally {
    if (isTerminal) {
      stdin.setRawMode(false);
      process.stderr.write("\nleft the UART\n");
    }
    // It would keep the process.
    stdin.destroy();
  }
  return EXIT_HELD;
}
