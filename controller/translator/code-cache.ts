/**
 * Translated code that exists: units by the region, and the view of what needs a second look, that they were made for.
 *
 * Invariants: a table slot holds an entry of a live unit or the miss function; every line of RAM that a live
 * unit was made from carries LineFlag.CODE, so that a store to it is seen; modules and their bytes are bounded:
 * when a bound is reached those go that were not used for longest, a quarter of all. Dropped modules are bounded, too:
 * a table keeps them (code-table.ts), so the live ones move to a new table when more have been dropped than live.
 *
 * Use is seen where the dispatcher is entered and where a slot is filled. Calls through filled slots are not, so
 * whenever room is made all slots are emptied: what is in use comes back by its first miss, and has been seen.
 */
import { LINE_SHIFT } from "../../emulator/memory/layout.ts";
import { RAM_BASE } from "../../emulator/memory/map.ts";
import type { AddressRange } from "../cpu/address-range.ts";
import type { AddressSpace } from "../cpu/address-space.ts";
import { LineFlag } from "../cpu/address-space.ts";
import { CodeTable, type RunFunction, type SharedImports } from "./code-table.ts";
import { generateRuntime } from "./runtime-module.ts";
import { entryName, MIN_SHARED_INSTRUCTIONS, type Target, type Unit } from "./unit.ts";

/** Live modules; V8 keeps some ten kilobytes for each besides its code. */
export const MAX_UNITS = 256;
/** Bytes of live modules. Machine code is several times that. */
const MAX_UNIT_BYTES = 16 * 1024 * 1024;
/** What is left of either bound when room was made. */
const KEPT_SHARE = 3 / 4;
/** Modules dropped one by one before a new table is worth its making, about a millisecond. */
const MIN_DROPPED = 64;

/** Sets under views that guard something. */
const MAX_GUARDED_SETS = 8;

interface LiveUnit {
  readonly unit: Unit;
  readonly module: WebAssembly.Module;
  /** Bytes of RAM that it was made from, or undefined if it was made from the window alone. */
  readonly ramCode: Uint8Array | undefined;
  /** How many units had been added when it was seen in use for the last time. */
  usedAt: number;
}

interface Entry {
  readonly live: LiveUnit;
  /** Guest instructions of the function. */
  readonly size: number;
  code: unknown;
}

/** Units made while one region was behind the window, under one view of what needs a second look. */
interface UnitSet {
  readonly region: number;
  readonly entries: Map<number, Entry>;
  readonly units: Set<LiveUnit>;
  table: CodeTable;
  bytes: number;
  /** Units that the table keeps though they were dropped. */
  dropped: number;
}

export class CodeCacheStore {
  readonly #space: AddressSpace;
  readonly #target: Target;
  readonly #imports: SharedImports;
  readonly #runtime: WebAssembly.Module;
  /** By {@link setKey}. */
  readonly #sets = new Map<string, UnitSet>();
  /** A unit made from RAM was added: there may be one still. */
  #holdsRamCode = false;
  #added = 0;
  #current: UnitSet;

