/** Exit codes as a shell sees them: the built command line on a machine that lacks something. */
import { existsSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { parseLimits, processorQuota, quotaWarning, requireLimits } from "../../emulator/base/limits.ts";
import {
  EXIT_FINDING,
  EXIT_UNABLE,
  EXIT_UNJUDGED,
  EXIT_USAGE,
  failureOf,
  UnableError,
} from "../../scripts/exit-codes.ts";
import { UsageError } from "../../scripts/options.ts";
import { RequestError } from "../../supervisor/process/requests.ts";
import { SweepError } from "../../supervisor/sweep/run/queue-port.ts";
import * as asm from "../controller/support/assembler.ts";
import { writeElf } from "../controller/support/elf-writer.ts";
import { runToEnd } from "../run-to-end.ts";
import { scratchDirectory } from "./captured.ts";

const CLI = fileURLToPath(new URL("../../dist/scripts/cli.bundle.cjs", import.meta.url));
const scratch = scratchDirectory();

/** Runs a command with limits that are set in words of a POSIX shell. */
function limited(limits: string, ...args: readonly string[]) {
  const script = `${limits}; exec "$@"`;
  const { status, stderr } = runToEnd("sh", ["-c", script, "sh", process.execPath, CLI, ...args], {
    encoding: "utf8",
    cwd: scratch(""),
  });
  return { status, stderr };
}

function systemError(code: string): Error {
  return Object.assign(new Error(`${code}: something of the system, open 'x'`), { code });
}

describe("one exit code for one way to end, whatever the command:", () => {
  it.each([
    ["bad input", new UsageError("x"), EXIT_USAGE],
    ["a request that is refused", new RequestError("x"), EXIT_USAGE],
    ["what was found of the device", new SweepError("x"), EXIT_FINDING],
    ["too few file descriptors", systemError("EMFILE"), EXIT_UNABLE],
    ["a full disk", systemError("ENOSPC"), EXIT_UNABLE],
    ["no room for a buffer", new RangeError("Array buffer allocation failed"), EXIT_UNABLE],
    ["no room for a thread", new SweepError("EMFILE", "resource"), EXIT_UNABLE],
    ["what this machine does not let do", new UnableError("x"), EXIT_UNABLE],
    ["an accident of flipside's own", new TypeError("x is undefined"), EXIT_UNJUDGED],
    [
      "an index out of range, which is such an accident",
      new RangeError("Invalid array length"),
      EXIT_UNJUDGED,
    ],
    ["anything else that was thrown", "thrown", EXIT_UNJUDGED],
  ])("%s", (_, error, exitCode) => {
    expect(failureOf(error).exitCode).toBe(exitCode);
  });

  it("a sentence names what is missing; an accident has its stack", () => {
    expect(failureOf(systemError("EMFILE")).text).toBe(
      "flipside: there is too little here of file descriptors (ulimit -n): EMFILE: something of the system, open 'x'",
    );
    expect(failureOf(new UnableError("no access")).text).toBe("flipside: no access");
    expect(failureOf(new TypeError("x is undefined")).text).toMatch(/TypeError: x is undefined\n +at /);
  });
});

describe.runIf(process.platform === "linux")("too little of a machine is a sentence and exit code 3:", () => {
  it.each([
    ["emulate", "--failovers", "1", "--json", "report.json"],
    ["sweep", "--scenarios", "first-start", "--jobs", "1", "--json", "report.json"],
    ["serve", "--dir", "device"],
  ])("%s with too few descriptors or too little address space, before anything is made", (...args) => {
    for (const limits of ["ulimit -n 30", "ulimit -v 3000000"]) {
      const { status, stderr } = limited(limits, ...args);
      expect({ status, stderr }).toEqual({
        status: EXIT_UNABLE,
        stderr: expect.stringMatching(/^flipside: it cannot run here: .*\n$/),
      });
    }
    expect([existsSync(scratch("report.json")), existsSync(scratch("device"))]).toEqual([false, false]);
  });

  it("run with too little address space", () => {
    writeFileSync(
      scratch("pass.elf"),
      writeElf({ code: new asm.Program().label("end").jal(0, "end").bytes() }),
    );
    const { status, stderr } = limited("ulimit -v 1300000", "run", "pass.elf", "--ram", "512M");
    expect({ status, stderr }).toEqual({
      status: EXIT_UNABLE,
      stderr: expect.stringMatching(/^flipside: there is too little here of memory .*\n$/),
    });
  });

  it("ctl with too few descriptors to open a socket", () => {
    const args = ["ctl", "status"];
    // How many Node needs for itself is another number in each version: below, it ends before flipside begins,
    // and with one more a command reads its files one after the other.
    let end = limited("ulimit -n 16", ...args);
    for (let most = 17; most < 40 && end.status !== EXIT_UNABLE; most++) {
      end = limited(`ulimit -n ${most}`, ...args);
    }
    expect(end).toEqual({ status: EXIT_UNABLE, stderr: expect.stringMatching(/^flipside: .*EMFILE.*\n$/) });
  });
});

describe("limits of a process", () => {
  const TEXT = `Limit                     Soft Limit           Hard Limit           Units     
Max cpu time              unlimited            unlimited            seconds   
Max open files            1024                 1048576              files     
Max address space         unlimited            unlimited            bytes     
`;

  it("are read as the kernel tells them", () => {
    expect(parseLimits(TEXT)).toEqual({ descriptors: 1024, addressSpaceBytes: undefined });
  });

  it("that are none, or not told, refuse nothing", () => {
    expect(() => requireLimits(64, { descriptors: undefined, addressSpaceBytes: undefined })).not.toThrow();
  });

  it("refuse as many machines as do not fit, and name what is needed", () => {
    const limits = { descriptors: 1024, addressSpaceBytes: 20 * 2 ** 30 };
    expect(() => requireLimits(1, limits, 10.5 * 2 ** 30)).not.toThrow();
    expect(() => requireLimits(2, limits, 10.5 * 2 ** 30)).toThrow(
      "it cannot run here: a process may have 20.0 GiB of addresses (ulimit -v), and 23.0 GiB are needed",
    );
  });
});

describe("a quota of processors", () => {
  it.each<readonly [string, Readonly<Record<string, string>>, number | undefined]>([
    ["of cgroup v2, as a container sees it", { "/sys/fs/cgroup/cpu.max": "150000 100000\n" }, 1.5],
    [
      "of cgroup v2, of a group",
      { "/proc/self/cgroup": "0::/a/b\n", "/sys/fs/cgroup/a/b/cpu.max": "20000 100000\n" },
      0.2,
    ],
    [
      "of cgroup v1",
      {
        "/proc/self/cgroup": "5:memory:/m\n4:cpu,cpuacct:/a\n",
        "/sys/fs/cgroup/cpu/a/cpu.cfs_quota_us": "50000\n",
        "/sys/fs/cgroup/cpu/a/cpu.cfs_period_us": "100000\n",
      },
      0.5,
    ],
    ["that is none in v2", { "/sys/fs/cgroup/cpu.max": "max 100000\n" }, undefined],
    [
      "that is none in v1",
      { "/sys/fs/cgroup/cpu/cpu.cfs_quota_us": "-1\n", "/sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000\n" },
      undefined,
    ],
    ["of a system without groups", {}, undefined],
  ])("%s is read", (_, files, quota) => {
    expect(processorQuota((file) => files[file])).toBe(quota);
  });

  it("is told where it leaves less than a processor for a controller", () => {
    expect(quotaWarning(1, 0.2)).toContain("lets this process use 0.2 processors");
    expect([quotaWarning(1, undefined), quotaWarning(2, 2)]).toEqual([undefined, undefined]);
    expect(quotaWarning(4, 2)).toContain("2.0 processors");
  });
});
