/**
 * Time for deadlines, which passes only while the supervisor itself gets to run.
 *
 * A busy machine holds up the supervisor as well as what it watches: a gap between two ticks counts as one tick's
 * interval, so nobody is found late for the machine's fault. Nanoseconds since the first tick.
 */
export class WatchTime {
  readonly #longestNs: number;
  #lastNs: number;
  #ns = 0;

  /** @param intervalMs how often {@link tick} is meant to be called */
  constructor(intervalMs: number, nowNs: number) {
    // An ordinarily late timer loses nothing.
    this.#longestNs = intervalMs * 1.5e6;
    this.#lastNs = nowNs;
  }

  get ns(): number {
    return this.#ns;
  }

  tick(nowNs: number): void {
    this.#ns += Math.min(nowNs - this.#lastNs, this.#longestNs);
    this.#lastNs = nowNs;
  }
}
