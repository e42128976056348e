/**
 * The catalogue of faults: what can be done to a running controller, and by what evidence it must be found out.
 * The soak, `inject` and the sweep draw from here.
 */

import { WORKER_FAULT_NAMES, type WorkerFaultName } from "../../controller/worker-faults.ts";
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
  /** The supervisor process, the memory emulator worker or the power: survival.ts, as all that follow. */
  | "process"
  /** Bits flip that a digest, a CRC or a complement covers. */
  | "rot"
  /** Bits flip that nothing covers: nobody has to find them. */
  | "uncovered"
  /** Failures beyond the budget: safe mode. */
  | "budget";

export type FaultOrigin = "firmware" | "worker" | "outside";

export interface Fault {
  readonly kind: string;
  readonly class: FaultClass;
  readonly origin: FaultOrigin;
  /** Any of these may find it first. Empty: no failover follows. */
  readonly evidence: readonly EvidenceName[];
  /** Number of the inject-fault command, docs/hardware.md. */
  readonly firmwareNumber?: number;
  readonly workerFault?: WorkerFaultName;
}

/** It shows by evidence, and so by a failover; the death of a standby causes none. */
export function failsOver({ evidence }: Fault): boolean {
  return evidence.length > 0;
}

type FirmwareRow = readonly [kind: string, faultClass: FaultClass, evidence: readonly EvidenceName[]];

/** The watchdog counts what the hart gets to run: on a busy machine the host may lose patience with its command first. */
const HANG: readonly EvidenceName[] = ["watchdog", "overdue-command"];

/** In the order of the fault numbers of docs/hardware.md. */
const FIRMWARE: readonly FirmwareRow[] = [
  ["illegal-instruction", "trap", ["panic"]],
  ["load-nowhere", "trap", ["panic"]],
  ["store-nowhere", "trap", ["panic"]],
  ["store-own-region", "trap", ["panic"]],
  ["jump-zero", "trap", ["panic"]],
  ["misaligned-jump", "trap", ["panic"]],
  ["stack-overflow", "trap", ["panic"]],
  ["ebreak", "trap", ["panic"]],
  ["ecall", "trap", ["panic"]],
  ["finisher", "trap", ["finisher"]],
  ["double-trap", "trap", ["double-trap"]],
  ["tight-loop", "hang", HANG],
  ["wfi-forever", "hang", HANG],
  ["kicks-without-progress", "hang", ["overdue-command"]],
  ["interrupt-storm", "hang", HANG],
  ["early-kick", "trap", ["early-kick"]],
  ["never-ready", "hang", ["never-ready"]],
];

const THREAD_EVIDENCE: Readonly<Record<WorkerFaultName, readonly EvidenceName[]>> = {
  // A thread that takes longer to die than the heartbeat's deadline, on a busy machine, is stuck, too.
  throw: ["thread-error", "heartbeat"],
  "unhandled-rejection": ["thread-error", "heartbeat"],
  "process-exit": ["thread-exit", "heartbeat"],
  "heap-exhaustion": ["thread-heap", "heartbeat"],
  "js-loop": ["heartbeat"],
  "wasm-loop": ["heartbeat"],
  "atomics-wait": ["heartbeat"],
};

function threadClass(name: WorkerFaultName): FaultClass {
  return THREAD_EVIDENCE[name][0] === "heartbeat" ? "thread-stuck" : "thread-death";
}

export const FAULTS: readonly Fault[] = [
  ...FIRMWARE.map(
    ([kind, faultClass, evidence], index): Fault => ({
      kind,
      class: faultClass,
      origin: "firmware",
      evidence,
      firmwareNumber: index + 1,
    }),
  ),
  ...WORKER_FAULT_NAMES.map(
    (name): Fault => ({
      kind: `worker-${name}`,
      class: threadClass(name),
      origin: "worker",
      evidence: THREAD_EVIDENCE[name],
      workerFault: name,
    }),
  ),
  {
    kind: "worker-terminate",
    class: "thread-death",
    origin: "outside",
    evidence: ["thread-exit", "heartbeat"],
  },
  { kind: "standby-death", class: "standby", origin: "outside", evidence: [] },
  { kind: "standby-death-at-failover", class: "standby", origin: "outside", evidence: ["panic"] },
];

export function findFault(kind: string): Fault | undefined {
  return FAULTS.find((fault) => fault.kind === kind);
}
