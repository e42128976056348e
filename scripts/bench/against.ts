/**
 * `npm run bench -- --against DIR`: this build and an earlier one, built in DIR, measured in turns (ours, theirs, ours,
 * theirs, …), so that what the machine does meanwhile happens to both. The figure is the median of the pairs' ratios.
 *
 * Each measurement is a process of the build that it measures, reached only by what every build has: the command line
 * with its JSON reports, and the JSON of `bench.js`. The benchmark programs are ours for both.
 */
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { monotonicNs } from "../../emulator/base/clock.ts";
import { EXIT_FINDING, EXIT_HELD, UnjudgedError } from "../exit-codes.ts";
import { UsageError } from "../options.ts";
import { removeScratch, scratchDirectory } from "../scratch.ts";
import { spanOf } from "./engines.ts";
import { PROGRAMS, Program, type Run } from "./programs.ts";
import type { Figure, Section } from "./sections.ts";
import { measureStarts } from "./start.ts";
import { geometricMean, median } from "./statistics.ts";

/** Files of a build. */
interface Build {
  readonly cli: string;
  readonly bench: string;
}

/** Measures one thing of a build once. */
type Measurement = (build: Build) => readonly Figure[];

interface Comparison {
  readonly title: string;
  /** Each is measured in its own turns. */
  readonly parts: readonly Measurement[];
  /** More figures, made of those of all parts. */
  readonly summarise?: (figures: readonly Compared[], pairs: number) => readonly Compared[];
}

/** A figure of both builds, pair by pair. */
export interface Compared {
  readonly name: string;
  readonly unit: string;
  readonly ours: readonly number[];
  readonly theirs: readonly number[];
}

export interface ComparedSection {
  readonly title: string;
  readonly figures: readonly Compared[];
}

const STARTS = 5;
const RUNS = 3;
const LONG_MS = 3_600_000;
const ENGINES = ["interpreter", "translator"] as const;

function distOf(directory: string): Build {
  const scripts = join(directory, "dist", "scripts");
  return { cli: join(scripts, "cli.bundle.cjs"), bench: join(scripts, "bench.js") };
}

/** The build in a checkout. Throws {@link UsageError} where there is none that could run. */
function findBuild(directory: string): Build {
  const build = distOf(resolve(directory));
  const missing = [build.cli, build.bench, join(resolve(directory), "node_modules")].find(
    (path) => !existsSync(path),
  );
  if (missing === undefined) return build;
  throw new UsageError(`--against is "${directory}": there is no build in it that could run (no ${missing})`);
}

/** The report that the command writes. Throws when it ends otherwise than by one of these exit codes. */
function runForJson(args: readonly string[], exitCodes: readonly number[], env = process.env): unknown {
  const directory = scratchDirectory();
  try {
    const file = join(directory, "report.json");
    const { status, error } = spawnSync(process.execPath, [...args, "--json", file], {
      stdio: ["ignore", "ignore", "inherit"],
      timeout: LONG_MS,
      env,
    });
    if (status !== null && exitCodes.includes(status)) return JSON.parse(readFileSync(file, "utf8"));
    throw new Error(`${args.join(" ")} failed: ${error?.message ?? `exit code ${status}`}`);
  } finally {
    removeScratch(directory);
  }
}

const FAILOVER_FIGURES = [
  "bare hand-off p50",
  "bare hand-off p99",
  "restart p50",
  "restart p99",
  "ready p50",
  "restart / hand-off p50",
  "restart / hand-off p99",
];

/** A section of the build's own benchmark, with the bare hand-off that it measures beside each chunk. */
function failover(section: "traps" | "calm"): Measurement {
  return ({ bench }) => {
    const args = [bench, "--only", section];
    // A bound that is missed is a finding, and a figure all the same.
    const { sections } = runForJson(args, [EXIT_HELD, EXIT_FINDING]) as { sections: readonly Section[] };
    const figures = sections.flatMap((each) => each.figures);
    return FAILOVER_FIGURES.flatMap((name) => figures.find((figure) => figure.name === name) ?? []);
  };
}

function sweepDepthOne({ cli }: Build): readonly Figure[] {
  const { cutsPerSecond } = runForJson([cli, "sweep", "--depth", "1"], [EXIT_HELD]) as {
    cutsPerSecond: number;
  };
  return [{ name: "depth 1", value: cutsPerSecond, unit: "cuts/s" }];
}

function sweepDepthTwo({ cli }: Build): readonly Figure[] {
  const directory = scratchDirectory();
  const peak = join(directory, "peak");
  const preload = new URL("./peak-memory.js", import.meta.url).href;
  const args = ["--import", preload, cli, "sweep", "--depth", "2", "--faults"];
  const startedNs = monotonicNs();
  runForJson(args, [EXIT_HELD], { ...process.env, FLIPSIDE_PEAK_MEMORY: peak });
  const seconds = (monotonicNs() - startedNs) / 1e9;
  const peakBytes = Number(readFileSync(peak, "utf8"));
  removeScratch(directory);
  return [
    { name: "depth 2 with faults, start to end", value: seconds, unit: "s" },
    { name: "  peak of resident memory", value: peakBytes / 2 ** 20, unit: "MiB" },
  ];
}

