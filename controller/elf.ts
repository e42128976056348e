/**
 * Reads 32-bit little-endian RISC-V executables: what to load where, the entry, and named symbols.
 *
 * The bytes are untrusted. Every offset and size is checked against the file before it is used, every count is
 * bounded, and whatever is wrong ends in an {@link ElfError} value, never in an exception or in an endless loop.
 *
 * Source: System V ABI, "ELF Header", "Program Header", "Symbol Table"; RISC-V ELF psABI.
 */

/** What is wrong with a file. */
export type ElfErrorName =
  | "not-elf"
  | "wrong-class"
  | "wrong-byte-order"
  | "wrong-machine"
  | "not-executable"
  | "truncated"
  | "no-segments"
  | "bad-segment";

export interface ElfError {
  readonly error: ElfErrorName;
  /** One sentence for the file's user. */
  readonly message: string;
}

/** Bytes to be loaded, then zeros up to `memoryBytes`. */
export interface ElfSegment {
  /** Physical address. */
  readonly address: number;
  readonly data: Uint8Array;
  readonly memoryBytes: number;
}

export interface ElfFile {
  readonly entry: number;
  readonly segments: readonly ElfSegment[];
  /** Values of the defined symbols by name; of several with one name the first counts. */
  readonly symbols: ReadonlyMap<string, number>;
}

const HEADER_BYTES = 52;
const PROGRAM_HEADER_BYTES = 32;
const SECTION_HEADER_BYTES = 40;
const SYMBOL_BYTES = 16;
const MAGIC = 0x464c_457f;
const CLASS_32 = 1;
const LITTLE_ENDIAN = 1;
const TYPE_EXECUTABLE = 2;
const MACHINE_RISCV = 243;
const PT_LOAD = 1;
const SHT_SYMTAB = 2;
const SHN_UNDEF = 0;
/** Types of symbols that name sections and source files. */
const STT_SECTION = 3;
const STT_FILE = 4;
const ADDRESS_END = 2 ** 32;

function fail(error: ElfErrorName, message: string): ElfError {
  return { error, message };
}

function hex(value: number): string {
  return `0x${value.toString(16).padStart(8, "0")}`;
}

/** Parses an executable. */
export function parseElf(bytes: Uint8Array): ElfFile | ElfError {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const wrong = checkHeader(view);
  if (wrong !== undefined) return wrong;
  const segments = readSegments(view, bytes);
  if ("error" in segments) return segments;
  return { entry: view.getUint32(24, true), segments, symbols: readSymbols(view, bytes) };
}

