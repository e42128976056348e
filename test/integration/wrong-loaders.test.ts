/**
 * Boot loaders with a mistake each, of kinds that real ones had, written without a look at what is to find them: each is
 * found under the name of what goes wrong, and the right loader on the same flash and with the same images holds.
 */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { runToEnd } from "../run-to-end.ts";

const CLI = fileURLToPath(new URL("../../dist/scripts/cli.bundle.cjs", import.meta.url));
const FOLDER = fileURLToPath(new URL("../../controller/firmware/loaders/wrong/", import.meta.url));
const TIMEOUT_MS = 120_000;

/** The mistake, the scenarios in which it shows, and the right loader beside it where that takes no minutes. */
const CASES: readonly (readonly [name: string, scenarios: string, right: string | undefined])[] = [
  ["bad-update-is-fatal", "update", "overwrite"],
  ["blank-is-erased", "update", "overwrite"],
  ["claimed-digest", "bad-image-*", "direct-xip"],
  ["faulting-trailer", "first-start", "direct-xip-ecc"],
  ["first-confirmation", "update", "direct-xip"],
  ["flags-share-unit", "first-start", "swap-ecc"],
  ["hash-only", "bad-image-0", undefined],
  ["one-attempt", "update", "overwrite"],
  ["trial-not-noted", "revert", "direct-xip"],
  ["version-before-whole", "bad-image-*", "direct-xip"],
];

interface Swept {
  readonly status: number | null;
  readonly verdicts: readonly string[];
}

let directory = "";
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), "flipside-wrong-loaders-"));
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

function sweep(device: string, scenarios: string): Swept {
  const report = join(directory, "report.json");
  const args = ["sweep", "--device", device, "--scenarios", scenarios, "--json", report];
  const { status } = runToEnd(process.execPath, [CLI, ...args], { stdio: "ignore" });
  const { verdicts } = JSON.parse(readFileSync(report, "utf8")) as { verdicts: Record<string, number> };
  return { status, verdicts: Object.keys(verdicts) };
}

function expectedOf(name: string): string {
  const { loader } = JSON.parse(readFileSync(`${FOLDER}${name}.json`, "utf8")) as {
    loader: { expect: string };
  };
  return loader.expect;
}

describe("a boot loader with a mistake is found under the name of what goes wrong", () => {
  it.each(CASES)(
    "%s, in %s",
    (name, scenarios) => {
      const { status, verdicts } = sweep(`${FOLDER}${name}.json`, scenarios);
      expect(verdicts).toContain(expectedOf(name));
      expect(status).toBe(1);
    },
    TIMEOUT_MS,
  );
});

describe("the right one holds where a wrong one is found", () => {
  const right = new Map(
    CASES.flatMap(([, scenarios, device]) =>
      device === undefined ? [] : [[`${device} ${scenarios}`, { scenarios, device }] as const],
    ),
  );
  it.each([...right.values()])(
    "$device, in $scenarios",
    ({ scenarios, device }) => {
      expect(sweep(`${FOLDER}right/${device}.json`, scenarios).status).toBe(0);
    },
    TIMEOUT_MS,
  );
});
