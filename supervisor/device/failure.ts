/** A failure as it was found, and what each that finds one makes of it. */
import { SlotWord } from "../../emulator/memory/control.ts";
import { Evidence, type EvidenceName, evidenceName } from "../../emulator/memory/evidence.ts";
import type { Slot } from "./slot.ts";
import type { WorkerEnd } from "./worker-thread.ts";

export interface FailureReport {
  readonly evidence: EvidenceName;
  /** Evidence code of the management table. */
  readonly evidenceCode: number;
  /** Panic code, trap cause, finisher code; depends on the evidence. */
  readonly code: number;
  readonly pc: number;
  readonly tval: number;
  readonly faultNs: number;
  readonly detectedNs: number;
  /** One sentence for people; as whoever is told of a failure has it, never empty. */
  readonly message: string;
}

/** What the engine told that stopped by itself. On the failover path. */
export function toldByWorker({ words, notedFaultNs }: Slot, detectedNs: number): FailureReport {
  const code = words[SlotWord.EVIDENCE] ?? 0;
  return {
    evidence: evidenceName(code),
    evidenceCode: code,
    code: (words[SlotWord.EVIDENCE_CODE] ?? 0) >>> 0,
    pc: (words[SlotWord.EVIDENCE_PC] ?? 0) >>> 0,
    tval: (words[SlotWord.EVIDENCE_TVAL] ?? 0) >>> 0,
    faultNs: notedFaultNs || detectedNs,
    detectedNs,
    message: "",
  };
}

/** What the supervisor found while the version ran on, or when its thread was gone. On the failover path. */
export function foundOutside(
  code: Evidence,
  message: string,
  faultNs: number,
  detectedNs: number,
): FailureReport {
  return {
    evidence: evidenceName(code),
    evidenceCode: code,
    code: 0,
    pc: 0,
    tval: 0,
    faultNs,
    detectedNs,
    message,
  };
}

/** What the end of the thread that executed shows. */
export function evidenceOfEnd({ error }: WorkerEnd): Evidence {
  if (error === undefined) return Evidence.THREAD_EXIT;
  const { code } = error as NodeJS.ErrnoException;
  return code === "ERR_WORKER_OUT_OF_MEMORY" ? Evidence.THREAD_HEAP : Evidence.THREAD_ERROR;
}

/** The end of a thread in one line for people. */
export function describeEnd({ exitCode, error }: WorkerEnd): string {
  return error?.message ?? `the thread exited with code ${exitCode}`;
}
