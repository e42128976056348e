/**
 * Time that passes only while threads get to run: what they waited for processors is no part of it.
 *
 * Only waits that have ended count, for then the kernel has measured them; a thread that waits just now may have slept
 * until a moment ago, as those do that a timer wakes whenever somebody looks.
 * Invariants: it never passes faster than the clock, and never slower than a `LONGEST_STRETCH`th of it: there is always
 * some thread that waits on a machine that is always busy, and a deadline must come all the same.
 */
import {
  readFamilySchedule,
  readProcessSchedule,
  type ThreadSchedule,
  type ThreadTimes,
  waitedNs,
} from "./thread-schedule.ts";

/**
 * At niceness 19 beside busy loops a process has about a three-hundredth of a processor, and a start of a device needs
 * a third of a second of one.
 */
const LONGEST_STRETCH = 60;

/** So long between two looks, each of which reads two small files for each thread. */
const LOOK_NS = 100e6;

export class RunningTime {
  readonly #schedule: () => ThreadSchedule;
  readonly #startNs: number;
  #lookedNs: number;
  /** Undefined before the first look: what is over by then costs nothing. */
  #looked: ThreadSchedule | undefined;
  #waitedNs = 0;

  /** @param schedule of a thread and those that it waits for; @param nowNs monotonic nanoseconds, as of all calls */
  constructor(schedule: () => ThreadSchedule, nowNs: number) {
    this.#schedule = schedule;
    this.#startNs = nowNs;
    this.#lookedNs = nowNs;
  }

  /** Nanoseconds since the start, as of the last look. */
  passedNs(nowNs: number): number {
    if (nowNs - this.#lookedNs >= LOOK_NS) {
      const schedule = measured(this.#schedule());
      if (this.#looked !== undefined) {
        this.#waitedNs += waitedNs(this.#looked, schedule, Number.POSITIVE_INFINITY);
      }
      this.#looked = schedule;
      this.#lookedNs = nowNs;
    }
    const elapsedNs = this.#lookedNs - this.#startNs;
    return Math.max(elapsedNs / LONGEST_STRETCH, elapsedNs - this.#waitedNs);
  }
}

/** Running time of this process from now on: its first thread's, and of all that it may wait for. */
export function ownRunningTime(nowNs: number): RunningTime {
  return new RunningTime(() => readProcessSchedule(process.pid), nowNs);
}

/** Running time of this process and of those that it started, for what it awaits of them. */
export function familyRunningTime(nowNs: number): RunningTime {
  return new RunningTime(readFamilySchedule, nowNs);
}

/** Of all threads as they are now, without waits that have not ended. */
function measured(schedule: ThreadSchedule): ThreadSchedule {
  const ended = (times: ThreadTimes): ThreadTimes => ({ ...times, runnable: false });
  const helpers = new Map([...schedule.helpers()].map(([id, times]) => [id, ended(times)]));
  return { ...schedule, own: ended(schedule.own), helpers: () => helpers };
}
