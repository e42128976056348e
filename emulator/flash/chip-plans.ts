/** What an erase and a program of a chip do to its words, unit by unit. */
import { type ChipGeometry, erasedWord, type SectorMap } from "./chip-geometry.ts";
import type { UnitPlan } from "./unit-operation.ts";

/** Sector by sector. */
export class ChipErase implements UnitPlan {
  readonly kind = "erase";
  readonly units: number;
  readonly preprogrammed: number;
  readonly #sectors: SectorMap;
  readonly #firstSector: number;
  readonly #erased: number;

  /** @param erased what a word of erased flash reads */
  constructor(sectors: SectorMap, erased: number, offset: number, byteCount: number) {
    const last = sectors.at(offset + byteCount - 1)?.index ?? 0;
    this.#sectors = sectors;
    this.#firstSector = sectors.at(offset)?.index ?? 0;
    this.#erased = erased;
    this.preprogrammed = ~erased;
    this.units = last - this.#firstSector + 1;
  }

  unitOffset(index: number): number {
    return this.#sectors.offsetOf(this.#firstSector + index);
  }

  after(): number {
    return this.#erased;
  }

  left(): number {
    return 0;
  }
}

/** Write block by write block. */
export class ChipProgram implements UnitPlan {
  readonly kind = "program";
  readonly units: number;
  readonly preprogrammed: number;
  readonly #geometry: ChipGeometry;
  readonly #offset: number;
  readonly #erased: number;
  /** The words that the data touches, erased where it is not. */
  readonly #targets: Int32Array;

  constructor(geometry: ChipGeometry, offset: number, data: Uint8Array) {
    this.#geometry = geometry;
    this.#offset = offset;
    this.#erased = erasedWord(geometry);
    this.preprogrammed = ~this.#erased;
    this.units = data.length / geometry.writeBlockBytes;
    const lead = offset % 4;
    const bytes = new Uint8Array(Math.ceil((lead + data.length) / 4) * 4).fill(geometry.erasedByte);
    bytes.set(data, lead);
    this.#targets = new Int32Array(bytes.buffer);
  }

  unitOffset(index: number): number {
    return this.#offset + index * this.#geometry.writeBlockBytes;
  }

  after(word: number, before: number): number {
    const target = this.#target(word);
    if (this.#geometry.program === "overwrite") return target;
    return this.#erased === 0 ? before | target : before & target;
  }

  /** Cells that are to hold what erased ones do are not driven, but where anything may be stored over anything. */
  left(word: number): number {
    if (this.#geometry.program === "overwrite") return 0;
    return ~(this.#target(word) ^ this.#erased);
  }

  #target(word: number): number {
    return this.#targets[word - Math.floor(this.#offset / 4)] as number;
  }
}
