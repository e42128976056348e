/**
 * Whether a thread makes progress, judged from a counter that it raises.
 *
 * A busy machine holds up the supervisor as well as the thread it watches, so time counts only while the
 * supervisor itself runs: a gap between two looks counts as one look's interval. A thread is stuck when its
 * counter has not moved for the deadline of such time.
 */
export class Heartbeat {
  readonly #deadlineNs: number;
  readonly #intervalNs: number;
  #counter = 0;
  #lastLookNs = 0;
  #silentNs = 0;

  /** @param intervalMs how often {@link look} is meant to be called */
  constructor(deadlineMs: number, intervalMs: number) {
    this.#deadlineNs = deadlineMs * 1e6;
    this.#intervalNs = intervalMs * 1e6;
  }

  /** Starts anew, as at a fresh start of the thread's work. */
  reset(counter: number, nowNs: number): void {
    this.#counter = counter;
    this.#lastLookNs = nowNs;
    this.#silentNs = 0;
  }

  /** True when the thread is stuck. */
  look(counter: number, nowNs: number): boolean {
    // 1.5 intervals: an ordinarily late timer loses nothing, a starved supervisor counts one look.
    const elapsedNs = Math.min(nowNs - this.#lastLookNs, this.#intervalNs * 1.5);
    this.#lastLookNs = nowNs;
    if (counter !== this.#counter) {
      this.#counter = counter;
      this.#silentNs = 0;
      return false;
    }
    this.#silentNs += elapsedNs;
    return this.#silentNs >= this.#deadlineNs;
  }
}
