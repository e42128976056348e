/** The device under sweep, as a device file describes it; the scenarios choose the rest. Plain values: threads are told of it. */
import { DEFAULT_HART, type HartConfig } from "../../../controller/cpu/hart-config.ts";
import type { Capability } from "../../../controller/devices/capabilities.ts";
import { DEFAULT_MEMORY_CONFIG, type MemoryConfig } from "../../../emulator/memory/layout.ts";
import type { RecoveryPolicy } from "../../../emulator/table/recovery.ts";
import { DEFAULT_LIMITS, DEFAULT_RECOVERY, type Limits } from "../../core/config.ts";

export interface SweptDevice {
  /** Sizes and times; each scenario has regions of its own. */
  readonly memory: Omit<MemoryConfig, "regions">;
  /** Deadlines and budget; some scenarios have a window of their own. */
  readonly limits: Limits;
  readonly trialTries: number;
  readonly hart: HartConfig;
  /** What firmware can do that does not say so itself; everything where this is absent. */
  readonly capabilities?: readonly Capability[];
}

/** What a scenario may choose of it, for itself. */
export interface Terms {
  readonly limits: Limits;
  readonly recovery: RecoveryPolicy;
}

export const DEFAULT_SWEPT_DEVICE: SweptDevice = {
  memory: DEFAULT_MEMORY_CONFIG,
  limits: DEFAULT_LIMITS,
  trialTries: DEFAULT_RECOVERY.trialTries,
  hart: DEFAULT_HART,
};

/** A described device, as it is swept. */
export function sweptDevice({
  memory,
  limits,
  recovery,
  hart = DEFAULT_HART,
  capabilities,
}: {
  readonly memory: MemoryConfig;
  readonly limits: Limits;
  readonly recovery: RecoveryPolicy;
  readonly hart?: HartConfig | undefined;
  readonly capabilities?: readonly Capability[] | undefined;
}): SweptDevice {
  const { trialTries } = recovery;
  return { memory, limits, trialTries, hart, ...(capabilities === undefined ? {} : { capabilities }) };
}
