/**
 * What explains a failure: decided here alone, for sweep and soak. A failure that nothing here explains came by itself,
 * and is a finding.
 *
 * These explain one: a fault that was done to the version, or asked of it, and that shows by this evidence; an
 * image that is made to fail so; and bits that the version may have read and that flipped, or are undecided after a tear;
 * and, of a command that is overdue, that the version has no queue.
 * A fault explains one failure and no more. Power that goes explains none: stores to NVRAM are whole or not made, and
 * firmware has to start from whatever a cut leaves.
 */
import type { EvidenceName } from "../../emulator/memory/evidence.ts";
import { type Fault, findFault } from "./catalogue.ts";

/** A fault that was done or asked for, and that no failure has answered yet. */
export interface OwedFailure {
  /** The fault's name, for people. */
  readonly what: string;
  /** Any of these may show it. */
  readonly evidence: readonly EvidenceName[];
  /** The code that it leaves, where it leaves a code of its own. */
  readonly code?: number;
}

/** What was found. */
export interface FoundFailure {
  readonly evidence: EvidenceName;
  readonly code: number;
}

/** All that may explain a failure. */
export interface Circumstances {
  /** Oldest first. */
  readonly owed: readonly OwedFailure[];
  /** By what the image fails that it was made to; nothing for an image that is to work. */
  readonly madeToFail: readonly EvidenceName[];
  /** A bit that the version may have read flipped, or is undecided. */
  readonly rotten: boolean;
  /** The version says that it serves no host queue: commands that are overdue are somebody else's. */
  readonly servesNobody: boolean;
}

export type Explanation = OwedFailure | "made-to-fail" | "rot" | "no-queue";

/** Of a version that waits for nothing but its thread: before it is ready the boot deadline finds it, else what is due first. */
const STUCK: readonly EvidenceName[] = ["heartbeat", "never-ready", "overdue-command"];

/** The failure that a fault of the catalogue leads to. Throws RangeError where there is no such kind. */
export function owedBy(kind: string): OwedFailure {
  const fault = findFault(kind);
  if (fault === undefined) throw new RangeError(`there is no fault "${kind}"`);
  return owedByFault(fault);
}

/** The failure that it leads to, done as it says. */
export function owedByFault({ kind, class: faultClass, evidence }: Fault): OwedFailure {
  return { what: kind, evidence: faultClass === "thread-stuck" ? STUCK : evidence };
}

/** The failure of a version that is stopped from outside with this panic code. */
export function owedByCrash(code: number): OwedFailure {
  return { what: "crash", evidence: ["panic"], code };
}

/** The failure of a version whose thread is stuck. */
export const OWED_BY_HANG: OwedFailure = { what: "hang", evidence: STUCK };

/** What explains the failure; undefined where nothing does. What has a code of its own comes first: it is the surest. */
export function explain(
  failure: FoundFailure,
  { owed, madeToFail, rotten, servesNobody }: Circumstances,
): Explanation | undefined {
  const shows = ({ evidence }: OwedFailure): boolean => evidence.includes(failure.evidence);
  const exact = owed.find((fault) => fault.code === failure.code && shows(fault));
  const answered = exact ?? owed.find((fault) => fault.code === undefined && shows(fault));
  if (answered !== undefined) return answered;
  if (madeToFail.includes(failure.evidence)) return "made-to-fail";
  if (rotten) return "rot";
  return servesNobody && failure.evidence === "overdue-command" ? "no-queue" : undefined;
}

/** What is still owed once the failure has come that `explanation` explains. */
export function stillOwed(
  owed: readonly OwedFailure[],
  explanation: Explanation | undefined,
): readonly OwedFailure[] {
  const at = typeof explanation === "object" ? owed.indexOf(explanation) : -1;
  return at < 0 ? owed : owed.toSpliced(at, 1);
}
