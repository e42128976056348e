/** How many power cuts per second the sweep judges, and what a second job brings. */
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { Worker } from "node:worker_threads";
import { runSweep, type SweepOptions } from "../../supervisor/sweep/pool.ts";
import type { SweepReport } from "../../supervisor/sweep/report.ts";
import type { Section } from "./sections.ts";

const ROUNDS = 3;
/** Of depth 2, which takes a minute: long enough that what V8 compiles, in each thread anew, is little beside it. */
const DEEP = { depth: 2, shard: { index: 1, of: 3 } };
/** A thread that does nothing but count. */
const COUNT =
  "let x = 0; for (let i = 0; i < 1e8; i++) x = (Math.imul(x, 31) + i) | 0; process.exitCode = x & 0;";

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
    shard: { index: 1, of: 1 },
    scenarios: [],
    ...options,
  });
}

/** How long so many threads take that do the same work side by side. */
async function countMs(threads: number): Promise<number> {
  const startedMs = performance.now();
  const all = Array.from({ length: threads }, () => once(new Worker(COUNT, { eval: true }), "exit"));
  await Promise.all(all);
  return performance.now() - startedMs;
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}

interface Round {
  readonly one: SweepReport;
  readonly two: SweepReport;
  readonly counted: { readonly one: number; readonly two: number };
}

export async function benchSweep(): Promise<Section> {
  const pairs: Round[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const counted = { one: await countMs(1), two: await countMs(2) };
    pairs.push({ one: await sweep(1), two: await sweep(2), counted });
  }
  const { two } = pairs[0] as Round;
  const deep = { one: await sweep(1, DEEP), two: await sweep(2, DEEP) };
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
        name: "  of threads that only count: what the machine gives",
        value: median(pairs.map(({ counted }) => (2 * counted.one) / counted.two)),
        unit: "×",
      },
      { name: "findings", value: two.findings.length, unit: "", atMost: 0 },
    ],
  };
}
