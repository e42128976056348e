/**
 * Evidence: what showed that a version failed. The codes stand in the management table and in slot blocks, so
 * they are never renumbered; the names are what people read.
 */
export const enum Evidence {
  NONE = 0,
  /** The firmware's own handler gave up: fault request, docs/hardware.md. */
  PANIC = 1,
  /** A trap while no handler is installed (mtvec is 0). */
  TRAP = 2,
  /** A trap inside the trap handler (Smdbltrp critical error). */
  DOUBLE_TRAP = 3,
  /** The firmware ended through the test finisher. */
  FINISHER = 4,
  WATCHDOG = 5,
  EARLY_KICK = 6,
  /** A host command without completion within its deadline: the watchdog is fed, the work is not done. */
  OVERDUE_COMMAND = 7,
  /** The firmware posted what no controller may post. */
  HOST_PROTOCOL = 8,
  /** Not ready within the boot deadline. */
  NEVER_READY = 9,
  /** The controller worker threw, or left a rejection unhandled. */
  THREAD_ERROR = 10,
  /** The controller worker ran out of heap. */
  THREAD_HEAP = 11,
  /** The controller worker exited. */
  THREAD_EXIT = 12,
  /** The controller worker's thread made no progress. */
  HEARTBEAT = 13,
  /** The image in the region is not what was verified. */
  BAD_DIGEST = 14,
  /** An operator said so. */
  OPERATOR = 15,
}

export const EVIDENCE_NAMES = [
  "none",
  "panic",
  "trap",
  "double-trap",
  "finisher",
  "watchdog",
  "early-kick",
  "overdue-command",
  "host-protocol",
  "never-ready",
  "thread-error",
  "thread-heap",
  "thread-exit",
  "heartbeat",
  "bad-digest",
  "operator",
] as const;
export type EvidenceName = (typeof EVIDENCE_NAMES)[number];

export function evidenceName(code: number): EvidenceName {
  return EVIDENCE_NAMES[code] ?? "none";
}
