/**
 * NOR flash: what a region's memory allows.
 *
 * An erase sets whole sectors to 0xFF, a program clears bits in whole units; neither does anything else, and neither
 * touches the primary. Operations go unit by unit ({@link FlashOperation.step}), so that a stop or a power cut falls
 * between two units, or by {@link FlashOperation.tear} inside one (flash-tear.ts). Before a unit changes its port is
 * told, which raises the region's store epoch: nobody goes on with what was read before.
 *
 * Invariants: one operation at a time; an operation that is refused changes nothing; a word outside the unit in
 * progress never changes; programming never sets a bit.
 */

import type { Random } from "../base/random.ts";
import { hex } from "../base/text.ts";
import {
  type Reading,
  type Tear,
  tearChanges,
  type UnstableWord,
  unstableReading,
  type WordChange,
} from "./flash-tear.ts";

/** The memory under one region; words count from the region's start. */
export interface FlashPort {
  load32(wordIndex: number): number;
  store32(wordIndex: number, value: number): void;
  /** Called before the first store of a unit, with its bytes from the region's start. */
  unitBegins(offset: number, byteCount: number): void;
}

export interface FlashGeometry {
  readonly regionBytes: number;
  /** Unit of an erase; divides regionBytes. */
  readonly sectorBytes: number;
  /** Unit of a program; divides sectorBytes, a multiple of 4. */
  readonly programUnitBytes: number;
}

export type FlashRefusalName =
  | "out-of-region"
  | "misaligned"
  | "empty"
  /** The region is designated, and flash is not written under what may execute. */
  | "is-primary"
  /** A bit is to be programmed to 1: erase first. */
  | "not-erased"
  /** Another operation has not ended. */
  | "busy";

export interface FlashRefusal {
  readonly name: FlashRefusalName;
  /** One sentence for humans. */
  readonly message: string;
}

export type FlashStart =
  | { readonly ok: true; readonly operation: FlashOperation }
  | { readonly ok: false; readonly refusal: FlashRefusal };

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
  tear(how: Tear, random: Random): void;
  /** Ends the operation where it is, between two units. */
  abort(): void;
}

/** The flash under one region. */
export class NorFlash {
  /** Erases of each sector so far. */
  readonly eraseCounts: Uint32Array;
  readonly geometry: FlashGeometry;
  /** Cells that read differently each time, until they are erased or programmed; replaced as a whole. */
  unstable: readonly UnstableWord[] = [];
  readonly #port: FlashPort;
  readonly #isPrimary: () => boolean;
  readonly #host: OperationHost;
  #current: UnitOperation | undefined;

