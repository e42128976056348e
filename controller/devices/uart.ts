/**
 * UART 16550. Bytes go out at once, to an injected sink, and come in from an injected source whenever the
 * receiver is empty. In loopback it is its own other end. docs/hardware.md; TI PC16550D data sheet, section 8.
 */
import { BUS_FAULT, InterruptBit } from "../cpu/engine.ts";
import type { Board, Device } from "./device.ts";
import type { StateWords } from "./state.ts";
import { RECEIVER_WORDS, UartReceiver } from "./uart-receiver.ts";

/** The other end of the line. */
export interface SerialLine {
  /** Takes a byte that the firmware sent. */
  send(byte: number): void;
  /** The next byte for the firmware, or -1. */
  receive(): number;
  /** Waits for a byte to come, at most so long; false where none will ever come, as on a line without this. */
  awaitInput?(maxMs: number): boolean;
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

/** Words of its state, in front of the receiver's. */
const enum UartWord {
  IER = 0,
  LCR = 1,
  MCR = 2,
  /** Modem inputs as they were when MCR was last written, and which have changed since MSR was read. */
  MSR = 3,
  SCRATCH = 4,
  DIVISOR = 5,
  /** Bytes in the FIFO from which on it asks to be read. */
  TRIGGER = 6,
  /** 1 while the "transmitter empty" interrupt has not been acknowledged. */
  EMPTY_PENDING = 7,
  WORDS = 8,
}

const ENABLE_RECEIVED = 1 << 0;
const ENABLE_EMPTY = 1 << 1;
const ENABLE_LINE_STATUS = 1 << 2;
const ENABLE_MODEM_STATUS = 1 << 3;
/** Interrupts by IIR, the first of those that are due. */
const ID_LINE_STATUS = 0x06;
const ID_RECEIVED = 0x04;
const ID_TIMEOUT = 0x0c;
const ID_EMPTY = 0x02;
const ID_MODEM_STATUS = 0x00;
const ID_NONE = 0x01;
const ID_FIFO = 0xc0;
const FIFO_ENABLE = 1 << 0;
const FIFO_CLEAR_RECEIVER = 1 << 1;
const FIFO_CLEAR_TRANSMITTER = 1 << 2;
/** By the upper two bits of FCR. */
const TRIGGER_BYTES: readonly number[] = [1, 4, 8, 14];
const DIVISOR_LATCH_ACCESS = 0x80;
const LOOPBACK = 1 << 4;
const STATUS_RECEIVED = 1 << 0;
const STATUS_OVERRUN = 1 << 1;
/** THRE and TEMT. */
const STATUS_EMPTY = 0x60;
const INPUTS = 0xf0;
const RING = 1 << 6;
/** Of MSR, four bits above those that say that they have changed. */
const MODEM_READY = 0xb0; // carrier, data set ready, clear to send
const DELTAS = 0x0f;
/** The data sheet leaves the divisor open; 9600 baud of 1.8432 MHz, as QEMU has it. */
const RESET_DIVISOR = 12;

export class Uart implements Device {
  readonly name = "UART";
  readonly accessBytes: number;
  readonly #words: Int32Array;
  readonly #receiver: UartReceiver;
  readonly #line: SerialLine;
  readonly #board: Board;

  /** @param accessBytes of wider accesses than bytes, QEMU's `virt` takes the lowest byte */
  constructor(state: StateWords, line: SerialLine, board: Board, accessBytes = 1) {
    this.accessBytes = accessBytes;
    this.#words = state.words(UartWord.WORDS);
    this.#receiver = new UartReceiver(state.words(RECEIVER_WORDS));
    this.#line = line;
    this.#board = board;
  }

  reset(): void {
    this.#words.fill(0);
    this.#set(UartWord.MSR, MODEM_READY);
    this.#set(UartWord.TRIGGER, 1);
    this.#set(UartWord.DIVISOR, RESET_DIVISOR);
    this.#receiver.reset();
  }

  /** Its interrupt line. */
  get interrupt(): boolean {
    return this.#interruptId() !== ID_NONE;
  }

  pending(): number {
    return this.interrupt ? InterruptBit.EXTERNAL : 0;
  }

