/**
 * Everything that happened since the script's power-on, item by item: persistent operations and events. A cut
 * falls before an item, or inside one that tears.
 *
 * Invariant: item i carries where the log of persistent memory stood and what the oracle knew before it, so that
 * {@link Timeline.rewind} brings both back to just before it.
 */
import { type FlashUnit, ItemKind, type ItemSink } from "./items.ts";
import type { FlashCondition, TearableFlash, UndoLog } from "./memory.ts";
import type { Oracle } from "./oracle.ts";

/** Is called before an item, and may throw or do something to the device. */
export type ItemHook = (index: number) => void;
export type Narrator<Event> = (item: Event | ItemKind, index: number) => void;

/** No item is this one. */
export const NEVER = -1;

export class Timeline<Event, Judgement> implements ItemSink<Event> {
  readonly #memory: UndoLog;
  readonly #flash: TearableFlash;
  // By item; what lies behind the length is left over.
  readonly #positions: number[] = [];
  readonly #judgements: (Judgement | undefined)[] = [];
  readonly #begun: (Judgement | undefined)[] = [];
  readonly #conditions: FlashCondition[] = [];
  readonly #units: (FlashUnit | undefined)[] = [];
  #length = 0;
  /** Set once the device, which needs a sink, and then the oracle, which needs the memory, exist. */
  oracle: Oracle<Event, Judgement> | undefined;
  hook: ItemHook | undefined;
  /** The item before which the hook is called. */
  hookAt = NEVER;
  narrator: Narrator<Event> | undefined;
  /** Called when the oracle has seen an event; may throw an Interruption. */
  afterEvent: ((event: Event) => void) | undefined;

  constructor(memory: UndoLog, flash: TearableFlash) {
    this.#memory = memory;
    this.#flash = flash;
  }

  get length(): number {
    return this.#length;
  }

  beforeStore(): void {
    this.#push(undefined);
    this.#begin(undefined);
    this.narrator?.(ItemKind.STORE, this.#length - 1);
  }

  beforeUnit(unit: FlashUnit): void {
    this.#push(unit);
    this.#begin(unit);
    this.narrator?.(unit.kind, this.#length - 1);
  }

  event(event: Event): void {
    this.#push(undefined);
    this.oracle?.observe(event);
    this.narrator?.(event, this.#length - 1);
    this.afterEvent?.(event);
  }

  undisturbed(items: number): boolean {
    return this.hook === undefined || this.hookAt < this.#length || this.hookAt >= this.#length + items;
  }

  /** The unit of flash that item `index` makes; undefined for any other item. */
  unitAt(index: number): FlashUnit | undefined {
    return index < this.#length ? this.#units[index] : undefined;
  }

  /** What the oracle knows once item `index` was begun: where that is a unit of flash, what it is torn with. */
  begunAt(index: number): Judgement | undefined {
    return index < this.#length ? this.#begun[index] : undefined;
  }

  /** Back to just before item `index`: memory, oracle, and the items from there on are gone. */
  rewind(index: number): void {
    if (index >= this.#length) return;
    this.#memory.undoTo(this.#positions[index] as number);
    this.#flash.condition = this.#conditions[index] as FlashCondition;
    const judgement = this.#judgements[index];
    if (this.oracle !== undefined && judgement !== undefined) this.oracle.judgement = judgement;
    this.#length = index;
  }

  #begin(unit: FlashUnit | undefined): void {
    this.oracle?.begins?.(unit);
    this.#begun[this.#length - 1] = this.oracle?.judgement;
  }

  #push(unit: FlashUnit | undefined): void {
    if (this.#length === this.hookAt) this.hook?.(this.#length);
    const index = this.#length;
    this.#length += 1;
    this.#units[index] = unit;
    this.#positions[index] = this.#memory.position;
    this.#judgements[index] = this.oracle?.judgement;
    this.#begun[index] = undefined;
    this.#conditions[index] = this.#flash.condition;
  }
}
