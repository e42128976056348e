/**
 * What one table may become in one commit: the rules that every change of transitions.ts keeps, told from the two
 * tables alone, so that a change that breaks one is refused before a byte of the replicas changes.
 *
 * - A failure is recorded of the active region, one at a time; the count never falls, not even for a new image.
 * - An image comes into a region that was made invalid and empty before, and is valid; it is never exchanged.
 * - Accepted is what confirms itself while it is active, or what was so once and is cleared; given up is what was active.
 * - Tries are given with an activation, and used one by one with the failures of a trial; starts only rise.
 * - Only what was accepted or activated becomes active; an active region is left without another when it is invalid.
 * - An activation outlives failures and starts until it is followed.
 * - The previous region is the accepted one that was active before, else the one it was for as long as that can be.
 *
 * On the failover path: a few comparisons, and nothing is allocated unless there is a fault to tell.
 */
import { NO_DIGEST, NO_REGION, nextGeneration, type RegionRecord, sameDigest, type Table } from "./table.ts";

/** What keeps one table from being the next generation of another, whatever it says. */
export function generationFault(before: Table, after: Table): string | undefined {
  if (after.regions.length !== before.regions.length) {
    return `the table has ${after.regions.length} regions instead of ${before.regions.length}`;
  }
  if (after.generation !== nextGeneration(before.generation)) {
    return `generation ${after.generation} does not follow ${before.generation}`;
  }
  return undefined;
}

/**
 * What is impossible about `after` as the table that follows `before`, in words, or undefined when nothing is. Both
 * are possible tables by themselves (`tableFault`).
 */
export function tableSuccessionFault(before: Table, after: Table): string | undefined {
  const generation = generationFault(before, after);
  if (generation !== undefined) return generation;
  for (let region = 0; region < before.regions.length; region += 1) {
    const was = before.regions[region] as RegionRecord;
    const is = after.regions[region] as RegionRecord;
    if (was === is) continue;
    const fault =
      failureSuccessionFault(before, region, was, is) ?? imageSuccessionFault(before, after, region);
    if (fault !== undefined) return `region ${region}: ${fault}`;
  }
  return rebuiltFault(before, after) ?? activeFault(before, after) ?? pointerFault(before, after);
}

function failureSuccessionFault(
  before: Table,
  region: number,
  was: RegionRecord,
  is: RegionRecord,
): string | undefined {
  if (is.failures === was.failures && sameFailure(was, is)) return undefined;
  if (region !== before.active) return "a failure is told of what was not active";
  return is.failures === Math.min(was.failures + 1, 0xffff_ffff) ? undefined : "its failures are miscounted";
}

function sameFailure({ lastFailure: a }: RegionRecord, { lastFailure: b }: RegionRecord): boolean {
  return a === b || (a.evidence === b.evidence && a.code === b.code && a.pc === b.pc);
}

function imageSuccessionFault(before: Table, after: Table, region: number): string | undefined {
  const was = before.regions[region] as RegionRecord;
  const is = after.regions[region] as RegionRecord;
  if (was.digest !== is.digest && !sameDigest(was.digest, is.digest)) {
    const isEmptied = is.state === "invalid" && sameDigest(is.digest, NO_DIGEST);
    const isWritten = was.state === "invalid" && is.state === "valid" && sameDigest(was.digest, NO_DIGEST);
    return isEmptied || isWritten ? undefined : "its image is exchanged";
  }
  if (!sameVersion(was, is)) return "its image has another version";
  return stateFault(before, after, region, was, is) ?? trialFault(before, after, region, was, is);
}

function sameVersion({ version: a }: RegionRecord, { version: b }: RegionRecord): boolean {
  if (a === b) return true;
  return a.major === b.major && a.minor === b.minor && a.revision === b.revision && a.build === b.build;
}

/** Of one image, that stays in its region. */
function stateFault(
  before: Table,
  after: Table,
  region: number,
  was: RegionRecord,
  is: RegionRecord,
): string | undefined {
  const confirms = was.state === "valid" && is.state === "accepted";
  if (confirms && (before.active !== region || after.active !== region))
    return "it is confirmed without running";
  if (was.confirmed !== is.confirmed && !confirms) return "what it was once is forgotten or made up";
  if (was.state === is.state) return undefined;
  if (is.state === "invalid" && before.active !== region) return "it is given up without having run";
  return was.state === "accepted" && is.state === "valid" ? "it is accepted no longer" : undefined;
}

function trialFault(
  before: Table,
  after: Table,
  region: number,
  was: RegionRecord,
  is: RegionRecord,
): string | undefined {
  if (is.state !== "valid") return undefined;
  if (before.active === region && after.active === region) {
    const used = was.triesLeft - is.triesLeft;
    const isSaturated = was.failures === 0xffff_ffff && (used === 0 || used === 1);
    if (used !== is.failures - was.failures && !isSaturated) return "its tries do not follow its failures";
    const starts = is.unconfirmedStarts - was.unconfirmedStarts;
    return starts === 0 || starts === 1 ? undefined : "its starts are miscounted";
  }
  const isActivated = after.next === region;
  const isOver = is.triesLeft === 0;
  return is.triesLeft === was.triesLeft || isActivated || isOver
    ? undefined
    : "its tries change without an activation";
}

function rebuiltFault(before: Table, after: Table): string | undefined {
  if (before.rebuilt === after.rebuilt) return undefined;
  if (after.rebuilt) return "it is said to be rebuilt";
  const isConfirmed =
    before.regions[before.active]?.state === "valid" && after.regions[before.active]?.state === "accepted";
  return isConfirmed ? undefined : "that it was rebuilt is forgotten before a version is confirmed";
}

function activeFault(before: Table, after: Table): string | undefined {
  const { active } = after;
  if (active === before.active) return undefined;
  if (active === NO_REGION) {
    const isGivenUp = after.regions[before.active]?.state === "invalid";
    return isGivenUp ? undefined : `region ${before.active} is left without another`;
  }
  const chosen = before.regions[active] as RegionRecord;
  if (chosen.state === "accepted") return undefined;
  if (chosen.state !== "valid" || before.next !== active) return `region ${active} was never activated`;
  const { state, unconfirmedStarts } = after.regions[active] as RegionRecord;
  return state === "valid" && unconfirmedStarts === 1
    ? undefined
    : `the start of region ${active} is not counted`;
}

function pointerFault(before: Table, after: Table): string | undefined {
  const { active } = before;
  const was = before.regions[active];
  const is = after.regions[active];
  const isFailure = was !== undefined && is !== undefined && is.failures !== was.failures;
  const isFollowed = after.next === NO_REGION && after.active === before.next;
  if ((isFailure || after.active !== active) && after.next !== before.next && !isFollowed) {
    return `the activation of region ${before.next} is lost`;
  }
  let previous = before.previous;
  if (after.active !== active && is?.state === "accepted") previous = active;
  const canStay = previous !== after.active && after.regions[previous]?.state === "accepted";
  return canStay && after.previous !== previous
    ? `region ${previous} is no longer the previous one`
    : undefined;
}
