import { Worker } from "node:worker_threads";
import { describe, expect, it } from "vitest";
import { SlotWord } from "../../../emulator/memory/control.ts";
import { WorkerSlot } from "../../../supervisor/device/worker-slot.ts";
import { slotContext } from "./slot-context.ts";

/** A thread may take its time to start on a busy machine. */
const WAITING = { timeout: 10_000 };

describe("a nudge ends a wait that has no end of its own", () => {
  for (const [what, word] of [
    ["of a guest in wfi", SlotWord.WAKE],
    ["for a command", SlotWord.COMMAND],
  ] as const) {
    it(what, async () => {
      const context = slotContext(() => {
        throw new Error("this slot's thread is the test's");
      });
      const slot = new WorkerSlot(0, { ...context, onEnd: () => undefined });
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
