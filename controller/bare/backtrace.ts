/**
 * A stack trace without unwind tables: words on the stack that stand right behind a call in the program's code.
 *
 * Some of them may be left over from calls that have returned; none that is still open is missing, as long as it lies
 * in the kept part of the stack. Pure.
 */
import type { ElfFile } from "./elf.ts";
import type { ElfPart } from "./elf-parts.ts";
import type { ElfSymbol } from "./elf-symbols.ts";

export interface Frame {
  readonly address: number;
  /** "name+0x12"; empty where no symbol is near. */
  readonly symbol: string;
}

/** Names code addresses by the nearest symbol before them in their part of the program. */
export class SymbolTable {
  /** Those that a programmer named, by value. */
  readonly #sorted: readonly ElfSymbol[];
  readonly #elf: ElfFile;

  constructor(elf: ElfFile) {
    this.#elf = elf;
    const { symbols } = elf;
    const named = [...symbols].filter((symbol) => !/^[.$]/.test(symbols.nameOf(symbol, 1)));
    this.#sorted = named.sort((a, b) => a.value - b.value);
  }

  /** "name+0x12", or "" for an address outside the program. */
  nameOf(address: number): string {
    const part = this.#partOf(address & ~1);
    const symbol = this.#lastUpTo(address >>> 0);
    if (part === undefined || symbol === undefined || symbol.value < part.virtualAddress) return "";
    const name = this.#elf.symbols.nameOf(symbol);
    const distance = (address >>> 0) - symbol.value;
    return distance === 0 ? name : `${name}+0x${distance.toString(16)}`;
  }

  /** Whether `address` is where a call in the program returns to. */
  isReturnAddress(address: number): boolean {
    if ((address & 1) !== 0) return false;
    const wide = this.#word(address - 4);
    // jal ra, … and jalr ra, … (volume I, "Control Transfer Instructions").
    if (wide !== undefined && ((wide & 0xfff) === 0x0ef || (wide & 0x7fff) === 0x00e7)) return true;
    const narrow = this.#half(address - 2);
    // c.jal (funct3 1, quadrant 1) and c.jalr (1001, rs1 ≠ 0, rs2 = 0, quadrant 2).
    if (narrow === undefined) return false;
    return (narrow & 0xe003) === 0x2001 || ((narrow & 0xf07f) === 0x9002 && (narrow & 0x0f80) !== 0);
  }

  /** By bisection: a table may have millions, and each word of the stack may ask. */
  #lastUpTo(address: number): ElfSymbol | undefined {
    let [low, high] = [0, this.#sorted.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#sorted[middle] as ElfSymbol).value <= address) low = middle + 1;
      else high = middle;
    }
    return this.#sorted[low - 1];
  }

  #word(address: number): number | undefined {
    const low = this.#half(address);
    const high = this.#half(address + 2);
    return low === undefined || high === undefined ? undefined : low | (high << 16);
  }

  #half(address: number): number | undefined {
    const part = this.#partOf(address);
    if (part === undefined) return undefined;
    const at = (address >>> 0) - part.virtualAddress;
    return (part.data[at] as number) | ((part.data[at + 1] as number) << 8);
  }

  /** The part whose bytes hold the half-word at `address`. */
  #partOf(address: number): ElfPart | undefined {
    return this.#elf.parts.find(({ virtualAddress: start, data }) => {
      const at = (address >>> 0) - start;
      return at >= 0 && at + 1 < data.length;
    });
  }
}

/**
 * The calls that were open.
 * @param pc, ra registers at the stop
 * @param stack bytes from the stack pointer on
 */
export function backtrace(symbols: SymbolTable, pc: number, ra: number, stack: Uint8Array): Frame[] {
  const frames: Frame[] = [{ address: pc >>> 0, symbol: symbols.nameOf(pc) }];
  const add = (address: number): void => {
    if (symbols.isReturnAddress(address))
      frames.push({ address: address >>> 0, symbol: symbols.nameOf(address) });
  };
  add(ra);
  const view = new DataView(stack.buffer, stack.byteOffset, stack.length);
  for (let at = 0; at + 4 <= stack.length; at += 4) add(view.getUint32(at, true));
  return frames;
}
