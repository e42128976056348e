/**
 * Watchdog with an optional window. docs/hardware.md.
 *
 * It knows no timer: the machine calls {@link Watchdog.tick} at every look at the clock, and for the next one asks
 * {@link Watchdog.nextEvent}. A kick that comes after the period has ended is an expiry all the same.
 */
import { Evidence } from "../../emulator/memory/evidence.ts";
import { MTIME_HZ } from "../../emulator/memory/map.ts";
import { BUS_FAULT } from "../cpu/engine.ts";
import type { Board, Device } from "./device.ts";
import type { StateWords } from "./state.ts";

/** Offsets. */
export const enum WatchdogRegister {
  PERIOD = 0x0,
  WINDOW = 0x4,
  KICK = 0x8,
}

/** Words of its state. */
const enum WatchdogWord {
  PERIOD_US = 0,
  WINDOW_US = 1,
  WORDS = 2,
}

/** Doubles of its state. */
const enum WatchdogDouble {
  /** Tick of the last kick, or of the start. */
  KICKED = 0,
  /** Ticks since the last kick that the hart could not use. */
  FORGIVEN = 1,
  DOUBLES = 2,
}

export const KICK_VALUE = 0x5a;
const TICKS_PER_US = MTIME_HZ / 1_000_000;

export class Watchdog implements Device {
  readonly name = "watchdog";
  readonly accessBytes = 4;
  readonly #words: Int32Array;
  readonly #doubles: Float64Array;
  readonly #board: Board;
  /** Of a watchdog that runs from reset on; 0: firmware starts it. */
  readonly #resetPeriodUs: number;

  readonly #kickedAfter: (ticks: number) => void;

  /**
   * @param resetPeriodMs with which it runs from reset on; absent: firmware starts it
   * @param kickedAfter told of every kick in time: ticks since the one before, or the start
   */
  constructor(
    state: StateWords,
    board: Board,
    resetPeriodMs = 0,
    kickedAfter: (ticks: number) => void = () => undefined,
  ) {
    this.#kickedAfter = kickedAfter;
    this.#resetPeriodUs = resetPeriodMs * 1000;
    this.#words = state.words(WatchdogWord.WORDS);
    this.#doubles = state.doubles(WatchdogDouble.DOUBLES);
    this.#board = board;
  }

  reset(): void {
    this.#words[WatchdogWord.PERIOD_US] = this.#resetPeriodUs;
    this.#words[WatchdogWord.WINDOW_US] = 0;
    this.#kicked(this.#resetPeriodUs === 0 ? 0 : this.#board.nowTicks());
  }

  /** Tick at which it expires, Infinity while it is stopped. */
  nextEvent(): number {
    const periodUs = this.#unsigned(WatchdogWord.PERIOD_US);
    if (periodUs === 0) return Number.POSITIVE_INFINITY;
    return this.#kickedTick + this.#forgivenTicks + periodUs * TICKS_PER_US;
  }

  /** Ticks since the last kick that count towards the period; undefined while it is stopped. */
  unkickedTicks(now: number): number | undefined {
    if (this.#words[WatchdogWord.PERIOD_US] === 0) return undefined;
    return now - this.#kickedTick - this.#forgivenTicks;
  }

  /**
   * Stops the hart if the period has ended; the code tells how many ticks ago that was. Ticks that the hart could not
   * use do not count towards the period.
   */
  tick(now: number, stolenTicks: number): void {
    if (stolenTicks > 0) this.#doubles[WatchdogDouble.FORGIVEN] = this.#forgivenTicks + stolenTicks;
    const expiry = this.nextEvent();
    if (now >= expiry) this.#board.stop(Evidence.WATCHDOG, now - expiry);
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
        this.#words[WatchdogWord.WINDOW_US] = value;
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
    const now = this.#board.catchUp();
    if (this.#words[WatchdogWord.PERIOD_US] === 0) this.#kicked(now);
    this.#words[WatchdogWord.PERIOD_US] = periodUs;
    this.#board.changed(now);
  }

  /** The start counts as a kick: a window protects the first period, too. */
  #kick(value: number): void {
    // A kick that comes too late has found the watchdog expired by then.
    const now = this.#board.catchUp();
    const running = this.#words[WatchdogWord.PERIOD_US] !== 0;
    const window = this.#unsigned(WatchdogWord.WINDOW_US) * TICKS_PER_US;
    const early = running && now < this.#kickedTick + window;
    if (now < this.nextEvent() && running) this.#kickedAfter(this.unkickedTicks(now) ?? 0);
    if (value !== KICK_VALUE || early) this.#board.stop(Evidence.EARLY_KICK, value);
    this.#kicked(now);
    this.#board.changed(now);
  }

  #kicked(tick: number): void {
    this.#doubles[WatchdogDouble.KICKED] = tick;
    this.#doubles[WatchdogDouble.FORGIVEN] = 0;
  }

  get #kickedTick(): number {
    return this.#doubles[WatchdogDouble.KICKED] as number;
  }

  get #forgivenTicks(): number {
    return this.#doubles[WatchdogDouble.FORGIVEN] as number;
  }

  #unsigned(word: WatchdogWord): number {
    return (this.#words[word] as number) >>> 0;
  }
}
