/**
 * Disks that fill or go away under a device. Each is a file system in memory, mounted in a namespace of its own, which
 * needs root: where there is none these tests are left out, but for CI.
 */
import { execFile } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { runToEnd } from "../run-to-end.ts";

const isCi = process.env["CI"] === "true";
const mayMount = runToEnd("unshare", ["--mount", "true"]).status === 0;
const cli = new URL("../../dist/scripts/cli.bundle.cjs", import.meta.url).pathname;

/** A guarded device on the disk, for the programs of these tests: what they print is what is expected. */
const GUARDED = `
import { spawnSync } from "node:child_process";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
const [, index, disk] = process.argv;
const { Guardian } = await import(new URL("process/guardian.js", index));
const { DEFAULT_LIMITS, DEFAULT_RECOVERY } = await import(new URL("core/config.js", index));
const { DEFAULT_MEMORY_CONFIG } = await import(new URL("../emulator/memory/layout.js", index));
const image = (name) => readFileSync(new URL("../../controller/firmware/images/controller-" + name + ".img", index));
let onRestart;
const device = new Guardian({
  memory: DEFAULT_MEMORY_CONFIG,
  images: [image("1.1.0"), image("1.0.0")],
  limits: { ...DEFAULT_LIMITS, budget: { failures: null, windowMs: 60_000 } },
  recovery: DEFAULT_RECOVERY,
  engine: "auto",
  log: { level: "error", fd: 2 },
  flashFile: disk + "/device.flash",
}, {}, { onRestart: (restart) => onRestart(restart) });
await device.start();
const status = () => device.call("status", null);
/** The generation that was acknowledged, or the name of the error. */
const failOver = async () => {
  await device.call("standby", null);
  const next = device.call("nextFailover", null).then(({ generation }) => generation, (error) => error.name);
  await device.call("inject", { kind: "ebreak" });
  return next;
};
/** The state in which the next process powers on. */
const killed = async () => {
  const restarted = new Promise((resolve) => (onRestart = resolve));
  device.kill("SIGKILL");
  return (await restarted).status;
};
`;

let disk: string;

/** Runs a command with a disk of this size mounted at `disk`. */
function withDisk(size: string, ...command: readonly string[]): Promise<{ stdout: string; stderr: string }> {
  const script = `mount -t tmpfs -o size=${size} none "${disk}" && exec "$0" "$@"`;
  return promisify(execFile)("unshare", ["--mount", "sh", "-c", script, process.execPath, ...command]);
}

function guarded(size: string, body: string): Promise<{ stdout: string; stderr: string }> {
  const program = `${GUARDED}${body}await device.stop();`;
  const index = new URL("../../dist/supervisor/index.js", import.meta.url).href;
  return withDisk(size, "--input-type=module", "--eval", program, index, disk);
}

describe.runIf(mayMount || isCi)("a disk", () => {
  beforeAll(() => {
    disk = mkdtempSync(join(tmpdir(), "flipside-"));
  });
  afterAll(() => rmSync(disk, { recursive: true }));

  it.each(["8k", "16k"])(
    "that is full: what cannot start for %s of room says so in one sentence",
    async (size) => {
      await expect(withDisk(size, cli, "serve", "--dir", disk, "--log", "silent")).rejects.toMatchObject({
        code: 3,
        stdout: "",
        stderr: `flipside: there is too little here of room on a disk: the flash file ${disk}/device.flash cannot be written: ENOSPC: no space left on device\n`,
      });
    },
  );

  it("that fills later takes nothing that was acknowledged, also when the process ends, and all heals when there is room", async () => {
    const { stdout, stderr } = await guarded(
      "4m",
      `
      const acknowledged = await failOver();
      const filler = disk + "/filler";
      try {
        writeFileSync(filler, Buffer.alloc(8 << 20));
      } catch {}
      // What still fits into a page that the file has is taken.
      let full;
      do full = await failOver(); while (typeof full === "number");
      const { persistence } = await status();
      const restarted = await killed();
      const kept = restarted.generation >= acknowledged && restarted.phase;
      rmSync(filler);
      while ((await status()).persistence !== "on") await new Promise((resolve) => setTimeout(resolve, 50));
      const again = await failOver();
      const { generation } = await killed();
      console.log(JSON.stringify({ full, persistence, kept, healed: generation === again }));
      `,
    );
    expect(JSON.parse(stdout)).toEqual({
      full: "NotDurableError",
      persistence: "failing",
      kept: "executing",
      healed: true,
    });
    expect(stderr).toContain("device.flash cannot be written: ENOSPC: no space left on device");
  });

  it("that is unmounted: acknowledged means kept, in a file that is made again in what is there then", async () => {
    const { stdout, stderr } = await guarded(
      "4m",
      `
      spawnSync("umount", ["--lazy", disk]);
      // What is under way at the moment of the loss is told that it is not durable.
      await failOver();
      const acknowledged = await failOver();
      const { generation } = await killed();
      console.log(acknowledged === generation);
      `,
    );
    expect(stdout).toBe("true\n");
    expect(stderr).toMatch(/is lost: it was removed, or its file system unmounted/);
  });
});
