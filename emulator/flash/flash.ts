/**
 * NOR flash: what a region's memory allows.
 *
 * An erase sets whole sectors to 0xFF, a program clears bits in whole units; neither does anything else, and neither
 * touches the primary. Operations go unit by unit ({@link FlashOperation.step}), so that a stop or a power cut falls
 * between two units, or by {@link FlashOperation.tear} inside one (flash-tear.ts). Before a unit changes its port is
 * told, which raises the region's store epoch: nobody goes on with what was read before.
 *
 * With ECC each program unit is a block that is programmed once between two erases, and one that a cut leaves half done
 * cannot be read until it is erased (ecc.ts).
 *
 * Invariants: one operation at a time; an operation that is refused changes nothing; a word outside the unit in
 * progress never changes; programming never sets a bit; what cannot be read changes by a tear, by damage and by an erase.
 */

import { hex } from "../base/text.ts";
import { type ByteRanges, withoutRange, withRange } from "./byte-ranges.ts";
import { type EccCells, faultyAfterTear, type TornUnit } from "./ecc.ts";
import { type Reading, settledCells, type UnstableWord, unstableReading } from "./flash-tear.ts";
import {
  type FlashOperation,
  type FlashPort,
  type OperationHost,
  UnitOperation,
  type UnitPlan,
} from "./unit-operation.ts";

export type { FlashOperation, FlashPort } from "./unit-operation.ts";

export interface FlashGeometry {
  readonly regionBytes: number;
  /** Unit of an erase; divides regionBytes. */
  readonly sectorBytes: number;
  /** Unit of a program; divides sectorBytes, a multiple of 4. */
  readonly programUnitBytes: number;
}

/** Where it stands which blocks cannot be read: a set of whole program units, replaced as a whole. */
export interface EccState {
  faulty: ByteRanges;
  /** The first byte of the range that cannot be read; undefined where all can. */
  firstIn(offset: number, byteCount: number): number | undefined;
}

/** What an erased word reads. */
const ERASED_WORD = -1;

export type FlashRefusalName =
  | "out-of-region"
  | "misaligned"
  | "empty"
  /** The region is designated, and flash is not written under what may execute. */
  | "is-primary"
  /** A bit is to be programmed to 1, or with ECC a unit that is not blank: erase first. */
  | "not-erased"
  /** Another operation has not ended. */
  | "busy";

export interface FlashRefusal {
  readonly name: FlashRefusalName;
  /** The first byte that it is about. */
  readonly offset: number;
  /** One sentence for humans. */
  readonly message: string;
}

export type FlashStart =
  | { readonly ok: true; readonly operation: FlashOperation }
  | { readonly ok: false; readonly refusal: FlashRefusal };

/** The flash under one region. */
export class NorFlash {
  /** Erases of each sector so far. */
  readonly eraseCounts: Uint32Array;
  readonly geometry: FlashGeometry;
  /** Cells that read differently each time, until they are erased or programmed; replaced as a whole. */
  unstable: readonly UnstableWord[] = [];
  readonly #port: FlashPort;
  readonly #isPrimary: () => boolean;
  readonly #ecc: EccState | undefined;
  readonly #cells: EccCells;
  readonly #host: OperationHost<never>;
  #current: FlashOperation | undefined;

