/**
 * Which blocks of the regions' flash cannot be read until they are erased, since their ECC is not valid: a bit for each
 * program unit in memory that all threads share, and that outlasts power.
 *
 * Whether bytes of a region can be read is decided here alone, by {@link UnreadableBlocks.firstIn}: for the boot ROM, the
 * hart and the flash controller. Invariants: a set is made of whole blocks; without ECC there are no bits, and everything
 * can be read; only whoever owns the flash stores a bit.
 */
import { type Layout, type MemoryConfig, unreadableBytes, unreadableWords } from "../memory/layout.ts";
import { type ByteRanges, withRange } from "./byte-ranges.ts";
import type { EccState } from "./flash.ts";

/** Stores a word of them, which are counted from the first one of region 0. */
export type StoreWord = (index: number, value: number) => void;

export class UnreadableBlocks {
  readonly #words: Int32Array;
  readonly #config: MemoryConfig;
  readonly #wordsOfRegion: number;

  constructor(memory: WebAssembly.Memory, layout: Layout) {
    const { config } = layout;
    this.#words = new Int32Array(memory.buffer, layout.unreadable, unreadableBytes(config) / 4);
    this.#config = config;
    this.#wordsOfRegion = config.ecc ? unreadableWords(config) : 0;
  }

  /** The flash has none, so that nothing is ever unreadable. */
  get isWithoutEcc(): boolean {
    return this.#wordsOfRegion === 0;
  }

  /** The first byte of the range that cannot be read; undefined where all can. */
  firstIn(region: number, offset: number, byteCount: number): number | undefined {
    if (this.isWithoutEcc || byteCount <= 0) return undefined;
    const { programUnitBytes } = this.#config;
    const end = Math.ceil((offset + byteCount) / programUnitBytes);
    const block = this.#next(region, Math.floor(offset / programUnitBytes), end);
    return block === undefined ? undefined : Math.max(offset, block * programUnitBytes);
  }

  /** All bytes of a region that cannot be read. */
  in(region: number): ByteRanges {
    if (this.isWithoutEcc) return [];
    const { regionBytes, programUnitBytes } = this.#config;
    const blocks = regionBytes / programUnitBytes;
    let ranges: ByteRanges = [];
    for (let block = this.#next(region, 0, blocks); block !== undefined; ) {
      ranges = withRange(ranges, block * programUnitBytes, (block + 1) * programUnitBytes);
      block = this.#next(region, block + 1, blocks);
    }
    return ranges;
  }

  /** What a region's flash knows and decides of it, by way of `store`; undefined without ECC. For who owns the flash. */
  of(region: number, store: StoreWord): EccState | undefined {
    if (this.isWithoutEcc) return undefined;
    const blocks = this;
    return {
      get faulty() {
        return blocks.in(region);
      },
      set faulty(ranges) {
        blocks.#replace(region, ranges, store);
      },
      firstIn: (offset, byteCount) => this.firstIn(region, offset, byteCount),
    };
  }

  /** Stores a word into the memory that all share. */
  store(index: number, value: number): void {
    Atomics.store(this.#words, index, value);
  }

  #replace(region: number, ranges: ByteRanges, store: StoreWord): void {
    const { programUnitBytes } = this.#config;
    const first = region * this.#wordsOfRegion;
    const words = new Int32Array(this.#wordsOfRegion);
    for (const { start, end } of ranges) {
      if (start % programUnitBytes !== 0 || end % programUnitBytes !== 0)
        throw new RangeError(`bytes ${start} to ${end} are no whole blocks of ${programUnitBytes}`);
      for (let block = start / programUnitBytes; block < end / programUnitBytes; block += 1)
        words[block >>> 5] = (words[block >>> 5] as number) | (1 << (block & 31));
    }
    for (const [at, value] of words.entries()) {
      if (Atomics.load(this.#words, first + at) !== value) store(first + at, value);
    }
  }

  /** The first block from `block` up to before `end` that cannot be read. */
  #next(region: number, block: number, end: number): number | undefined {
    const first = region * this.#wordsOfRegion;
    for (let at = block; at < end; ) {
      const word = Atomics.load(this.#words, first + (at >>> 5)) >>> (at & 31);
      if (word === 0) at = (at | 31) + 1;
      else {
        const found = at + (31 - Math.clz32(word & -word));
        return found < end ? found : undefined;
      }
    }
    return undefined;
  }
}
