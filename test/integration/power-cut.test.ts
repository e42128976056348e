/** Power that goes while a region is being written. */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DEFAULT_LIMITS, DEFAULT_MEMORY_CONFIG, DEFAULT_RECOVERY } from "flipside";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Random } from "../../emulator/base/random.ts";
import { planLayout } from "../../emulator/memory/layout.ts";
import { openFlashFile } from "../../emulator/persist/flash-file.ts";
import { ERASED, planPersistentSpace, regionOffset } from "../../emulator/persist/persistent-space.ts";
import type { DeviceConfig } from "../../supervisor/core/config.ts";
import { Guardian, type Restart } from "../../supervisor/process/guardian.ts";

function image(name: string): Uint8Array {
  return readFileSync(new URL(`../../controller/firmware/images/${name}`, import.meta.url));
}

/** So large that writing a region takes a while. */
const memory = { ...DEFAULT_MEMORY_CONFIG, regionBytes: 4 * 1024 * 1024 };
const { regionBytes, sectorBytes, programUnitBytes } = memory;
const space = planPersistentSpace(planLayout(memory));
const images = [image("controller-1.1.0.img"), image("controller-1.0.0.img")];
const REGION = 1;

let directory: string;
let config: DeviceConfig;
let device: Guardian;
let onRestart: (restart: Restart) => void = () => undefined;

/** The region that is written, as the flash file has it. */
function kept(): Uint8Array {
  const { image: bytes } = openFlashFile(readFileSync(config.flashFile ?? ""), space);
  const at = regionOffset(memory, REGION);
  return bytes.slice(at, at + regionBytes);
}

/** Cuts power once more than `bytes` of the region have been erased or programmed by a load of `data`. */
async function cutInLoad(data: Uint8Array, bytes: number): Promise<Restart> {
  const restarted = new Promise<Restart>((resolve) => (onRestart = resolve));
  const stored = async (): Promise<number> =>
    (await device.call("status", null)).regions[REGION]?.storedBytes ?? 0;
  const before = await stored();
  // What becomes of the call is the cut's business.
  device.call("load", { region: REGION, image: data }).catch(() => undefined);
  while ((await stored()) - before <= bytes);
  await device.call("inject", { kind: "power-cut" });
  return restarted;
}

/**
 * Cuts power while a region full of `data` is being erased. That takes a few milliseconds: where the cut comes behind it,
 * which the last sector tells, once more.
 */
async function cutInErase(
  data: Uint8Array,
): Promise<{ readonly status: Restart["status"]; readonly worn: readonly number[] }> {
  for (;;) {
    await expect(device.call("load", { region: REGION, image: data })).rejects.toThrowError(/cannot be used/);
    while (Buffer.compare(kept(), data) !== 0) await device.call("ping", null);
    const worn = (await device.call("status", null)).regions[REGION]?.eraseCounts ?? [];
    const { status } = await cutInLoad(images[1] ?? new Uint8Array(), sectorBytes);
    if (status.regions[REGION]?.eraseCounts.at(-1) === worn.at(-1)) return { status, worn };
  }
}

/** Units that hold neither what they are to hold nor what they held before. */
function tornUnits(found: Uint8Array, before: Uint8Array, after: Uint8Array, unitBytes: number): number[] {
  const same = (a: Uint8Array, b: Uint8Array, at: number): boolean =>
    Buffer.compare(a.subarray(at, at + unitBytes), b.subarray(at, at + unitBytes)) === 0;
  const starts = Array.from({ length: regionBytes / unitBytes }, (_, unit) => unit * unitBytes);
  return starts.filter((at) => !same(found, before, at) && !same(found, after, at));
}

describe("power, or a version, that goes while a region is written", () => {
  beforeAll(async () => {
    directory = mkdtempSync(join(tmpdir(), "flipside-"));
    config = {
      memory,
      images,
      limits: DEFAULT_LIMITS,
      recovery: DEFAULT_RECOVERY,
      engine: "auto",
      log: { level: "silent", fd: 2 },
      flashFile: join(directory, "device.flash"),
    };
    device = new Guardian(config, {}, { onRestart: (restart) => onRestart(restart) });
    await device.start();
  });
  afterAll(async () => {
    await device.stop();
    rmSync(directory, { recursive: true });
  });

  it("leaves the unit in progress torn, all before it as programmed, all behind it erased", async () => {
    const data = new Uint8Array(regionBytes);
    new Random(1).fill(data);
    const { status } = await cutInLoad(data, regionBytes + regionBytes / 4);
    expect(status).toMatchObject({ phase: "executing", primary: 0 });
    expect(status.regions[REGION]).toMatchObject({ state: "invalid", version: "", failures: 0 });
    const found = kept();
    const blank = new Uint8Array(regionBytes).fill(ERASED);
    const torn = tornUnits(found, blank, data, programUnitBytes);
    expect(torn.length).toBe(1);
    const [at = 0] = torn;
    expect(Buffer.compare(found.subarray(0, at), data.subarray(0, at))).toBe(0);
    expect(found.subarray(at + programUnitBytes).every((byte) => byte === ERASED)).toBe(true);
    // A program clears bits, and only those that it is to clear.
    for (let i = at; i < at + programUnitBytes; i += 1) {
      expect((found[i] as number) & (data[i] as number)).toBe(data[i]);
    }
  });

  it("leaves the sector in progress torn when it was being erased, and counts the erase", async () => {
    // All of it is written, so that all of it has to be erased.
    const data = new Uint8Array(regionBytes);
    new Random(2).fill(data);
    const { status, worn } = await cutInErase(data);
    const blank = new Uint8Array(regionBytes).fill(ERASED);
    const torn = tornUnits(kept(), data, blank, sectorBytes);
    expect(torn.length).toBe(1);
    const [at = 0] = torn;
    const erases = status.regions[REGION]?.eraseCounts.map((count, sector) => count - (worn[sector] ?? 0));
    const sector = at / sectorBytes;
    expect(erases?.slice(0, sector).every((count) => count === 1)).toBe(true);
    expect(erases?.slice(sector + 1).every((count) => count === 0)).toBe(true);
  });

  it("does not matter to a failover: the write waits until another version is ready", async () => {
    const data = new Uint8Array(regionBytes);
    new Random(3).fill(data);
    const stored = async (): Promise<number> =>
      (await device.call("status", null)).regions[REGION]?.storedBytes ?? 0;
    const before = await stored();
    const load = expect(device.call("load", { region: REGION, image: data })).rejects.toThrowError(
      /cannot be used/,
    );
    while ((await stored()) === before);
    const failover = device.call("nextFailover", null);
    await device.call("inject", { kind: "ebreak" });
    const { storedBytes, failure } = await failover;
    expect(failure.evidence).toBe("panic");
    // The unit that was under way ends, and no other begins.
    expect(storedBytes).toBeLessThanOrEqual(sectorBytes);
    const between = (await stored()) - before;
    expect(between).toBeLessThan(2 * regionBytes);
    await load;
    expect((await stored()) - before).toBe(2 * regionBytes);
  });

  it("leaves a region that is written again as if nothing had been", async () => {
    const region = REGION;
    await device.call("load", { region, image: images[1] ?? new Uint8Array() });
    const { regions } = await device.call("designate", { region });
    expect(regions[region]).toMatchObject({ version: "1.0.0", failures: 0 });
    await device.call("standby", null);
    expect(await device.call("status", null)).toMatchObject({ primary: region, ready: true });
  });
});
