/**
 * What a soak makes of what it sees: checks that were made, rules that did not hold, and what nobody can say because the
 * machine was too busy.
 *
 * Invariant: only lateness can be excused by the machine. A rule that does not hold is a finding on any machine.
 */
import type { EvidenceName } from "../../emulator/memory/evidence.ts";
import type { Limits } from "../core/config.ts";
import { type Delays, formatDelays, isStarved, isTooBusy, Strain } from "./strain.ts";

/** One of them, known again in another run by `id` and `cause`. */
export interface SoakFinding {
  /** The kind of fault that was done, or {@link WORK}. */
  readonly id: string;
  /** The rule that did not hold, or what did not come. */
  readonly cause: string;
  /** One sentence. */
  readonly message: string;
}

/** A finding, were it not for these delays. */
export interface NotJudged extends SoakFinding {
  readonly delays: Delays;
}

/** As an id: the host's work between faults. */
export const WORK = "work";
/** As a cause: a fault that was asked for never took place. Nothing was shown, so it is no finding. */
export const NOT_INJECTED = "not-injected";

/** Told of each kind; after so many nobody reads on. */
const MAX_TOLD = 100;

export class Judgements {
  readonly findings: SoakFinding[] = [];
  readonly notJudged: NotJudged[] = [];
  /** Faults that never took place, each kind and version once. */
  readonly notInjected: SoakFinding[] = [];
  readonly #checks = new Map<string, number>();
  readonly #strain: Strain;
  #id = WORK;
  #made = 0;

  constructor(strain = new Strain()) {
    this.#strain = strain;
  }

  /** How often each check was made. */
  get checks(): Readonly<Record<string, number>> {
    return Object.fromEntries(this.#checks);
  }

  /** All checks that were made. */
  get made(): number {
    return this.#made;
  }

  /** What follows is of this kind of fault, or of {@link WORK}; the machine is measured anew. */
  begin(id: string): void {
    this.#id = id;
    this.#strain.begin();
  }

  /** @param message told where the rule does not hold */
  expect(rule: string, holds: boolean, message: string): void {
    this.#made += 1;
    this.#checks.set(rule, (this.#checks.get(rule) ?? 0) + 1);
    if (!holds) this.violate(rule, message);
  }

  violate(cause: string, message: string): void {
    if (this.findings.length < MAX_TOLD) this.findings.push({ id: this.#id, cause, message });
  }

  /**
   * The fault never took place; told once in these words.
   * @param id the kind, where it is not the one that is under way
   */
  notInject(message: string, id = this.#id): void {
    const finding = { id, cause: NOT_INJECTED, message };
    const isTold = this.notInjected.some((told) => told.id === finding.id && told.message === message);
    if (!isTold && this.notInjected.length < MAX_TOLD) this.notInjected.push(finding);
  }

  /**
   * Something did not come within `deadlineMs`: a finding, or true where the machine was too busy to say so.
   * @param deadlineMs undefined where no deadline was missed
   */
  late(deadlineMs: number | undefined, cause: string, message: string): boolean {
    if (this.excuse(deadlineMs, cause, message)) return true;
    this.violate(cause, message);
    return false;
  }

  /** The same of a deadline in running time. */
  lateInRunningTime(cause: string, message: string): boolean {
    const delays = this.#strain.delays();
    if (isStarved(delays)) return this.#excuse(delays, cause, message);
    this.violate(cause, message);
    return false;
  }

  /** As {@link late}, where it is no finding either. */
  excuse(deadlineMs: number | undefined, cause: string, message: string): boolean {
    const delays = this.#strain.delays();
    if (deadlineMs === undefined || !isTooBusy(delays, deadlineMs)) return false;
    return this.#excuse(delays, cause, message);
  }

  #excuse(delays: Delays, cause: string, message: string): true {
    const told = `${message}; not judged, as the machine was too busy: ${formatDelays(delays)}`;
    if (this.notJudged.length < MAX_TOLD) this.notJudged.push({ id: this.#id, cause, message: told, delays });
    return true;
  }
}

/** The deadline that a version missed which was found by `evidence`; undefined where it missed none. */
export function deadlineOf(
  evidence: EvidenceName,
  { heartbeatMs, readyMs, commandMs }: Limits,
): number | undefined {
  switch (evidence) {
    case "heartbeat":
      return heartbeatMs;
    case "never-ready":
      return readyMs;
    case "overdue-command":
      return commandMs;
    default:
      return undefined;
  }
}
