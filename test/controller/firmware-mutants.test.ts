/** The mutants of firmware are images that a region takes, and the table of them is whole. */
import { expect, it } from "vitest";
import { NO_REQUIREMENTS, verifyImage } from "../../controller/image/verify.ts";
import {
  FIRMWARE_FAULT_CLASSES,
  FIRMWARE_IMAGES,
  FIRMWARE_MUTANTS,
  type FirmwareMutant,
} from "../../scripts/firmware-mutants.ts";
import { textOf } from "../sources.ts";
import { readFirmware } from "./firmware-device.ts";

const imageOf = ({ name }: FirmwareMutant): Uint8Array => readFirmware(`mutants/images/${name}.img`);
const wrong = FIRMWARE_MUTANTS.filter(({ fault }) => fault !== undefined);

it.each(FIRMWARE_IMAGES)("$name is a sound image of its version, below 16 KiB", (mutant) => {
  const image = imageOf(mutant);
  const verified = verifyImage(image, NO_REQUIREMENTS, 16 * 1024);
  if (!verified.ok) throw new Error(verified.fault.message);
  const { major, minor, revision } = verified.image.version;
  expect(`${major}.${minor}.${revision}`).toBe(mutant.version);
});

it("the table of mutants has each, under its class, and no other", () => {
  const page = textOf("controller/firmware/mutants/README.md");
  const rows = [...page.matchAll(/^\| ([\w, -]+) \| [^|]+ \| ([\w-]+) \| [^|]+ \|$/gm)];
  const listed = rows.flatMap(([, names = "", fault = ""]) =>
    names.split(", ").map((name) => `${name} ${fault}`),
  );
  expect(listed.filter((row) => row !== "mutant class").sort()).toEqual(
    wrong.map(({ name, fault }) => `${name} ${fault}`).sort(),
  );
});

it("each class has a mutant", () => {
  expect(new Set(wrong.map(({ fault }) => fault))).toEqual(new Set(FIRMWARE_FAULT_CLASSES));
});
