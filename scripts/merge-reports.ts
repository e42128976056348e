/**
 * One report of several soaks that ran at once: counts are sums, percentiles those of the worst job, since the times
 * behind them are with the jobs; a merged p50 is therefore an upper bound.
 */
import type { SoakFinding } from "../supervisor/soak/judgements.ts";
import type { SoakReport } from "../supervisor/soak/soak.ts";
import type { FaultReport } from "../supervisor/soak/tally.ts";
import type { HistogramRow, TimingSummary } from "../supervisor/soak/timing.ts";

function worst(summaries: readonly TimingSummary[]): TimingSummary {
  const largest = (field: keyof TimingSummary): number => Math.max(...summaries.map((each) => each[field]));
  const count = sum(summaries.map((each) => each.count));
  return { count, p50: largest("p50"), p90: largest("p90"), p99: largest("p99"), max: largest("max") };
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, each) => total + each, 0);
}

/** In the order of their first; a job that ended early has fewer. */
function mergeFaults(reports: readonly SoakReport[]): FaultReport[] {
  const byKind = new Map<string, FaultReport[]>();
  for (const fault of reports.flatMap(({ faults }) => faults)) {
    byKind.set(fault.kind, [...(byKind.get(fault.kind) ?? []), fault]);
  }
  return [...byKind].map(([kind, same]) => {
    const { class: faultClass } = same[0] as FaultReport;
    return {
      kind,
      class: faultClass,
      injected: sum(same.map(({ injected }) => injected)),
      fromOutside: sum(same.map(({ fromOutside }) => fromOutside)),
      detected: sum(same.map(({ detected }) => detected)),
      recovered: sum(same.map(({ recovered }) => recovered)),
      notInjected: sum(same.map(({ notInjected }) => notInjected)),
      notJudged: sum(same.map(({ notJudged }) => notJudged)),
      detectUs: worst(same.map(({ detectUs }) => detectUs)),
      restartUs: worst(same.map(({ restartUs }) => restartUs)),
      readyUs: worst(same.map(({ readyUs }) => readyUs)),
    };
  });
}

function mergeHistograms(reports: readonly SoakReport[]): HistogramRow[] {
  const counts = new Map<number, number>();
  for (const { fromUs, count } of reports.flatMap(({ histogram }) => histogram)) {
    counts.set(fromUs, (counts.get(fromUs) ?? 0) + count);
  }
  return [...counts].sort(([a], [b]) => a - b).map(([fromUs, count]) => ({ fromUs, count }));
}

function mergeChecks(reports: readonly SoakReport[]): Record<string, number> {
  const checks: Record<string, number> = {};
  for (const [rule, count] of reports.flatMap((report) => Object.entries(report.checks))) {
    checks[rule] = (checks[rule] ?? 0) + count;
  }
  return checks;
}

function ofJob<T extends SoakFinding>(job: number, finding: T): T {
  return { ...finding, message: `job ${job}: ${finding.message}` };
}

/** @param reports at least one */
export function mergeReports(seed: number, reports: readonly SoakReport[]): SoakReport {
  const [first] = reports;
  if (first !== undefined && reports.length === 1) return first;
  const longest = reports.reduce(
    (most, { rssBytes }) => (rssBytes.length > most.length ? rssBytes : most),
    [] as readonly number[],
  );
  const survivor = reports.find(({ survivalRounds }) => survivalRounds !== undefined);
  const total = (of: (report: SoakReport) => number): number => sum(reports.map(of));
  return {
    seed,
    durationMs: Math.max(...reports.map(({ durationMs }) => durationMs)),
    failovers: total(({ failovers }) => failovers),
    hostCommands: total(({ hostCommands }) => hostCommands),
    violations: reports.flatMap(({ violations }, job) => violations.map((text) => `job ${job}: ${text}`)),
    findings: reports.flatMap(({ findings }, job) => findings.map((finding) => ofJob(job, finding))),
    notJudged: reports.flatMap(({ notJudged }, job) => notJudged.map((each) => ofJob(job, each))),
    notInjected: reports.flatMap(({ notInjected }, job) => notInjected.map((each) => ofJob(job, each))),
    codeBytesCopied: total(({ codeBytesCopied }) => codeBytesCopied),
    restartUs: worst(reports.map(({ restartUs }) => restartUs)),
    trapRestartUs: worst(reports.map(({ trapRestartUs }) => trapRestartUs)),
    histogram: mergeHistograms(reports),
    faults: mergeFaults(reports),
    notAsked: [...new Set(reports.flatMap(({ notAsked }) => notAsked))],
    spontaneous: reports.flatMap(({ spontaneous }) => spontaneous),
    checks: mergeChecks(reports),
    rssBytes: longest.map((_, at) => total(({ rssBytes }) => rssBytes[at] ?? 0)),
    ...(survivor === undefined ? {} : { survivalRounds: total(({ survivalRounds = 0 }) => survivalRounds) }),
    ...(survivor?.leftOut === undefined ? {} : { leftOut: survivor.leftOut }),
    // One process guards all jobs.
    ...(survivor?.guardianRssBytes === undefined ? {} : { guardianRssBytes: survivor.guardianRssBytes }),
  };
}
