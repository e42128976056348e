/**
 * What is made of a table that a tool for PSA metadata has changed, such as U-Boot's `fwumdata`. Such a tool knows the
 * part that PSA defines, and not our rules: it leaves tables that are legal there and impossible here.
 *
 * What it said is followed as far as the rules go, and nothing that was accepted is forgotten. A region's own record,
 * which such a tool leaves alone, says whether its image was accepted once and whether it is on trial:
 *
 * | the tool says | and it becomes |
 * |---|---|
 * | invalid | given up: an operator's clearing brings it back |
 * | valid, accepted | accepted if its image once was, else valid; without an image invalid |
 * | active: an accepted region, or the one on trial | active |
 * | active: a valid region that is not on trial | next, with its tries: the start after this puts it on trial |
 * | active: an invalid region, or none | the region that was active, as far as that can be told |
 * | previous: not accepted, or the active one | the highest other accepted region |
 *
 * A trial that is active no longer is over, as after a choice of another region.
 */
import { compareVersions } from "../base/version.ts";
import {
  changeRecord,
  changeTable,
  DEFAULT_TRIAL_TRIES,
  NO_DIGEST,
  NO_REGION,
  nextGeneration,
  type RegionRecord,
  sameDigest,
  type Table,
} from "./table.ts";

/**
 * The table of the next generation that an edited one stands for. It is a possible one unless `edited` is wrong in what
 * no such tool changes: the caller looks.
 */
export function readEdited(edited: Table): Table {
  const regions = edited.regions.map(possibleState);
  const wanted = regions[edited.active];
  const isFollowed = wanted?.state === "accepted" || isOnTrial(edited, regions, edited.active);
  const active = isFollowed ? edited.active : formerlyActive(edited, regions);
  const next = nextRegion(edited, regions, active);
  const keepsPrevious = edited.previous !== active && regions[edited.previous]?.state === "accepted";
  const previous = keepsPrevious ? edited.previous : highestAccepted(regions, active);
  const settled = regions.map((record, region) => possibleTrial(record, region === active, region === next));
  return changeTable(edited, { active, next, previous, regions: settled }, nextGeneration(edited.generation));
}

function possibleState(record: RegionRecord): RegionRecord {
  if (record.state === "invalid" || sameDigest(record.digest, NO_DIGEST)) {
    return changeRecord(record, { state: "invalid" });
  }
  return changeRecord(record, { state: record.confirmed ? "accepted" : "valid" });
}

function isOnTrial(edited: Table, regions: readonly RegionRecord[], region: number): boolean {
  const record = regions[region];
  return record?.state === "valid" && record.triesLeft > 0 && region !== edited.next;
}

/** The region on trial; else an accepted one, the previous one last. */
function formerlyActive(edited: Table, regions: readonly RegionRecord[]): number {
  const trial = regions.findIndex((_, region) => isOnTrial(edited, regions, region));
  if (trial >= 0) return trial;
  const other = highestAccepted(regions, edited.previous);
  return other === NO_REGION ? highestAccepted(regions, NO_REGION) : other;
}

function nextRegion(edited: Table, regions: readonly RegionRecord[], active: number): number {
  if (edited.active !== active && regions[edited.active]?.state === "valid") return edited.active;
  const { next } = edited;
  return next === active || regions[next]?.state === "invalid" ? NO_REGION : next;
}

/** The highest version, the lower index on a tie. */
function highestAccepted(regions: readonly RegionRecord[], except: number): number {
  let best = NO_REGION;
  for (const [region, record] of regions.entries()) {
    if (record.state !== "accepted" || region === except) continue;
    const highest = regions[best];
    if (highest === undefined || compareVersions(record.version, highest.version) > 0) best = region;
  }
  return best;
}

function possibleTrial(record: RegionRecord, isActive: boolean, isNext: boolean): RegionRecord {
  // Nothing of a trial can stand there: if it does, no tool for PSA metadata has done it.
  if (record.confirmed || sameDigest(record.digest, NO_DIGEST)) return record;
  if (record.state !== "valid" || !(isActive || isNext)) {
    return changeRecord(record, { triesLeft: 0, unconfirmedStarts: 0 });
  }
  if (isActive) return record;
  const triesLeft = record.triesLeft === 0 ? DEFAULT_TRIAL_TRIES : record.triesLeft;
  return changeRecord(record, { triesLeft, unconfirmedStarts: 0 });
}
