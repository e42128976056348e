/**
 * The oracle's own model of a device: what may stand in its management memory, and what each thing that happens
 * makes of it. docs/sweep.md shows it as a table of states; this is that table, row by row.
 *
 * Written apart from what it judges: no code of the boot ROM, the transitions, the policy or the table codec is
 * used here. A world is one possible content of the management memory; where power went in the midst of a change
 * there are two, the one before and the one after.
 */
import type { EvidenceName } from "../../../../emulator/memory/evidence.ts";
import type { RecoveryPolicy } from "../../../../emulator/table/recovery.ts";
import type { RequestKind } from "../virtual-event.ts";

/** No region. */
export const NONE = -1;
/** A trial starts at most so often without being confirmed. */
const STARTS_MAX = 16;
/** Evidence "bad-digest", emulator/memory/evidence.ts. */
const BAD_DIGEST = 14;

export interface Standing {
  readonly state: "invalid" | "valid" | "accepted";
  /** Image that the device took note of when it verified the region; empty for none. */
  readonly image: string;
  /** Failures that the trial may still have; 0 off trial. */
  readonly tries: number;
  readonly starts: number;
  /** The image was accepted once. */
  readonly confirmed: boolean;
  readonly failures: number;
  /** The last failure: code of its evidence, what that says, and where. */
  readonly evidence: number;
  readonly code: number;
  readonly pc: number;
}

/** What a failure leaves in the record of its region. */
export type Cause = Pick<Standing, "evidence" | "code" | "pc">;

/** What the firmware reads as BOOT_REASON: docs/hardware.md. */
const enum Reason {
  NONE = 0,
  POWER_ON = 1,
  FAILOVER = 2,
  RESTART = 3,
  ACTIVATION = 4,
  ROLL_BACK = 5,
}

export interface World {
  /** blank: never written. lost: both replicas were damaged by rot. */
  readonly memory: "blank" | "table" | "lost";
  readonly generation: number;
  readonly active: number;
  readonly next: number;
  readonly previous: number;
  readonly rebuilt: boolean;
  readonly floor: number;
  readonly regions: readonly Standing[];
  /** The region that executes in this world, {@link NONE} for safe mode or power off. */
  readonly runs: number;
  /** What the firmware is told of why it runs. */
  readonly reason: Reason;
}

/** What is known about an image. */
export interface ImageFacts {
  readonly name: string;
  /** Versions as numbers that compare. */
  readonly rank: number;
  readonly version: {
    readonly major: number;
    readonly minor: number;
    readonly revision: number;
    readonly build: number;
  };
  readonly counter: number;
  /** SHA-256 as signed little-endian words. */
  readonly digest: readonly number[];
  /** By what it fails, where it is made to. */
  readonly fails: readonly EvidenceName[];
}

/** What the oracle may look at besides events. */
export interface Surroundings {
  readonly image: (name: string) => ImageFacts | undefined;
  /** The image that a region holds by its bytes, whole and definite; undefined for anything else. */
  readonly holds: (region: number) => string | undefined;
  /** What the scenario that is judged has the device do. */
  readonly recovery: () => RecoveryPolicy;
}

const NOTHING: Standing = {
  state: "invalid",
  image: "",
  tries: 0,
  starts: 0,
  confirmed: false,
  failures: 0,
  evidence: 0,
  code: 0,
  pc: 0,
};

export function blankWorld(regions: number): World {
  return {
    memory: "blank",
    generation: 0,
    active: NONE,
    next: NONE,
    previous: NONE,
    rebuilt: false,
    floor: 0,
    regions: Array.from({ length: regions }, () => NOTHING),
    runs: NONE,
    reason: Reason.NONE,
  };
}

/** The world with some fields changed; field by field, so that all worlds are objects of one shape. */
export function change(world: World, changes: Partial<World>): World {
  return {
    memory: changes.memory ?? world.memory,
    generation: changes.generation ?? world.generation,
    active: changes.active ?? world.active,
    next: changes.next ?? world.next,
    previous: changes.previous ?? world.previous,
    rebuilt: changes.rebuilt ?? world.rebuilt,
    floor: changes.floor ?? world.floor,
    regions: changes.regions ?? world.regions,
    runs: changes.runs ?? world.runs,
    reason: changes.reason ?? world.reason,
  };
}

