/**
 * Watching: what shows by its silence that the version that executes has failed, or that the standby is stuck.
 *
 * Time is the caller's. The live device looks with every tick, and no time passes here while its process stands still
 * (watch-time.ts); the virtual device jumps from one deadline to the next. A thread that waits for a processor is not
 * called silent (heartbeat.ts).
 *
 * Which evidence counts where several show at once: what the engine told (of two stops of the hart the first, machine.ts)
 * before all that is found from outside (`Device.#lookAtExecuting`, `#onExecutingEnd`, `inspected`). Of that, what the host
 * queue, a thread's end or a region that is read again shows, as it comes; then silence, in the order of
 * {@link Watch.silence}: never ready, heartbeat, overdue command. Nothing counts once the version is being stopped.
 * The virtual device keeps the same order (`#lookAtExecuting` of virtual-device.ts).
 */
import { Evidence } from "../../emulator/memory/evidence.ts";
import type { Limits } from "../core/config.ts";
import type { OwedCommand } from "../host/host.ts";
import { Heartbeat, type Thread } from "./heartbeat.ts";
import { WatchTime } from "./watch-time.ts";

/** How often {@link Watch.tick} is to be called. */
export const TICK_MS = 2;
/** More than that between two ticks is no time of theirs. */
const LONGEST_GAP_MS = 12;
/** A parked standby is not urgent: it is given up only when it is stuck beyond doubt. */
const STANDBY_HEARTBEAT_MS = 500;

/** No command's id. */
const NO_COMMAND = -1;

/** A thread as it is watched. */
export interface Watched extends Thread {
  /** Raised by the thread as it makes progress. */
  readonly heartbeat: number;
  /** When it noted its own fault, monotonic nanoseconds; 0 when it did not. */
  readonly notedFaultNs: number;
}

/** Something was due and did not come. */
export interface Silence {
  readonly evidence: Evidence;
  /** One line for people. */
  readonly message: string;
  /** Since when, monotonic nanoseconds. */
  readonly sinceNs: number;
}

export class Watch {
  readonly #limits: Limits;
  readonly #time: WatchTime;
  readonly #heartbeat: Heartbeat;
  readonly #standbyHeartbeat = new Heartbeat(STANDBY_HEARTBEAT_MS);
  /** Beats once, when a version is ready. */
  readonly #boot: Heartbeat;
  #bootNs = 0;
  /** Beats when the oldest command ends. */
  readonly #command: Heartbeat;
  /** The version has been ready since its start, and may have withdrawn that. */
  #hasBeenReady = false;

  /** @param longestGapMs what the time between two ticks counts for at the most: infinity where it never stands still */
  constructor(limits: Limits, nowNs: number, longestGapMs = LONGEST_GAP_MS) {
    this.#limits = limits;
    this.#time = new WatchTime(longestGapMs, nowNs);
    this.#heartbeat = new Heartbeat(limits.heartbeatMs);
    this.#boot = new Heartbeat(limits.readyMs);
    this.#command = new Heartbeat(limits.commandMs);
  }

  tick(nowNs: number): void {
    this.#time.tick(nowNs);
  }

  /** Milliseconds until the next tick is due: it comes early where the executing thread's deadline ends before. */
  get nextLookMs(): number {
    const dueMs = (this.#heartbeat.dueNs - this.#time.ns) / 1e6;
    return dueMs > 0 && dueMs < TICK_MS ? dueMs : TICK_MS;
  }

  /**
   * Nanoseconds from the last tick until {@link silence} finds something, unless what is owed comes before. Of a look
   * with the same `ready` and `owed` that found nothing.
   */
  nextDeadlineNs(ready: boolean, owed: OwedCommand | undefined): number {
    let dueNs = ready ? Number.POSITIVE_INFINITY : this.#boot.dueNs;
    if (this.#hasBeenReady) {
      dueNs = Math.min(dueNs, this.#heartbeat.dueNs);
      if (owed !== undefined) dueNs = Math.min(dueNs, this.#command.dueNs);
    }
    return dueNs - this.#time.ns;
  }

  /** A version starts on this thread. On the failover path. */
  start(thread: Watched, nowNs: number): void {
    this.#hasBeenReady = false;
    this.#expectReady(nowNs);
    this.#heartbeat.reset(thread.heartbeat, this.#time.ns);
    this.#command.reset(NO_COMMAND, this.#time.ns);
  }

  /** The version is no longer ready: what else it owes it owes all the same. */
  withdraw(nowNs: number): void {
    this.#hasBeenReady = true;
    this.#expectReady(nowNs);
  }

  /** From now on the version has the boot deadline's time to get ready. */
  #expectReady(nowNs: number): void {
    this.#bootNs = nowNs;
    this.#boot.reset(0, this.#time.ns);
  }

  /** A standby was parked. */
  park(standby: Watched): void {
    this.#standbyHeartbeat.reset(standby.heartbeat, this.#time.ns);
  }

  isStuck(standby: Watched): boolean {
    return this.#standbyHeartbeat.look(standby.heartbeat, this.#time.ns, standby);
  }

  /**
   * What the version that executes on `thread` owes.
   * @param owed the oldest of the host's commands that have not ended, undefined for none
   */
  silence(
    thread: Watched,
    ready: boolean,
    owed: OwedCommand | undefined,
    nowNs: number,
  ): Silence | undefined {
    const { heartbeatMs, readyMs, commandMs } = this.#limits;
    const silent = this.#heartbeat.look(thread.heartbeat, this.#time.ns, thread);
    this.#hasBeenReady ||= ready;
    if (!ready && this.#boot.look(0, this.#time.ns, thread)) {
      const message = `not ready within ${readyMs} ms`;
      return { evidence: Evidence.NEVER_READY, message, sinceNs: this.#bootNs };
    }
    // Before, only the boot deadline counts: a fresh thread may still be compiling its engine.
    if (!this.#hasBeenReady) return undefined;
    if (silent) {
      const account = this.#heartbeat.account(thread);
      const message = `the thread made no progress for ${heartbeatMs} ms: ${account}`;
      return { evidence: Evidence.HEARTBEAT, message, sinceNs: thread.notedFaultNs || nowNs };
    }
    if (owed === undefined) this.#command.reset(NO_COMMAND, this.#time.ns);
    if (owed === undefined || !this.#command.look(owed.id, this.#time.ns, thread)) return undefined;
    const message = `a host command is overdue after ${commandMs} ms`;
    return { evidence: Evidence.OVERDUE_COMMAND, message, sinceNs: owed.submittedNs };
  }
}
