/**
 * Every change of the management table, as functions from one table to the next. They hold the rules of a
 * version's life: written → valid → activated → on trial → accepted, and back.
 *
 * Invariants: each result is a possible table (emulator/table/table.ts) exactly one generation ahead, or there is none;
 * a region that failed is not designated anew by the change that records it, unless it may be started again
 * (a trial with tries left, or no other region may run); an invalid region is never designated.
 * The caller commits the table before it does what the table says.
 */

import { compareVersions } from "../../emulator/base/version.ts";
import { Evidence } from "../../emulator/memory/evidence.ts";
import {
  changeRecord,
  changeTable,
  EMPTY_REGION,
  type Failure,
  MAX_TRIES,
  MAX_UNCONFIRMED_STARTS,
  NO_DIGEST,
  NO_REGION,
  nextGeneration,
  type RegionRecord,
  regionAt,
  type StoredImage,
  sameDigest,
  type Table,
} from "../../emulator/table/table.ts";
import { BootDecision, type BootInput, decideBoot, type RegionFacts } from "./boot-rom.ts";

/** Why a change that somebody asked for is not made. */
export type Refusal =
  | "no-such-region"
  /** Flash refuses the region that executes. */
  | "is-primary"
  /** What the version that asks would be taken back to. */
  | "is-fall-back"
  | "not-being-written"
  | "not-verified"
  | "not-invalid"
  /** Its image or its trial keeps it from being started. */
  | "may-not-run";

export type TransitionResult =
  /** `table` is the very same object where there is nothing to change, and so nothing to commit. */
  | { readonly ok: true; readonly table: Table }
  | { readonly ok: false; readonly refusal: Refusal; readonly message: string };

function refuse(refusal: Refusal, message: string): TransitionResult {
  return { ok: false, refusal, message };
}

/** The next generation with changed records and pointers. */
function advance(table: Table, changes: Partial<Omit<Table, "generation">>): Table {
  return changeTable(table, changes, nextGeneration(table.generation));
}

function replaceRecord(
  regions: readonly RegionRecord[],
  region: number,
  record: RegionRecord,
): readonly RegionRecord[] {
  return regions.map((old, index) => (index === region ? record : old));
}

function withRecord(
  regions: readonly RegionRecord[],
  region: number,
  changes: Partial<RegionRecord>,
): readonly RegionRecord[] {
  const record = regions[region];
  return record === undefined ? regions : replaceRecord(regions, region, changeRecord(record, changes));
}

const OFF_TRIAL = { triesLeft: 0, unconfirmedStarts: 0 } as const;
/** Given up: invalid, its image still known, so that an operator may clear it. */
const GIVEN_UP = { state: "invalid", ...OFF_TRIAL } as const;

function withFailure(record: RegionRecord, lastFailure: Failure): RegionRecord {
  return changeRecord(record, { failures: Math.min(record.failures + 1, 0xffff_ffff), lastFailure });
}

/** The last confirmed region other than `active`: the one before, else the recorded one, else the highest. */
function lastConfirmed(before: Table, regions: readonly RegionRecord[], active: number): number {
  const accepted = (region: number) => region !== active && regions[region]?.state === "accepted";
  if (accepted(before.active)) return before.active;
  if (accepted(before.previous)) return before.previous;
  let best = NO_REGION;
  for (const [region, record] of regions.entries()) {
    if (!accepted(region)) continue;
    const highest = regions[best];
    if (highest === undefined || compareVersions(record.version, highest.version) > 0) best = region;
  }
  return best;
}

/**
 * Designates `region`, counting the start that follows if it is on trial.
 * @param regions records with whatever befell the region before already in them
 */
function designate(table: Table, regions: readonly RegionRecord[], region: number): Table {
  let records = regions;
  const old = records[table.active];
  // A trial that is superseded, not failed: it needs another activation to be run again.
  if (old?.state === "valid" && table.active !== region) {
    records = withRecord(records, table.active, OFF_TRIAL);
  }
  const chosen = records[region];
  if (chosen?.state === "valid") {
    records = withRecord(records, region, { unconfirmedStarts: chosen.unconfirmedStarts + 1 });
  }
  return advance(table, {
    active: region,
    next: table.next === region ? NO_REGION : table.next,
    previous: lastConfirmed(table, records, region),
    regions: records,
  });
}

/** Nothing may be started. Only a region that was given up loses its designation. */
function undesignate(table: Table, regions: readonly RegionRecord[]): Table {
  const active = regions[table.active]?.state === "invalid" ? NO_REGION : table.active;
  return advance(table, { active, previous: lastConfirmed(table, regions, active), regions });
}

/**
 * What the start that was decided does to the table; undefined when the table stands as it is.
 * An active region that is passed over because its image does not hold has failed, with evidence bad-digest.
 */
