/**
 * What became of a fault that somebody asked for: how it was found, and what runs now; or that nothing happened, and why.
 *
 * Invariants: every wait ends; a failure that was found before the fault was begun is not charged to it; that nothing
 * happened is said only of what is known not to come. Faults of the process are not seen from here: whoever
 * starts the next process sees them.
 */
import { monotonicNs } from "../../emulator/base/clock.ts";
import type { ErrorKind } from "../../emulator/base/errors.ts";
import { hex, hex32 } from "../../emulator/base/text.ts";
import type { EvidenceName } from "../../emulator/memory/evidence.ts";
import type { Device } from "../device/device.ts";
import type { Failover } from "../device/failover.ts";
import type { FailureReport } from "../device/failure.ts";
import type { HostCompletion } from "../host/host.ts";
import { failsOver, findFault, MEMORY_FAULTS, type RotKind } from "./catalogue.ts";
import { isRot } from "./rot.ts";

/** What a fault led to. */
export type Effect =
  /** The version failed, and another region runs. */
  | "failover"
  /** The version failed, and runs again: no other one may. */
  | "restart"
  /** The version failed, and none runs. */
  | "safe-mode"
  /** The standby died, and there is another one. */
  | "standby-replaced"
  /** The standby's region is not usable any more. */
  | "standby-withdrawn"
  /** Another memory emulator worker took over. */
  | "memory-replaced"
  /** Another supervisor process powered the device on. */
  | "process-restarted"
  /** What rotted was found, and holds again what it should. */
  | "mended"
  /** It was done, and nobody has to find it. */
  | "unwatched"
  /** Nothing happened. */
  | "nothing";

export interface Outcome {
  readonly effect: Effect;
  /** What showed that the version failed; null where none did. */
  readonly evidence: EvidenceName | null;
  /** From the injection until it was found; null where nothing was. */
  readonly detectMs: number | null;
  /** From the injection until all was as it should be again; null where it was not. */
  readonly recoverMs: number | null;
  /** One sentence for people. */
  readonly message: string;
}

/** What is known of an injection to whoever does it. */
export interface InjectionWork {
  readonly device: Device;
  readonly kind: string;
  /** Begins the fault; `onCompletion` hears of the command to the firmware, if it is done by one. */
  readonly commit: (onCompletion: (completion: HostCompletion) => void) => Promise<void>;
  /** Memory emulator workers that took over so far. */
  readonly memoryReplacements: () => number;
  /** How long a host command may take. */
  readonly commandMs: number;
  readonly nowNs?: () => number;
}

/**
 * Whatever is due ends a wait before, by the device's own deadlines, which stand still while a machine is busy: after this
 * long it is too busy to be waited for.
 */
const LIMIT_MS = 60_000;

/** It cannot be said what became of a fault. */
export class NoOutcomeError extends Error {
  override readonly name = "NoOutcome";
  readonly kind: ErrorKind = "unjudged";

  /** @param seen what was seen of it */
  constructor(seen = "nothing was seen of it") {
    super(
      `${seen} within ${LIMIT_MS / 1000} s: the machine may be too busy to tell what became of the fault`,
    );
  }
}

const NOTHING = { effect: "nothing", evidence: null, detectMs: null, recoverMs: null } as const;

/** Does the fault, and waits for what comes of it. Rejects where it cannot be done. */
export function awaitOutcome(work: InjectionWork): Promise<Outcome> {
  const { kind } = work;
  if (MEMORY_FAULTS.has(kind)) return memoryOutcome(work);
  if (isRot(kind)) return rotOutcome(work, kind);
  const fault = findFault(kind);
  return fault !== undefined && !failsOver(fault) ? standbyOutcome(work) : failureOutcome(work);
}

// ── A version that fails ──────────────────────────────────────────────────────────────────────────────────────

interface Found {
  readonly failure: FailureReport;
  readonly fromRegion: number;
}

async function failureOutcome(work: InjectionWork): Promise<Outcome> {
  const { device, commit, commandMs, nowNs = monotonicNs } = work;
  const beganNs = nowNs();
  const timers: NodeJS.Timeout[] = [];
  let stopListening = (): void => undefined;
  try {
    return await new Promise<Outcome>((resolve, reject) => {
      let found: Found | undefined;
      const note = (candidate: Found): void => {
        if (candidate.failure.detectedNs >= beganNs) found ??= candidate;
      };
      const after = (ms: number, end: () => void): void => void timers.push(setTimeout(end, ms));
      stopListening = device.listen({
        onCrash: note,
        onFailover: (failover) => {
          note(failover);
          if (found !== undefined && failover.readyNs > 0)
            resolve(recovered(found, failover, beganNs, device));
        },
        onSafeMode: (reason) => resolve(inSafeMode(found, reason, beganNs)),
      });
      const onCompletion = (completion: HostCompletion): void => {
        if (completion.outcome === "withdrawn") resolve({ ...NOTHING, message: unfetched(commandMs) });
        // What it has begun may still show.
        if (completion.outcome !== "completed") return;
        after(commandMs, () => found ?? resolve({ ...NOTHING, message: answered(completion) }));
      };
      commit(onCompletion).catch(reject);
      after(LIMIT_MS, () =>
        reject(new NoOutcomeError(found && `${describeFailure(found, beganNs)}; none was ready`)),
      );
    });
  } finally {
    for (const timer of timers) clearTimeout(timer);
    stopListening();
  }
}

