/**
 * The table of entries that generated code calls through, with the modules that were instantiated over it.
 *
 * V8 keeps every instance that has ever imported a table for as long as that table is there, used or not. So what was
 * translated and dropped is only freed with its table: code-cache.ts takes a new one from time to time.
 * Invariant: a slot holds the entry of the pc that {@link CodeTable.install} named last for it, or the miss function.
 */
import { tableSlot } from "./unit.ts";

/** Slots of a table: more than the entries of any firmware seen, so that few share one. */
export const TABLE_SLOTS = 4096;

/** Calls translated code: (pc, instructions retired, call depth) to the next pc, bit 0 set. */
export type RunFunction = (pc: number, count: number, depth: number) => number;

/** What every module imports, whatever its table. */
export interface SharedImports {
  readonly memory: WebAssembly.Memory;
  readonly reason: WebAssembly.Global;
  readonly watched: WebAssembly.Global;
  /** Makes a store to a page with code on it: (address, size, value) to 1 if it was made. See UnitContext.storeIndex. */
  readonly store: (address: number, size: number, value: number) => number;
}

const NO_PC = -1;

export class CodeTable {
  readonly run: RunFunction;
  readonly #table: WebAssembly.Table;
  readonly #imports: SharedImports;
  readonly #miss: unknown;
  readonly #slotPc = new Float64Array(TABLE_SLOTS).fill(NO_PC);

  /** @param runtime the module of runtime-module.ts */
  constructor(imports: SharedImports, runtime: WebAssembly.Module) {
    this.#imports = imports;
    this.#table = new WebAssembly.Table({ element: "anyfunc", initial: TABLE_SLOTS, maximum: TABLE_SLOTS });
    const { run, miss } = this.instantiate(runtime).exports;
    this.run = run as RunFunction;
    this.#miss = miss;
    for (let slot = 0; slot < TABLE_SLOTS; slot++) this.#table.set(slot, miss);
  }

  instantiate(module: WebAssembly.Module): WebAssembly.Instance {
    return new WebAssembly.Instance(module, { env: { ...this.#imports, table: this.#table } });
  }

  holds(pc: number): boolean {
    return this.#slotPc[tableSlot(pc, TABLE_SLOTS)] === pc;
  }

  /** Has the slot of `pc` hold its entry function. */
  install(pc: number, entry: unknown): void {
    const slot = tableSlot(pc, TABLE_SLOTS);
    this.#slotPc[slot] = pc;
    this.#table.set(slot, entry);
  }

  /** Empties every slot. */
  clear(): void {
    for (let slot = 0; slot < TABLE_SLOTS; slot++) {
      if (this.#slotPc[slot] !== NO_PC) this.#empty(slot);
    }
  }

  /** Empties the slot of `pc` if it is that of its entry. */
  uninstall(pc: number): void {
    if (!this.holds(pc)) return;
    this.#empty(tableSlot(pc, TABLE_SLOTS));
  }

  #empty(slot: number): void {
    this.#slotPc[slot] = NO_PC;
    this.#table.set(slot, this.#miss);
  }
}