  awaitsInput(): boolean {
    return (this.#get(UartWord.IER) & ENABLE_RECEIVED) !== 0 && !this.#isLoopback;
  }

  load(offset: number): number {
    switch (offset) {
      case UartRegister.DATA:
        return this.#isLatchOpen ? this.#get(UartWord.DIVISOR) & 0xff : this.#takeReceived();
      case UartRegister.INTERRUPT_ENABLE:
        return this.#isLatchOpen ? this.#get(UartWord.DIVISOR) >> 8 : this.#get(UartWord.IER);
      case UartRegister.INTERRUPT_ID:
        return this.#acknowledge();
      case UartRegister.LINE_CONTROL:
        return this.#get(UartWord.LCR);
      case UartRegister.MODEM_CONTROL:
        return this.#get(UartWord.MCR);
      case UartRegister.LINE_STATUS:
        return this.#lineStatus();
      case UartRegister.MODEM_STATUS:
        return this.#modemStatus();
      case UartRegister.SCRATCH:
        return this.#get(UartWord.SCRATCH);
      default:
        return BUS_FAULT;
    }
  }

  /** LSR and MSR take stores and ignore them: the data sheet has them for the maker's own tests. */
  store(offset: number, value: number): number {
    const byte = value & 0xff;
    switch (offset) {
      case UartRegister.DATA:
        if (this.#isLatchOpen) this.#setDivisor(byte, 0);
        else this.#transmit(byte);
        break;
      case UartRegister.INTERRUPT_ENABLE:
        if (this.#isLatchOpen) this.#setDivisor(byte, 8);
        else this.#enableInterrupts(byte & 0x0f);
        break;
      case UartRegister.INTERRUPT_ID:
        this.#controlFifo(byte);
        break;
      case UartRegister.LINE_CONTROL:
        this.#set(UartWord.LCR, byte);
        break;
      case UartRegister.MODEM_CONTROL:
        this.#controlModem(byte & 0x1f);
        break;
      case UartRegister.LINE_STATUS:
      case UartRegister.MODEM_STATUS:
        break;
      case UartRegister.SCRATCH:
        this.#set(UartWord.SCRATCH, byte);
        break;
      default:
        return BUS_FAULT;
    }
    return 0;
  }

  get #isLatchOpen(): boolean {
    return (this.#get(UartWord.LCR) & DIVISOR_LATCH_ACCESS) !== 0;
  }

  get #isLoopback(): boolean {
    return (this.#get(UartWord.MCR) & LOOPBACK) !== 0;
  }

  /** Its line may have changed. Polled, nothing does: not worth a look at the clock. */
  #changed(enabled: number): void {
    if ((this.#get(UartWord.IER) & enabled) !== 0) this.#board.changed();
  }

  /** A panic prints before its version is replaced: for each character, as little as there is to do. */
  #transmit(byte: number): void {
    const words = this.#words;
    words[UartWord.EMPTY_PENDING] = 1;
    const enabled = words[UartWord.IER] as number;
    if (((words[UartWord.MCR] as number) & LOOPBACK) === 0) this.#line.send(byte);
    else this.#receiver.put(byte);
    if (enabled !== 0) this.#board.changed();
  }

  /** One byte of it, `shift` bits up. */
  #setDivisor(byte: number, shift: number): void {
    this.#set(UartWord.DIVISOR, (this.#get(UartWord.DIVISOR) & ~(0xff << shift)) | (byte << shift));
  }

  #enableInterrupts(bits: number): void {
    const raised = bits & ~this.#get(UartWord.IER) & ENABLE_EMPTY;
    this.#set(UartWord.IER, bits);
    if (raised !== 0) this.#set(UartWord.EMPTY_PENDING, 1);
    this.#board.changed();
  }

  /** FCR. Clearing the transmitter leaves it as empty as it is, and says so again. */
  #controlFifo(byte: number): void {
    const receiver = this.#receiver;
    const enabled = (byte & FIFO_ENABLE) !== 0;
    const switched = enabled !== receiver.hasFifo;
    receiver.hasFifo = enabled;
    if ((byte & FIFO_CLEAR_RECEIVER) !== 0) receiver.clear();
    if (switched || (byte & FIFO_CLEAR_TRANSMITTER) !== 0) this.#set(UartWord.EMPTY_PENDING, 1);
    this.#set(UartWord.TRIGGER, enabled ? (TRIGGER_BYTES[byte >> 6] as number) : 1);
    this.#changed(ENABLE_RECEIVED | ENABLE_EMPTY);
  }

