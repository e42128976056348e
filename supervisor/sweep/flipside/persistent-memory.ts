/**
 * What a power cut does not take: table, firmware's NVRAM, regions, and which of their blocks cannot be read, with a log of
 * every word that changed.
 *
 * Invariants: every change of a persistent word goes through {@link PersistentMemory.store} or
 * {@link PersistentMemory.noteStore}; undoing to a log position restores every word, and the content keys, as
 * they were there; what nobody stored into costs nothing, however large it is. Keeping the content keys (content-key.ts)
 * costs a few operations per stored word. It has as many regions as the scenario wants; those behind are blank.
 */
import {
  type Layout,
  PAGE_BYTES,
  TABLE_BYTES,
  unreadableBytes,
  unreadableWords,
} from "../../../emulator/memory/layout.ts";
import type { NvramPort } from "../../../emulator/table/nvram.ts";
import type { UndoLog } from "../explore/memory.ts";
import { combine, mixFirst, mixSecond } from "./content-key.ts";

/**
 * Segments that have a content key of their own: management memory, firmware's NVRAM, then each region, and behind them
 * what cannot be read of them.
 */
const enum Segment {
  TABLE = 0,
  NVRAM = 1,
  REGIONS = 2,
}

/** Words of the shared memory, from the first up to before the end. */
export interface WordRange {
  readonly start: number;
  readonly end: number;
}

/** Words in one entry of the log. */
const enum Entry {
  /** Index of the word. */
  WORD = 0,
  BEFORE,
  /** What the change added to the two sums of its segment's key: taking it back needs no mixing. */
  FIRST_SUM,
  SECOND_SUM,
  WORDS,
}
const FIRST_LOG_ENTRIES = 4096;
/** Words to pages. */
const PAGE_WORD_SHIFT = Math.log2(PAGE_BYTES / 4);

/** The layout with the first `count` of its regions, everything at its place. */
function limited(layout: Layout, count: number): Layout {
  return {
    ...layout,
    config: { ...layout.config, regions: count },
    regions: layout.regions.slice(0, count),
  };
}

export class PersistentMemory implements UndoLog {
  readonly memory: WebAssembly.Memory;
  /** The whole of it. */
  readonly words: Int32Array;
  /** With all regions that there is room for. */
  readonly wholeLayout: Layout;
  /** By number of regions, from none to all that there is room for. */
  readonly #layouts: readonly Layout[];
  #layout: Layout;
  /** Regions that were erased once. */
  #erased = 0;
  readonly #erasedWords: readonly number[];
  readonly #keys: Int32Array;
  /** Number of the segment that tells what cannot be read: words directly behind the regions, no more than one has. */
  readonly #unreadable: number;
  /** What an image adds to the key of a region that is erased. */
  readonly #imageKeys = new WeakMap<Int32Array, Int32Array>();
  #areas: readonly WordRange[] = [];
  #areaKeys = new Int32Array(0);
  #log = new Int32Array(FIRST_LOG_ENTRIES * Entry.WORDS);
  #end = 0;
  /** Where images were put, in words. */
  readonly #images: { readonly start: number; readonly end: number }[] = [];
  /** 1 for each page up to the regions' end that anything was stored into since it was cleared, though it was undone. */
  readonly #usedPages: Uint8Array;
  readonly #tableWord: number;
  readonly #nvramWord: number;
  readonly #regionsWord: number;
  readonly #regionWords: number;

