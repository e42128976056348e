/** `flipside emulate` as its user has it: the built command line, its summary and its report. */
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { encodeImage } from "../../controller/image/encode.ts";

const CLI = fileURLToPath(new URL("../../dist/scripts/cli.bundle.cjs", import.meta.url));

let folder = "";
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "flipside-emulate-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function soak(...args: readonly string[]) {
  const json = join(folder, "report.json");
  const short = ["--failovers", "1", "--faults", "ebreak", "--json", json];
  const { status, stdout } = spawnSync(process.execPath, [CLI, "emulate", ...short, ...args], {
    encoding: "utf8",
  });
  return { status, stdout, report: JSON.parse(readFileSync(json, "utf8")) };
}

describe("--stats", () => {
  it("adds to summary and report what all controllers translated ahead of need", () => {
    const { status, stdout, report } = soak("--stats", "--jobs", "2");
    expect(status).toBe(0);
    const { translationsAhead } = report.translator;
    expect(translationsAhead).toBeGreaterThanOrEqual(2);
    expect(stdout).toContain(`${translationsAhead} ahead of need`);
  });

  it("is what it takes: without it nothing is said of the translator", () => {
    const { status, stdout, report } = soak();
    expect(status).toBe(0);
    expect(stdout).not.toContain("translat");
    expect(report).not.toHaveProperty("translator");
  });
});

describe("Ctrl-C", () => {
  it("ends a soak early, with the summary and the report of what was done", async () => {
    const json = join(folder, "early.json");
    // A group of its own, as a terminal's foreground job: the signal goes to all of its processes.
    const child = spawn(process.execPath, [CLI, "emulate", "--duration", "1h", "--json", json], {
      detached: true,
      stdio: ["ignore", "pipe", "ignore"],
    });
    let stdout = "";
    child.stdout.on("data", (chunk: Buffer) => {
      // The first line of progress.
      if (!stdout.includes(" of 3600 s") && String(chunk).includes(" of 3600 s")) {
        process.kill(-(child.pid as number), "SIGINT");
      }
      stdout += chunk;
    });
    const [status] = (await once(child, "close")) as [number | null];
    const { failovers, durationMs } = JSON.parse(readFileSync(json, "utf8"));
    expect(status).toBe(0);
    expect(durationMs).toBeLessThan(3_600_000);
    expect(stdout).toContain(`${failovers} failovers in`);
    expect(stdout).toContain("everything held");
  });

  it("ends a controller whose firmware never gets ready, which is no success", async () => {
    const endless = new Uint8Array([0x6f, 0, 0, 0]);
    const image = join(folder, "endless.img");
    const version = { major: 1, minor: 0, revision: 0, build: 0 };
    writeFileSync(image, encodeImage({ body: endless, version }));
    const child = spawn(process.execPath, [CLI, "emulate", "--image-a", image, "--image-b", image]);
    let stderr = "";
    child.stderr.on("data", (chunk: Buffer) => {
      stderr += chunk;
    });
    await once(child.stdout, "data");
    child.kill("SIGINT");
    const [status] = (await once(child, "close")) as [number | null];
    expect(status).toBe(4);
    expect(stderr).toBe("flipside: ended before the controller was ready: nothing was checked\n");
  });
});

function refusal(...args: readonly string[]): string {
  const { status, stdout, stderr } = spawnSync(process.execPath, [CLI, "emulate", ...args], {
    encoding: "utf8",
    timeout: 10_000,
  });
  expect(status).toBe(2);
  expect(stdout).toBe("");
  expect(stderr).toMatch(/^flipside: .*\n$/);
  return stderr;
}

describe("an image", () => {
  it("that does not fit a region is refused when it is read, however long", () => {
    const file = join(folder, "large.img");
    for (const bytes of [256 * 1024 + 1, 20_000_000]) {
      writeFileSync(file, new Uint8Array(bytes));
      expect(refusal("--image-a", file)).toContain(`--image-a ${file} has ${bytes} bytes, more than 262144`);
    }
    expect(refusal("--image-b", "/dev/zero")).toContain("--image-b /dev/zero has more than 262144 bytes");
  });

  it("that is a directory is named", () => {
    expect(refusal("--image-a", folder)).toContain(`--image-a ${folder} is a directory`);
  });
});

describe("bad input", () => {
  it("leaves no report behind", () => {
    const json = join(folder, "refused.json");
    refusal("--json", json, "--seed", "nope");
    refusal("--json", json, "--jobs", "0");
    expect(existsSync(json)).toBe(false);
  });

  it("is a number of failovers that no kind would bring about", () => {
    expect(refusal("--failovers", "5", "--faults", "standby-death")).toContain("would never be over");
  });

  it("is a --faults that names none, which is not all of them", () => {
    expect(refusal("--faults", ",")).toContain('--faults is ","');
  });
});

it("a fault that is named twice is counted once", () => {
  const { status, report } = soak("--faults", "ebreak,ebreak");
  expect(status).toBe(0);
  expect(report.faults).toHaveLength(1);
});

it("SIGTERM while the process is being killed and restarted leaves no directory behind", async () => {
  const child = spawn(process.execPath, [CLI, "emulate", "--duration", "1h", "--faults", "supervisor-kill"], {
    env: { ...process.env, TMPDIR: folder },
    stdio: ["ignore", "pipe", "ignore"],
  });
  const scratch = () => readdirSync(folder).filter((name) => name.startsWith("flipside-"));
  await vi.waitFor(() => expect(scratch()).toHaveLength(1), { timeout: 10_000 });
  child.kill("SIGTERM");
  await once(child, "close");
  expect(child.signalCode).toBe("SIGTERM");
  expect(scratch()).toEqual([]);
});
