/** `flipside table` on metadata of another maker: what U-Boot's mkfwumdata made, and what its fwumdata says of it. */
import { readFileSync, writeFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { tableCommand } from "../../scripts/table.ts";
import { run, scratchDirectory } from "./captured.ts";

interface Vector {
  readonly name: string;
  readonly metadata: string;
  /** Lines of fwumdata; of version 2 alone. */
  readonly listing?: readonly string[];
}

const path = scratchDirectory();
const VECTORS: readonly Vector[] = JSON.parse(
  readFileSync(new URL("../emulator/table/vectors/mkfwumdata.json", import.meta.url), "utf8"),
).metadata;
const bytesOf = (name: string): Buffer => {
  const found = VECTORS.find((vector) => vector.name === name);
  if (found === undefined) throw new Error(`there is no vector ${name}`);
  return Buffer.from(found.metadata, "base64");
};

/** Runs the command on these bytes. */
function table(bytes: Uint8Array, ...options: readonly string[]) {
  writeFileSync(path("metadata"), bytes);
  return run(tableCommand, path("metadata"), ...options);
}

/** What fwumdata says behind a word, wherever it says it. */
function said(listing: readonly string[], word: string): string[] {
  return listing
    .filter((line) => line.startsWith(`${word}:`))
    .map((line) => line.split(":")[1]?.trim() ?? "");
}

describe("PSA metadata of another maker is shown as what it is", () => {
  const readable = VECTORS.filter((vector) => vector.listing !== undefined);
  it.each(readable)("$name, as fwumdata tells it", async ({ metadata, listing = [] }) => {
    const { exitCode, stdout } = await table(Buffer.from(metadata, "base64"), "--json", path("report"));
    expect(exitCode).toBe(0);
    expect(stdout).toContain("PSA firmware update metadata, version 2, of another maker: its CRC holds");
    const report = JSON.parse(readFileSync(path("report"), "utf8"));
    expect(report).toMatchObject({ sound: true, table: null, replicas: [], securityFloor: null });
    const { activeIndex, previousActiveIndex, bankStates, images } = report.metadata;
    expect([activeIndex, previousActiveIndex].map(String)).toEqual([
      ...said(listing, "Active Index"),
      ...said(listing, "Previous Index"),
    ]);
    const guids = ["Image Type GUID", "Location GUID", "Image GUID"].map((word) => said(listing, word));
    expect(images.map((image: { imageTypeGuid: string }) => image.imageTypeGuid)).toEqual(guids[0]);
    expect(images.map((image: { locationGuid: string }) => image.locationGuid)).toEqual(guids[1]);
    const banks = images.flatMap((image: { banks: readonly { imageGuid: string }[] }) => image.banks);
    expect(banks.map((bank: { imageGuid: string }) => bank.imageGuid)).toEqual(guids[2]);
    for (const [bank, state] of bankStates.entries()) {
      expect(listing.some((line) => line.startsWith(`Bank ${bank}: ${state} (`))).toBe(true);
      expect(stdout).toMatch(new RegExp(`^${bank} +${state}$`, "m"));
    }
    for (const guid of guids.flat()) expect(stdout).toContain(guid);
  });

  it("inside a file, with anything behind it", async () => {
    const file = Buffer.concat([Buffer.alloc(3, 1), bytesOf("two banks, one image"), Buffer.alloc(9000, 7)]);
    expect(await table(file, "--offset", "3")).toMatchObject({ exitCode: 0 });
  });

  it("the CRC is that over its metadata_size: any bit that changes is told", async () => {
    const whole = bytesOf("two images, vendor data of 11 bytes");
    for (const at of [0, 9, 60, whole.length - 1]) {
      const { exitCode, stdout } = await table(whole.with(at, (whole[at] as number) ^ 4));
      expect(exitCode).toBe(1);
      expect(stdout).toContain("its CRC does not hold");
    }
  });

  it.each<[string, number, number, string]>([
    ["a descriptor outside", 0x14, 0x71, "its descriptor at 113 is not inside its 120 bytes"],
    ["no banks", 0x20, 0, "it has 0 banks instead of 1 to 4"],
    ["more images than fit", 0x22, 2, "its 2 image entries of 80 bytes do not fit"],
    ["entries too small for their banks", 0x24, 79, "its 1 image entries of 79 bytes do not fit"],
    ["an active bank that is not there", 0x08, 2, "its active bank 2 does not exist"],
    ["a previous bank that is not there", 0x0c, 3, "its previous bank 3 does not exist"],
    ["a state that PSA does not know", 0x18, 0xfd, "the state of its bank 0 is unknown"],
    ["an accepted bank whose image is not", 0x58, 0, "its bank 0 is accepted and image 0 in it is not"],
  ])("%s is told, and nothing behind it is trusted", async (_, at, byte, sentence) => {
    const { exitCode, stdout } = await table(bytesOf("two banks, one image").with(at, byte));
    expect(exitCode).toBe(1);
    expect(stdout).toContain(sentence);
  });

  it("of version 1, or cut off, is named and not read", async () => {
    expect(await table(bytesOf("version 1"))).toMatchObject({
      exitCode: 2,
      refusal: expect.stringContaining(
        "PSA metadata of version 1, which tells neither its banks nor its images",
      ),
    });
    expect(await table(bytesOf("four banks").subarray(0, 100))).toMatchObject({
      exitCode: 2,
      refusal: expect.stringContaining("PSA metadata of 168 bytes, of which 100 are there"),
    });
  });
});
