/** Loads the modules that are devices of a board, in the thread that calls them. docs/loader.md, "Your own flash controller". */
import { moduleCallsOf } from "../../controller/devices/module-device.ts";
import type { ModuleProfile } from "../../controller/profile.ts";
import type { BroughtModules } from "../../controller/profile-board.ts";
import type { Calls } from "./calls.ts";
import { loadExport } from "./load.ts";

function loadingOf({ name }: ModuleProfile): string {
  return `the loading of the device ${name}`;
}

/** What of the devices is called, for {@link Calls}: in the same order for the same devices. */
export function deviceCallsOf(devices: readonly ModuleProfile[]): readonly string[] {
  return devices.flatMap((device) => [loadingOf(device), ...moduleCallsOf(device.name)]);
}

/** @param devices whose modules are URLs. Rejects with ModuleError. */
export async function loadDeviceModules(
  devices: readonly ModuleProfile[],
  calls: Calls,
): Promise<BroughtModules> {
  const exported: unknown[] = [];
  for (const device of devices) {
    const load = () => loadExport(device.module, `the device ${device.name}`, "device", calls.ownDirectory);
    exported.push(await calls.awaited(loadingOf(device), load));
  }
  return { exported, guard: (name, call) => calls.watched(name, call) };
}
