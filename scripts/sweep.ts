/** `flipside sweep`: lose power at every point, in virtual time; or replay one case and tell what happens. */

import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { requireLimits } from "../emulator/base/limits.ts";
import { type LoadedDevice, loadDeviceFile } from "../supervisor/device-file/load.ts";
import { loadLoader } from "../supervisor/device-file/load-loader.ts";
import { ModuleError } from "../supervisor/module/load.ts";
import { CaseIdError, formatCaseId, parseCaseId } from "../supervisor/sweep/explore/case-id.ts";
import type { Finding } from "../supervisor/sweep/explore/explorer.ts";
import { imagePair, SweepImageError } from "../supervisor/sweep/flipside/image-library.ts";
import { NOT_INJECTED } from "../supervisor/sweep/flipside/oracle/verdict.ts";
import { sweptDevice } from "../supervisor/sweep/flipside/swept-device.ts";
import { defaultJobs, MAX_DEPTH, MAX_JOBS } from "../supervisor/sweep/run/bounds.ts";
import { DEPTH_IN_PARTS, type PlannedScenario } from "../supervisor/sweep/run/plan.ts";
import { LEFT_OUT_BECAUSE, type SweepReport, toJunit } from "../supervisor/sweep/run/report.ts";
import {
  type AnySweepOptions,
  runSweep,
  type SweepTerms,
  scenariosOf,
  threadOptions,
} from "../supervisor/sweep/run/run.ts";
import { selectScenarios } from "../supervisor/sweep/run/select.ts";
import { faultsOf } from "../supervisor/sweep/run/swept.ts";
import { SweepThread } from "../supervisor/sweep/run/threads.ts";
import { type CommandDevice, DEVICE_OPTIONS, readDevice, requireRunnable } from "./described-device.ts";
import { atMaxTime, endOnSignal, MAX_TIME_OPTION, parseMaxTime } from "./ending.ts";
import {
  EXIT_FINDING,
  EXIT_HELD,
  EXIT_UNJUDGED,
  EXIT_USAGE,
  OTHER_EXIT_CODES,
  UnableError,
} from "./exit-codes.ts";
import {
  type Comparison,
  compareFindings,
  describeVanished,
  type Known,
  readExpectations,
} from "./expectations.ts";
import { requireSeparate, requireWritable, writeOutput, writeReport } from "./input.ts";
import { HELP_OPTION, parseEngine, parseInteger, parseOptions, shellQuoted, UsageError } from "./options.ts";
import { colourOf, formatProgress, formatSummary } from "./sweep/summary.ts";
import { fitHelp, formatTable, paint, StatusLine } from "./terminal.ts";

/** As an output, to the user. */
const JUNIT_REPORT = "the JUnit report";

const HELP = `flipside sweep: cut power before, inside and after every persistent operation of every scenario, and judge
whether the device comes back as it must. Virtual time, one virtual device per job, nothing is left to chance.

usage: flipside sweep [options]

  --depth N          cuts in a row: 1 each cut (default), 2 also each cut of each recovery, 3, …
  --faults           also a crash, a hang and flipped bits at every point (of a boot loader: resets, watchdog, bad
                     blocks, skipped instructions), and pairs of fault and cut
  --run-all          run each future to its end, even where it goes on as one that was run before
  --scenarios a,b    only these; a name with * at its end stands for all that begin so
  --list             list the scenarios
  --all              tell every finding, not one for each cause
  --engine KIND      auto (default), translator or interpreter
  --jobs N           threads (default: one for each processor)
  --shard I/N        only part I of N of the sweep
  --seed S           seed of torn bits and sampled cuts (default 1)
  --device FILE      device file: sizes, deadlines, images and more (docs/device-file.md); what is said here counts before.
                     One with a board and a loader: that boot loader is swept (docs/loader.md)
  --image-a FILE     MCUboot image of the higher version (default: the reference firmware 1.1.0)
  --image-b FILE     MCUboot image of the lower version (default: the reference firmware 1.0.0)
  --rules FILE       JavaScript module that exports your boot decision or policy as \`rules\` (docs/sweep.md)
  --scenarios-from FILE
                     JavaScript module that exports your own \`scenarios\`: these are swept (docs/sweep.md)
  --replay ID        run one case and print its timeline
  --max-time TIME    end after so long, such as 10m, and tell what was not swept
  --expect FILE      findings that are known: new ones fail, and so do these where they are gone (docs/sweep.md)
  --json FILE        write the report
  --junit FILE       write the report as JUnit XML
  -h, --help         this text

Ctrl-C and SIGTERM end it early, with the summary of what was swept.

Exit code: 0 everything held, 1 findings,
${OTHER_EXIT_CODES};
2 also where a fault that was asked for never took place (not-injected).
`;

