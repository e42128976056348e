/**
 * Core-local interruptor: software interrupt, mtime and mtimecmp. docs/hardware.md; SiFive E31 manual, "CLINT".
 *
 * mtime is the board's time plus an offset, which only a write to mtime changes.
 */
import { BUS_FAULT, InterruptBit } from "../cpu/engine.ts";
import type { Board, Device } from "./device.ts";
import type { StateWords } from "./state.ts";

/** Offsets. */
export const enum ClintRegister {
  MSIP = 0x0000,
  MTIMECMP_LO = 0x4000,
  MTIMECMP_HI = 0x4004,
  MTIME_LO = 0xbff8,
  MTIME_HI = 0xbffc,
}

/** Words of its state. */
const enum ClintWord {
  MSIP = 0,
  MTIMECMP_LO = 1,
  MTIMECMP_HI = 2,
  WORDS = 3,
}

/** And of those that decide nothing else: what the firmware added to mtime by writing it, 64 bits. */
const enum ClintTime {
  OFFSET_LO = 0,
  OFFSET_HI = 1,
  WORDS = 2,
}

/** Where those of 4,095 harts end. */
const REGISTERS_END = 0xc000;
const TWO_32 = 2 ** 32;

export class Clint implements Device {
  readonly name = "CLINT";
  readonly tellsTime = true;
  readonly accessBytes = 4;
  readonly blockBytes = 0x1_0000;
  readonly #words: Int32Array;
  readonly #offset: Int32Array;
  readonly #board: Board;
  readonly #isVirt: boolean;

  /** @param isVirt as QEMU's `virt` has it: registers of further harts read 0, and mtime begins anew with a reset */
  constructor(state: StateWords, board: Board, isVirt = false) {
    this.#words = state.words(ClintWord.WORDS);
    this.#offset = state.times(ClintTime.WORDS);
    this.#board = board;
    this.#isVirt = isVirt;
  }

  reset(): void {
    this.#words[ClintWord.MSIP] = 0;
    this.#words[ClintWord.MTIMECMP_LO] = -1;
    this.#words[ClintWord.MTIMECMP_HI] = -1;
    this.#offset[ClintTime.OFFSET_LO] = 0;
    this.#offset[ClintTime.OFFSET_HI] = 0;
    if (this.#isVirt) this.#setTime(this.#board.nowTicks(), 0, 0);
  }

  /** mtime's lower half at the tick `now`, 0 to 2^32 - 1. */
  timeLow(now: number): number {
    return (now + ((this.#offset[ClintTime.OFFSET_LO] as number) >>> 0)) % TWO_32;
  }

  timeHigh(now: number): number {
    const carry = (now % TWO_32) + ((this.#offset[ClintTime.OFFSET_LO] as number) >>> 0) >= TWO_32 ? 1 : 0;
    return (
      (Math.floor(now / TWO_32) + ((this.#offset[ClintTime.OFFSET_HI] as number) >>> 0) + carry) % TWO_32
    );
  }

  /** Bits of mip at the tick `now`. */
  pending(now: number): number {
    const software = this.#words[ClintWord.MSIP] === 0 ? 0 : InterruptBit.SOFTWARE;
    return software | (this.#ticksToTimer(now) <= 0 ? InterruptBit.TIMER : 0);
  }

  /** The tick after `now` at which the timer interrupt becomes pending; Infinity if it is, or is too far away. */
  nextEvent(now: number): number {
    const ticks = this.#ticksToTimer(now);
    return ticks <= 0 || ticks > Number.MAX_SAFE_INTEGER ? Number.POSITIVE_INFINITY : now + ticks;
  }

  load(offset: number): number {
    switch (offset) {
      case ClintRegister.MSIP:
        return this.#words[ClintWord.MSIP] as number;
      case ClintRegister.MTIMECMP_LO:
        return this.#unsigned(ClintWord.MTIMECMP_LO);
      case ClintRegister.MTIMECMP_HI:
        return this.#unsigned(ClintWord.MTIMECMP_HI);
      case ClintRegister.MTIME_LO:
        return this.timeLow(this.#board.nowTicks());
      case ClintRegister.MTIME_HI:
        return this.timeHigh(this.#board.nowTicks());
      default:
        return this.#unused(offset);
    }
  }

  store(offset: number, value: number): number {
    const now = this.#board.catchUp();
    switch (offset) {
      case ClintRegister.MSIP:
        this.#words[ClintWord.MSIP] = value & 1;
        break;
      case ClintRegister.MTIMECMP_LO:
        this.#words[ClintWord.MTIMECMP_LO] = value;
        break;
      case ClintRegister.MTIMECMP_HI:
        this.#words[ClintWord.MTIMECMP_HI] = value;
        break;
      case ClintRegister.MTIME_LO:
        this.#setTime(now, value >>> 0, this.timeHigh(now));
        break;
      case ClintRegister.MTIME_HI:
        this.#setTime(now, this.timeLow(now), value >>> 0);
        break;
      default:
        return this.#unused(offset);
    }
    this.#board.changed(now);
    return 0;
  }

  /** What an access to something that is no register of this hart answers. */
  #unused(offset: number): number {
    return this.#isVirt && offset < REGISTERS_END ? 0 : BUS_FAULT;
  }

  /** mtimecmp − mtime; exact where it is small, and right in its sign everywhere. */
  #ticksToTimer(now: number): number {
    const high = this.#unsigned(ClintWord.MTIMECMP_HI) - this.timeHigh(now);
    return high * TWO_32 + (this.#unsigned(ClintWord.MTIMECMP_LO) - this.timeLow(now));
  }

  /** Makes mtime read `high`, `low` at the tick `now`. */
  #setTime(now: number, low: number, high: number): void {
    const borrow = low < now % TWO_32 ? 1 : 0;
    this.#offset[ClintTime.OFFSET_LO] = low - (now % TWO_32);
    this.#offset[ClintTime.OFFSET_HI] = high - Math.floor(now / TWO_32) - borrow;
  }

  #unsigned(word: ClintWord): number {
    return (this.#words[word] as number) >>> 0;
  }
}
