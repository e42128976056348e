/**
 * The program of a user's ELF file, for who does what in it: the function, file and line of an instruction, and who has
 * called it.
 */
import { hex32 } from "../../emulator/base/text.ts";
import { Hart } from "../cpu/hart.ts";
import type { Machine } from "../machine.ts";
import { backtrace, ProgramCode } from "./backtrace.ts";
import { type ElfFile, parseElf } from "./elf.ts";
import { type CodePlace, Symbolizer } from "./symbolizer.ts";

/** ra and sp. */
const RETURN_ADDRESS = 1;
const STACK_POINTER = 2;
/** Of the stack so much is looked through for calls that are open. */
const STACK_BYTES = 1024;
/** Names of a chain of calls that are told. */
const CALLS_TOLD = 4;

export class NamedProgram {
  readonly #code: ProgramCode;
  readonly #symbolizer: Symbolizer;

  private constructor(elf: ElfFile, symbolizer: Symbolizer) {
    this.#code = new ProgramCode(elf);
    this.#symbolizer = symbolizer;
  }

  /** Undefined where the file has no names to tell. */
  static of(file: Uint8Array | undefined): NamedProgram | undefined {
    const elf = file === undefined ? undefined : parseElf(file);
    if (elf === undefined || "error" in elf) return undefined;
    const symbolizer = new Symbolizer(elf);
    return symbolizer.isNameless ? undefined : new NamedProgram(elf, symbolizer);
  }

  /** "command at loaders/cfi.c:37, called by flash_program, copy_piece"; undefined where nothing there has a name. */
  executing({ hart, space }: Machine, pc = (hart[Hart.PC] as number) >>> 0): string | undefined {
    const register = (index: number): number => (hart[Hart.X + index] as number) >>> 0;
    const stack = space.ram(register(STACK_POINTER), STACK_BYTES) ?? new Uint8Array();
    const places = backtrace(this.#code, this.#symbolizer, pc, register(RETURN_ADDRESS), stack);
    const [name = "", ...callers] = new Set(places.flatMap(functionsOf));
    const line = places[0]?.frames[0];
    if (name === "") return undefined;
    const where = line === undefined || line.line === 0 ? "" : ` at ${line.path}:${line.line}`;
    const calls = callers.filter((each) => each !== "").slice(0, CALLS_TOLD);
    return `${name}${where}${calls.length === 0 ? "" : `, called by ${calls.join(", ")}`}`;
  }
}

/**
 * "pc 0x2000_0104", and who executes it where that is known.
 * @param pc by default of the instruction that accesses a device, while it does so
 */
export function accessPlace(
  machine: Machine,
  program: NamedProgram | undefined,
  pc = (machine.hart[Hart.PC] as number) >>> 0,
): string {
  const who = program?.executing(machine, pc);
  return `pc ${hex32(pc)}${who === undefined ? "" : `, in ${who}`}`;
}

/** Innermost first, calls that were inlined among them. */
function functionsOf({ frames, symbol }: CodePlace): readonly string[] {
  if (frames.length > 0) return frames.map(({ name }) => name);
  return [symbol.replace(/\+0x[0-9a-f]+$/, "")];
}
