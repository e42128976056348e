import {
  copyFileSync,
  cpSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Script } from "node:vm";
import { MessageChannel, Worker } from "node:worker_threads";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Signal } from "../../controller/translator/background.ts";
import { removeScratch, scratchDirectory } from "../../scripts/scratch.ts";
import { outputOf, runToEnd } from "../run-to-end.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));

describe("the cache of a program's code", () => {
  let directory: string;
  let scripts: string;

  beforeEach(() => {
    directory = scratchDirectory();
    scripts = join(directory, "dist/scripts");
    mkdirSync(scripts, { recursive: true });
    for (const file of ["cli.bundle.cjs", "cli.code.cjs", "cli.run.code.cjs", "cli.table.code.cjs"]) {
      copyFileSync(join(root, "dist/scripts", file), join(scripts, file));
    }
    symlinkSync(join(root, "node_modules"), join(directory, "node_modules"));
  });

  afterEach(() => removeScratch(directory));

  function help(...flags: string[]): string {
    const args = [...flags, join(scripts, "cli.bundle.cjs"), "--help"];
    return outputOf(process.execPath, args);
  }

  function caches(): string[] {
    return readdirSync(scripts).filter((file) => file.endsWith(".cache"));
  }

  it("is kept at the first start and used at the next", () => {
    const first = help();
    const [cache] = caches();
    expect(cache).toMatch(/^cli\.code\.cjs\.[0-9a-f]{16}-[0-9a-f]+\.cache$/);
    const kept = statSync(join(scripts, cache as string)).ino;
    expect(help()).toBe(first);
    expect(caches()).toEqual([cache]);
    expect(statSync(join(scripts, cache as string)).ino, "a cache that is used is not written anew").toBe(
      kept,
    );
  });

  it("is of one V8 under one set of flags", () => {
    help();
    help("--max-semi-space-size=3");
    expect(caches()).toHaveLength(2);
  });

  it.each([
    ["is empty", (whole: Buffer) => whole.subarray(0, 0)],
    ["was cut off", (whole: Buffer) => whole.subarray(0, whole.length / 2)],
    ["is of something else", () => Buffer.from("nothing that V8 knows".repeat(100))],
  ])("that %s is replaced, and the program runs the same", (_, spoil) => {
    const first = help();
    const cache = join(scripts, caches()[0] as string);
    const whole = readFileSync(cache);
    writeFileSync(cache, spoil(whole));
    expect(help()).toBe(first);
    expect(readFileSync(cache).length).toBeGreaterThan(whole.length / 2);
    expect(caches()).toHaveLength(1);
  });

  it("of the thread that translates has the translator, which it rehearses once for that", async () => {
    const controller = join(directory, "dist/controller");
    mkdirSync(controller);
    for (const file of ["translator-worker.bundle.cjs", "translator-worker.code.cjs"]) {
      copyFileSync(join(root, "dist/controller", file), join(controller, file));
    }
    const { port1: port } = new MessageChannel();
    const memory = new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true });
    const signal = new Int32Array(new SharedArrayBuffer(Signal.WORDS * 4));
    const thread = new Worker(join(controller, "translator-worker.bundle.cjs"), {
      workerData: { memory, port, signal },
      transferList: [port],
    });
    const source = readFileSync(join(controller, "translator-worker.code.cjs"), "utf8");
    const ofNothing = new Script(source).createCachedData().length;
    const keptBytes = (): number => {
      const cache = readdirSync(controller).find((file) => file.endsWith(".cache"));
      return cache === undefined ? 0 : statSync(join(controller, cache)).size;
    };
    await vi.waitFor(() => expect(keptBytes()).toBeGreaterThan(1.5 * ofNothing), { timeout: 60_000 });
    await thread.terminate();
  });

  it("has what was compiled before the program set flags of V8, though a short run has kept less before", () => {
    const elf = join(root, "controller/firmware/bench/elf/xor-parity.elf");
    const sizeAfter = (instructions: number): number => {
      const most = ["--max-instructions", String(instructions)];
      const args = [join(scripts, "cli.bundle.cjs"), "run", elf, ...most];
      expect(runToEnd(process.execPath, args).status).toBe(4);
      return Math.max(...caches().map((file) => statSync(join(scripts, file)).size));
    };
    const short = sizeAfter(10);
    const long = sizeAfter(30_000_000);
    expect(long).toBeGreaterThan(1.2 * short);
    expect([sizeAfter(10), sizeAfter(30_000_000)], "nothing is kept after that").toEqual([long, long]);
  });

  it("is of one command, and not made by what ended over its input or told its options only", () => {
    const elf = join(root, "controller/firmware/bench/elf/xor-parity.elf");
    const command = (...args: string[]): string[] => {
      runToEnd(process.execPath, [join(scripts, "cli.bundle.cjs"), ...args]);
      return caches().map((file) => /^cli\.([a-z]+)\.code/.exec(file)?.[1] ?? "none");
    };
    expect(command("table", "--no-such-option")).toEqual([]);
    expect(command("run", elf, "--max-instructions", "10")).toEqual(["run"]);
    expect(command("table", "--help")).toEqual(["run"]);
  });

  it("of the supervisor process has what its first device needed, though its threads have flags of their own", () => {
    const supervisor = join(directory, "dist/supervisor");
    cpSync(join(root, "dist"), join(directory, "dist"), {
      recursive: true,
      filter: (file) => !/[.](cache|map|d[.]ts)$/.test(file),
    });
    symlinkSync(join(root, "package.json"), join(directory, "package.json"));
    mkdirSync(join(directory, "controller"));
    symlinkSync(join(root, "controller/firmware"), join(directory, "controller/firmware"));
    outputOf(process.execPath, [join(scripts, "cli.bundle.cjs"), "emulate", "--failovers", "1"]);
    const source = readFileSync(join(supervisor, "process.code.cjs"), "utf8");
    const ofNothing = new Script(source).createCachedData().length;
    const cache = readdirSync(supervisor).find((file) => file.endsWith(".cache")) ?? "none";
    expect(statSync(join(supervisor, cache)).size).toBeGreaterThan(2 * ofNothing);
  });

  it("that cannot be kept is done without", () => {
    const first = help();
    const cache = join(scripts, caches()[0] as string);
    rmSync(cache);
    mkdirSync(join(cache, "in the way"), { recursive: true });
    expect(help()).toBe(first);
    expect(caches()).toHaveLength(1);
  });
});
