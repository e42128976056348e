/**
 * The controllers of a soak, each with a seed of its own and a supervisor process that lives no longer than its soak.
 * A job has two parts: faults inside the process, then those of the process and the power themselves.
 */
import { join } from "node:path";
import type { Capability } from "../../controller/devices/capabilities.ts";
import type { TranslatorStats } from "../../controller/translator/stats.ts";
import { monotonicNs } from "../../emulator/base/clock.ts";
import { afterRunning } from "../../emulator/base/deadline.ts";
import { type ErrorKind, kindOf, lackIn } from "../../emulator/base/errors.ts";
import { familyRunningTime } from "../../emulator/base/running-time.ts";
import { errorMessage } from "../../emulator/base/text.ts";
import type { DeviceConfig, Limits } from "../../supervisor/core/config.ts";
import { asDoneTo, FAULTS, type Fault } from "../../supervisor/faults/catalogue.ts";
import type { RunningDevice, SoakProgress, SoakReport, Workload } from "../../supervisor/index.ts";
import { launchSupervisor } from "../../supervisor/launch.ts";
import type { EmulateOptions } from "./options.ts";
import { formatProgress, formatSurvivalProgress } from "./summary.ts";

/** Share of a timed soak in which the supervisor process itself, and the power, are taken away. */
const SURVIVAL_SHARE = 0.3;
/** Longest that a controller may take, which starts in well under a second, of these processes' running time. */
const READY_MS = 20_000;

export interface JobResult {
  readonly report: SoakReport;
  readonly executingSinceNs: number;
  /** At the end of the part in which the supervisor process lives; undefined of one that did not. */
  readonly translator: TranslatorStats | undefined;
  /** It did not come to its end. */
  readonly early?: true;
  /** What ended it before its time and says nothing of the controller; undefined where nothing did. */
  readonly endedBy?: unknown;
}

/** How a soak ends before its time: after what is under way, and where that takes too long at once. */
export interface Endings {
  readonly soon: AbortController;
  readonly now: AbortSignal;
}

/** What came of all jobs, of which one is enough. */
export interface JobResults {
  readonly done: readonly JobResult[];
  /** What ended the first that ended before its time. */
  readonly endedBy: unknown;
}

/** What people see while it lasts. */
export interface Show {
  readonly progress: (text: string) => void;
  /** At once: an hour is long. */
  readonly violation: (text: string) => void;
  /** At once, and once. */
  readonly note: (text: string) => void;
}

/**
 * Runs as many controllers at once as are asked for. `showOf` tells where what a job (0, 1, …) says is to be seen, and
 * `endings` end all of them early. When a job fails the others are ended, which may have an hour to go. Rejects when nothing
 * was done by any of them.
 * @param directories one for each job, for the flash file of its second part
 * @param workloads one for each job, where the user has work of his own
 */
export async function runJobs(
  options: EmulateOptions,
  directories: readonly string[],
  workloads: readonly Workload[],
  showOf: (job: number) => Show,
  endings: Endings,
): Promise<JobResults> {
  const { soak } = options;
  const done: JobResult[] = [];
  let endedBy: unknown;
  const fail = (error: unknown): void => {
    endedBy ??= error;
    endings.soon.abort();
  };
  const run = async (job: number): Promise<void> => {
    const ofJob = { ...options, soak: { ...soak, seed: seedOf(soak.seed, job) } };
    const result = await runJob(ofJob, directories[job] as string, workloads[job], showOf(job), endings);
    done.push(result);
    if (result.early === true) fail(result.endedBy);
  };
  await Promise.all(Array.from({ length: options.jobs }, (_, job) => run(job).catch(fail)));
  if (done.length === 0) throw endedBy;
  return { done, endedBy };
}

/** Seeds are words: what follows the last one is the first, and not a number that --seed would refuse. */
function seedOf(seed: number, job: number): number {
  return (seed + job) % 2 ** 32;
}

/** The soak cannot begin: nothing was checked. */
class NotReadyError extends Error {
  override readonly name = "NotReadyError";
  readonly kind: ErrorKind;

