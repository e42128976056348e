/** What a peripheral is to the bus, and the board to a peripheral. */
import type { Evidence } from "../../emulator/memory/evidence.ts";

/** Registers at one 64 KiB block of the address map, and what of them the machine has to know. */
export interface Device {
  /** For people. */
  readonly name: string;
  /** Size of its registers; accesses of any other size, or not aligned to it, fault without being asked. */
  readonly registerBytes: 1 | 4;
  /** Value of the register at `offset` from the device's base, 0 to 2^32 - 1, or BUS_FAULT. */
  load(offset: number): number;
  /** Stores a register; 0, or BUS_FAULT. `value` is signed for 32-bit registers. */
  store(offset: number, value: number): number;
  /** The hart is reset. A device without it has no state of its own. */
  reset?(): void;
  /** Bits of mip that its interrupt line sets at the tick `now`. */
  pending?(now: number): number;
  /** The tick at which something happens in it by itself, Infinity for none. */
  nextEvent?(now: number): number;
  /**
   * It is `now`: what is due happens.
   * @param stolenTicks how many of those that passed the hart could not use (Clock.stolenTicks)
   */
  tick?(now: number, stolenTicks: number): void;
}

/** What a peripheral may ask of the machine that it is built into. */
export interface Board {
  /** Ticks of MTIME_HZ since power-on, a whole number: for a register that tells the time, and for nothing else. */
  nowTicks(): number;
  /**
   * Looks at the clock: what is due happens, what the hart could not use is forgiven. Returns the tick. An access to a
   * register looks once and does all that it does at that tick: between two readings a thread may lose any time.
   */
  catchUp(): number;
  /** An interrupt line or the time of an event has changed. `now` is what {@link catchUp} told this access, if it asked. */
  changed(now?: number): void;
  /** Stops the hart right after the instruction that is executing. The first stop counts. */
  stop(evidence: Evidence, code: number, passed?: boolean): void;
  /** Boot epoch as which this run speaks; 0 before it has begun. */
  readonly bootEpoch: number;
  /** Somebody outside the hart has something to look at. */
  ring(): void;
}
