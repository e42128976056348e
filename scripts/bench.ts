/**
 * `npm run bench`: every figure that this project claims, measured on this machine beside what it is compared with.
 * Ratios travel, absolute figures do not. Run it on a machine that does nothing else.
 */

import { cpus } from "node:os";
import { COMPARABLE, type Compared, compareBuilds, ratiosOf } from "./bench/against.ts";
import { benchAuto } from "./bench/auto.ts";
import { benchEngines } from "./bench/engines.ts";
import { benchCalm, benchClasses, benchEndurance, benchTraps, startReference } from "./bench/failover.ts";
import { benchHalt } from "./bench/halt.ts";
import { benchLoader } from "./bench/loader.ts";
import { type Figure, meets, type Section } from "./bench/sections.ts";
import { benchStart } from "./bench/start.ts";
import { median } from "./bench/statistics.ts";
import { benchSweep } from "./bench/sweep.ts";
import { benchUnseenRuns, benchWholeRuns } from "./bench/whole-runs.ts";
import { EXIT_FINDING, EXIT_HELD, OTHER_EXIT_CODES } from "./exit-codes.ts";
import { writeReport } from "./input.ts";
import { HELP_OPTION, parseInteger, parseOptions, UsageError } from "./options.ts";
import { runProgram } from "./program.ts";
import { fitHelp, formatTable, paint } from "./terminal.ts";

type Bench = () => Promise<Section>;

async function withDevice(
  bench: (device: Awaited<ReturnType<typeof startReference>>) => Promise<Section>,
): Promise<Section> {
  const device = await startReference();
  try {
    return await bench(device);
  } finally {
    await device.stop();
  }
}

const BENCHES: Readonly<Record<string, Bench>> = {
  traps: () => withDevice(benchTraps),
  calm: () => withDevice(benchCalm),
  classes: () => withDevice(benchClasses),
  endurance: () => withDevice(benchEndurance),
  start: async () => benchStart(),
  engines: async () => benchEngines(),
  programs: async () => benchWholeRuns(),
  unseen: async () => benchUnseenRuns(),
  auto: benchAuto,
  halt: benchHalt,
  sweep: benchSweep,
  loader: benchLoader,
};

const DEFAULT_PAIRS = 3;
const MAX_PAIRS = 1000;

const HELP = `npm run bench -- [options]: the figures of this project, measured beside what they are compared with.

  --only a,b     only these sections: ${Object.keys(BENCHES).join(", ")}
  --against DIR  this build beside the one in DIR, a checkout with its own dist and node_modules, in turns: no bounds,
                 but ratios; sections: ${COMPARABLE.join(", ")}
  --pairs N      how often each is measured against the other (default ${DEFAULT_PAIRS})
  --json FILE    write the figures
  -h, --help     this text

Exit code: 0 every bound is met or everything was compared, 1 a bound is not met,
${OTHER_EXIT_CODES}.
`;

function formatFigure(figure: Figure): readonly string[] {
  const { name, value, unit, atMost, atLeast } = figure;
  const bound = atMost !== undefined ? `≤ ${atMost}` : atLeast !== undefined ? `≥ ${atLeast}` : "";
  const verdict = bound === "" ? "" : meets(figure) ? paint("green", "met") : paint("red", "missed");
  return [`  ${name}`, formatValue(value), unit, bound, verdict];
}

function formatValue(value: number): string {
  return value.toFixed(Math.abs(value) < 10 ? 2 : Math.abs(value) < 100 ? 1 : 0);
}

function formatCompared(compared: Compared): readonly string[] {
  const { name, unit, ours, theirs } = compared;
  const ratios = ratiosOf(compared);
  const pairs = ratios.map((ratio) => ratio.toFixed(3)).join("  ");
  const medians = [formatValue(median(ours)), formatValue(median(theirs))];
  return [`  ${name}`, ...medians, unit, median(ratios).toFixed(3), pairs];
}

/** Both builds in turns; prints each section when it is done. */
function compare(directory: string, names: readonly string[], pairs: number, json?: string): void {
  const sections = [];
  const compared = compareBuilds(names, directory, pairs);
  tellMachine();
  for (const section of compared) {
    sections.push(section);
    const columns = [
      { title: section.title },
      { title: "ours", align: "right" as const },
      { title: "theirs", align: "right" as const },
      { title: "" },
      { title: "ours / theirs", align: "right" as const },
      { title: "pair by pair" },
    ];
    process.stdout.write(`\n${formatTable(columns, section.figures.map(formatCompared))}\n`);
  }
  if (json !== undefined)
    writeReport(json, "bench", { node: process.version, against: directory, pairs, sections });
}

/** Above all figures, once it is sure that there will be some. */
function tellMachine(): void {
  process.stdout.write(
    `Node ${process.version}, ${cpus().length} × ${cpus()[0]?.model ?? "unknown processor"}\n`,
  );
}

function benchOf(name: string): Bench {
  const bench = Object.hasOwn(BENCHES, name) ? BENCHES[name] : undefined;
  if (bench !== undefined) return bench;
  throw new UsageError(`there is no section "${name}": it must be one of ${Object.keys(BENCHES).join(", ")}`);
}

async function benchCommand(args: readonly string[]): Promise<number> {
  const { values } = parseOptions(args, {
    only: { type: "string" },
    against: { type: "string" },
    pairs: { type: "string" },
    json: { type: "string" },
    ...HELP_OPTION,
  });
  if (values.help === true) {
    process.stdout.write(fitHelp(HELP));
    return EXIT_HELD;
  }
  if (values.pairs !== undefined && values.against === undefined) {
    throw new UsageError("--pairs is for --against");
  }
  const only = values.only?.split(",");
  if (values.against !== undefined) {
    const pairs = parseInteger("--pairs", values.pairs ?? String(DEFAULT_PAIRS), 1, MAX_PAIRS);
    compare(values.against, only ?? COMPARABLE, pairs, values.json);
    return EXIT_HELD;
  }
  const benches = (only ?? Object.keys(BENCHES)).map(benchOf);
  const sections: Section[] = [];
  tellMachine();
  for (const bench of benches) {
    const section = await bench();
    sections.push(section);
    const columns = [
      { title: section.title },
      { title: "", align: "right" as const },
      { title: "" },
      { title: "bound" },
      { title: "" },
    ];
    process.stdout.write(`\n${formatTable(columns, section.figures.map(formatFigure))}\n`);
  }
  if (values.json !== undefined) writeReport(values.json, "bench", { node: process.version, sections });
  return sections.every((section) => section.figures.every(meets)) ? EXIT_HELD : EXIT_FINDING;
}

await runProgram(benchCommand);
