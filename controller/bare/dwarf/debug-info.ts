/**
 * Which line of which function the code at an address is: the one door of this room.
 *
 * DWARF of version 2 to 5, as gcc and clang write it into the executable itself. What the compiler put into files of
 * their own (split DWARF) is not there, so nothing of such a program is told: half of an answer would be a wrong one.
 * The bytes are untrusted: whatever is wrong with them ends in a value. Units are decoded when one is asked for.
 */
import { readAbbreviations } from "./abbreviations.ts";
import { type AddressRange, covers } from "./address-ranges.ts";
import { Attribute } from "./constants.ts";
import { Budget, DwarfFault } from "./cursor.ts";
import { numberOf, type Sections } from "./forms.ts";
import { blocksAt, type CodeBlock, readFunctions } from "./functions.ts";
import { LineTable } from "./line-table.ts";
import { type Entry, readUnits, type Unit } from "./unit.ts";

/** A call that is open at an address: the code itself, or what it was inlined into. */
export interface SourceFrame {
  /** As the source names it; "" where that is not said, as of assembly. */
  readonly name: string;
  /** As the compiler knew it, from the root where it said its directory; "" where it is not said. */
  readonly path: string;
  /** From 1 on; 0: the compiler made it up, or it is not said. */
  readonly line: number;
}

export type DebugErrorName = "none" | "split" | "unreadable";

export interface DebugError {
  readonly error: DebugErrorName;
  /** The end of a sentence that begins with "its debug information". */
  readonly message: string;
}

/** Steps for each byte of debug information: reading all of it once takes about one. */
const STEPS_A_BYTE = 16;
/** Names of names: an inlined call names its function, which names its declaration. */
const MAX_REFERENCES = 8;

interface CompileUnit {
  readonly unit: Unit;
  readonly ranges: readonly AddressRange[];
  /** Undefined until somebody asks. */
  decoded?: { readonly functions: readonly CodeBlock[]; readonly lines: LineTable | undefined };
}

export class DebugInfo {
  readonly #units: readonly Unit[];
  readonly #compileUnits: readonly CompileUnit[];
  readonly #budget: Budget;

  private constructor(units: readonly Unit[], budget: Budget) {
    this.#units = units;
    this.#budget = budget;
    this.#compileUnits = units
      .filter((unit) => unit.isCompileUnit)
      .map((unit) => ({ unit, ranges: unit.rangesOf(unit.root) }));
  }

  static read(sections: Sections): DebugInfo | DebugError {
    if (sections("info").length === 0) return { error: "none", message: "is missing: compile with -g" };
    try {
      const bytes = ["info", "abbrev", "line", "ranges", "rnglists"].map((name) => sections(name).length);
      const budget = new Budget(STEPS_A_BYTE * bytes.reduce((sum, each) => sum + each, 0));
      const tables = new Map<number, ReturnType<typeof readAbbreviations>>();
      const abbreviationsAt = (offset: number): ReturnType<typeof readAbbreviations> => {
        const known = tables.get(offset) ?? readAbbreviations(sections("abbrev"), offset, budget);
        tables.set(offset, known);
        return known;
      };
      const units = [...readUnits(sections, abbreviationsAt, budget)];
      if (units.some((unit) => unit.isSplit)) {
        const message = "is in files of its own (.dwo), which are not read: compile without -gsplit-dwarf";
        return { error: "split", message };
      }
      return new DebugInfo(units, budget);
    } catch (error) {
      return unreadable(error);
    }
  }

  /**
   * The calls that are open at an address, the innermost first: what is inlined there, then the function itself. Empty
   * where nothing is said of it.
   */
  framesAt(address: number): readonly SourceFrame[] | DebugError {
    try {
      return this.#framesAt(address >>> 0);
    } catch (error) {
      return unreadable(error);
    }
  }

  #framesAt(address: number): readonly SourceFrame[] {
    const found = this.#compileUnits.find(({ ranges }) => covers(ranges, address));
    if (found === undefined) return [];
    const { functions, lines } = this.#decode(found);
    const blocks = blocksAt(functions, address);
    const line = lines?.lineOf(address);
    if (blocks.length === 0) return line === undefined ? [] : [{ name: "", ...line }];
    let place = line ?? { path: "", line: 0 };
    return blocks.toReversed().map((block) => {
      const frame = { name: this.#nameOf(found.unit, block.entry), ...place };
      // What it is inlined into goes on at the call.
      place = { path: lines?.pathOf(block.callFile) ?? "", line: block.callLine };
      return frame;
    });
  }

  #decode(found: CompileUnit): NonNullable<CompileUnit["decoded"]> {
    const { unit } = found;
    const lineTable = unit.root.attributes.get(Attribute.STMT_LIST);
    found.decoded ??= {
      functions: readFunctions(unit),
      lines:
        lineTable === undefined
          ? undefined
          : new LineTable(unit.context, numberOf(lineTable), unit.directory, this.#budget),
    };
    return found.decoded;
  }

  /** The name of an entry, or of the one that it is an instance of. */
  #nameOf(unit: Unit, entry: Entry, references = MAX_REFERENCES): string {
    const { attributes } = entry;
    if (attributes.has(Attribute.NAME)) return unit.stringOf(entry, Attribute.NAME);
    const origin = attributes.get(Attribute.ABSTRACT_ORIGIN) ?? attributes.get(Attribute.SPECIFICATION);
    const offset = origin === undefined ? undefined : numberOf(origin);
    if (offset === undefined || references === 0) return "";
    const holder = this.#units.find(({ start, end }) => start <= offset && offset < end);
    return holder === undefined ? "" : this.#nameOf(holder, holder.entryAt(offset), references - 1);
  }
}

function unreadable(error: unknown): DebugError {
  if (!(error instanceof DwarfFault)) throw error;
  return { error: "unreadable", message: error.message };
}
