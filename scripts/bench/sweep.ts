/** How many power cuts per second the sweep judges, and what a second job brings. */
import { readFileSync } from "node:fs";
import { runSweep } from "../../supervisor/sweep/pool.ts";
import type { SweepReport } from "../../supervisor/sweep/report.ts";
import { SCENARIOS } from "../../supervisor/sweep/scenarios/index.ts";
import type { Section } from "./sections.ts";

const ROUNDS = 3;
const LONG = SCENARIOS.map(({ name }) => name).filter((name) => name.startsWith("start-"));

function image(version: string): Uint8Array {
  return readFileSync(
    new URL(`../../../controller/firmware/images/controller-${version}.img`, import.meta.url),
  );
}

function sweep(jobs: number, depth = 1, scenarios: readonly string[] = []): Promise<SweepReport> {
  return runSweep({
    imageA: image("1.1.0"),
    imageB: image("1.0.0"),
    seed: 1,
    depth,
    faults: false,
    runAll: false,
    jobs,
    shard: { index: 1, of: 1 },
    scenarios,
  });
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}

export async function benchSweep(): Promise<Section> {
  const pairs: { one: SweepReport; two: SweepReport }[] = [];
  for (let round = 0; round < ROUNDS; round++) pairs.push({ one: await sweep(1), two: await sweep(2) });
  const { two } = pairs[0] as (typeof pairs)[number];
  // Long enough for what each thread has to compile for itself to be small beside it.
  const long = { one: await sweep(1, 2, LONG), two: await sweep(2, 2, LONG) };
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
      {
        name: "2 jobs / 1 job",
        value: median(pairs.map((pair) => pair.one.durationMs / pair.two.durationMs)),
        unit: "×",
        atLeast: 1.8,
      },
      {
        name: "2 jobs / 1 job, a long sweep: depth 2 of every start",
        value: long.one.durationMs / long.two.durationMs,
        unit: "×",
        atLeast: 1.8,
      },
      { name: "findings", value: two.findings.length, unit: "", atMost: 0 },
    ],
  };
}
