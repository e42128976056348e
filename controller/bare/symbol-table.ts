/**
 * Names of a program's virtual addresses, as addr2line and llvm-symbolizer give them for code that has symbols and no
 * line tables.
 *
 * An address is named by the last symbol up to it in its own section. Labels of the compiler name nothing, nor do
 * absolute symbols, nor data in code. Of several symbols at one place the largest names it, of equally large ones a
 * function, then the first in the file. Pure.
 */
import { lastUpTo } from "../../emulator/base/bisect.ts";
import type { ElfFile } from "./elf.ts";
import type { ElfPart } from "./elf-parts.ts";
import { type ElfSymbol, type ElfSymbols, SymbolType } from "./elf-symbols.ts";

/** Names that compilers and assemblers give: local labels, and where instructions and data begin. */
const LABELS = [".L", "..", "_.L_", "$d", "$x"];

export class SymbolTable {
  readonly #names: ElfSymbols;
  /** By virtual address, each with its symbols by value, one for each. */
  readonly #parts: readonly { readonly part: ElfPart; readonly symbols: readonly ElfSymbol[] }[];
  /** It names nothing. */
  readonly isEmpty: boolean;

  constructor({ parts, symbols }: ElfFile) {
    this.#names = symbols;
    const all = parts.map((part) => ({ part, symbols: [] as ElfSymbol[] }));
    const ofSection = new Map(all.map((one) => [one.part.section, one]));
    all.sort((a, b) => a.part.virtualAddress - b.part.virtualAddress);
    const holderOf = ({ section, value }: ElfSymbol) => ofSection.get(section) ?? holds(all, value);
    for (const symbol of symbols) {
      const holder = this.#isName(symbol) ? holderOf(symbol) : undefined;
      if (holder !== undefined && names(symbol, holder.part)) holder.symbols.push(symbol);
    }
    this.#parts = all.map((one) => ({ part: one.part, symbols: oneForEachValue(one.symbols) }));
    this.isEmpty = all.every((one) => one.symbols.length === 0);
  }

  /** "name+0x12", or "" for an address that has no name. */
  nameOf(address: number): string {
    return this.#tell(address >>> 0, address >>> 0);
  }

  /** Of where a call returns to: the call lies before it, and may be the last that its function does. */
  nameOfReturn(address: number): string {
    return this.#tell(address >>> 0, (address >>> 0) - 1);
  }

  /** The name alone, or "". */
  functionAt(address: number): string {
    const symbol = this.#symbolAt(address >>> 0);
    return symbol === undefined ? "" : this.#names.nameOf(symbol);
  }

  #symbolAt(address: number): ElfSymbol | undefined {
    return lastUpTo(holds(this.#parts, address)?.symbols ?? [], address, ({ value }) => value);
  }

  #tell(address: number, named: number): string {
    const symbol = this.#symbolAt(named);
    if (symbol === undefined) return "";
    const distance = address - symbol.value;
    const name = this.#names.nameOf(symbol);
    return distance === 0 ? name : `${name}+0x${distance.toString(16)}`;
  }

  #isName(symbol: ElfSymbol): boolean {
    return !symbol.isAbsolute && !LABELS.some((label) => this.#names.beginsWith(symbol, label));
  }
}

function holds<T extends { readonly part: ElfPart }>(sorted: readonly T[], address: number): T | undefined {
  const last = lastUpTo(sorted, address, ({ part }) => part.virtualAddress);
  return last !== undefined && address < last.part.virtualAddress + last.part.memoryBytes ? last : undefined;
}

/** Whether it can name an address of this part. */
function names({ type }: ElfSymbol, { executable }: ElfPart): boolean {
  return !executable || (type !== SymbolType.OBJECT && type !== SymbolType.TLS);
}

/** Bytes; what does not say any is one address. */
function sizeOf({ size }: ElfSymbol): number {
  return size === 0 ? 1 : size;
}

function isFunction({ type }: ElfSymbol): boolean {
  return type === SymbolType.FUNC;
}

/** By value, the one that names it first; sorting keeps the file's order. */
function compare(a: ElfSymbol, b: ElfSymbol): number {
  return a.value - b.value || sizeOf(b) - sizeOf(a) || Number(isFunction(b)) - Number(isFunction(a));
}

function oneForEachValue(symbols: ElfSymbol[]): readonly ElfSymbol[] {
  const sorted = symbols.sort(compare);
  return sorted.filter(({ value }, index) => value !== sorted[index - 1]?.value);
}
