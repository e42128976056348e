/**
 * Everything that happened since the scenario's power-on, item by item: persistent operations and events. A cut
 * falls before an item, or inside one that tears.
 *
 * Invariant: item i carries where the log of persistent memory stood and what the oracle knew before it, so that
 * {@link Timeline.rewind} brings both back to just before it.
 */
import { type DeviceEvent, type DeviceSink, ItemKind } from "./device-event.ts";
import type { Judgement, Oracle } from "./oracle/oracle.ts";
import type { PersistentMemory, UnstableWord } from "./persistent-memory.ts";

/** Looks at each item before it happens, and may throw or do something to the device. */
export type ItemHook = (index: number, kind: ItemKind) => void;
export type Narrator = (event: DeviceEvent | ItemKind, index: number) => void;

export class Timeline implements DeviceSink {
  readonly #memory: PersistentMemory;
  // By item; what lies behind the length is left over.
  readonly #kinds: ItemKind[] = [];
  readonly #positions: number[] = [];
  readonly #judgements: (Judgement | undefined)[] = [];
  readonly #unstable: (readonly UnstableWord[])[] = [];
  #length = 0;
  /** Set once the device, which needs a sink, and then the oracle, which needs the memory, exist. */
  oracle: Oracle | undefined;
  hook: ItemHook | undefined;
  narrator: Narrator | undefined;
  /** Called when the oracle has seen an event; may throw an Interruption. */
  afterEvent: ((event: DeviceEvent) => void) | undefined;

  constructor(memory: PersistentMemory) {
    this.#memory = memory;
  }

  get length(): number {
    return this.#length;
  }

  beforeOperation(kind: ItemKind): void {
    this.#push(kind);
    this.narrator?.(kind, this.#length - 1);
  }

  event(event: DeviceEvent): void {
    this.#push(ItemKind.EVENT);
    this.oracle?.observe(event);
    this.narrator?.(event, this.#length - 1);
    this.afterEvent?.(event);
  }

  kindAt(index: number): ItemKind {
    return index < this.#length ? (this.#kinds[index] as ItemKind) : ItemKind.EVENT;
  }

  /** Position of the log before item `index`; the present one behind the last. */
  positionAt(index: number): number {
    return index < this.#length ? (this.#positions[index] as number) : this.#memory.position;
  }

  /** Back to just before item `index`: memory, oracle, and the items from there on are gone. */
  rewind(index: number): void {
    if (index >= this.#length) return;
    this.#memory.undoTo(this.#positions[index] as number);
    this.#memory.unstable = this.#unstable[index] as readonly UnstableWord[];
    const judgement = this.#judgements[index];
    if (this.oracle !== undefined && judgement !== undefined) this.oracle.judgement = judgement;
    this.#length = index;
  }

  #push(kind: ItemKind): void {
    this.hook?.(this.#length, kind);
    const index = this.#length;
    this.#length += 1;
    this.#kinds[index] = kind;
    this.#positions[index] = this.#memory.position;
    this.#judgements[index] = this.oracle?.judgement;
    this.#unstable[index] = this.#memory.unstable;
  }
}
