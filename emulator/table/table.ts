/**
 * The management table as a value: which region is primary, and the state of each.
 *
 * A table is immutable; a change makes another one with the next generation. {@link tableFault} holds every rule
 * that a possible table keeps, above all: at most one region is designated (`active`), it is never an invalid
 * one, and a version on trial has tries left. How a table stands in memory is table-codec.ts; how it gets there
 * without ever being lost, commit.ts and recovery.ts; which changes there are, controller/boot/transitions.ts.
 */

import { type ImageVersion, NO_VERSION, versionFits } from "../base/version.ts";
import { MAX_REGIONS, MIN_REGIONS } from "../memory/map.ts";

/** Stands for no region in `active`, `previous` and `next`. */
export const NO_REGION = -1;
/** A trial version starts at most so often without being confirmed, whatever ended it. */
export const MAX_UNCONFIRMED_STARTS = 16;
export const MAX_TRIES = 255;
/** Failures that a version on trial may have before it is given up, unless it is said otherwise. */
export const DEFAULT_TRIAL_TRIES = 3;

/**
 * invalid: never started; it is being written, or failed too often.
 * valid: written and verified; started only when activated, on trial, until confirmed.
 * accepted: it said that it works, or was there at the first start.
 */
export type RegionState = "invalid" | "valid" | "accepted";

/** SHA-256 as eight 32-bit words, signed, as its bytes stand in little-endian memory. */
export type Digest = readonly number[];
export const DIGEST_WORDS = 8;
export const NO_DIGEST: Digest = new Array<number>(DIGEST_WORDS).fill(0);

/** What ended a version, last. */
export interface Failure {
  /** Code of evidence.ts; 0 for none. */
  readonly evidence: number;
  /** Depends on the evidence: panic code, trap cause, finisher code; 32 bits, unsigned. */
  readonly code: number;
  /** Program counter where it is known, else 0; 32 bits, unsigned. */
  readonly pc: number;
}
export const NO_FAILURE: Failure = { evidence: 0, code: 0, pc: 0 };

export interface RegionRecord {
  readonly state: RegionState;
  /** Failures that a trial may still have, counting the one that ends it; 0 off trial. */
  readonly triesLeft: number;
  /** Starts of this trial so far, 0 to {@link MAX_UNCONFIRMED_STARTS}. */
  readonly unconfirmedStarts: number;
  /** This very image was accepted once; tells what an operator's clearing makes of a failed one. */
  readonly confirmed: boolean;
  /** Failures of this region in the device's lifetime, whatever the image; saturates at 2^32 − 1. */
  readonly failures: number;
  readonly lastFailure: Failure;
  /** Of the image that was verified; {@link NO_VERSION} and {@link NO_DIGEST} while there is none. */
  readonly version: ImageVersion;
  readonly digest: Digest;
}

export interface Table {
  /** Raised by one with each commit; 32 bits, unsigned, wraps. */
  readonly generation: number;
  /** The primary: the one designated region; {@link NO_REGION} when none is. */
  readonly active: number;
  /** The last confirmed other region. */
  readonly previous: number;
  /** The region that the next start designates. */
  readonly next: number;
  /** Both replicas were lost and this table was made anew; until a version is confirmed. */
  readonly rebuilt: boolean;
  readonly regions: readonly RegionRecord[];
}

/** An image as the table knows it. */
export interface StoredImage {
  readonly version: ImageVersion;
  readonly digest: Digest;
}

export const EMPTY_REGION: RegionRecord = {
  state: "invalid",
  triesLeft: 0,
  unconfirmedStarts: 0,
  confirmed: false,
  failures: 0,
  lastFailure: NO_FAILURE,
  version: NO_VERSION,
  digest: NO_DIGEST,
};

/** A table of `regions` regions that hold nothing. */
export function emptyTable(regions: number, generation: number): Table {
  return {
    generation,
    active: NO_REGION,
    previous: NO_REGION,
    next: NO_REGION,
    rebuilt: false,
    regions: Array.from({ length: regions }, () => EMPTY_REGION),
  };
}

/**
 * The table with some fields changed. Field by field, here and in {@link changeRecord}: with all tables objects of one
 * shape V8 compiles once what reads them, and a spread costs a microsecond on the failover path.
 */
export function changeTable(
  table: Table,
  changes: Partial<Omit<Table, "generation">>,
  generation = table.generation,
): Table {
  return {
    generation,
    active: changes.active ?? table.active,
    previous: changes.previous ?? table.previous,
    next: changes.next ?? table.next,
    rebuilt: changes.rebuilt ?? table.rebuilt,
    regions: changes.regions ?? table.regions,
  };
}

export function changeRecord(record: RegionRecord, changes: Partial<RegionRecord>): RegionRecord {
  return {
    state: changes.state ?? record.state,
    triesLeft: changes.triesLeft ?? record.triesLeft,
    unconfirmedStarts: changes.unconfirmedStarts ?? record.unconfirmedStarts,
    confirmed: changes.confirmed ?? record.confirmed,
    failures: changes.failures ?? record.failures,
    lastFailure: changes.lastFailure ?? record.lastFailure,
    version: changes.version ?? record.version,
    digest: changes.digest ?? record.digest,
  };
}

export function nextGeneration(generation: number): number {
  return (generation + 1) >>> 0;
}

