/**
 * The boot ROM: takes what reading every image in full showed (inspection.ts), finds what counts in the management memory, and decides which region is
 * started, or that none is (safe mode). It returns its decision with the reason and stores nothing but repairs;
 * transitions.ts makes the table that records the decision.
 *
 * Rules, in order: `next`, if it may run; the active one, if it may; where the active one was on trial and may not
 * go on, the last confirmed one (`previous`); the highest accepted one (lower index on a tie); safe mode. A region
 * *may run* when its image is well-formed, its digest and (where keys are set) its signature hold, it is the image
 * that the table recorded, its security counter is not below the floor, and its state is accepted, or valid and
 * activated with tries and starts left. What is valid but was never activated is never executed.
 */

import { compareVersions, formatVersion, type ImageVersion } from "../../emulator/base/version.ts";
import { type FloorRecovery, recoverFloor } from "../../emulator/table/floor.ts";
import type { NvramPort } from "../../emulator/table/nvram.ts";
import {
  classifyReplicas,
  type Recovery,
  type RecoveryPolicy,
  recoverTable,
} from "../../emulator/table/recovery.ts";
import {
  type Digest,
  digestFromBytes,
  MAX_UNCONFIRMED_STARTS,
  NO_REGION,
  type RegionRecord,
  type StoredImage,
  sameDigest,
  type Table,
} from "../../emulator/table/table.ts";
import type { ImageFault } from "../image/format.ts";
import type { VerifyResult } from "../image/verify.ts";

/** What reading a region's image showed. */
export type RegionFacts =
  | {
      readonly usable: true;
      readonly version: ImageVersion;
      readonly digest: Digest;
      /** 0 when the image has none. */
      readonly securityCounter: number;
      /** Offset in bytes of the entry from the start of the region. */
      readonly headerBytes: number;
      readonly imageBytes: number;
      /** Whether a signature was asked for and held. */
      readonly signed: boolean;
    }
  | { readonly usable: false; readonly fault: ImageFault };

/** What a verification showed. */
export function factsOf(result: VerifyResult): RegionFacts {
  if (!result.ok) return { usable: false, fault: result.fault };
  const { version, sha256, securityCounter = 0, headerBytes, imageBytes, signed } = result.image;
  return {
    usable: true,
    version,
    digest: digestFromBytes(sha256),
    securityCounter,
    headerBytes,
    imageBytes,
    signed,
  };
}

/** What was found in the management memory, both parts repaired. */
export interface ManagementRecovery {
  readonly table: Recovery;
  readonly floor: FloorRecovery;
}

/**
 * Recovers the security floor and the table, in this order: which images a lost table is made of depends on the
 * floor, and a lost floor is made from what the table says was accepted.
 * @param images facts of every region
 */
export function recoverManagement(
  port: NvramPort,
  images: readonly RegionFacts[],
  policy: RecoveryPolicy,
): ManagementRecovery {
  const found = classifyReplicas(port, images.length);
  const known = "table" in found ? found.table : undefined;
  const floor = recoverFloor(port, known === undefined ? 0 : confirmedCounter(known, images));
  const usable = images.map((facts): StoredImage | undefined =>
    facts.usable && facts.securityCounter >= floor.floor
      ? { version: facts.version, digest: facts.digest }
      : undefined,
  );
  return { table: recoverTable(port, usable, policy), floor };
}

/**
 * The counter that the security floor is raised to: the highest among accepted regions that hold the accepted
 * image. A trial does not raise it, or it could not be rolled back.
 */
export function confirmedCounter(table: Table, images: readonly RegionFacts[]): number {
  let counter = 0;
  for (const [region, record] of table.regions.entries()) {
    const facts = images[region];
    if (facts?.usable !== true || record.state !== "accepted") continue;
    if (sameDigest(facts.digest, record.digest)) counter = Math.max(counter, facts.securityCounter);
  }
  return counter;
}

