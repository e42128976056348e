/**
 * The floor under every restart time: the bare hand-off "one thread crashes → main thread → the other thread's
 * first instruction" with nothing in between, by the same means that the supervisor uses (Atomics.waitAsync on
 * the main thread, Atomics.wait in the threads).
 */
import { once } from "node:events";
import { createHistogram, type RecordableHistogram } from "node:perf_hooks";
import { Worker } from "node:worker_threads";

/** Word indices of the shared buffer, one cache line each. */
export const enum Handoff {
  DOORBELL = 0,
  CRASHED = 16,
  STARTED = 32,
  /** Two words, one per thread. */
  COMMAND = 48,
  WORDS = 96,
}

/** Float64 indices of the same buffer, behind the words. */
export const enum HandoffTime {
  FAULT_NS = 32,
  FIRST_NS = 40,
}

export interface HandoffData {
  readonly buffer: SharedArrayBuffer;
  readonly self: number;
  /** For how long a thread sleeps before it "crashes". */
  readonly calmMs: number;
}

/**
 * Runs `count` hand-offs after `warmUp` uncounted ones; nanoseconds from crash to first instruction.
 * @param calmMs for how long nothing happens before each
 */
export async function measureHandoff(
  count: number,
  warmUp: number,
  calmMs = 0,
): Promise<RecordableHistogram> {
  const buffer = new SharedArrayBuffer(Handoff.WORDS * 4);
  const words = new Int32Array(buffer);
  const times = new Float64Array(buffer);
  const workers = [0, 1].map(
    (self) =>
      new Worker(new URL("./handoff-worker.js", import.meta.url), { workerData: { buffer, self, calmMs } }),
  );
  const exits = workers.map((worker) => new Promise((resolve) => worker.once("exit", resolve)));
  await Promise.all(workers.map((worker) => once(worker, "online")));
  const histogram = createHistogram();
  const keepAlive = setInterval(() => {}, 1 << 30);
  const wake = (self: number, command: number): void => {
    Atomics.store(words, Handoff.COMMAND + self, command);
    Atomics.notify(words, Handoff.COMMAND + self);
  };
  wake(0, 1);
  let seen = 0;
  for (let turn = 1; turn <= count + warmUp; turn++) {
    const rung = Atomics.waitAsync(words, Handoff.DOORBELL, seen);
    if (rung.async) await rung.value;
    seen = Atomics.load(words, Handoff.DOORBELL);
    const faultNs = times[HandoffTime.FAULT_NS] ?? 0;
    wake(turn & 1, turn + 1);
    while (Atomics.load(words, Handoff.STARTED) !== turn + 1);
    const firstNs = times[HandoffTime.FIRST_NS] ?? 0;
    if (turn > warmUp) histogram.record(Math.max(1, Math.round(firstNs - faultNs)));
  }
  clearInterval(keepAlive);
  for (const self of [0, 1]) wake(self, -1);
  await Promise.all(exits);
  return histogram;
}
