import { describe, expect, it } from "vitest";
import type { ThreadTimes } from "../../../emulator/base/thread-schedule.ts";
import { Heartbeat, type Thread } from "../../../supervisor/watch/heartbeat.ts";

const MS = 1e6;

function times(runMs: number, waitMs: number, runnable: boolean): ThreadTimes {
  return { runNs: runMs * MS, waitNs: waitMs * MS, runnable };
}

/** A thread that has run for `runMs` and waited for `waitMs`, seen at `atMs`. */
function thread(
  atMs: number,
  runMs: number,
  waitMs: number,
  runnable: boolean,
  ...helpers: readonly ThreadTimes[]
): Thread {
  const own = times(runMs, waitMs, runnable);
  return {
    schedule: () => ({ atNs: atMs * MS, own, heldUpNs: 0, helpers: () => new Map(helpers.entries()) }),
    nudge: () => undefined,
  };
}

/** A thread of which nothing is known. */
const UNKNOWN = thread(0, 0, 0, false);

describe("heartbeat", () => {
  it("finds a silent thread at the deadline, and not before", () => {
    const heartbeat = new Heartbeat(50);
    heartbeat.reset(7, 0);
    const found = Array.from({ length: 20 }, (_, i) => heartbeat.look(7, (i + 1) * 5 * MS, UNKNOWN)).indexOf(
      true,
    );
    expect(found).toBe(9);
  });

  it("is content with any progress at all", () => {
    const heartbeat = new Heartbeat(50);
    heartbeat.reset(0, 0);
    for (let i = 1; i < 1000; i++) expect(heartbeat.look(Math.floor(i / 9), i * 5 * MS, UNKNOWN)).toBe(false);
  });

  it("nudges a thread that has been silent for a while, whose own timer may be late", () => {
    const heartbeat = new Heartbeat(50);
    heartbeat.reset(0, 0);
    let beats = 0;
    let nudges = 0;
    const nudge = () => {
      nudges += 1;
      beats += 1;
    };
    for (let ms = 2; ms < 200; ms += 2)
      expect(heartbeat.look(beats, ms * MS, { ...UNKNOWN, nudge })).toBe(false);
    expect(nudges).toBeGreaterThan(10);
    expect(nudges).toBeLessThan(20);
  });

  it("accounts for a silent thread's time since it came under suspicion", () => {
    const heartbeat = new Heartbeat(50);
    heartbeat.reset(0, 0);
    expect(heartbeat.account(UNKNOWN)).toBe("it was not under suspicion");
    heartbeat.look(0, 10 * MS, thread(10, 5, 1, false));
    expect(heartbeat.account(thread(60, 12, 21, false))).toBe(
      "in 50.0 ms it ran 7.0 ms, waited for a processor 20.0 ms and slept 23.0 ms",
    );
  });

  it("starts anew with a reset", () => {
    const heartbeat = new Heartbeat(50);
    heartbeat.reset(0, 0);
    for (let i = 1; i < 9; i++) heartbeat.look(0, i * 5 * MS, UNKNOWN);
    heartbeat.reset(0, 45 * MS);
    expect(heartbeat.look(0, 50 * MS, UNKNOWN)).toBe(false);
  });
});

