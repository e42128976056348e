/** `flipside sweep` of a boot loader on a board: the built command line, over the loaders of this repository. */

import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import type { SweepReport } from "../../supervisor/sweep/run/report.ts";
import { runToEnd } from "../run-to-end.ts";
import { scratchDirectory } from "./captured.ts";

const CLI = fileURLToPath(new URL("../../dist/scripts/cli.bundle.cjs", import.meta.url));
const LOADERS = fileURLToPath(new URL("../../controller/firmware/loaders", import.meta.url));
const scratch = scratchDirectory();

function sweep(loader: string, ...args: readonly string[]) {
  const device = loader.endsWith(".json") ? loader : `${LOADERS}/${loader}.json`;
  const { status, stdout, stderr } = runToEnd(process.execPath, [CLI, "sweep", "--device", device, ...args], {
    encoding: "utf8",
  });
  return { status, stdout, stderr };
}

interface DeviceFile {
  readonly board: { readonly programs: readonly { readonly file: string }[] };
  readonly loader?: {
    readonly mode: string;
    readonly images: Readonly<Record<string, string>>;
  };
}

/** The device file of a loader with something else in it. */
function changed(loader: string, change: (file: DeviceFile) => object): string {
  const text = readFileSync(`${LOADERS}/${loader}.json`, "utf8").replaceAll(
    '"images/',
    `"${LOADERS}/images/`,
  );
  const file = scratch(`${loader}.json`);
  writeFileSync(file, JSON.stringify(change(JSON.parse(text) as DeviceFile)));
  return file;
}

describe("flipside sweep of a boot loader", () => {
  it.each(["direct-xip", "overwrite", "swap"])("holds for %s, as far as it has no update to do", (loader) => {
    const json = scratch(`${loader}-report.json`);
    const junit = scratch(`${loader}.xml`);
    const { status, stdout, stderr } = sweep(
      loader,
      "--scenarios",
      "first-start,nothing-to-start",
      "--json",
      json,
      "--junit",
      junit,
    );
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    expect(stdout).toContain("held");
    const { cuts, verdicts, scenarios } = JSON.parse(readFileSync(json, "utf8")) as SweepReport;
    expect(scenarios.map(({ name }) => name)).toEqual(["first-start", "nothing-to-start"]);
    expect(cuts).toBeGreaterThan(8);
    expect(Object.keys(verdicts).sort()).toEqual(["runs-old", "safe-mode-told"]);
    expect(readFileSync(junit, "utf8")).toContain('failures="0" errors="0"');
  });

  it("lists the scenarios that its mode has", () => {
    expect(sweep("overwrite", "--list").stdout).not.toContain("revert");
    expect(sweep("swap", "--list").stdout).toContain("revert-by-watchdog");
  });

  it("judges the same with one job, with two, in shards, and whatever executes it", () => {
    const tally = (...args: readonly string[]) => {
      const json = scratch("tally.json");
      sweep("direct-xip", "--scenarios", "first-start,nothing-to-start", ...args, "--json", json);
      const { cuts, distinctFutures, verdicts } = JSON.parse(readFileSync(json, "utf8")) as SweepReport;
      return { cuts, distinctFutures, verdicts };
    };
    const whole = tally("--jobs", "1");
    expect(tally("--jobs", "2")).toEqual(whole);
    expect(tally("--engine", "translator")).toEqual(whole);
    expect(tally("--shard", "1/2").cuts + tally("--shard", "2/2").cuts).toBe(whole.cuts);
    expect(tally("--faults").verdicts["runs-old"]).toBeGreaterThan(whole.verdicts["runs-old"] ?? 0);
  });

  it("finds a loader that starts nothing, tells how to run the case again, and knows a finding that is expected", () => {
    const illegal = scratch("illegal.bin");
    writeFileSync(illegal, new Uint8Array(4));
    const programs = [{ file: illegal, at: "0x2000_0000" }];
    const device = changed("direct-xip", (file) => ({
      ...file,
      board: { ...file.board, programs, start: "0x2000_0000" },
    }));
    const json = scratch("findings.json");
    const { status, stdout } = sweep(device, "--scenarios", "first-start", "--json", json);
    expect(status).toBe(1);
    const { findings } = JSON.parse(readFileSync(json, "utf8")) as SweepReport;
    expect(findings.map(({ verdict }) => verdict)).toContain("bricked-but-whole");
    const id = / sweep --replay (\S+) --device /.exec(stdout)?.[1] ?? "";
    expect(sweep(device, "--replay", id)).toMatchObject({
      status: 1,
      stdout: expect.stringContaining("bricked-but-whole"),
    });
    const expected = scratch("expected.json");
    const known = findings.map(({ replay, verdict }) => ({ id: replay, cause: verdict }));
    writeFileSync(expected, JSON.stringify({ format: 1, expected: known }));
    expect(sweep(device, "--scenarios", "first-start", "--expect", expected).status).toBe(0);
  });

  it("shows nothing where instructions are to be skipped that nobody executes: exit code 2", () => {
    const file = changed("direct-xip", (device) => ({
      ...device,
      loader: { ...device.loader, skip: [{ base: "0x200e_0000", bytes: 16 }] },
    }));
    const { status, stdout } = sweep(file, "--scenarios", "nothing-to-start", "--faults");
    expect(stdout).toContain("no instruction was skipped: the loader executes none");
    expect(status).toBe(2);
    expect(sweep(file, "--scenarios", "nothing-to-start").status, "without faults none is to be").toBe(0);
  });

  it("ends in time, and is not held for it", () => {
    const { status, stdout } = sweep("swap", "--max-time", "500ms", "--jobs", "1");
    expect(status).toBe(4);
    expect(stdout).toContain("not swept to the end: 9 of 9 scenarios");
  });
});