function changeStanding(standing: Standing, changes: Partial<Standing>): Standing {
  return {
    state: changes.state ?? standing.state,
    image: changes.image ?? standing.image,
    tries: changes.tries ?? standing.tries,
    starts: changes.starts ?? standing.starts,
    confirmed: changes.confirmed ?? standing.confirmed,
    failures: changes.failures ?? standing.failures,
    evidence: changes.evidence ?? standing.evidence,
    code: changes.code ?? standing.code,
    pc: changes.pc ?? standing.pc,
  };
}

function withRegion(world: World, region: number, changes: Partial<Standing>): World {
  const regions = world.regions.map((standing, at) =>
    at === region ? changeStanding(standing, changes) : standing,
  );
  return change(world, { regions });
}

export function standing(world: World, region: number): Standing {
  return world.regions[region] ?? NOTHING;
}

function next(generation: number): number {
  return (generation + 1) >>> 0;
}

// ── Which region may run ────────────────────────────────────────────────────────────────────────────────────

/** Its bytes are the image that was verified, and not below the floor. */
function imageHolds(world: World, region: number, around: Surroundings): boolean {
  const { image } = standing(world, region);
  return image !== "" && around.holds(region) === image && counterOf(image, around) >= world.floor;
}

function counterOf(image: string, around: Surroundings): number {
  return around.image(image)?.counter ?? 0;
}

function rankOf(image: string, around: Surroundings): number {
  return around.image(image)?.rank ?? 0;
}

export function mayRun(world: World, region: number, around: Surroundings, failed = NONE): boolean {
  const { state, tries, starts } = standing(world, region);
  if (state === "invalid" || region === failed || !imageHolds(world, region, around)) return false;
  return state === "accepted" || (tries > 0 && starts < STARTS_MAX);
}

/** Of the regions that `admits` lets pass, the one with the highest version; the lower index on a tie. */
function highest(world: World, around: Surroundings, admits: (region: number) => boolean): number {
  let best = NONE;
  let bestRank = -1;
  for (const [region, { image }] of world.regions.entries()) {
    if (!admits(region) || rankOf(image, around) <= bestRank) continue;
    best = region;
    bestRank = rankOf(image, around);
  }
  return best;
}

/** Rows 1 to 5 of the table of states: which region runs. */
function choose(world: World, around: Surroundings, failed = NONE): number {
  if (world.next !== NONE && mayRun(world, world.next, around, failed)) return world.next;
  if (world.active !== NONE && mayRun(world, world.active, around, failed)) return world.active;
  const trialOver = standing(world, world.active).state === "valid";
  if (trialOver && world.previous !== NONE && mayRun(world, world.previous, around, failed))
    return world.previous;
  return highest(
    world,
    around,
    (region) => standing(world, region).state === "accepted" && mayRun(world, region, around, failed),
  );
}

// ── What happens ────────────────────────────────────────────────────────────────────────────────────────────

/** The last confirmed region other than `active`. */
function lastConfirmed(before: World, after: World, active: number, around: Surroundings): number {
  const accepted = (region: number) => region !== active && standing(after, region).state === "accepted";
  if (accepted(before.active)) return before.active;
  if (accepted(before.previous)) return before.previous;
  return highest(after, around, accepted);
}

/** `region` becomes the primary; a start on trial is counted. */
function designate(before: World, changed: World, region: number, around: Surroundings): World {
  let after = changed;
  if (before.active !== region && standing(after, before.active).state === "valid") {
    after = withRegion(after, before.active, { tries: 0, starts: 0 });
  }
  const chosen = standing(after, region);
  if (chosen.state === "valid") after = withRegion(after, region, { starts: chosen.starts + 1 });
  return change(after, {
    generation: next(before.generation),
    active: region,
    next: before.next === region ? NONE : before.next,
    previous: lastConfirmed(before, after, region, around),
    runs: region,
  });
}

/** None may run. */
function undesignate(before: World, changed: World, around: Surroundings): World {
  const active = standing(changed, before.active).state === "invalid" ? NONE : before.active;
  return change(changed, {
    generation: next(before.generation),
    active,
    previous: lastConfirmed(before, changed, active, around),
    runs: NONE,
  });
}

const GIVEN_UP = { state: "invalid", tries: 0, starts: 0 } as const;

