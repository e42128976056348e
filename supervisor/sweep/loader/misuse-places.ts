/** A misuse of flash told with who makes it, at which instruction; each once in a start, for a loop makes it without an end. */
import { accessPlace, NamedProgram } from "../../../controller/bare/named-program.ts";
import { Hart } from "../../../controller/cpu/hart.ts";
import type { Machine } from "../../../controller/machine.ts";

export class MisusePlaces {
  readonly #machine: Machine;
  /** The loader's. */
  readonly #elf: Uint8Array | undefined;
  /** The loader's file, once somebody has asked for names. */
  #program: { readonly named: NamedProgram | undefined } | undefined;
  /** By misuse and instruction, what was told of it. */
  readonly #told = new Map<string, string>();

  constructor(machine: Machine, elf: Uint8Array | undefined) {
    this.#machine = machine;
    this.#elf = elf;
  }

  /** A start begins. */
  begin(): void {
    this.#told.clear();
  }

  /** @param handedOver an application may have put its code where the loader's was */
  placed(message: string, handedOver: boolean, pc = (this.#machine.hart[Hart.PC] as number) >>> 0): string {
    const key = `${message} ${pc}`;
    const told = this.#told.get(key) ?? `${message}, ${this.#accessor(handedOver, pc)}`;
    this.#told.set(key, told);
    return told;
  }

  #accessor(handedOver: boolean, pc: number): string {
    if (handedOver) return `by the application at ${accessPlace(this.#machine, undefined, pc)}`;
    this.#program ??= { named: NamedProgram.of(this.#elf) };
    return `at ${accessPlace(this.#machine, this.#program.named, pc)}`;
  }
}
