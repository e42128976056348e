/**
 * Values of attributes, as their forms encode them: first what stands there, then, of those that somebody wants, what it
 * means. Strings, addresses and range lists may stand in tables of their own and be named by number.
 *
 * Source: DWARF 5, section 7.5.5 "Classes and Forms", 7.26 to 7.28; of version 4 the same section.
 */
import { Form } from "./constants.ts";
import { Cursor, DwarfFault } from "./cursor.ts";

/** The sections, by name without ".debug_"; empty where there is none. */
export type Sections = (name: string) => Uint8Array;

/** What the values of one unit depend on. */
export interface UnitContext {
  readonly sections: Sections;
  readonly version: number;
  readonly addressBytes: number;
  readonly offsetBytes: number;
  /** Where the unit begins in .debug_info: what references within it count from. */
  readonly start: number;
  /** Where the unit's part of .debug_str_offsets, .debug_addr and .debug_rnglists begins. */
  readonly bases: { readonly strOffsets: number; readonly addr: number; readonly rnglists: number };
}

export interface Value {
  readonly form: number;
  /** A number, an offset or index; a reference is counted from the start of .debug_info. Undefined: nobody wants it. */
  readonly raw: number | string | undefined;
}

type Raw = Value["raw"];

/** Reads what stands there. @param implicit the value of a form that has none there */
export function readRaw(cursor: Cursor, form: number, unit: UnitContext, implicit: number): Raw {
  switch (form as Form) {
    case Form.ADDR:
      return cursor.sized(unit.addressBytes);
    case Form.DATA1:
    case Form.FLAG:
    case Form.STRX1:
    case Form.ADDRX1:
      return cursor.u8();
    case Form.DATA2:
    case Form.STRX2:
    case Form.ADDRX2:
      return cursor.u16();
    case Form.STRX3:
    case Form.ADDRX3:
      return cursor.u24();
    case Form.DATA4:
    case Form.STRX4:
    case Form.ADDRX4:
      return cursor.u32();
    case Form.DATA8:
      return cursor.u64();
    case Form.SDATA:
      return cursor.sleb();
    case Form.UDATA:
    case Form.STRX:
    case Form.ADDRX:
    case Form.LOCLISTX:
    case Form.RNGLISTX:
      return cursor.uleb();
    case Form.SEC_OFFSET:
    case Form.STRP:
    case Form.LINE_STRP:
      return cursor.sized(unit.offsetBytes);
    case Form.STRING:
      return cursor.string();
    case Form.FLAG_PRESENT:
      return 1;
    case Form.IMPLICIT_CONST:
      return implicit;
    case Form.INDIRECT:
      // What it would mean would need the other form: no attribute that is wanted here is encoded so.
      readIndirect(cursor, unit);
      return undefined;
    default:
      return readReference(cursor, form, unit) ?? skip(cursor, form, unit.offsetBytes);
  }
}

function readIndirect(cursor: Cursor, unit: UnitContext): void {
  const form = cursor.uleb();
  if (form === Form.INDIRECT || form === Form.IMPLICIT_CONST)
    throw new DwarfFault("has a form within a form");
  readRaw(cursor, form, unit, 0);
}

function readReference(cursor: Cursor, form: number, unit: UnitContext): number | undefined {
  const { start, offsetBytes, version, addressBytes } = unit;
  switch (form as Form) {
    case Form.REF1:
      return start + cursor.u8();
    case Form.REF2:
      return start + cursor.u16();
    case Form.REF4:
      return start + cursor.u32();
    case Form.REF8:
      return start + cursor.u64();
    case Form.REF_UDATA:
      return start + cursor.uleb();
    case Form.REF_ADDR:
      return cursor.sized(version < 3 ? addressBytes : offsetBytes);
    default:
      return undefined;
  }
}

/** Goes behind a value that is of no use here. */
function skip(cursor: Cursor, form: number, offsetBytes: number): undefined {
  cursor.skip(uselessBytes(cursor, form, offsetBytes));
  return undefined;
}

function uselessBytes(cursor: Cursor, form: number, offsetBytes: number): number {
  switch (form as Form) {
    case Form.BLOCK1:
      return cursor.u8();
    case Form.BLOCK2:
      return cursor.u16();
    case Form.BLOCK4:
      return cursor.u32();
    case Form.BLOCK:
    case Form.EXPRLOC:
      return cursor.uleb();
    case Form.DATA16:
      return 16;
    case Form.REF_SIG8:
    case Form.REF_SUP8:
      return 8;
    case Form.REF_SUP4:
      return 4;
    case Form.STRP_SUP:
    case Form.GNU_REF_ALT:
    case Form.GNU_STRP_ALT:
      return offsetBytes;
    default:
      throw new DwarfFault(`has values of an unknown form, 0x${form.toString(16)}`);
  }
}

/** 0 of what is no number. */
export function numberOf(value: Value | undefined): number {
  return typeof value?.raw === "number" ? value.raw : 0;
}

/** "" of what is no string. */
export function stringOf(value: Value | undefined, unit: UnitContext): string {
  const { form, raw } = value ?? { form: 0, raw: undefined };
  if (typeof raw !== "number") return raw ?? "";
  switch (form as Form) {
    case Form.STRP:
      return new Cursor(unit.sections("str"), raw).string();
    case Form.LINE_STRP:
      return new Cursor(unit.sections("line_str"), raw).string();
    case Form.STRX:
    case Form.STRX1:
    case Form.STRX2:
    case Form.STRX3:
    case Form.STRX4:
      return indexedString(raw, unit);
    default:
      return "";
  }
}

function indexedString(index: number, { sections, offsetBytes, bases }: UnitContext): string {
  const at = bases.strOffsets + index * offsetBytes;
  return new Cursor(sections("str"), new Cursor(sections("str_offsets"), at).sized(offsetBytes)).string();
}

/** Undefined of what is no address: a high_pc may be a distance. */
export function addressOf(value: Value | undefined, unit: UnitContext): number | undefined {
  if (value === undefined || typeof value.raw !== "number") return undefined;
  switch (value.form as Form) {
    case Form.ADDR:
      return value.raw;
    case Form.ADDRX:
    case Form.ADDRX1:
    case Form.ADDRX2:
    case Form.ADDRX3:
    case Form.ADDRX4:
      return indexedAddress(value.raw, unit);
    default:
      return undefined;
  }
}

/** An address of .debug_addr. */
export function indexedAddress(index: number, { sections, addressBytes, bases }: UnitContext): number {
  return new Cursor(sections("addr"), bases.addr + index * addressBytes).sized(addressBytes);
}