interface SweepCommand {
  readonly options: AnySweepOptions;
  readonly replay: string | undefined;
  readonly list: boolean;
  /** Every finding is told. */
  readonly all: boolean;
  readonly json: string | undefined;
  readonly junit: string | undefined;
  readonly maxTimeMs: number | undefined;
  /** Undefined where nobody says what is known. */
  readonly expected: readonly Known[] | undefined;
}

/** The two that are swept, the higher version first: the file of a device may name them in any order. */
function imagesOf(device: CommandDevice): readonly [Uint8Array, Uint8Array] {
  const [first, second] = device.images;
  if (first === undefined || second === undefined)
    throw new UsageError(`${device.files[0]}: images: a sweep needs two, of different versions`);
  for (const image of [first, second]) requireRunnable(image, device);
  const isNamed = [first, second].some(({ what }) => what.startsWith("--"));
  return imagePair([first.bytes, second.bytes], device.memory.regionBytes, !isNamed);
}

function parseScenarios(text: string | undefined): readonly string[] {
  const wanted = text?.split(",").filter((name) => name !== "") ?? [];
  if (text !== undefined && wanted.length === 0) {
    throw new UsageError(`--scenarios is "${text}": it names none; flipside sweep --list lists them`);
  }
  return wanted;
}

function parseShard(text: string): SweepTerms["shard"] {
  const [, index = "", of = ""] = /^(\d+)\/(\d+)$/.exec(text) ?? [];
  const shard = { index: Number(index), of: Number(of) };
  if (index === "" || shard.index < 1 || shard.index > shard.of) {
    throw new UsageError(`--shard is "${text}": it must look like 1/4, the part and how many there are`);
  }
  return shard;
}

function urlOf(file: string): string {
  return pathToFileURL(resolve(file)).href;
}

const OPTIONS = {
  depth: { type: "string" },
  faults: { type: "boolean" },
  "run-all": { type: "boolean" },
  scenarios: { type: "string" },
  list: { type: "boolean" },
  all: { type: "boolean" },
  ...DEVICE_OPTIONS,
  jobs: { type: "string" },
  shard: { type: "string" },
  seed: { type: "string" },
  rules: { type: "string" },
  "scenarios-from": { type: "string" },
  replay: { type: "string" },
  json: { type: "string" },
  junit: { type: "string" },
  expect: { type: "string" },
  ...MAX_TIME_OPTION,
  ...HELP_OPTION,
} as const;

type Values = ReturnType<typeof parseOptions<typeof OPTIONS>>["values"];

function parse(args: readonly string[]): SweepCommand | "help" {
  const { values } = parseOptions(args, OPTIONS);
  if (values.help === true) return "help";
  if (values.replay !== undefined && (values.json ?? values.junit) !== undefined) {
    throw new UsageError("--json and --junit report a sweep; --replay prints one case");
  }
  const options = optionsBy(values);
  return {
    options,
    replay: values.replay,
    list: values.list === true,
    all: values.all === true,
    json: values.json,
    junit: values.junit,
    maxTimeMs: parseMaxTime(values["max-time"]),
    expected:
      values.expect === undefined
        ? undefined
        : readExpectations(values.expect).map((known) => asCase(known, faultsOf(options))),
  };
}

/** Files that are read are not written. Before any of them is judged. */
function requireApart(values: Values, read: readonly (string | undefined)[]): void {
  requireSeparate([values.json, values.junit], [...read, values.expect]);
}

/** What is swept: the file of a device that has a board is of somebody's own boot loader. */
function optionsBy(values: Values): AnySweepOptions {
  const file = values.device === undefined ? undefined : loadDeviceFile(values.device);
  return file?.board === undefined ? flipsideBy(values) : loaderBy(values, file);
}

function flipsideBy(values: Values): AnySweepOptions {
  const described = readDevice(values);
  requireApart(values, [...described.files, values.rules, values["scenarios-from"]]);
  const [imageA, imageB] = imagesOf(described);
  return {
    ...termsOf(values),
    imageA,
    imageB,
    engine: described.engine,
    device: sweptDevice(described),
    ...(values.rules === undefined ? {} : { rulesModule: urlOf(values.rules) }),
    ...(values["scenarios-from"] === undefined ? {} : { scenariosModule: urlOf(values["scenarios-from"]) }),
  };
}

