/**
 * Writes an image into a region as NOR flash takes it: sectors are erased, then the image is programmed unit by
 * unit. Whoever keeps the memory hears of each unit as it is made.
 */

import { ERASED } from "../persist/persistent-space.ts";
import type { FlashOperation, FlashStart, NorFlash } from "./flash.ts";

/**
 * Makes one unit: calls `make`, which changes the bytes from `offset` of the region on, or, where power goes meanwhile,
 * has the operation leave the unit torn and throws.
 */
export type MakeUnit = (
  kind: FlashOperation["kind"],
  offset: number,
  byteCount: number,
  make: () => void,
  operation: FlashOperation,
) => void;

/** The flash refused; `name` is the refusal's. */
export class FlashRefusedError extends Error {
  constructor(name: string, message: string) {
    super(message);
    this.name = name;
  }
}

/**
 * Erases what an image will take, and whatever else is not erased.
 * @param bytes the region
 * Throws {@link FlashRefusedError}.
 */
export function eraseFor(flash: NorFlash, bytes: Uint8Array, imageBytes: number, makeUnit: MakeUnit): void {
  const { regionBytes, sectorBytes } = flash.geometry;
  for (let offset = 0; offset < regionBytes; offset += sectorBytes) {
    // Where the image goes nothing is believed: an erase that was cut off may read as erased, until it does not.
    const erased = offset >= imageBytes && isErased(bytes, offset, offset + sectorBytes);
    if (!erased) carryOut(flash.erase(offset, sectorBytes), offset, sectorBytes, makeUnit);
  }
}

/** Programs an image into a region that was erased for it. Throws {@link FlashRefusedError}. */
export function programImage(flash: NorFlash, image: Uint8Array, makeUnit: MakeUnit): void {
  const { programUnitBytes } = flash.geometry;
  const padded = new Uint8Array(Math.ceil(image.length / programUnitBytes) * programUnitBytes).fill(ERASED);
  padded.set(image);
  if (padded.length > 0) carryOut(flash.program(0, padded), 0, programUnitBytes, makeUnit);
}

function isErased(bytes: Uint8Array, from: number, to: number): boolean {
  const words = new Int32Array(bytes.buffer, bytes.byteOffset + from, (to - from) / 4);
  for (let at = 0; at < words.length; at += 1) if (words[at] !== -1) return false;
  return true;
}

function carryOut(start: FlashStart, offset: number, unitBytes: number, makeUnit: MakeUnit): void {
  if (!start.ok) throw new FlashRefusedError(start.refusal.name, start.refusal.message);
  const { operation } = start;
  try {
    while (!operation.done) {
      const at = offset + operation.unitsDone * unitBytes;
      makeUnit(operation.kind, at, unitBytes, () => operation.step(), operation);
    }
  } finally {
    // Where a unit could not be made the flash is not busy for ever.
    operation.abort();
  }
}
