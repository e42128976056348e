/**
 * Battery-backed memory as the management table needs it: aligned 32-bit stores that are atomic and ordered.
 *
 * A power cut falls between stores, never inside one (design of NVRAM; docs/table.md). The live device stores
 * with Atomics; the virtual device loses power at a store by throwing from {@link NvramPort.store32}; whoever
 * stores through this port must therefore be right after every single store.
 */
import { PAGE_BYTES } from "../memory/layout.ts";

export interface NvramPort {
  /** Signed 32-bit word `wordIndex` of the table's segment. */
  load32(wordIndex: number): number;
  store32(wordIndex: number, value: number): void;
}

/** First words of what lies in the table's segment, each in a page of its own. */
export const REPLICA_WORD = [0, PAGE_BYTES / 4] as const;
export const FLOOR_WORD = (2 * PAGE_BYTES) / 4;

/** The table's segment of the controller's shared memory. */
export class SharedNvram implements NvramPort {
  readonly #words: Int32Array;

  /** @param words exactly the segment, `TABLE_BYTES / 4` words of it */
  constructor(words: Int32Array) {
    this.#words = words;
  }

  /**
   * A plain load: Atomics.load costs a call each, and a commit reads some 250 words. An aligned
   * word is never torn, and who stores here loads here: the supervisor's main thread.
   */
  load32(wordIndex: number): number {
    return this.#words[wordIndex] as number;
  }

  store32(wordIndex: number, value: number): void {
    Atomics.store(this.#words, wordIndex, value);
  }
}