describe("heartbeat on a busy machine", () => {
  /** When a thread that is silent from 0 on is found stuck; undefined when it is not in time. */
  function foundMs(at: (ms: number) => Thread, withinMs = 300, longestHelpMs?: number): number | undefined {
    const heartbeat = new Heartbeat(50, longestHelpMs);
    heartbeat.reset(0, 0);
    for (let ms = 5; ms <= withinMs; ms += 5) if (heartbeat.look(0, ms * MS, at(ms))) return ms;
    return undefined;
  }

  it("does not count the time for which the thread waited for a processor", () => {
    expect(foundMs((ms) => thread(ms, 0, ms, false))).toBeUndefined();
  });

  it("does not count a wait that has not ended, which the kernel has not added yet", () => {
    expect(foundMs((ms) => thread(ms, 0, 0, true))).toBeUndefined();
  });

  it("finds a thread that runs and makes no progress at the deadline, however much it waited before", () => {
    expect(foundMs((ms) => thread(ms, ms, 1e6, true))).toBe(50);
  });

  it("finds it at the deadline also where the kernel's account lags by a scheduling tick", () => {
    expect(foundMs((ms) => thread(ms, Math.floor(ms / 10) * 10, 0, true))).toBe(50);
  });

  it("finds a thread that sleeps and makes no progress at the deadline", () => {
    expect(foundMs((ms) => thread(ms, 0, 0, false))).toBe(50);
  });

  it("does not count a sleep in which a thread that it may wait for waited for a processor", () => {
    expect(foundMs((ms) => thread(ms, 0, 0, false, times(0, ms, false)))).toBeUndefined();
    expect(foundMs((ms) => thread(ms, 0, 0, false, times(ms, 0, true), times(0, 0, true)))).toBeUndefined();
    expect(
      foundMs((ms) => thread(ms, 0, 0, false, times(0, ms / 2, false), times(0, ms / 2, false))),
    ).toBeUndefined();
    // Suspected after 10 ms; the 40 ms that are left take twice as long.
    expect(foundMs((ms) => thread(ms, 0, 0, false, times(0, ms / 2, false)))).toBe(90);
  });

  it("finds a thread that never wakes also where some other one always waits: a second of that excuses no longer", () => {
    expect(foundMs((ms) => thread(ms, 0, 0, false, times(0, ms, false)), 5_000)).toBe(1_050);
  });

  it("excuses a sleep for the sake of others for as long as it is told to", () => {
    const waits = (ms: number): Thread => thread(ms, 0, 0, false, times(0, ms, false));
    expect(foundMs(waits, 5_000, 100)).toBe(150);
    expect(foundMs(waits, 5_000, Number.POSITIVE_INFINITY)).toBeUndefined();
  });

  it("tells that a thread is past its deadline and only waits for a processor", () => {
    const heartbeat = new Heartbeat(50);
    heartbeat.reset(0, 0);
    const starvedAt = Array.from({ length: 20 }, (_, i) => {
      const ms = (i + 1) * 5;
      heartbeat.look(0, ms * MS, thread(ms, 0, ms, false));
      return heartbeat.starved;
    });
    expect(starvedAt.indexOf(true)).toBe(9);
    heartbeat.look(1, 105 * MS, UNKNOWN);
    expect(heartbeat.starved).toBe(false);
  });

  it("does not mind who waits while it runs itself", () => {
    expect(foundMs((ms) => thread(ms, ms, 0, true, times(0, ms, true)))).toBe(50);
  });

  it("reads what it may wait for once, under suspicion, and again only if it slept", () => {
    const readings = (runnable: boolean): number => {
      let count = 0;
      const helpers = (): Map<number, ThreadTimes> => {
        count++;
        return new Map();
      };
      foundMs((ms) => ({
        nudge: () => undefined,
        schedule: () => ({ atNs: ms * MS, own: times(runnable ? ms : 0, 0, runnable), heldUpNs: 0, helpers }),
      }));
      return count;
    };
    expect(readings(true)).toBe(1);
    expect(readings(false)).toBe(2);
  });

  it("does not count what a thread that sleeps was held up by something else, and counts the rest", () => {
    const heldUp = (share: number) => (ms: number) => ({
      nudge: () => undefined,
      schedule: () => ({
        atNs: ms * MS,
        own: times(0, 0, false),
        heldUpNs: ms * MS * share,
        helpers: () => new Map(),
      }),
    });
    expect(foundMs(heldUp(1))).toBeUndefined();
    // Under suspicion from 10 ms on, and held up half of the time: 10 + 2 × 40.
    expect(foundMs(heldUp(0.5))).toBe(90);
  });

  it("finds a thread that sleeps while the others run or sleep, too", () => {
    expect(foundMs((ms) => thread(ms, 0, 0, false, times(ms, 0, true), times(0, 0, false)))).toBe(50);
  });

  it("finds a thread that gets half of a processor when it has used up what is left of the deadline", () => {
    // Suspected after 10 ms; the 40 ms that are left take twice as long.
    expect(foundMs((ms) => thread(ms, ms / 2, ms / 2, true))).toBe(90);
  });
});
