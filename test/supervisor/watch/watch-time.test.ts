import { describe, expect, it } from "vitest";
import { WatchTime } from "../../../supervisor/watch/watch-time.ts";

const MS = 1e6;
const LONGEST_MS = 12;

function passedMs(...ticksMs: readonly number[]): number {
  const time = new WatchTime(LONGEST_MS, 0);
  for (const ms of ticksMs) time.tick(ms * MS);
  return time.ns / MS;
}

describe("watch time", () => {
  it("passes like real time while the ticks come, however unevenly", () => {
    expect(passedMs(3, 6, 9, 12)).toBe(12);
    expect(passedMs(7, 8, 19, 24)).toBe(24);
  });

  it("stands still while the process does, but for the longest gap that counts", () => {
    expect(passedMs(3, 10_000, 10_003)).toBe(3 + LONGEST_MS + 3);
  });
});
