/** `flipside emulate` as its user has it: the built command line, its summary and its report. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { CapabilityBit } from "../../controller/devices/capabilities.ts";
import { FORCED_FAULT_NAMES } from "../../controller/forced-faults.ts";
import { encodeImage } from "../../controller/image/encode.ts";
import { plural } from "../../emulator/base/text.ts";
import type { FaultReport } from "../../supervisor/soak/tally.ts";
import { declaringImage } from "../declaring-firmware.ts";
import { runToEnd } from "../run-to-end.ts";
import { undauntedImage } from "../undaunted-firmware.ts";

const CLI = fileURLToPath(new URL("../../dist/scripts/cli.bundle.cjs", import.meta.url));

let folder = "";
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "flipside-emulate-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function soak(...args: readonly string[]) {
  const json = join(folder, "report.json");
  const short = ["--failovers", "1", "--faults", "ebreak", "--json", json];
  const { status, stdout } = runToEnd(process.execPath, [CLI, "emulate", ...short, ...args], {
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

describe("work of one's own", () => {
  const path = (file: string): string => fileURLToPath(new URL(`../../${file}`, import.meta.url));
  const plain = (version: string): string => path(`controller/firmware/plain/images/plain-${version}.img`);
  const PLAIN = ["--image-a", plain("1.1.0"), "--image-b", plain("1.0.0"), "--faults", "worker-throw"];

  function soakWith(workload: string) {
    const json = join(folder, "work.json");
    const { status, stdout, stderr } = runToEnd(
      process.execPath,
      [CLI, "emulate", ...PLAIN, "--failovers", "3", "--json", json, "--workload", workload],
      { encoding: "utf8" },
    );
    const report = () => JSON.parse(readFileSync(json, "utf8"));
    return { status, stdout, stderr, report };
  }
  function moduleOf(text: string): string {
    const file = join(folder, "work.mjs");
    writeFileSync(file, text);
    return file;
  }

  it("is done before each fault to firmware that knows none of our commands, as the example has it", () => {
    const { status, stdout, stderr, report } = soakWith(path("docs/examples/workload.mjs"));
    expect([status, stderr]).toEqual([0, ""]);
    expect(stdout).toContain("everything held");
    expect(stdout).not.toContain("no results are checked");
    const { checks, hostCommands } = report();
    expect(checks).toMatchObject({ "COUNT adds": 3, "the count outlives a failover": 2 });
    expect(checks["SUM is right"]).toBeGreaterThan(0);
    expect(hostCommands).toBe(9);
  });

  it("whose check fails is a violation in the words of the work", () => {
    const { status, stdout, report } = soakWith(
      moduleOf(`export const workload = async (host) => {
        const { result } = await host.command({ opcode: 0xd1 });
        host.check("the count is odd", result % 2 === 1, \`it is \${result}\`);
      };`),
    );
    expect(status).toBe(1);
    expect(stdout).toContain("after failover 0, not so: the count is odd (it is 0)");
    expect(report().findings[0]).toMatchObject({ id: "work", cause: "the count is odd" });
  });

  it("that throws is told with its place, and is no fault of the firmware's", () => {
    const { status, stderr, report } = soakWith(
      moduleOf(`let rounds = 0;
        export const workload = async (host) => {
          await host.command({ opcode: 0xd1 });
          if (++rounds === 2) throw new Error("it is wrong");
        };`),
    );
    expect(status).toBe(2);
    expect(stderr).toMatch(/^flipside: workload threw: it is wrong, at \S+work\.mjs:4:\d+\n$/);
    expect(report()).toMatchObject({ violations: [], failovers: 1 });
  });

  it("that nobody would do, or that cannot be loaded, is refused before anything is made", () => {
    const file = moduleOf("export const workload = 1;");
    const json = join(folder, "refused.json");
    const refused = (...args: readonly string[]): string => {
      const { status, stdout, stderr } = runToEnd(
        process.execPath,
        [CLI, "emulate", "--json", json, "--workload", file, ...args],
        { encoding: "utf8" },
      );
      expect([status, stdout, existsSync(json)]).toEqual([2, "", false]);
      return stderr;
    };
    expect(refused()).toMatch(/workload must be a function, and is number\n$/);
    expect(refused("--faults", "power-cut")).toMatch(/before power-cut no work is done/);
  });

  it("is refused where the firmware says that it serves no host", () => {
    const quiet = (version: string): string => path(`controller/firmware/plain/images/quiet-${version}.img`);
    const images = ["--image-a", quiet("1.1.0"), "--image-b", quiet("1.0.0")];
    const workload = path("docs/examples/workload.mjs");
    const { status, stderr } = runToEnd(
      process.execPath,
      [CLI, "emulate", ...images, "--workload", workload],
      {
        encoding: "utf8",
      },
    );
    expect(status).toBe(2);
    expect(stderr).toContain("--workload has nobody to do it");
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
    expect(stdout).toContain(`${plural(failovers, "failover")} in`);
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
  const { status, stdout, stderr } = runToEnd(process.execPath, [CLI, "emulate", ...args], {
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
    const survival = refusal("--failovers", "2", "--faults", "power-cut,rot-nvram");
    expect(survival).toContain("power-cut, rot-nvram causes no failover");
    expect(survival).toContain("in a soak by time: --duration");
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

describe("firmware that says it serves no queue", () => {
  function images(): readonly string[] {
    const files = [1, 0].map((minor) => {
      const file = join(folder, `quiet-1.${minor}.0.img`);
      writeFileSync(file, declaringImage(CapabilityBit.DECLARED, minor));
      return file;
    });
    return files.flatMap((file, index) => [index === 0 ? "--image-a" : "--image-b", file]);
  }

  it("is asked for no command and no fault of its own, which is told, and held to all the rest", () => {
    const kinds = "ebreak,never-ready,worker-throw,standby-death-at-failover";
    const { status, stdout, report } = soak(...images(), "--faults", kinds, "--failovers", "3");
    expect(status).toBe(0);
    expect(stdout).toContain("no host commands: the firmware says that it serves none\n");
    const why = "the firmware says that it commits no faults on request";
    expect(stdout).toContain(`done to the hart from outside: ebreak: ${why}\n`);
    expect(stdout).toContain(`left out: never-ready: ${why}\n`);
    const injected = report.faults.map((fault: FaultReport) => [
      fault.kind,
      fault.injected,
      fault.fromOutside,
    ]);
    expect({ injected, notAsked: report.notAsked, hostCommands: report.hostCommands }).toEqual({
      injected: [
        ["ebreak", 1, 1],
        ["worker-throw", 1, 0],
        ["standby-death-at-failover", 1, 0],
      ],
      notAsked: ["never-ready"],
      hostCommands: 0,
    });
  });

  it("has nothing done to it where nothing else is asked for: exit code 2", () => {
    const args = ["emulate", ...images(), "--failovers", "1", "--faults", "never-ready,interrupt-storm"];
    const { status, stderr } = runToEnd(process.execPath, [CLI, ...args], { encoding: "utf8" });
    const why = "the firmware says that it commits no faults on request";
    expect({ status, stderr }).toEqual({
      status: 2,
      stderr: `flipside: ${why}: nothing is left of interrupt-storm, never-ready\n`,
    });
  });
});

describe("firmware that no exception stops", () => {
  it("has not found a fault that was forced on its hart: a violation, and it is not done to it again", () => {
    const images = [1, 0].flatMap((minor, at) => {
      const file = join(folder, `undaunted-1.${minor}.0.img`);
      writeFileSync(file, undauntedImage(minor));
      return [at === 0 ? "--image-a" : "--image-b", file];
    });
    const { status, report } = soak(...images);
    expect(status).toBe(1);
    const who = "firmware 1.1.0 in region 0";
    const message = `ebreak was forced on the hart of ${who}, which went on as though nothing had happened`;
    expect(report).toMatchObject({
      findings: [{ id: "ebreak", cause: "a fault is found by the evidence that it leaves", message }],
      faults: [{ kind: "ebreak", injected: 1, fromOutside: 1, detected: 0, notInjected: 0 }],
      notInjected: [],
      failovers: 0,
    });
  });
});

describe.each(["plain", "quiet"])("firmware that commits no fault on request, %s", (family) => {
  const images = ["a", "b"].flatMap((letter, at) => {
    const name = `../../controller/firmware/plain/images/${family}-1.${1 - at}.0.img`;
    return [`--image-${letter}`, fileURLToPath(new URL(name, import.meta.url))];
  });

  it("has each that its hart can do forced on it from outside, and each is found and survived", () => {
    const kinds = FORCED_FAULT_NAMES.join();
    const failovers = FORCED_FAULT_NAMES.length;
    const { status, report } = soak(...images, "--faults", kinds, "--failovers", String(failovers));
    expect({ status, violations: report.violations, notAsked: report.notAsked }).toEqual({
      status: 0,
      violations: [],
      notAsked: [],
    });
    const counts = ({ kind, injected, fromOutside, detected, recovered }: FaultReport) => [
      kind,
      injected,
      fromOutside,
      detected,
      recovered,
    ];
    expect(report.faults.map(counts)).toEqual(FORCED_FAULT_NAMES.map((kind) => [kind, 1, 1, 1, 1]));
    expect(report.hostCommands > 0).toBe(family === "plain");
  });
});

it("every kind comes once, however soon the time is over", () => {
  const json = join(folder, "short.json");
  const args = ["--duration", "1ms", "--faults", "ebreak,ecall", "--json", json];
  const { status } = runToEnd(process.execPath, [CLI, "emulate", ...args]);
  const { faults } = JSON.parse(readFileSync(json, "utf8"));
  expect({ status, injected: faults.map(({ injected }: { injected: number }) => injected) }).toEqual({
    status: 0,
    injected: [1, 1],
  });
});

it("--max-time ends a soak that has an hour to go, and one of which not every kind was tried is not held", () => {
  const args = ["--duration", "1h", "--faults", "kicks-without-progress,power-cut", "--max-time", "3s"];
  const { status, stdout } = runToEnd(process.execPath, [CLI, "emulate", ...args], { encoding: "utf8" });
  expect(status).toBe(4);
  expect(stdout).toContain("the time of --max-time is over");
  expect(stdout).not.toContain("everything held");
});

/** Starts a soak that has an hour to go; its scratch directories lie in the test's folder. */
function longSoak(...args: readonly string[]) {
  const json = join(folder, `long-${Math.random()}.json`);
  const child = spawn(process.execPath, [CLI, "emulate", "--duration", "1h", "--json", json, ...args], {
    env: { ...process.env, TMPDIR: folder },
    detached: true,
    stdio: ["ignore", "pipe", "pipe"],
  });
  let [stdout, stderr] = ["", ""];
  child.stdout.on("data", (chunk: Buffer) => (stdout += chunk));
  child.stderr.on("data", (chunk: Buffer) => (stderr += chunk));
  const said = (text: string) =>
    vi.waitFor(() => expect(stdout).toContain(text), { timeout: 20_000, interval: 20 });
  const ended = once(child, "close").then(() => ({
    status: child.exitCode,
    stdout,
    stderr,
    report: JSON.parse(readFileSync(json, "utf8")),
  }));
  return { child, said, stdout: () => stdout, ended };
}

