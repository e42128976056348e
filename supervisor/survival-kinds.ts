/** Names of what the survival soak does (survival.ts); apart, because command lines list them before they load it. */

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

/** Done by the memory emulator worker to itself, or to it. */
export const MEMORY_FAULT_KINDS = ["memory-throw", "memory-exit", "memory-terminate"] as const;

export const SURVIVAL_KINDS: readonly string[] = [
  ...PROCESS_FAULT_KINDS,
  KILL_AT_FAILOVER,
  ...MEMORY_FAULT_KINDS,
];
