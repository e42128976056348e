/** What is seen of a soak: a line while it runs, and at its end the summary with the verdict. */
import type { TranslatorStats } from "../../controller/translator/stats.ts";
import { plural } from "../../emulator/base/text.ts";
import type { SoakOptions, SoakProgress, SoakReport } from "../../supervisor/index.ts";
import { NOT_INJECTED } from "../../supervisor/soak/judgements.ts";
import type { FaultReport } from "../../supervisor/soak/tally.ts";
import { describeVanished } from "../expectations.ts";
import { invocationOf } from "../invocation.ts";
import { shellQuoted } from "../options.ts";
import { type Column, formatHistogram, formatTable, formatTranslator, formatUs, paint } from "../terminal.ts";
import { countFaults, isViolation, type Outcome } from "./outcome.ts";

export function formatProgress(
  { kind, report }: SoakProgress,
  { durationMs, failovers }: SoakOptions,
): string {
  const elapsed = `${(report.durationMs / 1000).toFixed(1)} s`;
  const end =
    durationMs === null
      ? failovers === null || failovers === undefined
        ? "? failovers"
        : plural(failovers, "failover")
      : `${durationMs / 1000} s`;
  const count = report.violations.length;
  const violations = paint(count > 0 ? "red" : "green", plural(count, "violation"));
  return `${elapsed} of ${end}  ${plural(report.failovers, "failover")}  ${violations}  trap restart p50 ${formatUs(report.trapRestartUs.p50)}  ${paint("dim", kind)}`;
}

export function formatSurvivalProgress(kind: string, rounds: number, violations: number): string {
  return `survival: ${plural(rounds, "round")}  ${plural(violations, "violation")}  ${paint("dim", kind)}`;
}

/** The same run again: what was asked, with the seed that was used. */
export function replayCommand(args: readonly string[], seed: number): string {
  const rest = args.filter((arg, i) => !arg.startsWith("--seed") && args[i - 1] !== "--seed");
  return [invocationOf("emulate"), "--seed", String(seed), ...rest.map(shellQuoted)].join(" ");
}

export function formatSummary(
  report: SoakReport,
  /** Undefined when nobody asked for it. */
  translator: TranslatorStats | undefined,
  /** Of the bare hand-off of two threads. */
  floorUs: { readonly p50: number; readonly p99: number },
  outcome: Outcome,
  /** Why it ended before its time, other than by a fault of the controller's; undefined where it did not. */
  endedBecause: string | undefined,
  replay: string,
): string {
  const { trapRestartUs: trap, restartUs: all } = report;
  const checks = Object.entries(report.checks).map(
    ([rule, count]) => `  ${String(count).padStart(7)} × ${rule}`,
  );
  const { unexpected, known, vanished } = outcome.compared;
  const violations = unexpected.filter(isViolation).map(({ message }) => paint("red", `  ${message}`));
  const notInjected = unexpected
    .filter((finding) => !isViolation(finding))
    .map(({ message }) => paint("yellow", `  ${message}`));
  const gone = vanished.map((each) => paint("red", `  ${describeVanished(each)}`));
  const expected = known.length === 0 ? [] : [`${plural(known.length, "finding")} as expected`];
  const { notTried } = outcome;
  const untried = notTried.length === 0 ? [] : [paint("yellow", `not tried: ${notTried.join(", ")}`)];
  const notJudged = report.notJudged.map(({ message }) => paint("yellow", `  ${message}`));
  return [
    "",
    formatFaults(report.faults),
    "",
    paint("bold", "fault to first instruction of the other version"),
    formatHistogram(report.histogram),
    "",
    `  traps: p50 ${formatUs(trap.p50)}  p90 ${formatUs(trap.p90)}  p99 ${formatUs(trap.p99)}  max ${formatUs(trap.max)}`,
    `  bare hand-off of two threads: p50 ${formatUs(floorUs.p50)}  p99 ${formatUs(floorUs.p99)}`,
    `  all kinds: p50 ${formatUs(all.p50)}  p90 ${formatUs(all.p90)}  p99 ${formatUs(all.p99)}  max ${formatUs(all.max)}`,
    "",
    paint("bold", "checked"),
    ...checks,
    "",
    ...(translator === undefined ? [] : [...formatTranslator(translator), ""]),
    `resident at the start, after each quarter and at the end: ${formatRss(report.rssBytes)}`,
    ...report.spontaneous.map(
      ({ version, evidence, pc, count }) =>
        `${count} × firmware ${version} failed by itself: ${evidence} at 0x${pc.toString(16)}`,
    ),
    ...violations,
    ...gone,
    ...expected,
    ...notInjected,
    ...notJudged,
    ...(report.leftOut === undefined || report.leftOut.length === 0
      ? []
      : [
          paint(
            "yellow",
            `left out, for every other region is below the security floor: ${report.leftOut.join(", ")}`,
          ),
        ]),
    ...untried,
    `${formatCount(report)} in ${(report.durationMs / 1000).toFixed(1)} s, ${plural(report.hostCommands, "host command")}, ${plural(report.codeBytesCopied, "byte")} of code copied: ${formatVerdict(outcome, report)}`,
    ...(endedBecause === undefined ? [] : [paint("yellow", `ended early: ${endedBecause}`)]),
    `again: ${replay}`,
    "",
  ].join("\n");
}

