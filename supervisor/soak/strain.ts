/**
 * What the machine kept from the processes of a soak while it looked: whether something came late because of them, or
 * because the machine was too busy to say.
 *
 * Deadlines discount what the kernel tells of waits (heartbeat.ts, running-time.ts). What is left unsaid (a processor
 * that a hypervisor took away, a thread that woke late and was gone when it was asked) comes in the same moments as the
 * waits that are told. So these are measured again over the whole of what was done, and nothing that shows by lateness
 * alone is held against a device while they were long.
 */
import { monotonicNs } from "../../emulator/base/clock.ts";
import { readFamilyWaits, readStolenNs } from "../../emulator/base/thread-schedule.ts";

export interface Delays {
  readonly elapsedMs: number;
  /** That one thread waited for processors, the longest of all. */
  readonly waitedMs: number;
  /** That a hypervisor gave the machine's processors to others, over all of them. */
  readonly stolenMs: number;
}

/** What a machine tells; of this one by default. */
export interface StrainSources {
  readonly nowNs: () => number;
  /** By thread, nanoseconds so far. */
  readonly waits: () => ReadonlyMap<number, number>;
  readonly stolenNs: () => number;
}

const THIS_MACHINE: StrainSources = { nowNs: monotonicNs, waits: readFamilyWaits, stolenNs: readStolenNs };

/** Of a deadline: delays of so much leave open who missed it. It is what a silent thread comes under suspicion after. */
const TOO_MUCH = 0.2;

export class Strain {
  readonly #sources: StrainSources;
  #beganNs = 0;
  #waits: ReadonlyMap<number, number> = new Map();
  #stolenNs = 0;

  constructor(sources = THIS_MACHINE) {
    this.#sources = sources;
    this.begin();
  }

  /** Measures from now on. */
  begin(): void {
    const { nowNs, waits, stolenNs } = this.#sources;
    this.#waits = waits();
    this.#stolenNs = stolenNs();
    this.#beganNs = nowNs();
  }

  /** Since {@link begin}. A wait counts when it has ended. */
  delays(): Delays {
    const { nowNs, waits, stolenNs } = this.#sources;
    let waitedNs = 0;
    for (const [id, ns] of waits()) waitedNs = Math.max(waitedNs, ns - (this.#waits.get(id) ?? 0));
    return {
      elapsedMs: Math.round((nowNs() - this.#beganNs) / 1e6),
      waitedMs: Math.round(waitedNs / 1e6),
      stolenMs: Math.round((stolenNs() - this.#stolenNs) / 1e6),
    };
  }
}

/** Whether a deadline that was missed meanwhile says nothing of whoever missed it. */
export function isTooBusy({ waitedMs, stolenMs }: Delays, deadlineMs: number): boolean {
  return waitedMs + stolenMs >= deadlineMs * TOO_MUCH;
}

/**
 * Whether a deadline in running time that was missed says nothing of whoever missed it: what was waited for is no part of
 * it already, so it does only where the machine gave less time than it took away.
 */
export function isStarved({ elapsedMs, waitedMs, stolenMs }: Delays): boolean {
  return 2 * (waitedMs + stolenMs) >= elapsedMs;
}

export function formatDelays({ elapsedMs, waitedMs, stolenMs }: Delays): string {
  const stolen = stolenMs === 0 ? "" : `, and others had the processors for ${stolenMs} ms`;
  return `within ${elapsedMs} ms a thread waited ${waitedMs} ms for a processor${stolen}`;
}
