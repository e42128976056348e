import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { isaFault } from "../../../controller/cpu/isa.ts";
import { DEFAULT_MEMORY_CONFIG } from "../../../emulator/memory/layout.ts";
import { DEFAULT_LIMITS, DEFAULT_RECOVERY } from "../../../supervisor/core/config.ts";
import { DEFAULT_DEVICE, parseDeviceFile } from "../../../supervisor/device-file/device-file.ts";
import { loadDeviceFile, readImages, readKeys } from "../../../supervisor/device-file/load.ts";

function parse(document: unknown) {
  return parseDeviceFile(JSON.stringify(document), "flipside.json");
}

function mistakes(document: unknown): readonly string[] {
  try {
    parse(document);
    return [];
  } catch (error) {
    return (error as Error).message.split("\n");
  }
}

describe("a device file", () => {
  it("that says nothing describes the default device", () => {
    expect(parse({ format: 1 })).toEqual(DEFAULT_DEVICE);
    expect(DEFAULT_DEVICE).toMatchObject({
      memory: DEFAULT_MEMORY_CONFIG,
      limits: DEFAULT_LIMITS,
      recovery: DEFAULT_RECOVERY,
      engine: "auto",
      hart: { isa: "rv32imac", userMode: true, pmpEntries: 16 },
      images: undefined,
      capabilities: undefined,
    });
  });

  it("changes what it says, and nothing beside it", () => {
    const described = parse({
      format: 1,
      memory: { ramBytes: 65_536, sectorEraseUs: 45_000 },
      limits: { readyMs: 1000, budget: { failures: null } },
      firmware: { capabilities: ["queue"] },
      hart: { isa: "rv32imac_zbb", pmpEntries: 0 },
    });
    expect(described).toEqual({
      ...DEFAULT_DEVICE,
      hart: { isa: "rv32imac_zbb", userMode: true, pmpEntries: 0 },
      memory: { ...DEFAULT_MEMORY_CONFIG, ramBytes: 65_536, sectorEraseUs: 45_000 },
      limits: { ...DEFAULT_LIMITS, readyMs: 1000, budget: { ...DEFAULT_LIMITS.budget, failures: null } },
      capabilities: ["queue"],
    });
  });

  it.each([
    [{ format: 1, memory: { ramBytes: 3 } }, "flipside.json: memory.ramBytes: 3 is no multiple of 4096"],
    [{ format: 1, memory: { ramBytes: 4096 } }, "flipside.json: memory.ramBytes: 4096 is less than 65536"],
    [{ format: 1, memory: { ramBytes: "16M" } }, 'flipside.json: memory.ramBytes: "16M" is no whole number'],
    [
      { format: 1, memory: { regionBytes: 2 ** 25 } },
      "flipside.json: memory.regionBytes: 33554432 is more than 16777216",
    ],
    [
      { format: 1, memory: { regionBytes: 69_632, sectorBytes: 65_536 } },
      "flipside.json: memory.regionBytes: 69632 is no multiple of memory.sectorBytes, 65536",
    ],
    [
      { format: 1, memory: { programUnitBytes: 12 } },
      "flipside.json: memory.programUnitBytes: 12 does not divide memory.sectorBytes, 4096",
    ],
    [{ format: 1, memory: [] }, "flipside.json: memory: a list is no object"],
    [
      { format: 1, limits: { ready: 5 } },
      "flipside.json: limits.ready: there is no such member: it must be one of readyMs, commandMs, heartbeatMs, scrubMs, budget",
    ],
    [
      { format: 1, engine: "fast" },
      'flipside.json: engine: "fast" is none of "auto", "translator", "interpreter"',
    ],
    [
      { format: 1, hart: { isa: "rv32imafdc" } },
      `flipside.json: hart.isa: "rv32imafdc": ${isaFault("rv32imafdc")}`,
    ],
    [{ format: 1, hart: { isa: 32 } }, "flipside.json: hart.isa: 32 is no text"],
    [{ format: 1, hart: { userMode: 1 } }, "flipside.json: hart.userMode: 1 is neither true nor false"],
    [{ format: 1, hart: { pmpEntries: 8 } }, "flipside.json: hart.pmpEntries: 8 is none of 0, 16"],
    [
      { format: 1, firmware: { capabilities: ["queue", "queue"] } },
      'flipside.json: firmware.capabilities[1]: "queue" stands there twice',
    ],
    [{ format: 1, images: ["a", ""] }, 'flipside.json: images[1]: "" is not the path of a file'],
    [{ format: 1, images: ["a", "b", "c"] }, "flipside.json: images: it names 3 images for 2 regions"],
    [{}, "flipside.json: format: it is missing"],
    [{ format: "1" }, 'flipside.json: format: "1" is not 1'],
    [
      { format: 2, boards: [] },
      "flipside.json: format: 2 is not known: this version of flipside reads format 1",
    ],
    [[], "flipside.json: a list is no object"],
  ])("%j is refused in one sentence with its path", (document, sentence) => {
    expect(mistakes(document)).toEqual([sentence]);
  });

  it("has every mistake told, not only the first", () => {
    expect(mistakes({ memory: { regions: 5, hostBytes: true }, keys: "key.pem" })).toEqual([
      "flipside.json: memory.regions: 5 is more than 4",
      "flipside.json: memory.hostBytes: true is no whole number",
      'flipside.json: keys: "key.pem" is no list',
      "flipside.json: format: it is missing",
    ]);
  });

  it("that is no JSON is refused with line and column", () => {
    expect(() => parseDeviceFile('{\n  "format": 1,\n}', "flipside.json")).toThrow(
      'flipside.json: line 3, column 1: there is "}" where the name of a member in quotes must be',
    );
  });
});

