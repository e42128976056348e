/**
 * What of an executable is the program: the allocated sections of its loadable segments.
 *
 * Linkers put the file's own headers, and padding up to a page, into the segments that they load, and these lie outside
 * the memory that the program was linked for. So a segment is what its sections are; one in which no section lies (a
 * file may have none at all) is its bytes behind the headers. Sections are taken for what they say only where a segment
 * holds them, and none is taken twice: time and result are linear in the file's size.
 *
 * Source: System V ABI, "Section Header", "Program Header".
 */
import { lastUpTo } from "../../emulator/base/bisect.ts";

/** Bytes to be loaded, then zeros up to `memoryBytes`. */
export interface ElfPart {
  readonly kind: "section" | "note" | "segment";
  /** Number of the section; 0 for a segment. */
  readonly section: number;
  /** Physical address: where it is loaded. */
  readonly address: number;
  /** Where it is when it is used; another one where the program copies it there. */
  readonly virtualAddress: number;
  readonly data: Uint8Array;
  /** Greater than 0. */
  readonly memoryBytes: number;
  readonly executable: boolean;
}

/** A loadable segment, whose range of the file and of the address space is known to be there. */
export interface Segment {
  readonly offset: number;
  readonly fileBytes: number;
  readonly address: number;
  readonly virtualAddress: number;
  readonly memoryBytes: number;
  readonly executable: boolean;
}

/** A section header's fields. */
export interface Section {
  readonly index: number;
  readonly type: number;
  readonly flags: number;
  readonly address: number;
  readonly offset: number;
  readonly bytes: number;
}

const SHT_NOTE = 7;
const SHT_NOBITS = 8;
const SHF_ALLOC = 2;
const SHF_EXECINSTR = 4;
const SHF_TLS = 0x400;

/** @param headersEnd where the ELF header and the program headers at the file's start end */
export function partsOf(
  file: Uint8Array,
  headersEnd: number,
  segments: readonly Segment[],
  sections: Iterable<Section>,
): readonly ElfPart[] {
  const find = segmentFinder(segments);
  const narrowed = new Set<Segment>();
  const parts: ElfPart[] = [];
  for (const section of sections) {
    const segment = find(section);
    if (segment === undefined) continue;
    narrowed.add(segment);
    parts.push(partOfSection(file, section, segment));
  }
  for (const segment of segments) {
    const part = narrowed.has(segment) ? undefined : partOfSegment(file, segment, headersEnd);
    if (part !== undefined) parts.push(part);
  }
  return parts;
}

/** Which segment a section lies in: by its bytes in the file, or where it has none, by its address; both must agree. */
function segmentFinder(segments: readonly Segment[]): (section: Section) => Segment | undefined {
  const byOffset = segments.filter(({ fileBytes }) => fileBytes > 0).sort((a, b) => a.offset - b.offset);
  const byAddress = [...segments].sort((a, b) => a.virtualAddress - b.virtualAddress);
  return ({ type, flags, address, offset, bytes }) => {
    if ((flags & SHF_ALLOC) === 0 || bytes === 0) return undefined;
    const isEmpty = type === SHT_NOBITS;
    // The zeros of each thread's own data are made by the program, elsewhere.
    if (isEmpty && (flags & SHF_TLS) !== 0) return undefined;
    const segment = isEmpty
      ? lastUpTo(byAddress, address, (one) => one.virtualAddress)
      : lastUpTo(byOffset, offset, (one) => one.offset);
    if (segment === undefined) return undefined;
    const at = isEmpty ? address - segment.virtualAddress : offset - segment.offset;
    const fits = at + bytes <= (isEmpty ? segment.memoryBytes : segment.fileBytes);
    return fits && address === segment.virtualAddress + at ? segment : undefined;
  };
}

function partOfSection(file: Uint8Array, section: Section, segment: Segment): ElfPart {
  const { index, type, flags, address, offset, bytes } = section;
  const isEmpty = type === SHT_NOBITS;
  return {
    kind: type === SHT_NOTE ? "note" : "section",
    section: index,
    address: segment.address + (address - segment.virtualAddress),
    virtualAddress: address,
    data: isEmpty ? new Uint8Array(0) : file.subarray(offset, offset + bytes),
    memoryBytes: bytes,
    executable: (flags & SHF_EXECINSTR) !== 0,
  };
}

/** The segment without the file's headers, if it begins with them, and without the padding behind those. */
function partOfSegment(file: Uint8Array, segment: Segment, headersEnd: number): ElfPart | undefined {
  const { offset, fileBytes, address, virtualAddress, memoryBytes, executable } = segment;
  const data = file.subarray(offset, offset + fileBytes);
  let skipped = 0;
  if (offset === 0 && fileBytes > 0) {
    skipped = Math.min(headersEnd, fileBytes);
    while (skipped < fileBytes && data[skipped] === 0) skipped++;
  }
  if (skipped === memoryBytes) return undefined;
  return {
    kind: "segment",
    section: 0,
    address: address + skipped,
    virtualAddress: virtualAddress + skipped,
    data: data.subarray(skipped),
    memoryBytes: memoryBytes - skipped,
    executable,
  };
}
