/** The guardian over real processes: each way in which a supervisor process ends or hangs. Times are printed. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DEFAULT_LIMITS, DEFAULT_MEMORY_CONFIG, DEFAULT_RECOVERY, PROCESS_FAULT_KINDS } from "flipside";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import type { DeviceConfig } from "../../supervisor/core/config.ts";
import { Guardian, type GuardianLimits, type Restart } from "../../supervisor/process/guardian.ts";

function image(name: string): Uint8Array {
  return readFileSync(new URL(`../../controller/firmware/images/${name}`, import.meta.url));
}

let directory: string;
let guardian: Guardian | undefined;
let onRestart: (restart: Restart) => void = () => undefined;
let onGivenUp: (reason: string) => void = () => undefined;
const lines: string[] = [];

function config(flashFile: string): DeviceConfig {
  return {
    memory: DEFAULT_MEMORY_CONFIG,
    images: [image("controller-1.1.0.img"), image("controller-1.0.0.img")],
    limits: { ...DEFAULT_LIMITS, budget: { failures: null, windowMs: 60_000 } },
    recovery: DEFAULT_RECOVERY,
    engine: "auto",
    log: { level: "error", fd: 2 },
    flashFile,
  };
}

async function guard(name: string, limits: Partial<GuardianLimits> = {}): Promise<Guardian> {
  guardian = new Guardian(config(join(directory, name)), limits, {
    onRestart: (restart) => onRestart(restart),
    onGivenUp: (reason) => onGivenUp(reason),
  });
  await guardian.start();
  return guardian;
}

function nextRestart(): Promise<Restart> {
  return new Promise((resolve) => (onRestart = resolve));
}

/** Of this process, Linux alone. */
function childProcesses(): number[] {
  const threads = readdirSync("/proc/self/task");
  const lists = threads.map((thread) => readFileSync(`/proc/self/task/${thread}/children`, "latin1"));
  return lists.flatMap((list) => list.trim().split(" ").filter(Boolean).map(Number));
}

/** Fails a version over and returns the table's generation, which was acknowledged. */
async function failOver(device: Guardian): Promise<number> {
  await device.call("standby", null);
  const next = device.call("nextFailover", null);
  await device.call("inject", { kind: "ebreak" });
  return (await next).generation;
}

