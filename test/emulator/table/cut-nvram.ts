/** The table's memory with a power cut at a chosen store. */
import { TABLE_BYTES } from "../../../emulator/memory/layout.ts";
import type { NvramPort } from "../../../emulator/table/nvram.ts";

export class PowerCut extends Error {
  override readonly name = "PowerCut";
}

/** Always the same one: a stack trace for each of a million cuts would cost more than all else. */
const POWER_CUT = new PowerCut("power was cut before a store");

export class CutNvram implements NvramPort {
  readonly words: Int32Array<ArrayBuffer>;
  /** Stores that still succeed; the one after them loses power and is not done. */
  storesLeft: number;
  stores = 0;

  constructor(words = new Int32Array(TABLE_BYTES / 4), storesLeft = Number.POSITIVE_INFINITY) {
    this.words = words;
    this.storesLeft = storesLeft;
  }

  load32(wordIndex: number): number {
    if (wordIndex < 0 || wordIndex >= this.words.length) throw new RangeError(`load of word ${wordIndex}`);
    return this.words[wordIndex] as number;
  }

  store32(wordIndex: number, value: number): void {
    if (wordIndex < 0 || wordIndex >= this.words.length) throw new RangeError(`store to word ${wordIndex}`);
    if (this.storesLeft <= 0) throw POWER_CUT;
    this.storesLeft -= 1;
    this.stores += 1;
    this.words[wordIndex] = value;
  }
}

/** Runs `operation` until it ends or power is lost; true when it ended. */
export function survives(operation: () => void): boolean {
  try {
    operation();
    return true;
  } catch (error) {
    if (error instanceof PowerCut) return false;
    throw error;
  }
}

/**
 * Runs `operation` on a copy of `memory` once for every store it makes, cutting power before that store, and once
 * to its end; gives what each leaves to `judge`, powered again, with the number of stores that were done.
 */
export function atEveryCut(
  memory: Int32Array<ArrayBuffer>,
  operation: (port: CutNvram) => void,
  judge: (left: CutNvram, stores: number, ended: boolean) => void,
): void {
  for (let stores = 0; ; stores += 1) {
    const port = new CutNvram(memory.slice(), stores);
    const ended = survives(() => operation(port));
    port.storesLeft = Number.POSITIVE_INFINITY;
    port.stores = 0;
    judge(port, stores, ended);
    if (ended) return;
  }
}
