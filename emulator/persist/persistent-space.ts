/**
 * Everything that keeps its bytes without power, as one range: the table's segment, the firmware's NVRAM, the regions
 * one behind the other, then how often each of their sectors was erased, and with ECC which of their program units cannot
 * be read.
 *
 * Ring (persist-ring.ts) and flash file (flash-file.ts) name bytes by their offset in this range, so that a file
 * does not depend on where the segments lie in the shared memory.
 */
import { type Layout, type MemoryConfig, TABLE_BYTES, unreadableBytes, wearBytes } from "../memory/layout.ts";

/** What an erased NOR cell reads. */
export const ERASED = 0xff;

export interface PersistentSegment {
  /** Host offset in the shared memory. */
  readonly memoryOffset: number;
  /** Offset in the persistent space. */
  readonly offset: number;
  readonly bytes: number;
  /** What its bytes read before anything was ever stored. */
  readonly blank: number;
}

/** What memory it is of. */
export type Geometry = Pick<
  MemoryConfig,
  "regions" | "regionBytes" | "nvramBytes" | "sectorBytes" | "programUnitBytes" | "ecc"
>;

export interface PersistentSpace extends Geometry {
  readonly segments: readonly PersistentSegment[];
  /** Bytes of the whole space. */
  readonly bytes: number;
  /** Of them, what flash without ECC does not have: the last ones. */
  readonly eccBytes: number;
}

/** Offsets in the persistent space of what stands at fixed places. */
export const TABLE_OFFSET = 0;
export const NVRAM_OFFSET = TABLE_BYTES;

export function regionOffset(
  { nvramBytes, regionBytes }: Pick<Geometry, "nvramBytes" | "regionBytes">,
  region: number,
): number {
  return NVRAM_OFFSET + nvramBytes + region * regionBytes;
}

export function planPersistentSpace(layout: Layout): PersistentSpace {
  const { regions, regionBytes, nvramBytes, sectorBytes, programUnitBytes, ecc } = layout.config;
  const wear = {
    memoryOffset: layout.wear,
    offset: regionOffset(layout.config, regions),
    bytes: wearBytes(layout.config),
    blank: 0,
  };
  const eccBytes = unreadableBytes(layout.config);
  const unreadable = {
    memoryOffset: layout.unreadable,
    offset: wear.offset + wear.bytes,
    bytes: eccBytes,
    blank: 0,
  };
  const segments: PersistentSegment[] = [
    { memoryOffset: layout.table, offset: TABLE_OFFSET, bytes: TABLE_BYTES, blank: 0 },
    { memoryOffset: layout.nvram, offset: NVRAM_OFFSET, bytes: nvramBytes, blank: 0 },
    ...layout.regions.map((memoryOffset, region) => ({
      memoryOffset,
      offset: regionOffset(layout.config, region),
      bytes: regionBytes,
      blank: ERASED,
    })),
    wear,
    unreadable,
  ];
  const geometry = { regions, regionBytes, nvramBytes, sectorBytes, programUnitBytes, ecc };
  return { segments, bytes: unreadable.offset + eccBytes, eccBytes, ...geometry };
}

/** Offset of the erase count of a sector, sectors counted over all regions. */
export function wearOffset(space: PersistentSpace, sector: number): number {
  return regionOffset(space, space.regions) + sector * 4;
}

/** Offset of a word that tells which program units cannot be read, counted over all regions. */
export function unreadableOffset(space: PersistentSpace, index: number): number {
  return space.bytes - space.eccBytes + index * 4;
}

/** The space of a device that was never powered: NVRAM all zero, regions erased. */
export function blankImage(space: PersistentSpace): Uint8Array {
  const image = new Uint8Array(space.bytes);
  for (const { offset, bytes, blank } of space.segments) image.fill(blank, offset, offset + bytes);
  return image;
}

/** Copies the space out of the shared memory. */
export function readSpace(space: PersistentSpace, memory: Uint8Array, into: Uint8Array): void {
  for (const { memoryOffset, offset, bytes } of space.segments) {
    into.set(memory.subarray(memoryOffset, memoryOffset + bytes), offset);
  }
}

/** Copies the space into the shared memory. */
export function writeSpace(space: PersistentSpace, image: Uint8Array, memory: Uint8Array): void {
  for (const { memoryOffset, offset, bytes } of space.segments) {
    memory.set(image.subarray(offset, offset + bytes), memoryOffset);
  }
}

/** Host offset of `bytes` bytes of the space; they lie in one segment. Throws RangeError where there are none. */
export function memoryOffsetOf(space: PersistentSpace, offset: number, bytes: number): number {
  for (const segment of space.segments) {
    const within = offset - segment.offset;
    if (within >= 0 && within + bytes <= segment.bytes) return segment.memoryOffset + within;
  }
  throw new RangeError(`bytes ${offset} to ${offset + bytes} are not in one segment of the persistent space`);
}
