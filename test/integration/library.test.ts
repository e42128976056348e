/** What a program can do with the package: all that the command line can, and it refuses what the command line refuses. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type DeviceOptions, type RunningDevice, referenceImages, startDevice, sweep } from "flipside";
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { Opcode } from "../../controller/devices/nvme-spec.ts";
import { unary } from "../../scripts/hostile/assembler.ts";
import { declaringImage } from "../declaring-firmware.ts";
import { LOCKING } from "../locking-firmware.ts";
import { runToEnd } from "../run-to-end.ts";

const [imageA, imageB] = referenceImages();
/** The device file of a boot loader on a board. */
const LOADER = new URL("../../controller/firmware/loaders/direct-xip.json", import.meta.url).pathname;
let directory: string;
let device: RunningDevice | undefined;

async function start(options: DeviceOptions = {}): Promise<RunningDevice> {
  device = await startDevice(options);
  return device;
}

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), "flipside-"));
});
afterAll(() => rmSync(directory, { recursive: true }));
afterEach(async () => {
  await device?.stop();
  device = undefined;
});

describe("a device of the library", () => {
  it("runs the reference firmware by default; a failover tells in a sentence what failed, and leaves a dump", async () => {
    const running = await start();
    await running.standby();
    const failover = running.nextFailover();
    await running.inject("illegal-instruction");
    const { failure } = await failover;
    expect(failure.message).toMatch(/^the firmware gave up at 0x[0-9a-f]{8}, with code 0x[0-9a-f]+$/);
    const [dump, ...others] = await running.dumps();
    expect(others).toEqual([]);
    expect(dump?.failure).toEqual(failure);
    expect(dump?.version).toBe("1.1.0");
    expect(dump?.stack.bytes.length).toBeGreaterThan(0);
    const { text } = await running.uart();
    expect(dump?.uart).toContain("fault 1 on request");
    expect(text).toContain("flipside 1.0.0, region 1, epoch 2, failover");
  });

  it("is what its device file describes, but for what the options say", async () => {
    const file = join(directory, "flipside.json");
    const memory = { regions: 3, hostBytes: 65_536, ramBytes: 1_048_576 };
    writeFileSync(join(directory, "a.img"), imageA);
    writeFileSync(file, JSON.stringify({ format: 1, memory, images: ["a.img"], engine: "interpreter" }));
    const running = await start({ device: file, memory: { hostBytes: 131_072 } });
    const { regions } = await running.status();
    expect(regions.map(({ version }) => version)).toEqual(["1.1.0", "", ""]);
    expect(running.hostMemory.address + running.hostMemory.bytes).toBe(0x4000_0000 + 131_072);
    await expect(startDevice({ device: join(directory, "none.json") })).rejects.toMatchObject({
      name: "DeviceFileError",
      kind: "usage",
      message: expect.stringMatching(/none\.json cannot be read: ENOENT/),
    });
  });

  it("has the hart that is asked for: an instruction that it does not have is told by its extension", async () => {
    const images = [declaringImage(1, 2), declaringImage(1, 1, [unary("clz", 10, 11)])];
    const withZbb = await start({ images, hart: { isa: "rv32imac_zbb" } });
    await withZbb.standby();
    await withZbb.designate(1);
    const isReady = async () => expect(await withZbb.status()).toMatchObject({ primary: 1, ready: true });
    await vi.waitFor(isReady, { timeout: 30_000 });
    await withZbb.stop();
    const without = await start({ images });
    await without.standby();
    const failover = without.nextFailover();
    await without.designate(1);
    expect((await failover).failure.message).toMatch(
      /^illegal instruction \(an instruction of Zbb, which this hart does not have\) at 0x[0-9a-f]{8}, mtval 0x60059513, while no trap handler/,
    );
    const wrong = startDevice({ images, hart: { isa: "rv32imafc" } });
    await expect(wrong).rejects.toMatchObject({ kind: "usage", message: expect.stringMatching(/no "f"/) });
  });

  it("resets PMP, locked entries too, and mseccfg at each start of a version", async () => {
    const running = await start({ images: [declaringImage(1, 2, LOCKING), declaringImage(1, 1, LOCKING)] });
    for (const region of [1, 0, 1]) {
      await running.standby();
      await running.designate(region);
      const isReady = async (): Promise<void> =>
        expect(await running.status()).toMatchObject({ primary: region, ready: true });
      await vi.waitFor(isReady, { timeout: 30_000 });
    }
  });

  it("is operated on: load, activate, designate, clear", async () => {
    const running = await start({ images: [imageA] });
    await expect(running.designate(1)).rejects.toMatchObject({ kind: "usage" });
    const loaded = await running.load(1, imageB);
    expect(loaded.regions[1]).toMatchObject({ state: "valid", version: "1.0.0" });
    expect((await running.activate(1)).primary).toBe(0);
    await running.standby();
    // It is answered while the version is being stopped, or when the other one is there already.
    await running.designate(1);
    const isExecuted = async () => expect((await running.status()).primary).toBe(1);
    await vi.waitFor(isExecuted, { timeout: 30_000 });
    await expect(running.clear(1)).rejects.toMatchObject({ name: "not-invalid", kind: "usage" });
  });

  it("takes host commands over host memory that is written and read", async () => {
    const running = await start();
    await running.standby();
    const { address } = running.hostMemory;
    const data = Uint8Array.from({ length: 64 }, (_, at) => at);
    await running.writeHostMemory(address + 4096, data);
    expect(await running.readHostMemory(address + 4096, 64)).toEqual(Buffer.from(data));
    const command = { opcode: Opcode.COPY, source: address + 4096, destination: address + 8192, cdw10: 64 };
    const { outcome, status } = await running.command(command);
    expect([outcome, status]).toEqual(["completed", 0]);
    expect(await running.readHostMemory(address + 8192, 64)).toEqual(Buffer.from(data));
    const copied = await running.command({ opcode: Opcode.COPY, cdw10: 64 }, data, { outputBytes: 64 });
    expect(copied.output).toEqual(Buffer.from(data));
  });

  it("loses its power and comes back with what it had acknowledged; what is asked meanwhile waits", async () => {
    const running = await start({ flashFile: join(directory, "cut.flash") });
    await running.standby();
    const { pid } = running;
    await running.load(1, imageB);
    const cut = running.powerCut(7);
    const [after, meanwhile] = await Promise.all([cut, cut.then(() => running.status())]);
    expect(running.pid).not.toBe(pid);
    expect(after).toMatchObject({ primary: 1, failovers: 0 });
    expect(meanwhile.regions[1]?.triesLeft).toBeGreaterThan(0);
    await running.inject("supervisor-kill");
    const asked = running.restart();
    const [restarted, status] = await Promise.all([asked, running.status()]);
    expect(status.primary).toBe(restarted.primary);
  });

  it("that keeps nothing refuses to lose its power", async () => {
    const running = await start();
    await expect(running.powerCut()).rejects.toMatchObject({
      kind: "usage",
      message: expect.stringContaining("needs a device with a flashFile"),
    });
    expect((await running.status()).phase).toBe("executing");
  });

  it("soaks with the work of the program itself, and ends by what that throws", async () => {
    const running = await start();
    await running.standby();
    const options = { seed: 1, durationMs: null, failovers: 2, kinds: ["ebreak"] };
    const { checks, hostCommands } = await running.soak(options, undefined, async (host) => {
      const { status } = await host.command({ opcode: 0 });
      host.check("FLUSH succeeds", status === 0);
    });
    expect(checks).toMatchObject({ "FLUSH succeeds": 2 });
    expect(hostCommands).toBe(2);
    const wrong = new Error("it is wrong");
    await expect(running.soak(options, undefined, () => Promise.reject(wrong))).rejects.toBe(wrong);
    expect((await running.status()).phase).toBe("executing");
  });

  it("stops at the end of its scope", async () => {
    let pid = 0;
    {
      await using scoped = await startDevice();
      pid = scoped.pid ?? 0;
      process.kill(pid, 0);
    }
    expect(() => process.kill(pid, 0)).toThrow("ESRCH");
  });
});

