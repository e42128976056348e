/** How a device is set up: sizes, images, deadlines, budget, and where it is kept. */

import type { EngineKind } from "../../controller/cpu/engine-kind.ts";
import type { HartConfig } from "../../controller/cpu/hart-config.ts";
import type { Capability } from "../../controller/devices/capabilities.ts";
import type { LogConfig } from "../../emulator/base/log.ts";
import type { MemoryConfig } from "../../emulator/memory/layout.ts";
import type { RecoveryPolicy } from "../../emulator/table/recovery.ts";
import { DEFAULT_TRIAL_TRIES } from "../../emulator/table/table.ts";
import type { Budget } from "./policy.ts";

export interface DeviceConfig {
  readonly memory: MemoryConfig;
  /** Firmware images, one per region from region 0 on; fewer than there are regions leave the rest blank. */
  readonly images: readonly Uint8Array[];
  /**
   * PEM texts of public keys (Ed25519, ECDSA P-256 or P-384, RSA-2048 or RSA-3072): only an image signed with one of them
   * is usable. They are kept nowhere, each start is told them. Absent or empty: signatures are not looked at.
   */
  readonly keys?: readonly string[];
  /**
   * Rollback protection is meant: only an image with a security counter is usable. Likewise told at each start. Without it
   * an image that has none counts as one with counter 0.
   */
  readonly requireSecurityCounter?: boolean;
  /** What firmware can do that does not say so itself (CAPABILITIES). Absent: everything of the reference firmware's. */
  readonly capabilities?: readonly Capability[];
  readonly limits: Limits;
  readonly recovery: RecoveryPolicy;
  readonly engine: EngineKind;
  /** The controller's hart. Absent: as by default. */
  readonly hart?: HartConfig;
  readonly log: LogConfig;
  /**
   * Keeps the memory over the end of the process; made when it is not there. One that holds a table already decides
   * what the memory holds, and `images` are not looked at. Absent: nothing is kept.
   */
  readonly flashFile?: string;
  /** The device is no new one: a start without its flash file, or on one without a table, is refused. */
  readonly flashFileMustExist?: boolean;
  /** Existing directory that takes a dump of every failure, the last few. Absent: none are written. */
  readonly dumpDirectory?: string;
  /** Where there is no such directory: the last few dumps are kept in memory, until the process ends. Default: false. */
  readonly keepDumps?: boolean;
  /** What of memory goes into a dump: the stack (default), or nothing. Registers and UART output always do. */
  readonly dumpMemory?: DumpMemory;
}

export const DUMP_MEMORY = ["stack", "none"] as const;
export type DumpMemory = (typeof DUMP_MEMORY)[number];

/** Deadlines and budgets. */
export interface Limits {
  /** A thread without progress for this long is stuck. */
  readonly heartbeatMs: number;
  /** A version that is not ready this long after its start never will be. */
  readonly readyMs: number;
  /** A host command without completion for this long is overdue. */
  readonly commandMs: number;
  /** Rot in table, floor and regions is found within this, and the time that reading them takes. */
  readonly scrubMs: number;
  readonly budget: Budget;
}

export const DEFAULT_LIMITS: Limits = {
  heartbeatMs: 50,
  readyMs: 250,
  commandMs: 500,
  scrubMs: 500,
  budget: { failures: 5, windowMs: 60_000 },
};

export const DEFAULT_RECOVERY: RecoveryPolicy = { onDoubleLoss: "rebuild", trialTries: DEFAULT_TRIAL_TRIES };
