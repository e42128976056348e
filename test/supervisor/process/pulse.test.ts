/** Whether a process hangs is judged by what it answers and by whether it got to run, in the asking process's own time. */
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Pulse } from "../../../supervisor/process/pulse.ts";
import type { Thread } from "../../../supervisor/watch/heartbeat.ts";

const LIMITS = { pingMs: 50, answerMs: 500, startMs: 2_000 };
const MS = 1e6;

/** What became of the process, and when, as the test's own milliseconds. */
let told: (readonly [what: string, atMs: number])[];
let atMs: number;

/** A process whose first thread waits for a processor for this share of the time, and sleeps for the rest of it. */
function process(waiting: number): Thread {
  return {
    schedule: () => ({
      atNs: atMs * MS,
      own: { runNs: 0, waitNs: atMs * waiting * MS, runnable: false },
      heldUpNs: 0,
      helpers: () => new Map(),
    }),
    nudge: () => undefined,
  };
}

function pulseOf(thread: Thread, ask: () => void = () => undefined): Pulse {
  return new Pulse(thread, LIMITS, {
    ask,
    onHang: (reason) => told.push([reason, atMs]),
    onStarved: (account) => told.push([account, atMs]),
  });
}

function pass(ms: number): void {
  for (const end = atMs + ms; atMs < end; ) {
    atMs += 10;
    vi.advanceTimersByTime(10);
  }
}

describe("a process is judged by its answers", () => {
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ["setInterval", "clearInterval", "hrtime"] });
    told = [];
    atMs = 0;
  });
  afterEach(() => void vi.useRealTimers());

  it("and hangs when it owes one for longer than it may", () => {
    const pulse = pulseOf(process(0));
    pulse.beat();
    pulse.run();
    pass(2_000);
    expect(told).toEqual([["the supervisor process did not answer for 500 ms", 500]]);
  });

  it("and does not hang while it waits for a processor, which is told once", () => {
    const pulse = pulseOf(process(1));
    pulse.beat();
    pulse.run();
    pass(60_000);
    expect(told).toHaveLength(1);
    expect(told[0]?.[0]).toMatch(
      /^the supervisor process waits for a processor: in \d+\.\d ms it ran 0\.0 ms, waited for a processor/,
    );
    pulse.end();
  });

  it("and hangs later, but hangs, when it waits for a processor for half of the time", () => {
    const pulse = pulseOf(process(0.5));
    pulse.beat();
    pulse.run();
    pass(10_000);
    expect(told.map(([what]) => what).at(-1)).toBe("the supervisor process did not answer for 500 ms");
    expect(told.at(-1)?.[1]).toBeGreaterThan(750);
    expect(told.at(-1)?.[1]).toBeLessThanOrEqual(1_000);
  });

  it("and goes on as long as it answers, asked again only when it has", () => {
    let asked = 0;
    const pulse: Pulse = pulseOf(process(0), () => {
      asked += 1;
      if (asked < 100) pulse.beat();
    });
    pulse.run();
    pass(10_000);
    expect(asked).toBe(100);
    expect(told).toEqual([["the supervisor process did not answer for 500 ms", 100 * 50 + 500]]);
  });

  it("and by its start alone while it has never given one: a start has a deadline", () => {
    const pulse = pulseOf(process(0));
    pulse.expectStart();
    pass(10_000);
    expect(told).toEqual([["the supervisor process did not start within 2000 ms", 2_000]]);
  });

  it("and by its start, too, when it answers and never comes to an end of it", () => {
    const pulse: Pulse = pulseOf(process(0), () => pulse.beat());
    pulse.expectStart();
    pass(10_000);
    expect(told).toEqual([["the supervisor process did not start within 2000 ms", 2_000]]);
  });
});