export function startTable(table: Table, decision: BootDecision): Table | undefined {
  const { active } = table;
  const record = table.regions[active];
  if (decision.region === active && record !== undefined) {
    return record.state === "valid" ? designate(table, table.regions, active) : undefined;
  }
  let regions = table.regions;
  const verdict = decision.verdicts[active];
  if (record !== undefined && verdict !== undefined && !verdict.mayRun) {
    const bad = verdict.cause === "bad-image" || verdict.cause === "other-image";
    const told = bad ? withFailure(record, { evidence: Evidence.BAD_DIGEST, code: 0, pc: 0 }) : record;
    // A trial that cannot go on is over; an accepted image may be put back.
    const over = record.state === "valid" ? changeRecord(told, GIVEN_UP) : told;
    if (over !== record) regions = replaceRecord(regions, active, over);
  }
  if (decision.region !== NO_REGION) return designate(table, regions, decision.region);
  // In safe mode only the end of a trial is recorded, or each start in safe mode would count a failure.
  return record?.state === "valid" ? undesignate(table, regions) : undefined;
}

export interface FailureInput {
  /** Its active region failed. */
  readonly table: Table;
  readonly floor: number;
  readonly images: readonly RegionFacts[];
  readonly failure: Failure;
  /** The region failed more often than its budget allows: it is given up. */
  readonly overBudget: boolean;
}

export interface FailureOutcome {
  /** To be committed before anything is started. */
  readonly table: Table;
  /** To be started after that, {@link NO_REGION} for safe mode. */
  readonly region: number;
  /**
   * failover: the other version. restart: the same one, a trial with tries left or with no other that may run.
   * roll-back: the trial is over, and this is the last confirmed one. safe-mode: none may run.
   */
  readonly action: "failover" | "restart" | "roll-back" | "safe-mode";
  readonly decision: BootDecision;
}

/**
 * What a failure of the active region does. A trial uses a try with each failure and goes on while one is left;
 * the change that uses the last one also makes it invalid and designates the last confirmed one. Anything else
 * fails over, or is started again where no other region may run.
 */
export function afterFailure(input: FailureInput): FailureOutcome {
  const { table, floor, images, failure, overBudget } = input;
  const failed = table.active;
  const record = regionAt(table, failed);
  const onTrial = record.state === "valid";
  const mayGoOn =
    !overBudget && (!onTrial || (record.triesLeft > 1 && record.unconfirmedStarts < MAX_UNCONFIRMED_STARTS));

  let told = withFailure(record, failure);
  let decision = decideBoot({ table, floor, images, failed: onTrial && mayGoOn ? NO_REGION : failed });
  if (decision.region === NO_REGION && mayGoOn && !onTrial) decision = decideBoot({ table, floor, images });

  if (onTrial) told = changeRecord(told, { triesLeft: told.triesLeft - 1 });
  // An image that no longer holds ends its trial too.
  const imageHolds = decision.verdicts[failed]?.mayRun === true;
  if (!mayGoOn || (onTrial && !imageHolds)) told = changeRecord(told, GIVEN_UP);
  const regions = replaceRecord(table.regions, failed, told);

  const { region } = decision;
  if (region === NO_REGION) {
    const left = undesignate(table, regions);
    return { table: left, region, action: "safe-mode", decision: inSafeMode(decision, failed, left, input) };
  }
  const designated = designate(table, regions, region);
  if (region === failed) return { table: designated, region, action: "restart", decision };
  const rolledBack = onTrial && told.state === "invalid" && region !== table.next;
  return { table: designated, region, action: rolledBack ? "roll-back" : "failover", decision };
}

/** What keeps each region from being run now: the failed one may have been given up, or its image not hold any more. */
function inSafeMode(
  decision: BootDecision,
  failed: number,
  table: Table,
  { floor, images }: FailureInput,
): BootDecision {
  const now = decideBoot({ table, floor, images });
  const verdicts = now.verdicts.map((verdict, region) => {
    const before = decision.verdicts[region];
    return region !== failed || before === undefined || before.cause === "failed" ? verdict : before;
  });
  return new BootDecision(NO_REGION, now.row, now.reason, verdicts);
}

/**
 * The version that executes says that it works: from now on it is accepted.
 * Undefined when it is already, so that there is nothing to commit.
 */
export function confirm(table: Table): Table | undefined {
  if (regionAt(table, table.active).state === "accepted") return undefined;
  const accepted: Partial<RegionRecord> = { state: "accepted", confirmed: true, ...OFF_TRIAL };
  return advance(table, { rebuilt: false, regions: withRecord(table.regions, table.active, accepted) });
}

/**
 * Before the first erase of a region: it is invalid, whatever it will read.
 * @param executing whether the active region executes; in safe mode it does not and may be written too
 */
