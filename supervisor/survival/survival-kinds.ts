/** Names of what the survival soak does (survival.ts); apart, because command lines list them before they load it. */
import type { FaultClass } from "../faults/faults.ts";

/** Done by the supervisor process to itself: process-faults.ts. */
export const PROCESS_FAULT_KINDS = [
  "supervisor-kill",
  "supervisor-stop",
  "supervisor-abort",
  "supervisor-loop",
  "supervisor-throw",
  "power-cut",
  "power-cut-in-commit",
] as const;
export type ProcessFaultKind = (typeof PROCESS_FAULT_KINDS)[number];

/** SIGKILL from outside while a version fails: at any moment of the failover, or of its recording. */
export const KILL_AT_FAILOVER = "supervisor-kill-at-failover";
/** Power goes at any moment of a load: while the table is committed, the region erased, programmed or verified. */
export const CUT_IN_LOAD = "power-cut-in-load";

/** Done by the memory emulator worker to itself, or to it. */
export const MEMORY_FAULT_KINDS = ["memory-throw", "memory-exit", "memory-terminate"] as const;

/** Bits that flip in memory: rot.ts. */
export const ROT_KINDS = [
  "rot-executing",
  "rot-standby",
  "rot-replica",
  "rot-both-replicas",
  "rot-floor",
  "rot-nvram",
] as const;
export type RotKind = (typeof ROT_KINDS)[number];

/** Both replicas rot and the process is killed before the scrub comes: for recovery to find. */
export const ROT_AT_START = "rot-both-replicas-at-start";

/** Both regions fail over and over, with the budget that a device has by default. */
export const CRASH_LOOP = "crash-loop";

export const SURVIVAL_KINDS: readonly string[] = [
  ...PROCESS_FAULT_KINDS,
  KILL_AT_FAILOVER,
  CUT_IN_LOAD,
  ...MEMORY_FAULT_KINDS,
  ...ROT_KINDS,
  ROT_AT_START,
  CRASH_LOOP,
];

export function survivalClass(kind: string): FaultClass {
  if (kind === CRASH_LOOP) return "budget";
  // Nothing covers the firmware's NVRAM but the firmware: nobody can be asked to find what rots there.
  if (kind === "rot-nvram") return "uncovered";
  return kind === ROT_AT_START || ROT_KINDS.some((rot) => rot === kind) ? "rot" : "process";
}
