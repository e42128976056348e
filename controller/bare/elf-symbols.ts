/**
 * The symbol table of an ELF file: names of addresses, where they stand in the file.
 *
 * Names may overlap there, so that all of them as strings can be hundreds of times as large as the file: a name is made
 * when somebody asks for it. No byte outside the table's and the names' ranges is looked at.
 *
 * Source: System V ABI, "Symbol Table"; RISC-V ELF psABI.
 */

/** Places in the file. */
export interface Range {
  readonly start: number;
  readonly end: number;
}

/** A defined symbol with a name. */
export interface ElfSymbol {
  /** Virtual address. */
  readonly value: number;
  /** Bytes; 0 where it is not said. */
  readonly size: number;
  readonly type: SymbolType;
  /** Number of the section that it lies in. */
  readonly section: number;
  /** Not an address: a number that has a name. */
  readonly isAbsolute: boolean;
  /** Where in the file its name begins. */
  readonly nameAt: number;
}

const SYMBOL_BYTES = 16;
const SHN_UNDEF = 0;
const SHN_ABS = 0xfff1;

/** Those that there are besides are read as their numbers. */
export const enum SymbolType {
  NOTYPE = 0,
  OBJECT = 1,
  FUNC = 2,
  SECTION = 3,
  FILE = 4,
  TLS = 6,
}

/** Longer names are cut: nobody reads them. */
const MAX_NAME_BYTES = 256;
const UTF_8 = new TextDecoder();

/** The defined symbols that have a name, in the file's order. */
export class ElfSymbols {
  readonly #view: DataView;
  readonly #table: Range;
  readonly #names: Range;

  constructor(view: DataView, table: Range, names: Range) {
    this.#view = view;
    this.#table = table;
    this.#names = names;
  }

  *[Symbol.iterator](): Generator<ElfSymbol, void> {
    const view = this.#view;
    const { start, end } = this.#table;
    for (let at = start; at + SYMBOL_BYTES <= end; at += SYMBOL_BYTES) {
      const type: SymbolType = view.getUint8(at + 12) & 0xf;
      const section = view.getUint16(at + 14, true);
      if (section === SHN_UNDEF || type === SymbolType.SECTION || type === SymbolType.FILE) continue;
      const nameAt = this.#names.start + view.getUint32(at, true);
      if (this.#byte(nameAt) === 0) continue;
      yield {
        value: view.getUint32(at + 4, true),
        size: view.getUint32(at + 8, true),
        type,
        section,
        isAbsolute: section === SHN_ABS,
        nameAt,
      };
    }
  }

  /** The value of the first symbol of this name, which is not cut. Goes through the whole table. */
  get(name: string): number | undefined {
    for (const symbol of this) {
      if (this.beginsWith(symbol, name) && this.#byte(symbol.nameAt + name.length) === 0) return symbol.value;
    }
    return undefined;
  }

  /** A symbol's name, or how it begins. It may hold anything. */
  nameOf({ nameAt }: ElfSymbol): string {
    let end = nameAt;
    while (end < nameAt + MAX_NAME_BYTES && this.#byte(end) !== 0) end++;
    return UTF_8.decode(new Uint8Array(this.#view.buffer, this.#view.byteOffset + nameAt, end - nameAt));
  }

  /** Whether a symbol's name begins so. @param start in ASCII */
  beginsWith({ nameAt }: ElfSymbol, start: string): boolean {
    for (let index = 0; index < start.length; index++) {
      if (this.#byte(nameAt + index) !== start.charCodeAt(index)) return false;
    }
    return true;
  }

  /** Of the names; 0, which ends one, behind the last. */
  #byte(at: number): number {
    return at < this.#names.end ? this.#view.getUint8(at) : 0;
  }
}