export function beginUpdate(table: Table, region: number, executing: boolean): TransitionResult {
  const record = table.regions[region];
  if (record === undefined) return refuse("no-such-region", `there is no region ${region}`);
  if (executing && region === table.active) {
    return refuse("is-primary", `region ${region} is executing and cannot be written`);
  }
  if (record.state === "invalid" && sameDigest(record.digest, NO_DIGEST)) return { ok: true, table };
  const { failures, lastFailure } = record;
  const regions = replaceRecord(table.regions, region, changeRecord(EMPTY_REGION, { failures, lastFailure }));
  const active = table.active === region ? NO_REGION : table.active;
  const next = table.next === region ? NO_REGION : table.next;
  const previous =
    table.previous === region
      ? lastConfirmed(changeTable(table, { active }), regions, active)
      : table.previous;
  return { ok: true, table: advance(table, { active, next, previous, regions }) };
}

/**
 * As {@link beginUpdate}, asked for by the version that executes: while it is on trial it may not take away what runs when
 * the trial fails, nor the last version that was confirmed.
 */
export function beginOwnUpdate(
  table: Table,
  region: number,
  known: Pick<BootInput, "floor" | "images">,
): TransitionResult {
  if (regionAt(table, table.active).state === "valid") {
    const { floor, images } = known;
    const fallBack = decideBoot({ table, floor, images, failed: table.active }).region;
    if (region !== NO_REGION && (region === fallBack || region === table.previous)) {
      return refuse("is-fall-back", `region ${region} is what the version on trial falls back on`);
    }
  }
  return beginUpdate(table, region, true);
}

/** After the last program and a verify: the region holds `image`, and may be activated. */
export function endUpdate(table: Table, region: number, image: StoredImage): TransitionResult {
  const record = table.regions[region];
  if (record === undefined) return refuse("no-such-region", `there is no region ${region}`);
  if (record.state !== "invalid" || !sameDigest(record.digest, NO_DIGEST)) {
    return refuse("not-being-written", `region ${region} was not made invalid before it was written`);
  }
  if (sameDigest(image.digest, NO_DIGEST)) {
    return refuse("not-verified", `the image in region ${region} was not verified`);
  }
  const { version, digest } = image;
  const regions = withRecord(table.regions, region, { state: "valid", version, digest });
  return { ok: true, table: advance(table, { regions }) };
}

/**
 * Chooses the region that the next start designates: on trial if it is valid, as it is if it is accepted. Choosing
 * the active one takes an earlier choice back.
 * @param tries failures that the trial may have, 1 to 255
 */
export function activate(table: Table, region: number, tries: number): TransitionResult {
  if (!Number.isInteger(tries) || tries < 1 || tries > MAX_TRIES) {
    throw new RangeError(`${tries} tries: 1 to ${MAX_TRIES} are possible`);
  }
  const record = table.regions[region];
  if (record === undefined) return refuse("no-such-region", `there is no region ${region}`);
  if (record.state === "invalid") {
    return refuse("not-verified", `region ${region} holds no image that was verified`);
  }
  const next = region === table.active ? NO_REGION : region;
  let regions = table.regions;
  if (table.next !== next && regions[table.next]?.state === "valid") {
    regions = withRecord(regions, table.next, OFF_TRIAL);
  }
  if (next !== NO_REGION && record.state === "valid" && record.triesLeft !== tries) {
    regions = withRecord(regions, region, { triesLeft: tries });
  }
  if (next === table.next && regions === table.regions) return { ok: true, table };
  return { ok: true, table: advance(table, { next, regions }) };
}

/**
 * An operator's word that a region which was given up may run again: accepted if its image was once, else
 * activated for a trial.
 */
export function clear(table: Table, region: number, tries: number): TransitionResult {
  const record = table.regions[region];
  if (record === undefined) return refuse("no-such-region", `there is no region ${region}`);
  if (record.state !== "invalid") return refuse("not-invalid", `region ${region} is ${record.state}`);
  if (sameDigest(record.digest, NO_DIGEST)) {
    return refuse("not-verified", `region ${region} holds no image that was verified`);
  }
  if (record.confirmed) {
    const regions = withRecord(table.regions, region, { state: "accepted" });
    const previous =
      table.previous === NO_REGION ? lastConfirmed(table, regions, table.active) : table.previous;
    return { ok: true, table: advance(table, { regions, previous }) };
  }
  const regions = withRecord(table.regions, region, { state: "valid" });
  return activate(changeTable(table, { regions }), region, tries);
}

/**
 * What an operator's word makes of the table, if the region may run then: else it would change the table, and nothing
 * would ever come of it.
 */
export function requireRunnable(
  result: TransitionResult,
  region: number,
  known: Pick<BootInput, "floor" | "images">,
): TransitionResult {
  if (!result.ok) return result;
  const { floor, images } = known;
  const verdict = decideBoot({ table: result.table, floor, images }).verdicts[region];
  if (verdict?.mayRun !== false) return result;
  return refuse("may-not-run", `region ${region} would not be started: ${verdict.message}`);
}
