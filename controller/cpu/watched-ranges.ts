/**
 * Where loads or stores are more than an access to memory, though memory is there: somebody judges each before it is done.
 *
 * Engines keep their fast ways away from there and leave such accesses to the interpreter. RAM tells by the flag bytes of
 * its lines, other memory as a whole. Stores look at flags anyhow; loads do so only while {@link WatchedRanges.loads} is
 * true, in code of its own, so that they cost nothing else.
 */
import { LINE_SHIFT } from "../../emulator/memory/layout.ts";
import { RAM_BASE } from "../../emulator/memory/map.ts";

/** Both ends belong to it, as numbers from 0 to 2^32 - 1. */
export interface AddressRange {
  readonly first: number;
  readonly last: number;
}

/** Bits of a RAM line's flag byte; a line whose byte is 0 takes stores without a second look. */
export const enum LineFlag {
  /** An engine holds decoded or translated code of this line. */
  CODE = 1,
  /** The machine wants to see stores to this line before they are made (undo, HTIF). */
  WATCHED = 2,
  /** Stores to this line, or loads from it, are judged. */
  STORES = 4,
  LOADS = 8,
}

export interface Watched {
  readonly load: readonly AddressRange[];
  readonly store: readonly AddressRange[];
}

const NOTHING: Watched = { load: [], store: [] };

/** Whether an address is in one of the ranges. */
export function isWithin(ranges: readonly AddressRange[], address: number): boolean {
  const at = address >>> 0;
  return ranges.some(({ first, last }) => at >= first && at <= last);
}

function overlap(ranges: readonly AddressRange[], base: number, bytes: number): boolean {
  return ranges.some(({ first, last }) => first < base + bytes && last >= base);
}

export class WatchedRanges {
  /** Some loads are judged. */
  loads = false;
  /** Raised at each change. */
  generation = 0;
  readonly #ramFlags: Uint8Array;
  readonly #ramBytes: number;
  readonly #byOwner = new Map<string, Watched>();
  #all: Watched = NOTHING;

  /** @param ramFlags the {@link LineFlag} byte of each line of RAM */
  constructor(ramFlags: Uint8Array, ramBytes: number) {
    this.#ramFlags = ramFlags;
    this.#ramBytes = ramBytes;
  }

  /** Whether any load of these bytes is judged. */
  watchesLoads(base: number, bytes: number): boolean {
    return this.loads && overlap(this.#all.load, base, bytes);
  }

  /** Whether any store to these bytes is judged. */
  watchesStores(base: number, bytes: number): boolean {
    return overlap(this.#all.store, base, bytes);
  }

  /** The owner watches this now, and no longer what it watched before. */
  watch(owner: string, watched: Watched): void {
    const before = this.#byOwner.get(owner) ?? NOTHING;
    this.#byOwner.set(owner, watched);
    this.#setFlags(before.load, ~LineFlag.LOADS, 0);
    this.#setFlags(before.store, ~LineFlag.STORES, 0);
    const every = [...this.#byOwner.values()];
    this.#all = { load: every.flatMap(({ load }) => load), store: every.flatMap(({ store }) => store) };
    this.#setFlags(this.#all.load, ~0, LineFlag.LOADS);
    this.#setFlags(this.#all.store, ~0, LineFlag.STORES);
    this.loads = this.#all.load.length > 0;
    this.generation++;
  }

  #setFlags(ranges: readonly AddressRange[], kept: number, set: number): void {
    for (const { first, last } of ranges) {
      const from = Math.max(first - RAM_BASE, 0);
      const to = Math.min(last - RAM_BASE, this.#ramBytes - 1);
      for (let line = Math.floor(from / 2 ** LINE_SHIFT); line <= Math.floor(to / 2 ** LINE_SHIFT); line++) {
        this.#ramFlags[line] = ((this.#ramFlags[line] as number) & kept) | set;
      }
    }
  }
}
