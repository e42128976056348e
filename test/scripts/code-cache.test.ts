import {
  copyFileSync,
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
    for (const file of ["cli.bundle.cjs", "cli.code.cjs"]) {
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
    return readdirSync(scripts).filter((file) => !file.endsWith(".cjs"));
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
    const ofNothing = new Script(`(function () {${source}\n})`).createCachedData().length;
    const keptBytes = (): number => {
      const cache = readdirSync(controller).find((file) => file.endsWith(".cache"));
      return cache === undefined ? 0 : statSync(join(controller, cache)).size;
    };
    await vi.waitFor(() => expect(keptBytes()).toBeGreaterThan(1.5 * ofNothing), { timeout: 60_000 });
    await thread.terminate();
  });

  it("has what was compiled before the program set flags of V8, as a run of millions of instructions does", () => {
    const elf = join(root, "controller/firmware/bench/elf/xor-parity.elf");
    const args = [join(scripts, "cli.bundle.cjs"), "run", elf, "--max-instructions", "30000000"];
    expect(runToEnd(process.execPath, args).status).toBe(4);
    const source = readFileSync(join(scripts, "cli.code.cjs"), "utf8");
    const ofNothing = new Script(`(function () {${source}\n})`).createCachedData().length;
    const [cache] = caches();
    expect(statSync(join(scripts, cache as string)).size).toBeGreaterThan(1.2 * ofNothing);
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
