/** What is seen of a sweep: a line while it runs, and at its end the summary, with findings by their causes. */
import { plural } from "../../emulator/base/text.ts";
import type { Finding } from "../../supervisor/sweep/explore/explorer.ts";
import { NOT_INJECTED } from "../../supervisor/sweep/flipside/oracle/verdict.ts";
import { LEFT_OUT_BECAUSE, type SweepReport } from "../../supervisor/sweep/run/report.ts";
import type { SweepProgress } from "../../supervisor/sweep/run/run.ts";
import { ALL_VERDICTS, isGoodVerdict } from "../../supervisor/sweep/run/verdicts.ts";
import { type Comparison, describeVanished } from "../expectations.ts";
import { invocationOf } from "../invocation.ts";
import { formatTable, type Paint, paint } from "../terminal.ts";

export function formatProgress({ cuts, findings, elapsedMs, remainingMs, scenario }: SweepProgress): string {
  const rate = Math.round(cuts / (elapsedMs / 1000));
  const left = remainingMs === undefined ? "?" : `${(remainingMs / 1000).toFixed(0)} s`;
  const found = paint(findings > 0 ? "red" : "green", plural(findings, "finding"));
  return `${plural(cuts, "cut")}  ${rate}/s  ${left} left  ${found}  ${paint("dim", scenario)}`;
}

/** Starts and failures from every state of a table are many; in the summary they are one line each. */
function groupOf(name: string): string {
  return name.replace(/^(start|fail)-.*/, "$1-*");
}

/** How a summary is to be told. */
export interface SummaryOptions {
  /** What a replay needs besides its id. */
  readonly replayOptions: string;
  /** Every finding, not one for each cause. */
  readonly all: boolean;
}

export function formatSummary(
  report: SweepReport,
  compared: Comparison<Finding>,
  options: SummaryOptions,
): string {
  const groups = new Map<
    string,
    { cuts: number; futures: number; faults: number; verdicts: Map<string, number> }
  >();
  for (const { name, cuts, distinctFutures, faults, verdicts } of report.scenarios) {
    const group = groups.get(groupOf(name)) ?? { cuts: 0, futures: 0, faults: 0, verdicts: new Map() };
    group.cuts += cuts;
    group.futures += distinctFutures;
    group.faults += faults;
    for (const verdict of ALL_VERDICTS) {
      const count = verdicts[verdict] ?? 0;
      if (count > 0) group.verdicts.set(verdict, (group.verdicts.get(verdict) ?? 0) + count);
    }
    groups.set(groupOf(name), group);
  }
  const rows = [...groups].map(([name, { cuts, futures, faults, verdicts }]) => [
    name,
    String(cuts),
    String(futures),
    String(faults),
    [...verdicts].map(([verdict, count]) => `${verdict} ${count}`).join(", "),
  ]);
  const columns = [
    { title: "scenario" },
    { title: "cuts", align: "right" },
    { title: "futures", align: "right" },
    { title: "faults", align: "right" },
    { title: "verdicts" },
  ] as const;
  return `${formatTable(columns, rows)}\n\n${formatTotals(report)}${formatLeftOut(report)}${formatFindings(report, compared, options)}`;
}

function formatTotals(report: SweepReport): string {
  const { cuts, distinctFutures, faults, durationMs, jobs, cutsPerSecond, scenarios } = report;
  const verdicts = ALL_VERDICTS.flatMap((verdict) => {
    const count = report.verdicts[verdict] ?? 0;
    return count === 0 ? [] : [paint(colourOf(verdict), `${verdict} ${count}`)];
  });
  return [
    `${plural(scenarios.length, "scenario")}, ${plural(cuts, "cut")} (${plural(distinctFutures, "distinct future")}), ${plural(faults, "other fault")} in ${(durationMs / 1000).toFixed(1)} s with ${plural(jobs, "job")}: ${cutsPerSecond} cuts/s`,
    verdicts.join(", "),
    ...formatWatchdog(report),
    "",
  ].join("\n");
}

function formatWatchdog({ watchdog }: SweepReport): readonly string[] {
  if (watchdog === undefined) return [];
  const { uncutUs, disturbedUs } = watchdog;
  const after = disturbedUs === undefined ? "" : `, and ${formatMs(disturbedUs)} after the worst disturbance`;
  return [`a watchdog period of ${formatMs(uncutUs)} is enough undisturbed${after}`];
}

