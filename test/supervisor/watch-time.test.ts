import { describe, expect, it } from "vitest";
import { WatchTime } from "../../supervisor/watch-time.ts";

const MS = 1e6;
const INTERVAL_MS = 5;

/** Ticks at these times; `waitedMs` tells how long the ticking thread has waited for a processor by the last of them. */
function passedMs(ticksMs: readonly number[], waitedMs: number | undefined): number {
  let waitedNs: number | undefined = waitedMs === undefined ? undefined : 0;
  const time = new WatchTime(INTERVAL_MS, 0, () => waitedNs);
  if (waitedMs !== undefined) waitedNs = waitedMs * MS;
  for (const ms of ticksMs) time.tick(ms * MS);
  return time.ns / MS;
}

describe("watch time", () => {
  it("passes like real time while the ticks come", () => {
    expect(passedMs([5, 10, 15, 20], 0)).toBe(20);
    expect(passedMs([7, 12, 19, 24], 0)).toBe(24);
  });

  it("does not pass while the supervisor waits for a processor", () => {
    expect(passedMs([5, 20], 5)).toBe(15);
    // Not more than the lateness is forgiven: the wait may have come before.
    expect(passedMs([5, 20], 100)).toBe(5 + 7.5);
  });

  it("passes while the supervisor was busy itself", () => {
    expect(passedMs([5, 20], 0)).toBe(20);
  });

  it("does not pass while the process was stopped, but for a few ticks", () => {
    expect(passedMs([5, 10_000], 0)).toBe(5 + 4 * INTERVAL_MS);
  });

  it("takes every lateness for the machine's fault where nobody counts", () => {
    expect(passedMs([5, 20], undefined)).toBe(5 + 7.5);
  });
});
