/**
 * Reads 32-bit little-endian RISC-V executables: what to load where, the entry, and named symbols.
 *
 * The bytes are untrusted. Every offset and size is checked against the file before it is used, every count is
 * bounded, and whatever is wrong ends in an {@link ElfError} value, never in an exception or in an endless loop.
 * Time is linear in the file's size, and nothing of the file is copied.
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
  | "bad-segment"
  | "bad-entry";

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
  /** Even. */
  readonly entry: number;
  readonly segments: readonly ElfSegment[];
  readonly symbols: ElfSymbols;
}

/** A defined symbol with a name. */
export interface ElfSymbol {
  readonly value: number;
  /** Where in the file its name begins. */
  readonly nameAt: number;
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
  const entry = view.getUint32(24, true);
  // IALIGN is 16: no instruction lies at an odd address, and no jump leads to one.
  if ((entry & 1) !== 0) {
    return fail("bad-entry", `its entry ${hex(entry)} is odd: instructions lie at even addresses`);
  }
  return { entry, segments, symbols: findSymbols(view) };
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

/** Places in the file. */
interface Range {
  readonly start: number;
  readonly end: number;
}

const NOTHING: Range = { start: 0, end: 0 };

/** A file without a usable symbol table has no symbols: they are a help, not a need. */
function findSymbols(view: DataView): ElfSymbols {
  const offset = view.getUint32(32, true);
  const entryBytes = view.getUint16(46, true);
  const count = view.getUint16(48, true);
  if (entryBytes >= SECTION_HEADER_BYTES && tableFits(view, offset, count, entryBytes)) {
    for (let index = 0; index < count; index++) {
      const section = offset + index * entryBytes;
      if (view.getUint32(section + 4, true) !== SHT_SYMTAB) continue;
      const link = view.getUint32(section + 24, true);
      if (link >= count) break; // There is at most one.
      return new ElfSymbols(
        view,
        sectionRange(view, section),
        sectionRange(view, offset + link * entryBytes),
      );
    }
  }
  return new ElfSymbols(view, NOTHING, NOTHING);
}

/** A section's bytes, as far as the file has them. */
function sectionRange(view: DataView, section: number): Range {
  const start = view.getUint32(section + 16, true);
  return { start, end: Math.min(start + view.getUint32(section + 20, true), view.byteLength) };
}

/** Longer names are cut: nobody reads them. */
const MAX_NAME_BYTES = 256;

/**
 * The defined symbols that have a name, in the file's order.
 *
 * They stay in the file's bytes until somebody asks: names may overlap there, so that all of them as strings can be
 * hundreds of times as large as the file.
 */
export class ElfSymbols {
  readonly #view: DataView;
  readonly #table: Range;
  readonly #names: Range;

  constructor(view: DataView, table: Range, names: Range) {
    this.#view = view;
    this.#table = table;
    this.#names = names;
  }

  *[Symbol.iterator](): Generator<ElfSymbol, void> {
    const view = this.#view;
    const { start, end } = this.#table;
    for (let at = start; at + SYMBOL_BYTES <= end; at += SYMBOL_BYTES) {
      const type = view.getUint8(at + 12) & 0xf;
      const defined = view.getUint16(at + 14, true) !== SHN_UNDEF;
      if (!defined || type === STT_SECTION || type === STT_FILE) continue;
      const nameAt = this.#names.start + view.getUint32(at, true);
      if (this.#byte(nameAt) !== 0) yield { value: view.getUint32(at + 4, true), nameAt };
    }
  }

  /** The value of the first symbol of this name, which is not cut. Goes through the whole table. */
  get(name: string): number | undefined {
    for (const { value, nameAt } of this) if (this.#isName(name, nameAt)) return value;
    return undefined;
  }

  /** A symbol's name, or how it begins. */
  nameOf({ nameAt }: ElfSymbol, maxBytes = MAX_NAME_BYTES): string {
    let name = "";
    for (let at = nameAt; at < nameAt + maxBytes && this.#byte(at) !== 0; at++) {
      name += String.fromCharCode(this.#byte(at));
    }
    return name;
  }

  #isName(name: string, nameAt: number): boolean {
    for (let index = 0; index < name.length; index++) {
      if (this.#byte(nameAt + index) !== name.charCodeAt(index)) return false;
    }
    return this.#byte(nameAt + name.length) === 0;
  }

  /** Of the names; 0, which ends one, behind the last. */
  #byte(at: number): number {
    return at < this.#names.end ? this.#view.getUint8(at) : 0;
  }
}
