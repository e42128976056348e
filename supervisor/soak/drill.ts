/**
 * The drill: one kind of fault over and over, as fast as the controller comes back. For figures; the soak checks.
 */
import { setTimeout as delay } from "node:timers/promises";
import { monotonicNs } from "../../emulator/base/clock.ts";
import type { Device } from "../device/device.ts";
import type { Failover } from "../device/failover.ts";
import { newsOfRunning, quiet } from "../device/waiting.ts";
import type { Fault } from "../faults/catalogue.ts";
import { inject } from "../faults/injector.ts";
import { Timing, type TimingSummary } from "./timing.ts";

export interface DrillReport {
  readonly failovers: number;
  readonly seconds: number;
  /** From the moment at which the fault shows (trap, end of the watchdog's period, last progress) to its detection. */
  readonly detectUs: TimingSummary;
  readonly restartUs: TimingSummary;
  readonly readyUs: TimingSummary;
  /** Where the restart time goes: from each step's predecessor to it. */
  readonly stepsUs: {
    readonly detected: TimingSummary;
    readonly stopped: TimingSummary;
    readonly designated: TimingSummary;
    readonly firstInstruction: TimingSummary;
  };
  /** Resident set size of the supervisor process in bytes, after a tenth of the failovers and after all. */
  readonly rssEarlyBytes: number;
  readonly rssLateBytes: number;
}

/**
 * Rejects with SafeModeError when the controller does not come back.
 * @param calmMs for how long nothing happens before each fault
 */
export async function drill(
  device: Device,
  fault: Fault,
  failovers: number,
  calmMs: number,
): Promise<DrillReport> {
  const detect = new Timing();
  const restart = new Timing();
  const ready = new Timing();
  const stopped = new Timing();
  const designated = new Timing();
  const firstInstruction = new Timing();
  let last: Failover | undefined;
  const unlisten = device.listen({ onFailover: (failover) => (last = failover) });
  const startedNs = monotonicNs();
  let rssEarlyBytes = 0;
  // A hang has no moment of its own for the restart: it begins when the firmware was told to.
  const fromInjection = fault.class === "hang";
  for (let done = 0; done < failovers; done++) {
    await quiet(device);
    if (calmMs > 0) await delay(calmMs);
    last = undefined;
    const injectedNs = inject(device, fault);
    while (last === undefined) await newsOfRunning(device);
    const { failure, stoppedNs, designatedNs, firstInstructionNs, readyNs }: Failover = last;
    const faultNs = fromInjection ? injectedNs : failure.faultNs;
    detect.recordNs(failure.detectedNs - failure.faultNs);
    if (firstInstructionNs > 0) restart.recordNs(firstInstructionNs - faultNs);
    if (readyNs > 0) ready.recordNs(readyNs - faultNs);
    stopped.recordNs(stoppedNs - failure.detectedNs);
    designated.recordNs(designatedNs - stoppedNs);
    if (firstInstructionNs > 0) firstInstruction.recordNs(firstInstructionNs - designatedNs);
    if (done === Math.floor(failovers / 10)) rssEarlyBytes = process.memoryUsage.rss();
  }
  unlisten();
  return {
    failovers,
    seconds: (monotonicNs() - startedNs) / 1e9,
    detectUs: detect.summary(),
    restartUs: restart.summary(),
    readyUs: ready.summary(),
    stepsUs: {
      detected: detect.summary(),
      stopped: stopped.summary(),
      designated: designated.summary(),
      firstInstruction: firstInstruction.summary(),
    },
    rssEarlyBytes,
    rssLateBytes: process.memoryUsage.rss(),
  };
}
