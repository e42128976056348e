/**
 * The flash file: what controller memory keeps without power, as a base image and the stores made since.
 *
 * ```
 * header, 64 bytes   what the base is (blank memory, or an image that follows), geometry, sequence number, CRCs
 * image              the whole persistent space; only behind a checkpoint's header
 * record …           CRC-32, kind, sequence number, offset, length, then the bytes stored, padded to 4
 * ```
 * All numbers are little-endian, all lengths multiples of 4. Invariants: a record is one store that memory saw at
 * once (a word of NVRAM, a program unit, a sector's erasure), numbers follow each other without a gap, and nothing
 * is ever overwritten. So every byte prefix that a crash may leave opens to a state that memory had: a file that
 * begins with blank memory may be any prefix of itself, down to none; one that begins with a checkpoint holds it whole,
 * for it became the file by rename when it was whole and on stable storage. A shorter one is refused by name. No bytes
 * at all are a file that was never written, whatever it might have become.
 *
 * Pure: bytes in, bytes out.
 */
import { crc32, crc32Words } from "../base/crc32.ts";
import { TABLE_BYTES } from "../memory/layout.ts";
import { blankImage, ERASED, type Geometry, type PersistentSpace } from "./persistent-space.ts";

export const HEADER_BYTES = 64;
/** Bytes of a record before its data. */
export const RECORD_HEADER_BYTES = 24;

/** The first byte tells the two apart. The last character is the format's version. */
const BLANK_MAGIC = "blank flipside 2";
const CHECKPOINT_MAGIC = "check flipside 2";
const MAGIC_BYTES = 16;

const enum Header {
  HEADER_BYTES = 4,
  REGIONS = 5,
  REGION_BYTES = 6,
  TABLE_BYTES = 7,
  NVRAM_BYTES = 8,
  SECTOR_BYTES = 9,
  /** With {@link ECC_BIT} where the flash has ECC. */
  PROGRAM_UNIT_BYTES = 10,
  SEQUENCE_LO = 11,
  SEQUENCE_HI = 12,
  IMAGE_BYTES = 13,
  IMAGE_CRC = 14,
  /** CRC-32 of all that precedes it. */
  CRC = 15,
}

/** Flash with ECC, whose persistent space is larger; no program unit has as many bytes. */
const ECC_BIT = 1 << 30;

const enum Word {
  /** CRC-32 of all that follows it, padding included. */
  CRC = 0,
  KIND = 1,
  SEQUENCE_LO = 2,
  SEQUENCE_HI = 3,
  OFFSET = 4,
  LENGTH = 5,
  DATA = 6,
}

export const enum RecordKind {
  /** `length` bytes at `offset` became the data. */
  STORE = 1,
  /** `length` bytes at `offset` became erased; no data. */
  ERASE = 2,
  /**
   * All before it is on stable storage. Takes no number of its own, and is what tells a torn tail, which is dropped,
   * from damage to what had been acknowledged, which is refused.
   */
  SYNCED = 3,
}

/** A checkpoint comes when the records take more than this, or twice the memory that they describe. */
const MIN_LOG_BYTES = 4 * 1024 * 1024;

/** Of a file that a checkpoint is to replace. */
export function checkpointDueBytes(space: PersistentSpace): number {
  return Math.max(MIN_LOG_BYTES, 2 * space.bytes) + space.bytes;
}

/** No device leaves a larger file: a turn of the appender adds less than what makes a checkpoint due. */
function largestFileBytes(space: PersistentSpace): number {
  return 2 * checkpointDueBytes(space);
}

export type FlashFileFault = "FlashFileDamaged" | "FlashFileMismatch" | "FlashFileForeign";

/** A file that cannot be opened; `name` is the {@link FlashFileFault}, `message` one sentence for its owner. */
export class FlashFileError extends Error {
  constructor(name: FlashFileFault, message: string) {
    super(message);
    this.name = name;
  }
}

export interface OpenedFlashFile {
  /** The persistent space as the last whole record left it. */
  readonly image: Uint8Array;
  /** Number of the last whole record. */
  readonly sequence: number;
  /** Where the next record goes. */
  readonly endBytes: number;
  /** Bytes behind it: a record cut off, dropped. */
  readonly droppedBytes: number;
  /** Whole records that store something. */
  readonly records: number;
  /** It was made of flash without ECC, and has no place for what the device's flash has more: a new one must be made. */
  readonly lacksEcc: boolean;
}

/** What {@link openFlashFile} shows of each record that it replays; the image already holds it. */
export type RecordListener = (sequence: number, endBytes: number, image: Uint8Array) => void;

