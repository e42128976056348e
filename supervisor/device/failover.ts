/**
 * What one failover was: gathered from the event ring once the other version is ready, or has failed before.
 * Times are monotonic nanoseconds; 0 stands for a step that was not seen.
 */
import type { DeviceEvent, EventName, EventRing } from "../../emulator/memory/events.ts";
import type { FailureReport } from "./failure.ts";

export interface Failover {
  /** Counts from 0 at power-on. */
  readonly index: number;
  readonly failure: FailureReport;
  readonly fromRegion: number;
  /** The region that the table designates. */
  readonly toRegion: number;
  /** The region whose first instruction the controller worker told of, -1 if it told of none. */
  readonly executedRegion: number;
  /** Generation of the table that designates toRegion. */
  readonly generation: number;
  readonly bootEpoch: number;
  readonly stoppedNs: number;
  readonly designatedNs: number;
  readonly firstInstructionNs: number;
  /** 0 if the other version failed in its turn before it was ready: that is another failover, or safe mode. */
  readonly readyNs: number;
  /** Bytes stored into any region between stop and ready; 0, or something copied code. */
  readonly storedBytes: number;
  /** Instructions that the stopped version retired after its stop; 0, or the stop was none. */
  readonly retiredAfterStop: number;
}

/** Steps of one boot epoch, by name. */
export type Steps = ReadonlyMap<EventName, DeviceEvent>;

/** Those in the ring; later ones of the same name win. */
export function stepsOf(ring: EventRing, fromIndex: number, bootEpoch: number): Steps {
  const steps = new Map<EventName, DeviceEvent>();
  for (const event of ring.read(fromIndex)) {
    if (event.bootEpoch === bootEpoch) steps.set(event.name, event);
  }
  return steps;
}
