/**
 * Where in the user's program flash is operated: the instruction that does it, as function, file and line.
 *
 * While a hart runs, PC is exact at the run's beginning only. So a case is run twice: first it is counted how many
 * instructions each start had retired at each operation, then the hart stops right before each of these, which changes
 * nothing of what it does. The interpreter alone counts exactly in the midst of a run.
 */
import { backtrace, ProgramCode } from "../../../controller/bare/backtrace.ts";
import { type ElfFile, parseElf } from "../../../controller/bare/elf.ts";
import { type CodePlace, Symbolizer } from "../../../controller/bare/symbolizer.ts";
import type { Engine } from "../../../controller/cpu/engine.ts";
import { Hart, retiredInstructions } from "../../../controller/cpu/hart.ts";
import type { Machine, MachineOptions } from "../../../controller/machine.ts";

/** ra and sp. */
const RETURN_ADDRESS = 1;
const STACK_POINTER = 2;
/** Of the stack so much is looked through for calls that are open. */
const STACK_BYTES = 1024;
/** Names of a chain of calls that are told. */
const CALLS_TOLD = 4;

/** The program that the user's file has, for who does what in it. */
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
  executing({ hart, space }: Machine): string | undefined {
    const register = (index: number): number => (hart[Hart.X + index] as number) >>> 0;
    const pc = (hart[Hart.PC] as number) >>> 0;
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

/** Innermost first, calls that were inlined among them. */
function functionsOf({ frames, symbol }: CodePlace): readonly string[] {
  if (frames.length > 0) return frames.map(({ name }) => name);
  return [symbol.replace(/\+0x[0-9a-f]+$/, "")];
}

/** By start of the hart, the numbers of instructions before which it stops. */
export class FlashPlaces {
  #starts: number[][] = [];
  #current = -1;
  #counts = false;

  /** To be spread into the options of a machine that stops there. */
  readonly engine: Pick<MachineOptions, "engine"> = {
    engine: ({ hart }, interpreter) => new StoppingEngine(hart, interpreter, this),
  };

  /** A run begins of which the operations are counted. */
  count(): void {
    this.#starts = [];
    this.#current = -1;
    this.#counts = true;
  }

  /** The same run begins again, and stops before each of them. */
  stop(): void {
    this.#current = -1;
    this.#counts = false;
  }

  started(): void {
    this.#current += 1;
    if (this.#counts) this.#starts.push([]);
  }

  operated(hart: Int32Array): void {
    if (!this.#counts) return;
    this.#starts[this.#current]?.push(retiredInstructions(hart) + (hart[Hart.RUN_RETIRED] as number));
  }

  /** How far a hart may go from `retired` on. */
  distance(retired: number): number {
    if (this.#counts) return Number.POSITIVE_INFINITY;
    const next = this.#starts[this.#current]?.find((each) => each > retired);
    return next === undefined ? Number.POSITIVE_INFINITY : next - retired;
  }
}

class StoppingEngine implements Engine {
  readonly #hart: Int32Array;
  readonly #interpreter: Engine;
  readonly #places: FlashPlaces;

  constructor(hart: Int32Array, interpreter: Engine, places: FlashPlaces) {
    this.#hart = hart;
    this.#interpreter = interpreter;
    this.#places = places;
  }

  run(maxInstructions: number): ReturnType<Engine["run"]> {
    const distance = this.#places.distance(retiredInstructions(this.#hart));
    return this.#interpreter.run(Math.min(maxInstructions, distance));
  }
}
