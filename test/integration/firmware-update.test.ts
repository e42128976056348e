/** Firmware updates regions of the live controller by itself: what it may, what it may not, and what a stop leaves. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type DeviceOptions, type RunningDevice, startDevice } from "flipside";
import { afterEach, describe, expect, it, vi } from "vitest";
import { FlashCommand } from "../../controller/devices/flash-controller.ts";
import { FlashRequest } from "../../controller/devices/region-flash.ts";
import { FlashStatus } from "../../emulator/memory/flash-posts.ts";
import { declaringImage } from "../declaring-firmware.ts";
import { type Deed, padded, statusesOf, writingImage } from "../writing-firmware.ts";

const REGION_BYTES = 65_536;
const DECLARED = 1;
const { DONE, REFUSED, FAILED } = {
  DONE: FlashStatus.DONE,
  REFUSED: FlashStatus.REFUSED,
  FAILED: FlashStatus.FAILED,
};
const newImage = declaringImage(DECLARED, 3);
const payload = padded(newImage);

const begin = (region: number): Deed => ({ request: FlashRequest.BEGIN, region });
const end = (region: number): Deed => ({ request: FlashRequest.END, region });
const activate = (region: number): Deed => ({ request: FlashRequest.ACTIVATE, region });
const erase = (region: number, length = REGION_BYTES): Deed => ({
  command: FlashCommand.ERASE,
  region,
  length,
});
const program = (region: number): Deed => ({
  command: FlashCommand.PROGRAM,
  region,
  length: payload.length,
});
const verify = (region: number): Deed => ({ command: FlashCommand.VERIFY, region, length: payload.length });

let device: RunningDevice | undefined;
afterEach(async () => {
  await device?.stop();
  device = undefined;
});

async function start(
  images: readonly Uint8Array[],
  memory: DeviceOptions["memory"] = {},
  options: DeviceOptions = {},
) {
  device = await startDevice({ images, memory: { regionBytes: REGION_BYTES, ...memory }, ...options });
  return device;
}

/** Until firmware has told how so many of its deeds ended, the reading of its payload in front of them. */
async function told(running: RunningDevice, deeds: number): Promise<readonly number[]> {
  let text = "";
  const isTold = async (): Promise<void> => {
    ({ text } = await running.uart());
    expect(text.length).toBeGreaterThanOrEqual(deeds + 1);
  };
  await vi.waitFor(isTold, { timeout: 30_000 });
  expect(statusesOf(text)[0]).toBe(DONE);
  return statusesOf(text).slice(1);
}

async function until(running: RunningDevice, holds: object): Promise<void> {
  const isSo = async (): Promise<void> => expect(await running.status()).toMatchObject(holds);
  await vi.waitFor(isSo, { timeout: 30_000 });
}

