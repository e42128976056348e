/**
 * Reads 32-bit little-endian RISC-V executables: what to load where (elf-parts.ts), the entry, and named symbols
 * (elf-symbols.ts).
 *
 * The bytes are untrusted. Every offset and size is checked against the file before it is used, every count is
 * bounded, and whatever is wrong ends in an {@link ElfError} value, never in an exception or in an endless loop.
 * Time is linear in the file's size, and nothing of the file is copied.
 *
 * Source: System V ABI, "ELF Header", "Program Header", "Section Header"; RISC-V ELF psABI.
 */
import { hex32 } from "../../emulator/base/text.ts";
import { type ElfPart, partsOf, type Section, type Segment } from "./elf-parts.ts";
import { ElfSymbols, type Range } from "./elf-symbols.ts";

/** What is wrong with a file. */
export type ElfErrorName =
  | "not-elf"
  | "wrong-class"
  | "wrong-byte-order"
  | "wrong-machine"
  | "not-executable"
  | "truncated"
  | "no-segments"
  | "bad-segment"
  | "bad-entry";

export interface ElfError {
  readonly error: ElfErrorName;
  /** One sentence for the file's user. */
  readonly message: string;
}

/** Of e_flags, in the order of EF_RISCV_FLOAT_ABI. */
const FLOAT_REGISTERS = ["none", "single-precision", "double-precision", "quad-precision"] as const;
export type FloatRegisters = (typeof FLOAT_REGISTERS)[number];

export interface ElfFile {
  /** Physical address, even. */
  readonly entry: number;
  readonly parts: readonly ElfPart[];
  readonly symbols: ElfSymbols;
  /** By name, as far as the file has them: what debuggers read, mostly compressed or not at all. */
  readonly sections: ReadonlyMap<string, NamedSection>;
  /** The numbers that its ABI passes in floating-point registers. */
  readonly floatRegisters: FloatRegisters;
}

/** A section that is not loaded. */
export interface NamedSection {
  readonly bytes: Uint8Array;
  /** A header of how they are compressed stands before them. */
  readonly isCompressed: boolean;
}

export const ELF_HEADER_BYTES = 52;
const PROGRAM_HEADER_BYTES = 32;
const SECTION_HEADER_BYTES = 40;
const MAGIC = 0x464c_457f;
const CLASS_32 = 1;
const LITTLE_ENDIAN = 1;
const TYPE_EXECUTABLE = 2;
const MACHINE_RISCV = 243;
/** Those that somebody may have a compiler for. */
const MACHINE_NAMES: Readonly<Record<number, string>> = {
  3: "x86",
  8: "MIPS",
  20: "PowerPC",
  40: "Arm",
  62: "x86-64",
  83: "AVR",
  94: "Xtensa",
  183: "AArch64",
  195: "ARC",
  258: "LoongArch",
};
const PT_LOAD = 1;
const PF_X = 1;
const SHT_SYMTAB = 2;
const SHT_NOBITS = 8;
const SHF_ALLOC = 2;
const SHF_COMPRESSED = 0x800;
const ADDRESS_END = 2 ** 32;
/** No section that anybody asks for has a longer name. */
const MAX_SECTION_NAME_BYTES = 64;
const LATIN_1 = new TextDecoder("latin1");

function fail(error: ElfErrorName, message: string): ElfError {
  return { error, message };
}

/** Parses an executable. */
export function parseElf(bytes: Uint8Array): ElfFile | ElfError {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const wrong = elfHeaderFault(bytes);
  if (wrong !== undefined) return wrong;
  const programHeaders = readProgramHeaders(view);
  if ("error" in programHeaders) return programHeaders;
  const segments = readSegments(view, programHeaders);
  if ("error" in segments) return segments;
  const sections = readSections(view);
  const parts = partsOf(bytes, headersEnd(programHeaders), segments, sections);
  if (parts.length === 0) return fail("no-segments", "it has no segment to load");
  const entry = view.getUint32(24, true);
  // IALIGN is 16: no instruction lies at an odd address, and no jump leads to one.
  if ((entry & 1) !== 0) {
    return fail("bad-entry", `its entry ${hex32(entry)} is odd: instructions lie at even addresses`);
  }
  return {
    entry: physicalEntry(entry, segments),
    parts,
    symbols: findSymbols(view, sections),
    sections: nameSections(bytes, sections),
    floatRegisters: FLOAT_REGISTERS[(view.getUint32(36, true) >>> 1) & 3] ?? "none",
  };
}