describe("the replay of a boot loader's case", () => {
  it("tells units of flash, who made them, starts, sayings, UART lines and what the slots hold", () => {
    const uncut = sweep("overwrite", "--replay", "v1:update@~1").stdout;
    // Copying begins: its item's number is the front of that line.
    const copied = Number(/^ *(\d+) {2}program nor 0x40000\.\.0x44000, 512 units, primary/m.exec(uncut)?.[1]);
    const { status, stdout } = sweep("overwrite", "--replay", `v1:update@${copied + 5}:seeded+5~1`);
    expect(status).toBe(0);
    for (const line of [
      "program nor 0x80000..0x84000, 512 units, secondary, by the operator",
      "reset from outside; the application is to ask for a trial of the update",
      "primary is started: old",
      "the application has asked for the update",
    ])
      expect(stdout).toMatch(new RegExp(`^ *\\d+ {2}${line}$`, "m"));
    expect(stdout).toMatch(/^ *\d+ {2}program nor 0x\w+\.\.0x\w+, 1 unit, secondary, by the application$/m);
    expect(stdout).toMatch(
      /^ *\d+ {2}erase nor 0x40000\.\.0x80000, 1 sector, primary, by \w+ at \S+cfi\.c:\d+, called by flash_erase, /m,
    );
    expect(stdout).toContain("\n       uart: application 1.0.0 in the primary slot\n");
    expect(stdout).toContain(
      `── power is cut inside item ${copied + 5}, which is left seeded, and comes back ──\n    0  `,
    );
    expect(stdout).toMatch(/\n {7}primary: new, whole\n {7}secondary: .+\n\nruns-new\n$/);
  });

  it("is the case that the sweep has counted", () => {
    expect(sweep("direct-xip", "--replay", "v1:first-start@3~1").stdout).toMatch(/\nruns-old\n$/);
    const none = sweep("direct-xip", "--replay", "v1:first-start@3:seeded~1");
    expect(none).toMatchObject({ status: 2, stderr: expect.stringContaining("is no case") });
  });
});

describe("what is refused, in a sentence and with exit code 2", () => {
  it.each([
    ["--image-a", "its device file names the images, in loader.images"],
    ["--image-b", "its device file names the images, in loader.images"],
    ["--rules", "it decides itself what it starts"],
    ["--scenarios-from", "its scenarios follow from loader.mode in its device file"],
  ])("%s", (option, why) => {
    expect(sweep("swap", option, "anything")).toEqual({
      status: 2,
      stdout: "",
      stderr: `flipside: ${option} is not for the sweep of a boot loader: ${why}\n`,
    });
  });

  it("a board without a loader", () => {
    const device = changed("swap", ({ loader: _, ...file }) => file);
    const { status, stderr } = sweep(device);
    expect(status).toBe(2);
    expect(stderr).toContain("loader: it is missing: a sweep has to know where images lie");
  });

  it("faults that a boot loader cannot have, in the id of a case", () => {
    const { status, stderr } = sweep("swap", "--replay", "v1:first-start@1!crash~1");
    expect(status).toBe(2);
    expect(stderr).toContain("it must be one of reset, watchdog, bad-block");
  });
});
