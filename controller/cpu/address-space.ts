/**
 * Physical addresses to bytes of the shared memory: which memory a hart may read, write and execute, and where.
 *
 * Invariants: an answer lies inside one segment and is what the board's ranges allow (code comes from RAM, the window and
 * ROM; ROM, regions and table are read-only); everything else, devices included, is {@link NOWHERE}.
 * Nothing here copies: the window is the designated region's own bytes.
 */
import { type Layout, LINE_BYTES, PAGE_BYTES } from "../../emulator/memory/layout.ts";
import { RAM_BASE } from "../../emulator/memory/map.ts";

/** No memory at this address for this access. */
export const NOWHERE = -1;

/** A range of physical addresses with memory behind it, besides RAM, which every hart has. */
export interface MemoryRange {
  readonly base: number;
  readonly bytes: number;
  /** Host offset of its first byte; of the window it is that of the region that it is pointed at. */
  readonly offset: number;
  /**
   * nor: regions and table as the hart sees them, read-only. window: a region, executable. rom: executable, and its bytes
   * never change.
   */
  readonly kind: "nor" | "nvram" | "host" | "window" | "rom";
}

/** Bits of a RAM line's flag byte; a line without those that count in the mode takes stores without a second look. */
export const enum LineFlag {
  /** An engine holds decoded or translated code of this line. */
  CODE = 1,
  /** The machine wants to see stores to this line before they are made (undo, HTIF). */
  WATCHED = 2,
  /** Loads or stores of some of its bytes need a second look in machine mode, or in user mode (access-guard.ts). */
  LOAD_M = 4,
  STORE_M = 8,
  LOAD_U = 16,
  STORE_U = 32,
}

/**
 * Ranges of addresses with memory behind them, three numbers each: base, bytes, host offset. Numbers and no objects:
 * Node 22 compiled a loop over objects of which some have small bases and some large ones anew all the time.
 */
type Ranges = Float64Array;
const RANGE_NUMBERS = 3;

function numbersOf(ranges: readonly MemoryRange[]): Ranges {
  return Float64Array.from(ranges.flatMap(({ base, bytes, offset }) => [base, bytes, offset]));
}

const LINES_PER_PAGE = PAGE_BYTES / LINE_BYTES;

/** The flag bytes of a page of RAM's lines; empty where there is none. */
export function flagsOfPage({ ramFlags }: AddressSpace, page: number): Uint8Array {
  return page < 0
    ? ramFlags.subarray(0, 0)
    : ramFlags.subarray(page * LINES_PER_PAGE, (page + 1) * LINES_PER_PAGE);
}

function within(address: number, size: number, base: number, bytes: number): boolean {
  const start = (address >>> 0) - base;
  return start >= 0 && start + size <= bytes;
}

export class AddressSpace {
  readonly layout: Layout;
  readonly memory: WebAssembly.Memory;
  readonly slot: number;
  /** The whole shared memory, by bytes, aligned halves and aligned words. */
  readonly bytes: Uint8Array;
  readonly halves: Uint16Array;
  readonly words: Int32Array;
  readonly ramBytes: number;
  readonly ramOffset: number;
  /** The flag byte of each line of RAM ({@link LineFlag}). */
  readonly ramFlags: Uint8Array;
  /** The board's memory besides RAM. */
  readonly ranges: readonly MemoryRange[];
  /** The board has a window that a region can be put behind. */
  readonly hasWindow: boolean;
  /** Set when read-only memory beside the window is read; for whoever wants to know, and clears it. */
  readElsewhere = false;
  /** Of the window; both 0 where there is none. */
  readonly windowBase: number;
  readonly windowBytes: number;
  readonly #rom: Ranges;
  #readOnly: Ranges;
  readonly #writable: Ranges;
  /** Offsets of regions that the board does not have. */
  #missing: readonly number[] = [];
  /** Bases of ranges whose device answers in the place of their memory. */
  readonly #answering = new Set<number>();
  /** Of those, the ones that accesses wait for. */
  readonly #stalled = new Set<number>();
  /** Behind the window, seen or not. */
  #pointedAt = NOWHERE;
  #region = NOWHERE;
  #windowOffset = NOWHERE;

  /** @param ranges the memory that the board has besides RAM; looked through in this order */
  constructor(memory: WebAssembly.Memory, layout: Layout, slot: number, ranges: readonly MemoryRange[]) {
    this.layout = layout;
    this.memory = memory;
    this.slot = slot;
    this.bytes = new Uint8Array(memory.buffer);
    this.halves = new Uint16Array(memory.buffer);
    this.words = new Int32Array(memory.buffer);
    this.ramBytes = layout.config.ramBytes;
    this.ramOffset = layout.ram;
    const flags = layout.ramFlags[slot];
    if (flags === undefined) throw new Error(`there is no worker slot ${slot}`);
    this.ramFlags = new Uint8Array(memory.buffer, flags, this.ramBytes / LINE_BYTES);
    this.ranges = ranges;
    const { base = 0, bytes = 0 } = ranges.find(({ kind }) => kind === "window") ?? {};
    this.windowBase = base;
    this.windowBytes = bytes;
    this.hasWindow = this.windowBytes > 0;
    this.#rom = numbersOf(ranges.filter(({ kind }) => kind === "rom"));
    this.#readOnly = this.#readOnlyRanges();
    this.#writable = numbersOf(ranges.filter(({ kind }) => kind === "nvram" || kind === "host"));
  }

