/** Processor time grows while the thread runs, and not while it sleeps. */
import { expect, it } from "vitest";
import { threadCpuNs } from "../../../emulator/base/thread-time.ts";

it("counts what the thread runs, not what it sleeps", () => {
  const beforeNs = threadCpuNs();
  const word = new Int32Array(new SharedArrayBuffer(4));
  Atomics.wait(word, 0, 0, 300);
  const sleptNs = threadCpuNs() - beforeNs;
  expect(sleptNs).toBeGreaterThanOrEqual(0);
  expect(sleptNs).toBeLessThan(200e6);
  const startNs = threadCpuNs();
  // Ends only if it counts.
  while (threadCpuNs() - startNs < 30e6);
});
