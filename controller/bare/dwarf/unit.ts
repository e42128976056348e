/**
 * One unit of .debug_info: what one run of a compiler left, a tree of entries with attributes.
 * Source: DWARF 5, section 7.5.1 "Unit Headers", 7.5.2 "Debugging Information Entry"; section 3.1 "Unit Entries".
 */
import type { Abbreviation, Abbreviations } from "./abbreviations.ts";
import { type AddressRange, offsetOfList, readRangeList } from "./address-ranges.ts";
import { Attribute, Form, Tag, UnitType } from "./constants.ts";
import { type Budget, Cursor, DwarfFault } from "./cursor.ts";
import {
  addressOf,
  numberOf,
  readRaw,
  type Sections,
  stringOf,
  type UnitContext,
  type Value,
} from "./forms.ts";

/** An entry, with those of its attributes that are wanted here. */
export interface Entry {
  /** In .debug_info. */
  readonly offset: number;
  readonly tag: number;
  readonly hasChildren: boolean;
  readonly attributes: ReadonlyMap<number, Value>;
}

const WANTED: ReadonlySet<number> = new Set([
  Attribute.NAME,
  Attribute.STMT_LIST,
  Attribute.LOW_PC,
  Attribute.HIGH_PC,
  Attribute.COMP_DIR,
  Attribute.ABSTRACT_ORIGIN,
  Attribute.SPECIFICATION,
  Attribute.RANGES,
  Attribute.CALL_FILE,
  Attribute.CALL_LINE,
  Attribute.STR_OFFSETS_BASE,
  Attribute.ADDR_BASE,
  Attribute.RNGLISTS_BASE,
  Attribute.DWO_NAME,
  Attribute.GNU_DWO_NAME,
]);

interface Header {
  readonly start: number;
  readonly end: number;
  readonly version: number;
  readonly addressBytes: number;
  readonly offsetBytes: number;
  readonly abbreviationsAt: number;
  /** Where its first entry begins. */
  readonly entriesAt: number;
}

export class Unit {
  readonly start: number;
  readonly end: number;
  readonly root: Entry;
  readonly context: UnitContext;
  readonly #entriesAt: number;
  readonly #abbreviations: Abbreviations;
  readonly #budget: Budget;

  constructor(header: Header, sections: Sections, abbreviations: Abbreviations, budget: Budget) {
    const { start, end, version, addressBytes, offsetBytes, entriesAt } = header;
    this.start = start;
    this.end = end;
    this.#entriesAt = entriesAt;
    this.#abbreviations = abbreviations;
    this.#budget = budget;
    const common = { sections, version, addressBytes, offsetBytes, start };
    this.context = { ...common, bases: { strOffsets: 0, addr: 0, rnglists: 0 } };
    this.root = this.entryAt(entriesAt);
    const base = (attribute: Attribute): number => numberOf(this.root.attributes.get(attribute));
    const bases = {
      strOffsets: base(Attribute.STR_OFFSETS_BASE),
      addr: base(Attribute.ADDR_BASE),
      rnglists: base(Attribute.RNGLISTS_BASE),
    };
    this.context = { ...common, bases };
  }

  /** Most of it stands in a file of its own. */
  get isSplit(): boolean {
    const { tag, attributes } = this.root;
    return (
      tag === Tag.SKELETON_UNIT ||
      attributes.has(Attribute.DWO_NAME) ||
      attributes.has(Attribute.GNU_DWO_NAME)
    );
  }

  get isCompileUnit(): boolean {
    return this.root.tag === Tag.COMPILE_UNIT;
  }

  /** The directory that the compiler ran in. */
  get directory(): string {
    return this.stringOf(this.root, Attribute.COMP_DIR);
  }

  entryAt(offset: number): Entry {
    const entry = this.#read(new Cursor(this.context.sections("info"), offset, this.end));
    if (entry === undefined) throw new DwarfFault("has a reference to no entry");
    return entry;
  }

  /** All entries, in their order; undefined ends the children of the last that has any and is not ended. */
  *entries(): Generator<Entry | undefined, void> {
    const cursor = new Cursor(this.context.sections("info"), this.#entriesAt, this.end);
    while (!cursor.isAtEnd) yield this.#read(cursor);
  }

  stringOf({ attributes }: Entry, attribute: Attribute): string {
    return stringOf(attributes.get(attribute), this.context);
  }

  /** The addresses that an entry covers. */
  rangesOf({ attributes }: Entry): readonly AddressRange[] {
    const { context } = this;
    const list = attributes.get(Attribute.RANGES);
    if (list !== undefined) {
      const raw = numberOf(list);
      const offset = list.form === Form.RNGLISTX ? offsetOfList(context, raw) : raw;
      const base = addressOf(this.root.attributes.get(Attribute.LOW_PC), context) ?? 0;
      return readRangeList(context, offset, base, this.#budget);
    }
    const start = addressOf(attributes.get(Attribute.LOW_PC), context);
    const high = attributes.get(Attribute.HIGH_PC);
    if (start === undefined || high === undefined) return [];
    const end = addressOf(high, context) ?? start + numberOf(high);
    return start < end ? [{ start, end }] : [];
  }

  #read(cursor: Cursor): Entry | undefined {
    this.#budget.spend();
    const offset = cursor.at;
    const code = cursor.uleb();
    if (code === 0) return undefined;
    const abbreviation = this.#abbreviations.get(code);
    if (abbreviation === undefined) throw new DwarfFault(`has an entry without an abbreviation, ${code}`);
    const { tag, hasChildren } = abbreviation;
    return { offset, tag, hasChildren, attributes: this.#attributes(cursor, abbreviation) };
  }

  #attributes(cursor: Cursor, { attributes }: Abbreviation): ReadonlyMap<number, Value> {
    const wanted = new Map<number, Value>();
    for (const { attribute, form, implicit } of attributes) {
      this.#budget.spend();
      const raw = readRaw(cursor, form, this.context, implicit);
      if (WANTED.has(attribute)) wanted.set(attribute, { form, raw });
    }
    return wanted;
  }
}

/** The units of a file, in their order; types that stand in units of their own are left out. */
export function* readUnits(
  sections: Sections,
  abbreviationsAt: (offset: number) => Abbreviations,
  budget: Budget,
): Generator<Unit, void> {
  const section = sections("info");
  for (let at = 0; at < section.length; ) {
    budget.spend();
    const header = readHeader(section, at);
    at = header.end;
    if (header.entriesAt < header.end) {
      yield new Unit(header, sections, abbreviationsAt(header.abbreviationsAt), budget);
    }
  }
}

function readHeader(section: Uint8Array, start: number): Header {
  const cursor = new Cursor(section, start);
  const { end, offsetBytes } = cursor.unitLength();
  const version = cursor.u16();
  if (version < 2 || version > 5) throw new DwarfFault(`is of DWARF version ${version}`);
  const common = { start, end, version, offsetBytes };
  if (version < 5) {
    const abbreviationsAt = cursor.sized(offsetBytes);
    return { ...common, abbreviationsAt, addressBytes: cursor.u8(), entriesAt: cursor.at };
  }
  const type: UnitType = cursor.u8();
  const addressBytes = cursor.u8();
  const abbreviationsAt = cursor.sized(offsetBytes);
  if (type === UnitType.SKELETON || type === UnitType.SPLIT_COMPILE) cursor.skip(8); // Its id.
  const isOfTypes = type === UnitType.TYPE || type === UnitType.SPLIT_TYPE;
  return { ...common, addressBytes, abbreviationsAt, entriesAt: isOfTypes ? end : cursor.at };
}
