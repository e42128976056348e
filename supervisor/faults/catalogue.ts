/**
 * The catalogue of faults: all that can be done to a controller, who does it, how it shows, and by what evidence a
 * failure must be found out. Every list of kinds is derived from it, in its order: what has a row is soaked, and what has
 * evidence is swept, but for a standby's (scenarios/failover.ts; `SPINNING` there has the kinds that take long).
 *
 * Names and numbers only: command lines load it to tell what there is.
 */
import type { Capability } from "../../controller/devices/capabilities.ts";
import type { WorkerFaultName } from "../../controller/worker-faults.ts";
import type { MemoryFault } from "../../emulator/api.ts";
import type { EvidenceName } from "../../emulator/memory/evidence.ts";

/** How the fault shows, and so how soon it can be found. */
export type FaultClass =
  /** The hart stops by itself at once. */
  | "trap"
  /** The firmware runs and does no work: watchdog, command deadline or boot deadline. */
  | "hang"
  /** The controller worker's thread is gone. */
  | "thread-death"
  /** The thread is there and makes no progress. */
  | "thread-stuck"
  /** The standby dies; alone that is no failover. */
  | "standby"
  /** The supervisor process, the memory emulator worker or the power: survival.ts, as all below. */
  | "process"
  /** Bits flip that a digest, a CRC or a complement covers. */
  | "rot"
  /** Bits flip that nothing covers: nobody has to find them. */
  | "uncovered"
  /** Failures beyond the budget: safe mode. */
  | "budget";

/** A fault of a controller: the supervisor finds it and fails over, or parks another standby. */
export interface Fault {
  readonly kind: string;
  readonly class: FaultClass;
  /**
   * Who does it: the firmware that executes, its worker's thread, or the supervisor to a thread; "forced" of what
   * firmware would do and is done to its hart instead (controller/forced-faults.ts).
   */
  readonly origin: "firmware" | "worker" | "outside" | "forced";
  /** Any of these may find it first. Empty: no failover follows. */
  readonly evidence: readonly EvidenceName[];
  /** Of what firmware does: by what it may be found where it is forced; without it cannot be. */
  readonly forcedEvidence?: readonly EvidenceName[];
  /** Number of the inject-fault command, docs/hardware.md. */
  readonly firmwareNumber?: number;
  readonly workerFault?: WorkerFaultName;
}

/** A fault of what a controller stands on. Without a guardian and a flash file those of the process are not survived. */
interface Outage {
  readonly kind: string;
  readonly class: FaultClass;
  /**
   * Who does it: the supervisor process to itself (process-faults.ts), the memory emulator worker to itself, bits of
   * memory that flip (rot.ts), or the survival soak, which does several things in turn (survival.ts).
   */
  readonly origin: "process" | "memory" | "rot" | "soak";
  readonly memoryFault?: MemoryFault;
}

const PANICS = ["panic"] as const;
/** The watchdog counts what the hart gets to run: on a busy machine the host may lose patience with its command first. */
const HANGS = ["watchdog", "overdue-command"] as const;
/**
 * What firmware that is not ours does at an exception is its own: it panics, finishes, waits for its watchdog, or has no
 * handler at all.
 */
const ENDS_BY_TRAP = ["panic", "trap", "double-trap", "finisher", "watchdog", "overdue-command"] as const;
/** Without a handler the first trap counts. */
const DOUBLE_TRAPS = ["double-trap", "trap"] as const;
// A thread that takes longer to die than the heartbeat's deadline, on a busy machine, is stuck, too.
const DIES_OF_ERROR = ["thread-error", "heartbeat"] as const;
const DIES_OF_HEAP = ["thread-heap", "heartbeat"] as const;
const EXITS = ["thread-exit", "heartbeat"] as const;
const STUCK = ["heartbeat"] as const;

/** One that the firmware's own handler ends it by. */
const exception = <const K extends string, const N extends number>(kind: K, firmwareNumber: N) =>
  ({
    kind,
    class: "trap",
    origin: "firmware",
    firmwareNumber,
    evidence: PANICS,
    forcedEvidence: ENDS_BY_TRAP,
  }) as const;

