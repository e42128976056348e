/**
 * Says which accesses need a second look in the mode that executes, in a form that costs nothing while none of memory
 * does: the engines' fast paths ask {@link AccessView}, and what needs a second look gets it where every access is
 * done in full generality (data-path.ts; for fetches interpreter.ts).
 *
 * What there is to look at is told by {@link AccessWatcher}s: PMP, and triggers on loads and stores. Of RAM, loads and stores are told by line flags
 * (LineFlag), with bits for each mode, so that going from one to the other changes no flag: a view has the bits to look
 * at. All else is told by extents.
 *
 * Invariants: a flag may say "look" where there is nothing to see, never the other way round; a view never changes; after
 * {@link AccessGuard.zonesChanged} and {@link AccessGuard.modeChanged} nothing is executed before a
 * {@link AccessGuard.refresh}.
 */
import { LINE_BYTES } from "../../emulator/memory/layout.ts";
import { RAM_BASE } from "../../emulator/memory/map.ts";
import {
  Access,
  type Extent,
  freeAround,
  freeExtents,
  kindsAt,
  kindsWithin,
  NO_ZONES,
  unionOf,
  type Zones,
} from "./access-zones.ts";
import { type AddressSpace, LineFlag, type MemoryRange } from "./address-space.ts";
import { Hart, hasUserAccess, Mode } from "./hart.ts";

/** Somebody who wants a second look at accesses. */
export interface AccessWatcher {
  /** Such an access must not be made: it faults. Otherwise the watcher is asked where it is about to be made. */
  readonly forbids: boolean;
  /** Those of that mode, as the hart's registers stand now. */
  zones(mode: Mode): Zones;
}

/** What a store looks at whatever is guarded: code, and whoever watches. */
export const STORE_FLAGS = LineFlag.CODE | LineFlag.WATCHED;

const DATA: Access = Access.LOAD | Access.STORE;
const NO_EXTENT: Extent = { first: 0, behind: 0 };
/** Besides the bits of one mode, those of the other stay. */
const FLAGS: Readonly<Record<Mode, { readonly load: LineFlag; readonly store: LineFlag }>> = {
  [Mode.MACHINE]: { load: LineFlag.LOAD_M, store: LineFlag.STORE_M },
  [Mode.USER]: { load: LineFlag.LOAD_U, store: LineFlag.STORE_U },
};

function extentOf({ base, bytes }: Pick<MemoryRange, "base" | "bytes">): Extent {
  return { first: base, behind: base + bytes };
}

/** What needs a second look: fetches in one mode, and loads and stores in the same or another. */
interface ViewZones {
  readonly fetches: Zones;
  readonly data: Zones;
  /** Loads and stores that must not be made; part of `data`. */
  readonly forbidden: Zones;
}

/** What may be done without a second look, by fetches of one mode and loads and stores of the same or another. */
export class AccessView {
  /** No access to RAM or the window needs a second look, nor any fetch. */
  readonly isFree: boolean;
  /** Some load or store must not be made, be it to a device. */
  readonly forbidsData: boolean;
  /** Bits of a RAM line's flags by which a load and a store need it. */
  readonly loadFlags: number;
  readonly storeFlags: number;
  /** The largest part of the window that loads take without. */
  readonly window: Extent;
  readonly dataMode: Mode;
  readonly #fetches: Zones;
  readonly #data: Zones;
  /** Those of them that must not be made. */
  readonly #forbidden: Zones;
  /** RAM, then what else engines make fast paths for. */
  readonly #memory: readonly Extent[];
  readonly #isAllFree: boolean;
  #key: string | undefined;

