/**
 * An update of a region: the one place that tells the order of its steps.
 *
 *   invalidate → erase → program → verify → validate → activate (where asked for)
 *
 * A pure reducer, as the policy is: whoever drives an update carries the command out, and says what came of it. Each step
 * is commanded only once the one before is done, and stands where a power cut leaves it. Invariants: the table calls the
 * region invalid from before the first erase until behind a verify of what stands in it then; a step that is refused is
 * the last one. So an update that is interrupted, anywhere, leaves a region that does not run, and may be begun anew.
 */
import type { StoredImage } from "../../emulator/table/table.ts";
import type { RegionFacts } from "./boot-rom.ts";

export type UpdateCommand =
  /** Commit what beginUpdate of transitions.ts makes of the table. */
  | { readonly type: "invalidate" }
  /** Erase what the image will take, and whatever else is not erased. */
  | { readonly type: "erase" }
  | { readonly type: "program" }
  /** Read the region as the boot ROM does. */
  | { readonly type: "verify" }
  /** Commit what endUpdate makes of the table: the region holds this image. */
  | { readonly type: "validate"; readonly image: StoredImage }
  /** Commit what activate makes of the table. */
  | { readonly type: "activate" };

export type UpdateStep = UpdateCommand["type"];

export type UpdateEvent =
  /** What was commanded is done; of a transition: both replicas hold the table. */
  | { readonly type: "done" }
  /** What was read, of the whole region, after the last program. */
  | { readonly type: "verified"; readonly facts: RegionFacts }
  /** What was commanded cannot be done. */
  | { readonly type: "refused"; readonly message: string };

export interface Update {
  /** It is chosen for the next start, too. */
  readonly activates: boolean;
  /** What is being done, or was when it ended. */
  readonly step: UpdateStep;
  readonly phase: "under-way" | "done" | "refused";
  /** Why it was refused, one line for people; else empty. */
  readonly refusal: string;
}

export interface UpdateProgress {
  readonly update: Update;
  /** To be carried out now; undefined at the end, and where an event says nothing about the step. */
  readonly command: UpdateCommand | undefined;
}

export function startUpdate(activates: boolean): UpdateProgress {
  const update: Update = { activates, step: "invalidate", phase: "under-way", refusal: "" };
  return { update, command: { type: "invalidate" } };
}

export function reduceUpdate(update: Update, event: UpdateEvent): UpdateProgress {
  if (update.phase !== "under-way") return { update, command: undefined };
  if (event.type === "refused") return refused(update, event.message);
  if (event.type === "verified") return verified(update, event.facts);
  switch (update.step) {
    case "invalidate":
      return next(update, { type: "erase" });
    case "erase":
      return next(update, { type: "program" });
    case "program":
      return next(update, { type: "verify" });
    case "verify":
      // Done is not enough: it is to be said what was read.
      return { update, command: undefined };
    case "validate":
      return update.activates ? next(update, { type: "activate" }) : done(update);
    case "activate":
      return done(update);
  }
}

function verified(update: Update, facts: RegionFacts): UpdateProgress {
  if (update.step !== "verify") return { update, command: undefined };
  if (!facts.usable) return refused(update, facts.fault.message);
  const { version, digest } = facts;
  return next(update, { type: "validate", image: { version, digest } });
}

function next(update: Update, command: UpdateCommand): UpdateProgress {
  return { update: { ...update, step: command.type }, command };
}

function done(update: Update): UpdateProgress {
  return { update: { ...update, phase: "done" }, command: undefined };
}

function refused(update: Update, refusal: string): UpdateProgress {
  return { update: { ...update, phase: "refused", refusal }, command: undefined };
}
