/**
 * What `startDevice` is given, checked, and made the configuration of a supervisor process. What the command line
 * refuses is refused here, in the same words: TypeScript has no say in what a program in JavaScript passes.
 */

import type { EngineKind } from "../../controller/cpu/engine-kind.ts";
import type { Capability } from "../../controller/devices/capabilities.ts";
import { imageRequirements, verifyImage } from "../../controller/image/verify.ts";
import type { LogConfig } from "../../emulator/base/log.ts";
import { checkMemoryConfig, DEFAULT_MEMORY_CONFIG, type MemoryConfig } from "../../emulator/memory/layout.ts";
import type { RecoveryPolicy } from "../../emulator/table/recovery.ts";
import {
  DEFAULT_LIMITS,
  DEFAULT_RECOVERY,
  type DeviceConfig,
  type DumpMemory,
  type Limits,
} from "../core/config.ts";
import type { Budget } from "../core/policy.ts";
import { checkConfig, RequestError, requireKnown } from "../process/requests.ts";
import { referenceImages } from "../reference-images.ts";
import type { SoakProgress } from "../soak/soak.ts";

export interface DeviceOptions {
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
  /** Sizes; the rest as {@link DEFAULT_MEMORY_CONFIG} has them. */
  readonly memory?: Partial<MemoryConfig>;
  /** Deadlines and the budget of failures; the rest as {@link DEFAULT_LIMITS} has them. */
  readonly limits?: Partial<Omit<Limits, "budget">> & { readonly budget?: Partial<Budget> };
  readonly recovery?: Partial<RecoveryPolicy>;
  /** `auto` (default) interprets first and translates what is hot to WebAssembly; all engines give the same run. */
  readonly engine?: EngineKind;
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
  images: true,
  keys: true,
  requireSecurityCounter: true,
  capabilities: true,
  memory: true,
  limits: true,
  recovery: true,
  engine: true,
  flashFile: true,
  dumpDirectory: true,
  keepDumps: true,
  dumpMemory: true,
  log: true,
  onSoakProgress: true,
};

/** Throws RequestError, MemoryConfigError or ImageKeyError; each says in one sentence what is wrong. */
export function configOf(options: DeviceOptions): DeviceConfig {
  requireKnown("the options", options, OPTIONS);
  const { limits, memory, recovery, onSoakProgress, flashFile, dumpDirectory, capabilities } = options;
  if (onSoakProgress !== undefined && typeof onSoakProgress !== "function") {
    throw new RequestError("onSoakProgress is no function");
  }
  const config: DeviceConfig = {
    memory: { ...DEFAULT_MEMORY_CONFIG, ...memory },
    images: options.images ?? referenceImages(),
    keys: options.keys ?? [],
    requireSecurityCounter: options.requireSecurityCounter ?? false,
    limits: { ...DEFAULT_LIMITS, ...limits, budget: { ...DEFAULT_LIMITS.budget, ...limits?.budget } },
    recovery: { ...DEFAULT_RECOVERY, ...recovery },
    engine: options.engine ?? "auto",
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

/** An image that no start would run would be put into its region for nothing. */
function requireRunnable(config: DeviceConfig): void {
  const requirements = imageRequirements(config);
  for (const [region, image] of config.images.entries()) {
    const verified = verifyImage(image, requirements, config.memory.regionBytes);
    if (!verified.ok) throw new RequestError(`images[${region}] cannot be run: ${verified.fault.message}`);
  }
}