/** Both replicas are lost, and the device was told not to make anything up. */
function isGivenUp(world: World, around: Surroundings): boolean {
  return world.memory === "lost" && around.recovery().onDoubleLoss === "safe-mode";
}

/** What reading the management memory makes of it before anything is decided. */
export function recovered(world: World, around: Surroundings): World {
  if (world.memory === "table" || isGivenUp(world, around)) return world;
  const usable = (region: number) => {
    const image = around.holds(region);
    return image !== undefined && counterOf(image, around) >= world.floor ? image : undefined;
  };
  const first = world.memory === "blank";
  const regions = world.regions.map((_, region): Standing => {
    const image = usable(region);
    if (image === undefined) return NOTHING;
    return first
      ? changeStanding(NOTHING, { image, state: "accepted", confirmed: true })
      : changeStanding(NOTHING, { image, state: "valid" });
  });
  const made = change(blankWorld(regions.length), {
    memory: "table",
    generation: 1,
    floor: world.floor,
    regions,
  });
  const active = highest(made, around, (region) => usable(region) !== undefined);
  const previous = first
    ? highest(made, around, (region) => region !== active && usable(region) !== undefined)
    : NONE;
  const whole = change(made, { active, previous, rebuilt: !first });
  return first || active === NONE
    ? whole
    : withRegion(whole, active, { tries: around.recovery().trialTries });
}

/** The floor is at least the counter of every accepted image that is there. */
export function floorRaised(world: World, around: Surroundings): World {
  let { floor } = world;
  for (const [region, { state, image }] of world.regions.entries()) {
    if (state === "accepted" && around.holds(region) === image)
      floor = Math.max(floor, counterOf(image, around));
  }
  return floor === world.floor ? world : change(world, { floor });
}

/** Nothing executes. */
export function off(world: World): World {
  return change(world, { runs: NONE, reason: Reason.NONE });
}

/** A start from nothing, when the power comes on. */
export function started(world: World, around: Surroundings): World {
  return startedFor(world, around, Reason.POWER_ON);
}

/** A start from nothing, since an operator ended safe mode. */
export function startedByOperator(world: World, around: Surroundings): World {
  return startedFor(world, around, Reason.ACTIVATION);
}

/** A start that is decided anew, since a region does not hold any more what it held at the first decision. */
export function startedAnew(world: World, around: Surroundings): World {
  return startedFor(world, around, Reason.FAILOVER);
}

function startedFor(world: World, around: Surroundings, reason: Reason): World {
  const after = decided(world, around);
  return change(after, { reason: after.runs === NONE ? Reason.NONE : reason });
}

function decided(world: World, around: Surroundings): World {
  if (isGivenUp(world, around)) return change(world, { runs: NONE });
  const region = choose(world, around);
  const active = standing(world, world.active);
  if (region !== NONE && region === world.active) {
    return active.state === "valid"
      ? designate(world, world, region, around)
      : change(world, { runs: region });
  }
  let changed = world;
  if (world.active !== NONE && !mayRun(world, world.active, around)) {
    if (active.state !== "invalid" && around.holds(world.active) !== active.image) {
      const failures = active.failures + 1;
      changed = withRegion(changed, world.active, { failures, evidence: BAD_DIGEST, code: 0, pc: 0 });
    }
    if (active.state === "valid") changed = withRegion(changed, world.active, GIVEN_UP);
  }
  if (region !== NONE) return designate(world, changed, region, around);
  return active.state === "valid" ? undesignate(world, changed, around) : change(world, { runs: NONE });
}

/** The version that runs failed. */
export function failed(
  world: World,
  { evidence, code, pc }: Cause,
  overBudget: boolean,
  around: Surroundings,
): World {
  const region = world.active;
  const record = standing(world, region);
  const onTrial = record.state === "valid";
  const mayGoOn = !overBudget && (!onTrial || (record.tries > 1 && record.starts < STARTS_MAX));
  let chosen = choose(world, around, onTrial && mayGoOn ? NONE : region);
  if (chosen === NONE && mayGoOn && !onTrial) chosen = choose(world, around);
  let changed = withRegion(world, region, {
    failures: record.failures + 1,
    evidence,
    code,
    pc,
    tries: onTrial ? record.tries - 1 : record.tries,
  });
  if (!mayGoOn || (onTrial && !imageHolds(world, region, around)))
    changed = withRegion(changed, region, GIVEN_UP);
  if (chosen === NONE) return off(undesignate(world, changed, around));
  const after = designate(world, changed, chosen, around);
  if (chosen === region) return change(after, { reason: Reason.RESTART });
  const rolledBack = onTrial && standing(after, region).state === "invalid" && chosen !== world.next;
  return change(after, { reason: rolledBack ? Reason.ROLL_BACK : Reason.FAILOVER });
}

