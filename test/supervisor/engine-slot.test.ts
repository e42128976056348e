import { Worker } from "node:worker_threads";
import { describe, expect, it } from "vitest";
import { Engine } from "../../emulator/control.ts";
import { createMemory, DEFAULT_MEMORY_CONFIG, planLayout } from "../../emulator/layout.ts";
import { EngineSlot } from "../../supervisor/engine-slot.ts";

const layout = planLayout({ ...DEFAULT_MEMORY_CONFIG, regionBytes: 65_536, ramBytes: 1024 * 1024 });

/** A thread may take its time to start on a busy machine. */
const WAITING = { timeout: 10_000 };

describe("a nudge ends a wait that has no end of its own", () => {
  for (const [what, word] of [
    ["of a guest in wfi", Engine.WAKE],
    ["for a command", Engine.COMMAND],
  ] as const) {
    it(what, async () => {
      const memory = createMemory(layout);
      const slot = new EngineSlot(0, {
        memory,
        layout,
        log: { level: "silent", fd: 2 },
        engine: "auto",
        keys: [],
        launch: () => {
          throw new Error("this slot's thread is the test's");
        },
        onEnd: () => undefined,
      });
      const code = `
        const { parentPort, workerData: { words, word } } = require("node:worker_threads");
        parentPort.postMessage("waits");
        Atomics.wait(words, word, words[word]);
        parentPort.postMessage("woke");`;
      const worker = new Worker(code, { eval: true, workerData: { words: slot.words, word } });
      const heard: string[] = [];
      worker.on("message", (message: string) => heard.push(message));
      await expect.poll(() => heard, WAITING).toContain("waits");
      // It may not have begun to wait when it is nudged first.
      await expect
        .poll(() => {
          slot.nudge();
          return heard;
        }, WAITING)
        .toContain("woke");
      await worker.terminate();
    });
  }
});
