import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { afterRunning } from "../../../emulator/base/deadline.ts";
import { RunningTime } from "../../../emulator/base/running-time.ts";

const MS = 1e6;
let nowMs = 0;

vi.mock("../../../emulator/base/clock.ts", () => ({ monotonicNs: () => nowMs * MS }));

/** Of a process that waits for a processor for this part of the time. */
function runningTime(waiting: number): RunningTime {
  const own = (): { runNs: number; waitNs: number; runnable: boolean } => {
    return { runNs: nowMs * (1 - waiting) * MS, waitNs: nowMs * waiting * MS, runnable: false };
  };
  return new RunningTime(
    () => ({ atNs: nowMs * MS, own: own(), heldUpNs: 0, helpers: () => new Map() }),
    nowMs * MS,
  );
}

function pass(ms: number): void {
  for (const endMs = nowMs + ms; nowMs < endMs; ) {
    nowMs += 10;
    vi.advanceTimersByTime(10);
  }
}

beforeEach(() => {
  nowMs = 0;
  vi.useFakeTimers();
});

afterEach(() => {
  vi.useRealTimers();
});

it("comes when its time has passed, and once", () => {
  const onLate = vi.fn();
  afterRunning(1_000, onLate, runningTime(0));
  pass(990);
  expect(onLate).not.toHaveBeenCalled();
  pass(200);
  expect(onLate).toHaveBeenCalledTimes(1);
  pass(5_000);
  expect(onLate).toHaveBeenCalledTimes(1);
});

it("waits for as long as the process waited for a processor", () => {
  const onLate = vi.fn();
  afterRunning(1_000, onLate, runningTime(0.9));
  pass(8_000);
  expect(onLate).not.toHaveBeenCalled();
  pass(2_500);
  expect(onLate).toHaveBeenCalledTimes(1);
});

it("that is prevented never comes", () => {
  const onLate = vi.fn();
  const prevent = afterRunning(1_000, onLate, runningTime(0));
  pass(500);
  prevent();
  pass(5_000);
  expect(onLate).not.toHaveBeenCalled();
});
