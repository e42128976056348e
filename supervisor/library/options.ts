/**
 * What `startDevice` is given, checked, and made the configuration of a supervisor process. What the command line
 * refuses is refused here, in the same words: TypeScript has no say in what a program in JavaScript passes.
 */

import type { EngineKind } from "../../controller/cpu/engine-kind.ts";
import type { HartConfig } from "../../controller/cpu/hart-config.ts";
import type { Capability } from "../../controller/devices/capabilities.ts";
import { imageRequirements, verifyImage } from "../../controller/image/verify.ts";
import type { LogConfig } from "../../emulator/base/log.ts";
import { checkMemoryConfig, type MemoryConfig } from "../../emulator/memory/layout.ts";
import type { RecoveryPolicy } from "../../emulator/table/recovery.ts";
import type { DeviceConfig, DumpMemory, Limits } from "../core/config.ts";
import type { Budget } from "../core/policy.ts";
import { DEFAULT_DEVICE, type DescribedDevice } from "../device-file/device-file.ts";
import { loadDeviceFile, readImages, readKeys, requireController } from "../device-file/load.ts";
import { checkConfig, RequestError, requireKnown, shown } from "../process/requests.ts";
import { referenceImages } from "../reference-images.ts";
import type { SoakProgress } from "../soak/soak.ts";

export interface DeviceOptions {
  /**
   * Path of a device file (docs/device-file.md). What it says is as it says, but for what the options here say.
   */
  readonly device?: string;
  /**
   * MCUboot images, one per region from region 0 on; fewer than there are regions leave the rest blank. Each must be one
   * that runs under `keys` and `requireSecurityCounter`. Default: the reference firmware 1.1.0 and 1.0.0.
   */
  readonly images?: readonly Uint8Array[];
  /**
   * PEM texts of public keys (Ed25519, ECDSA P-256 or P-384, RSA-2048 or RSA-3072): only an image signed with one of them
   * runs. Default: none, signatures are not looked at.
   */
  readonly keys?: readonly string[];
  /** No image without a security counter runs. Default: false, such an image counts as one with counter 0. */
  readonly requireSecurityCounter?: boolean;
  /** What the firmware can do, where it does not say so itself (its register CAPABILITIES). */
  readonly capabilities?: readonly Capability[];
  /** Sizes; the rest as the device file has them, or by default. */
  readonly memory?: Partial<MemoryConfig>;
  /** Deadlines and the budget of failures; the rest likewise. */
  readonly limits?: Partial<Omit<Limits, "budget">> & { readonly budget?: Partial<Budget> };
  readonly recovery?: Partial<RecoveryPolicy>;
  /** `auto` (default) interprets first and translates what is hot to WebAssembly; all engines give the same run. */
  readonly engine?: EngineKind;
  /** The controller's hart, such as `{ isa: "rv32imac_zba_zbb" }`; by default as the device file says, or rv32imac. */
  readonly hart?: Partial<HartConfig>;
  /**
   * File that keeps the memory over the end of the process; made when it is not there. One that holds a table already
   * decides what the memory holds, and `images` do not count. Default: nothing is kept, and power cannot be cut.
   */
  readonly flashFile?: string;
  /** Existing directory that takes the last crash dumps. Default: they are kept in memory. */
  readonly dumpDirectory?: string;
  /** Whether the last crash dumps are kept where there is no directory for them. Default: true. */
  readonly keepDumps?: boolean;
  /** What of memory goes into a dump: the stack (default), or nothing. Registers and UART output always do. */
  readonly dumpMemory?: DumpMemory;
  /** Default: warnings and errors to stderr. */
  readonly log?: LogConfig;
  readonly onSoakProgress?: (progress: SoakProgress) => void;
}

const OPTIONS: Readonly<Record<keyof DeviceOptions, true>> = {
  device: true,
  images: true,
  keys: true,
  requireSecurityCounter: true,
  capabilities: true,
  memory: true,
  limits: true,
  recovery: true,
  engine: true,
  hart: true,
  flashFile: true,
  dumpDirectory: true,
  keepDumps: true,
  dumpMemory: true,
  log: true,
  onSoakProgress: true,
};

/** Throws DeviceFileError, RequestError, MemoryConfigError or ImageKeyError; each says in one sentence what is wrong. */
export function configOf(options: DeviceOptions): DeviceConfig {
  requireKnown("the options", options, OPTIONS);
  const { limits, memory, recovery, onSoakProgress, flashFile, dumpDirectory } = options;
  if (onSoakProgress !== undefined && typeof onSoakProgress !== "function") {
    throw new RequestError("onSoakProgress is no function");
  }
  const described = describedBy(options.device);
  const { capabilities = described.capabilities } = options;
  const config: DeviceConfig = {
    memory: { ...described.memory, ...memory },
    images: options.images ?? described.images ?? referenceImages(),
    keys: options.keys ?? described.keys,
    requireSecurityCounter: options.requireSecurityCounter ?? described.requireSecurityCounter,
    limits: { ...described.limits, ...limits, budget: { ...described.limits.budget, ...limits?.budget } },
    recovery: { ...described.recovery, ...recovery },
    engine: options.engine ?? described.engine,
    hart: { ...described.hart, ...options.hart },
    log: options.log ?? { level: "warn", fd: 2 },
    keepDumps: options.keepDumps ?? true,
    dumpMemory: options.dumpMemory ?? "stack",
    ...(capabilities === undefined ? {} : { capabilities }),
    ...(flashFile === undefined ? {} : { flashFile }),
    ...(dumpDirectory === undefined ? {} : { dumpDirectory }),
  };
  checkMemoryConfig(config.memory);
  checkConfig(config);
  requireRunnable(config);
  return config;
}

type Described = Omit<DescribedDevice, "images" | "keys"> & {
  readonly images: readonly Uint8Array[] | undefined;
  readonly keys: readonly string[];
};

/** The default device where there is no file. */
function describedBy(file: unknown): Described {
  if (file === undefined) return { ...DEFAULT_DEVICE, images: undefined };
  if (typeof file !== "string")
    throw new RequestError(`device is ${shown(file)}: it must be the path of a file`);
  const device = loadDeviceFile(file);
  requireController(device);
  return {
    ...device,
    images: device.images === undefined ? undefined : readImages(device),
    keys: readKeys(device),
  };
}

/** An image that no start would run would be put into its region for nothing. */
function requireRunnable(config: DeviceConfig): void {
  const requirements = imageRequirements(config);
  for (const [region, image] of config.images.entries()) {
    const verified = verifyImage(image, requirements, config.memory.regionBytes);
    if (!verified.ok) throw new RequestError(`images[${region}] cannot be run: ${verified.fault.message}`);
  }
}
