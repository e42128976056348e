/** Deadlines of calls are in running time: a worker that gets no processor is not late. */
import { EventEmitter } from "node:events";
import type { Worker } from "node:worker_threads";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { Link, LinkError } from "../../../emulator/base/link.ts";

const MS = 1e6;
let nowMs = 0;
/** The part of the time for which this process waits for a processor. */
let waiting = 0;

vi.mock("../../../emulator/base/clock.ts", () => ({ monotonicNs: () => nowMs * MS }));
vi.mock("../../../emulator/base/thread-schedule.ts", async (original) => ({
  ...(await original<object>()),
  readProcessSchedule: () => ({
    atNs: nowMs * MS,
    own: { runNs: nowMs * (1 - waiting) * MS, waitNs: nowMs * waiting * MS, runnable: false },
    heldUpNs: 0,
    helpers: () => new Map(),
  }),
}));

/** A worker that never answers. */
class Silent extends EventEmitter {
  postMessage(): void {}
}

async function pass(ms: number): Promise<void> {
  for (const endMs = nowMs + ms; nowMs < endMs; ) {
    nowMs += 10;
    await vi.advanceTimersByTimeAsync(10);
  }
}

beforeEach(() => {
  nowMs = 0;
  vi.useFakeTimers();
});

afterEach(() => {
  vi.useRealTimers();
});

it.each([
  ["on a calm machine", 0, 900, 1_300],
  ["on a machine that gives a tenth of its time", 0.9, 8_000, 11_000],
])("a call that is not answered fails at its deadline %s", async (_, part, notBeforeMs, untilMs) => {
  waiting = part;
  const link = new Link<{ ask: () => null }>(new Silent() as unknown as Worker);
  const onFailure = vi.fn();
  link.call(1_000, "ask").catch(onFailure);
  await pass(notBeforeMs);
  expect(onFailure).not.toHaveBeenCalled();
  await pass(untilMs - notBeforeMs);
  expect(onFailure).toHaveBeenCalledWith(expect.any(LinkError));
});