  constructor(message: string, kind: ErrorKind) {
    super(message);
    this.kind = kind;
  }
}

/** Resolves once a version is ready and a standby parked. Garbage that an image holds may fail over and over, for ever. */
async function awaitReady(device: RunningDevice, signal: AbortSignal): Promise<void> {
  let giveUp: (error: NotReadyError) => void = () => undefined;
  const failed = new Promise<never>((_, reject) => (giveUp = reject));
  const interrupted = (): void =>
    giveUp(new NotReadyError("ended before the controller was ready: nothing was checked", "unjudged"));
  const late = (): void => void notReady(device).then(giveUp);
  const inTime = afterRunning(READY_MS, late, familyRunningTime(monotonicNs()));
  signal.addEventListener("abort", interrupted);
  if (signal.aborted) interrupted();
  try {
    await Promise.race([device.standby(), failed]);
  } finally {
    inTime();
    signal.removeEventListener("abort", interrupted);
  }
}

/** What is not asked of firmware that says it cannot do it, and what is done instead. Throws {@link NotReadyError} where nothing is left. */
function whatIsLeftOut(
  { soak, survivalKinds, workload }: EmulateOptions,
  capabilities: readonly Capability[],
): readonly string[] {
  const notes: string[] = [];
  if (!capabilities.includes("queue") && workload !== undefined)
    throw new NotReadyError(
      "--workload has nobody to do it: the firmware says that it serves no host",
      "usage",
    );
  if (!capabilities.includes("queue")) notes.push("no host commands: the firmware says that it serves none");
  else if (!capabilities.includes("commands") && workload === undefined)
    notes.push("no results are checked: the firmware says that it does not have the command set");
  const why = "the firmware says that it commits no faults on request";
  const asked = FAULTS.filter(({ kind }) => soak.kinds?.includes(kind) !== false);
  const kindsDone = (by: (done: Fault | undefined) => boolean): string[] =>
    asked.filter((fault) => by(asDoneTo(fault, capabilities))).map(({ kind }) => kind);
  const left = kindsDone((done) => done === undefined);
  if (left.length > 0 && left.length === asked.length && survivalKinds.length === 0) {
    throw new NotReadyError(`${why}: nothing is left of ${left.join(", ")}`, "usage");
  }
  const forced = kindsDone((done) => done?.origin === "forced");
  if (forced.length > 0) notes.push(`done to the hart from outside: ${forced.join(", ")}: ${why}`);
  if (left.length > 0) notes.push(`left out: ${left.join(", ")}: ${why}`);
  return notes;
}

/** Why nothing was ready for so long: the firmware, or a machine that has no room for a standby. */
async function notReady(device: RunningDevice): Promise<NotReadyError> {
  const { noStandbyBecause: why } = await device.status();
  const late = `no version was ready, with a standby beside it, within ${READY_MS / 1000} s`;
  return lackIn(why) === undefined
    ? new NotReadyError(`${late}: the firmware of the images does not start (${why})`, "finding")
    : new NotReadyError(`${late}: ${why}`, "resource");
}

/** One controller from power-on to the end of its soak. */
async function runJob(
  options: EmulateOptions,
  directory: string,
  workload: Workload | undefined,
  show: Show,
  endings: Endings,
): Promise<JobResult> {
  const { soak } = options;
  const { signal } = endings.soon;
  let soFar: SoakReport | undefined;
  const device = await start(options, (progress) => {
    const told = soFar?.violations.length ?? 0;
    for (const violation of progress.report.violations.slice(told)) show.violation(violation);
    show.progress(formatProgress(progress, soak));
    soFar = progress.report;
  });
  let soaked: JobResult;
  try {
    await awaitReady(device, signal);
    const { executingSinceNs, capabilities } = await device.status();
    for (const note of whatIsLeftOut(options, capabilities)) show.note(note);
    try {
      const durationMs = soak.durationMs === null ? null : soak.durationMs * (1 - survivalShare(options));
      const report = await unlessEnded(device.soak({ ...soak, durationMs }, signal, workload), endings.now);
      soaked = { report, executingSinceNs, translator: (await device.status()).translator };
    } catch (error) {
      if (soFar === undefined) throw error;
      return endedEarly({ report: soFar, executingSinceNs, translator: undefined }, error);
    }
  } finally {
    await device.stop();
  }
  if (survivalShare(options) === 0 || signal.aborted) return soaked;
  try {
    const report = await survive(options, directory, soaked.report, show.progress, endings);
    return { ...soaked, report };
  } catch (error) {
    return endedEarly(soaked, error);
  }
}

