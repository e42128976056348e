/**
 * The two controller workers and their turns: one executes, the other is made ready to.
 *
 * Invariants: at most one slot executes; the other is either parked, verified and prepared for the wanted region,
 * or on its way there, one step at a time; when there is no standby, {@link Crew.why} says why. A failing
 * preparation replaces its worker; it never touches the one that executes. What cost a worker is prepared with the least
 * there is to do for a while, and when that fails too, it is tried less and less often.
 */
import type { Inspection } from "../../controller/api.ts";
import { errorMessage } from "../../emulator/base/text.ts";
import { Control } from "../../emulator/memory/control.ts";
import type { OnSlotEnd, Slot } from "./slot.ts";
import type { WorkerEnd } from "./worker-thread.ts";

export interface CrewEvents {
  /** A standby is parked; `inspection` is what its boot ROM read. */
  readonly onStandby: (slot: Slot, inspection: Inspection) => void;
  /** The wanted region is not usable: what was read has to change what is wanted. */
  readonly onUnusable: (inspection: Inspection) => void;
  /** The worker that executes has ended. */
  readonly onExecutingEnd: (slot: Slot, end: WorkerEnd) => void;
  /** A worker that does not execute has ended, or could not be prepared. */
  readonly onStandbyLost: (reason: string) => void;
  /** A thread could not be ended: nothing is sure any more. */
  readonly onStuckThread: (slot: Slot) => void;
}

/** Steps that may fail before somebody is told that there is no standby. */
const MAX_FAILURES = 3;
/** Until it is tried again, unless nothing executes: twice as long each time. */
const FIRST_PAUSE_NS = 100e6;
const LONGEST_PAUSE_NS = 10e9;
/** For so long a preparation that cost a worker is not tried again with all that there is to do. */
const COSTLY_NS = 60e9;

/** Something found out of a region: it holds for a time, and no longer than the region's bytes are the same. */
interface Experience {
  readonly storeEpoch: number;
  readonly untilNs: number;
}

export class Crew {
  readonly slots: readonly Slot[];
  readonly #control: Int32Array;
  readonly #nowNs: () => number;
  readonly #events: CrewEvents;
  #executing: Slot | undefined;
  #wanted = -1;
  #urgent = false;
  #working = false;
  #closed = false;
  #why = "starting";
  /** By region: its preparation cost a worker. */
  readonly #costly = new Map<number, Experience>();
  /** By region: all tries have failed. */
  readonly #hopeless = new Map<number, Experience>();
  #pauseNs = 0;

