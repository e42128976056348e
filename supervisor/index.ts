/**
 * The public interface: start a controller in a supervisor process of its own, hurt it, and await its recovery.
 *
 * ```ts
 * await using device = await startDevice({ images: [imageA, imageB] });
 * const failover = device.nextFailover();
 * await device.inject("illegal-instruction");
 * console.log((await failover).toRegion);
 * ```
 *
 * What stands here, and what it speaks of, is what the version number covers; nothing else of the package is.
 */

export type { EngineKind } from "../controller/cpu/engine-kind.ts";
export type { HartConfig } from "../controller/cpu/hart-config.ts";
export type { Capability } from "../controller/devices/capabilities.ts";
export type { ErrorKind } from "../emulator/base/errors.ts";
export type { LogConfig, LogLevel } from "../emulator/base/log.ts";
export type { EvidenceName } from "../emulator/memory/evidence.ts";
export { DEFAULT_MEMORY_CONFIG, type MemoryConfig } from "../emulator/memory/layout.ts";
export type { RecoveryPolicy } from "../emulator/table/recovery.ts";
export type { RegionRecord, Table } from "../emulator/table/table.ts";
export { DEFAULT_LIMITS, DEFAULT_RECOVERY, type Limits } from "./core/config.ts";
export type { Budget } from "./core/policy.ts";
export type { CrashDump } from "./device/dump.ts";
export type { Failover } from "./device/failover.ts";
export type { FailureReport } from "./device/failure.ts";
export type { RegionStatus, Status } from "./device/status.ts";
export {
  FAULTS,
  type Fault,
  type FaultClass,
  INJECTABLE_KINDS,
  PROCESS_FAULT_KINDS,
  SURVIVAL_KINDS,
} from "./faults/catalogue.ts";
export type { HostCommand, HostCompletion } from "./host/host.ts";
export type { DeviceOptions } from "./library/options.ts";
export type {
  CommandOptions,
  EndSignal,
  MemoryRange,
  RunningDevice,
  UartOptions,
  UartText,
} from "./library/running-device.ts";
export { startDevice } from "./library/start.ts";
export { type SweepSettings, sweep } from "./library/sweep.ts";
export { DeviceError } from "./process/client.ts";
export type { CommandAnswer, Injection, UartAnswer } from "./process/protocol.ts";
export { referenceImages } from "./reference-images.ts";
export type { DrillReport } from "./soak/drill.ts";
export type { NotJudged, SoakFinding } from "./soak/judgements.ts";
export type { SoakOptions, SoakProgress, SoakReport } from "./soak/soak.ts";
export type { FaultReport } from "./soak/tally.ts";
export type { Finding } from "./sweep/explore/explorer.ts";
export type { ScenarioReport, SweepReport } from "./sweep/run/report.ts";
export type { SweepProgress } from "./sweep/run/run.ts";
export type { Workload, WorkloadHost } from "./workload/workload.ts";
