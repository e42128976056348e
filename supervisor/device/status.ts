/** What a device is, in one value for people and programs. */
import {
  type BootDecision,
  confirmedCounter,
  decideBoot,
  describeBelowFloor,
  type RegionFacts,
} from "../../controller/boot/boot-rom.ts";
import type { Capability } from "../../controller/devices/capabilities.ts";
import { readStats, type TranslatorStats } from "../../controller/translator/stats.ts";
import { monotonicNs } from "../../emulator/base/clock.ts";
import { formatVersion } from "../../emulator/base/version.ts";
import { Control } from "../../emulator/memory/control.ts";
import { type EvidenceName, evidenceName } from "../../emulator/memory/evidence.ts";
import { eraseCounts } from "../../emulator/memory/layout.ts";
import { PersistState } from "../../emulator/persist/persist-ring.ts";
import { digestHex, NO_REGION, type RegionState } from "../../emulator/table/table.ts";
import type { Phase, PolicyState } from "../core/policy.ts";
import type { Device } from "./device.ts";

export interface RegionStatus {
  readonly region: number;
  readonly state: RegionState;
  /** "1.2.0"; empty without an image. */
  readonly version: string;
  readonly digest: string;
  /** Why its image is not usable, as last read, or is below the security floor; else empty. */
  readonly unusableBecause: string;
  /** Of the image that it holds, 0 where that has none; null where none was read that is usable. */
  readonly securityCounter: number | null;
  /** Its image's counter is below the security floor: it never runs. */
  readonly belowFloor: boolean;
  /** The next start would run it, if it were its turn; {@link nextStartSays} tells why, or why not. */
  readonly mayRun: boolean;
  readonly nextStartSays: string;
  readonly triesLeft: number;
  readonly unconfirmedStarts: number;
  readonly failures: number;
  readonly lastFailure: EvidenceName;
  /** Panic code, trap cause, finisher code, by evidence, and where it was; 0 where there was no failure. */
  readonly lastFailureCode: number;
  readonly lastFailurePc: number;
  /** What was said of it when it was found; empty where it was found before this power-on, or nothing was said. */
  readonly lastFailureMessage: string;
  /** Bytes stored into it since power-on, modulo 2^32. */
  readonly storedBytes: number;
  /** How often each of its sectors was erased; kept in the flash file. */
  readonly eraseCounts: readonly number[];
}

export interface Status {
  readonly phase: Phase;
  /** Why the last start was decided as it was, or why there is none. */
  readonly reason: string;
  /** What a start from nothing would run as all is now, null for safe mode, and why. */
  readonly nextStart: { readonly region: number | null; readonly reason: string };
  /** The designated region, null for none. */
  readonly primary: number | null;
  readonly ready: boolean;
  /** What the version that was ready last can do. */
  readonly capabilities: readonly Capability[];
  /** Who says so: its register CAPABILITIES, the configuration, or nobody: then it is taken to have all of them. */
  readonly capabilitiesSaidBy: "register" | "configuration" | "nobody";
  readonly generation: number;
  /** Both replicas were lost and the table was made anew, with nothing accepted; until a version confirms itself. */
  readonly rebuilt: boolean;
  readonly securityFloor: number;
  readonly bootEpoch: number;
  readonly failovers: number;
  /** First instruction of the version that executes, monotonic nanoseconds of this machine; 0 until it is ready. */
  readonly executingSinceNs: number;
  readonly uptimeMs: number;
  /** Region that the standby is prepared for, null when there is none; the primary where no other may run. */
  readonly standby: number | null;
  /** Why there is no standby; empty when there is one. */
  readonly noStandbyBecause: string;
  /** "off": nothing is kept. "failing": the flash file cannot be written, and nothing becomes durable. */
  readonly persistence: "off" | "on" | "failing";
  /** Memory emulator workers that took over from one that died. */
  readonly memoryReplacements: number;
  /** Replicas of the table and security floors that were found rotten and mended since power-on. */
  readonly mended: number;
  /** Failovers since power-on by the evidence that showed the failure. */
  readonly failoversByCause: Readonly<Record<string, number>>;
  /** Log lines since power-on that were dropped because nobody read the log. */
  readonly logLinesDropped: number;
  /** What the workers' translators counted since power-on, in all; zeros where there are none. */
  readonly translator: TranslatorStats;
  readonly regions: readonly RegionStatus[];
}

