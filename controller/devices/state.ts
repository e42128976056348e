/**
 * The registers of all peripherals as flat words behind the hart's in a slot block: a snapshot is a copy. What
 * survives a failover (the host queue) is in the control block instead.
 *
 * Invariant: words are given out once, in the order in which a board's devices are made, so the same board has the same
 * layout in every process.
 */
import { SLOT_COUNTERS_BYTE_OFFSET, SlotWord } from "../../emulator/memory/control.ts";

/** Offset of the device words in a slot block. */
export const DEVICE_STATE_BYTE_OFFSET = 1024;
/** How many there are. */
export const DEVICE_STATE_WORDS = (SLOT_COUNTERS_BYTE_OFFSET - DEVICE_STATE_BYTE_OFFSET) / 4;

if (SlotWord.WORDS * 4 > DEVICE_STATE_BYTE_OFFSET) {
  throw new Error("the words of a worker slot do not fit in front of the device words");
}

/** There are no words left. */
export class NoStateWords extends Error {
  override readonly name = "NoStateWords";

  constructor() {
    super(`the board's devices need more than ${DEVICE_STATE_WORDS} words of state`);
  }
}

export class StateWords {
  readonly #memory: WebAssembly.Memory;
  readonly #byteOffset: number;
  #taken = 0;
  /** Of those given out, the first and the one behind the last of such as {@link times} gives. */
  readonly #times: (readonly [first: number, behind: number])[] = [];
  #all: Int32Array = new Int32Array(0);

  /** @param slotOffset byte offset of the slot block */
  constructor(memory: WebAssembly.Memory, slotOffset: number) {
    this.#memory = memory;
    this.#byteOffset = slotOffset + DEVICE_STATE_BYTE_OFFSET;
  }

  /** The next `count` words, for one device. Throws {@link NoStateWords}. */
  words(count: number): Int32Array {
    return new Int32Array(this.#memory.buffer, this.#take(count), count);
  }

  /** As {@link words}, 64 bits each. */
  doubles(count: number): Float64Array {
    this.#taken += this.#taken & 1;
    return new Float64Array(this.#memory.buffer, this.#take(2 * count), count);
  }

  /** As {@link words}, of which none decides anything but what time somebody is told that it is. */
  times(count: number): Int32Array {
    const words = this.words(count);
    this.#times.push([this.#taken - count, this.#taken]);
    return words;
  }

  /** As {@link times}, 64 bits each. */
  timeDoubles(count: number): Float64Array {
    const doubles = this.doubles(count);
    this.#times.push([this.#taken - 2 * count, this.#taken]);
    return doubles;
  }

  /** Clears in a copy of {@link all} what {@link times} and {@link timeDoubles} gave. @param at where the copy begins */
  clearTimes(copy: Int32Array, at: number): void {
    for (const [first, behind] of this.#times) copy.fill(0, at + first, at + behind);
  }

  /** All that were given out so far, for snapshots. One view for as long as no more are given out. */
  get all(): Int32Array {
    if (this.#all.length !== this.#taken)
      this.#all = new Int32Array(this.#memory.buffer, this.#byteOffset, this.#taken);
    return this.#all;
  }

  #take(words: number): number {
    const at = this.#byteOffset + this.#taken * 4;
    this.#taken += words;
    if (this.#taken > DEVICE_STATE_WORDS) throw new NoStateWords();
    return at;
  }
}
