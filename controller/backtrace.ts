/**
 * A stack trace without unwind tables: words on the stack that stand right behind a call in the program's code.
 *
 * Some of them may be left over from calls that have returned; none that is still open is missing, as long as it lies
 * in the kept part of the stack. Pure.
 */
import type { ElfFile } from "./elf.ts";

export interface Frame {
  readonly address: number;
  /** "name+0x12"; empty where no symbol is near. */
  readonly symbol: string;
}

/** Names code addresses by the nearest symbol before them. */
export class SymbolTable {
  readonly #names: readonly string[];
  readonly #values: readonly number[];
  readonly #elf: ElfFile;

  constructor(elf: ElfFile) {
    this.#elf = elf;
    const inCode = [...elf.symbols].filter(
      ([name, value]) => !name.startsWith(".") && !name.startsWith("$") && this.#holds(value),
    );
    const sorted = inCode.sort((a, b) => (a[1] >>> 0) - (b[1] >>> 0));
    this.#names = sorted.map(([name]) => name);
    this.#values = sorted.map(([, value]) => value >>> 0);
  }

  /** "name+0x12", or "" for an address outside the program. */
  nameOf(address: number): string {
    if (!this.#holds(address)) return "";
    const index = this.#values.findLastIndex((value) => value <= address >>> 0);
    const name = this.#names[index];
    const distance = (address >>> 0) - (this.#values[index] ?? 0);
    return name === undefined ? "" : distance === 0 ? name : `${name}+0x${distance.toString(16)}`;
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

  #holds(address: number): boolean {
    return this.#half(address & ~1) !== undefined;
  }

  #word(address: number): number | undefined {
    const low = this.#half(address);
    const high = this.#half(address + 2);
    return low === undefined || high === undefined ? undefined : low | (high << 16);
  }

  #half(address: number): number | undefined {
    for (const { address: start, data } of this.#elf.segments) {
      const at = (address >>> 0) - (start >>> 0);
      if (at >= 0 && at + 1 < data.length) return (data[at] as number) | ((data[at + 1] as number) << 8);
    }
    return undefined;
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
