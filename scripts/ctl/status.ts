/** A device's status for people, in 80 columns where the names in it are not long. */
import { isUsed } from "../../controller/translator/stats.ts";
import { hex, hex32 } from "../../emulator/base/text.ts";
import type { RegionStatus } from "../../supervisor/device/status.ts";
import type { ServedStatus } from "../../supervisor/process/served-device.ts";
import { formatTable, formatTranslator, paint } from "../terminal.ts";

const COLUMNS = ["region", "version", "state", "tries", "failed", "last failure", "erases min/median/max"];

export function formatStatus(status: ServedStatus): string {
  const { generation, securityFloor, persistence, regions, nextStart, rebuilt, logLinesDropped } = status;
  const state = status.phase === "safe-mode" ? paint("red", "safe mode") : status.phase;
  const next = nextStart.region === null ? `safe mode: ${nextStart.reason}` : nextStart.reason;
  return [
    `${state}: ${status.reason}`,
    `next start: ${next}`,
    `ready ${status.ready ? "yes" : "no"}   standby ${standbyOf(status)}`,
    `table generation ${generation}   security floor ${securityFloor}   flash file ${persistence}`,
    ...(rebuilt ? ["the table was made anew after both replicas were lost"] : []),
    `failovers ${status.failovers}${causesOf(status)}   up ${(status.uptimeMs / 1000).toFixed(0)} s`,
    `process restarts ${status.processRestarts}   memory workers replaced ${status.memoryReplacements}   mended ${status.mended}`,
    "",
    formatTable(
      COLUMNS.map((title) => ({ title })),
      regions.map((region) => rowOf(region, status.primary)),
    ),
    ...regions.flatMap(remarksOn),
    ...(logLinesDropped > 0 ? [`log lines dropped, as nobody reads the log: ${logLinesDropped}`] : []),
    ...(isUsed(status.translator) ? ["", ...formatTranslator(status.translator)] : []),
    "",
  ].join("\n");
}

function standbyOf({ standby, primary, noStandbyBecause }: ServedStatus): string {
  if (standby === null) return `none: ${noStandbyBecause}`;
  return standby === primary ? "the same region again, as no other may run" : `region ${standby}`;
}

function causesOf({ failoversByCause }: ServedStatus): string {
  const causes = Object.entries(failoversByCause).map(([cause, count]) => `${cause} ${count}`);
  return causes.length > 0 ? ` (${causes.join(", ")})` : "";
}

function rowOf(region: RegionStatus, primary: number | null): readonly string[] {
  return [
    `${region.region}${region.region === primary ? " *" : ""}`,
    region.version === "" ? "–" : region.version,
    region.state,
    String(region.triesLeft),
    String(region.failures),
    region.lastFailure,
    formatWear(region.eraseCounts),
  ];
}

/** What the row has no room for: why it may not run, and its last failure in full. */
function remarksOn(status: RegionStatus): readonly string[] {
  const { region, mayRun, nextStartSays, unusableBecause, lastFailure } = status;
  const remarks: string[] = [];
  if (!mayRun) remarks.push(`region ${region} may not run: ${nextStartSays}`);
  if (unusableBecause !== "" && unusableBecause !== nextStartSays) {
    remarks.push(`region ${region} is not usable: ${unusableBecause}`);
  }
  if (lastFailure === "none") return remarks;
  const { lastFailureCode: code, lastFailurePc: pc, lastFailureMessage: message } = status;
  const what = `${lastFailure}${code === 0 ? "" : ` (code ${hex(code)})`}${pc === 0 ? "" : ` at ${hex32(pc)}`}`;
  return [...remarks, `region ${region} failed last by ${what}${message === "" ? "" : `: ${message}`}`];
}

/** Least, median and most erases of a region's sectors, and the sector that was erased most. */
function formatWear(eraseCounts: readonly number[]): string {
  const sorted = eraseCounts.toSorted((a, b) => a - b);
  const most = sorted.at(-1) ?? 0;
  const summary = `${sorted[0]}/${sorted[sorted.length >> 1]}/${most}`;
  return most === 0 ? summary : `${summary} (sector ${eraseCounts.indexOf(most)})`;
}
