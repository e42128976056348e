/**
 * How one replica of the management table stands in memory: PSA Firmware Update metadata, version 2, with
 * flipside's own data behind it inside `metadata_size` (docs/table.md has the layout in full).
 *
 * Invariants: the size depends on the number of regions alone; every word is determined by the table, so
 * decoding and encoding again gives the same words, and whatever is not such an encoding is refused.
 *
 * Source: Arm DEN0118 "PSA Firmware Update", section 4.1; field names as in U-Boot's include/fwu_mdata.h.
 */
import { crc32Words } from "../base/crc32.ts";
import { MAX_REGIONS, MIN_REGIONS } from "../memory/map.ts";
import { readEdited } from "./edited-table.ts";
import {
  DIGEST_WORDS,
  type Digest,
  type RegionRecord,
  type RegionState,
  type Table,
  tableFault,
} from "./table.ts";

export const METADATA_VERSION = 2;

/** Word indices of the part that PSA defines. */
export const enum Psa {
  CRC = 0,
  VERSION = 1,
  ACTIVE_INDEX = 2,
  PREVIOUS_ACTIVE_INDEX = 3,
  METADATA_SIZE = 4,
  /** desc_offset, reserved. */
  DESC_OFFSET = 5,
  /** Four bytes, one per bank. */
  BANK_STATE = 6,
  RESERVED = 7,
  /** num_banks, reserved, num_images. */
  BANKS_AND_IMAGES = 8,
  /** img_entry_size, bank_info_entry_size. */
  ENTRY_SIZES = 9,
  IMAGE_TYPE_GUID = 10,
  LOCATION_GUID = 14,
  BANK_INFO = 18,
}

/** Word indices in the info of one bank. */
const enum BankInfo {
  IMAGE_GUID = 0,
  ACCEPTED = 4,
  RESERVED = 5,
  WORDS = 6,
}

/** Word indices in flipside's own data, behind the last bank's info. */
const enum Vendor {
  /** {@link VENDOR_TAG}. */
  TAG = 0,
  GENERATION = 1,
  NEXT = 2,
  /** Bit 0: the table was rebuilt. */
  FLAGS = 3,
  RECORDS = 4,
}

/** Word indices in the record of one region. */
const enum RegionWord {
  /** Tries left (8 bits), confirmed (8 bits), unconfirmed starts (16 bits). */
  TRIAL = 0,
  FAILURES = 1,
  EVIDENCE = 2,
  CODE = 3,
  PC = 4,
  /** major, minor, revision, as in MCUboot's image_version. */
  VERSION = 5,
  BUILD = 6,
  DIGEST = 7,
  WORDS = 15,
}

/** "FLP1" in memory: the layout of the vendor data. */
const VENDOR_TAG = 0x3150_4c46;
/** Bytes from the start to the firmware store descriptor. */
const DESC_OFFSET_BYTES = 0x20;

const STATE_CODES: { readonly [state in RegionState]: number } = {
  invalid: 0xff,
  valid: 0xfe,
  accepted: 0xfc,
};

/** Fixed GUIDs, made for this project. */
const IMAGE_TYPE_GUID = guidWords("45bafee9-9458-4730-b8ea-51f22dd82438");
const LOCATION_GUID = guidWords("c173c9fd-4467-4e0e-b941-c9acbe32d000");
const IMAGE_GUIDS = [
  guidWords("c229f999-709d-4d17-be6d-f9d6d45ba375"),
  guidWords("ed0cadc5-d4a1-4e47-8709-fb5d08f8f17f"),
  guidWords("710cc3b5-b90e-4ce8-b5bf-2347ffb84afe"),
  guidWords("c62e2faa-c5fc-4693-aa31-c6053758686d"),
];

/** EFI GUID: the first three fields little-endian, the rest byte by byte. */
function guidWords(text: string): readonly number[] {
  const hex = text.replaceAll("-", "");
  const bytes = Array.from({ length: 16 }, (_, i) => Number.parseInt(hex.slice(i * 2, i * 2 + 2), 16));
  const order = [3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15];
  const view = new DataView(Uint8Array.from(order, (from) => bytes[from] ?? 0).buffer);
  return [0, 4, 8, 12].map((offset) => view.getInt32(offset, true));
}

/** Words of one replica with `regions` regions. */
export function replicaWords(regions: number): number {
  return Psa.BANK_INFO + regions * (BankInfo.WORDS + RegionWord.WORDS) + Vendor.RECORDS;
}

/**
 * Whether a replica says anywhere that it is a flipside controller's, whatever else of it is wrong.
 * @param words as many as the largest replica has, or zeros
 */
export function bearsOurMark(words: Int32Array): boolean {
  const holds = (at: number, guid: readonly number[]) =>
    guid.every((word, index) => words[at + index] === word);
  const sizes = Array.from({ length: MAX_REGIONS - MIN_REGIONS + 1 }, (_, index) => MIN_REGIONS + index);
  const tagged = sizes.some((regions) => words[vendorWord(regions) + Vendor.TAG] === VENDOR_TAG);
  return tagged || holds(Psa.IMAGE_TYPE_GUID, IMAGE_TYPE_GUID) || holds(Psa.LOCATION_GUID, LOCATION_GUID);
}

