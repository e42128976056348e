/** `flipside serve` and `flipside ctl` as a user has them: processes, a socket, exit codes. */
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import {
  chmodSync,
  closeSync,
  constants,
  existsSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  rmSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { encodeImage } from "../../controller/image/encode.ts";
import { STATUS_BASE } from "../../emulator/memory/map.ts";
import { ControlClient } from "../../supervisor/process/control-client.ts";
import type { ServedMethods } from "../../supervisor/process/served-device.ts";
import * as asm from "../controller/support/assembler.ts";
import { A0, A1 } from "../controller/support/machines.ts";
import { outputOf } from "../run-to-end.ts";

const cli = new URL("../../dist/scripts/cli.bundle.cjs", import.meta.url).pathname;
const noDump = new URL("../../package.json", import.meta.url).pathname;
const images = new URL("../../controller/firmware/images/", import.meta.url).pathname;

let directory: string;
let device: string;
let server: ChildProcess;

interface Ended {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

function flipside(...args: string[]): Promise<Ended> {
  return new Promise((resolve) => {
    execFile(process.execPath, [cli, ...args], (error, out, err) => {
      resolve({ code: typeof error?.code === "number" ? error.code : 0, out, err });
    });
  });
}

function ctl(...args: string[]): Promise<Ended> {
  return flipside("ctl", "--dir", device, ...args);
}

async function status(): Promise<
  Record<string, unknown> & {
    phase: string;
    ready: boolean;
    generation: number;
    primary: number | null;
  }
> {
  const file = join(directory, "status.json");
  expect(await ctl("status", "--json", file)).toMatchObject({ code: 0 });
  return JSON.parse(readFileSync(file, "utf8"));
}

/** Asks until the condition holds; the test's own time limit ends a wait that never does. */
async function until(
  holds: (now: Awaited<ReturnType<typeof status>>) => boolean,
): Promise<Awaited<ReturnType<typeof status>>> {
  for (;;) {
    const now = await status();
    if (holds(now)) return now;
  }
}

/** @param stderr its descriptor, or that of these tests */
async function serveTo(stderr: number | "inherit", ...args: string[]): Promise<void> {
  server = spawn(process.execPath, [cli, "serve", "--dir", device, "--log", "silent", ...args], {
    stdio: ["ignore", "pipe", stderr],
  });
  if (server.stdout === null) throw new Error("no output");
  await once(server.stdout, "data");
}

function serve(...args: string[]): Promise<void> {
  return serveTo("inherit", ...args);
}

async function stop(): Promise<void> {
  // Heard before it is told: it may end before ctl does.
  const exit = once(server, "exit");
  expect(await ctl("stop")).toMatchObject({ code: 0 });
  expect(await exit).toEqual([0, null]);
}

/** A directory of its own for a group of tests, and what they served from it is ended after them. */
function inFreshDirectory(): void {
  beforeAll(() => {
    directory = mkdtempSync(join(tmpdir(), "flipside-"));
    device = join(directory, "device");
  });
  afterAll(() => {
    server?.kill("SIGKILL");
    rmSync(directory, { recursive: true });
  });
}

describe("a served device", () => {
  inFreshDirectory();
  beforeAll(async () => {
    await serve();
  });

  it("tells its state, fails over under a fault, and leaves a dump that is printed with symbols", async () => {
    const before = await until(({ ready, standby }) => ready && standby !== null);
    expect(before).toMatchObject({ phase: "executing", persistence: "on", processRestarts: 0 });
    const other = 1 - Number(before.primary);
    expect(await ctl("inject", "stack-overflow")).toMatchObject({
      code: 0,
      out: expect.stringMatching(
        new RegExp(
          `^region ${before.primary} failed: panic \\(code 0x107\\) at 0x2000[0-9a-f]{4}, found after [0-9.]+ ms; region ${other} took over and was ready after [0-9.]+ ms\nregion ${other} runs, 1\\.[01]\\.0\n$`,
        ),
      ),
    });
    // It is told when all is over.
    expect(await status()).toMatchObject({ ready: true, primary: other, failoversByCause: { panic: 1 } });
    expect((await ctl("status")).out).toContain(
      `region ${before.primary} failed last by panic (code 0x107) at 0x2000`,
    );
    const dumps = join(device, "dumps");
    const name = readdirSync(dumps).find((entry) => entry.endsWith("-panic.dump")) ?? "";
    const version = before.primary === 0 ? "1.1.0" : "1.0.0";
    const printed = await flipside("dump", join(dumps, name), "--elf", `${images}controller-${version}.elf`);
    expect(printed.code).toBe(0);
    expect(printed.out).toContain(`panic in region ${before.primary}, version ${version}, then region`);
    expect(printed.out).toMatch(/store access fault/);
    expect(printed.out).toMatch(/#1 0x[0-9a-f]{8} recurse/);
  });

  it("takes a new image, and runs it when it is designated", async () => {
    const { primary } = await until(({ ready, standby }) => ready && standby !== null);
    const other = 1 - Number(primary);
    expect(await ctl("load", String(other), `${images}controller-1.2.0.img`)).toMatchObject({ code: 0 });
    expect(await ctl("designate", String(other))).toMatchObject({ code: 0 });
    const now = await until(({ ready, primary: executing }) => ready && executing === other);
    const { version, eraseCounts } = (now["regions"] as { version: string; eraseCounts: number[] }[])[
      other
    ] ?? { version: "", eraseCounts: [] };
    expect(version).toBe("1.2.0");
    // Written once by the factory and once now.
    expect(Math.max(...eraseCounts)).toBe(2);
    expect((await ctl("status")).out).toMatch(/erases min\/median\/max/);
    expect((await ctl("status")).out).toContain("0/0/2 (sector 0)");
    expect((await ctl("status")).out).toMatch(/translations \d+ of \d+ instructions: [1-9]\d* ahead of need/);
  });

  it("prints the seed where chance has a say in a fault, and does it with the seed that it is given", async () => {
    await until(({ ready, standby }) => ready && standby !== null);
    const drawn = await ctl("inject", "rot-floor");
    const mended = "the security floor rotted, and was stored anew from what the supervisor knows\n";
    const runs = "region \\d runs, \\d\\.\\d\\.0\n";
    expect(drawn).toMatchObject({
      code: 0,
      out: expect.stringMatching(new RegExp(`^${mended}${runs}again: --seed \\d+\n$`)),
    });
    expect(await ctl("inject", "rot-floor", "--seed", "7")).toMatchObject({
      code: 0,
      out: expect.stringMatching(/\nagain: --seed 7\n$/),
    });
    expect(await ctl("inject", "standby-death", "--seed", "7")).toMatchObject({
      code: 0,
      out: expect.stringMatching(
        /^the standby died, and another one is parked; nothing failed over\n[^\n]*\n$/,
      ),
    });
    expect(await status()).toMatchObject({ ready: true, standby: expect.any(Number) });
    expect(await ctl("status", "--seed", "7")).toMatchObject({
      code: 2,
      err: "flipside: --seed is not for status, but for inject\n",
    });
    expect(await ctl("inject", "rot-floor", "--seed", "-1")).toMatchObject({ code: 2 });
  });

  it("refuses in one sentence what cannot be done", async () => {
    expect(await ctl("inject", "nonsense")).toMatchObject({
      code: 2,
      err: expect.stringMatching(/there is no fault "nonsense"/),
    });
    const { primary } = await until(({ ready }) => ready);
    expect(await ctl("load", String(primary), `${images}controller-1.1.0.img`)).toMatchObject({
      code: 2,
      err: expect.stringMatching(/is executing/),
    });
    expect(await ctl("clear", String(primary))).toMatchObject({
      code: 2,
      err: expect.stringMatching(/region \d is (accepted|valid)/),
    });
    expect(await ctl("designate", "7")).toMatchObject({ code: 2 });
    expect(await ctl("explode")).toMatchObject({
      code: 2,
      err: expect.stringMatching(
        /^flipside: ctl has no command "explode": it must be one of status, inject, /,
      ),
    });
    expect(await ctl()).toMatchObject({
      code: 2,
      err: expect.stringMatching(/^flipside: ctl needs a command: /),
    });
    expect(await ctl("load", "0")).toMatchObject({
      code: 2,
      err: "flipside: load needs the file of an image\n",
    });
    expect(await ctl("clear", "0", "1")).toMatchObject({
      code: 2,
      err: "flipside: there is one argument too many: 1\n",
    });
    expect(await ctl("load", "0", join(directory, "no-such-file"))).toMatchObject({ code: 2 });
    expect(await flipside("dump", noDump)).toMatchObject({
      code: 2,
      err: expect.stringMatching(/cannot be read/),
    });
    expect(await flipside("serve", "--dir", device)).toMatchObject({
      code: 2,
      err: `flipside: the directory ${device} is served already, by process ${server.pid}\n`,
    });
  });

  it("refuses what is no image, and a region that is not there, before anything is changed", async () => {
    const { primary, generation } = await until(({ ready, standby }) => ready && standby !== null);
    const other = String(1 - Number(primary));
    const large = join(directory, "large.img");
    writeFileSync(
      large,
      Buffer.concat([readFileSync(`${images}controller-1.1.0.img`), Buffer.alloc(1 << 18)]),
    );
    expect(await flipside("table", join(device, "device.flash"))).toMatchObject({
      code: 0,
      out: expect.stringMatching(`management table, generation ${generation}: both replicas hold it`),
    });
    const refused = {
      code: 2,
      err: expect.stringMatching(/^flipside: the image .*(cannot be run|more than)/),
    };
    for (const file of [noDump, "/dev/null", large]) {
      expect(await ctl("load", other, file)).toMatchObject(refused);
    }
    const none = { code: 2, err: expect.stringMatching(/there is no region 3: it must be one from 0 to 1/) };
    expect(await ctl("designate", "3")).toMatchObject(none);
    expect(await status()).toMatchObject({ generation, ready: true });
  });

  it("ends a crash loop in safe mode, stays there over a restart, and leaves it at an operator's word", async () => {
    for (;;) {
      const { phase } = await until(({ phase: now, ready }) => now === "safe-mode" || ready);
      if (phase === "safe-mode") break;
      await ctl("inject", "ebreak");
    }
    const stopped = await status();
    expect(stopped).toMatchObject({ primary: null, reason: expect.stringMatching(/./) });
    expect((await ctl("status")).out).toMatch(/^safe mode: region 0: /);
    expect(await ctl("inject", "supervisor-kill")).toMatchObject({
      code: 0,
      out: "the supervisor process was ended by SIGKILL; another one powered the device on\nno version runs: safe mode\n",
    });
    const again = await status();
    expect(again).toMatchObject({ processRestarts: 1 });
    expect((await ctl("status")).out).toMatch(/^next start: safe mode: region 0: /m);
    expect(again).toMatchObject({
      phase: "safe-mode",
      generation: stopped.generation,
      noStandbyBecause: "no version runs",
    });
    const first = (stopped["regions"] as { version: string }[]).findIndex(({ version }) => version !== "");
    expect(await ctl("clear", String(first))).toMatchObject({ code: 0 });
    expect(await until(({ ready }) => ready)).toMatchObject({ phase: "executing", primary: first });
  });

  it("stops when it is told to, and is there again with what it was", async () => {
    const { generation } = await status();
    await stop();
    expect(existsSync(join(device, "control.sock"))).toBe(false);
    expect(await ctl("status")).toMatchObject({ code: 2, err: expect.stringMatching(/no device is served/) });
    await serve();
    expect(await status()).toMatchObject({ generation, phase: "executing" });
  });
});

describe("a device that is served with --dump-memory none", () => {
  inFreshDirectory();
  beforeAll(async () => {
    await serve("--dump-memory", "none");
  });

  it("leaves memory out of its dumps, and nothing else", async () => {
    await until(({ ready, standby }) => ready && standby !== null);
    expect(await ctl("inject", "stack-overflow")).toMatchObject({ code: 0 });
    const failedOver = ({ failoversByCause }: Record<string, unknown>) =>
      Object.hasOwn(failoversByCause as object, "panic");
    await until((now) => now.ready && failedOver(now));
    await stop();
    const [name] = readdirSync(join(device, "dumps"));
    const report = join(directory, "dump.json");
    const printed = await flipside("dump", join(device, "dumps", name ?? ""), "--json", report);
    expect(printed).toMatchObject({ code: 0, out: expect.stringContaining("none of it was kept") });
    const { stack, hart } = JSON.parse(readFileSync(report, "utf8"));
    expect(stack.bytes).toEqual([]);
    expect(hart.some((word: number) => word !== 0)).toBe(true);
    expect(await flipside("serve", "--dir", device, "--dump-memory", "all")).toMatchObject({
      code: 2,
      err: 'flipside: --dump-memory is "all": it must be one of stack, none\n',
    });
  });
});

const STATUS_READY = 0x10;
/** Says that it is ready, and waits for ever. */
const READY_PROGRAM = [
  asm.lui(A1, STATUS_BASE),
  asm.i("addi", A0, 0, 1),
  asm.store("sw", A0, STATUS_READY, A1),
  asm.WFI,
  asm.jal(0, -4),
];

describe("a device in which the highest version has a lower security counter than another", () => {
  inFreshDirectory();
  beforeAll(async () => {
    const body = new Uint8Array(Int32Array.from(READY_PROGRAM).buffer);
    const version = (major: number) => ({ major, minor: 0, revision: 0, build: 0 });
    writeFileSync(join(directory, "high"), encodeImage({ body, version: version(1), securityCounter: 1 }));
    writeFileSync(join(directory, "low"), encodeImage({ body, version: version(2) }));
  });

  it("starts again, as often as it is stopped, the version that may run", async () => {
    await serve("--image-a", join(directory, "high"), "--image-b", join(directory, "low"));
    await until(({ ready }) => ready);
    for (let restarts = 0; restarts < 2; restarts++) {
      await stop();
      await serve();
      await until(({ ready, standby }) => ready && standby === 0);
      // By now the warm-up, which the first standby begins, has had its turn.
      expect(await status()).toMatchObject({ phase: "executing", primary: 0, processRestarts: 0 });
    }
  });

  it("is told that a version below the floor would not run: loaded or designated it is refused, and changes nothing", async () => {
    const before = await status();
    const below = "its security counter 0 is below the floor 1";
    expect(before).toMatchObject({
      securityFloor: 1,
      regions: [{ unusableBecause: "" }, { unusableBecause: below }],
    });
    expect(await ctl("designate", "1")).toMatchObject({
      code: 2,
      err: `flipside: region 1 would not be started: ${below}\n`,
    });
    expect(await ctl("load", "1", join(directory, "low"))).toMatchObject({
      code: 2,
      err: `flipside: the image would not be started: ${below}\n`,
    });
    const { generation, regions, primary } = await status();
    expect({ generation, regions, primary }).toEqual({
      generation: before["generation"],
      regions: before["regions"],
      primary: 0,
    });
    // What may run may take its place.
    expect(await ctl("load", "1", join(directory, "high"))).toMatchObject({ code: 0 });
    expect(await ctl("designate", "1")).toMatchObject({ code: 0 });
    await until(({ ready, primary: executing }) => ready && executing === 1);
  });
});

/** Whether a process runs: one that has ended and that nobody has asked for is a zombie. Linux alone. */
function runs(pid: number): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
    return stat[stat.lastIndexOf(")") + 2] !== "Z";
  } catch {
    return false;
  }
}

describe.runIf(process.platform === "linux")("a supervisor whose guardian has died", () => {
  inFreshDirectory();

  it("is ended even when its main thread hangs, and the next serve starts", async () => {
    await serve();
    const { pid, generation } = await until(({ ready, standby }) => ready && standby !== null);
    expect(runs(Number(pid))).toBe(true);
    const client = await ControlClient.connect<ServedMethods>(join(device, "control.sock"));
    await client.call("inject", { kind: "supervisor-loop" });
    // At once: the guardian is not to find that it hangs.
    const exit = once(server, "exit");
    server.kill("SIGKILL");
    await exit;
    client.close();
    await expect.poll(() => runs(Number(pid)), { timeout: 50_000, interval: 100 }).toBe(false);
    await serve();
    expect(await status()).toMatchObject({ generation, phase: "executing" });
  });
});

describe("symlinks that others may put into a directory", () => {
  it("are what serve has a word about: of a directory that others can write to", async () => {
    directory = mkdtempSync(join(tmpdir(), "flipside-"));
    chmodSync(directory, 0o1777);
    const told = spawn(process.execPath, [cli, "serve", "--dir", directory]);
    const exit = once(told, "exit");
    const [line] = await once(told.stderr, "data");
    expect(String(line)).toContain("others can write to the flash file's directory");
    told.kill("SIGTERM");
    await exit;
    rmSync(directory, { recursive: true });
  });
});

describe.runIf(process.platform === "linux")("a served device whose log nobody reads", () => {
  inFreshDirectory();

  it("stops nothing, neither in its supervisor nor in the next one, and its log goes on when it is read", async () => {
    const pipe = join(directory, "pipe");
    outputOf("mkfifo", [pipe]);
    const reader = openSync(pipe, constants.O_RDONLY | constants.O_NONBLOCK);
    const filler = openSync(pipe, constants.O_WRONLY | constants.O_NONBLOCK);
    expect(() => {
      for (;;) writeSync(filler, Buffer.alloc(4096));
    }).toThrow(/EAGAIN/);
    const stderr = openSync(pipe, constants.O_WRONLY);
    await serveTo(stderr, "--log", "debug");
    await until(({ ready, standby }) => ready && standby !== null);
    expect(await ctl("inject", "ebreak")).toMatchObject({ code: 0 });
    await until(({ ready, standby, failovers }) => failovers === 1 && ready && standby !== null);
    expect(await ctl("inject", "supervisor-kill")).toMatchObject({ code: 0 });
    await until(({ processRestarts, ready, standby }) => processRestarts === 1 && ready && standby !== null);
    expect(await ctl("inject", "ebreak")).toMatchObject({ code: 0 });
    const buffer = Buffer.alloc(1 << 20);
    let log = "";
    await expect
      .poll(() => {
        log += buffer.toString("latin1", 0, readSync(reader, buffer));
        return log;
      })
      .toContain('"msg":"failover"');
    await stop();
    for (const fd of [reader, filler, stderr]) closeSync(fd);
  });
});

describe("serve refuses in one sentence, and makes nothing", () => {
  inFreshDirectory();

  async function refusal(dir: string, ...args: string[]): Promise<string> {
    const { code, out, err } = await flipside("serve", "--dir", dir, ...args);
    expect({ code, out }).toEqual({ code: 2, out: "" });
    expect(err).toMatch(/^flipside: [^\n]*\n$/);
    return err;
  }

  it("a directory whose socket would have too long a path", async () => {
    expect(await refusal(join(device, "d".repeat(100)))).toMatch(
      /control\.sock has \d+ bytes, more than the 10/,
    );
    expect(existsSync(device)).toBe(false);
  });

  it("options and images that cannot be", async () => {
    expect(await refusal(device, "--regions", "9")).toContain('--regions is "9"');
    expect(await refusal(device, "--engine", "steam")).toContain("steam");
    expect(await refusal(device, "--image-a", join(directory, "none"))).toContain("--image-a cannot be read");
    expect(await refusal(device, "--image-b", noDump)).toContain("--image-b cannot be run");
    expect(existsSync(device)).toBe(false);
  });

  it("a file that is in the socket's place", async () => {
    const file = join(directory, "control.sock");
    writeFileSync(file, "somebody's");
    expect(await refusal(directory)).toContain("control.sock is no socket");
    expect(readFileSync(file, "utf8")).toBe("somebody's");
    expect(readdirSync(directory)).toEqual(["control.sock"]);
  });
});