describe("a device file on disk", () => {
  let directory: string;
  beforeAll(() => {
    directory = mkdtempSync(join(tmpdir(), "flipside-device-file-"));
    mkdirSync(join(directory, "build"));
    writeFileSync(join(directory, "build", "a.img"), Uint8Array.of(1, 2, 3));
    writeFileSync(join(directory, "key.pem"), "a key");
  });
  afterAll(() => rmSync(directory, { recursive: true }));

  function write(document: unknown): string {
    const file = join(directory, "flipside.json");
    writeFileSync(file, JSON.stringify(document));
    return file;
  }

  it("names files relative to itself, wherever it is read from", () => {
    const device = loadDeviceFile(write({ format: 1, images: ["build/a.img"], keys: ["./key.pem"] }));
    expect(device.images).toEqual([join(directory, "build", "a.img")]);
    expect(readImages(device).map((image) => [...image])).toEqual([[1, 2, 3]]);
    expect(readKeys(device)).toEqual(["a key"]);
  });

  it("that is not there, or is none, is refused by name, and so is a file that it names", () => {
    expect(() => loadDeviceFile(join(directory, "none.json"))).toThrow(/none\.json cannot be read: ENOENT/);
    expect(() => loadDeviceFile(directory)).toThrow("is no file");
    const device = loadDeviceFile(write({ format: 1, images: ["b.img"], keys: ["build"] }));
    expect(() => readImages(device)).toThrow(/flipside\.json: images\[0\] cannot be read: ENOENT/);
    expect(() => readKeys(device)).toThrow(/flipside\.json: keys\[0\] cannot be read: .*build is no file/);
  });

  it("may not name an image that is larger than a region", () => {
    const file = write({ format: 1, images: ["build/a.img"] });
    writeFileSync(join(directory, "build", "a.img"), new Uint8Array(DEFAULT_MEMORY_CONFIG.regionBytes + 1));
    expect(() => readImages(loadDeviceFile(file))).toThrow("more than a region (262144)");
  });
});