/** How far `a` is ahead of `b` in sequence arithmetic, −2^31 to 2^31 − 1 (RFC 1982). */
export function generationDistance(a: number, b: number): number {
  return (a - b) | 0;
}

/** The record of `region`. Throws when there is none: region numbers are checked where they come in. */
export function regionAt(table: Table, region: number): RegionRecord {
  const record = table.regions[region];
  if (record === undefined) throw new RangeError(`there is no region ${region}`);
  return record;
}

export function sameDigest(a: Digest, b: Digest): boolean {
  for (let i = 0; i < DIGEST_WORDS; i += 1) {
    if (a[i] !== b[i]) return false;
  }
  return true;
}

/** @param bytes 32 bytes */
export function digestFromBytes(bytes: Uint8Array): Digest {
  if (bytes.length !== DIGEST_WORDS * 4) throw new RangeError(`a digest of ${bytes.length} bytes`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  return Array.from({ length: DIGEST_WORDS }, (_, index) => view.getInt32(index * 4, true));
}

export function digestHex(digest: Digest): string {
  const view = new DataView(new ArrayBuffer(DIGEST_WORDS * 4));
  let text = "";
  for (const [index, word] of digest.entries()) {
    view.setInt32(index * 4, word, true);
    text += view
      .getUint32(index * 4, false)
      .toString(16)
      .padStart(8, "0");
  }
  return text;
}

function isUint(value: number, max: number): boolean {
  return Number.isInteger(value) && value >= 0 && value <= max;
}

/** What is impossible about a failure and its count, or undefined. */
function failureFault({ failures, lastFailure }: RegionRecord): string | undefined {
  const { evidence, code, pc } = lastFailure;
  if (!isUint(failures, 0xffff_ffff)) return "its failure count is no 32-bit number";
  if (!isUint(evidence, 0xff) || !isUint(code, 0xffff_ffff) || !isUint(pc, 0xffff_ffff)) {
    return "its last failure is out of range";
  }
  if ((failures === 0) !== (evidence === 0)) return "failure count and last failure disagree";
  if (evidence === 0 && (code !== 0 || pc !== 0)) return "it has a failure code without evidence";
  return undefined;
}

function imageRecordFault({ state, version, digest, confirmed }: RegionRecord): string | undefined {
  if (digest.length !== DIGEST_WORDS || !versionFits(version)) return "its image record is out of range";
  if (!sameDigest(digest, NO_DIGEST)) return undefined;
  if (state !== "invalid") return `it is ${state} without an image`;
  const blank = version.major === 0 && version.minor === 0 && version.revision === 0 && version.build === 0;
  return blank && !confirmed ? undefined : "it remembers an image that is not there";
}

function recordFault(table: Table, region: number, record: RegionRecord): string | undefined {
  const { state, triesLeft, unconfirmedStarts, confirmed } = record;
  if (!isUint(triesLeft, MAX_TRIES)) return "its tries are out of range";
  if (!isUint(unconfirmedStarts, MAX_UNCONFIRMED_STARTS)) return "its unconfirmed starts are out of range";
  if (state === "valid") {
    if (confirmed) return "it is confirmed but not accepted";
    const activated = region === table.active || region === table.next;
    if (activated !== triesLeft > 0) return activated ? "it is on trial without a try" : "it has stray tries";
    if (unconfirmedStarts > 0 && region !== table.active) return "it was started but is not active";
  } else {
    if (triesLeft !== 0 || unconfirmedStarts !== 0) return `it is ${state} and on trial at once`;
    if (state === "accepted" && !confirmed) return "it is accepted but not confirmed";
  }
  return imageRecordFault(record) ?? failureFault(record);
}

/** What is impossible about `active`, `previous` and `next`, or undefined. */
function pointerFault({ active, previous, next, regions }: Table): string | undefined {
  const inRange = (region: number) =>
    region === NO_REGION || (Number.isInteger(region) && region >= 0 && region < regions.length);
  if (!inRange(active)) return `the active region ${active} does not exist`;
  if (!inRange(previous)) return `the previous region ${previous} does not exist`;
  if (!inRange(next)) return `the next region ${next} does not exist`;
  if (regions[active]?.state === "invalid") return `the active region ${active} is invalid`;
  if (regions[next]?.state === "invalid") return `the next region ${next} is invalid`;
  if (previous !== NO_REGION && regions[previous]?.state !== "accepted") {
    return `the previous region ${previous} is not accepted`;
  }
  if (active !== NO_REGION && (next === active || previous === active)) {
    return `the active region ${active} is also next or previous`;
  }
  return undefined;
}

/** What is impossible about a table, in words, or undefined when it is a possible one. */
export function tableFault(table: Table): string | undefined {
  const { regions } = table;
  if (!isUint(table.generation, 0xffff_ffff)) return "the generation is no 32-bit number";
  if (regions.length < MIN_REGIONS || regions.length > MAX_REGIONS) return `${regions.length} regions`;
  const pointers = pointerFault(table);
  if (pointers !== undefined) return pointers;
  for (let region = 0; region < regions.length; region += 1) {
    const fault = recordFault(table, region, regions[region] as RegionRecord);
    if (fault !== undefined) return `region ${region}: ${fault}`;
  }
  return undefined;
}