/** Judges a file by its first {@link ELF_HEADER_BYTES}: undefined where the rest decides. */
export function elfHeaderFault(bytes: Uint8Array): ElfError | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (view.byteLength < 4 || view.getUint32(0, true) !== MAGIC) {
    return fail("not-elf", "it is no ELF file: it does not begin with 7f 45 4c 46");
  }
  if (view.byteLength < ELF_HEADER_BYTES) {
    return fail("truncated", `it ends after ${view.byteLength} bytes, inside the ELF header`);
  }
  if (view.getUint8(5) !== LITTLE_ENDIAN) {
    return fail("wrong-byte-order", "it is not little-endian: this machine is");
  }
  const machine = view.getUint16(18, true);
  if (machine !== MACHINE_RISCV) {
    const name = MACHINE_NAMES[machine] ?? `machine ${machine}`;
    return fail("wrong-machine", `it is for ${name}, not for RISC-V`);
  }
  if (view.getUint8(4) !== CLASS_32) {
    return fail("wrong-class", "it is not a 32-bit ELF file: this machine is RV32");
  }
  const type = view.getUint16(16, true);
  if (type !== TYPE_EXECUTABLE) {
    return fail("not-executable", `it is no executable: its ELF type is ${type}, not ${TYPE_EXECUTABLE}`);
  }
  return undefined;
}

/** The table of `count` entries of `entryBytes` at `offset` lies inside the file. */
function tableFits(view: DataView, offset: number, count: number, entryBytes: number): boolean {
  return offset + count * entryBytes <= view.byteLength;
}

/** The program headers' places in the file. */
interface ProgramHeaders extends Range {
  readonly entryBytes: number;
}

function readProgramHeaders(view: DataView): ProgramHeaders | ElfError {
  const start = view.getUint32(28, true);
  const entryBytes = view.getUint16(42, true);
  const count = view.getUint16(44, true);
  if (count > 0 && entryBytes < PROGRAM_HEADER_BYTES) {
    return fail(
      "bad-segment",
      `its program headers are ${entryBytes} bytes each, not ${PROGRAM_HEADER_BYTES}`,
    );
  }
  if (!tableFits(view, start, count, entryBytes)) {
    return fail("truncated", `its ${count} program headers at ${hex32(start)} lie beyond its end`);
  }
  return { start, end: start + count * entryBytes, entryBytes };
}

/** Where the headers that the file begins with end. */
function headersEnd({ start, end }: ProgramHeaders): number {
  return start <= ELF_HEADER_BYTES ? Math.max(ELF_HEADER_BYTES, end) : ELF_HEADER_BYTES;
}

function readSegments(
  view: DataView,
  { start, end, entryBytes }: ProgramHeaders,
): readonly Segment[] | ElfError {
  const segments: Segment[] = [];
  for (let at = start; at < end; at += entryBytes) {
    const segment = readSegment(view, at, (at - start) / entryBytes);
    if (segment === undefined) continue;
    if ("error" in segment) return segment;
    segments.push(segment);
  }
  return segments;
}

