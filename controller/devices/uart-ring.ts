/** The last characters that the firmware sent through the UART, kept in shared memory for status and crash dumps. */
import { Control, controlWords } from "../../emulator/memory/control.ts";
import { type Layout, UART_RING_BYTES } from "../../emulator/memory/layout.ts";
import type { SerialLine } from "./uart.ts";

export class UartRing implements SerialLine {
  readonly #control: Int32Array;
  readonly #bytes: Uint8Array;

  constructor(memory: WebAssembly.Memory, layout: Layout) {
    this.#control = controlWords(memory, layout);
    this.#bytes = new Uint8Array(memory.buffer, layout.uartRing, UART_RING_BYTES);
  }

  send(byte: number): void {
    const next = Atomics.load(this.#control, Control.UART_NEXT);
    this.#bytes[next % UART_RING_BYTES] = byte;
    Atomics.store(this.#control, Control.UART_NEXT, (next + 1) & 0x7fff_ffff);
  }

  /** Nobody types. */
  receive(): number {
    return -1;
  }

  /** What was sent last, oldest first, at most UART_RING_BYTES of it. */
  text(): string {
    const next = Atomics.load(this.#control, Control.UART_NEXT);
    const count = Math.min(next, UART_RING_BYTES);
    const bytes = Array.from(
      { length: count },
      (_, i) => this.#bytes[(next - count + i) % UART_RING_BYTES] ?? 0,
    );
    return String.fromCharCode(...bytes);
  }
}
