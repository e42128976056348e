import { afterEach, expect, it, vi } from "vitest";
import type { TestModule } from "vitest/node";
import { UnderWayReporter } from "./under-way.ts";

const fileNamed = (relativeModuleId: string) => ({ relativeModuleId }) as TestModule;

afterEach(() => vi.useRealTimers());

it("a test file that does not end is named again and again, and one that ends is not", () => {
  vi.useFakeTimers();
  const said: string[] = [];
  const reporter = new UnderWayReporter((line) => said.push(line));
  reporter.onTestRunStart();
  reporter.onTestModuleQueued(fileNamed("test/ends.test.ts"));
  reporter.onTestModuleQueued(fileNamed("test/hangs.test.ts"));
  vi.advanceTimersByTime(4 * 60_000);
  reporter.onTestModuleEnd(fileNamed("test/ends.test.ts"));
  expect(said).toEqual([]);
  vi.advanceTimersByTime(2 * 60_000);
  reporter.onTestRunEnd();
  expect(said).toEqual([5, 6].map((minutes) => `test/hangs.test.ts has not ended after ${minutes} min\n`));
  vi.advanceTimersByTime(5 * 60_000);
  expect(said.length).toBe(2);
});