  /**
   * @param isPrimary whether the region is designated at the moment
   * @param ecc absent: it has none
   */
  constructor(port: FlashPort, geometry: FlashGeometry, isPrimary: () => boolean, ecc?: EccState) {
    this.#port = port;
    this.#ecc = ecc;
    const { programUnitBytes: blockBytes } = geometry;
    this.#cells = { blockBytes, erasedWord: ERASED_WORD, load32: (word) => port.load32(word) };
    this.geometry = geometry;
    this.#isPrimary = isPrimary;
    this.eraseCounts = new Uint32Array(geometry.regionBytes / geometry.sectorBytes);
    this.#host = {
      port,
      permits: ({ kind }) => {
        if (isPrimary()) throw new RangeError(`the region became primary under its ${kind}`);
      },
      begun: ({ kind }, unitOffset) => {
        if (kind === "erase") this.#countErase(unitOffset);
      },
      failure: () => undefined,
      settled: (operation, start, end) => {
        this.unstable = settledCells(this.unstable, start, end, (word) => operation.left(word));
        if (operation.kind === "erase") this.#heal(start, end);
      },
      torn: ({ kind, unitOffset: start, unitEnd: end }, how, cells, meant) => {
        this.unstable = [...this.unstable, ...cells];
        this.#spoil({ kind, start, end, how, cells, meant });
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
    const units = byteCount / unitBytes;
    const unitOffset = (index: number): number => offset + index * unitBytes;
    const targets = ERASED_WORD;
    return this.#start({ kind: "erase", rule: "store", units, unitOffset, targets, preprogrammed: 0 });
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
    const notErased = this.#notErased(offset, targets);
    if (notErased !== undefined) return { ok: false, refusal: notErased };
    const units = data.length / unitBytes;
    const unitOffset = (index: number): number => offset + index * unitBytes;
    return this.#start({ kind: "program", rule: "clear", units, unitOffset, targets, preprogrammed: 0 });
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

  /** Bytes that somebody spoils from outside: the blocks that they are in cannot be read. Throws where there is no ECC. */
  spoilBlocks(offset: number, byteCount: number): void {
    if (this.#ecc === undefined) throw new RangeError("flash without ECC has no block that cannot be read");
    const { programUnitBytes: block } = this.geometry;
    const start = Math.floor(offset / block) * block;
    const end = Math.ceil((offset + byteCount) / block) * block;
    this.#ecc.faulty = withRange(this.#ecc.faulty, start, end);
  }

  /** The first byte of the range that cannot be read; undefined where all can. */
  readFault(offset: number, byteCount: number): number | undefined {
    return this.#ecc?.firstIn(offset, byteCount);
  }

  #heal(start: number, end: number): void {
    if (this.#ecc !== undefined) this.#ecc.faulty = withoutRange(this.#ecc.faulty, start, end);
  }

  #spoil(torn: TornUnit): void {
    if (this.#ecc !== undefined) this.#ecc.faulty = faultyAfterTear(this.#ecc.faulty, torn, this.#cells);
  }

  /** Why words from `offset` on cannot be programmed to these; undefined where they can. */
  #notErased(offset: number, targets: Int32Array): FlashRefusal | undefined {
    const isOnce = this.#ecc !== undefined;
    const fault = this.readFault(offset, targets.length * 4);
    const end = fault === undefined ? targets.length : Math.ceil((fault - offset) / 4);
    for (let at = 0; at < end; at += 1) {
      const word = offset / 4 + at;
      const needed = isOnce ? ERASED_WORD : (targets[at] as number);
      if ((this.#port.load32(word) & needed) === needed) continue;
      const why = isOnce ? "a unit with ECC is programmed once" : "a program cannot set bits";
      const message = `the flash is not erased at ${hex(word * 4)}: ${why}`;
      return { name: "not-erased", offset: word * 4, message };
    }
    if (fault === undefined) return undefined;
    const message = `the flash cannot be read at ${hex(fault)}: it must be erased first`;
    return { name: "not-erased", offset: fault, message };
  }

  #refusal(
    what: string,
    units: string,
    offset: number,
    byteCount: number,
    unitBytes: number,
  ): FlashRefusal | undefined {
    const where = `${what} of ${byteCount} bytes at ${hex(offset)}`;
    if (this.#current !== undefined)
      return { name: "busy", offset, message: `${where} while another is under way` };
    if (this.#isPrimary())
      return { name: "is-primary", offset, message: `${where} in the primary is refused` };
    if (offset % unitBytes !== 0 || byteCount % unitBytes !== 0) {
      return {
        name: "misaligned",
        offset,
        message: `${where} is not made of whole ${units} of ${unitBytes} bytes`,
      };
    }
    if (byteCount === 0) return { name: "empty", offset, message: `${where} does nothing` };
    // Written so that no sum and no NaN gets past it.
    const inside = offset >= 0 && byteCount > 0 && offset <= this.geometry.regionBytes - byteCount;
    if (!inside) return { name: "out-of-region", offset, message: `${where} reaches beyond the region` };
    return undefined;
  }

  #start(plan: UnitPlan): FlashStart {
    const operation = new UnitOperation(plan, this.#host);
    this.#current = operation;
    return { ok: true, operation };
  }

  #countErase(unitOffset: number): void {
    const sector = unitOffset / this.geometry.sectorBytes;
    this.eraseCounts[sector] = (this.eraseCounts[sector] as number) + 1;
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
