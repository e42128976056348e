/**
 * An erase or a program under way, unit by unit: what regions (flash.ts) and chips of any geometry (flash-chip.ts) have in
 * common.
 *
 * Invariants: a word changes only within the bytes of the unit in progress; the port is told of a unit before its first
 * store; an operation that has ended, failed or been torn does nothing any more.
 */
import type { Random } from "../base/random.ts";
import { bitsWithin, type ChipTear, tearChanges, type UnstableWord, type WordChange } from "./flash-tear.ts";

/** The memory under one region or chip; words count from its start. */
export interface FlashPort {
  load32(wordIndex: number): number;
  store32(wordIndex: number, value: number): void;
  /** Called before the first store of a unit, with its bytes from the region's start. */
  unitBegins(offset: number, byteCount: number): void;
}

/** An erase or a program under way. */
export interface FlashOperation {
  readonly kind: "erase" | "program";
  readonly unitsDone: number;
  readonly units: number;
  readonly done: boolean;
  /** Does the next unit. Throws RangeError when there is none left or the operation was ended. */
  step(): void;
  /** What the next unit would change. */
  changes(): WordChange[];
  /** Power goes while the next unit is under way: leaves it torn, and ends the operation. */
  tear(how: ChipTear, random: Random): void;
  /** Ends the operation where it is, between two units. */
  abort(): void;
}

/**
 * What an operation makes of a word that stands for another: clears the bits that are 0 in its target, sets those that are
 * 1, or makes it the target. Plain data, since this is done word by word.
 */
export type UnitRule = "clear" | "set" | "store";

/** What an operation does to which bytes. */
export interface UnitPlan {
  readonly kind: "erase" | "program";
  readonly rule: UnitRule;
  readonly units: number;
  /** Where a unit begins; the one before ends there. */
  readonly unitOffset: (index: number) => number;
  /** The words' targets, from the word that the first unit begins in; of an erase the one for all. */
  readonly targets: Int32Array | number;
  /** What an erase makes of every word first, so that all cells wear alike. */
  readonly preprogrammed: number;
}

/** What an operation needs of its flash. */
export interface OperationHost<Failure> {
  readonly port: FlashPort;
  /** Throws where the operation may not go on. */
  permits(operation: UnitOperation<Failure>): void;
  begun(operation: UnitOperation<Failure>, start: number): void;
  /** Why this unit, which has begun, cannot be made: nothing of it is then. */
  failure(operation: UnitOperation<Failure>, start: number, end: number): Failure | undefined;
  settled(operation: UnitOperation<Failure>, start: number, end: number): void;
  /** @param meant what the unit would have changed */
  torn(
    operation: UnitOperation<Failure>,
    how: ChipTear,
    cells: readonly UnstableWord[],
    meant: readonly WordChange[],
  ): void;
  ended(): void;
}

export class UnitOperation<Failure> implements FlashOperation {
  readonly #plan: UnitPlan;
  readonly #host: OperationHost<Failure>;
  readonly #firstWord: number;
  #unitsDone = 0;
  #ended = false;
  #failure: Failure | undefined;

  constructor(plan: UnitPlan, host: OperationHost<Failure>) {
    this.#plan = plan;
    this.#host = host;
    this.#firstWord = Math.floor(plan.unitOffset(0) / 4);
  }

  get kind(): "erase" | "program" {
    return this.#plan.kind;
  }

  get units(): number {
    return this.#plan.units;
  }

  get unitsDone(): number {
    return this.#unitsDone;
  }

  get done(): boolean {
    return this.#unitsDone === this.units;
  }

  /** Why it ended before its units were done; undefined where nothing failed. */
  get failure(): Failure | undefined {
    return this.#failure;
  }

  /** The bytes of the next unit. */
  get unitOffset(): number {
    return this.#plan.unitOffset(this.#unitsDone);
  }

  get unitEnd(): number {
    return this.#plan.unitOffset(this.#unitsDone + 1);
  }

  changes(): WordChange[] {
    return this.#changesBy((word, before) => this.#after(word, before));
  }

  step(): void {
    this.#begin();
    const { port } = this.#host;
    const { unitOffset: start, unitEnd: end } = this;
    this.#failure = this.#host.failure(this, start, end);
    if (this.#failure !== undefined) {
      this.abort();
      return;
    }
    if (((start | end) & 3) === 0) this.#makeWords(start / 4, end / 4);
    else for (const { word, after } of this.changes()) port.store32(word, after);
    this.#host.settled(this, start, end);
    this.#unitsDone += 1;
    if (this.done) this.abort();
  }

  tear(how: ChipTear, random: Random): void {
    const meant = this.changes();
    const { kind, preprogrammed } = this.#plan;
    const isFirst = how === "preprogrammed" && kind === "erase";
    const changes = isFirst ? this.#changesBy(() => preprogrammed) : meant;
    this.#begin();
    const torn = tearChanges(changes, how, random);
    for (const { word, value } of torn.stores) this.#host.port.store32(word, value);
    this.#host.torn(this, how, torn.unstable, meant);
    this.abort();
  }

  /** The bits of a word that the operation leaves as they are, cells between two values included. */
  left(word: number): number {
    const { rule } = this.#plan;
    if (rule === "store") return 0;
    return rule === "clear" ? this.#target(word) : ~this.#target(word);
  }

  abort(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#host.ended();
  }

  #makeWords(firstWord: number, endWord: number): void {
    const { port } = this.#host;
    for (let word = firstWord; word < endWord; word += 1) {
      const before = port.load32(word);
      const after = this.#after(word, before);
      if (after !== before) port.store32(word, after);
    }
  }

  #after(word: number, before: number): number {
    const { rule } = this.#plan;
    const target = this.#target(word);
    if (rule === "store") return target;
    return rule === "clear" ? before & target : before | target;
  }

  #target(word: number): number {
    const { targets } = this.#plan;
    return typeof targets === "number" ? targets : (targets[word - this.#firstWord] as number);
  }

  #changesBy(target: (word: number, before: number) => number): WordChange[] {
    const { unitOffset: start, unitEnd: end } = this;
    const changes: WordChange[] = [];
    for (let word = Math.floor(start / 4); word < end / 4; word += 1) {
      const before = this.#host.port.load32(word);
      const after = within(word, start, end, before, target(word, before));
      if (after !== before) changes.push({ word, before, after });
    }
    return changes;
  }

  #begin(): void {
    if (this.#ended) throw new RangeError(`the ${this.kind} has ended`);
    this.#host.permits(this);
    const { unitOffset, unitEnd } = this;
    this.#host.port.unitBegins(unitOffset, unitEnd - unitOffset);
    this.#host.begun(this, unitOffset);
  }
}

/** `after` in the bytes of the range, `before` in the others. */
function within(word: number, start: number, end: number, before: number, after: number): number {
  const mask = bitsWithin(word, start, end);
  return (before & ~mask) | (after & mask);
}
