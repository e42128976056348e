/** How many power cuts per second the sweep judges, and what a second job brings. */
import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { runSweep, type SweepOptions } from "../../supervisor/sweep/pool.ts";
import type { SweepReport } from "../../supervisor/sweep/report.ts";
import type { Section } from "./sections.ts";

const run = promisify(execFile);
const CLI = new URL("../cli.bundle.cjs", import.meta.url).pathname;
const ROUNDS = 3;
/** Of depth 2, which takes a minute: long enough that what V8 compiles, in each thread anew, is little beside it. */
const DEEP = { depth: 2, shard: { index: 1, of: 3 } };
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

/** Cuts per second of so many processes side by side, each of which sweeps DEEP with one job and shares nothing. */
async function rateOfProcesses(count: number): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), "flipside-bench-"));
  const { index, of } = DEEP.shard;
  try {
    const rates = Array.from({ length: count }, async (_, number) => {
      const json = join(folder, `${number}.json`);
      const args = ["sweep", "--jobs", "1", "--seed", "1", "--depth", String(DEEP.depth)];
      await run(process.execPath, [CLI, ...args, "--shard", `${index}/${of}`, "--json", json]);
      return (JSON.parse(readFileSync(json, "utf8")) as SweepReport).cutsPerSecond;
    });
    return (await Promise.all(rates)).reduce((sum, rate) => sum + rate, 0);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}

interface Round {
  readonly one: SweepReport;
  readonly two: SweepReport;
}

export async function benchSweep(): Promise<Section> {
  const pairs: Round[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    pairs.push({ one: await sweep(1), two: await sweep(2) });
  }
  const { two } = pairs[0] as Round;
  const deep = { one: await sweep(1, DEEP), two: await sweep(2, DEEP) };
  const processes = { one: await rateOfProcesses(1), two: await rateOfProcesses(2) };
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
        name: `2 jobs / 1 job, a third of depth 2: ${deep.two.cuts} cuts`,
        value: deep.one.durationMs / deep.two.durationMs,
        unit: "×",
        atLeast: 1.8,
      },
      {
        name: "  depth 1, most of it V8 at work on the same code in each thread",
        value: median(pairs.map((pair) => pair.one.durationMs / pair.two.durationMs)),
        unit: "×",
      },
      {
        name: "  2 processes with 1 job each / 1 such process: what the machine gives to this work",
        value: processes.two / processes.one,
        unit: "×",
      },
      { name: "findings", value: two.findings.length, unit: "", atMost: 0 },
    ],
  };
}
