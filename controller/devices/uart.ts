/**
 * UART 16550. Bytes go out at once, to an injected sink, and come in from an injected source whenever the
 * receiver is empty. docs/hardware.md; TI PC16550D data sheet, section 8.
 */
import { BUS_FAULT, InterruptBit } from "../cpu/engine.ts";
import type { Board, Device } from "./device.ts";
import type { StateWords } from "./state.ts";

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

/** Words of its state. */
const enum UartWord {
  IER = 0,
  LCR = 1,
  MCR = 2,
  SCRATCH = 3,
  DIVISOR = 4,
  FIFO_ENABLED = 5,
  /** 1 while the "transmitter empty" interrupt has not been acknowledged. */
  EMPTY_PENDING = 6,
  /** The received byte, -1 for none. */
  RECEIVED = 7,
  WORDS = 8,
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
  readonly name = "UART";
  readonly registerBytes = 1;
  readonly #words: Int32Array;
  readonly #line: SerialLine;
  readonly #board: Board;

  constructor(state: StateWords, line: SerialLine, board: Board) {
    this.#words = state.words(UartWord.WORDS);
    this.#line = line;
    this.#board = board;
  }

  reset(): void {
    this.#words.fill(0);
    this.#words[UartWord.RECEIVED] = NOTHING;
  }

  /** Its interrupt line. */
  get interrupt(): boolean {
    return this.#interruptId() !== ID_NONE;
  }

  pending(): number {
    return this.interrupt ? InterruptBit.EXTERNAL : 0;
  }

  load(offset: number): number {
    const latch = (this.#get(UartWord.LCR) & DIVISOR_LATCH_ACCESS) !== 0;
    switch (offset) {
      case UartRegister.DATA:
        return latch ? this.#get(UartWord.DIVISOR) & 0xff : this.#takeReceived();
      case UartRegister.INTERRUPT_ENABLE:
        return latch ? this.#get(UartWord.DIVISOR) >> 8 : this.#get(UartWord.IER);
      case UartRegister.INTERRUPT_ID:
        return this.#acknowledge();
      case UartRegister.LINE_CONTROL:
        return this.#get(UartWord.LCR);
      case UartRegister.MODEM_CONTROL:
        return this.#get(UartWord.MCR);
      case UartRegister.LINE_STATUS:
        return STATUS_EMPTY | (this.#fill() ? STATUS_RECEIVED : 0);
      case UartRegister.MODEM_STATUS:
        return MODEM_READY;
      case UartRegister.SCRATCH:
        return this.#get(UartWord.SCRATCH);
      default:
        return BUS_FAULT;
    }
  }

  store(offset: number, value: number): number {
    const byte = value & 0xff;
    const latch = (this.#get(UartWord.LCR) & DIVISOR_LATCH_ACCESS) !== 0;
    const divisor = this.#get(UartWord.DIVISOR);
    switch (offset) {
      case UartRegister.DATA:
        if (latch) this.#set(UartWord.DIVISOR, (divisor & 0xff00) | byte);
        else this.#transmit(byte);
        break;
      case UartRegister.INTERRUPT_ENABLE:
        if (latch) this.#set(UartWord.DIVISOR, (divisor & 0xff) | (byte << 8));
        else this.#enableInterrupts(byte & 0x0f);
        break;
      case UartRegister.INTERRUPT_ID:
        this.#set(UartWord.FIFO_ENABLED, byte & 1);
        break;
      case UartRegister.LINE_CONTROL:
        this.#set(UartWord.LCR, byte);
        break;
      case UartRegister.MODEM_CONTROL:
        this.#set(UartWord.MCR, byte & 0x1f);
        break;
      case UartRegister.LINE_STATUS:
      case UartRegister.MODEM_STATUS:
        break; // The data sheet lets writes to the status registers pass.
      case UartRegister.SCRATCH:
        this.#set(UartWord.SCRATCH, byte);
        break;
      default:
        return BUS_FAULT;
    }
    return 0;
  }

  #transmit(byte: number): void {
    this.#line.send(byte);
    this.#set(UartWord.EMPTY_PENDING, 1);
    // Polled, a character changes no line: not worth a look at the clock.
    if ((this.#get(UartWord.IER) & ENABLE_EMPTY) !== 0) this.#board.changed();
  }

  #enableInterrupts(bits: number): void {
    const raised = bits & ~this.#get(UartWord.IER) & ENABLE_EMPTY;
    this.#set(UartWord.IER, bits);
    if (raised !== 0) this.#set(UartWord.EMPTY_PENDING, 1);
    this.#board.changed();
  }

  /** Fetches a byte from the line if the receiver is empty; true if it then holds one. */
  #fill(): boolean {
    if (this.#get(UartWord.RECEIVED) === NOTHING) {
      this.#set(UartWord.RECEIVED, this.#line.receive());
    }
    return this.#get(UartWord.RECEIVED) !== NOTHING;
  }

  #takeReceived(): number {
    if (!this.#fill()) return 0;
    const byte = this.#get(UartWord.RECEIVED) & 0xff;
    this.#set(UartWord.RECEIVED, NOTHING);
    this.#board.changed();
    return byte;
  }

  #interruptId(): number {
    const enabled = this.#get(UartWord.IER);
    if ((enabled & ENABLE_RECEIVED) !== 0 && this.#fill()) return ID_RECEIVED;
    const empty = (enabled & ENABLE_EMPTY) !== 0 && this.#get(UartWord.EMPTY_PENDING) !== 0;
    return empty ? ID_EMPTY : ID_NONE;
  }

  /** Reading IIR acknowledges "transmitter empty" if that is what it tells. */
  #acknowledge(): number {
    const id = this.#interruptId();
    if (id === ID_EMPTY) {
      this.#set(UartWord.EMPTY_PENDING, 0);
      this.#board.changed();
    }
    return id | (this.#get(UartWord.FIFO_ENABLED) === 0 ? 0 : ID_FIFO);
  }

  #get(word: UartWord): number {
    return this.#words[word] as number;
  }

  #set(word: UartWord, value: number): void {
    this.#words[word] = value;
  }
}
