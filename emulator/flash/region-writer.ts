/**
 * Writes an image into a region as NOR flash takes it: sectors are erased, then the image is programmed, as a sequence of
 * units. Whoever asks for them makes each (`operation.step`), or leaves it torn, before asking for the next one; who asks
 * for no more (`return`) leaves what was made, and the flash free.
 */

import { ERASED } from "../persist/persistent-space.ts";
import type { FlashOperation, FlashStart, NorFlash } from "./flash.ts";

/** The next unit of an operation, in bytes from the region's start. */
export interface FlashUnit {
  readonly operation: FlashOperation;
  readonly offset: number;
  readonly byteCount: number;
}

/** Asking for a unit throws {@link FlashRefusedError} where the flash refuses the operation that it begins. */
export type FlashUnits = Generator<FlashUnit, void, void>;

/** The flash refused; `name` is the refusal's. */
export class FlashRefusedError extends Error {
  /** The first byte of the region that it is about. */
  readonly offset: number;

  constructor(name: string, message: string, offset = 0) {
    super(message);
    this.name = name;
    this.offset = offset;
  }
}

/** Looked up before each unit of an operation: throws {@link FlashRefusedError} where it may not go on. */
export type Permit = () => void;

/**
 * Erases what an image will take, and whatever else is not erased.
 * @param bytes the region
 * @param isBlank whether bytes from an offset on are known to read erased: they are not looked at
 */
export function* eraseFor(
  flash: NorFlash,
  bytes: Uint8Array,
  imageBytes: number,
  isBlank: (offset: number, byteCount: number) => boolean = () => false,
): FlashUnits {
  const { regionBytes, sectorBytes } = flash.geometry;
  for (let offset = 0; offset < regionBytes; offset += sectorBytes) {
    // Where the image goes nothing is believed: an erase that was cut off may read as erased, until it does not.
    const erased =
      offset >= imageBytes &&
      flash.readFault(offset, sectorBytes) === undefined &&
      (isBlank(offset, sectorBytes) || isErased(bytes, offset, offset + sectorBytes));
    if (!erased) yield* unitsOf(flash.erase(offset, sectorBytes), offset, sectorBytes);
  }
}

/** Programs an image into a region that was erased for it. */
export function* programImage(flash: NorFlash, image: Uint8Array): FlashUnits {
  const { programUnitBytes } = flash.geometry;
  const padded = new Uint8Array(Math.ceil(image.length / programUnitBytes) * programUnitBytes).fill(ERASED);
  padded.set(image);
  if (padded.length > 0) yield* unitsOf(flash.program(0, padded), 0, programUnitBytes);
}

/** Erases whole sectors, for as long as it is permitted. */
export function* eraseSectors(
  flash: NorFlash,
  offset: number,
  byteCount: number,
  permit: Permit,
): FlashUnits {
  yield* unitsOf(flash.erase(offset, byteCount), offset, flash.geometry.sectorBytes, permit);
}

/** Programs whole units with what `data` holds now, for as long as it is permitted. */
export function* programUnits(flash: NorFlash, offset: number, data: Uint8Array, permit: Permit): FlashUnits {
  yield* unitsOf(flash.program(offset, data), offset, flash.geometry.programUnitBytes, permit);
}

function isErased(bytes: Uint8Array, from: number, to: number): boolean {
  const words = new Int32Array(bytes.buffer, bytes.byteOffset + from, (to - from) / 4);
  for (let at = 0; at < words.length; at += 1) if (words[at] !== -1) return false;
  return true;
}

function* unitsOf(
  start: FlashStart,
  from: number,
  byteCount: number,
  permit: Permit = () => undefined,
): FlashUnits {
  if (!start.ok) throw new FlashRefusedError(start.refusal.name, start.refusal.message, start.refusal.offset);
  const { operation } = start;
  try {
    while (!operation.done) {
      permit();
      yield { operation, offset: from + operation.unitsDone * byteCount, byteCount };
    }
  } finally {
    // Where a unit could not be made the flash is not busy for ever.
    operation.abort();
  }
}