  /**
   * @param makeSlots makes the slots, which are empty
   * @param nowNs monotonic time in nanoseconds
   */
  constructor(
    makeSlots: (onEnd: OnSlotEnd) => readonly Slot[],
    control: Int32Array,
    nowNs: () => number,
    events: CrewEvents,
  ) {
    this.#events = events;
    this.#control = control;
    this.#nowNs = nowNs;
    this.slots = makeSlots((slot, end) => this.#onEnd(slot, end));
  }

  get executing(): Slot | undefined {
    return this.#executing;
  }

  /**
   * The parked worker, undefined when there is none; then {@link why} tells. Of two, where nothing executes, the one for
   * the wanted region.
   */
  get standby(): Slot | undefined {
    let found: Slot | undefined;
    for (const slot of this.slots) {
      if (slot === this.#executing || slot.phase !== "parked") continue;
      if (slot.region === this.#wanted) return slot;
      found ??= slot;
    }
    return found;
  }

  get why(): string {
    return this.standby === undefined ? this.#why : "";
  }

  /** The standby starts to execute. On the failover path. */
  promote(slot: Slot): void {
    this.#executing = slot;
  }

  /** The worker that executed no longer does: it has stopped, or is gone. */
  retire(): void {
    this.#executing = undefined;
  }

  /**
   * Makes the free worker the standby for `region`; -1 when no region is eligible. Works in the
   * background.
   * @param urgent it is to run at once, because nothing executes
   */
  want(region: number, urgent: boolean): void {
    this.#wanted = region;
    this.#urgent = urgent;
    if (urgent) for (const slot of this.slots) slot.hurry();
    if (this.#working || this.#closed || (!urgent && this.#applies(this.#hopeless, region))) return;
    void this.#work().then((ready) => {
      // Behind the work, so that who hears of it may want again.
      if (!ready && !this.#closed) this.#events.onStandbyLost(this.#why);
    });
  }

  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all(this.slots.map((slot) => slot.terminate()));
  }

  /**
   * Steps the free worker towards the wanted region until it is there; false when it does not get there. Bounded: each
   * step starts or prepares once.
   */
  async #work(): Promise<boolean> {
    this.#working = true;
    try {
      for (let failures = 0; failures < MAX_FAILURES && !this.#closed; ) {
        const slot = this.#nearest();
        if (slot === undefined || this.#done(slot)) return true;
        if (!(await this.#tryStep(slot))) failures++;
        // It was awaited and runs: what is wanted of the other one is still to be said.
        if (slot === this.#executing) return true;
      }
      this.#pauseNs = Math.min(LONGEST_PAUSE_NS, Math.max(FIRST_PAUSE_NS, this.#pauseNs * 2));
      this.#learn(this.#hopeless, this.#wanted, this.#pauseNs);
      return false;
    } finally {
      // Here and not when the promise is heard of: what is wanted in between must not be lost.
      this.#working = false;
    }
  }

  /** Of the workers that do not execute the one that is the soonest to be the standby: a stopped one is, in a few steps. */
  #nearest(): Slot | undefined {
    const free = this.slots.filter((slot) => slot !== this.#executing);
    return (
      free.find((slot) => slot.phase === "parked" && slot.region === this.#wanted) ??
      free.find(({ phase }) => phase === "idle" || phase === "stopped") ??
      free[0]
    );
  }

  async #tryStep(slot: Slot): Promise<boolean> {
    try {
      return await this.#step(slot);
    } catch (error) {
      this.#why = `the standby failed to get ready: ${errorMessage(error)}`;
      if (!this.#closed && !(await slot.terminate())) this.#events.onStuckThread(slot);
      return false;
    }
  }

  #done(slot: Slot): boolean {
    if (slot.phase === "running" || this.#closed) return true;
    if (this.#wanted < 0) {
      this.#why = "no region is eligible";
      return slot.phase !== "parked" && slot.phase !== "empty" && slot.phase !== "stopped";
    }
    return slot.phase === "parked" && slot.region === this.#wanted;
  }

  /** False when the wanted region cannot be prepared. */
  async #step(slot: Slot): Promise<boolean> {
    switch (slot.phase) {
      case "empty":
      case "starting":
        this.#why = "a fresh worker starts";
        await slot.start();
        return true;
      case "stopped":
        slot.recycle();
        return true;
      case "parked":
        slot.release();
        return true;
      case "idle": {
        const region = this.#wanted;
        this.#why = `region ${region} is being verified`;
        const inspection = await this.#prepare(slot, region);
        const facts = inspection.regions[region];
        if (facts?.usable !== true) {
          this.#why = `region ${region} cannot be prepared: ${facts?.fault.message}`;
          this.#events.onUnusable(inspection);
          return false;
        }
        this.#pauseNs = 0;
        if (region === this.#wanted) this.#events.onStandby(slot, inspection);
        return true;
      }
      default:
        throw new Error(`the worker of slot ${slot.index} is ${slot.phase}`);
    }
  }

  async #prepare(slot: Slot, region: number): Promise<Inspection> {
    try {
      return await slot.prepare(region, this.#urgent || this.#applies(this.#costly, region));
    } catch (error) {
      this.#learn(this.#costly, region, COSTLY_NS);
      throw error;
    }
  }

  #learn(experiences: Map<number, Experience>, region: number, forNs: number): void {
    experiences.set(region, { storeEpoch: this.#storeEpoch(region), untilNs: this.#nowNs() + forNs });
  }

  #applies(experiences: ReadonlyMap<number, Experience>, region: number): boolean {
    const found = experiences.get(region);
    return found?.storeEpoch === this.#storeEpoch(region) && this.#nowNs() < found.untilNs;
  }

  #storeEpoch(region: number): number {
    return region < 0 ? 0 : Atomics.load(this.#control, Control.STORE_EPOCH + region);
  }

  #onEnd(slot: Slot, end: WorkerEnd): void {
    if (this.#closed) return;
    if (slot === this.#executing) {
      this.#events.onExecutingEnd(slot, end);
      return;
    }
    this.#why = `the standby ended: ${end.error?.message ?? `exit code ${end.exitCode}`}`;
    this.#events.onStandbyLost(this.#why);
  }
}
