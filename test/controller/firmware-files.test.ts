/** The committed files of firmware; that they are what their sources make is `npm run build:firmware -- --check`. */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { differences, findFirmwareDir } from "../../scripts/build-firmware.ts";
import { scratchDirectory } from "../scripts/captured.ts";

const BUILT = /\.(img|elf|bin)$/;

test("no file of firmware holds a path or the name of a temporary file", () => {
  const directory = findFirmwareDir();
  const built = readdirSync(directory, { recursive: true, encoding: "utf8" }).filter((path) =>
    BUILT.test(path),
  );
  expect(built.length).toBeGreaterThan(100);
  for (const path of built) {
    const text = readFileSync(join(directory, path), "latin1");
    expect([path, /\/tmp|\/home|\.o\0|flipside-firmware/.exec(text)?.[0]]).toEqual([path, undefined]);
  }
});

const path = scratchDirectory();

test("a file is told that its sources make otherwise, that none makes, and that nobody committed", () => {
  const made = ["same", "changed", "missing"].map(
    (name) => [`images/${name}.img`, Buffer.from(name)] as const,
  );
  mkdirSync(path("images"));
  for (const [name, text] of Object.entries({ same: "same", changed: "as it was", more: "more" }))
    writeFileSync(path(`images/${name}.img`), text);
  expect(differences(path("."), new Map(made)).sort()).toEqual([
    "images/changed.img",
    "images/missing.img",
    "images/more.img",
  ]);
});
