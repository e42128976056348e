/** What a device begins with: nothing that it keeps is lost unless that was said, and what would count for nothing is refused. */
import { closeSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { encodeImage } from "../../../controller/image/encode.ts";
import { DEFAULT_MEMORY_CONFIG, planLayout } from "../../../emulator/memory/layout.ts";
import { nodeFileSystem } from "../../../emulator/persist/file-system.ts";
import { openFlashFile } from "../../../emulator/persist/flash-file.ts";
import { openLocked } from "../../../emulator/persist/locked-file.ts";
import { planPersistentSpace } from "../../../emulator/persist/persistent-space.ts";
import { encodeRaw, rawBytes } from "../../../emulator/persist/raw-memory.ts";
import { type Provisioning, provision } from "../../../supervisor/process/provisioning.ts";
import { outputOf } from "../../run-to-end.ts";

const memory = { ...DEFAULT_MEMORY_CONFIG, regionBytes: 65_536, nvramBytes: 4096 };
const space = planPersistentSpace(planLayout(memory));
const FLASH_BYTES = 2 * 65_536;

function image(major: number): Uint8Array {
  const version = { major, minor: 0, revision: 0, build: 0 };
  return encodeImage({ body: new Uint8Array(64), version, romFixed: true });
}

/** Raw memory with version 1 in region 0, and something in the table's place. */
function raw(): Uint8Array {
  const bytes = new Uint8Array(rawBytes(space));
  bytes.fill(0xff, 0, FLASH_BYTES);
  bytes.set(image(1));
  bytes[FLASH_BYTES] = 1;
  return bytes;
}

let directory: string;
let path: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "flipside-"));
  path = join(directory, "device.flash");
});
afterEach(() => rmSync(directory, { recursive: true }));

function begin(provisioning: Partial<Provisioning>): void {
  provision(path, memory, { named: [], anew: false, ...provisioning });
}

function refusal(provisioning: Partial<Provisioning>): string {
  try {
    begin(provisioning);
  } catch (error) {
    expect(error).toMatchObject({ kind: "usage" });
    return (error as Error).message;
  }
  return "nothing was refused";
}

const RAW = { what: "--flash-image dump.bin", bytes: raw() };

describe("a device that is not there yet", () => {
  it("is left to the factory", () => {
    begin({ named: [{ what: "--image-a", region: 0, bytes: image(1) }] });
    expect(existsSync(path)).toBe(false);
  });

  it("is made of raw memory, whole", () => {
    begin({ raw: RAW });
    const { image: held, droppedBytes } = openFlashFile(readFileSync(path), space);
    expect(droppedBytes).toBe(0);
    expect(Buffer.compare(encodeRaw(space, held), RAW.bytes)).toBe(0);
  });

  it("is not made of raw memory of another size", () => {
    expect(refusal({ raw: { what: "--flash-image dump.bin", bytes: new Uint8Array(7) } })).toMatch(
      /^--flash-image dump\.bin has 7 bytes: the raw memory of this device has 147456 \(/,
    );
    expect(existsSync(path)).toBe(false);
  });
});

describe("a device that is there", () => {
  let before: Buffer;
  beforeEach(() => {
    begin({ raw: RAW });
    before = readFileSync(path);
  });
  const unchanged = (): void => expect(readFileSync(path).equals(before)).toBe(true);

  it("goes on, also with the images that it holds", () => {
    begin({ named: [{ what: "--image-a", region: 0, bytes: image(1) }] });
    unchanged();
  });

  it("refuses images that it does not hold, and says what to do", () => {
    expect(refusal({ named: [{ what: "--image-a", region: 0, bytes: image(2) }] })).toBe(
      `the flash file ${path} holds a device already: region 0 holds version 1.0.0, and not the image of --image-a, which ` +
        "counts only while a device is made; load it with flipside ctl load 0 FILE, or program it anew with --reprovision, " +
        "by which all that it keeps is lost",
    );
    expect(refusal({ named: [{ what: "--image-b", region: 1, bytes: image(2) }] })).toContain(
      "region 1 holds no image, and not the image of --image-b",
    );
    unchanged();
  });

  it("refuses raw memory", () => {
    expect(refusal({ raw: RAW })).toContain(
      "holds a device already: --flash-image dump.bin, which counts only",
    );
    unchanged();
  });

  it("is made anew where that was said: of raw memory, or as one that was never written", () => {
    const other = raw();
    other[100] = 7;
    begin({ raw: { what: "--flash-image", bytes: other }, anew: true });
    expect(Buffer.compare(encodeRaw(space, openFlashFile(readFileSync(path), space).image), other)).toBe(0);
    begin({ named: [{ what: "--image-a", region: 0, bytes: image(2) }], anew: true });
    expect(readFileSync(path)).toHaveLength(0);
  });

  it("is not made anew while another process has it", () => {
    const fd = openLocked(nodeFileSystem, path, "existing");
    try {
      expect(refusal({ anew: true })).toContain(`${path} is in use by `);
      expect(refusal({ raw: RAW, anew: true })).toContain(`${path} is in use by `);
      unchanged();
    } finally {
      closeSync(fd);
    }
  });
});

it("a file that cannot be read is left for the start to tell of, and is made anew where that was said", () => {
  writeFileSync(path, "somebody's own");
  begin({ named: [{ what: "--image-a", region: 0, bytes: image(1) }] });
  expect(readFileSync(path, "utf8")).toBe("somebody's own");
  expect(refusal({ raw: RAW })).toContain("holds a device already");
  begin({ anew: true });
  expect(readFileSync(path)).toHaveLength(0);
  rmSync(path);
  outputOf("mkfifo", [path]);
  // Nobody writes to it: opened like a file it would never be read to its end.
  begin({ named: [{ what: "--image-a", region: 0, bytes: image(1) }] });
  expect(() => begin({ raw: RAW, anew: true })).toThrow("it is no regular file");
});
