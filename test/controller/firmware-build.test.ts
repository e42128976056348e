/** The committed firmware is what its sources make. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { buildFirmware, findFirmwareDir } from "../../scripts/build-firmware.ts";
import { runToEnd } from "../run-to-end.ts";

const gcc = runToEnd("riscv64-unknown-elf-gcc", ["-dumpfullversion"], { encoding: "utf8" });
/** A hundred programs are compiled and linked: some ten seconds, and more on a machine that is busy. */
const BUILD_TIMEOUT_MS = 600_000;
/** The compiler that made the committed files; CI has it. */
const usable = gcc.stdout?.trim() === "12.2.0";

describe.skipIf(!usable && process.env["CI"] !== "true")("the committed firmware", () => {
  const firmwareDir = findFirmwareDir();
  let built: ReadonlyMap<string, Uint8Array>;
  beforeAll(() => {
    built = buildFirmware(firmwareDir);
  }, BUILD_TIMEOUT_MS);

  test("is byte for byte what the sources make, no file more and none less", () => {
    const folders = [
      "images",
      "plain/images",
      "mutants/images",
      "loaders/images",
      "loaders/wrong/images",
      "bench/elf",
      "programs/elf",
    ];
    const committed = [...folders, "programs-unseen/elf"].flatMap((dir) =>
      readdirSync(join(firmwareDir, dir)).map((file) => `${dir}/${file}`),
    );
    expect([...built.keys()].sort()).toEqual(committed.sort());
    const changed = [...built].filter(
      ([path, bytes]) => !readFileSync(join(firmwareDir, path)).equals(bytes),
    );
    expect(changed.map(([path]) => path)).toEqual([]);
  });

  test("holds no path and no name of a temporary file", () => {
    for (const [path, bytes] of built) {
      const text = Buffer.from(bytes).toString("latin1");
      expect([path, /\/tmp|\/home|\.o\0|flipside-firmware/.exec(text)?.[0]]).toEqual([path, undefined]);
    }
  });
});