  constructor(space: AddressSpace, dataMode: Mode, { fetches, data, forbidden }: ViewZones) {
    this.dataMode = dataMode;
    this.#fetches = fetches;
    this.#data = data;
    this.#forbidden = forbidden;
    const ram = extentOf({ base: RAM_BASE, bytes: space.ramBytes });
    const near = space.ranges.filter(({ kind }) => kind === "window" || kind === "rom").map(extentOf);
    const rest = space.ranges.filter(({ kind }) => kind === "host").map(extentOf);
    const areFree = (extents: readonly Extent[], zones: Zones, access: Access): boolean =>
      extents.every((extent) => (kindsWithin(zones, extent) & access) === 0);
    this.#memory = [ram, ...near, ...rest];
    this.forbidsData = forbidden.kinds.some((kinds) => (kinds & DATA) !== 0);
    const isDataFree = areFree([ram, ...near], data, DATA);
    this.isFree = isDataFree && areFree([ram, ...near], fetches, Access.FETCH);
    this.#isAllFree = this.isFree && areFree(rest, data, DATA);
    this.loadFlags = isDataFree ? 0 : FLAGS[dataMode].load;
    this.storeFlags = STORE_FLAGS | (isDataFree ? 0 : FLAGS[dataMode].store);
    const window = space.ranges.find(({ kind }) => kind === "window");
    const parts = window === undefined ? [] : this.free(window, Access.LOAD);
    this.window = parts.reduce((a, b) => (b.behind - b.first > a.behind - a.first ? b : a), NO_EXTENT);
  }