function unfetched(commandMs: number): string {
  return (
    `nothing happened: the version that runs did not fetch the command within ${commandMs} ms, nor any other since its ` +
    "start, so it serves no host queue; the command was taken back"
  );
}

function answered({ status }: HostCompletion): string {
  return `nothing happened: the firmware answered the command with status ${hex(status)}, and went on`;
}

function describeFailure({ failure, fromRegion }: Found, beganNs: number): string {
  const { evidence, code, pc, detectedNs } = failure;
  const where = pc === 0 ? "" : ` at ${hex32(pc)}`;
  const what = code === 0 ? evidence : `${evidence} (code ${hex(code)})`;
  return `region ${fromRegion} failed: ${what}${where}, found after ${msText(detectedNs - beganNs)}`;
}

function recovered(found: Found, failover: Failover, beganNs: number, device: Device): Outcome {
  const isSame = failover.toRegion === found.fromRegion;
  const after = msText(failover.readyNs - beganNs);
  const standby = isSame
    ? "no other may run, so it was started again"
    : `region ${failover.toRegion} took over`;
  const version = device.policy.table.regions[failover.toRegion]?.state === "accepted" ? "" : ", on trial";
  return {
    effect: isSame ? "restart" : "failover",
    evidence: found.failure.evidence,
    detectMs: toMs(found.failure.detectedNs - beganNs),
    recoverMs: toMs(failover.readyNs - beganNs),
    message: `${describeFailure(found, beganNs)}; ${standby}${version} and was ready after ${after}`,
  };
}

function inSafeMode(found: Found | undefined, reason: string, beganNs: number): Outcome {
  const why = `no version runs: ${reason}`;
  if (found === undefined) return { ...NOTHING, effect: "safe-mode", message: why };
  return {
    effect: "safe-mode",
    evidence: found.failure.evidence,
    detectMs: toMs(found.failure.detectedNs - beganNs),
    recoverMs: null,
    message: `${describeFailure(found, beganNs)}; ${why}`,
  };
}

// ── What no version fails by ──────────────────────────────────────────────────────────────────────────────────

/** Does the fault, and looks until `holds`; then what is to be told is made. */
async function outcomeOnce(
  { device, commit, nowNs = monotonicNs }: InjectionWork,
  holds: () => boolean,
  outcome: () => Pick<Outcome, "effect" | "message">,
): Promise<Outcome> {
  const beganNs = nowNs();
  await commit(() => undefined);
  const untilNs = nowNs() + LIMIT_MS * 1e6;
  while (!holds()) {
    if (nowNs() > untilNs) throw new NoOutcomeError();
    await device.news();
  }
  const ms = toMs(nowNs() - beganNs);
  return { ...NOTHING, detectMs: ms, recoverMs: ms, ...outcome() };
}

function memoryOutcome(work: InjectionWork): Promise<Outcome> {
  const before = work.memoryReplacements();
  return outcomeOnce(
    work,
    () => work.memoryReplacements() > before,
    () => ({
      effect: "memory-replaced",
      message: "the memory emulator worker ended, and another one took over",
    }),
  );
}

function standbyOutcome(work: InjectionWork): Promise<Outcome> {
  const { crew } = work.device;
  const slot = crew.standby;
  let lost = false;
  return outcomeOnce(
    work,
    () => {
      lost ||= crew.standby !== slot || slot?.phase !== "parked";
      return lost && crew.standby !== undefined;
    },
    () => ({
      effect: "standby-replaced",
      message: "the standby died, and another one is parked; nothing failed over",
    }),
  );
}

async function rotOutcome(work: InjectionWork, kind: RotKind): Promise<Outcome> {
  const { device } = work;
  switch (kind) {
    case "rot-executing":
    case "unreadable-executing":
      return failureOutcome(work);
    case "rot-standby": {
      const before = device.policy.images;
      const rotten = (): number =>
        before.findIndex((facts, region) => facts.usable && device.policy.images[region]?.usable === false);
      return outcomeOnce(
        work,
        () => rotten() >= 0,
        () => {
          const facts = device.policy.images[rotten()];
          const why = facts?.usable === false ? facts.fault.message : "";
          return { effect: "standby-withdrawn", message: `region ${rotten()} may not run any more: ${why}` };
        },
      );
    }
    case "rot-nvram": {
      await work.commit(() => undefined);
      const message =
        "bits of the firmware's NVRAM flipped: nothing covers it but the firmware, so nobody has to find them";
      return { ...NOTHING, effect: "unwatched", message };
    }
    default: {
      const before = device.mended;
      const what =
        kind === "rot-floor" ? "the security floor" : kind === "rot-replica" ? "a replica" : "both replicas";
      return outcomeOnce(
        work,
        () => device.mended > before,
        () => ({
          effect: "mended",
          message: `${what} rotted, and was stored anew from what the supervisor knows`,
        }),
      );
    }
  }
}

function toMs(ns: number): number {
  return Math.round(ns / 1e3) / 1e3;
}

function msText(ns: number): string {
  return `${(ns / 1e6).toFixed(ns < 10e6 ? 2 : 0)} ms`;
}
