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
  CHIP_TEARS,
  type ChipTear,
  PARTIAL_TEARS,
  type Reading,
  TEARS,
  type UnstableWord,
} from "../../../emulator/flash/flash-tear.ts";
import {
  eraseFor,
  FlashRefusedError,
  type FlashUnits,
  programImage,
} from "../../../emulator/flash/region-writer.ts";
import { UnreadableBlocks } from "../../../emulator/flash/unreadable-blocks.ts";
import { Control } from "../../../emulator/memory/control.ts";
import { type FlashUnit, ItemKind } from "../explore/items.ts";
import type { TearableFlash } from "../explore/memory.ts";
import type { PersistentMemory } from "./persistent-memory.ts";

/** Cells between two values, by region. */
type UnstableCells = readonly (readonly UnstableWord[])[];

/** Is told of a unit before it is made, and has it made. */
export type TellUnit = (unit: FlashUnit, make: () => void) => void;

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
    this.tears = config.ecc ? CHIP_TEARS : [...TEARS, ...PARTIAL_TEARS];
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
   * Erases what an image will take, unit by unit; `tell` is told of each before it has it made. What is undecided reads as
   * if it had been completed: a writer that trusts such a reading is caught. False when the flash refused.
   */
  erase(region: number, imageBytes: number, tell: TellUnit): boolean {
    this.readUnstable("completed");
    const bytes = this.#memory.regionBytes(region);
    const isBlank = (offset: number, byteCount: number): boolean =>
      this.#memory.isUntouched(region, offset, byteCount);
    return this.#write(region, tell, eraseFor(this.#flash(region), bytes, imageBytes, isBlank));
  }

  /** Programs an image into a region that was erased for it, as {@link erase} does. */
  program(region: number, image: Uint8Array, tell: TellUnit): boolean {
    return this.#write(region, tell, programImage(this.#flash(region), image));
  }

  #write(region: number, tell: TellUnit, units: FlashUnits): boolean {
    try {
      for (const { operation, offset } of units) {
        const kind = operation.kind === "erase" ? ItemKind.ERASE : ItemKind.PROGRAM;
        tell({ kind, region, offset }, () => operation.step());
      }
      return true;
    } catch (error) {
      if (error instanceof FlashRefusedError) return false;
      throw error;
    }
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
