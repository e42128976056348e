/** What a device is, in one value for people and programs. */
import { describeBelowFloor, type RegionFacts } from "../../controller/boot/boot-rom.ts";
import type { Capability } from "../../controller/devices/capabilities.ts";
import { readStats, type TranslatorStats } from "../../controller/translator/stats.ts";
import { monotonicNs } from "../../emulator/base/clock.ts";
import { formatVersion } from "../../emulator/base/version.ts";
import { Control } from "../../emulator/memory/control.ts";
import { type EvidenceName, evidenceName } from "../../emulator/memory/evidence.ts";
import { eraseCounts } from "../../emulator/memory/layout.ts";
import { PersistState } from "../../emulator/persist/persist-ring.ts";
import { digestHex, NO_REGION, type RegionState } from "../../emulator/table/table.ts";
import type { Phase } from "../core/policy.ts";
import type { Device } from "./device.ts";

export interface RegionStatus {
  readonly region: number;
  readonly state: RegionState;
  /** "1.2.0"; empty without an image. */
  readonly version: string;
  readonly digest: string;
  /** Why its image is not usable, as last read, or is below the security floor; else empty. */
  readonly unusableBecause: string;
  readonly triesLeft: number;
  readonly unconfirmedStarts: number;
  readonly failures: number;
  readonly lastFailure: EvidenceName;
  /** Bytes stored into it since power-on, modulo 2^32. */
  readonly storedBytes: number;
  /** How often each of its sectors was erased; kept in the flash file. */
  readonly eraseCounts: readonly number[];
}

export interface Status {
  readonly phase: Phase;
  /** Why the last start was decided as it was, or why there is none. */
  readonly reason: string;
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
  /** Region that the standby is prepared for; null when there is none. */
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
}

export function statusOf(device: Device, facts: SessionFacts): Status {
  const { policy, table } = device;
  const wear = eraseCounts(device.memory, device.layout);
  const sectors = wear.length / table.regions.length;
  return {
    phase: policy.phase,
    reason: policy.decision?.detail ?? "",
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
      triesLeft: record.triesLeft,
      unconfirmedStarts: record.unconfirmedStarts,
      failures: record.failures,
      lastFailure: evidenceName(record.lastFailure.evidence),
      storedBytes: Atomics.load(device.control, Control.STORE_COUNT + region) >>> 0,
      eraseCounts: [...wear.subarray(region * sectors, (region + 1) * sectors)],
    })),
  };
}

function unusableBecause(facts: RegionFacts | undefined, floor: number): string {
  if (facts === undefined) return "it was not read";
  if (!facts.usable) return facts.fault.message;
  return facts.securityCounter < floor ? describeBelowFloor(facts.securityCounter, floor) : "";
}