function start({ cli }: Build): readonly Figure[] {
  const value = median(measureStarts(cli, STARTS));
  return [{ name: `command to first guest instruction, median of ${STARTS}`, value, unit: "ms" }];
}

/**
 * The rate of the iterations by which a long run is longer than a short one: starting is in neither. Of each the quickest
 * of a few, since whatever else the machine does makes a run longer and never shorter.
 */
function engine(name: string, kind: (typeof ENGINES)[number]): Measurement {
  return ({ cli }) => {
    const program = new Program(name, cli);
    const span = spanOf(program, kind);
    const quickest = (iterations: number): Run =>
      Array.from({ length: RUNS }, () => program.runEngine(kind, iterations)).reduce((least, run) =>
        run.seconds < least.seconds ? run : least,
      );
    const short = quickest(span.short);
    const long = quickest(span.long);
    program.close();
    const seconds = long.seconds - short.seconds;
    if (seconds <= 0)
      throw new UnjudgedError(`${name} took no longer for more: the machine is too busy to measure on`);
    const mips = (long.instructions - short.instructions) / seconds / 1e6;
    return [{ name: `${kind}: ${name}`, value: mips, unit: "MIPS" }];
  };
}

const COMPARISONS: Readonly<Record<string, Comparison>> = {
  traps: { title: "guest trap to the other version's first instruction", parts: [failover("traps")] },
  calm: { title: "the same after 50 ms of calm", parts: [failover("calm")] },
  sweep: { title: "sweep", parts: [sweepDepthOne, sweepDepthTwo] },
  start: { title: "start", parts: [start] },
  engines: {
    title: "engines",
    parts: ENGINES.flatMap((kind) => PROGRAMS.map((name) => engine(name, kind))),
    summarise: meansOf,
  },
};

/** Sections that can be measured against another build. */
export const COMPARABLE: readonly string[] = Object.keys(COMPARISONS);

/** Ours over theirs, pair by pair. */
export function ratiosOf({ ours, theirs }: Compared): number[] {
  return ours.map((value, pair) => value / (theirs[pair] ?? Number.NaN));
}

/** Measures in turns. Figures of one build that the other has not are left out. */
export function measureInTurns(
  measure: Measurement,
  ours: Build,
  theirs: Build,
  pairs: number,
): readonly Compared[] {
  const rounds = Array.from({ length: pairs }, () => ({ ours: measure(ours), theirs: measure(theirs) }));
  const valuesOf = (side: "ours" | "theirs", name: string): number[] =>
    rounds.flatMap((round) => round[side].find((figure) => figure.name === name)?.value ?? []);
  return (rounds[0]?.ours ?? [])
    .map(({ name, unit }) => ({ name, unit, ours: valuesOf("ours", name), theirs: valuesOf("theirs", name) }))
    .filter((compared) => compared.theirs.length === pairs);
}

/** Each engine's mean over the programs, pair by pair. */
function meansOf(figures: readonly Compared[], pairs: number): readonly Compared[] {
  return ENGINES.flatMap((kind) => {
    const of = figures.filter(({ name }) => name.startsWith(`${kind}: `));
    const mean = (side: "ours" | "theirs"): number[] =>
      Array.from({ length: pairs }, (_, pair) =>
        geometricMean(of.map((each) => each[side][pair] ?? Number.NaN)),
      );
    return [{ name: `${kind}: geometric mean`, unit: "MIPS", ours: mean("ours"), theirs: mean("theirs") }];
  });
}

/**
 * Compares section by section; yields each when it is done.
 * @param names of {@link COMPARABLE}
 * @param directory the other checkout. Throws {@link UsageError} when nothing there can be run.
 */
export function compareBuilds(
  names: readonly string[],
  directory: string,
  pairs: number,
): Iterable<ComparedSection> {
  const theirs = findBuild(directory);
  const ours = distOf(fileURLToPath(new URL("../../../", import.meta.url)));
  const comparisons = names.map((name) => {
    const comparison = Object.hasOwn(COMPARISONS, name) ? COMPARISONS[name] : undefined;
    if (comparison !== undefined) return comparison;
    throw new UsageError(
      `"${name}" is no section that --against compares: it must be one of ${COMPARABLE.join(", ")}`,
    );
  });
  return measureSections(comparisons, ours, theirs, pairs);
}

function* measureSections(
  comparisons: readonly Comparison[],
  ours: Build,
  theirs: Build,
  pairs: number,
): Generator<ComparedSection> {
  for (const { title, parts, summarise } of comparisons) {
    const figures = parts.flatMap((part) => measureInTurns(part, ours, theirs, pairs));
    yield { title, figures: [...figures, ...(summarise?.(figures, pairs) ?? [])] };
  }
}
