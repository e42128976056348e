/** Bits that flip in the memory of a running controller. */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DEFAULT_LIMITS, DEFAULT_MEMORY_CONFIG, DEFAULT_RECOVERY, type Status } from "flipside";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { planLayout, TABLE_BYTES } from "../../emulator/memory/layout.ts";
import { openFlashFile } from "../../emulator/persist/flash-file.ts";
import { planPersistentSpace } from "../../emulator/persist/persistent-space.ts";
import { readFloor } from "../../emulator/table/floor.ts";
import { classifyReplicas } from "../../emulator/table/recovery.ts";
import { Guardian } from "../../supervisor/process/guardian.ts";
import { CutNvram } from "../emulator/table/cut-nvram.ts";

function image(name: string): Uint8Array {
  return readFileSync(new URL(`../../controller/firmware/images/${name}`, import.meta.url));
}

const images = [image("controller-1.1.0.img"), image("controller-1.0.0.img")];
const space = planPersistentSpace(planLayout(DEFAULT_MEMORY_CONFIG));

let directory: string;
let flashFile: string;
let device: Guardian;

/** Asks until the condition holds; the test's own time limit ends a wait that never does. */
async function until(holds: (status: Status) => boolean): Promise<Status> {
  for (;;) {
    const status = await device.call("status", null);
    if (holds(status)) return status;
  }
}

/** The table's segment as the flash file has it, and the number of its last store. */
function kept(): { port: CutNvram; sequence: number } {
  const { image: bytes, sequence } = openFlashFile(readFileSync(flashFile), space);
  const words = new Int32Array(TABLE_BYTES / 4);
  new Uint8Array(words.buffer).set(bytes.subarray(0, TABLE_BYTES));
  return { port: new CutNvram(words), sequence };
}

describe("a controller whose memory rots", () => {
  beforeAll(async () => {
    directory = mkdtempSync(join(tmpdir(), "flipside-"));
    flashFile = join(directory, "device.flash");
    device = new Guardian({
      memory: DEFAULT_MEMORY_CONFIG,
      images,
      limits: { ...DEFAULT_LIMITS, budget: { failures: null, windowMs: 60_000 } },
      recovery: DEFAULT_RECOVERY,
      engine: "auto",
      log: { level: "silent", fd: 2 },
      flashFile,
    });
    await device.start();
  });
  afterAll(async () => {
    await device.stop();
    rmSync(directory, { recursive: true });
  });

  for (const kind of ["rot-replica", "rot-both-replicas"]) {
    it(`mends the table after ${kind}, and its generation stays`, async () => {
      await device.call("standby", null);
      const { generation } = await device.call("status", null);
      const before = kept().sequence;
      await device.call("inject", { kind });
      for (;;) {
        await device.call("ping", null);
        const { port, sequence } = kept();
        const found = classifyReplicas(port, 2);
        // The flips are stores, too; what mends them comes behind.
        if (sequence > before + 2 && found.kind === "sound") {
          expect(found.table.generation).toBeGreaterThanOrEqual(generation);
          break;
        }
      }
    });
  }

  it("mends the security floor", async () => {
    const before = kept().sequence;
    const { securityFloor } = await device.call("status", null);
    await device.call("inject", { kind: "rot-floor" });
    for (;;) {
      await device.call("ping", null);
      const { port, sequence } = kept();
      if (sequence <= before + 1 || readFloor(port) === undefined) continue;
      expect(readFloor(port)).toBe(securityFloor);
      break;
    }
  });

  it("withdraws a standby whose region rots, before it is needed, and has one again once it is written anew", async () => {
    await device.call("standby", null);
    const { standby } = await device.call("status", null);
    await device.call("inject", { kind: "rot-standby" });
    // Until there is another version to stand by, the other worker stands by for the primary itself.
    const without = await until(({ standby: now }) => now !== standby);
    expect(without.phase).toBe("executing");
    const rotten = await until(({ regions }) => regions[standby ?? 0]?.version === "");
    expect(rotten.primary).not.toBe(standby);
    const region = standby ?? 0;
    await device.call("load", { region, image: images[region] ?? new Uint8Array() });
    expect(await until(({ standby: now }) => now === region)).toMatchObject({ phase: "executing" });
  });

  it("stops a version whose region rots, felt or found, and runs the other", async () => {
    await device.call("standby", null);
    const { primary } = await device.call("status", null);
    const next = device.call("nextFailover", null);
    await device.call("inject", { kind: "rot-executing" });
    const { fromRegion, toRegion } = await next;
    expect(fromRegion).toBe(primary);
    expect(toRegion).not.toBe(primary);
    expect(await until(({ ready }) => ready)).toMatchObject({ primary: toRegion });
  });
});
