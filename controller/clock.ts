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
 * Instructions between two looks at the wall clock: as many as the hart does, at its pace, until the next event comes, or
 * until somebody outside may have to be heard. Ten times as many when it executes translated code as when it is
 * interpreted. A look takes some microseconds, all that is done with it included.
 */
const LONGEST_SLICE_TICKS = 1_000;
const MIN_LIVE_SLICE = 4_096;
const MAX_LIVE_SLICE = 524_288;
/** Instructions in a tick at the least, and at first: an interpreter's. */
const LEAST_PACE = 16;
/** From one look to the next the pace changes so many times at the most: what the hart lost its processor for was none. */
const PACE_CHANGE = 2;
/** Less time tells no pace. */
const LEAST_MEASURED_TICKS = 10;

/**
 * An instruction takes a hart at most this long, 100 ns: an engine that is slower than 10 MIPS does not stand for
 * the hart's own pace.
 */
const LONGEST_INSTRUCTION_TICKS = 1;

/** Time follows a wall clock. */
export class LiveClock implements Clock {
  readonly #nowNs: () => number;
  #powerOnNs: number;
  /** Instructions in a tick, as of late. */
  #pace = LEAST_PACE;
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
    const wanted = Math.ceil(Math.min(tick - now, LONGEST_SLICE_TICKS) * this.#pace);
    return Math.min(Math.max(wanted, MIN_LIVE_SLICE), MAX_LIVE_SLICE);
  }

  skipTo(): boolean {
    return false;
  }

  stolenTicks(now: number, instructions: number, parkedTicks: number): number {
    const elapsed = now - this.#lastLookTick;
    this.#lastLookTick = now;
    const ranTicks = elapsed - parkedTicks;
    if (ranTicks >= LEAST_MEASURED_TICKS) this.#measure(instructions / ranTicks);
    return Math.max(0, ranTicks - instructions * LONGEST_INSTRUCTION_TICKS);
  }

  #measure(pace: number): void {
    const { min, max } = Math;
    this.#pace = max(LEAST_PACE, min(max(pace, this.#pace / PACE_CHANGE), this.#pace * PACE_CHANGE));
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
