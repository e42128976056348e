/**
 * Whether a thread makes progress, judged from a counter that it raises: it is stuck when the counter has not moved
 * for the deadline, not counting the time for which it waited for a processor. Time is the caller's; the
 * supervisor's is watch-time.ts.
 */
import {
  asOfNow,
  describeSchedule,
  LONGEST_HELP_MS,
  type ThreadSchedule,
  waitedNs,
} from "../../emulator/base/thread-schedule.ts";

export interface Thread {
  /** Asked only when the counter has been silent for a while: it costs two reads of small files for each thread. */
  schedule(): ThreadSchedule;
  /**
   * Wakes the thread where it waits by design. Its own time limit may be late: the timer is that of the processor on
   * which it fell asleep, and a hypervisor may have taken that away for as long as the deadline.
   */
  nudge(): void;
}

/** Of the deadline: after this share of silence the thread's waiting is looked at. */
const SUSPICION = 0.2;

export class Heartbeat {
  readonly #deadlineNs: number;
  readonly #longestHelpNs: number;
  #counter = 0;
  #lastBeatNs = 0;
  /** As it was when it came under suspicion; undefined while it is not. */
  #suspected: ThreadSchedule | undefined;
  /** For how long it has waited for a processor since, as of the last look. */
  #waitedNs = 0;

  /** @param longestHelpMs for which others that do not get to run excuse a thread that sleeps */
  constructor(deadlineMs: number, longestHelpMs = LONGEST_HELP_MS) {
    this.#deadlineNs = deadlineMs * 1e6;
    this.#longestHelpNs = longestHelpMs * 1e6;
  }

  /** Starts anew, as at a fresh start of the thread's work. */
  reset(counter: number, nowNs: number): void {
    this.#counter = counter;
    this.#lastBeatNs = nowNs;
    this.#suspected = undefined;
    this.#waitedNs = 0;
  }

  /** When the thread is stuck unless it beats before, or waits. */
  get dueNs(): number {
    return this.#lastBeatNs + this.#deadlineNs + this.#waitedNs;
  }

  /** It is past its deadline, and called stuck only later because it waits for a processor. */
  get starved(): boolean {
    return this.#waitedNs > this.#deadlineNs * SUSPICION;
  }

  /** What a thread that is silent has done since it came under suspicion, in words. */
  account(thread: Thread): string {
    if (this.#suspected === undefined) return "it was not under suspicion";
    return describeSchedule(this.#suspected, thread.schedule());
  }

  /** True when the thread is stuck. */
  look(counter: number, nowNs: number, thread: Thread): boolean {
    if (counter !== this.#counter) this.reset(counter, nowNs);
    const silentNs = nowNs - this.#lastBeatNs;
    if (silentNs < this.#deadlineNs * SUSPICION) return false;
    this.#suspected ??= asOfNow(thread.schedule());
    thread.nudge();
    if (silentNs < this.#deadlineNs) return false;
    this.#waitedNs = waitedNs(this.#suspected, thread.schedule(), this.#longestHelpNs);
    return nowNs >= this.dueNs;
  }
}