/** Header of a file whose base is memory that was never written. */
export function encodeBlankHeader(space: PersistentSpace): Uint8Array {
  return encodeHeader(BLANK_MAGIC, space, 0, undefined);
}

/** Header of a file whose base is `image`, which follows it; the next record is `sequence` + 1. */
export function encodeCheckpointHeader(
  space: PersistentSpace,
  sequence: number,
  image: Uint8Array,
): Uint8Array {
  return encodeHeader(CHECKPOINT_MAGIC, space, sequence, image);
}

function encodeHeader(
  magic: string,
  space: PersistentSpace,
  sequence: number,
  image: Uint8Array | undefined,
): Uint8Array {
  const words = new Int32Array(HEADER_BYTES / 4);
  const bytes = new Uint8Array(words.buffer);
  bytes.set(new TextEncoder().encode(magic));
  words.set(geometry(space), Header.HEADER_BYTES);
  words[Header.SEQUENCE_LO] = sequence;
  words[Header.SEQUENCE_HI] = Math.floor(sequence / 2 ** 32);
  words[Header.IMAGE_BYTES] = image?.length ?? 0;
  words[Header.IMAGE_CRC] = image === undefined ? 0 : crc32(image);
  words[Header.CRC] = crc32Words(words, 0, Header.CRC);
  return bytes;
}

/** Header words from HEADER_BYTES to PROGRAM_UNIT_BYTES. */
function geometry(space: PersistentSpace): readonly number[] {
  const { regions, regionBytes, nvramBytes, sectorBytes, programUnitBytes, ecc } = space;
  const unit = programUnitBytes | (ecc ? ECC_BIT : 0);
  return [HEADER_BYTES, regions, regionBytes, TABLE_BYTES, nvramBytes, sectorBytes, unit];
}

/** Bytes of a record with so many bytes of data. */
export function recordBytes(dataBytes: number): number {
  return RECORD_HEADER_BYTES + Math.ceil(dataBytes / 4) * 4;
}

/**
 * Writes a record to `words` from word `at` on; its data, if it has any, stands there already, padded with zeros.
 * @param dataBytes bytes of data behind the record's header, 0 for ERASE and SYNCED
 * @returns words that the record takes
 */
export function encodeRecord(
  words: Int32Array,
  at: number,
  kind: RecordKind,
  sequence: number,
  offset: number,
  length: number,
  dataBytes: number,
): number {
  const end = at + recordBytes(dataBytes) / 4;
  words[at + Word.KIND] = kind;
  words[at + Word.SEQUENCE_LO] = sequence;
  words[at + Word.SEQUENCE_HI] = Math.floor(sequence / 2 ** 32);
  words[at + Word.OFFSET] = offset;
  words[at + Word.LENGTH] = length;
  words[at + Word.CRC] = crc32Words(words, at + Word.KIND, end);
  return end - at;
}

/**
 * Judges a file before it is read: whether it begins as one of a device with the memory of `space`, and is no larger
 * than such a device makes one. Throws {@link FlashFileError}.
 * @param start its first {@link HEADER_BYTES}, or all of a shorter one
 */
export function requireFlashFile(start: Uint8Array, fileBytes: number, space: PersistentSpace): void {
  if (!isBlankStub(start)) openBase(start, fileBytes, space);
  const largest = largestFileBytes(space);
  if (fileBytes <= largest) return;
  const message = `it has ${fileBytes} bytes, and a device of this memory makes none of more than ${largest}`;
  throw new FlashFileError("FlashFileDamaged", message);
}

/**
 * Opens the bytes of a flash file of a device with the memory of `space`. An empty file is one never written.
 * Throws {@link FlashFileError}.
 */
export function openFlashFile(
  bytes: Uint8Array,
  space: PersistentSpace,
  onRecord: RecordListener = () => undefined,
): OpenedFlashFile {
  if (isBlankStub(bytes)) {
    const nothing = { sequence: 0, endBytes: 0, records: 0, lacksEcc: false };
    return { ...nothing, image: blankImage(space), droppedBytes: bytes.length };
  }
  const base = openBase(bytes.subarray(0, HEADER_BYTES), bytes.length, space);
  const words = wordsOf(bytes);
  const copy = new Uint8Array(words.buffer);
  const image = blankImage(space);
  if (base.imageBytes > 0) {
    const imageEnd = HEADER_BYTES + base.imageBytes;
    if (base.imageCrc !== (crc32Words(words, HEADER_BYTES / 4, imageEnd / 4) | 0)) {
      throw new FlashFileError("FlashFileDamaged", "its checkpoint's CRC does not hold");
    }
    image.set(copy.subarray(HEADER_BYTES, imageEnd));
  }
  return replay({ words, bytes: copy, fileBytes: bytes.length }, base, image, onRecord);
}

