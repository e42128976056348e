/**
 * One flash device whose geometry is data: sectors of several sizes, write blocks of 1 to 512 bytes, erased cells that
 * read 1 or 0, and what may be programmed over what.
 *
 * An erase goes sector by sector, a program write block by write block (unit-operation.ts), over a port that sees every
 * word. What firmware does that the chip does not allow is a value with a name and a sentence, and changes nothing.
 *
 * Invariants: nothing but bits of the unit in progress ever changes; all that a chip is besides its bits is in
 * {@link FlashChip.condition}, one immutable value, so that whoever undoes memory puts that back, too; whether bytes can be
 * read is decided by {@link FlashChip.readFault} alone.
 */
import { hex } from "../base/text.ts";
import { type ByteRanges, firstIn, NO_BYTES, withoutRange, withRange } from "./byte-ranges.ts";
import { type ChipGeometry, erasedWord, type Sector, SectorMap } from "./chip-geometry.ts";
import { erasePlan, programPlan } from "./chip-plans.ts";
import { type EccCells, faultyAfterTear } from "./ecc.ts";
import {
  bitsWithin,
  type ChipTear,
  type Reading,
  settledCells,
  type UnstableWord,
  unstableReading,
  type WordChange,
} from "./flash-tear.ts";
import { type FlashPort, type OperationHost, UnitOperation, type UnitPlan } from "./unit-operation.ts";

export type ChipMisuseName =
  | "empty"
  | "misaligned"
  | "out-of-range"
  /** The chip's owner has taken these bytes out of reach. */
  | "protected"
  /** A program would have to change a cell back to what it is when erased. */
  | "not-erased"
  /** A block that may be programmed once between two erases. */
  | "programmed-twice"
  /** Another operation has not ended. */
  | "busy";

/** What firmware asked for and no chip of this kind does. */
export interface ChipMisuse {
  readonly name: ChipMisuseName;
  /** The first byte that it is about. */
  readonly offset: number;
  /** One sentence for humans. */
  readonly message: string;
}

/** An operation that was begun as it should be, and that the chip could not do. */
export interface ChipFailure {
  readonly name: "worn-out" | "bad" | "once";
  readonly offset: number;
  /** One sentence for humans. */
  readonly message: string;
}

export type ChipOperation = UnitOperation<ChipFailure>;

export type ChipStart =
  | { readonly ok: true; readonly operation: ChipOperation }
  | { readonly ok: false; readonly misuse: ChipMisuse };

/** All that a chip is besides its bits. */
export interface ChipCondition {
  /** Cells that read differently each time. */
  readonly unstable: readonly UnstableWord[];
  /** What cannot be read until it is erased. */
  readonly faulty: ByteRanges;
  /** What reads right because ECC corrects it. */
  readonly corrected: ByteRanges;
  /** What cannot be programmed or erased any more. */
  readonly bad: ByteRanges;
  /** Blocks that hold what an erased one does, and were programmed. */
  readonly programmedBlank: ByteRanges;
  /** Erases begun, by the sector's index. */
  readonly erases: ReadonlyMap<number, number>;
}

export const NEW_CHIP: ChipCondition = {
  unstable: [],
  faulty: NO_BYTES,
  corrected: NO_BYTES,
  bad: NO_BYTES,
  programmedBlank: NO_BYTES,
  erases: new Map(),
};

/** What somebody may make of bytes from outside: wear and rot. */
export type ChipDamage = "faulty" | "corrected" | "bad";

export class FlashChip {
  readonly geometry: ChipGeometry;
  readonly sectors: SectorMap;
  /** Replaced as a whole. */
  condition: ChipCondition = NEW_CHIP;
  /** The unit that is made next cannot be made; then all is as it was. Set right before that unit. */
  failsNext = false;
  readonly #port: FlashPort;
  readonly #isProtected: (offset: number, byteCount: number) => boolean;
  readonly #erased: number;
  readonly #eccCells: EccCells;
  readonly #host: OperationHost<ChipFailure>;
  #current: ChipOperation | undefined;

