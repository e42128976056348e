/**
 * Translated code that exists: units by the region they were made for, and the table of entries that generated
 * code calls through.
 *
 * Invariants: a table slot holds an entry of a live unit or the miss function; every line of RAM that a live
 * unit was made from carries LineFlag.CODE, so that a store to it is seen; modules and their bytes are bounded:
 * when a bound is reached everything is dropped and grows anew from what is hot then.
 */
import { LINE_SHIFT } from "../../emulator/layout.ts";
import { RAM_BASE } from "../../emulator/map.ts";
import { type AddressSpace, LineFlag } from "../address-space.ts";
import { generateRuntime } from "./runtime-module.ts";
import { type Target, tableSlot, type Unit } from "./unit.ts";

/** Slots of the table of entries: more than the entries of any firmware seen, so that few share one. */
export const TABLE_SLOTS = 4096;
/** Live modules; V8 keeps some ten kilobytes for each besides its code. */
export const MAX_UNITS = 256;
/** Bytes of live modules. Machine code is several times that. */
export const MAX_UNIT_BYTES = 4 * 1024 * 1024;

/** Calls translated code: (pc, instructions retired, call depth) to the next pc, bit 0 set. */
export type RunFunction = (pc: number, count: number, depth: number) => number;

interface LiveUnit {
  readonly unit: Unit;
  readonly instance: WebAssembly.Instance;
  /** Bytes of RAM that it was made from, or undefined if it was made from the window alone. */
  readonly ramCode: Uint8Array | undefined;
}

interface Entry {
  readonly live: LiveUnit;
  /** Guest instructions of the function. */
  readonly size: number;
  readonly code: unknown;
}

/** Units made while one region was behind the window. */
interface UnitSet {
  readonly entries: Map<number, Entry>;
  readonly units: Set<LiveUnit>;
  bytes: number;
}

const NO_REGION_KEY = -1;

export class CodeCacheStore {
  readonly run: RunFunction;
  readonly #space: AddressSpace;
  readonly #target: Target;
  readonly #table: WebAssembly.Table;
  readonly #reason: WebAssembly.Global;
  /** Not 0 while somebody watches stores to host memory. */
  readonly #watched: WebAssembly.Global;
  readonly #memory: WebAssembly.Memory;
  readonly #miss: unknown;
  readonly #storeToCodePage: (address: number, size: number, value: number) => number;
  /** pc whose entry a slot holds; -1 for none. */
  readonly #slotPc = new Float64Array(TABLE_SLOTS).fill(-1);
  readonly #sets = new Map<number, UnitSet>();
  /** A unit made from RAM was added: there may be one still. */
  #holdsRamCode = false;
  #current: UnitSet;

  /** `storeToCodePage` is called by generated code: see {@link UnitContext.storeIndex}. */
  constructor(
    memory: WebAssembly.Memory,
    space: AddressSpace,
    target: Target,
    storeToCodePage: (address: number, size: number, value: number) => number,
  ) {
    this.#storeToCodePage = storeToCodePage;
    this.#memory = memory;
    this.#space = space;
    this.#target = target;
    this.#table = new WebAssembly.Table({ element: "anyfunc", initial: TABLE_SLOTS, maximum: TABLE_SLOTS });
    this.#reason = new WebAssembly.Global({ value: "i32", mutable: true }, 0);
    this.#watched = new WebAssembly.Global({ value: "i32", mutable: true }, 0);
    const runtime = this.#instantiate(generateRuntime(target));
    this.run = runtime.exports["run"] as RunFunction;
    this.#miss = runtime.exports["miss"];
    for (let slot = 0; slot < TABLE_SLOTS; slot++) this.#table.set(slot, this.#miss);
    this.#current = this.#setOf(NO_REGION_KEY);
  }

  /** {@link Reason} for which {@link run} came back. */
  get reason(): number {
    return this.#reason.value;
  }

