/** The wall clock of a machine: how far it lets the hart run before the next look. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { LiveClock } from "../../controller/clock.ts";

const NS_PER_TICK = 100;
/** What a slice takes at the most: nobody outside waits longer. */
const LONGEST_TICKS = 1_000;

/** A hart of so many instructions in a tick, under a clock that it moves. */
class PacedHart {
  readonly #clock: LiveClock;
  pace: number;
  #nowNs = 0;

  constructor(pace: number) {
    this.pace = pace;
    this.#clock = new LiveClock(() => this.#nowNs, 0);
  }

  get now(): number {
    return this.#clock.now();
  }

  /** Runs to the next look, with an event at this tick. Returns the ticks that it took; 0 when the event has come. */
  run(tick: number, lostTicks = 0): number {
    const began = this.now;
    const instructions = this.#clock.instructionsUntil(tick, began);
    this.#nowNs += (instructions / this.pace + lostTicks) * NS_PER_TICK;
    this.#clock.stolenTicks(this.now, instructions, 0);
    return this.now - began;
  }

  /** Long enough for the clock to know its pace. */
  settle(): void {
    for (let slice = 0; slice < 20; slice++) this.run(Number.POSITIVE_INFINITY);
  }
}

/** From a slow interpreter to translated code, 100 to 5,000 million instructions a second. */
const paces = fc.integer({ min: 10, max: 500 });

describe("a slice of a live hart", () => {
  it("takes a tenth of a millisecond at whatever pace, once that is known", () => {
    fc.assert(
      fc.property(paces, (pace) => {
        const hart = new PacedHart(pace);
        hart.settle();
        const took = hart.run(Number.POSITIVE_INFINITY);
        expect(took).toBeGreaterThan(LONGEST_TICKS * 0.9);
        expect(took).toBeLessThan(LONGEST_TICKS * (pace < 16 ? 1.7 : 1.1));
      }),
    );
  });

  it("ends where the next event is", () => {
    fc.assert(
      fc.property(paces, fc.integer({ min: 1, max: 5_000 }), (pace, inTicks) => {
        const hart = new PacedHart(pace);
        hart.settle();
        const event = hart.now + inTicks;
        while (hart.run(event) > 0);
        const late = hart.now - event;
        // The shortest slice is 4,096 instructions.
        expect(late).toBeGreaterThanOrEqual(0);
        expect(late).toBeLessThanOrEqual(4_096 / pace + 0.7 * LONGEST_TICKS * (pace < 16 ? 1 : 0.05));
      }),
    );
  });

  it("is as long as before a few looks after the hart has lost its processor", () => {
    fc.assert(
      fc.property(paces, (pace) => {
        const hart = new PacedHart(pace);
        hart.settle();
        for (let lost = 0; lost < 10; lost++) hart.run(Number.POSITIVE_INFINITY, 100_000);
        for (let slice = 0; slice < 6; slice++) hart.run(Number.POSITIVE_INFINITY);
        expect(hart.run(Number.POSITIVE_INFINITY)).toBeGreaterThan(LONGEST_TICKS * 0.9);
      }),
    );
  });

  it("changes by half or double from one look to the next, whatever became of the pace", () => {
    const forEver = Number.POSITIVE_INFINITY;
    const instructionsOf = (hart: PacedHart): number => hart.run(forEver) * hart.pace;
    const hart = new PacedHart(400);
    hart.settle();
    const settled = instructionsOf(hart);
    hart.run(forEver, 100_000);
    expect(instructionsOf(hart) / settled).toBeCloseTo(1 / 2, 1);
    const slow = new PacedHart(20);
    slow.settle();
    const before = instructionsOf(slow);
    slow.pace = 400;
    slow.run(forEver);
    expect(instructionsOf(slow) / before).toBeCloseTo(2, 0);
  });

  it("is soon shorter where the hart has become slower", () => {
    const hart = new PacedHart(500);
    hart.settle();
    hart.pace = 16;
    let took = 0;
    for (let slice = 0; slice < 6; slice++) took = hart.run(Number.POSITIVE_INFINITY);
    expect(took).toBeLessThan(LONGEST_TICKS * 1.1);
  });

  it("is none once the event has come", () => {
    const hart = new PacedHart(100);
    hart.settle();
    expect(hart.run(hart.now)).toBe(0);
    expect(hart.run(hart.now - 1)).toBe(0);
  });
});
