/**
 * The other end of the UART, in shared memory: the last characters that firmware sent, for whoever reads them, and those
 * that are typed for it (uart-input.ts). Both go on over a failover, as the line of a real board does.
 *
 * Invariants: one thread sends, that of the hart which executes; readers, who may be in other threads, are told how many
 * characters they have missed, and never given one that was overwritten while they read.
 */
import { Control, controlWords } from "../../emulator/memory/control.ts";
import { type Layout, UART_RING_BYTES } from "../../emulator/memory/layout.ts";
import type { SerialLine } from "./uart.ts";
import { COUNT_MASK, UartInput } from "./uart-input.ts";

/** What was sent from some position on. Positions count the characters since power-on, modulo 2^31. */
export interface UartOutput {
  readonly bytes: Uint8Array;
  /** Position of the first of them. */
  readonly from: number;
  /** Where to read on. */
  readonly next: number;
  /** Characters between the position that was asked for and {@link from}: overwritten, since nobody read them in time. */
  readonly lost: number;
}

export class UartRing implements SerialLine {
  readonly #control: Int32Array;
  readonly #bytes: Uint8Array;
  readonly #input: UartInput;

  constructor(memory: WebAssembly.Memory, layout: Layout) {
    this.#control = controlWords(memory, layout);
    this.#bytes = new Uint8Array(memory.buffer, layout.uartRing, UART_RING_BYTES);
    this.#input = new UartInput(memory, layout);
  }

  send(byte: number): void {
    const next = Atomics.load(this.#control, Control.UART_NEXT);
    this.#bytes[next % UART_RING_BYTES] = byte;
    Atomics.store(this.#control, Control.UART_NEXT, (next + 1) & COUNT_MASK);
  }

  receive(): number {
    return this.#input.take();
  }

  /** Position of the character that will be sent next. */
  get next(): number {
    return Atomics.load(this.#control, Control.UART_NEXT);
  }

  /**
   * What was sent from a position on, as far as it is kept.
   * @param from undefined for all that is kept
   * @param most bytes that are read at once
   */
  read(from?: number, most = UART_RING_BYTES): UartOutput {
    const { next } = this;
    const kept = Math.min(next, UART_RING_BYTES);
    const asked = from === undefined ? kept : (next - from) & COUNT_MASK;
    const first = (next - Math.min(asked, UART_RING_BYTES)) & COUNT_MASK;
    const count = Math.min((next - first) & COUNT_MASK, most);
    const bytes = this.#copy(first % UART_RING_BYTES, count);
    // The hart sends meanwhile: what it wrote over was not read.
    const overrun = Math.max(0, ((this.next - first) & COUNT_MASK) - UART_RING_BYTES);
    const whole = bytes.subarray(Math.min(overrun, count));
    const end = (first + count) & COUNT_MASK;
    const lost = asked - ((next - first) & COUNT_MASK) + (count - whole.length);
    return { bytes: whole, from: (end - whole.length) & COUNT_MASK, next: end, lost };
  }

  /** What was sent last, oldest first, at most `most` characters of it. */
  text(most: number): string {
    const { bytes } = this.read();
    return Buffer.from(bytes.subarray(Math.max(0, bytes.length - most))).toString("latin1");
  }

  #copy(start: number, count: number): Uint8Array {
    const copy = new Uint8Array(count);
    const toEnd = this.#bytes.subarray(start, start + count);
    copy.set(toEnd);
    copy.set(this.#bytes.subarray(0, count - toEnd.length), toEnd.length);
    return copy;
  }
}