/** The segment of the program header at `at`; undefined if it loads nothing. */
function readSegment(view: DataView, at: number, index: number): Segment | ElfError | undefined {
  if (view.getUint32(at, true) !== PT_LOAD) return undefined;
  const offset = view.getUint32(at + 4, true);
  const virtualAddress = view.getUint32(at + 8, true);
  const address = view.getUint32(at + 12, true);
  const fileBytes = view.getUint32(at + 16, true);
  const memoryBytes = view.getUint32(at + 20, true);
  const executable = (view.getUint32(at + 24, true) & PF_X) !== 0;
  if (memoryBytes === 0) return undefined;
  if (fileBytes > memoryBytes) {
    return fail("bad-segment", `its segment ${index} has more bytes in the file than in memory`);
  }
  // Without bytes there it may say any offset: linkers leave that of a page.
  if (fileBytes > 0 && offset + fileBytes > view.byteLength) {
    return fail("truncated", `its segment ${index} lies beyond its end`);
  }
  const beyond = [address, virtualAddress].find((start) => start + memoryBytes > ADDRESS_END);
  if (beyond !== undefined) {
    return fail("bad-segment", `its segment ${index} at ${hex32(beyond)} reaches beyond the address space`);
  }
  return { offset, fileBytes, address, virtualAddress, memoryBytes, executable };
}

/** The file gives the entry as code knows it; where that code is loaded elsewhere, it begins there. */
function physicalEntry(entry: number, segments: readonly Segment[]): number {
  const segment = segments.find(
    ({ executable, virtualAddress, fileBytes }) =>
      executable && entry >= virtualAddress && entry < virtualAddress + fileBytes,
  );
  return segment === undefined ? entry : entry - segment.virtualAddress + segment.address;
}

/** A section, and the number of another that it names. */
interface LinkedSection extends Section {
  readonly link: number;
  /** Where its name begins among the names of sections. */
  readonly nameAt: number;
}

/** None where the file's section headers are missing or broken: they are a help, not a need. */
function readSections(view: DataView): readonly LinkedSection[] {
  const offset = view.getUint32(32, true);
  const entryBytes = view.getUint16(46, true);
  const count = view.getUint16(48, true);
  if (entryBytes < SECTION_HEADER_BYTES || !tableFits(view, offset, count, entryBytes)) return [];
  return Array.from({ length: count }, (_, index) => {
    const at = offset + index * entryBytes;
    return {
      index,
      nameAt: view.getUint32(at, true),
      type: view.getUint32(at + 4, true),
      flags: view.getUint32(at + 8, true),
      address: view.getUint32(at + 12, true),
      offset: view.getUint32(at + 16, true),
      bytes: view.getUint32(at + 20, true),
      link: view.getUint32(at + 24, true),
    };
  });
}

/** Of those that are no part of the program. The first of a name counts. */
function nameSections(
  bytes: Uint8Array,
  sections: readonly LinkedSection[],
): ReadonlyMap<string, NamedSection> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const names = sections[view.getUint16(50, true)];
  const named = new Map<string, NamedSection>();
  if (names === undefined) return named;
  const { start, end } = rangeOf(view, names);
  for (const section of sections) {
    if ((section.flags & SHF_ALLOC) !== 0 || section.type === SHT_NOBITS) continue;
    const name = nameFrom(bytes, start + section.nameAt, end);
    const range = rangeOf(view, section);
    const isCompressed = (section.flags & SHF_COMPRESSED) !== 0;
    if (!named.has(name)) named.set(name, { bytes: bytes.subarray(range.start, range.end), isCompressed });
  }
  return named;
}

/** Up to a 0, the end or {@link MAX_SECTION_NAME_BYTES}. */
function nameFrom(bytes: Uint8Array, start: number, end: number): string {
  let at = start;
  while (at < Math.min(end, start + MAX_SECTION_NAME_BYTES) && bytes[at] !== 0) at++;
  return LATIN_1.decode(bytes.subarray(start, at));
}

function findSymbols(view: DataView, sections: readonly LinkedSection[]): ElfSymbols {
  // There is at most one.
  const table = sections.find(({ type }) => type === SHT_SYMTAB);
  const names = sections[table?.link ?? -1];
  if (table === undefined || names === undefined) return new ElfSymbols(view, NOTHING, NOTHING);
  return new ElfSymbols(view, rangeOf(view, table), rangeOf(view, names));
}

const NOTHING: Range = { start: 0, end: 0 };

/** A section's bytes, as far as the file has them. */
function rangeOf(view: DataView, { offset, bytes }: Section): Range {
  return { start: offset, end: Math.min(offset + bytes, view.byteLength) };
}
