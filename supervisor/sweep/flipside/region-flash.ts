/**
 * The flash under every region: emulator/flash/flash.ts, as the live device has it, over persistent memory that can be
 * undone.
 *
 * Invariants: no word of a region changes but by an operation, a tear, a reading of unstable cells, or rot; the
 * unstable cells are one immutable value, so that whoever undoes memory puts them back as they were; which blocks cannot be
 * read stands in memory, and is undone with it.
 */

import { Random } from "../../../emulator/base/random.ts";
import {
  type FlashOperation,
  type FlashPort,
  type FlashStart,
  NorFlash,
} from "../../../emulator/flash/flash.ts";
import {
  type ChipTear,
  type Reading,
  tearsOf,
  type UnstableWord,
} from "../../../emulator/flash/flash-tear.ts";
import { asPosted } from "../../../emulator/flash/posted.ts";
import {
  eraseFor,
  FlashRefusedError,
  type FlashUnits,
  programImage,
} from "../../../emulator/flash/region-writer.ts";
import { UnreadableBlocks } from "../../../emulator/flash/unreadable-blocks.ts";
import { Control } from "../../../emulator/memory/control.ts";
import type { FlashAsk } from "../../../emulator/memory/flash-posts.ts";
import { type FlashUnit, ItemKind } from "../explore/items.ts";
import type { TearableFlash } from "../explore/memory.ts";
import type { PersistentMemory } from "./persistent-memory.ts";

/** Cells between two values, by region. */
type UnstableCells = readonly (readonly UnstableWord[])[];

export class RegionFlash implements TearableFlash {
  readonly tears: readonly ChipTear[];
  readonly #memory: PersistentMemory;
  readonly #blocks: UnreadableBlocks;
  readonly #regions: readonly NorFlash[];
  /** What {@link condition} is where no region has any. */
  readonly #stable: UnstableCells;

  /** @param control the control block, whose REGION is the one that executes */
  constructor(memory: PersistentMemory, control: Int32Array) {
    const { regions, config } = memory.wholeLayout;
    this.#memory = memory;
    this.#stable = regions.map(() => []);
    this.tears = tearsOf(config.ecc);
    this.#blocks = new UnreadableBlocks(memory.memory, memory.wholeLayout);
    const firstWord = memory.wholeLayout.unreadable / 4;
    const store = (index: number, value: number): void => memory.store(firstWord + index, value);
    this.#regions = regions.map((start, region) => {
      const isPrimary = (): boolean => control[Control.REGION] === region;
      const ecc = this.#blocks.of(region, store);
      return new NorFlash(new RegionPort(memory, start / 4), config, isPrimary, ecc);
    });
  }

  /** The first byte of the region that cannot be read; undefined where all can. */
  readFault(region: number): number | undefined {
    return this.#blocks.firstIn(region, 0, this.#memory.layout.config.regionBytes);
  }

  /** Something spoils the block that a byte is in, from outside. */
  spoil(region: number, offset: number): void {
    this.#flash(region).spoilBlocks(offset, 1);
  }

  /**
   * Erases what an image will take. What is undecided reads as if it had been completed: a writer that trusts such a
   * reading is caught.
   */
  erasing(region: number, imageBytes: number): FlashUnits {
    this.readUnstable("completed");
    const bytes = this.#memory.regionBytes(region);
    const isBlank = (offset: number, byteCount: number): boolean =>
      this.#memory.isUntouched(region, offset, byteCount);
    return eraseFor(this.#flash(region), bytes, imageBytes, isBlank);
  }

  /** Programs an image into a region that was erased for it. */
  programming(region: number, image: Uint8Array): FlashUnits {
    return programImage(this.#flash(region), image);
  }

  /** What firmware has posted. @param mayWrite whether its version may write the region at the moment */
  posted(ask: FlashAsk, mayWrite: () => boolean): FlashUnits {
    const { words, layout } = this.#memory;
    const ram = new Uint8Array(words.buffer, layout.ram, layout.config.ramBytes);
    const flash = ask.region < layout.config.regions ? this.#regions[ask.region] : undefined;
    return asPosted(ask, flash, ram, mayWrite);
  }

  /** A copy of what a unit holds. */
  read({ kind, region, offset }: FlashUnit): Uint8Array {
    const { sectorBytes, programUnitBytes } = this.#memory.layout.config;
    const byteCount = kind === ItemKind.ERASE ? sectorBytes : programUnitBytes;
    return this.#memory.regionBytes(region).slice(offset, offset + byteCount);
  }

  /**
   * Power goes while the unit is on its way to hold `after`. False when the operation changes nothing, so that there
   * is nothing to tear.
   */
  tear(unit: FlashUnit, after: Uint8Array, how: ChipTear, seed: number): boolean {
    const operation = this.#begin(unit, after);
    const tears = operation.changes().length > 0;
    if (tears) operation.tear(how, new Random(seed));
    operation.abort();
    return tears;
  }

  /** All unstable cells: to be kept beside the position of the log, and put back when memory is undone. */
  get condition(): UnstableCells {
    return this.settled ? this.#stable : this.#regions.map(({ unstable }) => unstable);
  }

  set condition(cells: UnstableCells) {
    if (cells === this.#stable && this.settled) return;
    for (const [region, flash] of this.#regions.entries()) flash.unstable = cells[region] ?? [];
  }

  /** No cell of any region is between two values. */
  get settled(): boolean {
    for (const { unstable } of this.#regions) if (unstable.length > 0) return false;
    return true;
  }

  settledIn(region: number): boolean {
    return this.#flash(region).unstable.length === 0;
  }

  /** No cell is between two values any more: memory was made anew. */
  forget(): void {
    this.condition = this.#stable;
  }

  readUnstable(reading: Reading): void {
    for (const flash of this.#regions) flash.readUnstable(reading);
  }

  #flash(region: number): NorFlash {
    const flash = this.#regions[region];
    if (flash === undefined) throw new RangeError(`there is no region ${region}`);
    return flash;
  }

  #begin({ kind, region, offset }: FlashUnit, after: Uint8Array): FlashOperation {
    const flash = this.#flash(region);
    const start: FlashStart =
      kind === ItemKind.ERASE ? flash.erase(offset, after.length) : flash.program(offset, after);
    if (!start.ok) throw new FlashRefusedError(start.refusal.name, start.refusal.message);
    return start.operation;
  }
}

/** The memory of one region. Nobody has to hear of a unit: what was read is known by its content. */
class RegionPort implements FlashPort {
  readonly #memory: PersistentMemory;
  readonly #firstWord: number;

  constructor(memory: PersistentMemory, firstWord: number) {
    this.#memory = memory;
    this.#firstWord = firstWord;
  }

  load32(word: number): number {
    return this.#memory.words[this.#firstWord + word] as number;
  }

  store32(word: number, value: number): void {
    this.#memory.store(this.#firstWord + word, value);
  }

  unitBegins(): void {}
}
