/**
 * The public interface: start a controller in a supervisor process of its own, hurt it, and await its recovery.
 *
 * ```ts
 * const device = await startDevice({ images: [imageA, imageB] });
 * const failover = device.nextFailover();
 * await device.inject("illegal-instruction");
 * console.log((await failover).toRegion);
 * await device.stop();
 * ```
 */
import type { ChildProcess } from "node:child_process";
import type { EngineKind } from "../controller/cpu/engine-kind.ts";
import type { Capability } from "../controller/devices/capabilities.ts";
import type { LogConfig } from "../emulator/base/log.ts";
import { platformFault, thisPlatform } from "../emulator/base/platform.ts";
import { checkMemoryConfig, DEFAULT_MEMORY_CONFIG, type MemoryConfig } from "../emulator/memory/layout.ts";
import type { RecoveryPolicy } from "../emulator/table/recovery.ts";
import { DEFAULT_LIMITS, DEFAULT_RECOVERY, type Limits } from "./core/config.ts";
import type { Failover } from "./device/failover.ts";
import type { Status } from "./device/status.ts";
import type { HostCommand, HostCompletion } from "./host/host.ts";
import { DeviceError, SupervisorProcess } from "./process/client.ts";
import type { Injection } from "./process/protocol.ts";
import type { DrillReport } from "./soak/drill.ts";
import type { SoakOptions, SoakProgress, SoakReport } from "./soak/soak.ts";

export { DEFAULT_MEMORY_CONFIG, type MemoryConfig, MemoryConfigError } from "../emulator/memory/layout.ts";
export { DEFAULT_LIMITS, DEFAULT_RECOVERY, type DeviceConfig, type Limits } from "./core/config.ts";
export type { Failover } from "./device/failover.ts";
export type { FailureReport } from "./device/failure.ts";
export type { RegionStatus, Status } from "./device/status.ts";
export {
  FAULTS,
  type Fault,
  type FaultClass,
  PROCESS_FAULT_KINDS,
  SURVIVAL_KINDS,
} from "./faults/catalogue.ts";
export type { HostCommand, HostCompletion } from "./host/host.ts";
export { DeviceError } from "./process/client.ts";
export {
  DEFAULT_GUARDIAN_LIMITS,
  Guardian,
  type GuardianLimits,
  type GuardianListener,
  type Restart,
} from "./process/guardian.ts";
export type { Injection } from "./process/protocol.ts";
export type { DrillReport } from "./soak/drill.ts";
export type { NotJudged, SoakFinding } from "./soak/judgements.ts";
export type { SoakOptions, SoakProgress, SoakReport } from "./soak/soak.ts";
export type { FaultReport } from "./soak/tally.ts";
export { type SurvivalOptions, type SurvivalReport, SurvivalSoak } from "./survival/survival.ts";

export interface DeviceOptions {
  /** MCUboot images, one per region from region 0 on. */
  readonly images: readonly Uint8Array[];
  /** Keys that images must be signed with; see {@link DeviceConfig.keys}. Default: none, signatures are not looked at. */
  readonly keys?: readonly string[];
  /** No image without a security counter runs; see {@link DeviceConfig.requireSecurityCounter}. Default: false. */
  readonly requireSecurityCounter?: boolean;
  /** What firmware can do that does not say so itself; see {@link DeviceConfig.capabilities}. */
  readonly capabilities?: readonly Capability[];
  /** Sizes; the rest as by default: 2 regions of 256 KiB, 16 MiB of RAM. */
  readonly memory?: Partial<MemoryConfig>;
  readonly limits?: Partial<Limits>;
  readonly recovery?: RecoveryPolicy;
  /** `auto` (default) interprets first and translates what is hot to WebAssembly; all engines give the same run. */
  readonly engine?: EngineKind;
  /** File that keeps the memory; see {@link DeviceConfig.flashFile}. Default: nothing is kept. */
  readonly flashFile?: string;
  /** Default: warnings and errors to stderr. */
  readonly log?: LogConfig;
  readonly onSoakProgress?: (progress: SoakProgress) => void;
}

