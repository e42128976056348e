/** `flipside emulate`: a soak of live controllers under seeded faults, carried out and told. */

import { sumStats } from "../controller/translator/stats.ts";
import { kindOf } from "../emulator/base/errors.ts";
import { MACHINES_OF_A_CONTROLLER, quotaWarning, requireLimits } from "../emulator/base/limits.ts";
import { errorMessage } from "../emulator/base/text.ts";
import { hasSurvival, type JobResults, runJobs, type Show } from "./emulate/jobs.ts";
import { type EmulateOptions, HELP, parseEmulate } from "./emulate/options.ts";
import { formatSummary, replayCommand, type Verdict, verdictOf } from "./emulate/summary.ts";
import { EXIT_FINDING, EXIT_HELD, EXIT_UNJUDGED } from "./exit-codes.ts";
import { measureHandoff } from "./handoff.ts";
import { requireWritable, writeReport } from "./input.ts";
import { mergeReports } from "./merge-reports.ts";
import { dieTidily, ENDING_SIGNALS, scratchDirectory } from "./scratch.ts";
import { paint, StatusLine } from "./terminal.ts";

const EXIT_CODES: Readonly<Record<Verdict, number>> = {
  held: EXIT_HELD,
  violated: EXIT_FINDING,
  "not-judged": EXIT_UNJUDGED,
  unchecked: EXIT_UNJUDGED,
};

const FLOOR_HANDOFFS = 1_000;
const FLOOR_WARM_UP = 200;

export async function emulateCommand(args: readonly string[]): Promise<number> {
  const options = parseEmulate(args);
  if (options === "help") {
    process.stdout.write(HELP);
    return EXIT_HELD;
  }
  const { soak, jobs } = options;
  requireLimits(MACHINES_OF_A_CONTROLLER);
  const warning = quotaWarning(jobs);
  const end = new AbortController();
  const line = new StatusLine();
  endOnSignal(end, () => line.note("ending: the summary follows; once more to do without"));
  const directories = hasSurvival(options) ? Array.from({ length: jobs }, () => scratchDirectory()) : [];
  // Last of all checks, since it makes the file.
  if (options.json !== undefined) requireWritable(options.json);
  if (warning !== undefined) process.stderr.write(`flipside: ${warning}\n`);
  process.stdout.write(`seed ${soak.seed}\n`);
  const showOf = (job: number): Show => {
    const name = jobs === 1 ? "" : `job ${job}: `;
    return {
      progress: (text) => line.show(name + text),
      violation: (text) => line.note(paint("red", name + text)),
      note: (text) => line.note(name + text),
    };
  };
  const results = await runJobs(options, directories, showOf, end).finally(() => line.clear());
  const verdict = await tell(results, options, replayCommand(args, soak.seed));
  if (results.endedBy !== undefined && verdict !== "violated") throw results.endedBy;
  return EXIT_CODES[verdict];
}

/** Prints the summary and writes the report, whatever ended the soak. */
async function tell(
  { done, endedBy }: JobResults,
  options: EmulateOptions,
  replay: string,
): Promise<Verdict> {
  const reports = done.map((job) => job.report);
  const report = mergeReports(options.soak.seed, reports);
  const floorUs = await measureFloor();
  const verdict = verdictOf(report);
  const counted = done.flatMap(({ translator }) => translator ?? []);
  const translator = options.stats ? sumStats(counted) : undefined;
  const endedBecause = endedBy === undefined ? undefined : errorMessage(endedBy);
  process.stdout.write(formatSummary(report, translator, floorUs, verdict, endedBecause, replay));
  if (options.json !== undefined) {
    const firstInstructionNs = done[0]?.executingSinceNs;
    const { jobs } = options;
    writeReport(options.json, "soak", {
      ...report,
      verdict,
      endedBecause,
      jobs,
      floorUs,
      firstInstructionNs,
      translator,
    });
  }
  return verdict;
}

/** Of the bare hand-off, in microseconds; 0 where the machine has no room for its threads any more. */
async function measureFloor(): Promise<{ readonly p50: number; readonly p99: number }> {
  try {
    const floor = await measureHandoff(FLOOR_HANDOFFS, FLOOR_WARM_UP);
    return { p50: floor.percentile(50) / 1000, p99: floor.percentile(99) / 1000 };
  } catch (error) {
    if (kindOf(error) !== "resource") throw error;
    return { p50: 0, p99: 0 };
  }
}

/** Aborts at the first signal; the second ends the process as it would have without this, but tidily. */
function endOnSignal(end: AbortController, tell: () => void): void {
  for (const signal of ENDING_SIGNALS) {
    process.once(signal, () => {
      for (const again of ENDING_SIGNALS) process.removeAllListeners(again).once(again, dieTidily);
      tell();
      end.abort();
    });
  }
}
