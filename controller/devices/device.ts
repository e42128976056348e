/** What a peripheral is to the bus, and the board to a peripheral. */
import type { Evidence } from "../../emulator/memory/evidence.ts";
import { PAGE_BYTES } from "../../emulator/memory/layout.ts";

/** A device's block of the address map has so many bytes, or a multiple. */
export const LEAST_BLOCK_BYTES = PAGE_BYTES;

/** Registers in one block of the address map, and what of them the machine has to know. */
export interface Device {
  /** For people. */
  readonly name: string;
  /**
   * Sizes in bytes of the accesses that it takes, added up; those of any other size, or not aligned to their own, fault
   * without being asked.
   */
  readonly accessBytes: number;
  /** Bytes of the address map that are its own: {@link LEAST_BLOCK_BYTES} where it says nothing. */
  readonly blockBytes?: number;
  /**
   * Value of the register at `offset` from the device's base, 0 to 2^32 - 1, or BUS_FAULT.
   * @param byteCount of the access
   */
  load(offset: number, byteCount: number): number;
  /**
   * Stores a register; 0, or BUS_FAULT. `value` is signed where the access has 32 bits, and not where it is narrower.
   * @param byteCount of the access
   */
  store(offset: number, value: number, byteCount: number): number;
  /** A load may give what time it is. */
  readonly tellsTime?: true;
  /** A load changes nothing, and gives the same until something is stored or happens in the device by itself. */
  readonly isSteady?: true;
  /** The hart is reset. A device without it has no state of its own. */
  reset?(): void;
  /** Bits of mip that its interrupt line sets at the tick `now`. */
  pending?(now: number): number;
  /** What somebody outside may do at any time would raise its interrupt line. */
  awaitsInput?(): boolean;
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
  /** What comes of an access hangs on what time it is, though no load of it {@link Device.tellsTime}. */
  timeTold(): void;
  /** An interrupt line or the time of an event has changed. `now` is what {@link catchUp} told this access, if it asked. */
  changed(now?: number): void;
  /** Stops the hart right after the instruction that is executing. The first stop counts. */
  stop(evidence: Evidence, code: number, passed?: boolean): void;
  /** Boot epoch as which this run speaks; 0 before it has begun. */
  readonly bootEpoch: number;
  /** Somebody outside the hart has something to look at. */
  ring(): void;
}
