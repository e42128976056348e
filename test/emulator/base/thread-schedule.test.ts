import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import { Worker } from "node:worker_threads";
import { expect, it } from "vitest";
import {
  asOfNow,
  readFamilySchedule,
  readProcessSchedule,
  readSchedule,
  waitedNs,
} from "../../../emulator/base/thread-schedule.ts";

/** As ps(1) tells them. */
function threadStates(pid: number): string[] {
  return readdirSync(`/proc/${pid}/task`).map((id) => {
    const stat = readFileSync(`/proc/${pid}/task/${id}/stat`, "latin1");
    return stat[stat.lastIndexOf(")") + 2] ?? "";
  });
}

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

it.runIf(process.platform === "linux")(
  "a process that was stopped is asleep and waits for no processor, one that is busy is not, and one that has gone is unknown",
  async () => {
    const program = "require('node:fs').writeSync(1, 'busy'); for (;;);";
    const child = spawn(process.execPath, ["-e", program], { stdio: ["ignore", "pipe", "ignore"] });
    const pid = child.pid ?? 0;
    await once(child.stdout, "data");
    await expect.poll(() => readProcessSchedule(pid).own.runnable).toBe(true);
    child.kill("SIGSTOP");
    // Each thread stops when it next gets to run.
    await expect.poll(() => new Set(threadStates(pid))).toEqual(new Set(["T"]));
    expect(readProcessSchedule(pid).own.runnable).toBe(false);
    const from = asOfNow(readProcessSchedule(pid));
    expect(from.own.runNs).toBeGreaterThan(0);
    expect([...from.helpers().keys()]).not.toContain(pid);
    expect(from.helpers().size).toBeGreaterThan(0);
    expect(waitedNs(from, readProcessSchedule(pid), Number.POSITIVE_INFINITY)).toBe(0);
    const exit = once(child, "exit");
    child.kill("SIGKILL");
    await exit;
    expect(readProcessSchedule(pid).own).toEqual({ runNs: 0, waitNs: 0, runnable: false });
  },
);

it.runIf(process.platform === "linux")(
  "a process that this one started is of its family while it lives",
  async () => {
    const child = spawn(process.execPath, ["-e", "setInterval(() => undefined, 1000)"], { stdio: "ignore" });
    const isThere = (): boolean =>
      readFamilySchedule()
        .helpers()
        .has(child.pid ?? 0);
    await expect.poll(isThere).toBe(true);
    const exit = once(child, "exit");
    child.kill("SIGKILL");
    await exit;
    expect(isThere()).toBe(false);
  },
);
