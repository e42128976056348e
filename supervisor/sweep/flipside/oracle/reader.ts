/**
 * The oracle's own reading of the management memory: PSA Firmware Update metadata version 2 with flipside's vendor
 * data (docs/table.md), and the security floor. It shares no code with what wrote them.
 */

import type { ImageFacts } from "./world.ts";

export type Replica = 0 | 1;

/** Pointers of a table, as the oracle's worlds have them. */
export interface Pointers {
  readonly generation: number;
  readonly active: number;
  readonly previous: number;
  readonly next: number;
  readonly rebuilt: boolean;
}

const PAGE_WORDS = 1024;
const HEADER_WORDS = 18;
const BANK_WORDS = 6;
const BANK_ACCEPTED = 4;
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

/** What was found of a content. */
const enum Found {
  /** By replica, as bits. */
  WHOLE = 1,
  SAME = 4,
}
/** Contents that are remembered as checked; beyond that they are checked again. */
const FOUND_KEPT = 8192;

/** The record of one region in a replica, read from memory when it is asked for. */
export class RecordReading {
  readonly #words: Int32Array;
  readonly #at: number;
  readonly #stateCode: number;
  readonly #bankAt: number;

  constructor(words: Int32Array, at: number, stateCode: number, bankAt: number) {
    this.#words = words;
    this.#at = at;
    this.#stateCode = stateCode;
    this.#bankAt = bankAt;
  }

  /** PSA's own flag, which readers that do not know flipside's data go by. */
  get psaAccepted(): boolean {
    return this.#words[this.#bankAt + BANK_ACCEPTED] === 1;
  }

  get state(): "invalid" | "valid" | "accepted" {
    return STATES.get(this.#stateCode as 0xff) ?? "invalid";
  }

  get tries(): number {
    return this.#word(0) & 0xff;
  }

  get confirmed(): boolean {
    return (this.#word(0) & 0xff00) !== 0;
  }

  get starts(): number {
    return this.#word(0) >>> 16;
  }

  get failures(): number {
    return this.#word(1) >>> 0;
  }

  get evidence(): number {
    return this.#word(2);
  }

  get code(): number {
    return this.#word(3) >>> 0;
  }

  get pc(): number {
    return this.#word(4) >>> 0;
  }

  hasVersion({ major, minor, revision, build }: ImageFacts["version"]): boolean {
    return (
      this.#word(5) >>> 0 === major + minor * 0x100 + revision * 0x1_0000 && this.#word(6) >>> 0 === build
    );
  }

  hasDigest(digest: readonly number[]): boolean {
    for (let at = 0; at < digest.length; at += 1) {
      if (this.#word(7 + at) !== digest[at]) return false;
    }
    return true;
  }

  #word(index: number): number {
    return this.#words[this.#at + index] as number;
  }
}

export class ManagementReader {
  readonly #words: Int32Array;
  readonly #base: number;
  readonly #contentKey: () => number;
  #length = 0;
  #regions = 0;
  /** {@link Found} by content: most of them come back, after one cut and another. */
  readonly #found = new Map<number, number>();

  /**
   * @param base word index of the table's segment in `words`; the floor is in its third page
   * @param contentKey of the segment: equal for equal words of it alone
   */
  constructor(words: Int32Array, base: number, regions: number, contentKey: () => number) {
    this.#words = words;
    this.#base = base;
    this.#contentKey = contentKey;
    this.regions = regions;
  }

  /** So many are in the table. */
  set regions(regions: number) {
    if (regions === this.#regions) return;
    this.#found.clear();
    this.#regions = regions;
    this.#length = HEADER_WORDS + regions * (BANK_WORDS + RECORD_WORDS) + VENDOR_WORDS;
  }

  /** Whether a replica is whole. */
  whole(replica: Replica): boolean {
    return (this.#look() & (Found.WHOLE << replica)) !== 0;
  }

  /** Whether both replicas are whole and the same, word by word. */
  same(): boolean {
    return (this.#look() & Found.SAME) !== 0;
  }

  /** {@link Found} of what memory holds. */
  #look(): number {
    const key = this.#contentKey();
    let found = this.#found.get(key);
    if (found === undefined) {
      const [first, second] = [this.#isWhole(0), this.#isWhole(1)];
      const same = first && this.#areEqual();
      found = (first ? Found.WHOLE : 0) | (second ? Found.WHOLE << 1 : 0) | (same ? Found.SAME : 0);
      if (this.#found.size >= FOUND_KEPT) this.#found.clear();
      this.#found.set(key, found);
    }
    return found;
  }

  #isWhole(replica: Replica): boolean {
    const at = this.#base + replica * PAGE_WORDS;
    if (this.#words[at + 1] !== 2) return false;
    return this.#words[at] === crc32(this.#words, at + 1, at + this.#length);
  }

  #areEqual(): boolean {
    const first = this.#base;
    const second = this.#base + PAGE_WORDS;
    for (let at = 0; at < this.#length; at += 1) {
      if (this.#words[first + at] !== this.#words[second + at]) return false;
    }
    return true;
  }

  generation(replica: Replica): number {
    return (this.#words[this.#vendor(replica) + 1] as number) >>> 0;
  }

  active(replica: Replica): number {
    return this.#words[this.#base + replica * PAGE_WORDS + 2] as number;
  }

  record(replica: Replica, region: number): RecordReading {
    const states = this.#words[this.#base + replica * PAGE_WORDS + 6] as number;
    const at = this.#vendor(replica) + VENDOR_WORDS + region * RECORD_WORDS;
    const bankAt = this.#base + replica * PAGE_WORDS + HEADER_WORDS + region * BANK_WORDS;
    return new RecordReading(this.#words, at, (states >>> (8 * region)) & 0xff, bankAt);
  }

  /** What of the pointers is otherwise in a replica, in words; undefined when nothing is. */
  differingPointer(replica: Replica, want: Pointers): string | undefined {
    const at = this.#base + replica * PAGE_WORDS;
    const vendor = this.#vendor(replica);
    const differs = (name: string, found: number, wanted: number) =>
      found === wanted ? undefined : `\`${name}\` is ${found} in the table instead of ${wanted}`;
    return (
      differs("active", this.active(replica), want.active) ??
      differs("next", this.#words[vendor + 2] as number, want.next) ??
      differs("previous", this.#words[at + 3] as number, want.previous) ??
      differs("generation", this.generation(replica), want.generation) ??
      differs("rebuilt", (this.#words[vendor + 3] as number) & 1, want.rebuilt ? 1 : 0)
    );
  }

  /** The floor by its first whole pair; undefined when neither is. */
  floor(): number | undefined {
    return this.#floorPair(0) ?? this.#floorPair(2);
  }

  /** Both pairs of the floor are whole and the same. */
  floorWhole(): boolean {
    const floor = this.#floorPair(0);
    return floor !== undefined && floor === this.#floorPair(2);
  }

  #floorPair(word: number): number | undefined {
    const at = this.#base + 2 * PAGE_WORDS + word;
    const value = this.#words[at] as number;
    return value === ~(this.#words[at + 1] as number) ? value >>> 0 : undefined;
  }

  #vendor(replica: Replica): number {
    return this.#base + replica * PAGE_WORDS + HEADER_WORDS + this.#regions * BANK_WORDS;
  }
}