const CATALOGUE = [
  exception("illegal-instruction", 1),
  exception("load-nowhere", 2),
  exception("store-nowhere", 3),
  exception("store-own-region", 4),
  exception("jump-zero", 5),
  exception("misaligned-jump", 6),
  exception("stack-overflow", 7),
  exception("ebreak", 8),
  exception("ecall", 9),
  {
    kind: "finisher",
    class: "trap",
    origin: "firmware",
    firmwareNumber: 10,
    evidence: ["finisher"],
    forcedEvidence: ["finisher"],
  },
  {
    kind: "double-trap",
    class: "trap",
    origin: "firmware",
    firmwareNumber: 11,
    evidence: ["double-trap"],
    forcedEvidence: DOUBLE_TRAPS,
  },
  {
    kind: "tight-loop",
    class: "hang",
    origin: "firmware",
    firmwareNumber: 12,
    evidence: HANGS,
    forcedEvidence: HANGS,
  },
  {
    kind: "wfi-forever",
    class: "hang",
    origin: "firmware",
    firmwareNumber: 13,
    evidence: HANGS,
    forcedEvidence: HANGS,
  },
  {
    kind: "kicks-without-progress",
    class: "hang",
    origin: "firmware",
    firmwareNumber: 14,
    evidence: ["overdue-command"],
  },
  { kind: "interrupt-storm", class: "hang", origin: "firmware", firmwareNumber: 15, evidence: HANGS },
  {
    kind: "early-kick",
    class: "trap",
    origin: "firmware",
    firmwareNumber: 16,
    evidence: ["early-kick"],
    forcedEvidence: ["early-kick"],
  },
  { kind: "never-ready", class: "hang", origin: "firmware", firmwareNumber: 17, evidence: ["never-ready"] },

  {
    kind: "worker-throw",
    class: "thread-death",
    origin: "worker",
    workerFault: "throw",
    evidence: DIES_OF_ERROR,
  },
  {
    kind: "worker-unhandled-rejection",
    class: "thread-death",
    origin: "worker",
    workerFault: "unhandled-rejection",
    evidence: DIES_OF_ERROR,
  },
  {
    kind: "worker-process-exit",
    class: "thread-death",
    origin: "worker",
    workerFault: "process-exit",
    evidence: EXITS,
  },
  {
    kind: "worker-heap-exhaustion",
    class: "thread-death",
    origin: "worker",
    workerFault: "heap-exhaustion",
    evidence: DIES_OF_HEAP,
  },
  {
    kind: "worker-js-loop",
    class: "thread-stuck",
    origin: "worker",
    workerFault: "js-loop",
    evidence: STUCK,
  },
  {
    kind: "worker-wasm-loop",
    class: "thread-stuck",
    origin: "worker",
    workerFault: "wasm-loop",
    evidence: STUCK,
  },
  {
    kind: "worker-atomics-wait",
    class: "thread-stuck",
    origin: "worker",
    workerFault: "atomics-wait",
    evidence: STUCK,
  },

  { kind: "worker-terminate", class: "thread-death", origin: "outside", evidence: EXITS },
  { kind: "standby-death", class: "standby", origin: "outside", evidence: [] },
  {
    kind: "standby-death-at-failover",
    class: "standby",
    origin: "outside",
    // By which of the two, failureAtOnce says.
    evidence: [...PANICS, ...DIES_OF_ERROR],
  },

  { kind: "supervisor-kill", class: "process", origin: "process" },
  { kind: "supervisor-stop", class: "process", origin: "process" },
  { kind: "supervisor-abort", class: "process", origin: "process" },
  { kind: "supervisor-loop", class: "process", origin: "process" },
  { kind: "supervisor-throw", class: "process", origin: "process" },
  { kind: "power-cut", class: "process", origin: "process" },
  { kind: "power-cut-in-commit", class: "process", origin: "process" },
  // SIGKILL from outside while a version fails: at any moment of the failover, or of its recording.
  { kind: "supervisor-kill-at-failover", class: "process", origin: "soak" },
  // Power goes at any moment of a load: while the table is committed, the region erased, programmed or verified.
  { kind: "power-cut-in-load", class: "process", origin: "soak" },

  { kind: "memory-throw", class: "process", origin: "memory", memoryFault: "throw" },
  { kind: "memory-exit", class: "process", origin: "memory", memoryFault: "exit" },
  { kind: "memory-terminate", class: "process", origin: "memory", memoryFault: "terminate" },

  { kind: "rot-executing", class: "rot", origin: "rot" },
  { kind: "rot-standby", class: "rot", origin: "rot" },
  // More bits of a block than its ECC corrects: on a device whose flash has ECC.
  { kind: "unreadable-executing", class: "rot", origin: "rot" },
  { kind: "rot-replica", class: "rot", origin: "rot" },
  { kind: "rot-both-replicas", class: "rot", origin: "rot" },
  { kind: "rot-floor", class: "rot", origin: "rot" },
  // Nothing covers the firmware's NVRAM but the firmware: nobody can be asked to find what rots there.
  { kind: "rot-nvram", class: "uncovered", origin: "rot" },
  // The process is killed before the scrub comes: for recovery to find.
  { kind: "rot-both-replicas-at-start", class: "rot", origin: "soak" },
  // Both regions fail over and over, with the budget that a device has by default.
  { kind: "crash-loop", class: "budget", origin: "soak" },
] as const satisfies readonly (Fault | Outage)[];

