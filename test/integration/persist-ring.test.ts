/** The persist ring under producers on real threads, ended at any instruction. */
import { Worker } from "node:worker_threads";
import { describe, expect, it } from "vitest";
import { crc32 } from "../../emulator/base/crc32.ts";
import { openFlashFile } from "../../emulator/persist/flash-file.ts";
import { MemoryFileSystem } from "../emulator/persist/memory-file-system.ts";
import { layout, PATH, PersistentDevice, space } from "../emulator/persist/persistent-device.ts";

const PRODUCERS = 3;
/** Each producer has its own words of the table's segment, and stores 1, 2, 3, … to them in turn. */
const WORDS = 1_000;

/** Runs from the built package: a thread of Node 20 cannot be started from TypeScript. */
const PROGRAM = `
  const { parentPort, workerData } = require("node:worker_threads");
  import(workerData.module).then(({ LoggedNvram }) => {
    const { memory, layout, first, words, stores } = workerData;
    const nvram = new LoggedNvram(memory, layout);
    for (let k = 1; k <= stores; k++) {
      nvram.store32(first + (k % words), k);
      // Bursts with pauses, as commits are: the appender gets a chance.
      if (k % 200 === 0) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1);
    }
    parentPort.postMessage("done");
  });
`;

function startProducer(device: PersistentDevice, index: number, stores: number): Worker {
  const module = new URL("../../dist/emulator/persist/logged-nvram.js", import.meta.url).href;
  const { memory } = device;
  const workerData = { module, memory, layout, first: index * WORDS, words: WORDS, stores };
  return new Worker(PROGRAM, { eval: true, workerData });
}

function ended(worker: Worker): Promise<void> {
  return new Promise((resolve) => worker.once("exit", () => resolve()));
}

/** Drains while the promise is pending; the appender's clock stands, so that no place is given up. */
async function drainUntil(device: PersistentDevice, done: Promise<unknown>): Promise<void> {
  let pending = true;
  void done.then(() => {
    pending = false;
  });
  while (pending) {
    device.drain(0);
    await new Promise((resolve) => setImmediate(resolve));
  }
}

describe("the persist ring", () => {
  it("brings the stores of several threads into the file, each thread's in its order, none lost, none twice", async () => {
    // All of them fit into the ring, however slow this thread is.
    const stores = 5_000;
    const fs = new MemoryFileSystem();
    const device = new PersistentDevice(fs);
    const workers = Array.from({ length: PRODUCERS }, (_, index) => startProducer(device, index, stores));
    await drainUntil(device, Promise.all(workers.map(ended)));
    expect(device.acknowledge()).toBe(true);
    expect(device.ring.mark().losses).toBe(0);
    const last = new Array<number>(PRODUCERS).fill(0);
    const before = new Int32Array(PRODUCERS * WORDS);
    const file = fs.bytesOf(PATH);
    openFlashFile(file, space, (_sequence, _end, image) => {
      const words = new Int32Array(image.buffer, 0, PRODUCERS * WORDS);
      for (let producer = 0; producer < PRODUCERS; producer += 1) {
        const next = (last[producer] ?? 0) + 1;
        const at = producer * WORDS + (next % WORDS);
        // Only the word that this producer stores next may have changed.
        if (words[at] !== before[at]) {
          expect(words[at]).toBe(next);
          before[at] = next;
          last[producer] = next;
        }
      }
    });
    expect(last).toEqual(new Array(PRODUCERS).fill(stores));
    expect(crc32(openFlashFile(file, space).image)).toBe(device.state);
  });

  it("holds what memory holds after its producers were ended at any instruction", async () => {
    for (let round = 0; round < 5; round += 1) {
      const fs = new MemoryFileSystem();
      const device = new PersistentDevice(fs);
      const workers = Array.from({ length: PRODUCERS }, (_, index) => startProducer(device, index, 1e9));
      const begun = (async () => {
        while (Atomics.load(device.ring.words, 0) < 2_000)
          await new Promise((resolve) => setImmediate(resolve));
      })();
      await drainUntil(device, begun);
      await drainUntil(device, Promise.all(workers.map((worker) => worker.terminate())));
      expect(device.acknowledge()).toBe(true);
      expect(crc32(openFlashFile(fs.bytesOf(PATH), space).image)).toBe(device.state);
    }
  });
});