  /**
   * @param geometry one that `geometryFault` of chip-geometry.ts finds nothing wrong with
   * @param isProtected whether any of these bytes may not be changed at the moment
   */
  constructor(
    port: FlashPort,
    geometry: ChipGeometry,
    isProtected: (offset: number, byteCount: number) => boolean = () => false,
  ) {
    this.geometry = geometry;
    this.sectors = new SectorMap(geometry);
    this.#port = port;
    this.#isProtected = isProtected;
    this.#erased = erasedWord(geometry);
    this.#eccCells = {
      blockBytes: geometry.writeBlockBytes,
      erasedWord: this.#erased,
      load32: (word) => port.load32(word),
    };
    this.#host = {
      port,
      permits: () => undefined,
      begun: ({ kind }, start) => {
        if (kind === "erase") this.#countErase(start);
      },
      failure: ({ kind }, start, end) => this.#failure(kind, start, end),
      settled: (operation, start, end) => this.#settle(operation, start, end),
      torn: (operation, how, cells, meant) => this.#tear(operation, how, cells, meant),
      ended: () => {
        this.#current = undefined;
      },
    };
  }

  get bytes(): number {
    return this.sectors.bytes;
  }

  /** Starts to erase `byteCount` bytes from `offset` on, whole sectors. */
  erase(offset: number, byteCount: number): ChipStart {
    const misuse = this.eraseMisuse(offset, byteCount);
    if (misuse !== undefined) return { ok: false, misuse };
    return this.#start(erasePlan(this.geometry, this.sectors, offset, byteCount));
  }

  /** Starts to program whole write blocks from `offset` on. @param data copied */
  program(offset: number, data: Uint8Array): ChipStart {
    const misuse = this.programMisuse(offset, data);
    if (misuse !== undefined) return { ok: false, misuse };
    return this.#start(programPlan(this.geometry, offset, data));
  }

  /** Why an erase would be refused; undefined where it would not. */
  eraseMisuse(offset: number, byteCount: number): ChipMisuse | undefined {
    const { sectors } = this;
    // The end of the last sector is the start of none, and a boundary all the same.
    const isAligned = sectors.isBoundary(offset) && sectors.isBoundary(offset + byteCount);
    return this.#misuse("an erase", "sectors", offset, byteCount, isAligned);
  }

  /** Why a program of any data would be refused; undefined where not every one would. */
  placeMisuse(offset: number, byteCount: number): ChipMisuse | undefined {
    const { writeBlockBytes } = this.geometry;
    const isAligned = offset % writeBlockBytes === 0 && byteCount % writeBlockBytes === 0;
    const units = `write blocks of ${writeBlockBytes} bytes`;
    return this.#misuse("a program", units, offset, byteCount, isAligned);
  }

  /** Why a program would be refused; undefined where it would not. */
  programMisuse(offset: number, data: Uint8Array): ChipMisuse | undefined {
    const { program } = this.geometry;
    const misuse = this.placeMisuse(offset, data.length);
    if (misuse !== undefined || program === "overwrite") return misuse;
    return program === "and" ? this.#cellMisuse(offset, data) : this.#blockMisuse(offset, data.length);
  }

  /** The operation was begun here, and has not ended. */
  isUnderWay(operation: ChipOperation): boolean {
    return this.#current === operation;
  }

  /** The first byte of the range that cannot be read; undefined where all can. */
  readFault(offset: number, byteCount: number): number | undefined {
    return firstIn(this.condition.faulty, offset, offset + byteCount);
  }

  /** The first byte of the range that reads right only because it was corrected. */
  readCorrected(offset: number, byteCount: number): number | undefined {
    return firstIn(this.condition.corrected, offset, offset + byteCount);
  }

  /** The first byte of the range that does not read as erased; undefined where all do. */
  notErased(offset: number, byteCount: number): number | undefined {
    const end = offset + byteCount;
    const fault = this.readFault(offset, byteCount) ?? end;
    for (let word = Math.floor(offset / 4); word * 4 < fault; word += 1) {
      const wrong = (this.#port.load32(word) ^ this.#erased) & bitsWithin(word, offset, fault);
      if (wrong !== 0) return word * 4 + lowestByte(wrong);
    }
    return fault < end ? fault : undefined;
  }

  /** A copy of what the cells hold, whether or not it can be read. */
  contents(offset: number, byteCount: number): Uint8Array {
    const bytes = new Uint8Array(byteCount);
    for (let at = 0; at < byteCount; at += 1) {
      const byte = offset + at;
      bytes[at] = this.#port.load32(byte >>> 2) >>> (8 * (byte & 3));
    }
    return bytes;
  }

  /** Has every unstable cell read another value, as a reader would find; before each reading that somebody may believe. */
  readUnstable(reading: Reading): void {
    const { unstable } = this.condition;
    for (const cell of unstable) this.#port.unitBegins(cell.word * 4, 4);
    for (const cell of unstable) {
      this.#port.store32(cell.word, unstableReading(this.#port.load32(cell.word), cell, reading));
    }
  }

  /** Wears or spoils what a range touches: whole write blocks of it. An erase heals what is not bad. */
  damage(what: ChipDamage, offset: number, byteCount: number): void {
    const { writeBlockBytes: block } = this.geometry;
    const start = Math.floor(offset / block) * block;
    const end = Math.ceil((offset + byteCount) / block) * block;
    this.#change({ [what]: withRange(this.condition[what], start, end) });
  }

  #start(plan: UnitPlan): ChipStart {
    const operation = new UnitOperation(plan, this.#host);
    this.#current = operation;
    return { ok: true, operation };
  }

  #change(changed: Partial<ChipCondition>): void {
    this.condition = { ...this.condition, ...changed };
  }

  // What is refused -----------------------------------------------------------------------------------------

  #misuse(
    what: string,
    units: string,
    offset: number,
    byteCount: number,
    isAligned: boolean,
  ): ChipMisuse | undefined {
    const where = `${what} of ${byteCount} bytes at ${hex(offset)}`;
    const misuse = (name: ChipMisuseName, rest: string): ChipMisuse => {
      return { name, offset, message: `${where} ${rest}` };
    };
    if (this.#current !== undefined) return misuse("busy", "while another operation is under way");
    if (byteCount === 0) return misuse("empty", "does nothing");
    // Written so that no sum and no NaN gets past it.
    const inside = offset >= 0 && byteCount > 0 && offset <= this.bytes - byteCount;
    if (!inside) return misuse("out-of-range", `is not within the chip's ${this.bytes} bytes`);
    if (!isAligned) return misuse("misaligned", `is not made of whole ${units}`);
    return this.#isProtected(offset, byteCount) ? misuse("protected", "is in protected flash") : undefined;
  }

  /** Programming changes cells one way; only an erase changes them back. */
  #cellMisuse(offset: number, data: Uint8Array): ChipMisuse | undefined {
    for (const [at, byte] of data.entries()) {
      const place = offset + at;
      const held = this.#port.load32(place >>> 2) >>> (8 * (place & 3));
      // Of each, the cells that are not as erased ones.
      if (((held ^ this.#erased) & ~(byte ^ this.#erased) & 0xff) !== 0) {
        const message = `the flash is not erased at ${hex(place)}: a program cannot change cells back`;
        return { name: "not-erased", offset: place, message };
      }
    }
    return undefined;
  }

  #blockMisuse(offset: number, byteCount: number): ChipMisuse | undefined {
    const end = offset + byteCount;
    const place = this.notErased(offset, byteCount) ?? firstIn(this.condition.programmedBlank, offset, end);
    if (place === undefined) return undefined;
    const message = `the block at ${hex(place)} was programmed and not erased since: it is programmed once`;
    return { name: "programmed-twice", offset: place, message };
  }

  // What becomes of a unit ----------------------------------------------------------------------------------

  #sector(offset: number): Sector {
    const sector = this.sectors.at(offset);
    if (sector === undefined) throw new RangeError(`there is no sector at ${hex(offset)}`);
    return sector;
  }

  #countErase(start: number): void {
    const { index } = this.#sector(start);
    const { erases } = this.condition;
    this.#change({ erases: new Map(erases).set(index, (erases.get(index) ?? 0) + 1) });
  }

  #failure(kind: "erase" | "program", start: number, end: number): ChipFailure | undefined {
    if (this.failsNext) {
      this.failsNext = false;
      return { name: "once", offset: start, message: `the ${kind} at ${hex(start)} failed, this once` };
    }
    const offset = firstIn(this.condition.bad, start, end);
    if (offset !== undefined) {
      return { name: "bad", offset, message: `the ${kind} of a bad block at ${hex(offset)} failed` };
    }
    const { enduranceErases } = this.geometry;
    if (kind === "program" || enduranceErases === undefined) return undefined;
    if ((this.condition.erases.get(this.#sector(start).index) ?? 0) <= enduranceErases) return undefined;
    const message = `the sector at ${hex(start)} is worn out by ${enduranceErases} erases: its erase failed`;
    return { name: "worn-out", offset: start, message };
  }

  #settle(operation: ChipOperation, start: number, end: number): void {
    const { condition } = this;
    const unstable = settledCells(condition.unstable, start, end, (word) => operation.left(word));
    if (operation.kind === "erase") {
      const heal = (ranges: ByteRanges): ByteRanges => withoutRange(ranges, start, end);
      const { faulty, corrected, programmedBlank } = condition;
      this.#change({
        unstable,
        faulty: heal(faulty),
        corrected: heal(corrected),
        programmedBlank: heal(programmedBlank),
      });
      return;
    }
    const isOnce = this.geometry.program === "once" || this.geometry.program === "ecc";
    const isBlank = isOnce && this.notErased(start, end - start) === undefined;
    if (unstable === condition.unstable && !isBlank) return;
    const { programmedBlank } = condition;
    this.#change({
      unstable,
      programmedBlank: isBlank ? withRange(programmedBlank, start, end) : programmedBlank,
    });
  }

  #tear(
    { unitOffset: start, unitEnd: end, kind }: ChipOperation,
    how: ChipTear,
    cells: readonly UnstableWord[],
    meant: readonly WordChange[],
  ): void {
    this.#change({ unstable: [...this.condition.unstable, ...cells] });
    if (this.geometry.program !== "ecc") return;
    const torn = { kind, start, end, how, cells, meant };
    this.#change({ faulty: faultyAfterTear(this.condition.faulty, torn, this.#eccCells) });
  }
}

/** Index of the lowest byte of a word that is not 0. */
function lowestByte(word: number): number {
  return (31 - Math.clz32(word & -word)) >> 3;
}