  /**
   * @param memory all zero
   * @param regions so many of the layout's to begin with
   * @param erasedWords by region, what an erased word of it reads; all ones where it is absent
   */
  constructor(
    memory: WebAssembly.Memory,
    layout: Layout,
    regions = layout.config.regions,
    erasedWords: readonly number[] = [],
  ) {
    this.memory = memory;
    this.words = new Int32Array(memory.buffer);
    this.#layouts = layout.regions.concat(0).map((_, count) => limited(layout, count));
    this.wholeLayout = this.#layout = layout;
    this.#tableWord = layout.table / 4;
    this.#nvramWord = layout.nvram / 4;
    this.#regionsWord = (layout.regions[0] as number) / 4;
    this.#regionWords = layout.config.regionBytes / 4;
    this.#unreadable = Segment.REGIONS + layout.config.regions;
    this.#keys = new Int32Array((this.#unreadable + 1) * 2);
    const end = (layout.unreadable + unreadableBytes(layout.config)) / 4;
    if (end > this.#regionsWord + (layout.config.regions + 1) * this.#regionWords)
      throw new Error("what tells which blocks cannot be read is larger than a region");
    this.#usedPages = new Uint8Array(Math.ceil((end * 4) / PAGE_BYTES));
    this.#erasedWords = erasedWords;
    this.regions = regions;
  }

  /** Of the regions that there are. */
  get layout(): Layout {
    return this.#layout;
  }

  /** There are so many regions now. Where all is as it left the factory. */
  set regions(count: number) {
    const layout = this.#layouts[count];
    if (layout === undefined) throw new RangeError(`there is no room for ${count} regions`);
    this.#layout = layout;
    const wordAt = (region: number): number => this.#regionsWord + region * this.#regionWords;
    for (; this.#erased < count; this.#erased += 1)
      this.words.fill(this.#erasedWords[this.#erased] ?? -1, wordAt(this.#erased), wordAt(this.#erased + 1));
  }

  /**
   * Keeps content keys of these parts of it, too. Once, before anything is stored there.
   * @param areas words of regions, from the first up to before the end; none lies in two regions, and none over another
   */
  keepAreas(areas: readonly WordRange[]): void {
    this.#areas = areas;
    this.#areaKeys = new Int32Array(areas.length * 2);
  }

  /** Everything as it leaves the factory: NVRAM all zero, regions erased. All that was stored stands in the log. */
  clear(): void {
    this.undoTo(0);
    for (const { start, end } of this.#images) this.words.fill(-1, start, end);
    this.#images.length = 0;
    this.#usedPages.fill(0);
    this.#keys.fill(0);
    this.#areaKeys.fill(0);
  }

  /** Nothing was stored there since {@link clear}, and no image put: all of it reads erased. Bytes of one region. */
  isUntouched(region: number, offset: number, byteCount: number): boolean {
    const start = (this.layout.regions[region] as number) + offset;
    for (let page = Math.floor(start / PAGE_BYTES); page * PAGE_BYTES < start + byteCount; page += 1) {
      if (this.#usedPages[page] !== 0) return false;
    }
    return true;
  }

  /** Position in the log: what {@link undoTo} takes. */
  get position(): number {
    return this.#end;
  }

  store(word: number, value: number): void {
    const before = this.words[word] as number;
    if (before === value) return;
    this.words[word] = value;
    this.noteStore(word, before, value);
  }

  /** Puts an image into a region that is erased, to all ones. Not logged: what was so before the first instruction. */
  putImage(region: number, image: Int32Array): void {
    const start = this.#regionsWord + region * this.#regionWords;
    let key = this.#imageKeys.get(image);
    if (key === undefined) {
      key = new Int32Array(2);
      for (let place = 0; place < image.length; place += 1) {
        const value = image[place] as number;
        key[0] = (key[0] as number) + mixFirst(place, value) - mixFirst(place, -1);
        key[1] = (key[1] as number) + mixSecond(place, value) - mixSecond(place, -1);
      }
      this.#imageKeys.set(image, key);
    }
    this.words.set(image, start);
    this.#images.push({ start, end: start + image.length });
    this.#usedPages.fill(1, start >>> PAGE_WORD_SHIFT, ((start + image.length - 1) >>> PAGE_WORD_SHIFT) + 1);
    this.#addToKey(Segment.REGIONS + region, key[0] as number, key[1] as number);
  }

  /** Takes a change into the log that somebody else made. */
  noteStore(word: number, before: number, value: number): void {
    if (this.#end + Entry.WORDS > this.#log.length) this.#grow();
    const segment = this.#segment(word);
    const place = this.#place(word, segment);
    const first = (mixFirst(place, value) - mixFirst(place, before)) | 0;
    const second = (mixSecond(place, value) - mixSecond(place, before)) | 0;
    const log = this.#log;
    const end = this.#end;
    log[end + Entry.WORD] = word;
    log[end + Entry.BEFORE] = before;
    log[end + Entry.FIRST_SUM] = first;
    log[end + Entry.SECOND_SUM] = second;
    this.#end = end + Entry.WORDS;
    this.#usedPages[word >>> PAGE_WORD_SHIFT] = 1;
    this.#addToKey(segment, first, second);
    this.#addToAreas(word, first, second);
  }

  /** Takes back every change since the log stood at `position`. */
  undoTo(position: number): void {
    const log = this.#log;
    while (this.#end > position) {
      this.#end -= Entry.WORDS;
      const at = this.#end;
      const word = log[at + Entry.WORD] as number;
      this.words[word] = log[at + Entry.BEFORE] as number;
      const first = log[at + Entry.FIRST_SUM] as number;
      const second = log[at + Entry.SECOND_SUM] as number;
      this.#addToKey(this.#segment(word), -first, -second);
      this.#addToAreas(word, -first, -second);
    }
  }

  /** The management memory as commit and recovery see it. */
  managementPort(beforeStore: (word: number, value: number) => void): NvramPort {
    const base = this.#tableWord;
    return {
      load32: (wordIndex) => {
        if (wordIndex < 0 || wordIndex >= TABLE_BYTES / 4) throw new RangeError(`load of word ${wordIndex}`);
        return this.words[base + wordIndex] as number;
      },
      store32: (wordIndex, value) => {
        if (wordIndex < 0 || wordIndex >= TABLE_BYTES / 4) throw new RangeError(`store to word ${wordIndex}`);
        beforeStore(base + wordIndex, value | 0);
        this.store(base + wordIndex, value | 0);
      },
    };
  }

  /** The bytes of a region as they read now. */
  regionBytes(region: number): Uint8Array {
    const offset = this.layout.regions[region];
    if (offset === undefined) throw new RangeError(`there is no region ${region}`);
    return new Uint8Array(this.words.buffer, offset, this.layout.config.regionBytes);
  }

  /**
   * Equal for equal bytes of the region of which the same can be read; never equal, but by a chance of 2^-52, for others.
   */
  regionKey(region: number): number {
    return this.isAllReadable ? this.#key(Segment.REGIONS + region) : this.#keyOfReadable(region);
  }

  /** Nothing of any region is unreadable. */
  get isAllReadable(): boolean {
    return this.#keys[this.#unreadable * 2] === 0 && this.#keys[this.#unreadable * 2 + 1] === 0;
  }

  /** As {@link regionKey}, of which blocks of all regions cannot be read. */
  unreadableKey(): number {
    return this.#key(this.#unreadable);
  }

  #keyOfReadable(region: number): number {
    const words = unreadableWords(this.wholeLayout.config);
    const start = this.wholeLayout.unreadable / 4 + region * words;
    const segment = (Segment.REGIONS + region) * 2;
    let [first, second] = [this.#keys[segment] as number, this.#keys[segment + 1] as number];
    for (let at = 0; at < words; at += 1) {
      const value = this.words[start + at] as number;
      const place = this.#regionWords + at;
      first += mixFirst(place, value) - mixFirst(place, 0);
      second += mixSecond(place, value) - mixSecond(place, 0);
    }
    return combine(first, second);
  }

  /** As {@link regionKey}, of the management memory. */
  tableKey(): number {
    return this.#key(Segment.TABLE);
  }

  /** As {@link regionKey}, of the firmware's NVRAM. */
  nvramKey(): number {
    return this.#key(Segment.NVRAM);
  }

  /** Key of all words. What cells that are between two values will read it does not tell. */
  stateKey(): number {
    let first = 0;
    let second = 0;
    const end = (Segment.REGIONS + this.#layout.regions.length) * 2;
    for (let at = 0; at < end; at += 2) {
      first = Math.imul(first, 31) + (this.#keys[at] as number);
      second = Math.imul(second, 37) + (this.#keys[at + 1] as number);
    }
    if (!this.isAllReadable) {
      first = Math.imul(first, 31) + (this.#keys[this.#unreadable * 2] as number);
      second = Math.imul(second, 37) + (this.#keys[this.#unreadable * 2 + 1] as number);
    }
    return combine(first, second);
  }

  /** As {@link stateKey}, of memory in which the area with this number is as it leaves the factory. */
  stateKeyWithout(area: number): number {
    const { start } = this.#areas[area] as WordRange;
    const segment = this.#segment(start);
    const first = this.#areaKeys[area * 2] as number;
    const second = this.#areaKeys[area * 2 + 1] as number;
    this.#addToKey(segment, -first, -second);
    const key = this.stateKey();
    this.#addToKey(segment, first, second);
    return key;
  }

  #addToAreas(word: number, first: number, second: number): void {
    for (let area = 0; area < this.#areas.length; area += 1) {
      const { start, end } = this.#areas[area] as WordRange;
      if (word < start || word >= end) continue;
      this.#areaKeys[area * 2] = (this.#areaKeys[area * 2] as number) + first;
      this.#areaKeys[area * 2 + 1] = (this.#areaKeys[area * 2 + 1] as number) + second;
    }
  }

  #key(segment: number): number {
    return combine(this.#keys[segment * 2] as number, this.#keys[segment * 2 + 1] as number);
  }

  #segment(word: number): number {
    if (word < this.#nvramWord) return Segment.TABLE;
    if (word < this.#regionsWord) return Segment.NVRAM;
    // A division takes longer than the three comparisons that there are at the most.
    let segment = Segment.REGIONS;
    for (let end = this.#regionsWord + this.#regionWords; word >= end; end += this.#regionWords) segment += 1;
    return segment;
  }

  /** In a region counted from its start: the same image has the same key in every region. */
  #place(word: number, segment: number): number {
    if (segment < Segment.REGIONS) return word;
    return (word - this.#regionsWord - (segment - Segment.REGIONS) * this.#regionWords) | 0;
  }

  #addToKey(segment: number, first: number, second: number): void {
    const at = segment * 2;
    this.#keys[at] = (this.#keys[at] as number) + first;
    this.#keys[at + 1] = (this.#keys[at + 1] as number) + second;
  }

  #grow(): void {
    const larger = new Int32Array(this.#log.length * 2);
    larger.set(this.#log);
    this.#log = larger;
  }
}
