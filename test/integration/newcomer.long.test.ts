/**
 * Somebody new: the packed tarball in an empty folder, and the commands of docs/your-firmware.md, in their order and to
 * their ends, as they stand there.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { hasTools } from "../controller/support/toolchain.ts";
import { runToEnd } from "../run-to-end.ts";
import { ROOT, textOf } from "../sources.ts";

const hasGcc = hasTools("riscv64-unknown-elf-gcc", "riscv64-unknown-elf-ld", "make");
const hasLlvm = hasTools("clang", "ld.lld", "make");

/** A busy machine takes long for a sweep, and nothing here is about speed. */
const TIMEOUT_MS = 600_000;

let directory: string;
/** What the page says to type, by its first words. */
const commands = commandsOf("docs/your-firmware.md", "Five commands");

function commandsOf(page: string, heading: string): string[] {
  const [, section = ""] = textOf(page).split(`## ${heading}\n`);
  const [, block = ""] = /^```\n([\s\S]*?)^```$/m.exec(section.split(/^## /m)[0] ?? "") ?? [];
  return [...block.matchAll(/^\$ (.+)$/gm)].map(([, command = ""]) => command);
}

function command(words: string): string {
  const found = commands.find((each) => each.startsWith(words));
  if (found === undefined) throw new Error(`the page has no command ${words}`);
  return found;
}

interface Ended {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

/** Types a command, into the folder that the skeleton is in once it is there. */
function type(line: string): Ended {
  const { status, stdout, stderr } = runToEnd("bash", ["-c", line], { cwd: where(), encoding: "utf8" });
  return { code: status, out: stdout, err: stderr };
}

function where(): string {
  const made = join(directory, "my-firmware");
  return existsSync(made) ? made : directory;
}

/**
 * As `npm install TARBALL` does, but that everything it needs is taken from here: nothing is asked of a registry or of
 * npm's cache.
 */
function installPackage(): void {
  const packed = npm(ROOT, "pack", "--json", "--ignore-scripts", "--pack-destination", directory);
  const [{ filename }] = JSON.parse(packed) as [{ readonly filename: string }];
  const { packages } = JSON.parse(textOf("package-lock.json")) as {
    readonly packages: Readonly<Record<string, { readonly dev?: boolean }>>;
  };
  const needed = Object.entries(packages)
    .filter(([path, { dev }]) => path !== "" && dev !== true && existsSync(join(ROOT, path)))
    .map(([path]) => [path.replace("node_modules/", ""), `file:${join(ROOT, path)}`]);
  const dependencies = { ...Object.fromEntries(needed), flipside: `file:./${filename}` };
  writeFileSync(join(directory, "package.json"), JSON.stringify({ private: true, dependencies }));
  const alone = [
    "--offline",
    "--cache",
    join(directory, "npm"),
    "--no-audit",
    "--no-fund",
    "--ignore-scripts",
  ];
  // Copies, and no links into the project, whose own node_modules would be found then.
  npm(directory, "install", "--install-links", ...alone);
}

function npm(cwd: string, ...args: string[]): string {
  const { status, stdout, stderr } = runToEnd("npm", args, { cwd, encoding: "utf8" });
  if (status !== 0) throw new Error(`npm ${args.join(" ")}: ${stderr}`);
  return stdout;
}

it("the page has the five commands, and no other", () => {
  expect(commands.map((each) => each.replace(/^npx flipside /, "").split(" ")[0])).toEqual([
    "init",
    "make",
    "serve",
    "emulate",
    "sweep",
  ]);
});

describe.skipIf(!hasGcc)("somebody new", { timeout: TIMEOUT_MS }, () => {
  let server: ChildProcess | undefined;

  beforeAll(() => {
    directory = mkdtempSync(join(tmpdir(), "flipside-"));
    installPackage();
  }, TIMEOUT_MS);
  afterAll(() => {
    // The whole group: what npx started may outlive it.
    if (server?.exitCode === null && server.pid !== undefined) process.kill(-server.pid, "SIGKILL");
    rmSync(directory, { recursive: true });
  });

  it("has a skeleton written", () => {
    expect(type(command("npx flipside init"))).toMatchObject({ code: 0, err: "" });
    expect(readdirSync(where())).toContain("main.c");
  });

  it("builds two versions of it", () => {
    expect(type(command("make"))).toMatchObject({ code: 0, err: "" });
    for (const version of ["1.0.0", "1.1.0"]) {
      expect(type(`npx flipside image verify build/${version}.img`)).toMatchObject({
        code: 0,
        out: `build/${version}.img: ${version} would be run\n`,
      });
    }
  });

  it("has it served: it becomes ready, takes a fault, and the other version takes over", async () => {
    server = spawn("bash", ["-c", `exec ${command("npx flipside serve")}`], {
      cwd: where(),
      detached: true,
      stdio: ["ignore", "pipe", "inherit"],
    });
    const exit = once(server, "exit");
    await Promise.race([once(server.stdout as NonNullable<typeof server.stdout>, "data"), exit]);
    const status = (): string => type("npx flipside ctl status").out;
    const runs = async (region: number): Promise<void> => {
      await expect.poll(status, { timeout: 60_000 }).toMatch(/^ready yes +standby region/m);
      expect(status()).toContain(`executing: region ${region}`);
    };
    await runs(0);
    expect(type("npx flipside ctl inject worker-throw")).toMatchObject({ code: 0 });
    await runs(1);
    expect(type("npx flipside ctl stop")).toMatchObject({ code: 0 });
    expect(await exit).toEqual([0, null]);
  });

  it("has it soaked: it comes back from what is done to it", () => {
    const told = type(`${command("npx flipside emulate")} --failovers 4 --seed 1`);
    // Beside other tests the machine may be too busy to judge all of it, which is no violation.
    expect([0, 4]).toContain(told.code);
    expect(told.out).toMatch(/everything held|not judged: the machine was too busy/);
  });

  it("has it swept: every cut of every scenario, and nothing is found", () => {
    expect(type(command("npx flipside sweep"))).toMatchObject({
      code: 0,
      out: expect.stringMatching(/\nheld\n$/),
    });
  });

  it.skipIf(!hasLlvm)(
    "builds it with clang and lld, in any mixture with gcc, and the sweep starts it",
    () => {
      for (const tools of ["CC=clang LD=ld.lld", "CC=clang", "LD=ld.lld"]) {
        expect(type(`make clean && make ${tools}`), tools).toMatchObject({ code: 0, err: "" });
        expect(type(`${command("npx flipside sweep")} --scenarios first-start`), tools).toMatchObject({
          code: 0,
          out: expect.stringMatching(/\nheld\n$/),
        });
      }
    },
  );
});
