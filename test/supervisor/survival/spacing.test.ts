import fc from "fast-check";
import { expect, it, vi } from "vitest";
import { Spacing } from "../../../supervisor/survival/spacing.ts";

it("is never exceeded: at no moment lie more in a window than the budget has", async () => {
  const gaps = fc.array(fc.nat(400), { maxLength: 40 });
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 1, max: 5 }), gaps, async (most, gapsMs) => {
      vi.useFakeTimers();
      try {
        const spacing = new Spacing(most, 1_000, () => Date.now());
        const doneMs: number[] = [];
        for (const gapMs of gapsMs) {
          vi.setSystemTime(Date.now() + gapMs);
          const room = spacing.room(() => false);
          await vi.runAllTimersAsync();
          await room;
          spacing.note();
          doneMs.push(Date.now());
        }
        for (const [at, timeMs] of doneMs.entries()) {
          const before = doneMs[at - most];
          if (before !== undefined) expect(timeMs - before).toBeGreaterThan(1_000);
        }
      } finally {
        vi.useRealTimers();
      }
    }),
    { numRuns: 50 },
  );
});

it("is not waited for by whoever has come to the end", async () => {
  const spacing = new Spacing(1, 3_600_000);
  spacing.note();
  let looks = 0;
  await spacing.room(() => ++looks > 1);
  expect(looks).toBe(2);
});
