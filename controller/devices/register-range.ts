/**
 * Registers of a chip that is not there: reads give what a profile says, one value after the other, and writes are kept or
 * come to nothing. A range has more words than a slot has state for: what was kept, and how far reads have come, is in no
 * snapshot of the machine.
 */
import type { Device } from "./device.ts";

/** Registers of a chip that is not there. */
export interface RegisterRange {
  readonly base: number;
  readonly bytes: number;
  /** What reads give, one after the other, the last one for ever. */
  readonly reads: readonly number[];
  /** keep: reads give what was written last. */
  readonly writes: "keep" | "ignore";
}

export class RegisterRangeDevice implements Device {
  readonly name = "registers";
  readonly accessBytes = 1 + 2 + 4;
  readonly blockBytes: number;
  readonly #range: RegisterRange;
  /** What was written last, by the word's offset. */
  readonly #kept = new Map<number, number>();
  #reads = 0;

  constructor(range: RegisterRange) {
    this.#range = range;
    this.blockBytes = range.bytes;
  }

  reset(): void {
    this.#kept.clear();
    this.#reads = 0;
  }

  load(offset: number): number {
    const word = offset & ~3;
    const shift = 8 * (offset & 3);
    const kept = this.#kept.get(word);
    if (kept !== undefined) return kept >>> shift;
    const { reads } = this.#range;
    const value = reads[Math.min(this.#reads, reads.length - 1)] ?? 0;
    this.#reads += 1;
    return value >>> shift;
  }

  store(offset: number, value: number, byteCount: number): number {
    if (this.#range.writes !== "keep") return 0;
    const word = offset & ~3;
    const shift = 8 * (offset & 3);
    const mask = byteCount === 4 ? -1 : (2 ** (8 * byteCount) - 1) << shift;
    const before = this.#kept.get(word) ?? 0;
    this.#kept.set(word, ((before & ~mask) | ((value << shift) & mask)) >>> 0);
    return 0;
  }
}