  /** Begins with the region that `space` has behind its window now. */
  constructor(
    memory: WebAssembly.Memory,
    space: AddressSpace,
    target: Target,
    storeToCodePage: SharedImports["store"],
  ) {
    this.#space = space;
    this.#target = target;
    this.#imports = {
      memory,
      reason: new WebAssembly.Global({ value: "i32", mutable: true }, 0),
      // Not 0 while somebody watches stores to host memory.
      watched: new WebAssembly.Global({ value: "i32", mutable: true }, 0),
      store: storeToCodePage,
    };
    this.#runtime = new WebAssembly.Module(generateRuntime(target));
    this.#current = this.#setOf(space.region, "");
  }

  /** Calls the current region's code. */
  get run(): RunFunction {
    return this.#current.table.run;
  }

  /** `Reason` (codegen.ts) for which {@link run} came back. */
  get reason(): number {
    return this.#imports.reason.value;
  }

  /** Whether translated code leaves stores to host memory to the interpreter. */
  set hostWatched(watched: boolean) {
    this.#imports.watched.value = watched ? 1 : 0;
  }

  get units(): number {
    return this.#current.units.size;
  }

  get bytes(): number {
    return this.#current.bytes;
  }

  get entries(): number {
    return this.#current.entries.size;
  }

  /** Entries of the current region's units. */
  entryPcs(): IterableIterator<number> {
    return this.#current.entries.keys();
  }

  has(pc: number): boolean {
    return this.#current.entries.has(pc);
  }

  /** Whether `pc` is the entry of a function that other units call instead of having it themselves. */
  isShared(pc: number): boolean {
    return (this.#current.entries.get(pc)?.size ?? 0) >= MIN_SHARED_INSTRUCTIONS;
  }

  /** All such entries. */
  sharedPcs(): number[] {
    const shared: number[] = [];
    for (const [pc, { size }] of this.#current.entries) if (size >= MIN_SHARED_INSTRUCTIONS) shared.push(pc);
    return shared;
  }

  /** Makes sure that the slot of `pc`, an entry, holds it. */
  install(pc: number): void {
    const { table, entries } = this.#current;
    const entry = entries.get(pc);
    if (entry === undefined) return;
    entry.live.usedAt = this.#added;
    if (!table.holds(pc)) table.install(pc, entry.code);
  }

  /**
   * Switches to the units of another region (or none: -1) and view. False if these are the current ones.
   * @param viewKey see AccessView (access-guard.ts)
   */
  select(region: number, viewKey: string): boolean {
    const set = this.#setOf(region, viewKey);
    if (set === this.#current) return false;
    this.#current = set;
    return true;
  }

  /**
   * Returns how many units went to make room.
   * @param compiled the unit's module, if it has been compiled already
   */
  add(unit: Unit, compiled?: WebAssembly.Module): number {
    const set = this.#current;
    const isFull = set.units.size >= MAX_UNITS || set.bytes + unit.bytes.length > MAX_UNIT_BYTES;
    const evicted = isFull ? this.#makeRoom(set) : 0;
    const module = compiled ?? new WebAssembly.Module(unit.bytes);
    const live: LiveUnit = { unit, module, ramCode: this.#copyRamCode(unit), usedAt: ++this.#added };
    const { exports } = set.table.instantiate(module);
    this.#holdsRamCode ||= live.ramCode !== undefined;
    set.units.add(live);
    set.bytes += unit.bytes.length;
    unit.entries.forEach((pc, index) => {
      // An entry that exists keeps its code, which is warm, unless it was asked for.
      if (index >= unit.wanted && set.entries.has(pc)) return;
      const code = exports[entryName(index)];
      set.entries.set(pc, { live, size: unit.sizes[index] as number, code });
      set.table.install(pc, code);
    });
    this.#flagPages(live);
    return evicted;
  }

  /** Drops units made from these bytes of RAM. True if there were any. */
  ramChanged(offset: number, bytes: number): boolean {
    return this.dropMadeFrom(offset - this.#space.ramOffset + RAM_BASE, bytes);
  }

  /** Drops units made from these guest addresses. True if there were any. */
  dropMadeFrom(address: number, bytes: number): boolean {
    return this.#dropWhere(({ unit }) => isMadeFrom(unit, address, bytes));
  }

  /** Whether any live unit was made from these bytes. */
  isCode(address: number, bytes: number): boolean {
    for (const set of this.#sets.values()) {
      for (const { unit } of set.units) if (isMadeFrom(unit, address, bytes)) return true;
    }
    return false;
  }

  /** How many units of the current region were made from the code at `pc`; more than any can be if it is an entry. */
  copiesOf(pc: number): number {
    if (this.has(pc)) return Number.POSITIVE_INFINITY;
    let copies = 0;
    for (const { unit } of this.#current.units) if (isMadeFrom(unit, pc, 2)) copies++;
    return copies;
  }

  /** Drops units whose bytes in RAM are no longer those they were made from. True if there were any. */
  verifyRam(): boolean {
    if (!this.#holdsRamCode) return false;
    const dropped = this.#dropWhere((live) => live.ramCode !== undefined && !this.#isUnchanged(live));
    for (const set of this.#sets.values()) for (const live of set.units) this.#flagPages(live);
    return dropped;
  }

  dropRegion(region: number): boolean {
    let dropped = false;
    for (const set of this.#sets.values()) {
      if (set.region !== region || set.units.size === 0) continue;
      this.#dropSet(set);
      dropped = true;
    }
    return dropped;
  }

  /** Drops units that leave to the interpreter at an address in the range. True if there were any. */
  dropEndingIn({ first, last }: AddressRange): boolean {
    return this.#dropWhere(({ unit }) => unit.ends.some((pc) => pc >= first && pc <= last));
  }

  #setOf(region: number, viewKey: string): UnitSet {
    const key = setKey(region, viewKey);
    const known = this.#sets.get(key);
    if (known !== undefined) {
      if (viewKey !== "") this.#latest(key, known);
      return known;
    }
    const table = this.#newTable();
    const set: UnitSet = { region, entries: new Map(), units: new Set(), table, bytes: 0, dropped: 0 };
    this.#sets.set(key, set);
    if (viewKey !== "") this.#forgetOldest();
    return set;
  }

  /** Maps keep the order in which their keys were set. */
  #latest(key: string, set: UnitSet): void {
    this.#sets.delete(key);
    this.#sets.set(key, set);
  }

  /** Firmware may go through any number of views: of those that guard something the last few keep their units. */
  #forgetOldest(): void {
    const guarded = [...this.#sets.keys()].filter((key) => !isFreeKey(key));
    for (const key of guarded.slice(0, Math.max(0, guarded.length - MAX_GUARDED_SETS)))
      this.#sets.delete(key);
  }

  #newTable(): CodeTable {
    return new CodeTable(this.#imports, this.#runtime);
  }

  #dropSet(set: UnitSet): void {
    set.entries.clear();
    set.units.clear();
    set.bytes = 0;
    this.#renewTable(set);
  }

  /** Drops those that were not used for longest. */
  #makeRoom(set: UnitSet): number {
    const before = set.units.size;
    for (const live of [...set.units].sort((a, b) => a.usedAt - b.usedAt)) {
      if (set.units.size <= MAX_UNITS * KEPT_SHARE && set.bytes <= MAX_UNIT_BYTES * KEPT_SHARE) break;
      this.#drop(set, live);
    }
    if (set.dropped >= Math.max(MIN_DROPPED, set.units.size)) this.#renewTable(set);
    set.table.clear();
    return before - set.units.size;
  }

  /** A unit calls into others through the table only, so each can go alone. */
  #dropWhere(isStale: (live: LiveUnit) => boolean): boolean {
    let dropped = false;
    for (const set of this.#sets.values()) {
      for (const live of [...set.units]) {
        if (!isStale(live)) continue;
        dropped = true;
        this.#drop(set, live);
      }
      if (set.dropped >= Math.max(MIN_DROPPED, set.units.size)) this.#renewTable(set);
    }
    return dropped;
  }

  #drop(set: UnitSet, live: LiveUnit): void {
    set.units.delete(live);
    set.bytes -= live.unit.bytes.length;
    set.dropped++;
    for (const [pc, entry] of [...set.entries]) {
      if (entry.live !== live) continue;
      set.entries.delete(pc);
      set.table.uninstall(pc);
    }
  }

  /** Moves what lives to a new table, so that what was dropped goes with the old one. */
  #renewTable(set: UnitSet): void {
    set.table = this.#newTable();
    set.dropped = 0;
    for (const live of set.units) {
      const { exports } = set.table.instantiate(live.module);
      live.unit.entries.forEach((pc, index) => {
        const entry = set.entries.get(pc);
        if (entry?.live !== live) return;
        entry.code = exports[entryName(index)];
        set.table.install(pc, entry.code);
      });
    }
  }

  /** Ranges of the unit that lie in RAM, as offsets into RAM. */
  #ramRanges({ ranges }: Unit): (readonly [number, number])[] {
    return ranges
      .filter(([first]) => first >= RAM_BASE && first < RAM_BASE + this.#target.memory.ram.bytes)
      .map(([first, behind]) => [first - RAM_BASE, behind - RAM_BASE] as const);
  }

  #copyRamCode(unit: Unit): Uint8Array | undefined {
    const ranges = this.#ramRanges(unit);
    if (ranges.length === 0) return undefined;
    const { bytes, ramOffset } = this.#space;
    const copy = new Uint8Array(ranges.reduce((sum, [first, behind]) => sum + behind - first, 0));
    let at = 0;
    for (const [first, behind] of ranges) {
      copy.set(bytes.subarray(ramOffset + first, ramOffset + behind), at);
      at += behind - first;
    }
    return copy;
  }

  #isUnchanged({ unit, ramCode }: LiveUnit): boolean {
    const now = this.#copyRamCode(unit);
    if (now === undefined || ramCode === undefined) return now === ramCode;
    return Buffer.compare(now, ramCode) === 0;
  }

  #flagPages({ unit }: LiveUnit): void {
    const { ramFlags } = this.#space;
    for (const [first, behind] of this.#ramRanges(unit)) {
      for (let line = first >>> LINE_SHIFT; line << LINE_SHIFT < behind; line++) {
        ramFlags[line] = (ramFlags[line] as number) | LineFlag.CODE;
      }
    }
  }
}

/** Ends in the view's key, which is empty where nothing is guarded. */
function setKey(region: number, viewKey: string): string {
  return `${region}:${viewKey}`;
}

function isFreeKey(key: string): boolean {
  return key.endsWith(":");
}

function isMadeFrom({ ranges }: Unit, address: number, bytes: number): boolean {
  for (const [first, behind] of ranges) {
    if (first >= address + bytes) return false;
    if (behind > address) return true;
  }
  return false;
}
