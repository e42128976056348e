/** `flipside emulate`: the soak, what it looks like while it runs, and its summary. */

import { randomInt } from "node:crypto";
import { join } from "node:path";
import type { EngineKind } from "../controller/cpu/engine-kind.ts";
import { sumStats, type TranslatorStats } from "../controller/translator/stats.ts";
import { monotonicNs } from "../emulator/base/clock.ts";
import type { ErrorKind } from "../emulator/base/errors.ts";
import { LOG_LEVELS, type LogLevel } from "../emulator/base/log.ts";
import { DEFAULT_MEMORY_CONFIG } from "../emulator/memory/layout.ts";
import { DEFAULT_LIMITS, DEFAULT_RECOVERY, type DeviceConfig } from "../supervisor/core/config.ts";
import { FAULTS, failsOver } from "../supervisor/faults/faults.ts";
import type { RunningDevice, SoakOptions, SoakProgress, SoakReport } from "../supervisor/index.ts";
import { launchSupervisor } from "../supervisor/launch.ts";
import type { FaultReport } from "../supervisor/soak/tally.ts";
import { SURVIVAL_KINDS } from "../supervisor/survival/survival-kinds.ts";
import { readRunnableImage } from "./firmware-image.ts";
import { measureHandoff } from "./handoff.ts";
import { requireSeparate, requireWritable, writeReport } from "./input.ts";
import { publicPem, readKey } from "./keys.ts";
import { mergeReports } from "./merge-reports.ts";
import {
  EXIT_FINDING,
  EXIT_HELD,
  parseDuration,
  parseEngine,
  parseInteger,
  parseOptions,
  shellQuoted,
  UsageError,
} from "./options.ts";
import { dieTidily, removeScratch, scratchDirectory } from "./scratch.ts";
import { formatHistogram, formatTable, formatTranslator, formatUs, paint, StatusLine } from "./terminal.ts";

const HELP = `flipside emulate: a live controller under seeded faults; it must come back from every one.

usage: flipside emulate [options]

  --duration TIME    how long, such as 30s, 10m, 1h (default 20s); every kind comes at least once
  --failovers N      stop after N failovers
  --seed S           seed of the order of faults and of the host's work (default: random, printed)
  --faults a,b       only these kinds (default: all)
  --image-a FILE     MCUboot image of region 0 (default: the reference firmware 1.1.0)
  --image-b FILE     MCUboot image of region 1 (default: the reference firmware 1.0.0)
  --key FILE         Ed25519 public key (PEM) that both images, and then not the reference firmware, are signed with;
                     several may be given, and one of them is enough (default: signatures are not looked at)
  --regions N        2 to 4 regions; those behind the second hold image A and B in turn (default 2)
  --jobs N           so many controllers at once, with the seeds S, S + 1, … (default 1)
  --engine KIND      auto (default), translator or interpreter
  --stats            tell at the end what was translated, when, and why it was left
  --json FILE        write the report
  --log-level LEVEL  NDJSON log on stderr: silent, error (default), warn, info, debug
  --help             this text

Ctrl-C ends it early, with the summary of what was done.

Exit code: 0 everything held, 1 something was violated, 2 bad input.

Kinds: ${FAULTS.map((fault) => fault.kind).join(", ")}
Of the process, the power and the memory, in a soak by time: ${SURVIVAL_KINDS.join(", ")}
`;

const DEFAULT_DURATION_MS = 20_000;
/** Share of a timed soak in which the supervisor process itself, and the power, are taken away. */
const SURVIVAL_SHARE = 0.3;
/** Each is a process of several threads and some 100 MB. */
const MAX_JOBS = 64;
/** Longest that a controller, which starts in well under a second, may take on a busy machine. */
const READY_MS = 20_000;
const FLOOR_HANDOFFS = 1_000;
const FLOOR_WARM_UP = 200;

interface EmulateOptions {
  readonly soak: SoakOptions;
  /** Kinds of survival.ts; empty for none. */
  readonly survivalKinds: readonly string[];
  readonly images: readonly Uint8Array[];
  /** PEM texts. */
  readonly keys: readonly string[];
  readonly regions: number;
  /** Controllers at once. */
  readonly jobs: number;
  readonly engine: EngineKind;
  /** The report has what the translators counted. */
  readonly stats: boolean;
  readonly json: string | undefined;
  readonly logLevel: LogLevel;
}