describe("the firmware that executes", () => {
  it("writes the other region between begin and end, has it activated, and that one runs on trial and confirms", async () => {
    const deeds = [begin(1), erase(1), program(1), verify(1), end(1), activate(1)];
    const running = await start([
      writingImage({ minor: 2, region: 0, deeds, payload }),
      declaringImage(1, 1),
    ]);
    expect(await told(running, deeds.length)).toEqual(deeds.map(() => DONE));
    const { regions, primary, nextStart } = await running.status();
    expect([primary, nextStart.region]).toEqual([0, 1]);
    expect(regions[1]).toMatchObject({ state: "valid", version: "1.3.0" });
    expect(regions[1]?.triesLeft).toBeGreaterThan(0);
    await running.standby();
    const failover = running.nextFailover();
    await running.inject("illegal-instruction");
    expect(await failover).toMatchObject({ fromRegion: 0, toRegion: 1 });
    await until(running, { primary: 1 });
    await vi.waitFor(async () => expect((await running.status()).regions[1]?.state).toBe("accepted"));
  });

  it("is refused what it has not begun, and what it has ended", async () => {
    const deeds = [erase(1), program(1), end(1), begin(1), erase(1), program(1), end(1), erase(1), end(1)];
    const running = await start([
      writingImage({ minor: 2, region: 0, deeds, payload }),
      declaringImage(1, 1),
    ]);
    const refused = [REFUSED, REFUSED, REFUSED];
    expect(await told(running, deeds.length)).toEqual([
      ...refused,
      ...[DONE, DONE, DONE, DONE],
      ...refused.slice(1),
    ]);
    // What was written at last is whole: the erase that was refused has changed nothing.
    expect((await running.status()).regions[1]).toMatchObject({ state: "valid", version: "1.3.0" });
  });

  it("may wait for the interrupt of what it asked for", async () => {
    const deeds = [begin(1), erase(1), program(1), end(1), begin(0)];
    const writing = { minor: 2, region: 0, deeds, payload, sleeps: true };
    const running = await start([writingImage(writing), declaringImage(1, 1)]);
    expect(await told(running, deeds.length)).toEqual([DONE, DONE, DONE, DONE, REFUSED]);
  });

  it("may not write the primary", async () => {
    const deeds = [begin(0), erase(0), program(0), end(0)];
    const running = await start([
      writingImage({ minor: 2, region: 0, deeds, payload }),
      declaringImage(1, 1),
    ]);
    expect(await told(running, deeds.length)).toEqual(deeds.map(() => REFUSED));
    expect((await running.status()).regions[0]).toMatchObject({ state: "accepted", version: "1.2.0" });
  });

  it("is told that what it wrote does not verify, which stays invalid and is not activated", async () => {
    const deeds = [begin(1), erase(1), end(1), activate(1)];
    const running = await start([
      writingImage({ minor: 2, region: 0, deeds, payload }),
      declaringImage(1, 1),
    ]);
    expect(await told(running, deeds.length)).toEqual([DONE, DONE, FAILED, REFUSED]);
    expect(await running.status()).toMatchObject({
      nextStart: { region: 0 },
      regions: [{}, { state: "invalid" }],
    });
  });

  it("may not begin on its fall-back while it is on trial, but on any other region", async () => {
    const deeds = [begin(0), begin(2)];
    const trial = writingImage({ minor: 2, region: 1, deeds, payload, confirms: false });
    const running = await start([declaringImage(1, 1)], { regions: 3 });
    await until(running, { ready: true });
    await running.load(1, trial);
    await running.standby();
    await running.designate(1);
    expect(await told(running, deeds.length)).toEqual([REFUSED, DONE]);
    expect((await running.status()).regions[0]).toMatchObject({ state: "accepted", version: "1.1.0" });
  });
});

describe("where a write by firmware takes its time", () => {
  const slow = { regions: 3, sectorEraseUs: 1_000_000 };
  const deeds = [begin(2), erase(2), program(2), end(2)];
  const images = [writingImage({ minor: 2, region: 0, deeds, payload }), declaringImage(1, 1)];

  it("the stop of its version leaves the region invalid and all else as it was; an operator's load goes on from there", async () => {
    const running = await start(images, slow);
    await running.standby();
    expect(await told(running, 1)).toEqual([DONE]);
    const failover = running.nextFailover();
    await running.inject("illegal-instruction");
    expect(await failover).toMatchObject({ fromRegion: 0, toRegion: 1 });
    expect((await running.uart()).text, "no deed of its ended behind the stop").toHaveLength(2);
    const { regions } = await running.status();
    expect(regions.map(({ state, version }) => [state, version])).toEqual([
      ["accepted", "1.2.0"],
      ["accepted", "1.1.0"],
      ["invalid", ""],
    ]);
    const loaded = await running.load(2, newImage);
    expect(loaded).toMatchObject({
      nextStart: { region: 2 },
      regions: [{}, {}, { state: "valid", version: "1.3.0" }],
    });
  });

  it("a power cut leaves the region invalid, and the version that starts then writes it anew", async () => {
    const directory = mkdtempSync(join(tmpdir(), "flipside-"));
    try {
      const flashFile = join(directory, "device.flash");
      const running = await start(images, { ...slow, sectorEraseUs: 200_000 }, { flashFile });
      expect(await told(running, 1)).toEqual([DONE]);
      const cut = await running.powerCut(5);
      expect(cut.regions.map(({ state }) => state)).toEqual(["accepted", "accepted", "invalid"]);
      expect(await told(running, deeds.length)).toEqual(deeds.map(() => DONE));
      expect((await running.status()).regions[2]).toMatchObject({ state: "valid", version: "1.3.0" });
    } finally {
      await device?.stop();
      device = undefined;
      rmSync(directory, { recursive: true });
    }
  });

  it("an operator's load takes the region from it: what it does is refused, and the load is whole", async () => {
    const running = await start(images, slow);
    expect(await told(running, 1)).toEqual([DONE]);
    const loaded = await running.load(2, newImage);
    expect(loaded.regions[2]).toMatchObject({ state: "valid", version: "1.3.0" });
    expect(await told(running, deeds.length)).toEqual([DONE, REFUSED, REFUSED, REFUSED]);
    expect((await running.status()).regions[2]).toMatchObject({ state: "valid", version: "1.3.0" });
  });
});