const PERSISTENCE_NAMES = {
  [PersistState.OFF]: "off",
  [PersistState.ON]: "on",
  [PersistState.FAILING]: "failing",
} as const;

/** What the session knows besides the device. */
export interface SessionFacts {
  readonly poweredOnNs: number;
  readonly memoryReplacements: number;
  readonly failoversByCause: Readonly<Record<string, number>>;
  readonly logLinesDropped: number;
  /** By region, of the last failure since power-on. */
  readonly lastFailureMessages: ReadonlyMap<number, string>;
}

export function statusOf(device: Device, facts: SessionFacts): Status {
  const { policy, table } = device;
  const wear = eraseCounts(device.memory, device.layout);
  const sectors = wear.length / table.regions.length;
  const next = nextStart(policy);
  return {
    phase: policy.phase,
    reason: policy.decision?.detail ?? "",
    nextStart: { region: next.region === NO_REGION ? null : next.region, reason: next.detail },
    primary: table.active === NO_REGION ? null : table.active,
    ready: device.ready,
    capabilities: [...device.capabilities.can],
    capabilitiesSaidBy: device.capabilities.saidBy,
    generation: table.generation,
    rebuilt: table.rebuilt,
    securityFloor: policy.floor,
    bootEpoch: device.bootEpoch,
    failovers: device.failovers,
    executingSinceNs: device.executingSinceNs,
    uptimeMs: Math.round((monotonicNs() - facts.poweredOnNs) / 1e6),
    standby: device.crew.standby?.region ?? null,
    noStandbyBecause: policy.phase === "safe-mode" ? "no version runs" : device.crew.why,
    persistence: PERSISTENCE_NAMES[device.durability.state],
    memoryReplacements: facts.memoryReplacements,
    mended: device.mended,
    failoversByCause: facts.failoversByCause,
    logLinesDropped: facts.logLinesDropped,
    translator: readStats(...device.crew.slots.map(({ counters }) => counters)),
    regions: table.regions.map((record, region) => ({
      region,
      state: record.state,
      version: policy.images[region]?.usable === true ? formatVersion(record.version) : "",
      digest: digestHex(record.digest),
      unusableBecause: unusableBecause(policy.images[region], policy.floor),
      ...counterOf(policy.images[region], policy.floor),
      mayRun: next.verdicts[region]?.mayRun === true,
      nextStartSays: next.verdicts[region]?.message ?? "",
      triesLeft: record.triesLeft,
      unconfirmedStarts: record.unconfirmedStarts,
      failures: record.failures,
      lastFailure: evidenceName(record.lastFailure.evidence),
      lastFailureCode: record.lastFailure.code,
      lastFailurePc: record.lastFailure.pc,
      lastFailureMessage: facts.lastFailureMessages.get(region) ?? "",
      storedBytes: Atomics.load(device.control, Control.STORE_COUNT + region) >>> 0,
      eraseCounts: [...wear.subarray(region * sectors, (region + 1) * sectors)],
    })),
  };
}

/** What a start from nothing would decide now: the security floor is raised first to what was confirmed. */
function nextStart({ table, floor, images }: PolicyState): BootDecision {
  return decideBoot({ table, floor: Math.max(floor, confirmedCounter(table, images)), images });
}

function counterOf(
  facts: RegionFacts | undefined,
  floor: number,
): Pick<RegionStatus, "securityCounter" | "belowFloor"> {
  if (facts?.usable !== true) return { securityCounter: null, belowFloor: false };
  return { securityCounter: facts.securityCounter, belowFloor: facts.securityCounter < floor };
}

/** The region that runs, or is about to, and its version; null and "" in safe mode. */
export function runningVersion({ phase, primary, regions }: Status): {
  readonly region: number | null;
  readonly version: string;
} {
  const region = phase === "safe-mode" ? null : primary;
  return { region, version: region === null ? "" : (regions[region]?.version ?? "") };
}

function unusableBecause(facts: RegionFacts | undefined, floor: number): string {
  if (facts === undefined) return "it was not read";
  if (!facts.usable) return facts.fault.message;
  return facts.securityCounter < floor ? describeBelowFloor(facts.securityCounter, floor) : "";
}
