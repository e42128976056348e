/** The memory emulator worker while a region is being written: it goes on answering, and waits for a failover. */
import { Worker } from "node:worker_threads";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { MemoryApi, MemoryWorkerData } from "../../emulator/api.ts";
import { Link } from "../../emulator/base/link.ts";
import { Control, controlWords } from "../../emulator/memory/control.ts";
import { DEFAULT_MEMORY_CONFIG } from "../../emulator/memory/layout.ts";

const DEADLINE_MS = 10_000;
const regionBytes = 4 * 1024 * 1024;
const image = new Uint8Array(regionBytes).fill(0x5a);

describe("while a region is written, the memory emulator worker", () => {
  let worker: Worker;
  let link: Link<MemoryApi>;
  let control: Int32Array;
  let region: Uint8Array;

  beforeAll(async () => {
    // Runs from the built package: a thread of Node 20 cannot be started from TypeScript.
    const workerData: MemoryWorkerData = { parentPid: null };
    worker = new Worker(new URL("../../dist/emulator/worker.js", import.meta.url), { workerData });
    link = new Link<MemoryApi>(worker);
    const config = { ...DEFAULT_MEMORY_CONFIG, regionBytes };
    const { memory, layout } = await link.call(DEADLINE_MS, "powerOn", config, [], null);
    control = controlWords(memory, layout);
    region = new Uint8Array(memory.buffer, layout.regions[1], regionBytes);
  });
  afterAll(() => worker.terminate());

  const stored = (): number => Atomics.load(control, Control.STORE_COUNT + 1);

  it("answers other calls between two units", async () => {
    await link.call(DEADLINE_MS, "erase", 1, regionBytes);
    const before = stored();
    let isOver = false;
    const written = link.call(DEADLINE_MS, "program", 1, image).then(() => {
      isOver = true;
    });
    while (stored() === before) await link.call(DEADLINE_MS, "persistenceFailure");
    await link.call(DEADLINE_MS, "persistenceFailure");
    expect(isOver).toBe(false);
    expect(stored() - before).toBeLessThan(regionBytes);
    await written;
    expect(stored() - before).toBe(regionBytes);
    expect(Buffer.compare(region, image)).toBe(0);
  });

  it("holds the write as long as a failover is under way, answers meanwhile, and goes on after it", async () => {
    Atomics.store(control, Control.FAILOVER, 1);
    const before = stored();
    const erased = link.call(DEADLINE_MS, "erase", 1, regionBytes);
    for (let call = 0; call < 10; call += 1) await link.call(DEADLINE_MS, "persistenceFailure");
    expect(stored()).toBe(before);
    Atomics.store(control, Control.FAILOVER, 0);
    Atomics.notify(control, Control.FAILOVER);
    await erased;
    expect(region.every((byte) => byte === 0xff)).toBe(true);
  });
});

it("a flash that is told how long it takes is no faster, sector by sector and unit by unit", async () => {
  const workerData: MemoryWorkerData = { parentPid: null };
  const worker = new Worker(new URL("../../dist/emulator/worker.js", import.meta.url), { workerData });
  try {
    const link = new Link<MemoryApi>(worker);
    const config = { ...DEFAULT_MEMORY_CONFIG, sectorEraseUs: 5_000, unitProgramUs: 400 };
    await link.call(DEADLINE_MS, "powerOn", config, [], null);
    const units = new Uint8Array(64 * config.programUnitBytes).fill(0x5a);
    const startMs = performance.now();
    await link.call(DEADLINE_MS, "erase", 1, units.length);
    const erasedMs = performance.now();
    expect(erasedMs - startMs).toBeGreaterThan(4 * 5 - 1);
    await link.call(DEADLINE_MS, "program", 1, units);
    expect(performance.now() - erasedMs).toBeGreaterThan(64 * 0.4 - 1);
  } finally {
    await worker.terminate();
  }
});