/** The version that runs says that it works; the floor follows afterwards. */
export function confirmed(world: World): World {
  const record = standing(world, world.active);
  if (record.state === "accepted") return world;
  const accepted = { state: "accepted", confirmed: true, tries: 0, starts: 0 } as const;
  return change(withRegion(world, world.active, accepted), {
    rebuilt: false,
    generation: next(world.generation),
  });
}

/** Whether an operator's request is to be done in this world; else it is to be refused, and nothing changes. */
export function mayRequest(world: World, kind: RequestKind, region: number, around: Surroundings): boolean {
  const { state, image } = standing(world, region);
  switch (kind) {
    case "begin-load":
      return world.runs === NONE || region !== world.active;
    case "end-load":
      return state === "invalid" && image === "" && around.holds(region) !== undefined;
    case "activate":
    case "designate":
      return state !== "invalid";
    case "clear":
      return state === "invalid" && image !== "";
  }
}

/**
 * As {@link mayRequest}, of the version that executes: it ends what it has begun, and leaves alone what it falls back on
 * while it is on trial.
 */
export function mayRequestItself(
  world: World,
  kind: RequestKind,
  region: number,
  begun: boolean,
  around: Surroundings,
): boolean {
  switch (kind) {
    case "begin-load":
      return region !== world.active && !isFallBack(world, region, around);
    case "end-load":
      return begun && mayRequest(world, kind, region, around);
    case "activate":
      // Where nothing would come of it, it is not taken for done.
      return mayRequest(world, kind, region, around) && imageHolds(world, region, around);
    case "designate":
    case "clear":
      return false;
  }
}

/** What would run if the trial that executes failed, or the version that was confirmed last. */
function isFallBack(world: World, region: number, around: Surroundings): boolean {
  if (standing(world, world.active).state !== "valid") return false;
  return region === choose(world, around, world.active) || region === world.previous;
}

/** The region is about to be erased. */
export function beingWritten(world: World, region: number, around: Surroundings): World {
  const { state, image, failures, evidence, code, pc } = standing(world, region);
  if (state === "invalid" && image === "") return world;
  const changed = withRegion(world, region, changeStanding(NOTHING, { failures, evidence, code, pc }));
  const active = world.active === region ? NONE : world.active;
  const previous =
    world.previous === region
      ? lastConfirmed(change(world, { active }), changed, active, around)
      : world.previous;
  const after = change(changed, { active, previous, next: world.next === region ? NONE : world.next });
  return change(after, { generation: next(world.generation) });
}

/** The region was written with `image`, and verified. */
export function written(world: World, region: number, image: string): World {
  return change(withRegion(world, region, { state: "valid", image }), { generation: next(world.generation) });
}

/** The next start is to run the region. */
export function activated(world: World, region: number, tries: number): World {
  const chosen = region === world.active ? NONE : region;
  let after = world;
  if (world.next !== chosen && standing(world, world.next).state === "valid") {
    after = withRegion(after, world.next, { tries: 0, starts: 0 });
  }
  const record = standing(world, region);
  if (chosen !== NONE && record.state === "valid" && record.tries !== tries) {
    after = withRegion(after, region, { tries });
  }
  if (chosen === world.next && after === world) return world;
  return change(after, { next: chosen, generation: next(world.generation) });
}

/** An operator lets a region that was given up run again. */
export function cleared(world: World, region: number, tries: number, around: Surroundings): World {
  if (!standing(world, region).confirmed) {
    return activated(withRegion(world, region, { state: "valid" }), region, tries);
  }
  const changed = withRegion(world, region, { state: "accepted" });
  const previous =
    world.previous === NONE ? lastConfirmed(world, changed, world.active, around) : world.previous;
  return change(changed, { previous, generation: next(world.generation) });
}