async function start(
  options: EmulateOptions,
  onSoakProgress: (progress: SoakProgress) => void,
): Promise<RunningDevice> {
  // The process starts while this one loads what it needs to talk to it.
  const child = launchSupervisor();
  const { startLaunched } = await import("../../supervisor/library/start.ts");
  return startLaunched(
    {
      images: options.images,
      ...options.device,
      limits: withoutBudget(options.device.limits),
      log: { level: options.logLevel, fd: 2 },
      keepDumps: false,
      onSoakProgress,
    },
    child,
  );
}

/** The soak fails regions far more often than any budget allows. */
function withoutBudget(limits: Limits): Limits {
  return { ...limits, budget: { ...limits.budget, failures: null } };
}

/** What was under way when there was no more time for it. */
class TimeOverError extends Error {
  override readonly name = "TimeOverError";
  readonly kind: ErrorKind = "unjudged";
}

/** Rejects with {@link TimeOverError} when `now` comes before the result. */
function unlessEnded<T>(result: Promise<T>, now: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const over = (): void => reject(new TimeOverError("it had to end in the midst of a fault"));
    if (now.aborted) over();
    now.addEventListener("abort", over);
    result.then(resolve, reject).finally(() => now.removeEventListener("abort", over));
  });
}

/** What was done stays; what ended it is a violation where it is the device's, or an accident of its process. */
function endedEarly(result: JobResult, error: unknown): JobResult {
  const kind = kindOf(error);
  if (kind !== "finding") return { ...result, early: true, endedBy: error };
  const message = errorMessage(error);
  const violations = [...result.report.violations, message];
  const finding = { id: "supervisor", cause: "the controller's process lives on", message };
  const findings = [...result.report.findings, finding];
  return { ...result, early: true, report: { ...result.report, violations, findings } };
}

/** Whether the soak has its second part, for which each job needs a directory. */
export function hasSurvival(options: EmulateOptions): boolean {
  return survivalShare(options) > 0;
}

function survivalShare({ survivalKinds, soak }: EmulateOptions): number {
  if (survivalKinds.length === 0) return 0;
  return soak.kinds?.length === 0 ? 1 : SURVIVAL_SHARE;
}

/** The second part: the supervisor process is killed, hung and robbed of its power; adds what came out. */
async function survive(
  options: EmulateOptions,
  directory: string,
  soaked: SoakReport,
  show: (text: string) => void,
  { soon: { signal }, now }: Endings,
): Promise<SoakReport> {
  const { SurvivalSoak } = await import("../../supervisor/survival/survival.ts");
  const config = {
    ...options.device,
    images: options.images,
    limits: withoutBudget(options.device.limits),
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
    budget: options.device.limits.budget,
  });
  signal.addEventListener("abort", () => soak.end());
  now.addEventListener("abort", () => soak.abandon());
  // It may have come while the module was loaded.
  if (signal.aborted) soak.end();
  const survived = await soak.run((kind, rounds, violations) => {
    show(formatSurvivalProgress(kind, rounds, violations));
  });
  return {
    ...soaked,
    durationMs: soaked.durationMs + Math.round((monotonicNs() - beganNs) / 1e6),
    survivalRounds: survived.rounds,
    leftOut: survived.leftOut,
    violations: [...soaked.violations, ...survived.violations],
    findings: [...soaked.findings, ...survived.findings],
    notJudged: [...soaked.notJudged, ...survived.notJudged],
    notInjected: [...soaked.notInjected, ...survived.notInjected],
    faults: [...soaked.faults, ...survived.faults],
    checks: { ...soaked.checks, ...survived.checks },
    guardianRssBytes: survived.rssBytes,
  };
}
