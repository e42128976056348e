/** Writes small RV32 executables: one segment, and a symbol table if there are symbols. */
import { RAM_BASE } from "../../../emulator/memory/map.ts";

export interface ElfSource {
  readonly code: Uint8Array;
  /** Physical address of the segment; RAM's first by default. */
  readonly address?: number;
  readonly entry?: number;
  /** Bytes in memory, zeros behind the code; the code's length by default. */
  readonly memoryBytes?: number;
  readonly symbols?: Readonly<Record<string, number>>;
}

const HEADER = 52;
const PROGRAM_HEADER = 32;
const SECTION_HEADER = 40;
const SYMBOL = 16;
const CODE_AT = 128;

export function writeElf(source: ElfSource): Uint8Array {
  const { code, address = RAM_BASE, entry = address, memoryBytes = code.length } = source;
  const symbols = Object.entries(source.symbols ?? {});
  const names = `\0${symbols.map(([name]) => `${name}\0`).join("")}`;
  const symbolsAt = Math.ceil((CODE_AT + code.length) / 4) * 4;
  const namesAt = symbolsAt + (symbols.length + 1) * SYMBOL;
  const sectionsAt = Math.ceil((namesAt + names.length) / 4) * 4;
  const file = new Uint8Array(sectionsAt + 3 * SECTION_HEADER);
  const view = new DataView(file.buffer);
  const put = (at: number, ...words: readonly number[]): void => {
    words.forEach((word, index) => {
      view.setUint32(at + 4 * index, word, true);
    });
  };
  file.set([0x7f, 0x45, 0x4c, 0x46, 1, 1, 1]);
  put(16, 2 | (243 << 16), 1, entry, HEADER, sectionsAt, 0, HEADER | (PROGRAM_HEADER << 16));
  put(44, 1 | (SECTION_HEADER << 16), 3);
  put(HEADER, 1, CODE_AT, address, address, code.length, memoryBytes, 7, 4);
  file.set(code, CODE_AT);
  file.set(new TextEncoder().encode(names), namesAt);
  let name = 1;
  symbols.forEach(([text, value], index) => {
    put(symbolsAt + (index + 1) * SYMBOL, name, value, 4, 0x10 | (0xfff1 << 16));
    name += text.length + 1;
  });
  const section = (index: number, type: number, at: number, size: number, link: number): void =>
    put(sectionsAt + index * SECTION_HEADER, 0, type, 0, 0, at, size, link, 0, 4, type === 2 ? SYMBOL : 0);
  section(1, 2, symbolsAt, (symbols.length + 1) * SYMBOL, 2);
  section(2, 3, namesAt, names.length, 0);
  return file;
}
