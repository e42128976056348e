/** `flipside emulate`: a soak of live controllers under seeded faults, carried out and told. */
import { sumStats } from "../controller/translator/stats.ts";
import { runJobs, type Show } from "./emulate/jobs.ts";
import { HELP, parseEmulate } from "./emulate/options.ts";
import { formatSummary, replayCommand, type Verdict, verdictOf } from "./emulate/summary.ts";
import { EXIT_FINDING, EXIT_HELD, EXIT_UNJUDGED } from "./exit-codes.ts";
import { measureHandoff } from "./handoff.ts";
import { requireWritable, writeReport } from "./input.ts";
import { MACHINES_OF_A_CONTROLLER, requireLimits } from "./limits.ts";
import { mergeReports } from "./merge-reports.ts";
import { dieTidily } from "./scratch.ts";
import { paint, StatusLine } from "./terminal.ts";

const EXIT_CODES: Readonly<Record<Verdict, number>> = {
  held: EXIT_HELD,
  violated: EXIT_FINDING,
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
  // Last of all checks, since it makes the file.
  if (options.json !== undefined) requireWritable(options.json);
  const line = new StatusLine();
  const end = new AbortController();
  endOnInterrupt(end, () => line.note("ending: the summary follows; Ctrl-C again to do without"));
  process.stdout.write(`seed ${soak.seed}\n`);
  const showOf = (job: number): Show => {
    const name = jobs === 1 ? "" : `job ${job}: `;
    return {
      progress: (text) => line.show(name + text),
      violation: (text) => line.note(paint("red", name + text)),
    };
  };
  const done = await runJobs(options, showOf, end).finally(() => line.clear());
  const report = mergeReports(
    soak.seed,
    done.map((job) => job.report),
  );
  const floor = await measureHandoff(FLOOR_HANDOFFS, FLOOR_WARM_UP);
  const floorUs = { p50: floor.percentile(50) / 1000, p99: floor.percentile(99) / 1000 };
  const verdict = verdictOf(report);
  const translator = options.stats ? sumStats(done.map((job) => job.translator)) : undefined;
  process.stdout.write(formatSummary(report, translator, floorUs, verdict, replayCommand(args, soak.seed)));
  if (options.json !== undefined) {
    const firstInstructionNs = done[0]?.executingSinceNs;
    writeReport(options.json, { ...report, jobs, floorUs, firstInstructionNs, translator });
  }
  return EXIT_CODES[verdict];
}

/** Aborts at the first SIGINT; the second, and other signals, end the process as they would have, but tidily. */
function endOnInterrupt(end: AbortController, tell: () => void): void {
  for (const signal of ["SIGTERM", "SIGHUP"] as const) process.once(signal, dieTidily);
  process.once("SIGINT", () => {
    process.once("SIGINT", dieTidily);
    tell();
    end.abort();
  });
}