/** Why a region may run or not. The first three may. */
export type VerdictCause =
  | "accepted"
  | "on-trial"
  | "activated"
  | "not-activated"
  | "starts-used"
  | "failed"
  | "invalid"
  | "bad-image"
  /** The image is whole but not the one that the table recorded. */
  | "other-image"
  | "below-floor";

/** What the boot ROM thinks of one region. Its sentence is made only when somebody asks: a failover does not wait for it. */
export class RegionVerdict {
  readonly region: number;
  readonly cause: VerdictCause;
  readonly #record: RegionRecord;
  readonly #facts: RegionFacts | undefined;
  readonly #floor: number;

  constructor(
    region: number,
    cause: VerdictCause,
    record: RegionRecord,
    facts: RegionFacts | undefined,
    floor: number,
  ) {
    this.region = region;
    this.cause = cause;
    this.#record = record;
    this.#facts = facts;
    this.#floor = floor;
  }

  get mayRun(): boolean {
    return this.cause === "accepted" || this.cause === "on-trial" || this.cause === "activated";
  }

  /** One sentence for humans. */
  get message(): string {
    return describeVerdict(this.cause, this.#record, this.#facts, this.#floor);
  }
}

/** Which start is decided on, and by which row of docs/table.md, "Boot decision". */
export class BootDecision {
  /** The region to start, {@link NO_REGION} for safe mode. */
  readonly region: number;
  /** The first row that held. */
  readonly row: 1 | 2 | 3 | 4 | 5;
  /**
   * activated: the next start was asked to designate it. active: it is the primary. trial: likewise, not yet
   * confirmed. roll-back: the trial may not go on, and this is the last confirmed one. fallback: the highest
   * accepted one. safe-mode: no region may run. table-lost: there is no table to decide by.
   */
  readonly reason: "activated" | "active" | "trial" | "roll-back" | "fallback" | "safe-mode" | "table-lost";
  readonly verdicts: readonly RegionVerdict[];

  constructor(
    region: number,
    row: BootDecision["row"],
    reason: BootDecision["reason"],
    verdicts: readonly RegionVerdict[],
  ) {
    this.region = region;
    this.row = row;
    this.reason = reason;
    this.verdicts = verdicts;
  }

