/**
 * Time for deadlines, which passes only while the supervisor itself gets to run.
 *
 * A busy machine holds up the supervisor as well as what it watches, so nobody is found late for the machine's fault:
 * of a tick that comes late, the time for which the supervisor waited for a processor does not count. Nor does more
 * than a few ticks' time at once: a process that was stopped, or a machine that was, has not waited. Nanoseconds since
 * the first tick.
 */

/** A tick that is so many times its interval after the one before is late. */
const LATE = 1.5;
/** And counts for so many intervals at the most. */
const MOST = 4;

export class WatchTime {
  readonly #intervalNs: number;
  readonly #readWaitedNs: () => number | undefined;
  #waitedNs: number;
  #lastNs: number;
  #ns = 0;

  /**
   * @param intervalMs how often {@link tick} is meant to be called
   * @param readWaitedNs how long the caller's thread has waited for a processor so far; undefined where nobody counts
   */
  constructor(intervalMs: number, nowNs: number, readWaitedNs: () => number | undefined) {
    this.#intervalNs = intervalMs * 1e6;
    this.#readWaitedNs = readWaitedNs;
    this.#waitedNs = readWaitedNs() ?? 0;
    this.#lastNs = nowNs;
  }

  get ns(): number {
    return this.#ns;
  }

  tick(nowNs: number): void {
    const gapNs = nowNs - this.#lastNs;
    this.#lastNs = nowNs;
    const excessNs = gapNs - this.#intervalNs * LATE;
    const countedNs = excessNs > 0 ? gapNs - this.#heldUpNs(excessNs) : gapNs;
    this.#ns += Math.min(countedNs, this.#intervalNs * MOST);
  }

  /** What the machine is to blame for, of a lateness. */
  #heldUpNs(excessNs: number): number {
    const waitedNs = this.#readWaitedNs();
    if (waitedNs === undefined) return excessNs;
    const sinceNs = waitedNs - this.#waitedNs;
    this.#waitedNs = waitedNs;
    return Math.min(excessNs, sinceNs);
  }
}