function checkHeader(view: DataView): ElfError | undefined {
  if (view.byteLength < 4 || view.getUint32(0, true) !== MAGIC) {
    return fail("not-elf", "it is no ELF file: it does not begin with 7f 45 4c 46");
  }
  if (view.byteLength < HEADER_BYTES) {
    return fail("truncated", `it ends after ${view.byteLength} bytes, inside the ELF header`);
  }
  if (view.getUint8(4) !== CLASS_32) {
    return fail("wrong-class", "it is not a 32-bit ELF file: this machine is RV32");
  }
  if (view.getUint8(5) !== LITTLE_ENDIAN) {
    return fail("wrong-byte-order", "it is not little-endian: this machine is");
  }
  const machine = view.getUint16(18, true);
  if (machine !== MACHINE_RISCV) {
    return fail("wrong-machine", `it is for machine ${machine}, not for RISC-V (${MACHINE_RISCV})`);
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

function readSegments(view: DataView, bytes: Uint8Array): readonly ElfSegment[] | ElfError {
  const offset = view.getUint32(28, true);
  const entryBytes = view.getUint16(42, true);
  const count = view.getUint16(44, true);
  if (count > 0 && entryBytes < PROGRAM_HEADER_BYTES) {
    return fail(
      "bad-segment",
      `its program headers are ${entryBytes} bytes each, not ${PROGRAM_HEADER_BYTES}`,
    );
  }
  if (!tableFits(view, offset, count, entryBytes)) {
    return fail("truncated", `its ${count} program headers at ${hex(offset)} lie beyond its end`);
  }
  const segments: ElfSegment[] = [];
  for (let index = 0; index < count; index++) {
    const segment = readSegment(view, bytes, offset + index * entryBytes, index);
    if (segment === undefined) continue;
    if ("error" in segment) return segment;
    segments.push(segment);
  }
  return segments.length === 0 ? fail("no-segments", "it has no segment to load") : segments;
}

/** The segment of the program header at `at`; undefined if it loads nothing. */
function readSegment(
  view: DataView,
  bytes: Uint8Array,
  at: number,
  index: number,
): ElfSegment | ElfError | undefined {
  if (view.getUint32(at, true) !== PT_LOAD) return undefined;
  const offset = view.getUint32(at + 4, true);
  const address = view.getUint32(at + 12, true);
  const fileBytes = view.getUint32(at + 16, true);
  const memoryBytes = view.getUint32(at + 20, true);
  if (memoryBytes === 0) return undefined;
  if (fileBytes > memoryBytes) {
    return fail("bad-segment", `its segment ${index} has more bytes in the file than in memory`);
  }
  if (offset + fileBytes > bytes.length) {
    return fail("truncated", `its segment ${index} lies beyond its end`);
  }
  if (address + memoryBytes > ADDRESS_END) {
    return fail("bad-segment", `its segment ${index} at ${hex(address)} reaches beyond the address space`);
  }
  return { address, data: bytes.subarray(offset, offset + fileBytes), memoryBytes };
}

/** A file without a usable symbol table has no symbols: they are a help, not a need. */
function readSymbols(view: DataView, bytes: Uint8Array): ReadonlyMap<string, number> {
  const symbols = new Map<string, number>();
  const offset = view.getUint32(32, true);
  const entryBytes = view.getUint16(46, true);
  const count = view.getUint16(48, true);
  if (entryBytes < SECTION_HEADER_BYTES || !tableFits(view, offset, count, entryBytes)) return symbols;
  for (let index = 0; index < count; index++) {
    const section = offset + index * entryBytes;
    if (view.getUint32(section + 4, true) !== SHT_SYMTAB) continue;
    const link = view.getUint32(section + 24, true);
    if (link < count) readSymbolTable(view, bytes, section, offset + link * entryBytes, symbols);
    break; // There is at most one.
  }
  return symbols;
}

function readSymbolTable(
  view: DataView,
  bytes: Uint8Array,
  section: number,
  strings: number,
  symbols: Map<string, number>,
): void {
  const start = view.getUint32(section + 16, true);
  const end = Math.min(start + view.getUint32(section + 20, true), bytes.length);
  const stringsStart = view.getUint32(strings + 16, true);
  const stringsEnd = Math.min(stringsStart + view.getUint32(strings + 20, true), bytes.length);
  for (let at = start; at + SYMBOL_BYTES <= end; at += SYMBOL_BYTES) {
    const type = view.getUint8(at + 12) & 0xf;
    const defined = view.getUint16(at + 14, true) !== SHN_UNDEF;
    if (!defined || type === STT_SECTION || type === STT_FILE) continue;
    const name = readName(bytes, stringsStart + view.getUint32(at, true), stringsEnd);
    if (name !== "" && !symbols.has(name)) symbols.set(name, view.getUint32(at + 4, true));
  }
}

/** Names longer than this are cut: nobody looks one up. */
const MAX_NAME_BYTES = 256;

function readName(bytes: Uint8Array, start: number, end: number): string {
  const limit = Math.min(end, start + MAX_NAME_BYTES);
  let stop = start;
  while (stop < limit && bytes[stop] !== 0) stop++;
  return String.fromCharCode(...bytes.subarray(start, stop));
}
