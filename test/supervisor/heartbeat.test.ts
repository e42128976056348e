import { describe, expect, it } from "vitest";
import { Heartbeat } from "../../supervisor/heartbeat.ts";
import { WatchTime } from "../../supervisor/watch-time.ts";

const MS = 1e6;
/** A thread that always gets to run. */
const RUNNING = { runDelayNs: 0 };

describe("heartbeat", () => {
  it("finds a silent thread at the deadline, and not before", () => {
    const heartbeat = new Heartbeat(50);
    heartbeat.reset(7, 0);
    const found = Array.from({ length: 20 }, (_, i) => heartbeat.look(7, (i + 1) * 5 * MS, RUNNING)).indexOf(
      true,
    );
    expect(found).toBe(9);
  });

  it("is content with any progress at all", () => {
    const heartbeat = new Heartbeat(50);
    heartbeat.reset(0, 0);
    for (let i = 1; i < 1000; i++) expect(heartbeat.look(Math.floor(i / 9), i * 5 * MS, RUNNING)).toBe(false);
  });

  it("starts anew with a reset", () => {
    const heartbeat = new Heartbeat(50);
    heartbeat.reset(0, 0);
    for (let i = 1; i < 9; i++) heartbeat.look(0, i * 5 * MS, RUNNING);
    heartbeat.reset(0, 45 * MS);
    expect(heartbeat.look(0, 50 * MS, RUNNING)).toBe(false);
  });
});

describe("heartbeat on a busy machine", () => {
  it("does not count the time for which the thread waited for a processor", () => {
    const heartbeat = new Heartbeat(50);
    heartbeat.reset(0, 0);
    const starved = { runDelayNs: 0 };
    for (let ms = 5; ms <= 300; ms += 5) {
      starved.runDelayNs = ms * MS;
      expect(heartbeat.look(0, ms * MS, starved)).toBe(false);
    }
  });

  it("finds a thread that runs and makes no progress, however much it waited before", () => {
    const heartbeat = new Heartbeat(50);
    heartbeat.reset(0, 0);
    const thread = { runDelayNs: 1e12 };
    expect(heartbeat.look(0, 30 * MS, thread)).toBe(false);
    expect(heartbeat.look(0, 50 * MS, thread)).toBe(true);
  });
});

describe("watch time", () => {
  it("passes like real time while the ticks come", () => {
    const time = new WatchTime(5, 100 * MS);
    for (let i = 1; i <= 20; i++) time.tick((100 + i * 5) * MS);
    expect(time.ns).toBe(100 * MS);
  });

  it("loses nothing to a timer that is a little late, and nearly all of a gap", () => {
    const time = new WatchTime(5, 0);
    time.tick(7 * MS);
    expect(time.ns).toBe(7 * MS);
    time.tick(400 * MS);
    expect(time.ns).toBeLessThan(20 * MS);
  });
});