/** Whether bytes begin as a flash file does, of whatever version, whole or not. */
export function isFlashFile(bytes: Uint8Array): boolean {
  const withoutVersion = MAGIC_BYTES - 1;
  const begin = magicOf(bytes).slice(0, withoutVersion);
  return [BLANK_MAGIC, CHECKPOINT_MAGIC].some((magic) => magic.slice(0, withoutVersion) === begin);
}

/** What memory a flash file is of, as its header says; undefined when it has none that is whole and of this version. */
export function readGeometry(bytes: Uint8Array): Geometry | undefined {
  const words = wordsOf(bytes.subarray(0, HEADER_BYTES));
  const magic = magicOf(bytes);
  if (!(magic === BLANK_MAGIC || magic === CHECKPOINT_MAGIC) || !isWholeHeader(words)) return undefined;
  return {
    regions: words[Header.REGIONS] as number,
    regionBytes: words[Header.REGION_BYTES] as number,
    nvramBytes: words[Header.NVRAM_BYTES] as number,
    sectorBytes: words[Header.SECTOR_BYTES] as number,
    programUnitBytes: (words[Header.PROGRAM_UNIT_BYTES] as number) & ~ECC_BIT,
    ecc: hasEcc(words),
  };
}

function hasEcc(words: Int32Array): boolean {
  return ((words[Header.PROGRAM_UNIT_BYTES] as number) & ECC_BIT) !== 0;
}

function magicOf(bytes: Uint8Array): string {
  return new TextDecoder("latin1").decode(bytes.subarray(0, MAGIC_BYTES));
}

/** @param words of the header, or the fewer that a file has */
function isWholeHeader(words: Int32Array): boolean {
  return words.length === HEADER_BYTES / 4 && words[Header.CRC] === (crc32Words(words, 0, Header.CRC) | 0);
}

/** A creation cut off: less than a header, and so far the header of a file whose base is blank memory. */
function isBlankStub(bytes: Uint8Array): boolean {
  if (bytes.length >= HEADER_BYTES) return false;
  const magic = new TextEncoder().encode(BLANK_MAGIC);
  return bytes.subarray(0, MAGIC_BYTES).every((byte, index) => byte === magic[index]);
}

/** A copy, padded with zeros to whole words. */
function wordsOf(bytes: Uint8Array): Int32Array {
  const words = new Int32Array(Math.ceil(bytes.length / 4));
  new Uint8Array(words.buffer).set(bytes);
  return words;
}

interface Base {
  readonly sequence: number;
  /** The image is there in full length; 0 where the base is blank memory. */
  readonly imageBytes: number;
  readonly imageCrc: number;
  readonly lacksEcc: boolean;
}

function describeForeign(start: Uint8Array): string {
  if (!isFlashFile(start)) return "it is no flash file";
  const [version, known] = [magicOf(start), BLANK_MAGIC].map((magic) => magic.slice(MAGIC_BYTES - 1));
  return `it is of version ${version} of the flash file, and this flipside reads version ${known}`;
}

/** @param start of the file: its header, as far as it is there */
function openBase(start: Uint8Array, fileBytes: number, space: PersistentSpace): Base {
  const words = wordsOf(start);
  const magic = magicOf(start);
  if (magic !== BLANK_MAGIC && magic !== CHECKPOINT_MAGIC.slice(0, magic.length)) {
    throw new FlashFileError("FlashFileForeign", describeForeign(start));
  }
  if (fileBytes < HEADER_BYTES || !isWholeHeader(words)) {
    throw new FlashFileError("FlashFileDamaged", "its header is not whole");
  }
  requireGeometry(words, space);
  const imageBytes = words[Header.IMAGE_BYTES] as number;
  const lacksEcc = space.ecc && !hasEcc(words);
  const wholeBytes = lacksEcc ? space.bytes - space.eccBytes : space.bytes;
  if (imageBytes !== (magic === BLANK_MAGIC ? 0 : wholeBytes) || HEADER_BYTES + imageBytes > fileBytes) {
    throw new FlashFileError("FlashFileDamaged", "its checkpoint is not whole");
  }
  const imageCrc = words[Header.IMAGE_CRC] as number;
  return { sequence: number64(words, Header.SEQUENCE_LO), imageBytes, imageCrc, lacksEcc };
}

