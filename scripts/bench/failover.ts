/**
 * Restart times beside the bare hand-off. Both run in turns, chunk by chunk, so that what the machine does meanwhile
 * happens to both; each ratio is that of a chunk, and the median of the ratios is the figure.
 */
import { readFileSync } from "node:fs";
import type { EngineKind } from "../../controller/engine-kind.ts";
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
    engine,
    images: [image("1.1.0"), image("1.0.0")],
    limits: { budget: { failures: null, windowMs: 60_000 }, heartbeatMs: HEARTBEAT_MS },
  });
}

/** Guest trap → first instruction of the other version, against the bare hand-off. */
export async function benchTraps(device: RunningDevice): Promise<Section> {
  await device.drill("illegal-instruction", WARM_UP_FAILOVERS);
  const chunks: { drill: DrillReport; floorP50Us: number; floorP99Us: number }[] = [];
  for (let chunk = 0; chunk < CHUNKS; chunk++) {
    const floor = await measureHandoff(CHUNK_FAILOVERS, SETTLING);
    await device.drill("illegal-instruction", SETTLING);
    const drill = await device.drill("illegal-instruction", CHUNK_FAILOVERS);
    const floorP50Us = floor.percentile(50) / 1000;
    const floorP99Us = floor.percentile(99) / 1000;
    chunks.push({ drill, floorP50Us, floorP99Us });
  }
  const us = (of: (chunk: (typeof chunks)[number]) => number): number => median(chunks.map(of));
  return {
    title: `guest trap to the other version's first instruction, ${CHUNKS * CHUNK_FAILOVERS} failovers`,
    figures: [
      { name: "bare hand-off p50", value: us((c) => c.floorP50Us), unit: "µs" },
      { name: "bare hand-off p99", value: us((c) => c.floorP99Us), unit: "µs" },
      { name: "restart p50", value: us((c) => c.drill.restartUs.p50), unit: "µs" },
      { name: "restart p99", value: us((c) => c.drill.restartUs.p99), unit: "µs" },
      { name: "  of it: fault → detected p50", value: us((c) => c.drill.stepsUs.detected.p50), unit: "µs" },
      { name: "  detected → stopped p50", value: us((c) => c.drill.stepsUs.stopped.p50), unit: "µs" },
      { name: "  stopped → designated p50", value: us((c) => c.drill.stepsUs.designated.p50), unit: "µs" },
      {
        name: "  designated → first instruction p50",
        value: us((c) => c.drill.stepsUs.firstInstruction.p50),
        unit: "µs",
      },
      { name: "ready p50", value: us((c) => c.drill.readyUs.p50), unit: "µs" },
      {
        name: "restart / hand-off p50",
        value: us((c) => c.drill.restartUs.p50 / c.floorP50Us),
        unit: "×",
        atMost: 2,
      },
      {
        name: "restart / hand-off p99",
        value: us((c) => c.drill.restartUs.p99 / c.floorP99Us),
        unit: "×",
        atMost: 3,
      },
      {
        name: "failovers per second",
        value: us((c) => c.drill.failovers / c.drill.seconds),
        unit: "/s",
        atLeast: 1000,
      },
    ],
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
