/** Writes small RV32 executables: one segment, sections in it where they are asked for, and a symbol table. */
import { RAM_BASE } from "../../emulator/memory/map.ts";

export interface ElfSource {
  readonly code: Uint8Array;
  /** Physical address of the segment; RAM's first by default. */
  readonly address?: number;
  readonly entry?: number;
  /** Bytes in memory, zeros behind the code; the code's length by default. */
  readonly memoryBytes?: number;
  /** Virtual address of the segment; its physical one by default. */
  readonly virtualAddress?: number;
  /** The segment begins with the file: `code` lies {@link CODE_AT} bytes behind its start. */
  readonly loadsHeaders?: boolean;
  /** Pieces of the code, and of the zeros behind it, that are allocated sections. */
  readonly sections?: readonly WrittenSection[];
  /** Absolute ones without a type where only their value is given. */
  readonly symbols?: Readonly<Record<string, number | WrittenSymbol>>;
}

/** Offsets are in bytes from the code's start. */
export interface WrittenSection {
  readonly type: "PROGBITS" | "NOTE" | "NOBITS";
  readonly offset: number;
  readonly bytes: number;
}

export interface WrittenSymbol {
  readonly value: number;
  readonly size?: number;
  readonly type: "NOTYPE" | "OBJECT" | "FUNC";
  /** Index in `sections`. */
  readonly section: number;
}

const SYMBOL_TYPES = { NOTYPE: 0, OBJECT: 1, FUNC: 2 } as const;
const GLOBAL = 0x10;
const ABSOLUTE = 0xfff1;
const FIRST_SECTION = 3;
const SECTION_TYPES = { PROGBITS: 1, NOTE: 7, NOBITS: 8 } as const;
const ALLOC_EXEC = 6;
const HEADER = 52;
const PROGRAM_HEADER = 32;
const SECTION_HEADER = 40;
const SYMBOL = 16;
export const CODE_AT = 128;

export function writeElf(source: ElfSource): Uint8Array {
  const { code, address = RAM_BASE, entry = address, memoryBytes = code.length } = source;
  const { virtualAddress = address, sections = [] } = source;
  const symbols = Object.entries(source.symbols ?? {});
  const names = `\0${symbols.map(([name]) => `${name}\0`).join("")}`;
  const symbolsAt = Math.ceil((CODE_AT + code.length) / 4) * 4;
  const namesAt = symbolsAt + (symbols.length + 1) * SYMBOL;
  const sectionsAt = Math.ceil((namesAt + names.length) / 4) * 4;
  const file = new Uint8Array(sectionsAt + (FIRST_SECTION + sections.length) * SECTION_HEADER);
  const view = new DataView(file.buffer);
  const put = (at: number, ...words: readonly number[]): void => {
    words.forEach((word, index) => {
      view.setUint32(at + 4 * index, word, true);
    });
  };
  file.set([0x7f, 0x45, 0x4c, 0x46, 1, 1, 1]);
  put(16, 2 | (243 << 16), 1, entry, HEADER, sectionsAt, 0, HEADER | (PROGRAM_HEADER << 16));
  put(44, 1 | (SECTION_HEADER << 16), FIRST_SECTION + sections.length);
  const before = source.loadsHeaders === true ? CODE_AT : 0;
  const addresses = [virtualAddress - before, address - before] as const;
  put(HEADER, 1, CODE_AT - before, ...addresses, before + code.length, before + memoryBytes, 7, 4);
  file.set(code, CODE_AT);
  file.set(new TextEncoder().encode(names), namesAt);
  let name = 1;
  symbols.forEach(([text, symbol], index) => {
    const at = symbolsAt + (index + 1) * SYMBOL;
    if (typeof symbol === "number") put(at, name, symbol, 4, GLOBAL | (ABSOLUTE << 16));
    else {
      const { value, size = 0, type, section: of } = symbol;
      put(at, name, value, size, GLOBAL | SYMBOL_TYPES[type] | ((FIRST_SECTION + of) << 16));
    }
    name += text.length + 1;
  });
  sections.forEach(({ type, offset, bytes }, index) => {
    const at = sectionsAt + (FIRST_SECTION + index) * SECTION_HEADER;
    put(at, 0, SECTION_TYPES[type], ALLOC_EXEC, virtualAddress + offset, CODE_AT + offset, bytes, 0, 0, 4);
  });
  const section = (index: number, type: number, at: number, size: number, link: number): void =>
    put(sectionsAt + index * SECTION_HEADER, 0, type, 0, 0, at, size, link, 0, 4, type === 2 ? SYMBOL : 0);
  section(1, 2, symbolsAt, (symbols.length + 1) * SYMBOL, 2);
  section(2, 3, namesAt, names.length, 0);
  return file;
}