function vendorWord(regions: number): number {
  return Psa.BANK_INFO + regions * BankInfo.WORDS;
}

function recordWord(regions: number, region: number): number {
  return vendorWord(regions) + Vendor.RECORDS + region * RegionWord.WORDS;
}

export type DecodeResult =
  | { readonly ok: true; readonly table: Table }
  | { readonly ok: false; readonly fault: "blank" | "bad-crc" | "impossible"; readonly message: string };

const codecs = new Map<number, TableCodec>();

/** The codec for a number of regions, made once in each thread. */
export function tableCodec(regions: number): TableCodec {
  let codec = codecs.get(regions);
  if (codec === undefined) {
    codec = new TableCodec(regions);
    codecs.set(regions, codec);
  }
  return codec;
}

/** Encodes and decodes replicas of one number of regions; see {@link tableCodec}. */
export class TableCodec {
  readonly regions: number;
  /** Words of one replica. */
  readonly words: number;
  /** Everything that is the same in every table. */
  readonly #template: Int32Array;
  readonly #scratch: Int32Array;
  /** Room for two replicas that a caller compares; whatever uses the codec next may use it too. */
  readonly room: readonly [Int32Array, Int32Array];

  constructor(regions: number) {
    this.regions = regions;
    this.words = replicaWords(regions);
    this.#template = makeTemplate(regions);
    this.#scratch = new Int32Array(this.words);
    this.room = [new Int32Array(this.words), new Int32Array(this.words)];
  }

