/**
 * The flash devices of a loader's board over persistent memory that can be undone, as the explorer knows them.
 *
 * Invariants: no word of a device changes but by an operation, a tear, or a reading of unstable cells; whatever else a
 * chip is, is in one immutable value, so that whoever undoes memory puts that back, too; power that goes before a unit
 * leaves no operation behind.
 */
import type { FlashProfile } from "../../../controller/profile.ts";
import { Random } from "../../../emulator/base/random.ts";
import type { Sector } from "../../../emulator/flash/chip-geometry.ts";
import {
  type ChipCondition,
  type ChipOperation,
  FlashChip,
  NEW_CHIP,
} from "../../../emulator/flash/flash-chip.ts";
import {
  type ChipTear,
  type Reading,
  tearsOf,
  type UnstableWord,
} from "../../../emulator/flash/flash-tear.ts";
import type { FlashPort } from "../../../emulator/flash/unit-operation.ts";
import { type FlashUnit, ItemKind } from "../explore/items.ts";
import type { TearableFlash } from "../explore/memory.ts";
import type { PersistentMemory } from "../flipside/persistent-memory.ts";

/** By device. */
type Conditions = readonly ChipCondition[];

export class ChipBank implements TearableFlash {
  readonly chips: readonly FlashChip[];
  readonly tears: readonly ChipTear[];
  /** What {@link condition} is where every chip is as it was made. */
  readonly #new: Conditions;
  #condition: Conditions;

  /**
   * @param memory whose regions are the devices, each as large as its region or smaller
   * @param changes is told of the bytes that are about to change
   */
  constructor(
    memory: PersistentMemory,
    profiles: readonly FlashProfile[],
    changes: (device: number, offset: number, byteCount: number) => void,
  ) {
    const { regions } = memory.wholeLayout;
    this.chips = profiles.map(
      ({ geometry }, device) =>
        new FlashChip(
          new DevicePort(memory, (regions[device] as number) / 4, (offset, byteCount) =>
            changes(device, offset, byteCount),
          ),
          geometry,
        ),
    );
    this.tears = tearsOf(profiles.some(({ geometry }) => geometry.program === "ecc"));
    this.#new = profiles.map(() => NEW_CHIP);
    this.#condition = this.#new;
  }

  /** Where a unit of the chip is the next that is made. */
  unitOf(device: number, { kind, unitOffset }: ChipOperation): FlashUnit {
    return { kind: kind === "erase" ? ItemKind.ERASE : ItemKind.PROGRAM, region: device, offset: unitOffset };
  }

  /** A copy of what a unit holds. */
  read({ kind, region, offset }: FlashUnit): Uint8Array {
    const chip = this.#chip(region);
    const { sectors, geometry } = chip;
    const byteCount = kind === ItemKind.ERASE ? (sectors.at(offset)?.bytes ?? 0) : geometry.writeBlockBytes;
    return chip.contents(offset, byteCount);
  }

  tear(unit: FlashUnit, after: Uint8Array, how: ChipTear, seed: number): boolean {
    const { kind, region, offset } = unit;
    const chip = this.#chip(region);
    const start = kind === ItemKind.ERASE ? chip.erase(offset, after.length) : chip.program(offset, after);
    if (!start.ok) return false;
    const { operation } = start;
    const tears = operation.changes().length > 0;
    if (tears) operation.tear(how, new Random(seed));
    operation.abort();
    return tears;
  }

  /** One value for as long as nothing changes. */
  get condition(): Conditions {
    const now = this.chips.map(({ condition }) => condition);
    if (now.some((each, index) => each !== this.#condition[index])) this.#condition = now;
    return this.#condition;
  }

  set condition(conditions: Conditions) {
    this.#condition = conditions;
    for (const [index, chip] of this.chips.entries()) chip.condition = conditions[index] as ChipCondition;
  }

  /** Chips as they were made. */
  forget(): void {
    this.condition = this.#new;
  }

  /** How often a sector was erased counts only where it wears out. */
  get settled(): boolean {
    return this.chips.every(({ condition, geometry }) => {
      const { unstable, faulty, corrected, bad, programmedBlank, erases } = condition;
      const isWorn = geometry.enduranceErases !== undefined && erases.size > 0;
      const ranges = faulty.length + corrected.length + bad.length + programmedBlank.length;
      return unstable.length === 0 && ranges === 0 && !isWorn;
    });
  }

  /** Some cell is between two values. */
  get isUndecided(): boolean {
    return this.chips.some(({ condition }) => condition.unstable.length > 0);
  }

  /** No cell of the sector is between two values, and all of it can be read. */
  isDefinite(device: number, { offset, bytes }: Sector): boolean {
    const { condition } = this.#chip(device);
    const isInside = ({ word }: UnstableWord): boolean => word * 4 >= offset && word * 4 < offset + bytes;
    return !condition.unstable.some(isInside) && this.#chip(device).readFault(offset, bytes) === undefined;
  }

  readUnstable(reading: Reading): void {
    for (const chip of this.chips) chip.readUnstable(reading);
  }

  #chip(device: number): FlashChip {
    const chip = this.chips[device];
    if (chip === undefined) throw new RangeError(`there is no flash device ${device}`);
    return chip;
  }
}

/** A device's words as they lie in persistent memory. */
class DevicePort implements FlashPort {
  readonly #memory: PersistentMemory;
  readonly #base: number;
  readonly unitBegins: FlashPort["unitBegins"];

  constructor(memory: PersistentMemory, base: number, changes: FlashPort["unitBegins"]) {
    this.#memory = memory;
    this.#base = base;
    this.unitBegins = changes;
  }

  load32(wordIndex: number): number {
    return this.#memory.words[this.#base + wordIndex] as number;
  }

  store32(wordIndex: number, value: number): void {
    this.#memory.store(this.#base + wordIndex, value);
  }
}
