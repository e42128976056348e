/**
 * Who executes at an address, as a person asks it: the function by its symbol, and, where the program was compiled with
 * -g, file and line, with the calls that the compiler inlined there.
 *
 * Names of functions are the source's; where debug information has none (assembly), the symbol table's. Pure.
 */
import { DebugInfo, type SourceFrame } from "./dwarf/debug-info.ts";
import { debugInfoOf } from "./dwarf/sections.ts";
import type { ElfFile } from "./elf.ts";
import { SymbolTable } from "./symbol-table.ts";

/** Code at an address. */
export interface CodePlace {
  readonly address: number;
  /** "name+0x12"; empty where no symbol is near. */
  readonly symbol: string;
  /** The calls open there, innermost first; empty where debug information says nothing of it. */
  readonly frames: readonly SourceFrame[];
}

export class Symbolizer {
  readonly #symbols: SymbolTable;
  readonly #debugInfo: DebugInfo | undefined;
  #debugFault: string | undefined;

  constructor(elf: ElfFile) {
    this.#symbols = new SymbolTable(elf);
    const debugInfo = debugInfoOf(elf);
    if (debugInfo instanceof DebugInfo) this.#debugInfo = debugInfo;
    else this.#debugFault = debugInfo.message;
  }

  /** It has no symbols. */
  get isNameless(): boolean {
    return this.#symbols.isEmpty;
  }

  /** Why there are fewer lines than there could be, so far: the end of a sentence that begins with "its debug information". */
  get debugFault(): string | undefined {
    return this.#debugFault;
  }

  /** "name+0x12", or "". */
  nameOf(address: number): string {
    return this.#symbols.nameOf(address);
  }

  placeOf(address: number): CodePlace {
    return {
      address: address >>> 0,
      symbol: this.#symbols.nameOf(address),
      frames: this.#framesAt(address),
    };
  }

  /** Of where a call returns to: the call lies before it, and may be the last that its function does. */
  placeOfReturn(address: number): CodePlace {
    return {
      address: address >>> 0,
      symbol: this.#symbols.nameOfReturn(address),
      frames: this.#framesAt(address - 1),
    };
  }

  #framesAt(address: number): readonly SourceFrame[] {
    const frames = this.#debugInfo?.framesAt(address) ?? [];
    if ("error" in frames) {
      this.#debugFault = frames.message;
      return [];
    }
    return frames.map((frame) =>
      frame.name === "" ? { ...frame, name: this.#symbols.functionAt(address) } : frame,
    );
  }
}
