/**
 * Who is kept out of a flash file by the process that has it. Processes in namespaces and of another user need root:
 * where there is none these tests are left out, but for CI.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import {
  chmodSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { runToEnd } from "../run-to-end.ts";

const isCi = process.env["CI"] === "true";
const mayUnshare = runToEnd("unshare", ["--mount", "--net", "true"]).status === 0;
const isRoot = process.getuid?.() === 0;
const NOBODY = 65_534;

/** Opens a flash file, says how that went, and has it until its input ends. `checkpoint` on its input is carried out. */
const OPEN = `
const [, persist, path] = process.argv;
const { nodeFileSystem } = await import(persist + "file-system.js");
const { FlashFileWriter } = await import(persist + "flash-file-writer.js");
const { planPersistentSpace } = await import(persist + "persistent-space.js");
const { DEFAULT_MEMORY_CONFIG, planLayout } = await import(persist + "../memory/layout.js");
const space = planPersistentSpace(planLayout(DEFAULT_MEMORY_CONFIG));
try {
  const { writer, file } = FlashFileWriter.open(nodeFileSystem, path, space);
  console.log("has it");
  process.stdin.on("data", () => {
    writer.checkpoint(1, file.image);
    console.log("checkpoint");
  });
} catch (error) {
  console.log(error.name + ": " + error.message);
  process.exit();
}`;
const persist = new URL("../../dist/emulator/persist/", import.meta.url).href;
const program = ["--input-type=module", "--eval", OPEN, persist];

let directory: string;
let file: string;
let owners: ChildProcess[] = [];

/** A process that was to open a flash file, and the first thing that it says. */
async function open(
  path: string,
  command: readonly string[] = [process.execPath],
): Promise<[ChildProcess, string]> {
  const [first = "", ...rest] = command;
  const owner = spawn(first, [...rest, ...program, path], { stdio: ["pipe", "pipe", "inherit"] });
  owners.push(owner);
  const [said] = await once(owner.stdout as NonNullable<typeof owner.stdout>, "data");
  return [owner, String(said).trim()];
}

/** What a process says that tries to open the file while another one has it. */
async function tries(path: string, command?: readonly string[]): Promise<string> {
  return (await open(path, command))[1];
}

async function end(owner: ChildProcess): Promise<void> {
  const ended = once(owner, "exit");
  owner.kill("SIGKILL");
  await ended;
}

function inUse(path: string, { pid }: ChildProcess): string {
  return `FlashFileLocked: the flash file ${path} is in use by process ${pid}`;
}

/** A command before another one, in a mount namespace in which `to` is `from`. */
function withBindMount(from: string, to: string): readonly string[] {
  const script = `mount --bind "${from}" "${to}" && exec "$0" "$@"`;
  return ["unshare", "--mount", "sh", "-c", script, process.execPath];
}

/** The path of a Node of another major version than this one; undefined where none can be had. */
function otherNode(): string | undefined {
  const major = process.versions.node.startsWith("24.") ? 22 : 24;
  const found = runToEnd("npm", [
    "exec",
    "--yes",
    `--package=node@${major}`,
    "--",
    "node",
    "-p",
    "process.execPath",
  ]);
  return found.status === 0 ? found.stdout.toString().trim() : undefined;
}

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "flipside-"));
  file = join(directory, "device.flash");
});
afterEach(async () => {
  await Promise.all(owners.map((owner) => (owner.exitCode ?? owner.signalCode) === null && end(owner)));
  owners = [];
  rmSync(directory, { recursive: true });
});

describe("the lock excludes", () => {
  it("another process, which is told who has the file, also one that is stopped, and no longer than it lives", async () => {
    const [owner, said] = await open(file);
    expect(said).toBe("has it");
    owner.kill("SIGSTOP");
    expect(await tries(file)).toBe(inUse(file, owner));
    await end(owner);
    expect(await tries(file)).toBe("has it");
  });

  it("all but one of those that start at once", async () => {
    const said = await Promise.all([tries(file), tries(file), tries(file)]);
    expect(said.filter((one) => one === "has it")).toHaveLength(1);
  });

  it("a second name of the file: a hard link in another directory, and a symbolic one", async () => {
    const [owner] = await open(file);
    const hard = join(directory, "other", "hard.flash");
    mkdirSync(join(directory, "other"));
    linkSync(file, hard);
    expect(await tries(hard)).toBe(inUse(hard, owner));
    const soft = join(directory, "soft.flash");
    symlinkSync(file, soft);
    expect(await tries(soft)).toBe(inUse(soft, owner));
  });

  it("others also from the file that a checkpoint put into its place", async () => {
    const [owner] = await open(file);
    const before = statSync(file).ino;
    owner.stdin?.write("checkpoint");
    await once(owner.stdout as NonNullable<typeof owner.stdout>, "data");
    expect(statSync(file).ino).not.toBe(before);
    expect(await tries(file)).toBe(inUse(file, owner));
  });

  it.runIf(mayUnshare || isCi)("a bind mount, of the directory or of the file alone", async () => {
    const [owner] = await open(file);
    const mounted = join(directory, "mounted");
    mkdirSync(mounted);
    const there = join(mounted, "device.flash");
    expect(await tries(there, withBindMount(directory, mounted))).toBe(inUse(there, owner));
    writeFileSync(there, "");
    expect(await tries(there, withBindMount(file, there))).toBe(inUse(there, owner));
  });

  it.runIf(mayUnshare || isCi)(
    "containers that share a volume: other network, mount and process namespaces",
    async () => {
      const container = [
        "unshare",
        "--net",
        "--mount",
        "--pid",
        "--fork",
        "--kill-child",
        "--mount-proc",
        process.execPath,
      ];
      const [owner] = await open(file);
      expect(await tries(file, container)).toMatch(
        /^FlashFileLocked: .* in use by a process that cannot be seen from here/,
      );
      await end(owner);
      const [, said] = await open(file, container);
      expect(said).toBe("has it");
      expect(await tries(file)).toMatch(/^FlashFileLocked: .* in use by process \d+$/);
    },
  );

  it("another version of Node", async (test) => {
    const other = otherNode();
    if (other === undefined && !isCi) test.skip("no other version of Node can be had");
    const [owner, said] = await open(file, [other ?? ""]);
    expect(said).toBe("has it");
    expect(await tries(file)).toBe(inUse(file, owner));
    await end(owner);
    const [own] = await open(file);
    expect(await tries(file, [other ?? ""])).toBe(inUse(file, own));
  }, 180_000);

  it.runIf(isRoot || isCi)("another user, who cannot take the lock of what is not his", async () => {
    chmodSync(directory, 0o755);
    const [owner] = await open(file);
    await end(owner);
    // As cp leaves a file that others may read, which is all that a lock takes.
    chmodSync(file, 0o644);
    expect(await tries(file)).toBe("has it");
    await Promise.all(owners.map((one) => one.exitCode ?? one.signalCode ?? end(one)));
    const flock = spawn("flock", ["-n", file, "true"], { uid: NOBODY, gid: NOBODY, cwd: "/" });
    expect(await text(flock.stderr)).toMatch(/Permission denied/);
    expect(await tries(file)).toBe("has it");
  });
});

it("where nothing can lock a file that is told in one sentence, and nothing is opened", async () => {
  const nothing = join(directory, "bin");
  mkdirSync(nothing);
  expect(await tries(file, ["/usr/bin/env", `PATH=${nothing}`, process.execPath])).toBe(
    `FlashFileUnlockable: the flash file ${file} cannot be opened: there is no flock program here to lock it with (of util-linux or busybox)`,
  );
});