  /** @param isPrimary whether the region is designated at the moment */
  constructor(port: FlashPort, geometry: FlashGeometry, isPrimary: () => boolean) {
    this.#port = port;
    this.geometry = geometry;
    this.#isPrimary = isPrimary;
    this.eraseCounts = new Uint32Array(geometry.regionBytes / geometry.sectorBytes);
    this.#host = {
      port,
      isPrimary,
      begun: ({ kind }, unitOffset) => {
        if (kind === "erase") this.#countErase(unitOffset);
      },
      settled: (operation, firstWord, endWord) => this.#settle(operation, firstWord, endWord),
      torn: (cells) => {
        this.unstable = [...this.unstable, ...cells];
      },
      ended: () => {
        this.#current = undefined;
      },
    };
  }

  /** Starts to set `byteCount` bytes from `offset` on to 0xFF, whole sectors. */
  erase(offset: number, byteCount: number): FlashStart {
    const unitBytes = this.geometry.sectorBytes;
    const refusal = this.#refusal("an erase", "sectors", offset, byteCount, unitBytes);
    if (refusal !== undefined) return { ok: false, refusal };
    return this.#start("erase", offset, byteCount, unitBytes, NO_TARGETS);
  }

  /**
   * Starts to clear, from `offset` on, the bits that are 0 in `data`, whole program units.
   * @param data copied; pad with 0xFF, which changes nothing
   */
  program(offset: number, data: Uint8Array): FlashStart {
    const unitBytes = this.geometry.programUnitBytes;
    const refusal = this.#refusal("a program", "program units", offset, data.length, unitBytes);
    if (refusal !== undefined) return { ok: false, refusal };
    const targets = new Int32Array(new Uint8Array(data).buffer);
    for (let at = 0; at < targets.length; at += 1) {
      const word = offset / 4 + at;
      const target = targets[at] as number;
      if ((this.#port.load32(word) & target) !== target) {
        const message = `the flash is not erased at ${hex(word * 4)}: a program cannot set bits`;
        return { ok: false, refusal: { name: "not-erased", message } };
      }
    }
    return this.#start("program", offset, data.length, unitBytes, targets);
  }

  /**
   * Has every unstable cell read another value, as a reader would find. To be called before each reading that
   * somebody may believe: a verify, the boot ROM.
   */
  readUnstable(reading: Reading): void {
    if (this.unstable.length === 0) return;
    for (const cell of this.unstable) this.#port.unitBegins(cell.word * 4, 4);
    for (const cell of this.unstable) {
      this.#port.store32(cell.word, unstableReading(this.#port.load32(cell.word), cell, reading));
    }
  }

  #refusal(
    what: string,
    units: string,
    offset: number,
    byteCount: number,
    unitBytes: number,
  ): FlashRefusal | undefined {
    const where = `${what} of ${byteCount} bytes at ${hex(offset)}`;
    if (this.#current !== undefined) return { name: "busy", message: `${where} while another is under way` };
    if (this.#isPrimary()) return { name: "is-primary", message: `${where} in the primary is refused` };
    if (offset % unitBytes !== 0 || byteCount % unitBytes !== 0) {
      return { name: "misaligned", message: `${where} is not made of whole ${units} of ${unitBytes} bytes` };
    }
    if (byteCount === 0) return { name: "empty", message: `${where} does nothing` };
    // Written so that no sum and no NaN gets past it.
    const inside = offset >= 0 && byteCount > 0 && offset <= this.geometry.regionBytes - byteCount;
    if (!inside) return { name: "out-of-region", message: `${where} reaches beyond the region` };
    return undefined;
  }

  #start(
    kind: "erase" | "program",
    offset: number,
    byteCount: number,
    unitBytes: number,
    targets: Int32Array,
  ): FlashStart {
    const operation = new UnitOperation(kind, offset, byteCount, unitBytes, targets, this.#host);
    this.#current = operation;
    return { ok: true, operation };
  }

  #countErase(unitOffset: number): void {
    const sector = unitOffset / this.geometry.sectorBytes;
    this.eraseCounts[sector] = (this.eraseCounts[sector] as number) + 1;
  }

  /** An erase makes all cells definite, a program those that it clears. */
  #settle(operation: UnitOperation, firstWord: number, endWord: number): void {
    if (this.unstable.length === 0) return;
    this.unstable = this.unstable.flatMap((cell) => {
      if (cell.word < firstWord || cell.word >= endWord) return [cell];
      const mask = cell.mask & operation.left(cell.word);
      return mask === 0 ? [] : [{ ...cell, mask }];
    });
  }
}

/** An erase leaves no bit. */
const NO_TARGETS = new Int32Array(0);

/** What an operation needs of its flash. */
interface OperationHost {
  readonly port: FlashPort;
  readonly isPrimary: () => boolean;
  begun(operation: UnitOperation, unitOffset: number): void;
  settled(operation: UnitOperation, firstWord: number, endWord: number): void;
  torn(cells: readonly UnstableWord[]): void;
  ended(): void;
}

class UnitOperation implements FlashOperation {
  readonly kind: "erase" | "program";
  readonly units: number;
  readonly #offset: number;
  readonly #unitBytes: number;
  /** By word of a program, the bits that stay. */
  readonly #targets: Int32Array;
  readonly #host: OperationHost;
  #unitsDone = 0;
  #ended = false;

