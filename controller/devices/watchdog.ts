/**
 * Watchdog with an optional window. docs/hardware.md.
 *
 * It knows no timer: the machine calls {@link Watchdog.check} at every check, and for the next one asks
 * {@link Watchdog.nextEvent}. A kick that comes after the period has ended is an expiry all the same.
 */
import { Evidence } from "../../emulator/memory/evidence.ts";
import { MTIME_HZ } from "../../emulator/memory/map.ts";
import { BUS_FAULT } from "../cpu/engine.ts";
import type { Board, Device } from "./device.ts";
import { DeviceDouble, type DeviceState, DeviceWord } from "./state.ts";

/** Offsets. */
export const enum WatchdogRegister {
  PERIOD = 0x0,
  WINDOW = 0x4,
  KICK = 0x8,
}

export const KICK_VALUE = 0x5a;
const TICKS_PER_US = MTIME_HZ / 1_000_000;

export class Watchdog implements Device {
  readonly registerBytes = 4;
  readonly #words: Int32Array;
  readonly #doubles: Float64Array;
  readonly #board: Board;

  constructor(state: DeviceState, board: Board) {
    this.#words = state.words;
    this.#doubles = state.doubles;
    this.#board = board;
  }

  reset(): void {
    this.#words[DeviceWord.WATCHDOG_PERIOD_US] = 0;
    this.#words[DeviceWord.WATCHDOG_WINDOW_US] = 0;
    this.#kicked(0);
  }

  /** Tick at which it expires, Infinity while it is stopped. */
  nextEvent(): number {
    const periodUs = this.#unsigned(DeviceWord.WATCHDOG_PERIOD_US);
    if (periodUs === 0) return Number.POSITIVE_INFINITY;
    return this.#kickedTick + this.#forgivenTicks + periodUs * TICKS_PER_US;
  }

  /** Stops the hart if the period has ended by the tick `now`; the code tells how many ticks ago that was. */
  check(now: number): void {
    const expiry = this.nextEvent();
    if (now >= expiry) this.#board.stop(Evidence.WATCHDOG, now - expiry);
  }

  /** Ticks that the hart could not use (Clock.stolenTicks) do not count towards the period. */
  forgive(ticks: number): void {
    this.#doubles[DeviceDouble.WATCHDOG_FORGIVEN] = this.#forgivenTicks + ticks;
  }

  load(): number {
    return BUS_FAULT;
  }

  store(offset: number, value: number): number {
    switch (offset) {
      case WatchdogRegister.PERIOD:
        this.#setPeriod(value);
        return 0;
      case WatchdogRegister.WINDOW:
        this.#words[DeviceWord.WATCHDOG_WINDOW_US] = value;
        return 0;
      case WatchdogRegister.KICK:
        this.#kick(value);
        return 0;
      default:
        return BUS_FAULT;
    }
  }

  #setPeriod(periodUs: number): void {
    if (periodUs === 0) return;
    this.#board.changed();
    const now = this.#board.nowTicks();
    this.check(now);
    if (this.#words[DeviceWord.WATCHDOG_PERIOD_US] === 0) this.#kicked(now);
    this.#words[DeviceWord.WATCHDOG_PERIOD_US] = periodUs;
    this.#board.changed();
  }

  /** The start counts as a kick: a window protects the first period, too. */
  #kick(value: number): void {
    // First what is to be forgiven, then what is due.
    this.#board.changed();
    const now = this.#board.nowTicks();
    this.check(now);
    const running = this.#words[DeviceWord.WATCHDOG_PERIOD_US] !== 0;
    const window = this.#unsigned(DeviceWord.WATCHDOG_WINDOW_US) * TICKS_PER_US;
    const early = running && now < this.#kickedTick + window;
    if (value !== KICK_VALUE || early) this.#board.stop(Evidence.EARLY_KICK, value);
    this.#kicked(now);
    this.#board.changed();
  }

  #kicked(tick: number): void {
    this.#doubles[DeviceDouble.WATCHDOG_KICKED] = tick;
    this.#doubles[DeviceDouble.WATCHDOG_FORGIVEN] = 0;
  }

  get #kickedTick(): number {
    return this.#doubles[DeviceDouble.WATCHDOG_KICKED] as number;
  }

  get #forgivenTicks(): number {
    return this.#doubles[DeviceDouble.WATCHDOG_FORGIVEN] as number;
  }

  #unsigned(word: DeviceWord): number {
    return (this.#words[word] as number) >>> 0;
  }
}