/** A running controller. Methods reject with {@link DeviceError}; after the process has ended, always. */
export class RunningDevice {
  readonly #process: SupervisorProcess;

  constructor(process: SupervisorProcess) {
    this.#process = process;
  }

  get pid(): number | undefined {
    return this.#process.pid;
  }

  status(): Promise<Status> {
    return this.#process.call("status", null);
  }

  /**
   * Does a fault of {@link FAULTS} to the controller; resolves once it is under way.
   * @param seed of what chance has a say in, from 0 to 2^32 − 1 (default: drawn, and told by the result)
   */
  inject(kind: string, seed?: number): Promise<Injection> {
    return this.#process.call("inject", seed === undefined ? { kind } : { kind, seed });
  }

  /**
   * The next failover that ends after this call: the other version is ready, or has failed in its turn before it was
   * (then `readyNs` is 0).
   */
  nextFailover(): Promise<Failover> {
    return this.#process.call("nextFailover", null);
  }

  /** Resolves once the version that executes is ready and a standby is parked: the next failover will be fast. */
  async standby(): Promise<void> {
    await this.#process.call("standby", null);
  }

  /** Submits a host command to the firmware; `data` goes into host memory as its source. */
  command(command: HostCommand, data?: Uint8Array): Promise<HostCompletion> {
    return this.#process.call("command", data === undefined ? { command } : { command, data });
  }

  /** @param signal ends it early, after the round that is under way; the report is of what was done */
  async soak(options: SoakOptions, signal?: AbortSignal): Promise<SoakReport> {
    const report = this.#process.call("soak", options);
    const end = (): void => void this.#process.call("endSoak", null).catch(() => undefined);
    if (signal?.aborted === true) end();
    signal?.addEventListener("abort", end);
    return report.finally(() => signal?.removeEventListener("abort", end));
  }

  /**
   * One kind of fault, `failovers` times, as fast as the controller comes back.
   * @param calmMs for how long nothing happens before each
   */
  drill(kind: string, failovers: number, calmMs = 0): Promise<DrillReport> {
    return this.#process.call("drill", { kind, failovers, calmMs });
  }

  /** Powers off and ends the process. */
  stop(): Promise<void> {
    return this.#process.stop();
  }
}

/**
 * Starts a controller.
 * @param child a process that was launched ahead, to save its starting time
 * Rejects with {@link DeviceError} or {@link MemoryConfigError}.
 */
export async function startDevice(options: DeviceOptions, child?: ChildProcess): Promise<RunningDevice> {
  const fault = platformFault(thisPlatform());
  if (fault !== undefined) throw new DeviceError("UnsupportedPlatform", fault, "resource");
  const memory: MemoryConfig = { ...DEFAULT_MEMORY_CONFIG, ...options.memory };
  checkMemoryConfig(memory);
  const process = new SupervisorProcess({
    ...(child === undefined ? {} : { child }),
    onNotification: ({ event, data }) => {
      if (event === "soak-progress") options.onSoakProgress?.(data);
    },
  });
  try {
    await process.start({
      memory,
      images: options.images,
      keys: options.keys ?? [],
      requireSecurityCounter: options.requireSecurityCounter ?? false,
      limits: { ...DEFAULT_LIMITS, ...options.limits },
      recovery: options.recovery ?? DEFAULT_RECOVERY,
      engine: options.engine ?? "auto",
      log: options.log ?? { level: "warn", fd: 2 },
      ...(options.capabilities === undefined ? {} : { capabilities: options.capabilities }),
      ...(options.flashFile === undefined ? {} : { flashFile: options.flashFile }),
    });
  } catch (error) {
    await process.stop();
    throw error;
  }
  return new RunningDevice(process);
}