describe("startDevice refuses", () => {
  const noise = new Uint8Array(4096).fill(7);
  const refused: readonly [what: string, options: object, message: RegExp][] = [
    ["an option that there is none of", { imags: [imageA] }, /no "imags" in the options/],
    ["a limit that there is none of", { limits: { heartbeat: 5 } }, /no "heartbeat" in limits/],
    ["a budget's field", { limits: { budget: { count: 5 } } }, /no "count" in limits\.budget/],
    ["a size that there is none of", { memory: { ram: 5 } }, /no "ram" in the memory/],
    ["sizes that cannot be", { memory: { regions: 9 } }, /number of regions is 9/],
    ["an image that is none", { images: [imageA, noise] }, /images\[1\] cannot be run: /],
    [
      "an image that is not signed",
      { keys: [], requireSecurityCounter: true },
      /images\[0\] cannot be run: /,
    ],
    ["a key that is none", { keys: ["-----BEGIN NOTHING-----"] }, /key/],
    ["more images than regions", { images: [imageA, imageB, imageA] }, /number of images is 3/],
    ["another engine", { engine: "fast" }, /engine is "fast"/],
    ["a listener that is none", { onSoakProgress: 5 }, /onSoakProgress is no function/],
  ];
  it.each(refused)("%s", async (_, options, message) => {
    const error = await startDevice(options).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ kind: "usage", message: expect.stringMatching(message) });
  });

  it("likewise a field of a command and of a soak that there is none of", async () => {
    const running = await start();
    const command = { opcode: 1, cdw12: 1 };
    await expect(running.command(command)).rejects.toThrow('no "cdw12" in the command');
    const soak = { seed: 1, durationMs: 1, failovers: null, kinds: null, jobs: 2 };
    await expect(running.soak(soak)).rejects.toThrow('no "jobs" in the soak\'s options');
  });
});