describe("the guardian", () => {
  beforeAll(() => {
    directory = mkdtempSync(join(tmpdir(), "flipside-"));
  });
  afterEach(async () => {
    await guardian?.stop();
    guardian = undefined;
  });
  afterAll(() => {
    rmSync(directory, { recursive: true });
    console.log(lines.join("\n"));
  });

  for (const kind of PROCESS_FAULT_KINDS.filter((name) => name !== "power-cut-in-commit")) {
    it(`has a running controller with all that was acknowledged after ${kind}`, async () => {
      const device = await guard(kind);
      const generation = await failOver(device);
      const { primary } = await device.call("status", null);
      const restarted = nextRestart();
      await device.call("inject", { kind });
      const { reason, detectedNs, startedNs, status: powered } = await restarted;
      expect(powered).toMatchObject({ phase: "executing", primary, generation });
      expect(powered.regions.map(({ failures }) => failures).reduce((a, b) => a + b)).toBe(1);
      let status = powered;
      // On a busy machine a version may fail between the two answers: then the next one counts.
      while (!status.ready) {
        await device.call("standby", null);
        status = await device.call("status", null);
      }
      expect(status.executingSinceNs).toBeGreaterThan(detectedNs);
      const ms = (ns: number): string => ((ns - detectedNs) / 1e6).toFixed(0);
      lines.push(
        `${kind.padEnd(18)} first instruction ${ms(status.executingSinceNs)} ms after detection, answered after ${ms(startedNs)} ms: ${reason}`,
      );
    });
  }

  it("has the old table or the new one after a power cut between any two stores of a commit", async () => {
    const device = await guard("cut-in-commit", { restarts: null });
    const outcomes = new Map<string, number>();
    for (let round = 0; round < 10; round += 1) {
      await device.call("standby", null);
      const before = await device.call("status", null);
      const failures = before.regions.map((region) => region.failures);
      const restarted = nextRestart();
      await device.call("inject", { kind: "power-cut-in-commit" });
      const { status: after } = await restarted;
      const committed = after.generation !== before.generation;
      if (committed) failures[before.primary ?? 0] = (failures[before.primary ?? 0] ?? 0) + 1;
      expect(after.generation - before.generation).toBe(committed ? 1 : 0);
      expect(after.primary === before.primary).toBe(!committed);
      expect(after.regions.map((region) => region.failures)).toEqual(failures);
      const outcome = committed ? "the new table" : "the old table";
      outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
    }
    lines.push(`cuts in a commit: ${[...outcomes].map(([outcome, n]) => `${outcome} ${n}`).join(", ")}`);
  });

  it("gives up, with a reason, when restarts do not help", async () => {
    const device = await guard("given-up", { restarts: 1 });
    const givenUp = new Promise<string>((resolve) => (onGivenUp = resolve));
    const restarted = nextRestart();
    await device.call("inject", { kind: "supervisor-kill" });
    await restarted;
    await device.call("inject", { kind: "supervisor-kill" });
    expect(await givenUp).toMatch(/1 restarts within 60000 ms did not help.*SIGKILL/);
    await expect(device.call("status", null)).rejects.toThrowError(/did not help/);
  });

  it("gives up with what the flash file's state is when that is why no process starts", async () => {
    const device = await guard("overwritten", { restarts: 2 });
    const givenUp = new Promise<string>((resolve) => (onGivenUp = resolve));
    writeFileSync(join(directory, "overwritten"), "nothing of the sort");
    device.kill("SIGKILL");
    expect(await givenUp).toMatch(/it is no flash file/);
  });

  for (const [name, lose] of [
    ["a flash file that is gone", (path: string) => rmSync(path)],
    ["an empty flash file", (path: string) => truncateSync(path)],
  ] as const) {
    it(`acknowledged means kept: never takes ${name} for a new device's at a restart, and gives up with that`, async () => {
      const path = join(directory, "lost");
      const device = await guard("lost", { restarts: 1 });
      const givenUp = new Promise<string>((resolve) => (onGivenUp = resolve));
      // Or it would make the file again.
      device.kill("SIGSTOP");
      lose(path);
      device.kill("SIGKILL");
      expect(await givenUp).toContain(`the flash file ${path} is gone or holds nothing`);
      rmSync(path, { force: true });
    });
  }

  it("refuses to start where the first process refuses, without trying again", async () => {
    writeFileSync(join(directory, "foreign"), "#!/bin/sh\n");
    await expect(guard("foreign")).rejects.toMatchObject({ name: "FlashFileForeign" });
    expect(guardian?.restarts).toBe(0);
  });

  it("ends a spare that stands still when it is to start, and starts the next one", async () => {
    const device = await guard("stopped-spare", { startMs: 5_000 });
    const generation = await failOver(device);
    for (const spare of childProcesses().filter((pid) => pid !== device.pid)) process.kill(spare, "SIGSTOP");
    const restarted = nextRestart();
    device.kill("SIGKILL");
    const { reason, index, status } = await restarted;
    // On a busy machine the spare may not have been loaded: then nothing but its start has a deadline.
    expect(reason).toMatch(/did not (answer for 500|start within 5000) ms/);
    expect(index).toBe(2);
    expect(status).toMatchObject({ phase: "executing", generation });
  });

  it("ends the first process when that stands still while it starts, and starts the next one", async () => {
    const device = new Guardian(
      config(join(directory, "stopped-start")),
      { startMs: 1_000 },
      { onRestart: (restart) => onRestart(restart) },
    );
    guardian = device;
    const restarted = nextRestart();
    const started = device.start();
    device.kill("SIGSTOP");
    expect(await started).toMatchObject({ phase: "executing" });
    expect(await restarted).toMatchObject({
      index: 1,
      reason: "the supervisor process did not start within 1000 ms",
    });
  });

  it("restarts nothing after it was told to stop", async () => {
    const device = await guard("stopped");
    const { pid } = device;
    await device.stop();
    expect(device.restarts).toBe(0);
    expect(() => process.kill(pid ?? 0, 0)).toThrowError(/ESRCH/);
  });
});
