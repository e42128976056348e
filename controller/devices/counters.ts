/**
 * Monotonic counters and fuses of a boot loader's board. docs/hardware.md.
 *
 * Invariant: whatever firmware stores, no counter falls and no bit of a fuse is cleared; a counter that is locked stays as
 * it is until the hart is reset.
 */
import { BUS_FAULT } from "../cpu/engine.ts";
import type { Device } from "./device.ts";
import type { PersistentWords } from "./persistent-words.ts";
import type { StateWords } from "./state.ts";

export const COUNTERS = 8;
export const FUSE_WORDS = 64;
/** Words of its port: the counters, and the fuses behind them. */
export const COUNTER_BLOCK_WORDS = COUNTERS + FUSE_WORDS;

/** Offsets. */
export const enum CounterRegister {
  COUNTER = 0x000,
  LOCK = 0x080,
  FUSES = 0x100,
}

const ALL_LOCKS = (1 << COUNTERS) - 1;

export class CounterBlock implements Device {
  readonly name = "counters";
  readonly accessBytes = 4;
  readonly #words: PersistentWords;
  readonly #lock: Int32Array;

  constructor(state: StateWords, words: PersistentWords) {
    this.#lock = state.words(1);
    this.#words = words;
  }

  reset(): void {
    this.#lock[0] = 0;
  }

  load(offset: number): number {
    if (offset === CounterRegister.LOCK) return this.#locks;
    const index = indexOf(offset);
    return index === undefined ? BUS_FAULT : this.#words.load32(index) >>> 0;
  }

  store(offset: number, value: number): number {
    if (offset === CounterRegister.LOCK) {
      this.#lock[0] = this.#locks | (value & ALL_LOCKS);
      return 0;
    }
    const index = indexOf(offset);
    if (index === undefined) return BUS_FAULT;
    const before = this.#words.load32(index);
    const after = index < COUNTERS ? this.#counted(index, before, value) : before | value;
    if (after !== before) this.#words.store32(index, after);
    return 0;
  }

  #counted(index: number, before: number, value: number): number {
    const isLocked = ((this.#locks >> index) & 1) !== 0;
    return isLocked || value >>> 0 < before >>> 0 ? before : value;
  }

  get #locks(): number {
    return this.#lock[0] as number;
  }
}

/** Of a counter or a word of fuses in the port; undefined where there is none. */
function indexOf(offset: number): number | undefined {
  const counter = (offset - CounterRegister.COUNTER) / 4;
  if (counter < COUNTERS) return counter;
  const fuse = (offset - CounterRegister.FUSES) / 4;
  return fuse >= 0 && fuse < FUSE_WORDS ? COUNTERS + fuse : undefined;
}