function scratchLeft(): readonly string[] {
  return readdirSync(folder).filter((name) => name.startsWith("flipside-"));
}

describe("SIGTERM at any moment leaves no scratch directory:", () => {
  it.each([
    ["while the controller runs", [], " of 3600 s"],
    ["while its process is killed and started again", ["--faults", "supervisor-kill"], "survival: 0 rounds"],
  ])("%s, and there are a summary and a report", async (_, args, begun) => {
    const { child, said, ended } = longSoak(...args);
    await said(begun);
    expect(scratchLeft()).toHaveLength(1);
    // As a service manager and timeout(1) do, to every process of the group.
    process.kill(-(child.pid as number), "SIGTERM");
    const { status, stdout, report } = await ended;
    expect({ status, left: scratchLeft() }).toEqual({ status: 0, left: [] });
    expect(stdout).toContain(`${report.failovers} failover`);
  });

  it("twice is the end at once, without them", async () => {
    const { child, said, ended } = longSoak();
    ended.catch(() => undefined);
    await said(" of 3600 s");
    child.kill("SIGTERM");
    await said("ending: the summary follows");
    child.kill("SIGTERM");
    await once(child, "close");
    expect({ signal: child.signalCode, left: scratchLeft() }).toEqual({ signal: "SIGTERM", left: [] });
  });
});

