/** How many power cuts per second the sweep judges, and what a second job brings. */
import { readFileSync } from "node:fs";
import type { SweepReport } from "../../supervisor/sweep/run/report.ts";
import { runSweep, type SweepOptions } from "../../supervisor/sweep/run/run.ts";
import type { Figure, Section } from "./sections.ts";
import { median } from "./statistics.ts";

const ROUNDS = 3;

function image(version: string): Uint8Array {
  return readFileSync(
    new URL(`../../../controller/firmware/images/controller-${version}.img`, import.meta.url),
  );
}

function sweep(jobs: number, options: Partial<SweepOptions> = {}): Promise<SweepReport> {
  return runSweep({
    imageA: image("1.1.0"),
    imageB: image("1.0.0"),
    seed: 1,
    depth: 1,
    faults: false,
    runAll: false,
    jobs,
    engine: "auto",
    shard: { index: 1, of: 1 },
    scenarios: [],
    ...options,
  });
}

function residentMiB(): number {
  return process.memoryUsage.rss() / 2 ** 20;
}

interface Pair {
  readonly one: SweepReport;
  readonly two: SweepReport;
}

async function inTurn(options: Partial<SweepOptions> = {}): Promise<Pair> {
  return { one: await sweep(1, options), two: await sweep(2, options) };
}

function gain({ one, two }: Pair): number {
  return one.durationMs / two.durationMs;
}

/** Of a sweep that takes seconds, much is V8 at work on the same code in each thread. */
function gains(shallow: readonly Pair[], deep: Pair, all: Pair): Figure[] {
  const { cuts, faults } = all.two;
  return [
    {
      name: `2 jobs / 1 job, all of depth 2 with faults: ${cuts} cuts, ${faults} faults`,
      value: gain(all),
      unit: "×",
      atLeast: 1.8,
    },
    { name: "  one job takes", value: all.one.durationMs / 1000, unit: "s" },
    { name: `  depth 2: ${deep.two.cuts} cuts`, value: gain(deep), unit: "×" },
    { name: "  depth 1", value: median(shallow.map(gain)), unit: "×" },
  ];
}

export async function benchSweep(): Promise<Section> {
  const pairs: Pair[] = [];
  for (let round = 0; round < ROUNDS; round++) pairs.push(await inTurn());
  const { two } = pairs[0] as Pair;
  const memory = [residentMiB()];
  const deep = await inTurn({ depth: 2 });
  const all = await inTurn({ depth: 2, faults: true });
  memory.push(residentMiB());
  return {
    title: `sweep, depth 1, all ${two.scenarios.length} scenarios`,
    figures: [
      { name: "cuts", value: two.cuts, unit: "" },
      { name: "  of them with a future run to its end", value: two.distinctFutures, unit: "" },
      {
        name: "cuts per second, 2 jobs",
        value: median(pairs.map((pair) => pair.two.cutsPerSecond)),
        unit: "/s",
        atLeast: 10_000,
      },
      { name: "  littlefs test runner (host C, no target code)", value: 3_800, unit: "/s" },
      { name: "  tardigrade (Renode), 2 cores", value: 17, unit: "/s" },
      { name: "  brickproof (Renode)", value: 0.6, unit: "/s" },
      {
        name: "all of it",
        value: median(pairs.map((pair) => pair.two.durationMs / 1000)),
        unit: "s",
        atMost: 60,
      },
      ...gains(pairs, deep, all),
      { name: "resident memory after depth 1", value: memory[0] as number, unit: "MiB" },
      { name: "  after all of depth 2 with faults", value: memory[1] as number, unit: "MiB" },
      {
        name: "findings",
        value: [two, deep.two, all.two].reduce((sum, { findings }) => sum + findings.length, 0),
        unit: "",
        atMost: 0,
      },
    ],
  };
}
