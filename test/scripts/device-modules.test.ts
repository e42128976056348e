/** Devices that are modules of the user's, on the board of `flipside run --device` and `flipside sweep --device`. */
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import type { SweepReport } from "../../supervisor/sweep/run/report.ts";
import { runToEnd } from "../run-to-end.ts";
import { scratchDirectory } from "./captured.ts";

const path = (name: string): string => fileURLToPath(new URL(`../../${name}`, import.meta.url));
const CLI = path("dist/scripts/cli.bundle.cjs");
const LOADERS = path("controller/firmware/loaders");
const EXAMPLE = `${LOADERS}/direct-xip-spi.json`;
const SOURCE = readFileSync(path("docs/examples/spi-nor.mjs"), "utf8");
const scratch = scratchDirectory();
const TIMEOUT_MS = 180_000;

function flipside(...args: readonly string[]) {
  const { status, stdout, stderr } = runToEnd(process.execPath, [CLI, ...args], { encoding: "utf8" });
  return { status, stdout, stderr };
}

const run = (device: string, ...args: readonly string[]) =>
  flipside("run", "--device", device, "--max-instructions", "20000000", ...args);
const sweep = (device: string, ...args: readonly string[]) =>
  flipside("sweep", "--device", device, "--scenarios", "first-start", "--jobs", "1", ...args);

function verdictsOf(device: string, scenarios: string): SweepReport["verdicts"] {
  const file = scratch("report.json");
  const { status, stderr } = flipside("sweep", "--device", device, "--scenarios", scenarios, "--json", file);
  expect([status, stderr.includes("flipside:")]).toEqual([0, false]);
  return (JSON.parse(readFileSync(file, "utf8")) as SweepReport).verdicts;
}

/** The example's device file with a module of this text, and something else about the device. */
function withModule(text: string, said: object = {}): string {
  writeFileSync(scratch("spi.mjs"), text);
  const file = readFileSync(EXAMPLE, "utf8").replaceAll('"images/', `"${LOADERS}/images/`);
  const device = JSON.parse(file) as { board: { devices: object[] } };
  device.board.devices = device.board.devices.map((each) => ({ ...each, module: "spi.mjs", ...said }));
  writeFileSync(scratch("device.json"), JSON.stringify(device));
  return scratch("device.json");
}

/** The example, with something else in its place. */
function changed(from: string, to: string): string {
  expect(SOURCE).toContain(from);
  return SOURCE.replaceAll(from, to);
}

describe("a loader behind a controller of its own", () => {
  it("runs, and starts its image", () => {
    const { status, stdout } = run(EXAMPLE);
    expect([status, stdout]).toEqual([0, "application 1.0.0 in the primary slot\n"]);
  });

  it(
    "is swept unit by unit: it comes to what it comes to behind CFI",
    () => {
      const scenarios = "first-start,update";
      const verdicts = verdictsOf(EXAMPLE, scenarios);
      expect(Object.keys(verdicts).sort()).toEqual(["runs-new", "runs-old", "unlucky"]);
      expect(verdicts).toEqual(verdictsOf(`${LOADERS}/direct-xip.json`, scenarios));
    },
    TIMEOUT_MS,
  );
});

describe("a module that cannot be used is refused in one sentence, by run and sweep alike", () => {
  const OTHER = "export const other = 1;";
  it.each<readonly [what: string, text: string, said: object, told: string]>([
    ["is not there", OTHER, { module: "gone.mjs" }, "board.devices[0].module cannot be read"],
    ["exports nothing of that name", OTHER, {}, "the module must export device, and does not"],
    ["throws while it is loaded", 'throw new Error("no");', {}, "the device spi cannot be loaded: no, at"],
    [
      "throws while it is made",
      'export const device = { stateWords: 0, create() { throw new Error("no"); } };',
      {},
      "create of the device spi threw: no, at",
    ],
    [
      "wants a flash device that there is none of",
      SOURCE,
      { options: { flash: "nix" } },
      "there is no flash device named nix: it must be one of nor",
    ],
    ["lies over something", SOURCE, { base: "0x1000_0000" }, "spi and the UART and virtio lie at the same"],
  ])("one that %s", (_, text, said, told) => {
    const device = withModule(text, said);
    for (const { status, stderr } of [run(device), sweep(device)]) {
      expect([status, stderr.trim().split("\n").length]).toEqual([2, 1]);
      expect(stderr).toContain(told);
    }
  });
});

describe("a module that does wrong while it runs is told by its name", () => {
  it.each<readonly [what: string, text: string, told: string]>([
    [
      "throws",
      changed(
        "if (offset === SELECT) select(",
        'if (value === 6) throw new Error("no"); else if (offset === SELECT) select(',
      ),
      "store of the device spi threw: no, at",
    ],
    [
      "answers nonsense",
      changed("return state[SELECTED];", 'return "7";').replace("state[ANSWER] :", "NaN :"),
      "the device spi gave NaN for a load at 4",
    ],
    [
      "ends its thread",
      changed("state[IS_ENABLED] = 1;", "process.exit(0);"),
      "ended the thread that it ran in",
    ],
  ])("one that %s", (_, text, told) => {
    const device = withModule(text);
    const [ran, swept] = [run(device), sweep(device)];
    expect([ran.status, swept.status]).toEqual([2, 1]);
    for (const { stderr } of [ran, swept]) {
      expect(stderr).toContain(told);
      expect(stderr).not.toContain("accident");
    }
  });

  it(
    "one that does not come back",
    () => {
      const device = withModule(changed("state[IS_ENABLED] = 1;", "for (;;);"));
      const { status, stderr } = run(device);
      expect(status).toBe(2);
      expect(stderr).toMatch(/store of the device spi does not come back: it stands at .*spi\.mjs:\d+:\d+/);
    },
    TIMEOUT_MS,
  );

  const KEPT_IN_DEVICE = changed("state[ANSWER]", "answer").replace(
    "const select =",
    "let answer = 0;\n    const select =",
  );

  it("one whose undisturbed runs differ is not cut at all", () => {
    expect(sweep(withModule(KEPT_IN_DEVICE)).stdout).toContain("1 scenario, 0 cuts");
  });

  it.each<readonly [what: string, text: string]>([
    ["in a variable of the device", KEPT_IN_DEVICE],
    [
      "in a variable of the module",
      changed("state[HAS_FAILED] = 0;", "state[HAS_FAILED] = count++ % 3 === 2 ? 1 : 0;").replace(
        "const WORDS",
        "let count = 0;\nconst WORDS",
      ),
    ],
  ])("one that keeps its state %s is nondeterministic", (_, text) => {
    const { status, stdout } = sweep(withModule(text));
    expect(status).toBe(1);
    expect(stdout).toContain("nondeterministic");
    expect(stdout).toContain("what the device spi does hangs on something that is not in its words of state");
  });
});
