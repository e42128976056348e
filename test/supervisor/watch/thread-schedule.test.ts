import { Worker } from "node:worker_threads";
import { expect, it } from "vitest";
import { readSchedule } from "../../../supervisor/watch/thread-schedule.ts";

it.runIf(process.platform === "linux")(
  "a sleeping thread is told from those it may wait for, and not by its end",
  async () => {
    const code = `
    const { parentPort } = require("node:worker_threads");
    parentPort.postMessage(Number(require("node:fs").readlinkSync("/proc/thread-self").split("/").at(-1)));
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);`;
    const worker = new Worker(code, { eval: true });
    const id = await new Promise<number>((resolve) => worker.once("message", resolve));
    await expect.poll(() => readSchedule(id, 0).own.runnable).toBe(false);
    const { own, helpers: readHelpers } = readSchedule(id, 0);
    const helpers = readHelpers();
    expect(own.runNs).toBeGreaterThan(0);
    expect(helpers.size).toBeGreaterThan(0);
    expect([...helpers.keys()]).not.toContain(id);
    expect([...helpers.keys()]).not.toContain(process.pid);
    for (const { runNs } of helpers.values()) expect(runNs).toBeGreaterThanOrEqual(0);
    await worker.terminate();
    expect(readSchedule(id, 0).own).toEqual({ runNs: 0, waitNs: 0, runnable: false });
  },
);