  /** Writes a whole replica, CRC included, to the first {@link words} of `out`. */
  encode(table: Table, out: Int32Array): void {
    if (table.regions.length !== this.regions) throw new RangeError(`${table.regions.length} regions`);
    out.set(this.#template);
    out[Psa.ACTIVE_INDEX] = table.active;
    out[Psa.PREVIOUS_ACTIVE_INDEX] = table.previous;
    const vendor = vendorWord(this.regions);
    out[vendor + Vendor.GENERATION] = table.generation;
    out[vendor + Vendor.NEXT] = table.next;
    out[vendor + Vendor.FLAGS] = table.rebuilt ? 1 : 0;
    // Banks that do not exist stay invalid.
    let states = -1;
    for (let region = 0; region < this.regions; region += 1) {
      const record = table.regions[region] as RegionRecord;
      const shift = region * 8;
      states = (states & ~(0xff << shift)) | (STATE_CODES[record.state] << shift);
      const accepted = Psa.BANK_INFO + region * BankInfo.WORDS + BankInfo.ACCEPTED;
      out[accepted] = record.state === "accepted" ? 1 : 0;
      encodeRecord(record, out, recordWord(this.regions, region));
    }
    out[Psa.BANK_STATE] = states;
    out[Psa.CRC] = crc32Words(out, Psa.VERSION, this.words);
  }

  /** Reads a replica: its CRC holds, its content is possible, and encoding it gives the same words. */
  decode(words: Int32Array): DecodeResult {
    if (isBlank(words, this.words)) return { ok: false, fault: "blank", message: "it was never written" };
    if (words[Psa.CRC] !== (crc32Words(words, Psa.VERSION, this.words) | 0)) {
      return { ok: false, fault: "bad-crc", message: "its CRC does not hold" };
    }
    return this.decodeContent(words);
  }

  /** As {@link decode}, whatever the CRC word says. */
  decodeContent(words: Int32Array): DecodeResult {
    const impossible = (message: string): DecodeResult => ({ ok: false, fault: "impossible", message });
    if (words[Psa.VERSION] !== METADATA_VERSION) return impossible("its metadata version is not 2");
    const table = this.#read(words);
    if (table === undefined) return impossible("a bank has an unknown state");
    const fault = tableFault(table);
    if (fault !== undefined) return impossible(fault);
    this.encode(table, this.#scratch);
    for (let index = Psa.VERSION; index < this.words; index += 1) {
      if (this.#scratch[index] !== words[index])
        return impossible(`its word ${index} is none that is written`);
    }
    return { ok: true, table };
  }

  /**
   * The table that a replica stands for which {@link decode} finds impossible, if all of that can be a tool's for PSA
   * metadata (edited-table.ts): only fields that PSA lets such a tool change are none that would be written.
   */
  decodeEdited(words: Int32Array): Table | undefined {
    if (words[Psa.VERSION] !== METADATA_VERSION) return undefined;
    const edited = this.#read(words);
    if (edited === undefined) return undefined;
    this.encode(edited, this.#scratch);
    for (let index = Psa.VERSION; index < this.words; index += 1) {
      const isEditable = this.#isAcceptedWord(index) && (words[index] === 0 || words[index] === 1);
      if (!isEditable && this.#scratch[index] !== words[index]) return undefined;
    }
    const table = readEdited(edited);
    return tableFault(table) === undefined ? table : undefined;
  }

  #isAcceptedWord(index: number): boolean {
    const inBanks = index - Psa.BANK_INFO;
    const isBank = inBanks >= 0 && inBanks < this.regions * BankInfo.WORDS;
    return isBank && inBanks % BankInfo.WORDS === BankInfo.ACCEPTED;
  }

  #read(words: Int32Array): Table | undefined {
    const vendor = vendorWord(this.regions);
    const regions: RegionRecord[] = [];
    for (let region = 0; region < this.regions; region += 1) {
      const state = stateOf(((words[Psa.BANK_STATE] as number) >>> (region * 8)) & 0xff);
      if (state === undefined) return undefined;
      regions.push(decodeRecord(state, words, recordWord(this.regions, region)));
    }
    return {
      generation: (words[vendor + Vendor.GENERATION] as number) >>> 0,
      active: words[Psa.ACTIVE_INDEX] as number,
      previous: words[Psa.PREVIOUS_ACTIVE_INDEX] as number,
      next: words[vendor + Vendor.NEXT] as number,
      rebuilt: words[vendor + Vendor.FLAGS] !== 0,
      regions,
    };
  }
}

function makeTemplate(regions: number): Int32Array {
  const words = new Int32Array(replicaWords(regions));
  const bankInfoBytes = BankInfo.WORDS * 4;
  const entryBytes = (Psa.BANK_INFO - Psa.IMAGE_TYPE_GUID) * 4 + regions * bankInfoBytes;
  words[Psa.VERSION] = METADATA_VERSION;
  words[Psa.METADATA_SIZE] = words.length * 4;
  words[Psa.DESC_OFFSET] = DESC_OFFSET_BYTES;
  words[Psa.BANKS_AND_IMAGES] = regions | (1 << 16);
  words[Psa.ENTRY_SIZES] = entryBytes | (bankInfoBytes << 16);
  words.set(IMAGE_TYPE_GUID, Psa.IMAGE_TYPE_GUID);
  words.set(LOCATION_GUID, Psa.LOCATION_GUID);
  for (let region = 0; region < regions; region += 1) {
    words.set(IMAGE_GUIDS[region] ?? [], Psa.BANK_INFO + region * BankInfo.WORDS + BankInfo.IMAGE_GUID);
  }
  words[vendorWord(regions) + Vendor.TAG] = VENDOR_TAG;
  return words;
}

function isBlank(words: Int32Array, length: number): boolean {
  const first = words[0];
  if (first !== 0 && first !== -1) return false;
  for (let index = 1; index < length; index += 1) {
    if (words[index] !== first) return false;
  }
  return true;
}

function stateOf(code: number): RegionState | undefined {
  if (code === STATE_CODES.accepted) return "accepted";
  if (code === STATE_CODES.valid) return "valid";
  return code === STATE_CODES.invalid ? "invalid" : undefined;
}

function encodeRecord(record: RegionRecord, out: Int32Array, at: number): void {
  const { version, lastFailure, digest } = record;
  out[at + RegionWord.TRIAL] =
    record.triesLeft | (record.confirmed ? 0x100 : 0) | (record.unconfirmedStarts << 16);
  out[at + RegionWord.FAILURES] = record.failures;
  out[at + RegionWord.EVIDENCE] = lastFailure.evidence;
  out[at + RegionWord.CODE] = lastFailure.code;
  out[at + RegionWord.PC] = lastFailure.pc;
  out[at + RegionWord.VERSION] = version.major | (version.minor << 8) | (version.revision << 16);
  out[at + RegionWord.BUILD] = version.build;
  for (let i = 0; i < DIGEST_WORDS; i += 1) out[at + RegionWord.DIGEST + i] = digest[i] as number;
}

function decodeRecord(state: RegionState, words: Int32Array, at: number): RegionRecord {
  const word = (index: number) => (words[at + index] as number) >>> 0;
  const trial = word(RegionWord.TRIAL);
  const version = word(RegionWord.VERSION);
  return {
    state,
    triesLeft: trial & 0xff,
    unconfirmedStarts: trial >>> 16,
    confirmed: (trial & 0xff00) !== 0,
    failures: word(RegionWord.FAILURES),
    lastFailure: {
      evidence: word(RegionWord.EVIDENCE),
      code: word(RegionWord.CODE),
      pc: word(RegionWord.PC),
    },
    version: {
      major: version & 0xff,
      minor: (version >>> 8) & 0xff,
      revision: version >>> 16,
      build: word(RegionWord.BUILD),
    },
    digest: decodeDigest(words, at + RegionWord.DIGEST),
  };
}

function decodeDigest(words: Int32Array, at: number): Digest {
  const digest: number[] = [];
  for (let i = 0; i < DIGEST_WORDS; i += 1) digest.push(words[at + i] as number);
  return digest;
}
