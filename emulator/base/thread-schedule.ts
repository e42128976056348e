/**
 * What the machine's scheduler has given a thread: what tells a thread that is stuck from one that does not get to run.
 *
 * Linux counts it per thread (Documentation/scheduler/sched-stats.rst, "/proc/<pid>/schedstat": nanoseconds spent on
 * a processor, then nanoseconds spent waiting for one). A wait is added when it ends: a thread that waits at this
 * moment is told by its state, runnable, and by time that neither number accounts for.
 *
 * A thread that sleeps may wait for a processor all the same: V8 compiles and collects with helper threads, and whoever
 * needs what they do sleeps until they have got to run. So the other threads of the process are looked at, too.
 */
import { readdirSync, readFileSync } from "node:fs";
import { monotonicNs } from "./clock.ts";

/** Of one thread so far. */
export interface ThreadTimes {
  readonly runNs: number;
  readonly waitNs: number;
  /** It runs or waits for a processor; else it sleeps. */
  readonly runnable: boolean;
}

export interface ThreadSchedule {
  /** When this was read, monotonic. */
  readonly atNs: number;
  readonly own: ThreadTimes;
  /** For how long it has waited for something that is not its own, and said so; nanoseconds so far. */
  readonly heldUpNs: number;
  /** Of the threads that it may be waiting for, by their ids: read when asked for, as they are a dozen. */
  readonly helpers: () => ReadonlyMap<number, ThreadTimes>;
}

/** Elsewhere, or when the thread has gone: nothing is known, and it is taken to be asleep. */
const UNKNOWN: ThreadTimes = { runNs: 0, waitNs: 0, runnable: false };

/** The kernel brings a running thread's time up to date at its scheduling ticks, 10 ms apart at the most. */
const ACCOUNTING_NS = 10e6;

/**
 * Whoever sleeps for longer than this while helpers wait does not sleep because of them: what they do for one thread,
 * a compilation or a collection of a small heap, takes milliseconds. On a machine that is always busy some helper waits
 * always, and a thread that never wakes must be found all the same. So must a version that does nothing but store to a
 * slow disk.
 */
export const LONGEST_HELP_MS = 1_000;

const OWN_TASKS = "/proc/self/task";
/** USER_HZ is 100 on every machine that Node runs on. */
const JIFFY_NS = 10e6;

/** Undefined when the thread has gone. */
function readTimes(tasks: string, threadId: number): ThreadTimes | undefined {
  try {
    const [runNs, waitNs] = readFileSync(`${tasks}/${threadId}/schedstat`, "latin1").split(" ");
    const stat = readFileSync(`${tasks}/${threadId}/stat`, "latin1");
    // The name before the state may hold anything but ends in the last parenthesis.
    const runnable = stat[stat.lastIndexOf(")") + 2] === "R";
    return { runNs: Number(runNs) || 0, waitNs: Number(waitNs) || 0, runnable };
  } catch {
    return undefined;
  }
}

/** @param others threads that are no helpers */
function readHelpers(tasks: string, others: readonly number[]): ReadonlyMap<number, ThreadTimes> {
  const helpers = new Map<number, ThreadTimes>();
  for (const id of threadIds(tasks)) {
    const times = others.includes(id) ? undefined : readTimes(tasks, id);
    if (times !== undefined) helpers.set(id, times);
  }
  return helpers;
}

function threadIds(tasks: string): number[] {
  try {
    return readdirSync(tasks).map(Number);
  } catch {
    return [];
  }
}

function readScheduleOf(
  tasks: string,
  threadId: number,
  others: readonly number[],
  heldUpNs: number,
): ThreadSchedule {
  const atNs = monotonicNs();
  if (threadId === 0) return { atNs, own: UNKNOWN, heldUpNs, helpers: () => new Map() };
  const own = readTimes(tasks, threadId) ?? UNKNOWN;
  return { atNs, own, heldUpNs, helpers: () => readHelpers(tasks, others) };
}

/**
 * Of a thread of this process. To be called by its first thread, which is nobody's helper.
 * @param threadId as gettid(2) gives it, 0 for unknown
 */
export function readSchedule(threadId: number, heldUpNs: number): ThreadSchedule {
  return readScheduleOf(OWN_TASKS, threadId, [threadId, process.pid], heldUpNs);
}

/** Of another process's first thread; all its other threads are helpers. @param processId 0 for unknown */
export function readProcessSchedule(processId: number): ThreadSchedule {
  return readScheduleOf(`/proc/${processId}/task`, processId, [processId], 0);
}

