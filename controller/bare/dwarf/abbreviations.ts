/**
 * Abbreviations: which attributes an entry of a unit has, and how they are encoded.
 * Source: DWARF 5, section 7.5.3 "Abbreviations Tables".
 */
import { Form } from "./constants.ts";
import { type Budget, Cursor } from "./cursor.ts";

export interface AttributeSpec {
  readonly attribute: number;
  readonly form: number;
  /** The value, of IMPLICIT_CONST; else 0. */
  readonly implicit: number;
}

export interface Abbreviation {
  readonly tag: number;
  readonly hasChildren: boolean;
  readonly attributes: readonly AttributeSpec[];
}

/** By code. */
export type Abbreviations = ReadonlyMap<number, Abbreviation>;

export function readAbbreviations(section: Uint8Array, offset: number, budget: Budget): Abbreviations {
  const cursor = new Cursor(section, offset);
  const abbreviations = new Map<number, Abbreviation>();
  for (;;) {
    budget.spend();
    const code = cursor.uleb();
    if (code === 0) return abbreviations;
    const tag = cursor.uleb();
    const hasChildren = cursor.u8() !== 0;
    abbreviations.set(code, { tag, hasChildren, attributes: readSpecs(cursor, budget) });
  }
}

function readSpecs(cursor: Cursor, budget: Budget): AttributeSpec[] {
  const specs: AttributeSpec[] = [];
  for (;;) {
    budget.spend();
    const attribute = cursor.uleb();
    const form = cursor.uleb();
    const implicit = form === Form.IMPLICIT_CONST ? cursor.sleb() : 0;
    if (attribute === 0 && form === 0) return specs;
    specs.push({ attribute, form, implicit });
  }
}