  constructor(
    kind: "erase" | "program",
    offset: number,
    byteCount: number,
    unitBytes: number,
    targets: Int32Array,
    host: OperationHost,
  ) {
    this.kind = kind;
    this.units = byteCount / unitBytes;
    this.#offset = offset;
    this.#unitBytes = unitBytes;
    this.#targets = targets;
    this.#host = host;
  }

  get unitsDone(): number {
    return this.#unitsDone;
  }

  get done(): boolean {
    return this.#unitsDone === this.units;
  }

  changes(): WordChange[] {
    const changes: WordChange[] = [];
    for (let word = this.#firstWord; word < this.#endWord; word += 1) {
      const before = this.#host.port.load32(word);
      const after = this.#after(word, before);
      if (after !== before) changes.push({ word, before, after });
    }
    return changes;
  }

  step(): void {
    this.#begin();
    const { port } = this.#host;
    const firstWord = this.#firstWord;
    const endWord = this.#endWord;
    for (let word = firstWord; word < endWord; word += 1) {
      const before = port.load32(word);
      const after = this.#after(word, before);
      if (after !== before) port.store32(word, after);
    }
    this.#host.settled(this, firstWord, endWord);
    this.#unitsDone += 1;
    if (this.done) this.abort();
  }

  tear(how: Tear, random: Random): void {
    const changes = how === "preprogrammed" ? this.#firstChanges() : this.changes();
    this.#begin();
    const torn = tearChanges(changes, how, random);
    for (const { word, value } of torn.stores) this.#host.port.store32(word, value);
    this.#host.torn(torn.unstable);
    this.abort();
  }

  /** The bits of a word that the operation leaves as they are. */
  left(word: number): number {
    return this.kind === "erase" ? 0 : (this.#targets[word - this.#offset / 4] as number);
  }

  abort(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#host.ended();
  }

  /** What the chip does first: an erase programs its sector to 0, so that all cells wear alike. */
  #firstChanges(): WordChange[] {
    if (this.kind === "program") return this.changes();
    const changes: WordChange[] = [];
    for (let word = this.#firstWord; word < this.#endWord; word += 1) {
      const before = this.#host.port.load32(word);
      if (before !== 0) changes.push({ word, before, after: 0 });
    }
    return changes;
  }

  get #unitOffset(): number {
    return this.#offset + this.#unitsDone * this.#unitBytes;
  }

  get #firstWord(): number {
    return this.#unitOffset / 4;
  }

  get #endWord(): number {
    return (this.#unitOffset + this.#unitBytes) / 4;
  }

  #after(word: number, before: number): number {
    return this.kind === "erase" ? -1 : before & this.left(word);
  }

  #begin(): void {
    if (this.#ended) throw new RangeError(`the ${this.kind} has ended`);
    if (this.#host.isPrimary()) throw new RangeError(`the region became primary under its ${this.kind}`);
    this.#host.port.unitBegins(this.#unitOffset, this.#unitBytes);
    this.#host.begun(this, this.#unitOffset);
  }
}

/** Flash over the bytes of a region, for where nobody else has to hear of its stores. */
export class BytesFlashPort implements FlashPort {
  readonly #words: Int32Array;
  readonly #unitBegins: (offset: number, byteCount: number) => void;

  /** @param bytes the region, aligned to 4 */
  constructor(bytes: Uint8Array, unitBegins: (offset: number, byteCount: number) => void) {
    this.#words = new Int32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4);
    this.#unitBegins = unitBegins;
  }

  load32(wordIndex: number): number {
    return this.#words[wordIndex] as number;
  }

  store32(wordIndex: number, value: number): void {
    this.#words[wordIndex] = value;
  }

  unitBegins(offset: number, byteCount: number): void {
    this.#unitBegins(offset, byteCount);
  }
}
