/** One of the two threads of the bare hand-off, handoff.ts: parks, stamps its wake-up, "crashes", parks again. */
import { workerData } from "node:worker_threads";
import { monotonicNs } from "../emulator/base/clock.ts";
import { Handoff, type HandoffData, HandoffTime } from "./handoff.ts";

const { buffer, self, calmMs } = workerData as HandoffData;
const words = new Int32Array(buffer);
const times = new Float64Array(buffer);

for (;;) {
  Atomics.wait(words, Handoff.COMMAND + self, 0);
  const command = Atomics.exchange(words, Handoff.COMMAND + self, 0);
  if (command < 0) break;
  times[HandoffTime.FIRST_NS] = monotonicNs();
  Atomics.store(words, Handoff.STARTED, command);
  if (calmMs > 0) Atomics.wait(words, Handoff.COMMAND + self, 0, calmMs);
  // Long enough for the other thread to have parked again, as a standby has.
  const until = monotonicNs() + 100_000;
  while (monotonicNs() < until);
  times[HandoffTime.FAULT_NS] = monotonicNs();
  Atomics.store(words, Handoff.CRASHED, command);
  Atomics.add(words, Handoff.DOORBELL, 1);
  Atomics.notify(words, Handoff.DOORBELL);
}