/** What a boot loader has nothing of, and why. */
const NOT_OF_LOADERS = {
  "image-a": "its device file names the images, in loader.images",
  "image-b": "its device file names the images, in loader.images",
  rules: "it decides itself what it starts",
  "scenarios-from": "its scenarios follow from loader.mode in its device file",
} as const;

function loaderBy(values: Values, device: LoadedDevice): AnySweepOptions {
  for (const option of ["image-a", "image-b", "rules", "scenarios-from"] as const) {
    if (values[option] === undefined) continue;
    throw new UsageError(`--${option} is not for the sweep of a boot loader: ${NOT_OF_LOADERS[option]}`);
  }
  const { programs = [], loader: described } = device.board ?? {};
  const { old, new: next, newer, bad = [] } = described?.images ?? {};
  const modules = device.board?.profile.devices.map(({ module }) => module) ?? [];
  const read = [device.file, ...programs.map(({ file }) => file), ...modules, old, next, newer, ...bad];
  requireApart(values, read);
  const engine = values.engine === undefined ? device.engine : parseEngine(values.engine);
  return { ...termsOf(values), loader: loadLoader(device), engine };
}

function termsOf(values: Values): Omit<SweepTerms, "engine"> {
  return {
    seed: parseInteger("--seed", values.seed ?? "1", 0, 2 ** 32 - 1),
    depth: parseInteger("--depth", values.depth ?? "1", 1, MAX_DEPTH),
    faults: values.faults === true,
    runAll: values["run-all"] === true,
    jobs: parseInteger("--jobs", values.jobs ?? String(defaultJobs()), 1, MAX_JOBS),
    shard: parseShard(values.shard ?? "1/1"),
    scenarios: parseScenarios(values.scenarios),
  };
}

export async function sweepCommand(args: readonly string[]): Promise<number> {
  try {
    return await run(args);
  } catch (error) {
    const usage =
      error instanceof SweepImageError || error instanceof ModuleError || error instanceof CaseIdError;
    throw usage ? new UsageError(error.message) : error;
  }
}

async function run(args: readonly string[]): Promise<number> {
  const command = parse(args);
  if (command === "help") {
    process.stdout.write(fitHelp(HELP));
    return EXIT_HELD;
  }
  const scenarios = await scenariosOf(command.options);
  if (command.list) {
    const rows = scenarios.map(({ name, about }) => [name, about]);
    process.stdout.write(`${formatTable([{ title: "scenario" }, { title: "what happens" }], rows)}\n`);
    return EXIT_HELD;
  }
  const options = { ...command.options, scenarios: selectScenarios(command.options.scenarios, scenarios) };
  return command.replay === undefined
    ? sweep({ ...command, options }, args)
    : replay({ ...command, options }, command.replay, scenarios);
}

async function sweep(command: SweepCommand, args: readonly string[]): Promise<number> {
  const { options, json, junit, maxTimeMs, expected } = command;
  requireLimits(options.jobs);
  if (json !== undefined) requireWritable(json);
  if (junit !== undefined) requireWritable(junit, JUNIT_REPORT);
  const line = new StatusLine();
  const end = new AbortController();
  endOnSignal(end, () => line.note("ending: the summary follows; once more to do without"));
  atMaxTime(maxTimeMs, () => {
    line.note("the time of --max-time is over: the summary follows");
    end.abort();
  });
  // Once whoever reads it may send a signal: process 1 of a container loses one that nobody takes yet.
  process.stdout.write(`seed ${options.seed}\n`);
  const report = await runSweep({
    ...options,
    signal: end.signal,
    onProgress: (progress) => line.show(formatProgress(progress)),
  }).finally(() => line.clear());
  if (report.scenarios.length === 0 && report.notSwept.length === 0 && report.leftOut.length > 0) {
    const because = new Set(report.leftOut.flatMap(({ what }) => LEFT_OUT_BECAUSE.get(what) ?? []));
    throw new UsageError(`there is nothing left of this sweep: ${[...because].join(", and ")}`);
  }
  if (report.scenarios.length === 0 && report.notSwept.length === 0) {
    throw new UsageError(`there is nothing in part ${report.shard} of this sweep: name fewer parts`);
  }
  const compared = compare(report, expected ?? [], faultsOf(options));
  process.stdout.write(
    formatSummary(report, compared, { replayOptions: replayOptions(args), all: command.all }),
  );
  // A report that fails must not cost the other: both are tried.
  const refusals = [
    json === undefined
      ? undefined
      : refusalOf(() => writeReport(json, "sweep", { ...report, vanished: compared.vanished })),
    junit === undefined
      ? undefined
      : refusalOf(() => writeOutput(JUNIT_REPORT, junit, junitOf(report, compared))),
  ].filter((refusal) => refusal !== undefined);
  const unable = refusals.some((refusal) => refusal instanceof UnableError);
  const message = refusals.map((refusal) => refusal.message).join("; ");
  if (refusals.length > 0) throw unable ? new UnableError(message) : new UsageError(message);
  if (compared.vanished.length > 0) return EXIT_FINDING;
  const code = exitCodeOf(compared.unexpected.map(({ verdict }) => verdict));
  return code === EXIT_HELD && report.notSwept.length > 0 ? EXIT_UNJUDGED : code;
}

