/**
 * `npm run bench`: every figure that this project claims, measured on this machine beside what it is compared with.
 * Ratios travel, absolute figures do not. Run it on a machine that does nothing else.
 */
import { cpus } from "node:os";
import { benchAuto } from "./bench/auto.ts";
import { benchEngines } from "./bench/engines.ts";
import { benchCalm, benchClasses, benchEndurance, benchTraps, startReference } from "./bench/failover.ts";
import { benchHalt } from "./bench/halt.ts";
import { type Figure, meets, type Section } from "./bench/sections.ts";
import { benchStart } from "./bench/start.ts";
import { benchSweep } from "./bench/sweep.ts";
import { writeReport } from "./input.ts";
import { EXIT_FINDING, EXIT_HELD, EXIT_USAGE, parseOptions, UsageError } from "./options.ts";
import { formatTable, paint } from "./terminal.ts";

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
  auto: benchAuto,
  halt: benchHalt,
  sweep: benchSweep,
};

const HELP = `npm run bench -- [options]: the figures of this project, measured beside what they are compared with.

  --only a,b     only these sections: ${Object.keys(BENCHES).join(", ")}
  --json FILE    write the figures
  --help         this text

Exit code: 0 every bound is met, 1 one is not, 2 bad input.
`;

function formatFigure(figure: Figure): readonly string[] {
  const { name, value, unit, atMost, atLeast } = figure;
  const bound = atMost !== undefined ? `≤ ${atMost}` : atLeast !== undefined ? `≥ ${atLeast}` : "";
  const verdict = bound === "" ? "" : meets(figure) ? paint("green", "met") : paint("red", "missed");
  const digits = Math.abs(value) < 10 ? 2 : Math.abs(value) < 100 ? 1 : 0;
  return [`  ${name}`, value.toFixed(digits), unit, bound, verdict];
}

async function benchCommand(args: readonly string[]): Promise<number> {
  const { values } = parseOptions(args, {
    only: { type: "string" },
    json: { type: "string" },
    help: { type: "boolean", short: "h" },
  });
  if (values.help === true) {
    process.stdout.write(HELP);
    return EXIT_HELD;
  }
  const names = values.only?.split(",") ?? Object.keys(BENCHES);
  const sections: Section[] = [];
  process.stdout.write(
    `Node ${process.version}, ${cpus().length} × ${cpus()[0]?.model ?? "unknown processor"}\n`,
  );
  for (const name of names) {
    const bench = Object.hasOwn(BENCHES, name) ? BENCHES[name] : undefined;
    if (bench === undefined) {
      throw new UsageError(
        `there is no section "${name}": it must be one of ${Object.keys(BENCHES).join(", ")}`,
      );
    }
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
  if (values.json !== undefined) writeReport(values.json, { node: process.version, sections });
  return sections.every((section) => section.figures.every(meets)) ? EXIT_HELD : EXIT_FINDING;
}

try {
  process.exitCode = await benchCommand(process.argv.slice(2));
} catch (error) {
  if (!(error instanceof UsageError)) throw error;
  process.stderr.write(`bench: ${error.message}\n`);
  process.exitCode = EXIT_USAGE;
}