function parseKinds(text: string | undefined): readonly string[] {
  if (text === undefined) return [];
  // One that is named twice would be counted twice.
  const kinds = [...new Set(text.split(",").filter((kind) => kind !== ""))];
  if (kinds.length === 0) {
    throw new UsageError(`--faults is "${text}": it names none; flipside emulate --help lists them`);
  }
  for (const kind of kinds) {
    if (!FAULTS.some((fault) => fault.kind === kind) && !SURVIVAL_KINDS.includes(kind)) {
      throw new UsageError(`there is no fault "${kind}": flipside emulate --help lists them`);
    }
  }
  return kinds;
}

function parseLogLevel(text: string): LogLevel {
  const level = LOG_LEVELS.find((known) => known === text);
  if (level === undefined)
    throw new UsageError(`--log-level is "${text}": it must be one of ${LOG_LEVELS.join(", ")}`);
  return level;
}

/** Seeds are words: what follows the last one is the first, and not a number that --seed would refuse. */
function seedOf(seed: number, job: number): number {
  return (seed + job) % 2 ** 32;
}

function parse(args: readonly string[]): EmulateOptions | "help" {
  const { values } = parseOptions(args, {
    duration: { type: "string" },
    failovers: { type: "string" },
    seed: { type: "string" },
    faults: { type: "string" },
    "image-a": { type: "string" },
    "image-b": { type: "string" },
    key: { type: "string", multiple: true },
    regions: { type: "string" },
    jobs: { type: "string" },
    engine: { type: "string" },
    stats: { type: "boolean" },
    json: { type: "string" },
    "log-level": { type: "string" },
    help: { type: "boolean", short: "h" },
  });
  if (values.help === true) return "help";
  const failovers =
    values.failovers === undefined ? null : parseInteger("--failovers", values.failovers, 1, 2 ** 31);
  const durationMs = values.duration === undefined ? null : parseDuration("--duration", values.duration);
  const regions = parseInteger("--regions", values.regions ?? "2", 2, 4);
  const kinds = parseKinds(values.faults);
  const chosen = kinds.length > 0 ? kinds.filter((kind) => SURVIVAL_KINDS.includes(kind)) : undefined;
  const ofDevice = kinds.filter((kind) => !SURVIVAL_KINDS.includes(kind));
  if (
    failovers !== null &&
    ofDevice.length > 0 &&
    !FAULTS.some((fault) => ofDevice.includes(fault.kind) && failsOver(fault))
  ) {
    throw new UsageError(`--failovers would never be over: ${ofDevice.join(", ")} causes no failover`);
  }
  requireSeparate([values.json], [values["image-a"], values["image-b"], ...(values.key ?? [])]);
  const keys = (values.key ?? []).map(readKey);
  // Two versions that can run are what a soak is about; what becomes of others is the sweep's.
  const pair = [
    readRunnableImage("--image-a", values["image-a"], keys),
    readRunnableImage("--image-b", values["image-b"], keys),
  ];
  return {
    soak: {
      seed:
        values.seed === undefined ? randomInt(2 ** 31) : parseInteger("--seed", values.seed, 0, 2 ** 32 - 1),
      durationMs: durationMs ?? (failovers === null ? DEFAULT_DURATION_MS : null),
      failovers,
      kinds: kinds.length === 0 ? null : ofDevice,
    },
    survivalKinds: chosen ?? (failovers === null ? SURVIVAL_KINDS : []),
    images: Array.from({ length: regions }, (_, region) => pair[region % 2] as Uint8Array),
    keys: keys.map(publicPem),
    regions,
    jobs: parseInteger("--jobs", values.jobs ?? "1", 1, MAX_JOBS),
    engine: parseEngine(values.engine ?? "auto"),
    stats: values.stats === true,
    json: values.json,
    logLevel: parseLogLevel(values["log-level"] ?? "error"),
  };
}

export async function emulateCommand(args: readonly string[]): Promise<number> {
  const options = parse(args);
  if (options === "help") {
    process.stdout.write(HELP);
    return EXIT_HELD;
  }
  const { soak, jobs } = options;
  // Last of all checks, since it makes the file.
  if (options.json !== undefined) requireWritable(options.json);
  const line = new StatusLine();
  const end = new AbortController();
  const { signal } = end;
  endOnInterrupt(end, () => line.note("ending: the summary follows; Ctrl-C again to do without"));
  process.stdout.write(`seed ${soak.seed}\n`);
  const running = Array.from({ length: jobs }, (_, job) => {
    const name = jobs === 1 ? "" : `job ${job}: `;
    return runJob(
      { ...options, soak: { ...soak, seed: seedOf(soak.seed, job) } },
      {
        progress: (text) => line.show(name + text),
        violation: (text) => line.note(paint("red", name + text)),
      },
      signal,
    );
  });
  const done = await allOrEnd(running, end).finally(() => line.clear());
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
  return verdict === "held" ? EXIT_HELD : EXIT_FINDING;
}