/** A finding says more than a fault that never took place, of which nothing can be said. */
function exitCodeOf(verdicts: readonly string[]): number {
  if (verdicts.some((verdict) => verdict !== NOT_INJECTED)) return EXIT_FINDING;
  return verdicts.length > 0 ? EXIT_USAGE : EXIT_HELD;
}

/** By its id as this version writes it. Throws {@link CaseIdError}. */
function asCase({ id, cause }: Known, faults: readonly string[]): Known {
  return { id: formatCaseId(parseCaseId(id, faults)), cause };
}

/** A finding of a scenario that was swept to its end comes again, or is gone. */
function compare(
  report: SweepReport,
  expected: readonly Known[],
  faults: readonly string[],
): Comparison<Finding> {
  const swept = report.scenarios.map(({ name }) => name).filter((name) => !report.notSwept.includes(name));
  // In parts of a scenario that are with another shard nobody looked.
  const isWhole = report.shard === "1/1" || report.depth < DEPTH_IN_PARTS;
  const isSwept = ({ id }: Known): boolean => isWhole && swept.includes(parseCaseId(id, faults).scenario);
  return compareFindings(expected, report.findings, knownBy, isSwept);
}

function knownBy({ replay, verdict }: Finding): Known {
  return { id: replay, cause: verdict };
}

/** What is known has not failed. */
function junitOf(report: SweepReport, { unexpected, vanished }: Comparison<Finding>): string {
  const missing = vanished.map((known) => [known.id, describeVanished(known)] as const);
  return toJunit({ ...report, findings: unexpected }, missing);
}

/** The error that `action` ends in, where a file or the machine is at fault. */
function refusalOf(action: () => void): UsageError | UnableError | undefined {
  try {
    action();
    return undefined;
  } catch (error) {
    if (error instanceof UsageError || error instanceof UnableError) return error;
    throw error;
  }
}

async function replay(
  { options }: SweepCommand,
  text: string,
  scenarios: readonly PlannedScenario[],
): Promise<number> {
  const id = parseCaseId(text, faultsOf(options));
  const scenario = scenarios.find(({ name }) => name === id.scenario);
  if (scenario === undefined) {
    throw new UsageError(`there is no scenario "${id.scenario}": flipside sweep --list lists them`);
  }
  const thread = new SweepThread({ ...threadOptions(options), seed: id.seed });
  const { ending, lines } = await thread.replay(scenario.name, id.path).finally(() => thread.close());
  if (ending === undefined) {
    throw new UsageError(
      `"${text}" is no case: there is nothing at one of its places, nothing that could tear, or nothing that could have its fault`,
    );
  }
  process.stdout.write(`${scenario.name}: ${scenario.about}\n\n${lines.join("\n")}\n\n`);
  if (typeof ending === "string") {
    process.stdout.write(`${paint("green", ending)}\n`);
    return EXIT_HELD;
  }
  process.stdout.write(`${paint(colourOf(ending.verdict), ending.verdict)}: ${ending.message}\n`);
  return exitCodeOf([ending.verdict]);
}

/** Of what was asked, what a replay needs, too: images, rules and scenarios. */
function replayOptions(args: readonly string[]): string {
  const needed = ["--device", "--image-a", "--image-b", "--rules", "--scenarios-from"];
  const kept = args.filter((arg, at) => {
    const option = arg.split("=", 1)[0] ?? "";
    return needed.includes(option) || needed.includes(args[at - 1] ?? "");
  });
  return kept.map((arg) => ` ${shellQuoted(arg)}`).join("");
}
