/** The memory emulator worker while a region is being written: it goes on answering, waits for a failover, and ends for a stop. */
import { Worker } from "node:worker_threads";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import type { MemoryApi, MemoryWorkerData } from "../../emulator/api.ts";
import { Link } from "../../emulator/base/link.ts";
import { Control, controlWords, SlotWord, slotWords } from "../../emulator/memory/control.ts";
import { FlashAction, FlashStatus, postFlash } from "../../emulator/memory/flash-posts.ts";
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

describe("what firmware posts, the memory emulator worker", () => {
  const slow = { ...DEFAULT_MEMORY_CONFIG, sectorEraseUs: 20_000 };
  const sectors = DEFAULT_MEMORY_CONFIG.regionBytes / DEFAULT_MEMORY_CONFIG.sectorBytes;
  const workers: Worker[] = [];
  afterEach(async () => {
    for (const worker of workers.splice(0)) await worker.terminate();
  });

  function launch(): Link<MemoryApi> {
    const workerData: MemoryWorkerData = { parentPid: null };
    const worker = new Worker(new URL("../../dist/emulator/worker.js", import.meta.url), { workerData });
    workers.push(worker);
    return new Link<MemoryApi>(worker);
  }

  /** A version of boot epoch 3 in region 0 that has begun to write region 1. */
  async function bench(config = slow) {
    const link = launch();
    const powered = await link.call(DEADLINE_MS, "powerOn", config, [], null);
    const control = controlWords(powered.memory, powered.layout);
    Atomics.store(control, Control.REGION, 0);
    Atomics.store(control, Control.FLASH_EPOCH, 3);
    Atomics.store(control, Control.FLASH_BEGUN + 1, 3);
    const erase = (region = 1): number => {
      const length = config.regionBytes;
      return postFlash(control, {
        action: FlashAction.ERASE,
        region,
        offset: 0,
        length,
        memory: 0,
        epoch: 3,
      });
    };
    const ended = (): number => Atomics.load(control, Control.FLASH_ENDED);
    const status = (): number => Atomics.load(control, Control.FLASH_STATUS);
    /** Sectors that were erased. */
    const erased = (region = 1): number =>
      Atomics.load(control, Control.STORE_COUNT + region) / config.sectorBytes;
    return { link, powered, control, erase, ended, status, erased };
  }

  it("carries out, and wakes the hart that waits for its end", async () => {
    const { powered, erase, ended, status, erased } = await bench({ ...slow, sectorEraseUs: 0 });
    const words = slotWords(powered.memory, powered.layout, 0);
    const before = Atomics.load(words, SlotWord.WAKE);
    const woken = Atomics.waitAsync(words, SlotWord.WAKE, before, DEADLINE_MS);
    const number = erase();
    await expect.poll(ended).toBe(number);
    expect([status(), erased()]).toEqual([FlashStatus.DONE, sectors]);
    expect(await woken.value).toBe("ok");
  });

  it("refuses where the hart should not have posted it: not begun, of the primary, of a version that is stopped", async () => {
    const { control, erase, ended, status, erased } = await bench({ ...slow, sectorEraseUs: 0 });
    const first = erase(0);
    await expect.poll(ended).toBe(first);
    expect([status(), erased(0)]).toEqual([FlashStatus.REFUSED, 0]);
    Atomics.store(control, Control.FLASH_BEGUN, 3);
    const primary = erase(0);
    await expect.poll(ended).toBe(primary);
    expect([status(), erased(0)]).toEqual([FlashStatus.REFUSED, 0]);
    Atomics.store(control, Control.FLASH_EPOCH, 4);
    const late = erase();
    await expect.poll(ended).toBe(late);
    expect([status(), erased()]).toEqual([FlashStatus.REFUSED, 0]);
  });

  it.each([
    ["the version is stopped", Control.FLASH_EPOCH],
    ["the region is taken away from it", Control.FLASH_BEGUN + 1],
  ])("ends between two units once %s, and an operator's write follows at once", async (_, word) => {
    const { link, control, erase, ended, status, erased } = await bench();
    const number = erase();
    await expect.poll(erased).toBeGreaterThan(1);
    Atomics.store(control, word, 0);
    await expect.poll(ended).toBe(number);
    expect(status()).toBe(FlashStatus.REFUSED);
    const left = erased();
    expect(left).toBeLessThan(sectors);
    await link.call(DEADLINE_MS, "program", 1, new Uint8Array(slow.programUnitBytes));
    expect(erased()).toBe(left + slow.programUnitBytes / slow.sectorBytes);
  });

  it("ends at the stop and not after the failover that follows, however long that is", async () => {
    const { control, erase, ended, erased } = await bench();
    const number = erase();
    await expect.poll(erased).toBeGreaterThan(1);
    Atomics.store(control, Control.FAILOVER, 1);
    Atomics.store(control, Control.FLASH_EPOCH, 0);
    // Each has whoever waits for the failover's end look again, and wait as long as at first.
    const again = setInterval(() => Atomics.notify(control, Control.FAILOVER), 50);
    try {
      await expect.poll(ended, { timeout: 5_000 }).toBe(number);
    } finally {
      clearInterval(again);
    }
    const left = erased();
    Atomics.store(control, Control.FLASH_EPOCH, 4);
    Atomics.store(control, Control.FAILOVER, 0);
    Atomics.notify(control, Control.FAILOVER);
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(erased()).toBe(left);
  });

  it("that takes over from one that died begins anew, and does not begin what has ended", async () => {
    const { powered, erase, ended, status, erased } = await bench();
    const number = erase();
    await expect.poll(erased).toBeGreaterThan(1);
    await workers.splice(0)[0]?.terminate();
    expect(ended()).not.toBe(number);
    const before = erased();
    await launch().call(DEADLINE_MS, "takeOver", powered, null);
    await expect.poll(ended, { timeout: 30_000 }).toBe(number);
    expect([status(), erased()]).toEqual([FlashStatus.DONE, before + sectors]);
    await workers.splice(0)[0]?.terminate();
    const link = launch();
    await link.call(DEADLINE_MS, "takeOver", powered, null);
    await link.call(DEADLINE_MS, "digests");
    expect(erased()).toBe(before + sectors);
  });
});