/** Of this process's first thread; all its other threads, and those of the processes that it started, are helpers. */
export function readFamilySchedule(): ThreadSchedule {
  const own = readProcessSchedule(process.pid);
  const helpers = (): ReadonlyMap<number, ThreadTimes> =>
    new Map([
      ...own.helpers(),
      ...childProcesses().flatMap((id) => [...readHelpers(`/proc/${id}/task`, [])]),
    ]);
  return { ...own, helpers };
}

/** For how long each thread of this process, and of those that it started, has waited for processors, by its id. */
export function readFamilyWaits(): ReadonlyMap<number, number> {
  const waits = new Map<number, number>();
  for (const processId of [process.pid, ...childProcesses()]) {
    const tasks = `/proc/${processId}/task`;
    for (const id of threadIds(tasks)) waits.set(id, readWaitNs(tasks, id));
  }
  return waits;
}

function readWaitNs(tasks: string, threadId: number): number {
  try {
    return Number(readFileSync(`${tasks}/${threadId}/schedstat`, "latin1").split(" ")[1]) || 0;
  } catch {
    return 0;
  }
}

/** For how long this machine's processors have been with others than its kernel, in all; 0 where nobody tells. */
export function readStolenNs(): number {
  try {
    const jiffies = readFileSync("/proc/stat", "latin1").split("\n", 1)[0]?.split(/ +/)[8];
    return (Number(jiffies) || 0) * JIFFY_NS;
  } catch {
    return 0;
  }
}

/** Started by this process's first thread. */
function childProcesses(): number[] {
  try {
    const ids = readFileSync(`${OWN_TASKS}/${process.pid}/children`, "latin1").split(" ");
    return ids.map(Number).filter((id) => id > 0);
  } catch {
    return [];
  }
}

/** To compare with later: its helpers are read now. */
export function asOfNow(schedule: ThreadSchedule): ThreadSchedule {
  const helpers = schedule.helpers();
  return { ...schedule, helpers: () => helpers };
}

/** Nanoseconds for which a thread waited for a processor, and those for which it slept. */
function idle(from: ThreadTimes, to: ThreadTimes, elapsedNs: number): { waitedNs: number; asleepNs: number } {
  const waitedNs = to.waitNs - from.waitNs;
  const restNs = Math.max(0, elapsedNs - (to.runNs - from.runNs) - waitedNs);
  if (!to.runnable) return { waitedNs, asleepNs: restNs };
  return { waitedNs: restNs > ACCOUNTING_NS ? waitedNs + restNs : waitedNs, asleepNs: 0 };
}

/** What the thread did from one reading to the next, in words. */
export function describeSchedule(from: ThreadSchedule, to: ThreadSchedule): string {
  const elapsedNs = to.atNs - from.atNs;
  const { waitedNs, asleepNs } = idle(from.own, to.own, elapsedNs);
  const ms = (ns: number): string => `${(ns / 1e6).toFixed(1)} ms`;
  return `in ${ms(elapsedNs)} it ran ${ms(to.own.runNs - from.own.runNs)}, waited for a processor ${ms(waitedNs)} and slept ${ms(asleepNs)}`;
}

/**
 * For how long the thread could not run, from one reading to the next, because it waited for a processor or, asleep,
 * for what it said it waited for, or may have waited for a thread that waited for a processor: nanoseconds.
 * @param longestHelpNs for which it sleeps at the most because of others
 */
export function waitedNs(from: ThreadSchedule, to: ThreadSchedule, longestHelpNs: number): number {
  const elapsedNs = to.atNs - from.atNs;
  const own = idle(from.own, to.own, elapsedNs);
  if (own.asleepNs === 0) return own.waitedNs;
  // All of them together: it may have waited for one after the other. Helpers that have nothing to do wait for nothing.
  const earlier = from.helpers();
  let helpersNs = 0;
  for (const [id, times] of to.helpers()) {
    const before = earlier.get(id);
    // Of one that was started in between all that it waited counts.
    helpersNs += before === undefined ? times.waitNs : idle(before, times, elapsedNs).waitedNs;
  }
  // A thread that started anew in between counts from 0.
  const heldUpNs = Math.max(0, to.heldUpNs - from.heldUpNs);
  return own.waitedNs + Math.min(own.asleepNs, helpersNs + heldUpNs, longestHelpNs);
}
