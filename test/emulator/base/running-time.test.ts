import { expect, it } from "vitest";
import { RunningTime } from "../../../emulator/base/running-time.ts";
import type { ThreadSchedule, ThreadTimes } from "../../../emulator/base/thread-schedule.ts";

const MS = 1e6;
const LOOK_MS = 100;

/** Seconds of running time in `seconds`, looked at every 2 ms, of a thread with a helper as `at` (milliseconds) tells. */
function passedIn(seconds: number, at: (ms: number) => { own: ThreadTimes; helper: ThreadTimes }): number {
  let nowMs = 0;
  const schedule = (): ThreadSchedule => {
    const { own, helper } = at(nowMs);
    return { atNs: nowMs * MS, own, heldUpNs: 0, helpers: () => new Map([[1, helper]]) };
  };
  const time = new RunningTime(schedule, 0);
  for (; nowMs < seconds * 1000; nowMs += 2) time.passedNs(nowMs * MS);
  return time.passedNs(nowMs * MS) / 1e9;
}

function times(runMs: number, waitMs: number, runnable = false): ThreadTimes {
  return { runNs: runMs * MS, waitNs: waitMs * MS, runnable };
}

it("time passes for threads that sleep, or run", () => {
  expect(passedIn(5, () => ({ own: times(0, 0), helper: times(0, 0) }))).toBeCloseTo(5, 1);
  expect(passedIn(5, (ms) => ({ own: times(ms, 0), helper: times(ms, 0) }))).toBeCloseTo(5, 1);
});

it("no time passes while a thread, or one that it waits for, waits for a processor", () => {
  const most = LOOK_MS / 1000;
  expect(passedIn(5, (ms) => ({ own: times(0, ms), helper: times(0, 0) }))).toBeLessThanOrEqual(most);
  expect(passedIn(5, (ms) => ({ own: times(0, 0), helper: times(0, ms) }))).toBeLessThanOrEqual(most);
  expect(passedIn(5, (ms) => ({ own: times(ms / 5, (ms * 4) / 5), helper: times(0, 0) }))).toBeCloseTo(1, 0);
});

it("that a thread is about to run whenever somebody looks excuses nothing: it has waited for nothing yet", () => {
  expect(passedIn(5, () => ({ own: times(0, 0, true), helper: times(0, 0, true) }))).toBeCloseTo(5, 1);
});

it("it passes on a machine that is always busy, too: a sixtieth as fast as the clock", () => {
  const starved = passedIn(600, (ms) => ({ own: times(0, ms), helper: times(0, ms) }));
  expect(starved).toBeCloseTo(10, 0);
});