  /**
   * MCR. In loopback its four outputs are the inputs: DTR is DSR, RTS is CTS, OUT1 is RI, and OUT2 is DCD. That they
   * change is kept for whoever asks for the interrupt; polled, MSR tells what is, as QEMU's does.
   */
  #controlModem(bits: number): void {
    this.#set(UartWord.MCR, bits);
    const before = this.#get(UartWord.MSR);
    const looped = ((bits & 0x0c) << 4) | ((bits & 0x02) << 3) | ((bits & 0x01) << 5);
    const inputs = this.#isLoopback ? looped : MODEM_READY;
    const isAsked = (this.#get(UartWord.IER) & ENABLE_MODEM_STATUS) !== 0;
    // Of the ring indicator only the end is told.
    const changed = isAsked ? (inputs ^ before) & INPUTS & ~(inputs & RING) : 0;
    this.#set(UartWord.MSR, inputs | (before & DELTAS) | (changed >> 4));
    this.#changed(ENABLE_MODEM_STATUS);
  }

  /** LSR. Reading it acknowledges an overrun. */
  #lineStatus(): number {
    const { overrun } = this.#receiver;
    const status = STATUS_EMPTY | (overrun ? STATUS_OVERRUN : 0) | (this.#fill() ? STATUS_RECEIVED : 0);
    if (overrun) {
      this.#receiver.clearOverrun();
      this.#changed(ENABLE_LINE_STATUS);
    }
    return status;
  }

  /** MSR. Reading it acknowledges what has changed. */
  #modemStatus(): number {
    const status = this.#get(UartWord.MSR);
    if ((status & DELTAS) !== 0) {
      this.#set(UartWord.MSR, status & INPUTS);
      this.#changed(ENABLE_MODEM_STATUS);
    }
    return status;
  }

  /** Fetches a byte from the line if the receiver is empty, and not in loopback; true if it then holds one. */
  #fill(): boolean {
    const receiver = this.#receiver;
    if (receiver.count > 0) return true;
    if (this.#isLoopback) return false;
    const byte = this.#line.receive();
    if (byte < 0) return false;
    receiver.put(byte);
    return true;
  }

  #takeReceived(): number {
    const held = this.#fill();
    const byte = this.#receiver.take();
    if (held) this.#changed(ENABLE_RECEIVED);
    return byte;
  }

  #interruptId(): number {
    const enabled = this.#get(UartWord.IER);
    if ((enabled & ENABLE_LINE_STATUS) !== 0 && this.#receiver.overrun) return ID_LINE_STATUS;
    if ((enabled & ENABLE_RECEIVED) !== 0 && this.#fill()) {
      // Characters take no time here, and so it takes none until one is long in coming.
      return this.#receiver.count < this.#get(UartWord.TRIGGER) ? ID_TIMEOUT : ID_RECEIVED;
    }
    if ((enabled & ENABLE_EMPTY) !== 0 && this.#get(UartWord.EMPTY_PENDING) !== 0) return ID_EMPTY;
    const modem = (enabled & ENABLE_MODEM_STATUS) !== 0 && (this.#get(UartWord.MSR) & DELTAS) !== 0;
    return modem ? ID_MODEM_STATUS : ID_NONE;
  }

  /** Reading IIR acknowledges "transmitter empty" if that is what it tells. */
  #acknowledge(): number {
    const id = this.#interruptId();
    if (id === ID_EMPTY) {
      this.#set(UartWord.EMPTY_PENDING, 0);
      this.#board.changed();
    }
    return id | (this.#receiver.hasFifo ? ID_FIFO : 0);
  }

  #get(word: UartWord): number {
    return this.#words[word] as number;
  }

  #set(word: UartWord, value: number): void {
    this.#words[word] = value;
  }
}
