/**
 * The vocabulary of scenarios: what a device holds when its power comes on, what is done to it, and what an uncut
 * run must end in. A scenario is data; actor.ts carries it out, and each file in scenarios/ lists some.
 */
import type { Capability } from "../../../controller/devices/capabilities.ts";
import {
  changeRecord,
  changeTable,
  EMPTY_REGION,
  emptyTable,
  NO_REGION,
  type RegionRecord,
  type Table,
} from "../../../emulator/table/table.ts";
import { type Fault, findFault } from "../../faults/catalogue.ts";
import type { ImageName, LibraryImage } from "./image-library.ts";
import type { SweptDevice, Terms } from "./swept-device.ts";
import type { TableRequest } from "./virtual-event.ts";

export type ScenarioStep =
  | { readonly do: "power-on" }
  /** Until the version that was started says that it is ready. */
  | { readonly do: "ready" }
  /** Until the version that executes is accepted. */
  | { readonly do: "confirmed" }
  | { readonly do: "safe-mode" }
  /** Until either. */
  | { readonly do: "settled" }
  /** Power is cut cleanly and comes back. */
  | { readonly do: "power-cycle" }
  /** A fault of the catalogue (catalogue.ts) that firmware or its thread commits; then until another start is ready. */
  | { readonly do: "fault"; readonly kind: string }
  /** The version that executes gives up at once; until another start, ready or not, or safe mode. */
  | { readonly do: "crash" }
  /** So much of the device's time passes. */
  | { readonly do: "wait"; readonly durationMs: number }
  /** The host has so many commands served, and checks what they come to; after 0 all that wait are. */
  | { readonly do: "serve"; readonly commands: number }
  /** The host submits so many, and waits for none: whoever executes finds them queued. */
  | { readonly do: "submit"; readonly commands: number }
  /** An operator's requests. Loading is begin, erase, program, verify, end. */
  | { readonly do: "load"; readonly region: number; readonly image: ImageName }
  | { readonly do: "activate"; readonly region: number }
  | { readonly do: "clear"; readonly region: number }
  /** As activate, and the version that executes is stopped for it; until the next start is ready. */
  | { readonly do: "designate"; readonly region: number }
  /** A request that must be refused. */
  | { readonly do: "refused"; readonly request: TableRequest; readonly region: number }
  /** As load, activate and power-cycle, leaving out what a run before it has completed. */
  | { readonly do: "update"; readonly region: number; readonly image: ImageName }
  /** The firmware writes an image into a region by itself, and has it activated. */
  | { readonly do: "own-update"; readonly region: number; readonly image: ImageName }
  /** As update, but that the firmware does what the operator does there, as long as a sound one executes. */
  | { readonly do: "resume-own-update"; readonly region: number; readonly image: ImageName }
  /** As own-update, and the version fails when so many units were made; until another start is ready. */
  | {
      readonly do: "own-update-cut-off";
      readonly region: number;
      readonly image: ImageName;
      readonly units: number;
    }
  /** The firmware tries to write a region and is refused: at its begin, or, without one, at its first erase. */
  | { readonly do: "own-update-refused"; readonly region: number; readonly begins: boolean }
  | { readonly do: "rot"; readonly what: Rot };

/** Bits that flip by themselves. */
export type Rot =
  | { readonly in: "replica"; readonly replica: 0 | 1 }
  | { readonly in: "floor" }
  | { readonly in: "region"; readonly region: number };

/** How a device leaves the factory, or was left by its life so far. */
export interface Setup {
  /** By region; undefined leaves it erased. Their number is the number of regions. */
  readonly images: readonly (ImageName | undefined)[];
  /** Undefined: never written. */
  readonly table?: (images: ReadonlyMap<string, LibraryImage>) => Table;
  /** The security floor, beyond the counter of the images under test. */
  readonly floor?: number;
  /**
   * Replica 1 holds this whole table instead. The two are not one commit apart, so neither can be trusted: both
   * count as lost.
   */
  readonly otherTable?: (images: ReadonlyMap<string, LibraryImage>) => Table;
  /** Replicas that hold garbage; the scenario is told of the loss, as of rot. */
  readonly badReplicas?: readonly (0 | 1)[];
  /** Replica 0 or 1 holds the table of the generation before: a commit was cut off. */
  readonly behind?: 0 | 1;
}

export interface Scenario {
  readonly name: string;
  /** One line for `--list`. */
  readonly about: string;
  readonly setup: Setup;
  readonly steps: readonly ScenarioStep[];
  /** What the uncut run ends in: the region that is ready, or safe mode. Absent: what the table of states says. */
  readonly ends?: number | "safe-mode";
  /** What is done after each cut, once the device has come to an end by itself. */
  readonly resume?: readonly ScenarioStep[];
  /** Cuts in the recovery from a cut are complete; else those in and before units of flash are drawn by seed. */
  readonly deep: boolean;
  /** The uncut run takes millions of instructions: faults are tried at some of its points only. */
  readonly costly?: boolean;
  /** For how long a failure counts for the budget, and how many are borne; as the device has it unless set. */
  readonly budgetWindowMs?: number;
  readonly budgetFailures?: number;
  /** Failures that a trial may have; as the device has it unless set. */
  readonly trialTries?: number;
  /** What the device does when both replicas are lost; "rebuild" unless set. */
  readonly onDoubleLoss?: "rebuild" | "safe-mode";
}

