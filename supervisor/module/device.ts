/** What a device of somebody's own is written against: `import type { DeviceModule } from "flipside/device"`. docs/loader.md. */
export type {
  DeviceFlash,
  DeviceModule,
  DeviceParts,
  FlashRefusal,
  ModuleDevice,
} from "../../controller/devices/device-module.ts";
