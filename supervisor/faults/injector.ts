/** Does a fault of the catalogue (catalogue.ts) to a live device. */

import { Opcode } from "../../controller/devices/nvme-spec.ts";
import { forcedFaultCode } from "../../controller/forced-faults.ts";
import { workerFaultCode } from "../../controller/worker-faults.ts";
import { monotonicNs } from "../../emulator/base/clock.ts";
import type { ErrorKind } from "../../emulator/base/errors.ts";
import { SlotWord } from "../../emulator/memory/control.ts";
import { EventCode } from "../../emulator/memory/events.ts";
import type { Device } from "../device/device.ts";
import type { Slot } from "../device/slot.ts";
import type { HostCompletion } from "../host/host.ts";
import { asDoneTo, type Fault, failureAtOnce } from "./catalogue.ts";

/** The fault cannot be done to the device as it is now. */
export class InjectionError extends Error {
  override readonly name = "InjectionError";
  readonly kind: ErrorKind = "busy";
}

/** What hears of the command by which firmware is asked for a fault. */
type OnCompletion = (completion: HostCompletion) => void;

/** @param withdrawable the command is taken back where nobody fetches it */
function submitFirmwareFault(
  device: Device,
  number: number,
  onCompletion: OnCompletion,
  withdrawable: boolean,
): void {
  const command = { opcode: Opcode.INJECT_FAULT, cdw10: number };
  // Its completion, if the fault takes place, comes from the failover: aborted.
  if (!device.submit(command, onCompletion, withdrawable)) throw new InjectionError("the host queue is full");
}

/**
 * Forces it on the hart. Where the version serves a queue the host then has a command for it: a hang is found by that where
 * no watchdog runs, and whoever waits for the fault's effect hears whether the version went on.
 */
function force(device: Device, slot: Slot, kind: string, onCompletion: OnCompletion): void {
  slot.force(forcedFaultCode(kind));
  if (device.capabilities.can.has("queue")) device.submit({ opcode: Opcode.FLUSH }, onCompletion);
}

/**
 * Starts the fault and returns when that was, in monotonic nanoseconds. Throws {@link InjectionError}.
 * @param onCompletion hears of the command to firmware, if it is done by one, or if one goes with it
 * @param withdrawable the command to firmware, if it is done by one, is taken back where nobody fetches it
 */
export function inject(
  device: Device,
  asked: Fault,
  onCompletion: OnCompletion = () => {},
  withdrawable = false,
): number {
  const slot = device.crew.executing;
  if (slot === undefined) throw new InjectionError("no version executes");
  const fault = asDoneTo(asked, device.capabilities.can);
  if (fault === undefined) {
    throw new InjectionError(
      `the version that runs commits no ${asked.kind} on request, and none can be forced on it`,
    );
  }
  const injectedNs = monotonicNs();
  const doToVersion = ({ firmwareNumber, workerFault }: Fault): boolean => {
    if (fault.origin === "forced") force(device, slot, fault.kind, onCompletion);
    else if (firmwareNumber !== undefined)
      submitFirmwareFault(device, firmwareNumber, onCompletion, withdrawable);
    else if (workerFault !== undefined) slot.injectWorkerFault(workerFaultCode(workerFault));
    else return false;
    return true;
  };
  if (doToVersion(fault)) {
    // Done.
  } else if (fault.kind === "worker-terminate") {
    slot.times[SlotWord.FAULT_NS_F64] = injectedNs;
    void slot.terminate();
  } else if (fault.kind === "standby-death" || fault.kind === "standby-death-at-failover") {
    const { standby } = device.crew;
    if (standby === undefined) throw new InjectionError(`there is no standby: ${device.crew.why}`);
    void standby.terminate();
    if (fault.kind === "standby-death-at-failover") {
      doToVersion(failureAtOnce(device.capabilities.can));
    }
  } else {
    throw new Error(`nobody does the fault ${fault.kind} from outside`);
  }
  device.events.stamp(EventCode.INJECTED, slot.region, device.bootEpoch, injectedNs);
  return injectedNs;
}
