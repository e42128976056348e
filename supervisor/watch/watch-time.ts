/**
 * Time for deadlines, which does not pass while the whole process or the machine stands still: a gap between two ticks
 * counts for so long at the most. Whether who is watched got to run meanwhile is another question (heartbeat.ts).
 * Nanoseconds since the first tick.
 */
export class WatchTime {
  readonly #longestNs: number;
  #lastNs: number;
  #ns = 0;

  /** @param longestMs what one gap counts for at the most, milliseconds */
  constructor(longestMs: number, nowNs: number) {
    this.#longestNs = longestMs * 1e6;
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
