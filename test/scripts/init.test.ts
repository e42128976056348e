/** `flipside init` writes all of a skeleton or nothing, and over nothing. */
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { IMAGE_HEADER_BYTES } from "../../controller/image/format.ts";
import { RAM_BASE, WINDOW_BASE } from "../../emulator/memory/map.ts";
import { initCommand } from "../../scripts/init.ts";
import { parseDeviceFile } from "../../supervisor/device-file/device-file.ts";
import { filesUnder, ROOT } from "../sources.ts";
import { run, scratchDirectory } from "./captured.ts";

const path = scratchDirectory();
const SKELETON = "controller/firmware/skeleton";
const NAMES = [...readdirSync(join(ROOT, SKELETON)), "hardware.h", "nvme.h"].sort();

function sourceOf(name: string): Buffer {
  const own = join(ROOT, SKELETON, name);
  return readFileSync(existsSync(own) ? own : join(ROOT, "controller/firmware", name));
}

it("writes every file of the skeleton and the hardware's headers, into a directory that it makes with its parents", async () => {
  const outcome = await run(initCommand, path("new/firmware"));
  expect(outcome).toMatchObject({ exitCode: 0, refusal: "" });
  expect(readdirSync(path("new/firmware")).sort()).toEqual(NAMES);
  for (const name of NAMES) expect(readFileSync(path(`new/firmware/${name}`))).toEqual(sourceOf(name));
  for (const name of NAMES) expect(outcome.stdout).toContain(name);
});

it("writes into a directory that holds other things, and leaves them", async () => {
  mkdirSync(path("mine"));
  writeFileSync(path("mine/notes.txt"), "mine");
  expect(await run(initCommand, path("mine"))).toMatchObject({ exitCode: 0 });
  expect(readdirSync(path("mine")).sort()).toEqual([...NAMES, "notes.txt"].sort());
  expect(readFileSync(path("mine/notes.txt"), "utf8")).toBe("mine");
});

it.each<[what: string, put: (at: string) => void]>([
  ["a file", (at) => writeFileSync(at, "mine")],
  ["a directory", (at) => mkdirSync(at)],
  ["a link that leads nowhere", (at) => symlinkSync("nowhere", at)],
])("refuses where %s has the name of one of its files, and changes nothing", async (what, put) => {
  for (const name of NAMES) {
    const directory = path(`${what} ${name}`);
    mkdirSync(directory);
    put(join(directory, name));
    const { exitCode, stdout, refusal } = await run(initCommand, directory);
    expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: "" });
    expect(refusal).toBe(
      `${directory} holds ${name} already, and nothing is overwritten: name another directory`,
    );
    expect(readdirSync(directory)).toEqual([name]);
    expect(existsSync(join(directory, "nowhere"))).toBe(false);
    if (lstatSync(join(directory, name)).isFile()) {
      expect(readFileSync(join(directory, name), "utf8")).toBe("mine");
    }
  }
});

it("refuses what is no directory, what cannot be made, and to be told none", async () => {
  writeFileSync(path("file"), "mine");
  expect(await run(initCommand, path("file"))).toMatchObject({
    exitCode: 2,
    refusal: `${path("file")} is a file, not a directory`,
  });
  expect(await run(initCommand, path("file/below"))).toMatchObject({
    exitCode: 2,
    refusal: expect.stringMatching(/^the skeleton cannot be written: ENOTDIR/),
  });
  expect(readFileSync(path("file"), "utf8")).toBe("mine");
  for (const none of [[], [""]]) {
    expect(await run(initCommand, ...none)).toMatchObject({
      exitCode: 2,
      refusal: "there is no directory to write the skeleton into: flipside init DIR",
    });
  }
});

it("has lines of 80 columns at the most, in its help and in what it writes", async () => {
  const { stdout } = await run(initCommand, "--help");
  expect(stdout.split("\n").filter((line) => line.length > 80)).toEqual([]);
});

it("links for the machine that its device file describes", () => {
  const { memory, images } = parseDeviceFile(sourceOf("flipside.json").toString(), "flipside.json");
  const script = sourceOf("link.ld").toString();
  const KIB = 1024;
  expect(script).toContain(
    `ORIGIN = 0x${(WINDOW_BASE + IMAGE_HEADER_BYTES).toString(16)}, LENGTH = ${memory.regionBytes / KIB}K - 32 - 1K`,
  );
  expect(script).toContain(`ORIGIN = 0x${RAM_BASE.toString(16)}, LENGTH = ${memory.ramBytes / KIB ** 2}M`);
  const versions = /^VERSIONS = (.*)$/m.exec(sourceOf("Makefile").toString())?.[1]?.split(" ") ?? [];
  // The higher version first, as a sweep takes them.
  expect(images).toEqual(versions.map((version) => `build/${version}.img`).reverse());
});

it("writes nothing that a build has left in the skeleton", () => {
  expect(filesUnder(SKELETON).map((file) => file.slice(SKELETON.length + 1))).toEqual(
    NAMES.filter((name) => !name.endsWith(".h")),
  );
});