/** What a controller comes back from without its process ending. */
export const FAULTS: readonly Fault[] = CATALOGUE.flatMap((row) => ("evidence" in row ? [row] : []));

/** All the others: a soak of survival does them. */
export const SURVIVAL_KINDS: readonly string[] = CATALOGUE.flatMap((row) =>
  "evidence" in row ? [] : [row.kind],
);

/** What `inject` takes. */
export const INJECTABLE_KINDS: readonly string[] = CATALOGUE.flatMap((row) =>
  row.origin === "soak" ? [] : [row.kind],
);

export type ProcessFaultKind = Extract<(typeof CATALOGUE)[number], { readonly origin: "process" }>["kind"];
/** They end the supervisor process, or make it hang. */
export const PROCESS_FAULT_KINDS: readonly ProcessFaultKind[] = CATALOGUE.flatMap((row) =>
  row.origin === "process" ? [row.kind] : [],
);

export const ROT_KINDS = CATALOGUE.flatMap((row) => (row.origin === "rot" ? [row.kind] : []));
export type RotKind = (typeof ROT_KINDS)[number];

/** Only flash with ECC has blocks that cannot be read. */
export function needsEcc(kind: string): boolean {
  return kind === "unreadable-executing";
}

/** No failover follows, but another memory emulator worker. */
export const MEMORY_FAULTS: ReadonlyMap<string, MemoryFault> = new Map(
  CATALOGUE.flatMap((row) => (row.origin === "memory" ? [[row.kind, row.memoryFault] as const] : [])),
);

/** What only the survival soak does. */
export type SoakKind = Extract<(typeof CATALOGUE)[number], { readonly origin: "soak" }>["kind"];

/** It shows by evidence, and so by a failover; the death of a standby causes none. */
export function failsOver({ evidence }: Fault): boolean {
  return evidence.length > 0;
}

/** It is asked of the firmware, and so only of firmware that commits faults on request. */
function needsInject({ origin }: Fault): boolean {
  return origin === "firmware";
}

/**
 * The fault as it is done to a version that can do so much: what that does not do on request is forced on its hart from
 * outside. Undefined where that is not possible either.
 */
export function asDoneTo(fault: Fault, can: Iterable<Capability>): Fault | undefined {
  if (!needsInject(fault) || [...can].includes("inject")) return fault;
  const { kind, class: faultClassOf, forcedEvidence: evidence } = fault;
  return evidence === undefined ? undefined : { kind, class: faultClassOf, origin: "forced", evidence };
}

/** A kind by which any version fails at once: by its own doing where it can be asked to, else with its thread. */
export function failureAtOnce(can: Iterable<Capability>): Fault {
  const kind = [...can].includes("inject") ? "ebreak" : "worker-throw";
  const fault = findFault(kind);
  if (fault === undefined) throw new RangeError(`there is no kind "${kind}"`);
  return fault;
}

export function findFault(kind: string): Fault | undefined {
  return FAULTS.find((fault) => fault.kind === kind);
}

/** Throws RangeError where there is no such kind. */
export function faultClass(kind: string): FaultClass {
  const row = CATALOGUE.find((known) => known.kind === kind);
  if (row === undefined) throw new RangeError(`there is no kind "${kind}"`);
  return row.class;
}
