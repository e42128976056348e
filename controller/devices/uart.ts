/**
 * UART 16550. Bytes go out at once, to an injected sink, and come in from an injected source whenever the
 * receiver is empty. docs/hardware.md; TI PC16550D data sheet, section 8.
 */
import { BUS_FAULT } from "../cpu/engine.ts";
import type { Board, Device } from "./device.ts";
import { type DeviceState, DeviceWord } from "./state.ts";

/** The other end of the line. */
export interface SerialLine {
  /** Takes a byte that the firmware sent. */
  send(byte: number): void;
  /** The next byte for the firmware, or -1. */
  receive(): number;
}

/** A line with nobody at the other end. */
export const OPEN_LINE: SerialLine = { send: () => undefined, receive: () => -1 };

/** Offsets. */
export const enum UartRegister {
  /** RBR and THR; DLL while LCR.DLAB is set. */
  DATA = 0,
  /** IER; DLM while LCR.DLAB is set. */
  INTERRUPT_ENABLE = 1,
  /** IIR for loads, FCR for stores. */
  INTERRUPT_ID = 2,
  LINE_CONTROL = 3,
  MODEM_CONTROL = 4,
  LINE_STATUS = 5,
  MODEM_STATUS = 6,
  SCRATCH = 7,
}

const ENABLE_RECEIVED = 1 << 0;
const ENABLE_EMPTY = 1 << 1;
const ID_NONE = 0x01;
const ID_EMPTY = 0x02;
const ID_RECEIVED = 0x04;
const ID_FIFO = 0xc0;
const DIVISOR_LATCH_ACCESS = 0x80;
const STATUS_RECEIVED = 0x01;
/** THRE and TEMT. */
const STATUS_EMPTY = 0x60;
/** Carrier, data set ready, clear to send. */
const MODEM_READY = 0xb0;
const NOTHING = -1;

export class Uart implements Device {
  readonly registerBytes = 1;
  readonly #words: Int32Array;
  readonly #line: SerialLine;
  readonly #board: Board;

  constructor(state: DeviceState, line: SerialLine, board: Board) {
    this.#words = state.words;
    this.#line = line;
    this.#board = board;
  }

  reset(): void {
    this.#words.fill(0, DeviceWord.UART_IER, DeviceWord.UART_RECEIVED);
    this.#words[DeviceWord.UART_RECEIVED] = NOTHING;
  }

  /** Its interrupt line. */
  get interrupt(): boolean {
    return this.#interruptId() !== ID_NONE;
  }

  load(offset: number): number {
    const latch = (this.#get(DeviceWord.UART_LCR) & DIVISOR_LATCH_ACCESS) !== 0;
    switch (offset) {
      case UartRegister.DATA:
        return latch ? this.#get(DeviceWord.UART_DIVISOR) & 0xff : this.#takeReceived();
      case UartRegister.INTERRUPT_ENABLE:
        return latch ? this.#get(DeviceWord.UART_DIVISOR) >> 8 : this.#get(DeviceWord.UART_IER);
      case UartRegister.INTERRUPT_ID:
        return this.#acknowledge();
      case UartRegister.LINE_CONTROL:
        return this.#get(DeviceWord.UART_LCR);
      case UartRegister.MODEM_CONTROL:
        return this.#get(DeviceWord.UART_MCR);
      case UartRegister.LINE_STATUS:
        return STATUS_EMPTY | (this.#fill() ? STATUS_RECEIVED : 0);
      case UartRegister.MODEM_STATUS:
        return MODEM_READY;
      case UartRegister.SCRATCH:
        return this.#get(DeviceWord.UART_SCRATCH);
      default:
        return BUS_FAULT;
    }
  }

  store(offset: number, value: number): number {
    const byte = value & 0xff;
    const latch = (this.#get(DeviceWord.UART_LCR) & DIVISOR_LATCH_ACCESS) !== 0;
    const divisor = this.#get(DeviceWord.UART_DIVISOR);
    switch (offset) {
      case UartRegister.DATA:
        if (latch) this.#set(DeviceWord.UART_DIVISOR, (divisor & 0xff00) | byte);
        else this.#transmit(byte);
        break;
      case UartRegister.INTERRUPT_ENABLE:
        if (latch) this.#set(DeviceWord.UART_DIVISOR, (divisor & 0xff) | (byte << 8));
        else this.#enableInterrupts(byte & 0x0f);
        break;
      case UartRegister.INTERRUPT_ID:
        this.#set(DeviceWord.UART_FIFO_ENABLED, byte & 1);
        break;
      case UartRegister.LINE_CONTROL:
        this.#set(DeviceWord.UART_LCR, byte);
        break;
      case UartRegister.MODEM_CONTROL:
        this.#set(DeviceWord.UART_MCR, byte & 0x1f);
        break;
      case UartRegister.LINE_STATUS:
      case UartRegister.MODEM_STATUS:
        break; // The data sheet lets writes to the status registers pass.
      case UartRegister.SCRATCH:
        this.#set(DeviceWord.UART_SCRATCH, byte);
        break;
      default:
        return BUS_FAULT;
    }
    return 0;
  }

  #transmit(byte: number): void {
    this.#line.send(byte);
    this.#set(DeviceWord.UART_EMPTY_PENDING, 1);
    // Polled, a character changes no line: not worth a look at the clock.
    if ((this.#get(DeviceWord.UART_IER) & ENABLE_EMPTY) !== 0) this.#board.changed();
  }

  #enableInterrupts(bits: number): void {
    const raised = bits & ~this.#get(DeviceWord.UART_IER) & ENABLE_EMPTY;
    this.#set(DeviceWord.UART_IER, bits);
    if (raised !== 0) this.#set(DeviceWord.UART_EMPTY_PENDING, 1);
    this.#board.changed();
  }

  /** Fetches a byte from the line if the receiver is empty; true if it then holds one. */
  #fill(): boolean {
    if (this.#get(DeviceWord.UART_RECEIVED) === NOTHING) {
      this.#set(DeviceWord.UART_RECEIVED, this.#line.receive());
    }
    return this.#get(DeviceWord.UART_RECEIVED) !== NOTHING;
  }

  #takeReceived(): number {
    if (!this.#fill()) return 0;
    const byte = this.#get(DeviceWord.UART_RECEIVED) & 0xff;
    this.#set(DeviceWord.UART_RECEIVED, NOTHING);
    this.#board.changed();
    return byte;
  }

  #interruptId(): number {
    const enabled = this.#get(DeviceWord.UART_IER);
    if ((enabled & ENABLE_RECEIVED) !== 0 && this.#fill()) return ID_RECEIVED;
    const empty = (enabled & ENABLE_EMPTY) !== 0 && this.#get(DeviceWord.UART_EMPTY_PENDING) !== 0;
    return empty ? ID_EMPTY : ID_NONE;
  }

  /** Reading IIR acknowledges "transmitter empty" if that is what it tells. */
  #acknowledge(): number {
    const id = this.#interruptId();
    if (id === ID_EMPTY) {
      this.#set(DeviceWord.UART_EMPTY_PENDING, 0);
      this.#board.changed();
    }
    return id | (this.#get(DeviceWord.UART_FIFO_ENABLED) === 0 ? 0 : ID_FIFO);
  }

  #get(word: DeviceWord): number {
    return this.#words[word] as number;
  }

  #set(word: DeviceWord, value: number): void {
    this.#words[word] = value;
  }
}
