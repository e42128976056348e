/**
 * The receiver of the UART 16550: a FIFO of 16 bytes, or, while that is off, one byte.
 *
 * A byte that finds no room is lost, as hardware says it: in the FIFO the newest, without it the one that was there.
 * Source: TI PC16550D data sheet, sections 8.4 "Line Status Register" and 8.5 "FIFO Control Register".
 */

/** Words of its state; the FIFO's bytes lie behind them. */
const enum ReceiverWord {
  FIFO_ENABLED = 0,
  /** Bytes that are held. */
  COUNT = 1,
  /** Place of the oldest in the FIFO. */
  FIRST = 2,
  /** Without the FIFO: the byte that was received last, read or not. */
  BUFFER = 3,
  OVERRUN = 4,
  FIFO = 5,
}

const FIFO_BYTES = 16;
/** Words that a receiver takes. */
export const RECEIVER_WORDS = ReceiverWord.FIFO + FIFO_BYTES / 4;

export class UartReceiver {
  readonly #words: Int32Array;
  readonly #fifo: Uint8Array;

  /** @param words {@link RECEIVER_WORDS} words of its own */
  constructor(words: Int32Array) {
    this.#words = words;
    this.#fifo = new Uint8Array(words.buffer, words.byteOffset + 4 * ReceiverWord.FIFO, FIFO_BYTES);
  }

  reset(): void {
    this.#words.fill(0);
  }

  get hasFifo(): boolean {
    return this.#words[ReceiverWord.FIFO_ENABLED] !== 0;
  }

  /** Switching the FIFO on or off loses what is held. */
  set hasFifo(enabled: boolean) {
    if (enabled !== this.hasFifo) this.clear();
    this.#words[ReceiverWord.FIFO_ENABLED] = enabled ? 1 : 0;
  }

  /** Bytes that are held. */
  get count(): number {
    return this.#words[ReceiverWord.COUNT] as number;
  }

  /** A byte was lost since this was last taken back. */
  get overrun(): boolean {
    return this.#words[ReceiverWord.OVERRUN] !== 0;
  }

  clearOverrun(): void {
    this.#words[ReceiverWord.OVERRUN] = 0;
  }

  /** Loses what is held. */
  clear(): void {
    this.#words[ReceiverWord.COUNT] = 0;
  }

  put(byte: number): void {
    const { count } = this;
    const full = count === (this.hasFifo ? FIFO_BYTES : 1);
    if (full) this.#words[ReceiverWord.OVERRUN] = 1;
    else this.#words[ReceiverWord.COUNT] = count + 1;
    if (!this.hasFifo) this.#words[ReceiverWord.BUFFER] = byte;
    else if (!full) this.#fifo[(this.#first + count) % FIFO_BYTES] = byte;
  }

  /** The oldest byte. Where there is none: 0 of the FIFO, without it the last one again. */
  take(): number {
    const { count } = this;
    if (count > 0) this.#words[ReceiverWord.COUNT] = count - 1;
    if (!this.hasFifo) return this.#words[ReceiverWord.BUFFER] as number;
    if (count === 0) return 0;
    const first = this.#first;
    this.#words[ReceiverWord.FIRST] = (first + 1) % FIFO_BYTES;
    return this.#fifo[first] as number;
  }

  get #first(): number {
    return this.#words[ReceiverWord.FIRST] as number;
  }
}
