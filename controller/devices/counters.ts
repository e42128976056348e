/**
 * Monotonic counters and fuses of a boot loader's board. docs/hardware.md.
 *
 * Invariant: whatever firmware stores, no counter falls and no bit of a fuse is cleared; a counter that is locked stays as
 * it is until the hart is reset; none rises more often than its limit says.
 */
import { BUS_FAULT } from "../cpu/engine.ts";
import type { Device } from "./device.ts";
import type { PersistentWords } from "./persistent-words.ts";
import type { StateWords } from "./state.ts";

export const COUNTERS = 8;
export const FUSE_WORDS = 64;
/** Where in its port stands how often each counter has risen; it does only where there is a limit. */
const RISES = COUNTERS + FUSE_WORDS;
/** Words of its port: the counters, the fuses behind them, and how often counters rose. */
export const COUNTER_BLOCK_WORDS = RISES + COUNTERS;

/** Offsets. */
export const enum CounterRegister {
  COUNTER = 0x000,
  LOCK = 0x080,
  FUSES = 0x100,
}

export type CounterLowered = (counter: number, held: number, value: number) => void;

const ALL_LOCKS = (1 << COUNTERS) - 1;

export class CounterBlock implements Device {
  readonly name = "counters";
  readonly accessBytes = 4;
  readonly #words: PersistentWords;
  readonly #lock: Int32Array;
  readonly #limit: number;
  readonly #lowered: CounterLowered;

  /**
   * @param limit so often a counter may rise
   * @param lowered is told of a store of less than the counter holds
   */
  constructor(
    state: StateWords,
    words: PersistentWords,
    limit = Number.POSITIVE_INFINITY,
    lowered: CounterLowered = () => undefined,
  ) {
    this.#lock = state.words(1);
    this.#words = words;
    this.#limit = limit;
    this.#lowered = lowered;
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
    if (value >>> 0 < before >>> 0) this.#lowered(index, before >>> 0, value >>> 0);
    if (isLocked || value >>> 0 <= before >>> 0) return before;
    return this.#rises(index) ? value : before;
  }

  /** Counted before the counter rises: whatever ends it in between, none rises more often. */
  #rises(index: number): boolean {
    if (this.#limit === Number.POSITIVE_INFINITY) return true;
    const rises = this.#words.load32(RISES + index) >>> 0;
    if (rises >= this.#limit) return false;
    this.#words.store32(RISES + index, rises + 1);
    return true;
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
