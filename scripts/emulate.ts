/** `flipside emulate`: a soak of live controllers under seeded faults, carried out and told. */

import { sumStats } from "../controller/translator/stats.ts";
import { kindOf } from "../emulator/base/errors.ts";
import { MACHINES_OF_A_CONTROLLER, quotaWarning, requireLimits } from "../emulator/base/limits.ts";
import { errorMessage } from "../emulator/base/text.ts";
import { FAULTS } from "../supervisor/faults/catalogue.ts";
import { loadWorkload } from "../supervisor/workload/thread.ts";
import { hasSurvival, type JobResults, runJobs, type Show } from "./emulate/jobs.ts";
import { type EmulateOptions, HELP, parseEmulate } from "./emulate/options.ts";
import { junitOf, outcomeOf, type Verdict } from "./emulate/outcome.ts";
import { formatSummary, replayCommand } from "./emulate/summary.ts";
import { atMaxTime, endOnSignal } from "./ending.ts";
import { EXIT_FINDING, EXIT_HELD, EXIT_UNJUDGED, EXIT_USAGE } from "./exit-codes.ts";
import { measureHandoff } from "./handoff.ts";
import { requireWritable, writeOutput, writeReport } from "./input.ts";
import { mergeReports } from "./merge-reports.ts";
import { scratchDirectory } from "./scratch.ts";
import { fitHelp, paint, StatusLine } from "./terminal.ts";

const EXIT_CODES: Readonly<Record<Verdict, number>> = {
  held: EXIT_HELD,
  violated: EXIT_FINDING,
  "not-injected": EXIT_USAGE,
  "not-judged": EXIT_UNJUDGED,
  unchecked: EXIT_UNJUDGED,
};

/** As an output, to the user. */
const JUNIT_REPORT = "the JUnit report";

/** What is under way when the time of --max-time is over may take so long, as most faults take less than a second. */
const LAST_FAULT_MS = 5_000;

const FLOOR_HANDOFFS = 1_000;
const FLOOR_WARM_UP = 200;

export async function emulateCommand(args: readonly string[]): Promise<number> {
  const options = parseEmulate(args);
  if (options === "help") {
    process.stdout.write(fitHelp(HELP));
    return EXIT_HELD;
  }
  const { soak, jobs } = options;
  requireLimits(MACHINES_OF_A_CONTROLLER);
  const warning = quotaWarning(jobs);
  const end = new AbortController();
  const line = new StatusLine();
  const endNow = new AbortController();
  let isTimeOver = false;
  endOnSignal(end, () => line.note("ending: the summary follows; once more to do without"));
  atMaxTime(options.maxTimeMs, () => {
    isTimeOver = true;
    line.note("the time of --max-time is over: the summary follows");
    end.abort();
    setTimeout(() => endNow.abort(), LAST_FAULT_MS).unref();
    // What does not end even then ends with this process.
    setTimeout(() => process.exit(), 3 * LAST_FAULT_MS).unref();
  });
  const directories = hasSurvival(options) ? Array.from({ length: jobs }, () => scratchDirectory()) : [];
  const workloads = options.workload === undefined ? [] : await loadWorkload(options.workload, jobs);
  // Last of all checks, since it makes the file.
  if (options.json !== undefined) requireWritable(options.json);
  if (options.junit !== undefined) requireWritable(options.junit, JUNIT_REPORT);
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
  const endings = { soon: end, now: endNow.signal };
  const works = workloads.map(({ workload }) => workload);
  const results = await runJobs(options, directories, works, showOf, endings).finally(() => {
    line.clear();
    for (const thread of workloads) void thread.close();
  });
  const verdict = await tell(results, options, isTimeOver, replayCommand(args, soak.seed));
  if (results.endedBy !== undefined && verdict !== "violated") throw results.endedBy;
  return EXIT_CODES[verdict];
}

/** Prints the summary and writes the report, whatever ended the soak. */
async function tell(
  { done, endedBy }: JobResults,
  options: EmulateOptions,
  isTimeOver: boolean,
  replay: string,
): Promise<Verdict> {
  const reports = done.map((job) => job.report);
  const report = mergeReports(options.soak.seed, reports);
  const floorUs = await measureFloor();
  // Whoever ends it by hand knows.
  const kinds = isTimeOver ? kindsOf(options) : [];
  const outcome = outcomeOf(report, options.expected, kinds);
  const { verdict, notTried } = outcome;
  const counted = done.flatMap(({ translator }) => translator ?? []);
  const translator = options.stats ? sumStats(counted) : undefined;
  const endedBecause = endedBy === undefined ? undefined : errorMessage(endedBy);
  process.stdout.write(formatSummary(report, translator, floorUs, outcome, endedBecause, replay));
  if (options.json !== undefined) {
    const firstInstructionNs = done[0]?.executingSinceNs;
    const { jobs } = options;
    writeReport(options.json, "soak", {
      ...report,
      verdict,
      vanished: outcome.compared.vanished,
      notTried,
      endedBecause,
      jobs,
      floorUs,
      firstInstructionNs,
      translator,
    });
  }
  if (options.junit !== undefined) {
    writeOutput(JUNIT_REPORT, options.junit, junitOf(report, outcome, replay));
  }
  return verdict;
}

/** All that were to come, whatever they count for. */
function kindsOf({ soak, survivalKinds }: EmulateOptions): readonly string[] {
  return [...(soak.kinds ?? FAULTS.map(({ kind }) => kind)), ...survivalKinds];
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