describe("a TMPDIR that cannot be written", () => {
  it("is told before the soak starts, exit code 3, and nothing is made", () => {
    const json = join(folder, "unwritable.json");
    const { status, stdout, stderr } = runToEnd(process.execPath, [CLI, "emulate", "--json", json], {
      encoding: "utf8",
      env: { ...process.env, TMPDIR: join(folder, "missing") },
    });
    expect({ status, stdout, made: existsSync(json) }).toEqual({ status: 3, stdout: "", made: false });
    expect(stderr).toMatch(/^flipside: a directory .* cannot be made: ENOENT.*; TMPDIR names .*\n$/);
  });

  it("takes nothing from a soak without a second part, which needs none", () => {
    const { status } = runToEnd(
      process.execPath,
      [CLI, "emulate", "--failovers", "1", "--faults", "ebreak"],
      {
        env: { ...process.env, TMPDIR: join(folder, "missing") },
      },
    );
    expect(status).toBe(0);
  });
});

describe("firmware that completes the command for a fault and goes on as though nothing had happened", () => {
  const firmware = (path: string): string =>
    fileURLToPath(new URL(`../../controller/firmware/${path}`, import.meta.url));
  const images = [
    ...["--image-a", firmware("mutants/images/ignores-faults.img")],
    ...["--image-b", firmware("images/controller-1.0.0.img")],
  ];

  it("is told: not injected, no violation, and exit code 2; the other version is asked for the same fault", () => {
    const junit = join(folder, "not-injected.xml");
    const faults = ["--faults", "ebreak,worker-terminate", "--failovers", "12", "--seed", "1"];
    const { status, stdout, report } = soak(...images, ...faults, "--junit", junit);
    expect(status).toBe(2);
    const { verdict, violations, notInjected, failovers } = report;
    expect({ verdict, violations, failovers }).toEqual({
      verdict: "not-injected",
      violations: [],
      failovers: 12,
    });
    const message = expect.stringMatching(
      /^not-injected: firmware 1\.0\.5 in region 0 .* ebreak, .*CAPABILITIES/,
    );
    expect(notInjected).toEqual([{ id: "ebreak", cause: "not-injected", message }]);
    expect(report.faults).toContainEqual(expect.objectContaining({ kind: "ebreak", notInjected: 1 }));
    expect(report.faults.every(({ injected }: FaultReport) => injected > 0)).toBe(true);
    expect(stdout).toContain("not-injected: firmware 1.0.5");
    expect(stdout).not.toContain("recovered from");
    expect(readFileSync(junit, "utf8")).toContain('<error type="not-injected"');
  });

  it("is not asked over and over where nothing else is asked for", () => {
    const { status, report } = soak(...images);
    expect(status).toBe(2);
    expect(report).toMatchObject({ verdict: "not-injected", failovers: 0, violations: [] });
  });
});

