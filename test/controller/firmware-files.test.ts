/** The committed files of firmware; that they are what their sources make is `npm run build:firmware -- --check`. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { findFirmwareDir } from "../../scripts/build-firmware.ts";

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
