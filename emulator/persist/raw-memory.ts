/**
 * Raw memory: what the chips of a controller hold, as a programmer or a debug probe reads them, and nothing else.
 *
 * ```
 * region 0 … region n − 1     each of regionBytes
 * management table            TABLE_BYTES: replica 0, replica 1 and the security floor, a page each
 * NVRAM                       nvramBytes: the firmware's own
 * ```
 * That is the order of their physical addresses (emulator/memory/map.ts). A file may end behind the regions: flash alone,
 * of a board whose battery-backed memory was not read. There is no header, so nothing but its size tells what it is of.
 * How often sectors were erased is not in it.
 */
import { TABLE_BYTES } from "../memory/layout.ts";
import {
  blankImage,
  NVRAM_OFFSET,
  type PersistentSpace,
  regionOffset,
  TABLE_OFFSET,
} from "./persistent-space.ts";

/** Bytes that are no raw memory of a device; `message` says what they must be, as the end of a sentence. */
export class RawMemoryError extends Error {
  override readonly name = "RawMemoryError";
}

/** A part of it: where it is in a raw file, and in the persistent space. */
interface Part {
  readonly rawOffset: number;
  readonly offset: number;
  readonly bytes: number;
}

function partsOf(space: PersistentSpace): readonly Part[] {
  const { regions, regionBytes, nvramBytes } = space;
  const flashBytes = regions * regionBytes;
  return [
    ...Array.from({ length: regions }, (_, region) => ({
      rawOffset: region * regionBytes,
      offset: regionOffset(space, region),
      bytes: regionBytes,
    })),
    { rawOffset: flashBytes, offset: TABLE_OFFSET, bytes: TABLE_BYTES },
    { rawOffset: flashBytes + TABLE_BYTES, offset: NVRAM_OFFSET, bytes: nvramBytes },
  ];
}

/** Bytes of a whole one. */
export function rawBytes({ regions, regionBytes, nvramBytes }: PersistentSpace): number {
  return regions * regionBytes + TABLE_BYTES + nvramBytes;
}

/** @param image the persistent space */
export function encodeRaw(space: PersistentSpace, image: Uint8Array): Uint8Array {
  const raw = new Uint8Array(rawBytes(space));
  for (const { rawOffset, offset, bytes } of partsOf(space)) {
    raw.set(image.subarray(offset, offset + bytes), rawOffset);
  }
  return raw;
}

/**
 * The persistent space of a device that holds `raw`: what the file ends before is blank, and no sector was ever erased.
 * Throws {@link RawMemoryError}.
 */
export function decodeRaw(space: PersistentSpace, raw: Uint8Array): Uint8Array {
  const { regions, regionBytes, nvramBytes } = space;
  const flashBytes = regions * regionBytes;
  if (raw.length !== flashBytes && raw.length !== rawBytes(space)) {
    throw new RawMemoryError(
      `has ${raw.length} bytes: the raw memory of this device has ${rawBytes(space)} (${regions} regions of ${regionBytes}, ` +
        `the table's ${TABLE_BYTES} and ${nvramBytes} of NVRAM), or ${flashBytes} where it is the regions alone`,
    );
  }
  const image = blankImage(space);
  for (const { rawOffset, offset, bytes } of partsOf(space)) {
    if (rawOffset < raw.length) image.set(raw.subarray(rawOffset, rawOffset + bytes), offset);
  }
  return image;
}