interface JobResult {
  readonly report: SoakReport;
  readonly executingSinceNs: number;
  /** At the end of the part in which the supervisor process lives. */
  readonly translator: TranslatorStats;
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

/** All results. When a job fails the others are ended, which may have an hour to go, and then its error is thrown. */
async function allOrEnd(
  jobs: readonly Promise<JobResult>[],
  end: AbortController,
): Promise<readonly JobResult[]> {
  try {
    return await Promise.all(jobs);
  } catch (error) {
    end.abort();
    await Promise.allSettled(jobs);
    throw error;
  }
}

/** The soak cannot begin: nothing was checked. */
class NotReadyError extends Error {
  override readonly name = "NotReadyError";
  readonly kind: ErrorKind = "finding";
}

/** Resolves once a version is ready and a standby parked. Garbage that an image holds may fail over and over, for ever. */
async function awaitReady(device: RunningDevice, signal: AbortSignal): Promise<void> {
  let giveUp: (reason: string) => void = () => undefined;
  const failed = new Promise<never>((_, reject) => {
    giveUp = (reason) => reject(new NotReadyError(reason));
  });
  const interrupted = (): void => giveUp("ended before the controller was ready: nothing was checked");
  const timer = setTimeout(
    () =>
      giveUp(
        `no version was ready, with a standby beside it, within ${READY_MS / 1000} s: the firmware of the images does not start`,
      ),
    READY_MS,
  );
  signal.addEventListener("abort", interrupted);
  if (signal.aborted) interrupted();
  try {
    await Promise.race([device.standby(), failed]);
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", interrupted);
  }
}

/** What people see while it lasts. */
interface Show {
  readonly progress: (text: string) => void;
  /** At once: an hour is long. */
  readonly violation: (text: string) => void;
}

/** One controller from power-on to the end of its soak. */
async function runJob(options: EmulateOptions, show: Show, signal: AbortSignal): Promise<JobResult> {
  const { soak } = options;
  let told = 0;
  // The process starts while this one loads what it needs to talk to it.
  const child = launchSupervisor();
  const { startDevice } = await import("../supervisor/index.ts");
  const device = await startDevice(
    {
      images: options.images,
      keys: options.keys,
      memory: { regions: options.regions },
      // The soak fails regions far more often than any budget allows.
      limits: { budget: { failures: null, windowMs: 60_000 } },
      engine: options.engine,
      log: { level: options.logLevel, fd: 2 },
      onSoakProgress: (progress) => {
        for (; told < progress.violations.length; told++) show.violation(progress.violations[told] ?? "");
        show.progress(formatProgress(progress, soak));
      },
    },
    child,
  );
  try {
    await awaitReady(device, signal);
  } catch (error) {
    await device.stop();
    throw error;
  }
  const { executingSinceNs } = await device.status();
  const share = survivalShare(options);
  const inProcess = { ...soak, durationMs: soak.durationMs === null ? null : soak.durationMs * (1 - share) };
  const soaked = await device.soak(inProcess, signal);
  const { translator } = await device.status();
  await device.stop();
  const survives = share > 0 && !signal.aborted;
  const report = survives ? await survive(options, soaked, show.progress, signal) : soaked;
  return { report, executingSinceNs, translator };
}

function survivalShare({ survivalKinds, soak }: EmulateOptions): number {
  if (survivalKinds.length === 0) return 0;
  return soak.kinds?.length === 0 ? 1 : SURVIVAL_SHARE;
}

/** The second part: the supervisor process is killed, hung and robbed of its power; adds what came out. */
async function survive(
  options: EmulateOptions,
  soaked: SoakReport,
  show: (text: string) => void,
  signal: AbortSignal,
): Promise<SoakReport> {
  const { SurvivalSoak } = await import("../supervisor/survival/survival.ts");
  const directory = scratchDirectory();
  const config = {
    memory: { ...DEFAULT_MEMORY_CONFIG, regions: options.regions },
    images: options.images,
    keys: options.keys,
    limits: { ...DEFAULT_LIMITS, budget: { failures: null, windowMs: 60_000 } },
    recovery: DEFAULT_RECOVERY,
    engine: options.engine,
    // What it does to the device is what the log would complain of.
    log: { level: options.logLevel === "error" ? "silent" : options.logLevel, fd: 2 },
    flashFile: join(directory, "device.flash"),
  } satisfies DeviceConfig;
  const beganNs = monotonicNs();
  const durationMs = (options.soak.durationMs ?? 0) * survivalShare(options);
  const soak = new SurvivalSoak(config, {
    seed: options.soak.seed,
    durationMs,
    kinds: options.survivalKinds,
  });
  signal.addEventListener("abort", () => soak.end());
  // It may have come while the module was loaded.
  if (signal.aborted) soak.end();
  try {
    const survived = await soak.run((kind, rounds, violations) => {
      show(`survival: ${rounds} rounds  ${violations} violations  ${paint("dim", kind)}`);
    });
    return {
      ...soaked,
      durationMs: soaked.durationMs + Math.round((monotonicNs() - beganNs) / 1e6),
      survivalRounds: survived.rounds,
      violations: [...soaked.violations, ...survived.violations],
      faults: [...soaked.faults, ...survived.faults],
      checks: { ...soaked.checks, ...survived.checks },
      guardianRssBytes: survived.rssBytes,
    };
  } finally {
    removeScratch(directory);
  }
}

function formatCount({ failovers, survivalRounds }: SoakReport): string {
  const survival = survivalRounds === undefined ? "" : ` and ${survivalRounds} rounds of survival`;
  return `${failovers} failovers${survival}`;
}

/** From the start to the end, in MiB. */
function formatRss(rssBytes: readonly number[]): string {
  return `${rssBytes.map((bytes) => Math.round(bytes / 2 ** 20)).join(", ")} MiB`;
}

function complete({ class: faultClass, injected, detected, recovered }: FaultReport): boolean {
  const found = faultClass === "uncovered" || detected === injected;
  return found && recovered === injected;
}

type Verdict = "held" | "violated" | "unchecked";

function verdictOf({ violations, faults }: SoakReport): Verdict {
  if (violations.length > 0 || !faults.every(complete)) return "violated";
  return faults.some(({ injected }) => injected > 0) ? "held" : "unchecked";
}

function formatVerdict(verdict: Verdict, { violations }: SoakReport): string {
  if (verdict === "held") return paint("green", "everything held");
  if (verdict === "unchecked") return paint("yellow", "it ended before any fault, so nothing was checked");
  return paint("red", `${violations.length} violations, or faults that were not found`);
}

/** The same run again: what was asked, with the seed that was used. */
function replayCommand(args: readonly string[], seed: number): string {
  const rest = args.filter((arg, i) => !arg.startsWith("--seed") && args[i - 1] !== "--seed");
  return ["npm run emulate --", "--seed", String(seed), ...rest.map(shellQuoted)].join(" ");
}

function formatProgress(progress: SoakProgress, { durationMs, failovers }: SoakOptions): string {
  const elapsed = `${(progress.elapsedMs / 1000).toFixed(1)} s`;
  const end = durationMs === null ? `${failovers ?? "?"} failovers` : `${durationMs / 1000} s`;
  const count = progress.violations.length;
  const violations = paint(count > 0 ? "red" : "green", `${count} violations`);
  return `${elapsed} of ${end}  ${progress.failovers} failovers  ${violations}  trap restart p50 ${formatUs(progress.restartP50Us)}  ${paint("dim", progress.kind)}`;
}

function formatSummary(
  report: SoakReport,
  translator: TranslatorStats | undefined,
  floorUs: { readonly p50: number; readonly p99: number },
  verdict: Verdict,
  replay: string,
): string {
  const columns = [
    "fault",
    "class",
    "count",
    "found",
    "back",
    "detect p50",
    "p99",
    "restart p50",
    "p99",
    "ready p50",
    "p99",
  ];
  const rows = report.faults.map((fault) => [
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
  const table = formatTable(
    columns.map((title, i) => (i < 2 ? { title } : { title, align: "right" })),
    rows,
  );
  const { trapRestartUs: trap, restartUs: all } = report;
  const checks = Object.entries(report.checks).map(
    ([rule, count]) => `  ${String(count).padStart(7)} × ${rule}`,
  );
  const violations = report.violations.map((text) => paint("red", `  ${text}`));
  return [
    "",
    table,
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
    `${formatCount(report)} in ${(report.durationMs / 1000).toFixed(1)} s, ${report.hostCommands} host commands, ${report.codeBytesCopied} bytes of code copied: ${formatVerdict(verdict, report)}`,
    `again: ${replay}`,
    "",
  ].join("\n");
}
