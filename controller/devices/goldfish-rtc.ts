/**
 * Goldfish real-time clock with an alarm, as QEMU's `virt` has it: nanoseconds since 1970. Google's
 * GOLDFISH-VIRTUAL-HARDWARE, "Goldfish real-time clock"; docs/run.md.
 *
 * It counts on over a reset: what it tells is the board's time plus an offset, which only a store to TIME changes.
 */
import { NS_PER_TICK } from "../../emulator/memory/map.ts";
import { BUS_FAULT, InterruptBit } from "../cpu/engine.ts";
import type { Board, Device } from "./device.ts";
import type { StateWords } from "./state.ts";

/** Offsets. */
export const enum RtcRegister {
  /** Reading it latches TIME_HIGH. */
  TIME_LOW = 0x00,
  TIME_HIGH = 0x04,
  /** Writing it sets the alarm, so ALARM_HIGH goes first. */
  ALARM_LOW = 0x08,
  ALARM_HIGH = 0x0c,
  IRQ_ENABLED = 0x10,
  CLEAR_ALARM = 0x14,
  ALARM_STATUS = 0x18,
  CLEAR_INTERRUPT = 0x1c,
  LAST = 0x20,
}

/** Words of its state. */
const enum RtcWord {
  TIME_HIGH = 0,
  IRQ_ENABLED = 1,
  ALARM_LOW = 2,
  ALARM_HIGH = 3,
  /** 1 from the alarm until it is acknowledged. */
  RANG = 4,
  WORDS = 5,
}

const LOW_32 = 0xffff_ffffn;
const TICK_NS = BigInt(NS_PER_TICK);

export class GoldfishRtc implements Device {
  readonly name = "RTC";
  readonly tellsTime = true;
  readonly accessBytes = 4;
  readonly #words: Int32Array;
  /** The tick at which the alarm rings, Infinity while none is set. */
  readonly #alarmTick: Float64Array;
  /** Nanoseconds since 1970 at the tick 0. */
  readonly #offset: BigInt64Array;
  readonly #board: Board;

  /** @param epochNs nanoseconds since 1970 at the tick 0 */
  constructor(state: StateWords, epochNs: bigint, board: Board) {
    this.#words = state.words(RtcWord.WORDS);
    this.#alarmTick = state.doubles(1);
    const { buffer, byteOffset, length } = state.doubles(1);
    this.#offset = new BigInt64Array(buffer, byteOffset, length);
    this.#offset[0] = epochNs;
    this.#board = board;
  }

  reset(): void {
    this.#words.fill(0);
    this.#alarmTick[0] = Number.POSITIVE_INFINITY;
  }

  pending(now: number): number {
    const rang = this.#words[RtcWord.RANG] !== 0 || this.#alarm <= now;
    return rang && this.#words[RtcWord.IRQ_ENABLED] !== 0 ? InterruptBit.EXTERNAL : 0;
  }

  nextEvent(now: number): number {
    return this.#alarm > now ? this.#alarm : Number.POSITIVE_INFINITY;
  }

  load(offset: number): number {
    const words = this.#words;
    switch (offset) {
      case RtcRegister.TIME_LOW: {
        const time = this.#time(this.#board.nowTicks());
        words[RtcWord.TIME_HIGH] = Number(BigInt.asIntN(32, time >> 32n));
        return Number(time & LOW_32);
      }
      case RtcRegister.TIME_HIGH:
        return (words[RtcWord.TIME_HIGH] as number) >>> 0;
      case RtcRegister.ALARM_LOW:
        return (words[RtcWord.ALARM_LOW] as number) >>> 0;
      case RtcRegister.ALARM_HIGH:
        return (words[RtcWord.ALARM_HIGH] as number) >>> 0;
      case RtcRegister.IRQ_ENABLED:
        return words[RtcWord.IRQ_ENABLED] as number;
      case RtcRegister.ALARM_STATUS:
        return this.nextEvent(this.#board.nowTicks()) === Number.POSITIVE_INFINITY ? 0 : 1;
      default:
        return offset <= RtcRegister.LAST ? 0 : BUS_FAULT;
    }
  }

  store(offset: number, value: number): number {
    if (offset > RtcRegister.LAST) return BUS_FAULT;
    const now = this.#board.catchUp();
    this.#latch(now);
    switch (offset) {
      case RtcRegister.TIME_LOW:
        this.#setTime(now, (this.#time(now) & ~LOW_32) | BigInt(value >>> 0));
        break;
      case RtcRegister.TIME_HIGH:
        this.#setTime(now, (this.#time(now) & LOW_32) | (BigInt(value) << 32n));
        break;
      case RtcRegister.ALARM_LOW:
        this.#words[RtcWord.ALARM_LOW] = value;
        this.#alarmTick[0] = this.#tickOfAlarm();
        break;
      case RtcRegister.ALARM_HIGH:
        this.#words[RtcWord.ALARM_HIGH] = value;
        break;
      case RtcRegister.IRQ_ENABLED:
        this.#words[RtcWord.IRQ_ENABLED] = value & 1;
        break;
      case RtcRegister.CLEAR_ALARM:
        this.#alarmTick[0] = Number.POSITIVE_INFINITY;
        break;
      case RtcRegister.CLEAR_INTERRUPT:
        this.#words[RtcWord.RANG] = 0;
        break;
    }
    this.#board.changed(now);
    return 0;
  }

  get #alarm(): number {
    return this.#alarmTick[0] as number;
  }

  /** An alarm that is due has rung, whatever becomes of it. */
  #latch(now: number): void {
    if (this.#alarm > now) return;
    this.#words[RtcWord.RANG] = 1;
    this.#alarmTick[0] = Number.POSITIVE_INFINITY;
  }

  #time(now: number): bigint {
    return BigInt(now) * TICK_NS + (this.#offset[0] as bigint);
  }

  /** Moves the clock; an alarm that is set stays where it is, as QEMU's does. */
  #setTime(now: number, time: bigint): void {
    this.#offset[0] = BigInt.asIntN(64, time - BigInt(now) * TICK_NS);
  }

  /** At once where it lies behind. */
  #tickOfAlarm(): number {
    const high = BigInt(this.#words[RtcWord.ALARM_HIGH] as number);
    const alarm =
      (BigInt.asUintN(32, high) << 32n) | BigInt((this.#words[RtcWord.ALARM_LOW] as number) >>> 0);
    // Rounded up: it does not ring before its time.
    return Number((alarm - (this.#offset[0] as bigint) + TICK_NS - 1n) / TICK_NS);
  }
}