  /** Why, for people: what was chosen and what made it so; of safe mode, what keeps each region from being run. */
  get detail(): string {
    if (this.reason === "table-lost") return "both replicas of the management table are lost";
    if (this.reason === "safe-mode")
      return this.verdicts.map(({ region, message }) => `region ${region}: ${message}`).join("; ");
    return `region ${this.region}, ${REASONS[this.reason]}: ${this.verdicts[this.region]?.message ?? ""}`;
  }
}

export interface BootInput {
  /** Undefined when both replicas were lost and the policy is safe mode. */
  readonly table: Table | undefined;
  readonly floor: number;
  readonly images: readonly RegionFacts[];
  /** A region that has just failed and may not go on; {@link NO_REGION} or absent for none. */
  readonly failed?: number;
}

/** What keeps the image in a region from being run, whatever the region's trial; undefined when nothing does. */
function imageCause(
  record: RegionRecord,
  facts: RegionFacts | undefined,
  floor: number,
): VerdictCause | undefined {
  if (record.state === "invalid") return "invalid";
  if (facts?.usable !== true) return "bad-image";
  if (!sameDigest(facts.digest, record.digest)) return "other-image";
  return facts.securityCounter < floor ? "below-floor" : undefined;
}

function judgeRegion(table: Table, region: number, record: RegionRecord, input: BootInput): VerdictCause {
  const unusable = imageCause(record, input.images[region], input.floor);
  if (unusable !== undefined) return unusable;
  if (region === input.failed) return "failed";
  if (record.state === "accepted") return "accepted";
  if (record.triesLeft === 0) return "not-activated";
  if (record.unconfirmedStarts >= MAX_UNCONFIRMED_STARTS) return "starts-used";
  return region === table.active ? "on-trial" : "activated";
}

function describeVerdict(
  cause: VerdictCause,
  record: RegionRecord,
  facts: RegionFacts | undefined,
  floor: number,
): string {
  const version = formatVersion(record.version);
  const tries = `${record.triesLeft} ${record.triesLeft === 1 ? "try" : "tries"} left`;
  switch (cause) {
    case "invalid":
      return describeInvalid(record, facts, floor);
    case "bad-image":
      return facts?.usable === false ? facts.fault.message : "it was not read";
    case "other-image":
      return `it holds ${facts?.usable === true ? formatVersion(facts.version) : "something else"}, not the image that was verified`;
    case "below-floor":
      return describeBelowFloor(facts?.usable === true ? facts.securityCounter : 0, floor);
    case "failed":
      return `${version} has just failed`;
    case "accepted":
      return `${version} is accepted`;
    case "not-activated":
      return `${version} was never activated`;
    case "starts-used":
      return `${version} was started ${record.unconfirmedStarts} times unconfirmed`;
    case "on-trial":
      return `${version} is on trial with ${tries}`;
    case "activated":
      return `${version} is activated with ${tries}`;
  }
}

/** For people, of an image that was or was not named before. */
export function describeBelowFloor(securityCounter: number, floor: number): string {
  return `its security counter ${securityCounter} is below the floor ${floor}`;
}

function describeInvalid(record: RegionRecord, facts: RegionFacts | undefined, floor: number): string {
  const { digest, lastFailure } = record;
  if (digest.every((word) => word === 0)) return describeEmpty(facts, floor);
  const what = formatVersion(record.version);
  return lastFailure.evidence === 0 ? `${what} is invalid` : `${what} failed too often`;
}

/** Of a region for which no image is recorded: what kept the image there from being taken at a start. */
function describeEmpty(facts: RegionFacts | undefined, floor: number): string {
  if (facts?.usable === false) return facts.fault.message;
  const { securityCounter = 0 } = facts ?? {};
  return securityCounter < floor ? describeBelowFloor(securityCounter, floor) : "it holds no verified image";
}

/** Decides which region is started. Pure: the same input gives the same decision. */
export function decideBoot(input: BootInput): BootDecision {
  const { table, images, floor } = input;
  if (table === undefined) return new BootDecision(NO_REGION, 5, "table-lost", []);
  const verdicts = table.regions.map(
    (record, region) =>
      new RegionVerdict(region, judgeRegion(table, region, record, input), record, images[region], floor),
  );
  const decide = (row: BootDecision["row"], region: number, reason: BootDecision["reason"]) =>
    new BootDecision(region, row, reason, verdicts);
  const mayRun = (region: number) => verdicts[region]?.mayRun === true;
  const onTrial = table.regions[table.active]?.state === "valid";
  if (mayRun(table.next)) return decide(1, table.next, "activated");
  if (mayRun(table.active)) return decide(2, table.active, onTrial ? "trial" : "active");
  if (onTrial && mayRun(table.previous)) return decide(3, table.previous, "roll-back");
  const highest = highestAccepted(table, verdicts);
  if (highest !== NO_REGION) return decide(4, highest, onTrial ? "roll-back" : "fallback");
  return decide(5, NO_REGION, "safe-mode");
}

const REASONS: { readonly [reason in BootDecision["reason"]]: string } = {
  activated: "activated for this start",
  active: "the primary",
  trial: "the primary",
  "roll-back": "returned to as the trial may not go on",
  fallback: "the highest accepted one",
  "safe-mode": "",
  "table-lost": "",
};

function highestAccepted(table: Table, verdicts: readonly RegionVerdict[]): number {
  let best = NO_REGION;
  for (const [region, record] of table.regions.entries()) {
    if (record.state !== "accepted" || verdicts[region]?.mayRun !== true) continue;
    const highest = table.regions[best];
    if (highest === undefined || compareVersions(record.version, highest.version) > 0) best = region;
  }
  return best;
}
