/** What a command runs, of its device file and its options. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { DEFAULT_HART } from "../../controller/cpu/hart-config.ts";
import { DEFAULT_MEMORY_CONFIG } from "../../emulator/memory/layout.ts";
import { deviceConfig, readDevice } from "../../scripts/described-device.ts";
import { parseEmulate } from "../../scripts/emulate/options.ts";
import { DEFAULT_LIMITS, DEFAULT_RECOVERY } from "../../supervisor/core/config.ts";
import { declaringImage } from "../declaring-firmware.ts";

let directory: string;
let file: string;
let otherImage: string;

function reference(version: string): Uint8Array {
  return readFileSync(new URL(`../../controller/firmware/images/controller-${version}.img`, import.meta.url));
}

function write(document: unknown): string {
  writeFileSync(file, JSON.stringify(document));
  return file;
}

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), "flipside-described-"));
  file = join(directory, "flipside.json");
  otherImage = join(directory, "other.img");
  writeFileSync(join(directory, "mine.img"), declaringImage(0x03, 7));
  writeFileSync(otherImage, declaringImage(0x01, 3));
});
afterAll(() => rmSync(directory, { recursive: true }));

describe("the device of a command", () => {
  it("is the default one, with the reference firmware, where nothing is said", () => {
    const device = readDevice({});
    expect(deviceConfig(device)).toEqual({
      memory: DEFAULT_MEMORY_CONFIG,
      limits: DEFAULT_LIMITS,
      recovery: DEFAULT_RECOVERY,
      engine: "auto",
      hart: DEFAULT_HART,
      keys: [],
      requireSecurityCounter: false,
    });
    expect(device.images.map(({ bytes }) => Buffer.from(bytes))).toEqual([
      reference("1.1.0"),
      reference("1.0.0"),
    ]);
    expect(device.images.every(({ isReference }) => isReference)).toBe(true);
  });

  it("is what its file says", () => {
    const device = readDevice({
      device: write({
        format: 1,
        memory: { ramBytes: 131_072, regions: 3 },
        limits: { commandMs: 900 },
        recovery: { trialTries: 1 },
        engine: "interpreter",
        hart: { isa: "rv32imac_zba" },
        images: ["mine.img"],
        firmware: { capabilities: [] },
      }),
    });
    expect(deviceConfig(device)).toEqual({
      memory: { ...DEFAULT_MEMORY_CONFIG, ramBytes: 131_072, regions: 3 },
      limits: { ...DEFAULT_LIMITS, commandMs: 900 },
      recovery: { ...DEFAULT_RECOVERY, trialTries: 1 },
      engine: "interpreter",
      hart: { ...DEFAULT_HART, isa: "rv32imac_zba" },
      keys: [],
      requireSecurityCounter: false,
      capabilities: [],
    });
    expect(device.images.map(({ what }) => what)).toEqual([`${file}: images[0]`]);
  });

  it("is what the options say, where both say something", () => {
    write({ format: 1, engine: "interpreter", memory: { regions: 3 }, images: ["mine.img"] });
    const device = readDevice({
      device: file,
      engine: "translator",
      regions: "4",
      "image-b": otherImage,
      "require-security-counter": true,
    });
    expect(device).toMatchObject({ engine: "translator", memory: { regions: 4 } });
    expect(device.requirements.securityCounter).toBe(true);
    expect(device.images.map(({ what }) => what)).toEqual([`${file}: images[0]`, "--image-b"]);
  });

  it.each([
    [
      { memory: { regions: 3 }, images: ["mine.img", "other.img", "mine.img"] },
      { regions: "2" },
      "names 3 images",
    ],
    [{ images: ["none.img"] }, {}, /images\[0\] cannot be read: ENOENT/],
    [{ images: [] }, { "image-b": "other.img" }, "--image-b needs an image for region 0, too"],
    [{ keys: ["mine.img"] }, {}, /keys\[0\].*mine\.img/],
  ])("is refused of %j and %j", (document, options, message) => {
    write({ format: 1, ...document });
    expect(() => readDevice({ device: file, ...options })).toThrow(message);
  });
});

describe("a soak", () => {
  it("has an image in each region, of those that the file names in turn, and keeps the file's budget", () => {
    write({
      format: 1,
      memory: { regions: 3 },
      limits: { budget: { failures: 2 } },
      images: ["mine.img", "other.img"],
    });
    const options = parseEmulate(["--device", file]);
    if (options === "help") throw new Error("it was not asked");
    const [mine, other] = [declaringImage(0x03, 7), declaringImage(0x01, 3)].map((each) => Buffer.from(each));
    expect(options.images.map((each) => Buffer.from(each))).toEqual([mine, other, mine]);
    expect(options.device.limits.budget.failures).toBe(2);
  });

  it("has something to run, and images that run", () => {
    write({ format: 1, images: [] });
    expect(() => parseEmulate(["--device", file])).toThrow("images: a soak needs one at least");
    write({ format: 1, images: ["mine.img"], requireSecurityCounter: true });
    expect(() => parseEmulate(["--device", file])).toThrow(/images\[0\] cannot be run: .*security counter/);
  });

  it("writes no report over what it read", () => {
    write({ format: 1, images: ["mine.img"] });
    for (const read of [file, join(directory, "mine.img")]) {
      expect(() => parseEmulate(["--device", file, "--json", read])).toThrow("is named twice");
    }
  });
});