  /** {@link Access} bits of the loads and stores at `address` that must not be made. */
  forbiddenAt(address: number): number {
    return kindsAt(this.#forbidden, address >>> 0);
  }

  /** The half-words around the one at `pc` that are fetched without a second look; empty if that one needs it. */
  fetchesAround(pc: number): Extent {
    return freeAround(this.#fetches, pc >>> 0, Access.FETCH);
  }

  /** Whether the half-word at `pc` is fetched without a second look. */
  mayFetch(pc: number): boolean {
    return this.isFree || (kindsAt(this.#fetches, pc >>> 0) & Access.FETCH) === 0;
  }

  /** The parts of a range that accesses of these kinds, fetches or others, take without a second look. */
  free(range: Pick<MemoryRange, "base" | "bytes">, access: Access): Extent[] {
    return freeExtents(access === Access.FETCH ? this.#fetches : this.#data, extentOf(range), access);
  }

  /** Code made for one view holds for all others with the same key: the line flags of RAM it looks at when it runs. */
  get key(): string {
    this.#key ??= this.#isAllFree ? "" : this.#describe();
    return this.#key;
  }

  #describe(): string {
    const [, ...ranges] = this.#memory;
    const free = (zones: Zones, extents: readonly Extent[], access: Access): string =>
      extents
        .flatMap((extent) => freeExtents(zones, extent, access))
        .map(({ first, behind }) => `${first}-${behind}`)
        .join();
    const fetches = free(this.#fetches, this.#memory, Access.FETCH);
    return `${this.loadFlags};${fetches};${free(this.#data, ranges, Access.LOAD)};${free(this.#data, ranges, Access.STORE)}`;
  }
}

export class AccessGuard {
  readonly #hart: Int32Array;
  readonly #space: AddressSpace;
  readonly #watchers: readonly AccessWatcher[];
  /** By {@link Mode}: what the watchers say now, and what the flags of lines say at least. */
  readonly #zones = new Map<Mode, Zones>();
  readonly #flagged = new Map<Mode, Zones>();
  /** By both modes. */
  readonly #views = new Map<number, AccessView>();
  /** Likewise, those in which nothing is looked at: they hold whenever that is so again. */
  readonly #freeViews = new Map<number, AccessView>();
  #view: AccessView | undefined;
  /** Mode or zones have changed since {@link view} was found. */
  #isStale = true;

  constructor(hart: Int32Array, space: AddressSpace, watchers: readonly AccessWatcher[]) {
    this.#hart = hart;
    this.#space = space;
    this.#watchers = watchers;
  }

  /** Registers of a watcher have changed, or all state was replaced. */
  zonesChanged(): void {
    this.#zones.clear();
    this.#views.clear();
    this.#isStale = true;
  }

  /** The hart executes, or loads and stores, in another mode. */
  modeChanged(): void {
    this.#isStale = true;
  }

  /** What holds for the mode that executes. */
  get view(): AccessView {
    return this.#isStale || this.#view === undefined ? this.#refresh() : this.#view;
  }

  /** Brings the flags of RAM's lines up to what a view needs that is about to be used. */
  prepare({ dataMode, isFree }: AccessView): void {
    if (isFree) return;
    const zones = this.#zonesOf(dataMode);
    const flagged = this.#flagged.get(dataMode) ?? NO_ZONES;
    if (zones === flagged) return;
    this.#flagged.set(dataMode, zones);
    for (const part of changesBetween(flagged, zones, this.#space.ramBytes))
      this.#flag(dataMode, zones, part);
  }

  #refresh(): AccessView {
    const hart = this.#hart;
    const mode = hart[Hart.MODE] as Mode;
    const dataMode = hasUserAccess(hart[Hart.MSTATUS] as number) ? Mode.USER : mode;
    const key = mode * 4 + dataMode;
    const view = this.#views.get(key) ?? this.#viewOf(key, mode, dataMode);
    this.#views.set(key, view);
    this.#view = view;
    this.#isStale = false;
    return view;
  }

  #viewOf(key: number, mode: Mode, dataMode: Mode): AccessView {
    const isFree = this.#zonesOf(mode) === NO_ZONES && this.#zonesOf(dataMode) === NO_ZONES;
    if (!isFree) return this.#makeView(mode, dataMode);
    const view = this.#freeViews.get(key) ?? this.#makeView(mode, dataMode);
    this.#freeViews.set(key, view);
    return view;
  }

  #makeView(mode: Mode, dataMode: Mode): AccessView {
    const forbidden = unionOf(
      this.#watchers.filter(({ forbids }) => forbids).map((each) => each.zones(dataMode)),
    );
    const zones = { fetches: this.#zonesOf(mode), data: this.#zonesOf(dataMode), forbidden };
    return new AccessView(this.#space, dataMode, zones);
  }

  #zonesOf(mode: Mode): Zones {
    const known = this.#zones.get(mode);
    if (known !== undefined) return known;
    const zones = unionOf(this.#watchers.map((watcher) => watcher.zones(mode)));
    this.#zones.set(mode, zones);
    return zones;
  }

  /** Has every line of RAM that the extent touches say what its bytes need. */
  #flag(mode: Mode, zones: Zones, { first, behind }: Extent): void {
    const { ramFlags } = this.#space;
    const { load, store } = FLAGS[mode];
    const others = ~(load | store);
    const bitsOf = (kinds: number): number =>
      ((kinds & Access.LOAD) === 0 ? 0 : load) | ((kinds & Access.STORE) === 0 ? 0 : store);
    const lastLine = Math.ceil((behind - RAM_BASE) / LINE_BYTES);
    let line = Math.floor((first - RAM_BASE) / LINE_BYTES);
    while (line < lastLine) {
      const start = RAM_BASE + line * LINE_BYTES;
      const bits = bitsOf(kindsWithin(zones, { first: start, behind: start + LINE_BYTES }));
      // As many as lie whole in the zone of the first of them.
      const same = Math.floor((zoneEnd(zones, start) - start) / LINE_BYTES);
      const end = Math.min(line + Math.max(1, same), lastLine);
      for (; line < end; line++) ramFlags[line] = ((ramFlags[line] as number) & others) | bits;
    }
  }
}

function zoneEnd(zones: Zones, address: number): number {
  return zones.starts.find((start) => start > address) ?? 2 ** 32;
}

/** The parts of RAM where the two say different things. */
function changesBetween(before: Zones, after: Zones, ramBytes: number): Extent[] {
  const behind = RAM_BASE + ramBytes;
  const starts = [...before.starts, ...after.starts, RAM_BASE].filter(
    (start) => start >= RAM_BASE && start < behind,
  );
  const ascending = [...new Set(starts)].sort((a, b) => a - b);
  return ascending
    .map((first, index): Extent => ({ first, behind: ascending[index + 1] ?? behind }))
    .filter(({ first }) => kindsAt(before, first) !== kindsAt(after, first));
}