/** Steps that need firmware which updates regions by itself. */
const OWN_UPDATES: ReadonlySet<ScenarioStep["do"]> = new Set<ScenarioStep["do"]>([
  "own-update",
  "resume-own-update",
  "own-update-cut-off",
  "own-update-refused",
]);

/** A fault that firmware commits, and that can be done to it from outside as well: its hart stops by itself at once. */
export function canStopFor(fault: Fault): boolean {
  return fault.class === "trap";
}

/** The first two are all of it. */
export type LeftOut = "scenario" | "own-update" | "commands";

/**
 * What of a scenario is left out for what the firmware of both versions can do: all of it, for it commits no faults or makes no
 * updates, or the host's commands. Undefined for nothing.
 */
export function leftOutOf(
  { steps, resume = [] }: Scenario,
  can: ReadonlySet<Capability>,
): LeftOut | undefined {
  const all = [...steps, ...resume];
  if (all.some((step) => OWN_UPDATES.has(step.do)) && !can.has("update")) return "own-update";
  const needsInject = all.some((step) => {
    const fault = step.do === "fault" ? findFault(step.kind) : undefined;
    return fault?.firmwareNumber !== undefined && !canStopFor(fault);
  });
  if (needsInject && !can.has("inject")) return "scenario";
  const serves = all.some((step) => step.do === "serve" || step.do === "submit");
  return serves && !can.has("queue") ? "commands" : undefined;
}

/** The device's deadlines, budget and tries, with what the scenario is about where it is about any of these. */
export function termsOf(scenario: Scenario, { limits, trialTries }: SweptDevice): Terms {
  const windowMs = scenario.budgetWindowMs ?? limits.budget.windowMs;
  let failures = scenario.budgetFailures ?? limits.budget.failures;
  // Where one fails and a region is to run in the end, at least one failure is borne.
  if (failures === 0 && typeof scenario.ends === "number") failures = 1;
  return {
    limits: { ...limits, budget: { windowMs, failures } },
    recovery: {
      onDoubleLoss: scenario.onDoubleLoss ?? "rebuild",
      trialTries: scenario.trialTries ?? trialTries,
    },
  };
}

/** What a region of a table is to be; see {@link tableOf}. */
export interface RegionSpec {
  readonly image: ImageName;
  readonly state: "accepted" | "valid" | "trial" | "given-up";
  readonly tries?: number;
  readonly starts?: number;
  /** Of what was given up: it was accepted before. */
  readonly confirmed?: boolean;
}

/** Regions of the two versions under test, as they are used most. */
export const A: RegionSpec = { image: "a", state: "accepted" };
export const B: RegionSpec = { image: "b", state: "accepted" };

/** How nearly every scenario begins. */
export const START: readonly ScenarioStep[] = [{ do: "power-on" }, { do: "ready" }];

export interface TableSpec {
  readonly regions: readonly (RegionSpec | undefined)[];
  readonly active?: number;
  readonly previous?: number;
  readonly next?: number;
  readonly generation?: number;
}

/** A table for {@link Setup.table}: active is region 0 unless set. */
export function tableOf(spec: TableSpec): (images: ReadonlyMap<string, LibraryImage>) => Table {
  const { active = 0, previous = NO_REGION, next = NO_REGION, generation = 7 } = spec;
  return (images) =>
    changeTable(emptyTable(spec.regions.length, generation), {
      active,
      previous,
      next,
      regions: spec.regions.map((region) => (region === undefined ? EMPTY_REGION : recordOf(region, images))),
    });
}

/** A region that was given up has failed at least once: by a watchdog. */
const GIVEN_UP_BY = { evidence: 5, code: 0, pc: 0 };

function recordOf(spec: RegionSpec, images: ReadonlyMap<string, LibraryImage>): RegionRecord {
  const image = images.get(spec.image);
  if (image === undefined) throw new Error(`there is no image ${spec.image}`);
  const { version, digest } = image;
  const stored = changeRecord(EMPTY_REGION, { version, digest });
  switch (spec.state) {
    case "accepted":
      return changeRecord(stored, { state: "accepted", confirmed: true });
    case "valid":
      return changeRecord(stored, { state: "valid" });
    case "trial":
      return changeRecord(stored, {
        state: "valid",
        triesLeft: spec.tries ?? 3,
        unconfirmedStarts: spec.starts ?? 0,
      });
    case "given-up":
      return changeRecord(stored, {
        state: "invalid",
        failures: 1,
        lastFailure: GIVEN_UP_BY,
        confirmed: spec.confirmed ?? false,
      });
  }
}