  /** Whether translated code leaves stores to host memory to the interpreter. */
  set hostWatched(watched: boolean) {
    this.#watched.value = watched ? 1 : 0;
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

  /** Guest instructions of the function whose entry `pc` is, 0 if it is none. */
  sizeOf(pc: number): number {
    return this.#current.entries.get(pc)?.size ?? 0;
  }

  /** Makes sure that the slot of `pc`, an entry, holds it. */
  install(pc: number): void {
    const slot = tableSlot(pc, TABLE_SLOTS);
    if (this.#slotPc[slot] === pc) return;
    const entry = this.#current.entries.get(pc);
    if (entry === undefined) return;
    this.#slotPc[slot] = pc;
    this.#table.set(slot, entry.code);
  }

  /** Switches to the units of another region (or none: -1). False if that is the current one. */
  select(region: number): boolean {
    const set = this.#setOf(region);
    if (set === this.#current) return false;
    this.#current = set;
    this.#clearTable();
    for (const pc of set.entries.keys()) this.install(pc);
    return true;
  }

  add(unit: Unit): void {
    const set = this.#current;
    if (set.units.size >= MAX_UNITS || set.bytes + unit.bytes.length > MAX_UNIT_BYTES) this.#dropSet(set);
    const instance = this.#instantiate(unit.bytes);
    const live: LiveUnit = { unit, instance, ramCode: this.#copyRamCode(unit) };
    this.#holdsRamCode ||= live.ramCode !== undefined;
    set.units.add(live);
    set.bytes += unit.bytes.length;
    unit.entries.forEach((pc, index) => {
      // An entry that exists keeps its code, which is warm; the unit's first one was asked for.
      if (index > 0 && set.entries.has(pc)) return;
      set.entries.set(pc, { live, size: unit.sizes[index] as number, code: instance.exports[`e${index}`] });
      this.#slotPc[tableSlot(pc, TABLE_SLOTS)] = -1;
      this.install(pc);
    });
    this.#flagPages(live);
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

  /** Drops units whose bytes in RAM are no longer those they were made from. True if there were any. */
  verifyRam(): boolean {
    if (!this.#holdsRamCode) return false;
    const dropped = this.#dropWhere((live) => live.ramCode !== undefined && !this.#isUnchanged(live));
    for (const set of this.#sets.values()) for (const live of set.units) this.#flagPages(live);
    return dropped;
  }

  dropRegion(region: number): boolean {
    const set = this.#sets.get(region);
    if (set === undefined || set.units.size === 0) return false;
    this.#dropSet(set);
    return true;
  }

  #setOf(region: number): UnitSet {
    let set = this.#sets.get(region);
    if (set === undefined) {
      set = { entries: new Map(), units: new Set(), bytes: 0 };
      this.#sets.set(region, set);
    }
    return set;
  }

  #instantiate(bytes: Uint8Array): WebAssembly.Instance {
    const env = {
      memory: this.#memory,
      table: this.#table,
      reason: this.#reason,
      watched: this.#watched,
      store: this.#storeToCodePage,
    };
    return new WebAssembly.Instance(new WebAssembly.Module(bytes), { env });
  }

  #clearTable(): void {
    for (let slot = 0; slot < TABLE_SLOTS; slot++) {
      if (this.#slotPc[slot] === -1) continue;
      this.#slotPc[slot] = -1;
      this.#table.set(slot, this.#miss);
    }
  }

  #dropSet(set: UnitSet): void {
    set.entries.clear();
    set.units.clear();
    set.bytes = 0;
    if (set === this.#current) this.#clearTable();
  }

  /** A unit calls into others through the table only, so each can go alone. */
  #dropWhere(isStale: (live: LiveUnit) => boolean): boolean {
    let dropped = false;
    for (const set of this.#sets.values()) {
      for (const live of [...set.units]) {
        if (!isStale(live)) continue;
        dropped = true;
        set.units.delete(live);
        set.bytes -= live.unit.bytes.length;
        for (const [pc, entry] of [...set.entries]) {
          if (entry.live !== live) continue;
          set.entries.delete(pc);
          if (set === this.#current) this.#uninstall(pc);
        }
      }
    }
    return dropped;
  }

  #uninstall(pc: number): void {
    const slot = tableSlot(pc, TABLE_SLOTS);
    if (this.#slotPc[slot] !== pc) return;
    this.#slotPc[slot] = -1;
    this.#table.set(slot, this.#miss);
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

function isMadeFrom({ ranges }: Unit, address: number, bytes: number): boolean {
  for (const [first, behind] of ranges) {
    if (first >= address + bytes) return false;
    if (behind > address) return true;
  }
  return false;
}