  /** How many regions the board has. */
  get regionCount(): number {
    return this.layout.regions.length - this.#missing.length;
  }

  /** Index of the region that is seen through the window, or {@link NOWHERE}. */
  get region(): number {
    return this.#region;
  }

  /** Host offset of the window's first byte, or {@link NOWHERE}. */
  get windowOffset(): number {
    return this.#windowOffset;
  }

  /** Points the window at a region. */
  setRegion(region: number): void {
    if (this.layout.regions[region] === undefined || !this.hasWindow) {
      throw new Error(`there is no region ${region}`);
    }
    this.#pointedAt = region;
    this.#lookThroughWindow();
  }

  /** The board has the first `count` of the layout's regions alone: nothing is where others would be. */
  limitRegions(count: number): void {
    this.#missing = this.layout.regions.slice(count);
    this.#readOnly = this.#readOnlyRanges();
  }

  /**
   * Whether the device behind the read-only range or window at `base` answers itself: flash that is not in read-array
   * mode. Its memory is not there meanwhile, for fetches neither.
   */
  setAnswering(base: number, answers: boolean): void {
    if (answers === this.#answering.has(base)) return;
    if (answers) this.#answering.add(base);
    else this.#answering.delete(base);
    this.#readOnly = this.#readOnlyRanges();
    this.#lookThroughWindow();
  }

  /** The memory at `base` is busy: who loads or fetches from it waits until it is back. */
  setStalled(base: number, stalled: boolean): void {
    if (stalled) this.#stalled.add(base);
    else this.#stalled.delete(base);
    this.setAnswering(base, stalled);
  }

  /** An access to this address waits, and is made once the memory there is back. */
  isStalled(address: number): boolean {
    if (this.#stalled.size === 0) return false;
    return this.ranges.some(({ base, bytes }) => this.#stalled.has(base) && within(address, 1, base, bytes));
  }

  /** Some memory is not there at the moment. */
  get hasHidden(): boolean {
    return this.#answering.size > 0;
  }

  #lookThroughWindow(): void {
    const isSeen = !this.#answering.has(this.windowBase);
    this.#region = isSeen ? this.#pointedAt : NOWHERE;
    this.#windowOffset = this.layout.regions[this.#region] ?? NOWHERE;
  }

  #readOnlyRanges(): Ranges {
    const isThere = ({ kind, offset, base }: MemoryRange): boolean =>
      kind === "nor" && !this.#missing.includes(offset) && !this.#answering.has(base);
    return numbersOf(this.ranges.filter(isThere));
  }

  /** Host offset of `size` bytes that may be read at `address`, all in one segment, or {@link NOWHERE}. */
  readable(address: number, size: number): number {
    const executable = this.executable(address, size);
    if (executable >= 0) return executable;
    const start = address >>> 0;
    const writable = find(this.#writable, start, size);
    return writable >= 0 ? writable : this.#readOnlyAt(start, size);
  }

  /** Host offset of `size` bytes of code at `address`, all in one segment, or {@link NOWHERE}. */
  executable(address: number, size: number): number {
    const start = address >>> 0;
    if (within(start, size, RAM_BASE, this.ramBytes)) return start - RAM_BASE + this.ramOffset;
    const inWindow = this.#windowOffset >= 0 && within(start, size, this.windowBase, this.windowBytes);
    if (inWindow) return start - this.windowBase + this.#windowOffset;
    return find(this.#rom, start, size);
  }

  /** These bytes of RAM; undefined where not all of them are. */
  ram(address: number, byteCount: number): Uint8Array | undefined {
    const start = (address >>> 0) - RAM_BASE;
    if (start < 0 || start + byteCount > this.ramBytes) return undefined;
    return this.bytes.subarray(this.ramOffset + start, this.ramOffset + start + byteCount);
  }

  /** A copy of these bytes of a region, by whichever address it is seen. */
  readRegion(region: number, offset: number, byteCount: number): Uint8Array {
    const { regions, config } = this.layout;
    const start = regions[region];
    if (start === undefined || offset + byteCount > config.regionBytes)
      throw new RangeError(`there are no ${byteCount} bytes at ${offset} of region ${region}`);
    this.readElsewhere = true;
    return this.bytes.slice(start + offset, start + offset + byteCount);
  }

  #readOnlyAt(start: number, size: number): number {
    const offset = find(this.#readOnly, start, size);
    if (offset >= 0) this.readElsewhere = true;
    return offset;
  }

  /** Host offset of `size` bytes that may be written at `address`, all in one segment, or {@link NOWHERE}. */
  writable(address: number, size: number): number {
    const start = address >>> 0;
    if (within(start, size, RAM_BASE, this.ramBytes)) return start - RAM_BASE + this.ramOffset;
    return find(this.#writable, start, size);
  }
}

function find(known: Ranges, start: number, size: number): number {
  for (let at = 0; at < known.length; at += RANGE_NUMBERS) {
    const base = known[at] as number;
    if (within(start, size, base, known[at + 1] as number)) return start - base + (known[at + 2] as number);
  }
  return NOWHERE;
}