/** Flash may have got ECC since its file was made, and everything in it can be read then; it does not lose it. */
function requireGeometry(words: Int32Array, space: PersistentSpace): void {
  const found = [...words.subarray(Header.HEADER_BYTES, Header.PROGRAM_UNIT_BYTES + 1)];
  const ecc = hasEcc(words);
  const expected = geometry({ ...space, ecc }).join();
  if (found.join() === expected && (space.ecc || !ecc)) return;
  if (found.join() === expected)
    throw new FlashFileError("FlashFileMismatch", "it is of flash with ECC, and the device's has none");
  const [, regions, regionBytes, , nvramBytes, sectorBytes, unit = 0] = found;
  const unitBytes = unit & ~ECC_BIT;
  throw new FlashFileError(
    "FlashFileMismatch",
    `it holds ${regions} regions of ${regionBytes} bytes with sectors of ${sectorBytes} and program units of ${unitBytes}, and ` +
      `${nvramBytes} bytes of NVRAM; the device has ${space.regions} of ${space.regionBytes} with ${space.sectorBytes} ` +
      `and ${space.programUnitBytes}, and ${space.nvramBytes} bytes`,
  );
}

function number64(words: Int32Array, at: number): number {
  return (words[at + 1] as number) * 2 ** 32 + ((words[at] as number) >>> 0);
}

interface FileView {
  readonly words: Int32Array;
  readonly bytes: Uint8Array;
  readonly fileBytes: number;
}

function replay(file: FileView, base: Base, image: Uint8Array, onRecord: RecordListener): OpenedFlashFile {
  let at = (HEADER_BYTES + base.imageBytes) / 4;
  let sequence = base.sequence;
  let records = 0;
  for (
    let words = wholeRecord(file, at, image.length);
    words > 0;
    words = wholeRecord(file, at, image.length)
  ) {
    const stores = file.words[at + Word.KIND] !== RecordKind.SYNCED;
    if (number64(file.words, at + Word.SEQUENCE_LO) !== sequence + (stores ? 1 : 0)) break;
    if (stores) apply(file, at, image);
    at += words;
    if (stores) {
      sequence += 1;
      records += 1;
      onRecord(sequence, at * 4, image);
    }
  }
  if (syncedBehind(file, at, sequence)) {
    throw new FlashFileError(
      "FlashFileDamaged",
      `its record at byte ${at * 4} is damaged, and it had been on stable storage whole`,
    );
  }
  const droppedBytes = file.fileBytes - at * 4;
  return { image, sequence, endBytes: at * 4, droppedBytes, records, lacksEcc: base.lacksEcc };
}

/** Words of the whole, well-formed record at word `at`, 0 when there is none. */
function wholeRecord(file: FileView, at: number, spaceBytes: number): number {
  const { words, fileBytes } = file;
  if (at * 4 + RECORD_HEADER_BYTES > fileBytes) return 0;
  const kind = words[at + Word.KIND];
  const offset = words[at + Word.OFFSET] as number;
  const length = words[at + Word.LENGTH] as number;
  const known = kind === RecordKind.STORE || kind === RecordKind.ERASE || kind === RecordKind.SYNCED;
  if (!known || offset < 0 || length < 0 || offset + length > spaceBytes) return 0;
  const bytes = recordBytes(kind === RecordKind.STORE ? length : 0);
  if (at * 4 + bytes > fileBytes) return 0;
  const crc = crc32Words(words, at + Word.KIND, at + bytes / 4) | 0;
  return words[at + Word.CRC] === crc ? bytes / 4 : 0;
}

function apply(file: FileView, at: number, image: Uint8Array): void {
  const offset = file.words[at + Word.OFFSET] as number;
  const length = file.words[at + Word.LENGTH] as number;
  if (file.words[at + Word.KIND] === RecordKind.ERASE) {
    image.fill(ERASED, offset, offset + length);
    return;
  }
  const data = (at + Word.DATA) * 4;
  image.set(file.bytes.subarray(data, data + length), offset);
}

/** Whether a mark behind word `at` says that records after `sequence` were on stable storage. */
function syncedBehind(file: FileView, at: number, sequence: number): boolean {
  const last = Math.floor((file.fileBytes - RECORD_HEADER_BYTES) / 4);
  for (let word = at + 1; word <= last; word += 1) {
    if (file.words[word + Word.KIND] !== RecordKind.SYNCED) continue;
    if (wholeRecord(file, word, 0) > 0 && number64(file.words, word + Word.SEQUENCE_LO) > sequence)
      return true;
  }
  return false;
}
