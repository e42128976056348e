/** A controller whose flash has ECC, and a block of it that cannot be read: while it runs, over a restart, and over a cut. */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DEFAULT_LIMITS, DEFAULT_MEMORY_CONFIG, DEFAULT_RECOVERY, type Status } from "flipside";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { planLayout, unreadableBytes } from "../../emulator/memory/layout.ts";
import { openFlashFile } from "../../emulator/persist/flash-file.ts";
import { planPersistentSpace, unreadableOffset } from "../../emulator/persist/persistent-space.ts";
import { Guardian } from "../../supervisor/process/guardian.ts";

function image(name: string): Uint8Array {
  return readFileSync(new URL(`../../controller/firmware/images/${name}`, import.meta.url));
}

const images = [image("controller-1.1.0.img"), image("controller-1.0.0.img")];
const withEcc = { ...DEFAULT_MEMORY_CONFIG, ecc: true };

let directory: string;
let flashFile: string;
let device: Guardian;

function guardian(memory = withEcc): Guardian {
  return new Guardian({
    memory,
    images,
    limits: { ...DEFAULT_LIMITS, budget: { failures: null, windowMs: 60_000 } },
    recovery: DEFAULT_RECOVERY,
    engine: "auto",
    log: { level: "silent", fd: 2 },
    flashFile,
  });
}

/** Asks until the condition holds; the test's own time limit ends a wait that never does. */
async function until(holds: (status: Status) => boolean): Promise<Status> {
  for (;;) {
    const status = await device.call("status", null);
    if (holds(status)) return status;
  }
}

/** What the flash file keeps of what cannot be read; by region, how many blocks. */
function keptUnreadable(): number[] {
  const space = planPersistentSpace(planLayout(withEcc));
  const { image: kept } = openFlashFile(readFileSync(flashFile), space);
  const bytes = unreadableBytes(withEcc) / withEcc.regions;
  return Array.from({ length: withEcc.regions }, (_, region) => {
    const start = unreadableOffset(space, 0) + region * bytes;
    return kept
      .subarray(start, start + bytes)
      .reduce((sum, byte) => sum + byte.toString(2).split("1").length - 1, 0);
  });
}

/** A block of the version that runs becomes unreadable; resolves when the other one is ready. */
async function spoilExecuting(seed: number): Promise<{ failed: number; evidence: string }> {
  await device.call("standby", null);
  const primary = (await device.call("status", null)).primary ?? -1;
  const next = device.call("nextFailover", null);
  await device.call("inject", { kind: "unreadable-executing", seed });
  const { fromRegion, toRegion, failure } = await next;
  expect([fromRegion, toRegion]).toEqual([primary, 1 - primary]);
  await until(({ ready, regions }) => ready && regions[primary]?.version === "");
  return { failed: primary, evidence: failure.evidence };
}

describe("a block that cannot be read", () => {
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), "flipside-"));
    flashFile = join(directory, "device.flash");
    device = guardian();
  });
  afterEach(async () => {
    await device.stop();
    rmSync(directory, { recursive: true });
  });

  it("stops the version that runs into it, has the other one run, and is healed by an update", async () => {
    await device.start();
    const seen = new Set<string>();
    for (const seed of [1, 2, 3]) {
      const { failed, evidence } = await spoilExecuting(seed);
      seen.add(evidence);
      await device.call("load", { region: failed, image: images[failed] ?? new Uint8Array() });
      await device.call("designate", { region: failed });
      await until(({ ready, primary }) => ready && primary === failed);
      await until(({ regions }) => regions[failed]?.state === "accepted");
    }
    // Felt by the hart, or found by the scrub where nothing executes or reads it.
    for (const evidence of seen) expect(["panic", "trap", "double-trap", "bad-digest"]).toContain(evidence);
    expect(seen).toContain("panic");
    await device.call("ping", null);
  });

  it("outlasts the device's power, and so does its healing", async () => {
    await device.start();
    const { failed } = await spoilExecuting(1);
    await device.stop();
    expect(keptUnreadable()).toEqual(failed === 0 ? [1, 0] : [0, 1]);
    device = guardian();
    await device.start();
    const again = await until(({ ready }) => ready);
    expect([again.primary, again.regions[failed]?.version]).toEqual([1 - failed, ""]);
    await device.call("load", { region: failed, image: images[failed] ?? new Uint8Array() });
    await device.stop();
    expect(keptUnreadable()).toEqual([0, 0]);
    device = guardian();
    await device.start();
    const whole = await until(({ ready }) => ready);
    expect(whole.regions.every(({ version }) => version !== "")).toBe(true);
  });

  it("can be there once a device gets ECC whose flash file was made without, and that file is kept", async () => {
    device = guardian(DEFAULT_MEMORY_CONFIG);
    await device.start();
    const { generation } = await until(({ ready }) => ready);
    await device.stop();
    device = guardian();
    await device.start();
    expect((await until(({ ready }) => ready)).generation).toBe(generation);
    const { failed } = await spoilExecuting(1);
    await device.stop();
    expect(keptUnreadable()[failed]).toBe(1);
    // What it holds by now cannot be told to flash without ECC.
    device = guardian(DEFAULT_MEMORY_CONFIG);
    await expect(device.start()).rejects.toMatchObject({
      name: "FlashFileMismatch",
      message: expect.stringContaining("it is of flash with ECC, and the device's has none"),
    });
  });

  it("is no fault of a device whose flash has no ECC", async () => {
    device = guardian(DEFAULT_MEMORY_CONFIG);
    await device.start();
    await expect(device.call("inject", { kind: "unreadable-executing", seed: 1 })).rejects.toThrow(
      "there is nothing for unreadable-executing: the device's flash has no ECC (memory.ecc)",
    );
  });
});