describe("whatever ends a soak, summary and report of what was done are written:", () => {
  it.runIf(existsSync("/proc/self/task"))(
    "the end of the supervisor process, which is a violation",
    async () => {
      const { child, said, ended } = longSoak("--faults", "ebreak");
      await said(" of 3600 s");
      const children = readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, "utf8");
      process.kill(Number(children.trim()), "SIGKILL");
      const { status, stdout, report } = await ended;
      expect(status).toBe(1);
      expect(report.violations).toEqual(["the supervisor process was ended by SIGKILL"]);
      expect(stdout).toContain(`${plural(report.failovers, "failover")} in`);
    },
  );

  it.runIf(existsSync("/proc/self/task"))("the end of one of two controllers ends the other", async () => {
    const { child, said, stdout: saidSoFar, ended } = longSoak("--faults", "ebreak", "--jobs", "2");
    await said(" of 3600 s");
    // The other one may not have started yet: the end of that one would say nothing of a controller.
    const [, running] = /^job (\d): /m.exec(saidSoFar()) ?? [];
    const children = readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, "utf8");
    process.kill(Number(children.split(" ")[Number(running)]), "SIGKILL");
    const { status, stdout, stderr, report } = await ended;
    expect(status).toBe(1);
    expect(stdout + stderr).toContain("the supervisor process was ended by SIGKILL");
    expect(stdout).toContain(`${plural(report.failovers, "failover")} in`);
  });

  it("a second part that cannot begin, which says nothing of the first", async () => {
    const json = join(folder, "first-part.json");
    const args = ["--duration", "2s", "--faults", "ebreak,supervisor-kill", "--json", json];
    const child = spawn(process.execPath, [CLI, "emulate", ...args], {
      env: { ...process.env, TMPDIR: folder },
      stdio: ["ignore", "pipe", "pipe"],
    });
    let stderr = "";
    child.stderr.on("data", (chunk: Buffer) => (stderr += chunk));
    await once(child.stdout, "data");
    for (const name of scratchLeft()) rmSync(join(folder, name), { recursive: true });
    await once(child, "close");
    expect({ status: child.exitCode, stderr }).toEqual({
      status: 2,
      stderr: expect.stringMatching(/^flipside: the flash file .* cannot be opened.*\n$/),
    });
    const { failovers, violations, endedBecause } = JSON.parse(readFileSync(json, "utf8"));
    expect(failovers).toBeGreaterThan(0);
    expect({ violations, endedBecause }).toEqual({
      violations: [],
      endedBecause: expect.stringContaining("cannot be opened"),
    });
  });
});
