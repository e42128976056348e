/**
 * The addresses that an entry covers: one range, or a list of them in .debug_ranges or .debug_rnglists.
 * Source: DWARF 5, section 2.17 "Code Addresses, Ranges and Base Addresses" and 7.25; DWARF 4, section 2.17.3.
 */
import { RangeEntry } from "./constants.ts";
import { type Budget, Cursor, DwarfFault } from "./cursor.ts";
import { indexedAddress, type UnitContext } from "./forms.ts";

export interface AddressRange {
  readonly start: number;
  /** The first address behind it. */
  readonly end: number;
}

export function covers(ranges: readonly AddressRange[], address: number): boolean {
  return ranges.some(({ start, end }) => start <= address && address < end);
}

/** @param base of the unit: its low_pc, or 0 */
export function readRangeList(
  unit: UnitContext,
  offset: number,
  base: number,
  budget: Budget,
): readonly AddressRange[] {
  const all = unit.version < 5 ? pairs(unit, offset, base) : entries(unit, offset, base);
  const ranges: AddressRange[] = [];
  for (const range of all) {
    budget.spend();
    // An empty one covers nothing.
    if (range.start < range.end) ranges.push(range);
  }
  return ranges;
}

function* pairs(unit: UnitContext, offset: number, unitBase: number): Generator<AddressRange> {
  const { addressBytes } = unit;
  const cursor = new Cursor(unit.sections("ranges"), offset);
  const selectsBase = 2 ** (8 * addressBytes) - 1;
  for (let base = unitBase; ; ) {
    const first = cursor.sized(addressBytes);
    const second = cursor.sized(addressBytes);
    if (first === 0 && second === 0) return;
    if (first === selectsBase) base = second;
    else yield { start: base + first, end: base + second };
  }
}

function* entries(unit: UnitContext, offset: number, unitBase: number): Generator<AddressRange> {
  const { addressBytes } = unit;
  const cursor = new Cursor(unit.sections("rnglists"), offset);
  const address = (): number => cursor.sized(addressBytes);
  const indexed = (): number => indexedAddress(cursor.uleb(), unit);
  const lengthFrom = (start: number): AddressRange => ({ start, end: start + cursor.uleb() });
  for (let base = unitBase; ; ) {
    const kind: RangeEntry = cursor.u8();
    switch (kind) {
      case RangeEntry.END_OF_LIST:
        return;
      case RangeEntry.BASE_ADDRESSX:
        base = indexed();
        break;
      case RangeEntry.BASE_ADDRESS:
        base = address();
        break;
      case RangeEntry.STARTX_ENDX:
        yield { start: indexed(), end: indexed() };
        break;
      case RangeEntry.STARTX_LENGTH:
        yield lengthFrom(indexed());
        break;
      case RangeEntry.OFFSET_PAIR:
        yield { start: base + cursor.uleb(), end: base + cursor.uleb() };
        break;
      case RangeEntry.START_END:
        yield { start: address(), end: address() };
        break;
      case RangeEntry.START_LENGTH:
        yield lengthFrom(address());
        break;
      default:
        throw new DwarfFault(`has ranges of an unknown kind, ${String(kind)}`);
    }
  }
}

/** Where list `index` of the unit's own table of lists begins in .debug_rnglists. */
export function offsetOfList(unit: UnitContext, index: number): number {
  const { offsetBytes, bases } = unit;
  const at = bases.rnglists + index * offsetBytes;
  return bases.rnglists + new Cursor(unit.sections("rnglists"), at).sized(offsetBytes);
}
