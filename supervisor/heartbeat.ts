/**
 * Whether a thread makes progress, judged from a counter that it raises: it is stuck when the counter has not moved
 * for the deadline. Time is the caller's; the supervisor's is watch-time.ts.
 */
export class Heartbeat {
  readonly #deadlineNs: number;
  #counter = 0;
  #lastBeatNs = 0;

  constructor(deadlineMs: number) {
    this.#deadlineNs = deadlineMs * 1e6;
  }

  /** Starts anew, as at a fresh start of the thread's work. */
  reset(counter: number, nowNs: number): void {
    this.#counter = counter;
    this.#lastBeatNs = nowNs;
  }

  /** True when the thread is stuck. */
  look(counter: number, nowNs: number): boolean {
    if (counter !== this.#counter) this.reset(counter, nowNs);
    return nowNs - this.#lastBeatNs >= this.#deadlineNs;
  }
}