/** To 1 %, and never less than it is. */
function formatMs(us: number): string {
  const unit = 10 ** Math.max(0, Math.floor(Math.log10(us)) - 2);
  return `${(Math.ceil(us / unit) * unit) / 1000} ms`;
}

export function colourOf(verdict: string): Paint {
  if (verdict === NOT_INJECTED) return "yellow";
  return isGoodVerdict(verdict) ? "green" : "red";
}

function formatLeftOut({ leftOut }: SweepReport): string {
  const of = (wanted: string): string =>
    leftOut
      .filter(({ what }) => what === wanted)
      .map(({ scenario }) => scenario)
      .join(", ");
  const told = (what: string, because: string, names: string): string =>
    names === "" ? "" : `${paint("yellow", `left out ${what}`)}, for ${because}: ${names}\n`;
  return (
    [...LEFT_OUT_BECAUSE].map(([what, because]) => told("scenarios", because, of(what))).join("") +
    told("the host's commands", "the firmware says that it has no queue", of("commands"))
  );
}

function formatFindings(
  report: SweepReport,
  { known, unexpected, vanished }: Comparison<Finding>,
  options: SummaryOptions,
): string {
  const asExpected = known.length === 0 ? "" : `${plural(known.length, "finding")} as expected\n`;
  const gone = vanished.map((each) => `${paint("red", "vanished")}  ${describeVanished(each)}\n`).join("");
  const notSwept = formatNotSwept(report);
  const rest = `${asExpected}${gone}${notSwept}`;
  if (unexpected.length === 0) {
    return gone === "" && notSwept === "" ? `${rest}${paint("green", "held")}\n` : rest;
  }
  const told = options.all
    ? unexpected.map((finding) => formatFinding(finding, "", options))
    : formatCauses(causesOf(unexpected), options);
  return `\n${told.join("\n")}\n${rest}`;
}

function formatFinding(
  { verdict, scenario, message, replay }: Finding,
  more: string,
  { replayOptions }: SummaryOptions,
): string {
  const again = `${invocationOf("sweep")} --replay ${replay}${replayOptions}`;
  return `${paint(colourOf(verdict), verdict)}  ${scenario}: ${message}\n${more}  ${again}`;
}

/** Findings that one mistake may have made: the same verdict in the same words, whatever the numbers in them. */
export function causesOf(findings: readonly Finding[]): readonly (readonly Finding[])[] {
  const causes = new Map<string, Finding[]>();
  for (const finding of findings) {
    const cause = `${finding.verdict} ${finding.message.replace(/0x[0-9a-f]+|\d+/gi, "#")}`;
    const alike = causes.get(cause);
    if (alike === undefined) causes.set(cause, [finding]);
    else alike.push(finding);
  }
  // The most frequent first.
  return [...causes.values()].sort((a, b) => b.length - a.length);
}

/** Of each as many as are read; `--all` tells the rest. */
const CAUSES_SHOWN = 12;

function formatCauses(causes: readonly (readonly Finding[])[], options: SummaryOptions): string[] {
  const shown = causes.slice(0, CAUSES_SHOWN).flatMap((cause) => {
    const [first] = cause;
    if (first === undefined) return [];
    const scenarios = new Set(cause.map(({ scenario }) => scenario)).size;
    const more =
      cause.length === 1
        ? ""
        : `  ${cause.length} like it, in ${plural(scenarios, "scenario")}; the first:\n`;
    return [formatFinding(first, more, options)];
  });
  const count = causes.reduce((sum, cause) => sum + cause.length, 0);
  const hidden = count - shown.length;
  const rest = `${plural(count, "finding")} of ${plural(causes.length, "cause")}; --all tells the other ${hidden}`;
  return hidden === 0 ? shown : [...shown, rest];
}

/** Names that people read; `--json` has all. */
const NAMES_SHOWN = 8;

function formatNotSwept({ notSwept, scenarios }: SweepReport): string {
  if (notSwept.length === 0) return "";
  const of = new Set([...scenarios.map(({ name }) => name), ...notSwept]).size;
  const more = notSwept.length > NAMES_SHOWN ? `, … ${notSwept.length - NAMES_SHOWN} more` : "";
  const names = `${notSwept.slice(0, NAMES_SHOWN).join(", ")}${more}`;
  return `${paint("yellow", `not swept to the end: ${notSwept.length} of ${plural(of, "scenario")}`)}: ${names}\n`;
}
