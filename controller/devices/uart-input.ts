/**
 * Characters on their way to the firmware's UART: a ring in shared memory, from the supervisor's main thread to the thread
 * of the hart that executes.
 *
 * Invariants, asserted on both sides: TAIL counts what was ever put in and only the supervisor's main thread stores it;
 * HEAD counts what was taken and only the hart's thread does; TAIL − HEAD is from 0 to the ring's size. A byte is stored
 * before the TAIL that publishes it, and HEAD moves on when the byte has been read. So nothing is lost, taken twice or
 * overwritten: whoever puts in more than there is room for is told how much was taken. Over a failover the ring stays as
 * it is: the next version's hart starts when the one before has stopped, and goes on where that one's HEAD stands.
 */
import { Control, controlWords } from "../../emulator/memory/control.ts";
import { type Layout, UART_INPUT_BYTES } from "../../emulator/memory/layout.ts";

/** Counts of characters are modulo 2^31, of which the rings' sizes are divisors. */
export const COUNT_MASK = 0x7fff_ffff;

export class UartInput {
  readonly #control: Int32Array;
  readonly #bytes: Uint8Array;

  constructor(memory: WebAssembly.Memory, layout: Layout) {
    this.#control = controlWords(memory, layout);
    this.#bytes = new Uint8Array(memory.buffer, layout.uartInput, UART_INPUT_BYTES);
  }

  /** Characters that the firmware has not taken. Throws where the ring is broken. */
  get waiting(): number {
    const head = Atomics.load(this.#control, Control.UART_INPUT_HEAD);
    const waiting = (Atomics.load(this.#control, Control.UART_INPUT_TAIL) - head) & COUNT_MASK;
    if (waiting <= UART_INPUT_BYTES) return waiting;
    throw new Error(`the ring of the UART's input holds ${waiting} of ${UART_INPUT_BYTES} characters`);
  }

  /** Puts in as many as there is room for. Returns how many. Of the supervisor's main thread alone, which wakes the hart. */
  put(bytes: Uint8Array): number {
    const room = UART_INPUT_BYTES - this.waiting;
    const taken = bytes.subarray(0, room);
    const tail = Atomics.load(this.#control, Control.UART_INPUT_TAIL);
    for (const [index, byte] of taken.entries()) this.#bytes[(tail + index) % UART_INPUT_BYTES] = byte;
    const published = (tail + taken.length) & COUNT_MASK;
    const before = Atomics.exchange(this.#control, Control.UART_INPUT_TAIL, published);
    if (before !== tail) throw new Error("two threads put characters into the UART's input");
    return taken.length;
  }

  /** The oldest character, or -1. Of the hart's thread alone. */
  take(): number {
    if (this.waiting === 0) return -1;
    const head = Atomics.load(this.#control, Control.UART_INPUT_HEAD);
    const byte = this.#bytes[head % UART_INPUT_BYTES] as number;
    const before = Atomics.exchange(this.#control, Control.UART_INPUT_HEAD, (head + 1) & COUNT_MASK);
    if (before !== head) throw new Error("two threads take characters from the UART's input");
    return byte;
  }
}
