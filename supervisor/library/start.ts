/** Starts a device in a supervisor process of its own. */
import type { ChildProcess } from "node:child_process";
import { MACHINES_OF_A_CONTROLLER, requireLimits } from "../../emulator/base/limits.ts";
import { platformFault, thisPlatform } from "../../emulator/base/platform.ts";
import { PROCESS_FAULT_KINDS } from "../faults/catalogue.ts";
import { DeviceError, SupervisorProcess } from "../process/client.ts";
import { answerOf } from "../process/protocol.ts";
import { configOf, type DeviceOptions } from "./options.ts";
import { ProcessDevice, type RunningDevice } from "./running-device.ts";

/**
 * Starts a controller. Rejects with {@link DeviceError}: what is refused has the kind "usage", and nothing was made then;
 * what this machine lacks, "resource".
 */
export function startDevice(options: DeviceOptions = {}): Promise<RunningDevice> {
  return startLaunched(options);
}

/** @param child a process that was launched ahead, to save its starting time; ended where it is not used */
export async function startLaunched(options: DeviceOptions, child?: ChildProcess): Promise<RunningDevice> {
  let device: ProcessDevice | undefined;
  const launch = (child?: ChildProcess): SupervisorProcess =>
    new SupervisorProcess({
      ...(child === undefined ? {} : { child }),
      holdsProgram: false,
      onNotification: ({ event, data }) => {
        if (event === "soak-progress") options.onSoakProgress?.(data);
        else void device?.work();
      },
    });
  try {
    requireHere();
    const config = configOf(options);
    const process = launch(child);
    try {
      await process.start(config);
    } catch (error) {
      await process.stop();
      throw error;
    }
    device = new ProcessDevice(process, config, launch, PROCESS_FAULT_KINDS);
    return device;
  } catch (error) {
    child?.kill("SIGKILL");
    throw error instanceof DeviceError ? error : DeviceError.of(answerOf(error));
  }
}

function requireHere(): void {
  const fault = platformFault(thisPlatform());
  if (fault !== undefined) throw new DeviceError("UnsupportedPlatform", fault, "resource");
  requireLimits(MACHINES_OF_A_CONTROLLER);
}
