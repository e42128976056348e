/**
 * Restart times beside the bare hand-off. Both run in turns, chunk by chunk, so that what the machine does meanwhile
 * happens to both; each ratio is that of a chunk, and the median of the ratios is the figure.
 */
import { readFileSync } from "node:fs";
import type { EngineKind } from "../../controller/cpu/engine-kind.ts";
import { type DrillReport, FAULTS, type RunningDevice, startDevice } from "../../supervisor/index.ts";
import { measureHandoff } from "../handoff.ts";
import type { Figure, Section } from "./sections.ts";
import { median } from "./statistics.ts";

const CHUNKS = 4;
const CHUNK_FAILOVERS = 2_500;
/**
 * Uncounted ones before each chunk, of either: Linux puts a thread that wakes up where the load of the last 100 ms was
 * least, and that load is still what the other one made of it.
 */
const SETTLING = 1_000;
const WARM_UP_FAILOVERS = 3_000;
const CALM_MS = 50;
const CALM_FAILOVERS = 200;
const CALM_SETTLING = 20;
const RARE_FAILOVERS = 200;
const LONG_FAILOVERS = 100_000;
const HEARTBEAT_MS = 50;

function image(version: string): Uint8Array {
  return readFileSync(
    new URL(`../../../controller/firmware/images/controller-${version}.img`, import.meta.url),
  );
}

export function startReference(engine: EngineKind = "auto"): Promise<RunningDevice> {
  return startDevice({
    keepDumps: false,
    engine,
    images: [image("1.1.0"), image("1.0.0")],
    limits: { budget: { failures: null, windowMs: 60_000 }, heartbeatMs: HEARTBEAT_MS },
  });
}

/** Some failovers, and as many bare hand-offs right before them. */
interface Chunk {
  readonly drill: DrillReport;
  readonly floorP50Us: number;
  readonly floorP99Us: number;
}

async function measureChunk(
  device: RunningDevice,
  failovers: number,
  settling: number,
  calmMs: number,
): Promise<Chunk> {
  const floor = await measureHandoff(failovers, settling, calmMs);
  await device.drill("illegal-instruction", settling, calmMs);
  const drill = await device.drill("illegal-instruction", failovers, calmMs);
  return { drill, floorP50Us: floor.percentile(50) / 1000, floorP99Us: floor.percentile(99) / 1000 };
}

/** Medians over the chunks. */
function restartFigures(chunks: readonly Chunk[], p50AtMost?: number, p99AtMost?: number): Figure[] {
  const of = (figure: (chunk: Chunk) => number): number => median(chunks.map(figure));
  const us = (name: string, figure: (chunk: Chunk) => number): Figure => ({
    name,
    value: of(figure),
    unit: "µs",
  });
  const times = (name: string, figure: (chunk: Chunk) => number, atMost?: number): Figure => ({
    name,
    value: of(figure),
    unit: "×",
    ...(atMost === undefined ? {} : { atMost }),
  });
  return [
    us("bare hand-off p50", (c) => c.floorP50Us),
    us("bare hand-off p99", (c) => c.floorP99Us),
    us("restart p50", (c) => c.drill.restartUs.p50),
    us("restart p99", (c) => c.drill.restartUs.p99),
    us("  of it: fault → detected p50", (c) => c.drill.stepsUs.detected.p50),
    us("  detected → stopped p50", (c) => c.drill.stepsUs.stopped.p50),
    us("  stopped → designated p50", (c) => c.drill.stepsUs.designated.p50),
    us("  designated → first instruction p50", (c) => c.drill.stepsUs.firstInstruction.p50),
    us("ready p50", (c) => c.drill.readyUs.p50),
    times("restart / hand-off p50", (c) => c.drill.restartUs.p50 / c.floorP50Us, p50AtMost),
    times("restart / hand-off p99", (c) => c.drill.restartUs.p99 / c.floorP99Us, p99AtMost),
  ];
}

/** Guest trap → first instruction of the other version, against the bare hand-off. */
export async function benchTraps(device: RunningDevice): Promise<Section> {
  await device.drill("illegal-instruction", WARM_UP_FAILOVERS);
  const chunks: Chunk[] = [];
  for (let chunk = 0; chunk < CHUNKS; chunk++) {
    chunks.push(await measureChunk(device, CHUNK_FAILOVERS, SETTLING, 0));
  }
  const perSecond = median(chunks.map(({ drill }) => drill.failovers / drill.seconds));
  return {
    title: `guest trap to the other version's first instruction, ${CHUNKS * CHUNK_FAILOVERS} failovers`,
    figures: [
      ...restartFigures(chunks, 2, 3),
      { name: "failovers per second", value: perSecond, unit: "/s", atLeast: 1000 },
    ],
  };
}

/** As {@link benchTraps}, where nothing has happened for a while: processors sleep, caches hold other things. */
export async function benchCalm(device: RunningDevice): Promise<Section> {
  const chunks = [await measureChunk(device, CALM_FAILOVERS, CALM_SETTLING, CALM_MS)];
  return {
    title: `guest trap to first instruction after ${CALM_MS} ms of calm, ${CALM_FAILOVERS} failovers`,
    figures: restartFigures(chunks),
  };
}

/** Threads that die, threads that are stuck, and the watchdog: each a class of its own. */
export async function benchClasses(device: RunningDevice): Promise<Section> {
  const figures: Figure[] = [];
  for (const { kind } of FAULTS.filter((fault) => fault.class === "thread-death")) {
    const { restartUs } = await device.drill(kind, RARE_FAILOVERS);
    // Filling a heap takes as long as it takes; what counts is what comes after.
    const bound = kind === "worker-heap-exhaustion" ? {} : { atMost: 5_000 };
    figures.push({ name: `${kind}: restart p50`, value: restartUs.p50, unit: "µs", ...bound });
  }
  for (const { kind } of FAULTS.filter((fault) => fault.class === "thread-stuck")) {
    const { detectUs } = await device.drill(kind, RARE_FAILOVERS);
    const atMost = (HEARTBEAT_MS + 10) * 1000;
    figures.push({ name: `${kind}: detected p99`, value: detectUs.p99, unit: "µs", atMost });
  }
  const watchdog = await device.drill("tight-loop", RARE_FAILOVERS);
  figures.push({
    name: "watchdog: detected after the end of the period, p99",
    value: watchdog.detectUs.p99,
    unit: "µs",
    atMost: 1_000,
  });
  return { title: `dead and stuck threads, watchdog, ${RARE_FAILOVERS} failovers of each kind`, figures };
}

/** Whether memory stays flat. */
export async function benchEndurance(device: RunningDevice): Promise<Section> {
  const drill = await device.drill("illegal-instruction", LONG_FAILOVERS);
  return {
    title: `${LONG_FAILOVERS} failovers in one supervisor process`,
    figures: [
      { name: "failovers per second", value: drill.failovers / drill.seconds, unit: "/s", atLeast: 1000 },
      { name: "RSS after a tenth", value: drill.rssEarlyBytes / 2 ** 20, unit: "MiB" },
      { name: "RSS after all", value: drill.rssLateBytes / 2 ** 20, unit: "MiB" },
      {
        name: "RSS after all / after a tenth",
        value: drill.rssLateBytes / drill.rssEarlyBytes,
        unit: "×",
        atMost: 1.05,
      },
    ],
  };
}
