/**
 * A stack trace without unwind tables: words on the stack that stand right behind a call in the program's code.
 *
 * Some of them may be left over from calls that have returned; none that is still open is missing, as long as it lies
 * in the kept part of the stack. All addresses are virtual: where code is when it runs. Pure.
 */
import { lastUpTo } from "../../emulator/base/bisect.ts";
import type { ElfFile } from "./elf.ts";
import type { ElfPart } from "./elf-parts.ts";
import type { CodePlace, Symbolizer } from "./symbolizer.ts";

/** The instructions of a program. */
export class ProgramCode {
  /** By virtual address. */
  readonly #parts: readonly ElfPart[];

  constructor({ parts }: ElfFile) {
    this.#parts = parts
      .filter(({ executable, data }) => executable && data.length > 0)
      .sort((a, b) => a.virtualAddress - b.virtualAddress);
  }

  /** There are none: a file of debug information says where they lie, but not what they are. */
  get isEmpty(): boolean {
    return this.#parts.length === 0;
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

  #word(address: number): number | undefined {
    const low = this.#half(address);
    const high = this.#half(address + 2);
    return low === undefined || high === undefined ? undefined : low | (high << 16);
  }

  #half(address: number): number | undefined {
    const part = lastUpTo(this.#parts, address >>> 0, ({ virtualAddress }) => virtualAddress);
    if (part === undefined) return undefined;
    const at = (address >>> 0) - part.virtualAddress;
    if (at + 1 >= part.data.length) return undefined;
    return (part.data[at] as number) | ((part.data[at + 1] as number) << 8);
  }
}

/**
 * The calls that were open.
 * @param pc, ra registers at the stop
 * @param stack bytes from the stack pointer on
 */
export function backtrace(
  code: ProgramCode,
  symbolizer: Symbolizer,
  pc: number,
  ra: number,
  stack: Uint8Array,
): CodePlace[] {
  const places = [symbolizer.placeOf(pc)];
  const add = (address: number): void => {
    if (code.isReturnAddress(address)) places.push(symbolizer.placeOfReturn(address));
  };
  add(ra);
  const view = new DataView(stack.buffer, stack.byteOffset, stack.length);
  for (let at = 0; at + 4 <= stack.length; at += 4) add(view.getUint32(at, true));
  return places;
}
