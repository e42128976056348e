/** What a peripheral is to the bus, and the board to a peripheral. */
import type { Evidence } from "../../emulator/memory/evidence.ts";

/** Registers at one 64 KiB block of the address map. */
export interface Device {
  /** Size of its registers; accesses of any other size, or not aligned to it, fault without being asked. */
  readonly registerBytes: 1 | 4;
  /** Value of the register at `offset` from the device's base, 0 to 2^32 - 1, or BUS_FAULT. */
  load(offset: number): number;
  /** Stores a register; 0, or BUS_FAULT. `value` is signed for 32-bit registers. */
  store(offset: number, value: number): number;
}

/** What a peripheral may ask of the machine that it is built into. */
export interface Board {
  /** Ticks of MTIME_HZ since power-on, a whole number. */
  nowTicks(): number;
  /** An interrupt line or the time of an event has changed. */
  changed(): void;
  /** Stops the hart right after the instruction that is executing. The first stop counts. */
  stop(evidence: Evidence, code: number, passed?: boolean): void;
  /** Somebody outside the hart has something to look at. */
  ring(): void;
}