function formatFaults(faults: readonly FaultReport[]): string {
  const columns: readonly Column[] = [
    { title: "fault" },
    { title: "class", spare: 4 },
    { title: "count", align: "right" },
    { title: "found", align: "right" },
    { title: "back", align: "right" },
    { title: "detect p50", align: "right", spare: 1 },
    { title: "p99", align: "right", spare: 2 },
    { title: "restart p50", align: "right" },
    { title: "p99", align: "right" },
    { title: "ready p50", align: "right", spare: 1 },
    { title: "p99", align: "right", spare: 3 },
  ];
  const rows = faults.map((fault) => [
    fault.kind,
    fault.class,
    String(fault.injected),
    String(fault.detected),
    String(fault.recovered),
    formatUs(fault.detectUs.p50),
    formatUs(fault.detectUs.p99),
    formatUs(fault.restartUs.p50),
    formatUs(fault.restartUs.p99),
    formatUs(fault.readyUs.p50),
    formatUs(fault.readyUs.p99),
  ]);
  return formatTable(columns, rows);
}

function formatCount({ failovers, survivalRounds }: SoakReport): string {
  const survival = survivalRounds === undefined ? "" : ` and ${plural(survivalRounds, "round")} of survival`;
  return `${plural(failovers, "failover")}${survival}`;
}

/** From the start to the end, in MiB. */
function formatRss(rssBytes: readonly number[]): string {
  return `${rssBytes.map((bytes) => Math.round(bytes / 2 ** 20)).join(", ")} MiB`;
}

function formatVerdict({ verdict, compared, notTried }: Outcome, { faults }: SoakReport): string {
  if (verdict === "held") return paint("green", "everything held");
  if (verdict === "unchecked") {
    const before =
      notTried.length === 0 ? "any fault, so nothing was checked" : "every kind of fault was tried";
    return paint("yellow", `it ended before ${before}`);
  }
  if (verdict === NOT_INJECTED) {
    const kinds = faults.filter(({ notInjected }) => notInjected > 0);
    return paint("yellow", `${plural(kinds.length, "kind")} of fault never took place, so nothing was shown`);
  }
  if (verdict === "not-judged") {
    const { injected, notJudged } = countFaults(faults);
    return paint("yellow", `not judged: the machine was too busy for ${notJudged} of ${injected} faults`);
  }
  return paint(
    "red",
    `${plural(compared.unexpected.filter(isViolation).length + compared.vanished.length, "violation")}, or faults that were not found`,
  );
}
