/**
 * What kind of flash a chip is, as data: its sectors, its write blocks, what may be programmed over what.
 *
 * Invariant: sectors follow each other without a gap, and each is made of whole write blocks.
 */

/** So many sectors of one size, behind those of the group before. */
export interface SectorGroup {
  readonly count: number;
  readonly bytes: number;
}

/**
 * "and": a program may change further cells of what is programmed. "once": a block is programmed once between two erases.
 * "ecc": as "once", and a block that is torn faults at every read until it is erased. "overwrite": any cells, without an
 * erase.
 */
export const PROGRAM_RULES = ["and", "once", "ecc", "overwrite"] as const;
export type ProgramRule = (typeof PROGRAM_RULES)[number];

export interface ChipGeometry {
  readonly sectors: readonly SectorGroup[];
  /** Unit of a program, 1 to {@link MAX_WRITE_BLOCK_BYTES}. */
  readonly writeBlockBytes: number;
  readonly erasedByte: 0xff | 0x00;
  readonly program: ProgramRule;
  /** Erases of a sector after which a further one fails; without, none does. */
  readonly enduranceErases?: number;
}

export const MAX_WRITE_BLOCK_BYTES = 512;
/** More has no room in an address map of 32 bits. */
const MAX_CHIP_BYTES = 2 ** 31;
const MAX_SECTORS = 2 ** 20;

/** Why there is no such chip, as a sentence; undefined where there may be. */
export function geometryFault({
  sectors,
  writeBlockBytes,
  enduranceErases,
}: ChipGeometry): string | undefined {
  const isCount = (value: number): boolean => Number.isSafeInteger(value) && value > 0;
  if (!isCount(writeBlockBytes) || writeBlockBytes > MAX_WRITE_BLOCK_BYTES) {
    return `a write block of ${writeBlockBytes} bytes is not 1 to ${MAX_WRITE_BLOCK_BYTES} bytes long`;
  }
  if (sectors.length === 0) return "a chip has at least one sector";
  for (const { count, bytes } of sectors) {
    if (!isCount(count) || !isCount(bytes)) return `${count} sectors of ${bytes} bytes are none`;
    if (bytes % 4 !== 0) return `a sector of ${bytes} bytes is not made of whole words`;
    if (bytes % writeBlockBytes !== 0) {
      return `a sector of ${bytes} bytes is not made of whole write blocks of ${writeBlockBytes} bytes`;
    }
  }
  const total = sectors.reduce((sum, { count, bytes }) => sum + count * bytes, 0);
  if (total > MAX_CHIP_BYTES) return `a chip of ${total} bytes has more than ${MAX_CHIP_BYTES}`;
  const count = sectors.reduce((sum, group) => sum + group.count, 0);
  if (count > MAX_SECTORS) return `a chip of ${count} sectors has more than ${MAX_SECTORS}`;
  if (enduranceErases !== undefined && !isCount(enduranceErases)) {
    return `an endurance of ${enduranceErases} erases is none`;
  }
  return undefined;
}

/** What a word of erased flash reads. */
export function erasedWord({ erasedByte }: ChipGeometry): number {
  return erasedByte === 0 ? 0 : -1;
}

export interface Sector {
  readonly index: number;
  readonly offset: number;
  readonly bytes: number;
}

interface PlacedGroup extends SectorGroup {
  readonly firstIndex: number;
  readonly start: number;
  readonly end: number;
}

/** Where the sectors of a chip are. */
export class SectorMap {
  readonly bytes: number;
  readonly count: number;
  readonly #groups: readonly PlacedGroup[];

  constructor({ sectors }: ChipGeometry) {
    const groups: PlacedGroup[] = [];
    let [start, firstIndex] = [0, 0];
    for (const { count, bytes } of sectors) {
      groups.push({ count, bytes, firstIndex, start, end: start + count * bytes });
      start += count * bytes;
      firstIndex += count;
    }
    this.#groups = groups;
    this.bytes = start;
    this.count = firstIndex;
  }

  /** The sector that a byte is in; undefined outside of the chip. */
  at(offset: number): Sector | undefined {
    const group = this.#groups.find(({ start, end }) => offset >= start && offset < end);
    if (group === undefined) return undefined;
    const inGroup = Math.floor((offset - group.start) / group.bytes);
    return {
      index: group.firstIndex + inGroup,
      offset: group.start + inGroup * group.bytes,
      bytes: group.bytes,
    };
  }

  /** Where a sector begins, or the chip ends. */
  offsetOf(index: number): number {
    const group = this.#groups.find(({ firstIndex, count }) => index < firstIndex + count);
    return group === undefined ? this.bytes : group.start + (index - group.firstIndex) * group.bytes;
  }

  /** A sector begins here, or the last one ends. */
  isBoundary(offset: number): boolean {
    return offset === this.bytes || this.at(offset)?.offset === offset;
  }
}
