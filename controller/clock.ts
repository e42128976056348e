/**
 * The two clocks of a machine, in ticks of MTIME_HZ since power-on.
 *
 * Live: time passes by itself, so the engine runs in slices after which the time is read again. Virtual: time is
 * the number of retired instructions, so an event's place is exact, and `wfi` moves the clock.
 */
import { INSTRUCTIONS_PER_TICK, NS_PER_TICK } from "../emulator/memory/map.ts";
import { Hart, retiredInstructions } from "./cpu/hart.ts";

export interface Clock {
  /** Ticks since power-on, a whole number that never falls. */
  now(): number;
  /** Instructions after which to look at the clock again if it is `now` and the next event is at `tick`; 0 if it has come. */
  instructionsUntil(tick: number, now: number): number;
  /** Lets time pass to `tick` while the hart waits; false if only real time can do that. */
  skipTo(tick: number): boolean;
  /**
   * Ticks since the last call that the hart could not use, because its thread did not get to run or its engine was
   * not compiled yet: a watchdog must not count them. 0 under the virtual clock.
   * @param now what {@link now} just told: reading a wall clock takes as long as some ten instructions
   * @param instructions retired since the last call
   * @param parkedTicks how long the hart was to be parked since the last call
   */
  stolenTicks(now: number, instructions: number, parkedTicks: number): number;
  /** The hart is about to be reset: its count of instructions starts again. */
  hartReset(): void;
  /** The device is powered on: the clock starts again. */
  powerOn(): void;
}

/**
 * Instructions between two looks at the wall clock: so many that they take about SLICE_TICKS, whatever the engine, so
 * a timer or the watchdog is late by no more, and reading the clock costs less than 1 %. Translated code executes
 * some ten times as many in that time as the interpreter.
 */
const SLICE_TICKS = 500;
const MIN_LIVE_SLICE = 16_384;
const MAX_LIVE_SLICE = 131_072;

/**
 * An instruction takes a hart at most this long, 100 ns: an engine that is slower than 10 MIPS does not stand for
 * the hart's own pace.
 */
const LONGEST_INSTRUCTION_TICKS = 1;

/** Time follows a wall clock. */
export class LiveClock implements Clock {
  readonly #nowNs: () => number;
  #powerOnNs: number;
  #slice = MIN_LIVE_SLICE;
  #sliceBeganTick = 0;
  #lastLookTick = 0;

  /** `nowNs` tells monotonic nanoseconds; `powerOnNs` is when mtime was 0. */
  constructor(nowNs: () => number, powerOnNs: number) {
    this.#nowNs = nowNs;
    this.#powerOnNs = powerOnNs;
  }

  now(): number {
    return Math.max(0, Math.floor((this.#nowNs() - this.#powerOnNs) / NS_PER_TICK));
  }

  instructionsUntil(tick: number, now: number): number {
    if (now >= tick) return 0;
    const took = now - this.#sliceBeganTick;
    this.#sliceBeganTick = now;
    // What took next to no time was no whole slice: a device asked.
    if (took > SLICE_TICKS) this.#slice = Math.max(this.#slice >> 1, MIN_LIVE_SLICE);
    else if (took > SLICE_TICKS / 16 && took < SLICE_TICKS / 2) {
      this.#slice = Math.min(this.#slice << 1, MAX_LIVE_SLICE);
    }
    return this.#slice;
  }

  skipTo(): boolean {
    return false;
  }

  stolenTicks(now: number, instructions: number, parkedTicks: number): number {
    const elapsed = now - this.#lastLookTick;
    this.#lastLookTick = now;
    return Math.max(0, elapsed - parkedTicks - instructions * LONGEST_INSTRUCTION_TICKS);
  }

  hartReset(): void {
    // Wall time does not hang on the hart, but what passed before its start is not its own.
    this.#lastLookTick = this.now();
  }

  powerOn(): void {
    this.#powerOnNs = this.#nowNs();
  }
}

/** Time is counted in retired instructions, and in those that a waiting hart did not retire. */
export class VirtualClock implements Clock {
  readonly #hart: Int32Array;
  /** Instructions that passed before the hart's last reset, or in `wfi`. */
  readonly #base: Float64Array;

  /** @param base one double of the machine's state */
  constructor(hart: Int32Array, base: Float64Array) {
    this.#hart = hart;
    this.#base = base;
  }

  now(): number {
    return Math.floor(this.#instructions() / INSTRUCTIONS_PER_TICK);
  }

  instructionsUntil(tick: number): number {
    return Math.max(0, tick * INSTRUCTIONS_PER_TICK - this.#instructions());
  }

  skipTo(tick: number): boolean {
    this.#addToBase(this.instructionsUntil(tick));
    return true;
  }

  stolenTicks(): number {
    return 0;
  }

  hartReset(): void {
    this.#addToBase(retiredInstructions(this.#hart));
  }

  powerOn(): void {
    this.#base[0] = -retiredInstructions(this.#hart);
  }

  #addToBase(instructions: number): void {
    this.#base[0] = (this.#base[0] as number) + instructions;
  }

  #instructions(): number {
    const run = this.#hart[Hart.RUN_RETIRED] as number;
    return (this.#base[0] as number) + retiredInstructions(this.#hart) + run;
  }
}
