import { describe, expect, it } from "vitest";
import { Evidence } from "../../../emulator/memory/evidence.ts";
import { DEFAULT_LIMITS } from "../../../supervisor/core/config.ts";
import type { OwedCommand } from "../../../supervisor/host/host.ts";
import { TICK_MS, Watch, type Watched } from "../../../supervisor/watch/watch.ts";

const MS = 1e6;

/** A version that is ready and beats with every tick, on a thread that waits for a processor for `waits` of its time. */
class Watching {
  readonly #watch = new Watch(DEFAULT_LIMITS, 0);
  readonly #waits: number;
  #ms = 0;
  #ready = true;

  constructor(waits = 0) {
    this.#waits = waits;
    this.start();
  }

  start(): void {
    this.#watch.start(this.#thread(), this.#ms * MS);
  }

  /** It says that it is not ready after all. */
  withdraw(): void {
    this.#watch.withdraw(this.#ms * MS);
    this.#ready = false;
  }

  /** Ticks until something is found overdue, at the most for `forMs`; returns when that was. */
  foundMs(forMs: number, owed: (ms: number) => OwedCommand | undefined): number | undefined {
    for (const endMs = this.#ms + forMs; this.#ms < endMs; ) {
      this.#ms += TICK_MS;
      this.#watch.tick(this.#ms * MS);
      const silence = this.#watch.silence(this.#thread(), this.#ready, owed(this.#ms), this.#ms * MS);
      if (silence === undefined) continue;
      expect(silence.evidence).toBe(Evidence.OVERDUE_COMMAND);
      return this.#ms;
    }
    return undefined;
  }

  #thread(): Watched {
    const waitNs = this.#ms * MS * this.#waits;
    const atNs = this.#ms * MS;
    const own = { runNs: atNs - waitNs, waitNs, runnable: true };
    return {
      heartbeat: this.#ms,
      notedFaultNs: 0,
      nudge: () => undefined,
      schedule: () => ({ atNs, own, heldUpNs: 0, helpers: () => new Map() }),
    };
  }
}

describe("the next tick", () => {
  it("is due when the deadline of a silent thread ends, where that is before the next in turn", () => {
    const watch = new Watch(DEFAULT_LIMITS, 0);
    const { heartbeatMs } = DEFAULT_LIMITS;
    const own = { runNs: 0, waitNs: 0, runnable: false };
    const schedule = { atNs: 0, own, heldUpNs: 0, helpers: () => new Map() };
    watch.start({ heartbeat: 1, notedFaultNs: 0, schedule: () => schedule, nudge: () => undefined }, 0);
    for (let ms = TICK_MS; ms < heartbeatMs - 1; ms += TICK_MS) {
      expect(watch.nextLookMs).toBe(TICK_MS);
      watch.tick(ms * MS);
    }
    watch.tick((heartbeatMs - 0.5) * MS);
    expect(watch.nextLookMs).toBeCloseTo(0.5);
    watch.tick((heartbeatMs + 1) * MS);
    expect(watch.nextLookMs).toBe(TICK_MS);
  });
});

const COMMAND = { id: 1, submittedNs: 0 };

describe("a host command is overdue", () => {
  it("when it has been the oldest for the deadline", () => {
    expect(new Watching().foundMs(2000, () => COMMAND)).toBeGreaterThanOrEqual(DEFAULT_LIMITS.commandMs);
    expect(new Watching().foundMs(DEFAULT_LIMITS.commandMs + 2 * TICK_MS, () => COMMAND)).toBeDefined();
  });

  it("never, while the oldest ends in time, however many wait behind it", () => {
    expect(
      new Watching().foundMs(5000, (ms) => ({ id: Math.floor(ms / 400), submittedNs: 0 })),
    ).toBeUndefined();
  });

  it("also after a time in which there was none", () => {
    const foundMs = new Watching().foundMs(5000, (ms) => (ms < 3000 ? undefined : COMMAND));
    expect(foundMs).toBeGreaterThanOrEqual(3000 + DEFAULT_LIMITS.commandMs);
    expect(foundMs).toBeLessThanOrEqual(3000 + DEFAULT_LIMITS.commandMs + 2 * TICK_MS);
  });

  it("not before the next version, which it was left to, has had the whole deadline", () => {
    const watching = new Watching();
    expect(watching.foundMs(450, () => COMMAND)).toBeUndefined();
    watching.start();
    expect(watching.foundMs(450, () => COMMAND)).toBeUndefined();
    expect(watching.foundMs(450, () => COMMAND)).toBeDefined();
  });

  it("however often the version takes back that it is ready", () => {
    const watching = new Watching();
    for (let withdrawn = 0; withdrawn < 4; withdrawn++) {
      watching.withdraw();
      expect(watching.foundMs(100, () => COMMAND)).toBeUndefined();
    }
    const foundMs = watching.foundMs(5000, () => COMMAND);
    expect(foundMs).toBeGreaterThanOrEqual(DEFAULT_LIMITS.commandMs);
    expect(foundMs).toBeLessThanOrEqual(DEFAULT_LIMITS.commandMs + 2 * TICK_MS);
  });

  it("not by the time for which the thread waited for a processor", () => {
    expect(new Watching(1).foundMs(5000, () => COMMAND)).toBeUndefined();
    // 100 ms until it comes under suspicion, and the other 400 at half the speed.
    const foundMs = new Watching(0.5).foundMs(5000, () => COMMAND);
    expect(foundMs).toBeGreaterThan(880);
    expect(foundMs).toBeLessThan(920);
  });
});
