/**
 * The oracle's own reading of the management memory: PSA Firmware Update metadata version 2 with flipside's vendor
 * data (docs/table.md), and the security floor. It shares no code with what wrote them.
 */

export interface RegionReading {
  readonly state: "invalid" | "valid" | "accepted";
  readonly tries: number;
  readonly starts: number;
  readonly confirmed: boolean;
  readonly failures: number;
  readonly evidence: number;
  readonly digest: readonly number[];
}

export interface TableReading {
  readonly generation: number;
  readonly active: number;
  readonly previous: number;
  readonly next: number;
  readonly rebuilt: boolean;
  readonly regions: readonly RegionReading[];
}

const PAGE_WORDS = 1024;
const HEADER_WORDS = 18;
const BANK_WORDS = 6;
const VENDOR_WORDS = 4;
const RECORD_WORDS = 15;
const STATES = new Map([
  [0xff, "invalid"],
  [0xfe, "valid"],
  [0xfc, "accepted"],
] as const);

const CRC_TABLE = Int32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit += 1) crc = (crc & 1) === 0 ? crc >>> 1 : (crc >>> 1) ^ 0xedb8_8320;
  return crc;
});

/** CRC-32 (IEEE) over words `from` to `to`, exclusive, as little-endian bytes. */
function crc32(words: Int32Array, from: number, to: number): number {
  let crc = -1;
  for (let at = from; at < to; at += 1) {
    crc ^= words[at] as number;
    for (let byte = 0; byte < 4; byte += 1) crc = (CRC_TABLE[crc & 0xff] as number) ^ (crc >>> 8);
  }
  return ~crc;
}

/** @param base word index of the table's segment in `words`; the floor is in its third page */
export class ManagementReader {
  readonly #words: Int32Array;
  readonly #base: number;
  readonly #regions: number;
  readonly #length: number;

  constructor(words: Int32Array, base: number, regions: number) {
    this.#words = words;
    this.#base = base;
    this.#regions = regions;
    this.#length = HEADER_WORDS + regions * (BANK_WORDS + RECORD_WORDS) + VENDOR_WORDS;
  }

  /** Whether a replica is whole. */
  whole(replica: 0 | 1): boolean {
    const at = this.#base + replica * PAGE_WORDS;
    if (this.#words[at + 1] !== 2) return false;
    return this.#words[at] === crc32(this.#words, at + 1, at + this.#length);
  }

  /** Whether both replicas are whole and the same, word by word. */
  same(): boolean {
    const first = this.#base;
    const second = this.#base + PAGE_WORDS;
    for (let at = 0; at < this.#length; at += 1) {
      if (this.#words[first + at] !== this.#words[second + at]) return false;
    }
    return this.whole(0);
  }

  generation(replica: 0 | 1): number {
    return (this.#words[this.#vendor(replica) + 1] as number) >>> 0;
  }

  read(replica: 0 | 1): TableReading {
    const at = this.#base + replica * PAGE_WORDS;
    const vendor = this.#vendor(replica);
    const states = this.#words[at + 6] as number;
    return {
      generation: this.generation(replica),
      active: this.#words[at + 2] as number,
      previous: this.#words[at + 3] as number,
      next: this.#words[vendor + 2] as number,
      rebuilt: ((this.#words[vendor + 3] as number) & 1) !== 0,
      regions: Array.from({ length: this.#regions }, (_, region) =>
        this.#record((states >>> (8 * region)) & 0xff, vendor + VENDOR_WORDS + region * RECORD_WORDS),
      ),
    };
  }

  /** The floor by its first whole pair; undefined when neither is. */
  floor(): number | undefined {
    const at = this.#base + 2 * PAGE_WORDS;
    for (const pair of [at, at + 2]) {
      const value = this.#words[pair] as number;
      if (value === ~(this.#words[pair + 1] as number)) return value >>> 0;
    }
    return undefined;
  }

  #record(state: number, at: number): RegionReading {
    const trial = this.#words[at] as number;
    return {
      state: STATES.get(state as 0xff) ?? "invalid",
      tries: trial & 0xff,
      confirmed: (trial & 0xff00) !== 0,
      starts: trial >>> 16,
      failures: (this.#words[at + 1] as number) >>> 0,
      evidence: this.#words[at + 2] as number,
      digest: Array.from(this.#words.subarray(at + 7, at + 15)),
    };
  }

  #vendor(replica: 0 | 1): number {
    return this.#base + replica * PAGE_WORDS + HEADER_WORDS + this.#regions * BANK_WORDS;
  }
}