describe("a program that forgets to stop its device", () => {
  it("ends, and so does the device", () => {
    const file = join(directory, "forgetful.mjs");
    const index = new URL("../../dist/supervisor/index.js", import.meta.url).href;
    writeFileSync(
      file,
      `import { startDevice } from ${JSON.stringify(index)};
       const device = await startDevice();
       await device.standby();
       const failover = device.nextFailover();
       await device.inject("illegal-instruction");
       console.log((await failover).toRegion, device.pid);`,
    );
    const ended = runToEnd(process.execPath, [file], { encoding: "utf8", timeout: 30_000 });
    const [toRegion, pid] = ended.stdout.trim().split(" ").map(Number);
    expect([ended.status, ended.stderr, toRegion]).toEqual([0, "", 1]);
    // It sees that its parent has gone.
    const isThere = (): boolean => {
      try {
        return process.kill(pid as number, 0);
      } catch {
        return false;
      }
    };
    return expect.poll(isThere, { timeout: 10_000 }).toBe(false);
  });
});

describe("sweep", () => {
  it("sweeps what it is asked to, and tells what it found", async () => {
    const scenarios = ["first-start-empty"];
    const report = await sweep({ scenarios, jobs: 1 });
    expect(report.findings).toEqual([]);
    expect(report.scenarios).toMatchObject([{ name: "first-start-empty" }]);
    expect(report.cuts).toBeGreaterThan(0);
  });

  it("sweeps the machine of a device file, whichever image that names first", async () => {
    const folder = mkdtempSync(join(tmpdir(), "flipside-sweep-"));
    const file = join(folder, "flipside.json");
    const write = (members: object): void => {
      writeFileSync(file, JSON.stringify({ format: 1, ...members }));
    };
    for (const [name, image] of Object.entries({ "a.img": imageA, "b.img": imageB }))
      writeFileSync(join(folder, name), image);
    try {
      const scenarios = ["failover-tight-loop"];
      write({ images: ["b.img", "a.img"] });
      expect(await sweep({ device: file, scenarios, jobs: 1 })).toMatchObject({ findings: [], leftOut: [] });
      // Firmware that commits no fault on request is not asked to.
      write({ images: ["a.img", "b.img"], firmware: { capabilities: ["queue"] } });
      const { leftOut } = await sweep({ device: file, scenarios, jobs: 1 });
      expect(leftOut).toMatchObject([{ scenario: "failover-tight-loop" }]);
      write({ images: ["a.img"] });
      await expect(sweep({ device: file })).rejects.toThrow("images: a sweep needs two");
      write({ requireSecurityCounter: true, images: ["a.img", "b.img"] });
      await expect(sweep({ device: file })).rejects.toMatchObject({
        kind: "usage",
        message: expect.stringContaining("images[0] cannot be run"),
      });
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it.each<[what: string, settings: object, message: string]>([
    ["an option that there is none of", { dpth: 2 }, 'no "dpth" in the options of a sweep'],
    ["a depth beyond 8", { depth: 9 }, "depth is 9: it must be a whole number, from 1 to 8"],
    ["a scenario that there is none of", { scenarios: ["nope"] }, 'there is no scenario "nope"'],
    ["images the wrong way round", { imageA: imageB, imageB: imageA }, "A must be the higher one, swap them"],
    [
      "rules that are not there",
      { rules: "/nowhere/rules.mjs" },
      "the rules cannot be loaded: Cannot find module",
    ],
    [
      "images beside a boot loader, whose device file names them",
      { device: LOADER, imageA },
      "imageA is not for the sweep of a boot loader",
    ],
    [
      "rules beside a boot loader, which decides itself",
      { device: LOADER, rules: "rules.mjs" },
      "rules is not for the sweep of a boot loader",
    ],
  ])("refuses %s", async (_, settings, message) => {
    await expect(sweep(settings)).rejects.toMatchObject({
      kind: "usage",
      message: expect.stringContaining(message),
    });
  });
});
