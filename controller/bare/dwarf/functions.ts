/**
 * The functions of a unit, and within each the calls that the compiler inlined there.
 * Source: DWARF 5, section 3.3 "Subroutine and Entry Point Entries", 3.3.8.2 "Concrete Inlined Instances".
 */
import { type AddressRange, covers } from "./address-ranges.ts";
import { Attribute, Tag } from "./constants.ts";
import { numberOf } from "./forms.ts";
import type { Entry, Unit } from "./unit.ts";

/** Code of one function: all of it, or what was inlined of it somewhere. */
export interface CodeBlock {
  readonly entry: Entry;
  readonly ranges: readonly AddressRange[];
  /** Of the call that was inlined: a file's number in the line table, and a line; 0 where that is not said. */
  readonly callFile: number;
  readonly callLine: number;
  /** What was inlined into it. */
  readonly inlined: CodeBlock[];
}

export function readFunctions(unit: Unit): readonly CodeBlock[] {
  const functions: CodeBlock[] = [];
  /** Where what is inlined goes to, for each entry whose children are being read. */
  const open: CodeBlock[][] = [];
  for (const entry of unit.entries()) {
    if (entry === undefined) {
      open.pop();
      continue;
    }
    const within = open.at(-1) ?? functions;
    const block = blockOf(unit, entry);
    if (block !== undefined) (entry.tag === Tag.SUBPROGRAM ? functions : within).push(block);
    if (entry.hasChildren) open.push(block?.inlined ?? within);
  }
  return functions;
}

/** Undefined of what is no code: other entries, functions that are only declared, or inlined everywhere. */
function blockOf(unit: Unit, entry: Entry): CodeBlock | undefined {
  if (entry.tag !== Tag.SUBPROGRAM && entry.tag !== Tag.INLINED_SUBROUTINE) return undefined;
  const ranges = unit.rangesOf(entry);
  if (ranges.length === 0) return undefined;
  const call = (attribute: Attribute): number => numberOf(entry.attributes.get(attribute));
  return {
    ...{ entry, ranges, inlined: [] },
    ...{ callFile: call(Attribute.CALL_FILE), callLine: call(Attribute.CALL_LINE) },
  };
}

/** The function at `address`, then what is inlined there, from the outside to the inside. */
export function blocksAt(functions: readonly CodeBlock[], address: number): readonly CodeBlock[] {
  const blocks: CodeBlock[] = [];
  let candidates = functions;
  for (;;) {
    const block = candidates.find(({ ranges }) => covers(ranges, address));
    if (block === undefined) return blocks;
    blocks.push(block);
    candidates = block.inlined;
  }
}
