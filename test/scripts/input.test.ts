/** No command writes over what it reads, or twice over the same file: whichever way the file is named. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import {
  closeSync,
  linkSync,
  openSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { dumpCommand } from "../../scripts/dump.ts";
import { emulateCommand } from "../../scripts/emulate.ts";
import { imageCommand } from "../../scripts/image.ts";
import { requireSeparate, requireWritable, writeReport } from "../../scripts/input.ts";
import { runCommand } from "../../scripts/run.ts";
import { sweepCommand } from "../../scripts/sweep.ts";
import { tableCommand } from "../../scripts/table.ts";
import { encodeDump } from "../../supervisor/device/dump.ts";
import { outputOf } from "../run-to-end.ts";
import { dump } from "../supervisor/device/dump-fixture.ts";
import { scratchDirectory } from "./captured.ts";

const CLI = fileURLToPath(new URL("../../dist/scripts/cli.bundle.cjs", import.meta.url));
const path = scratchDirectory();
const PRECIOUS = "not to be lost";

function precious(name: string): string {
  const file = path(name);
  writeFileSync(file, PRECIOUS);
  return file;
}

type Command = (args: readonly string[]) => number | Promise<number>;

describe("refuses to write over", () => {
  const cases: readonly (readonly [what: string, command: Command, args: (file: string) => string[]])[] = [
    ["the program that runs", runCommand, (file) => [file, "--json", file]],
    [
      "the code of an image",
      imageCommand,
      (file) => ["create", file, "--version", "1.0.0", "--output", file],
    ],
    ["the key that signs", imageCommand, (file) => ["create", "x.elf", "--key", file, "--output", file]],
    ["an image that is verified", imageCommand, (file) => ["verify", file, "--json", file]],
    ["a table", tableCommand, (file) => [file, "--json", file]],
    ["a crash dump", dumpCommand, (file) => [file, "--json", file]],
    ["the symbols of a crash dump", dumpCommand, (file) => ["x.dump", "--elf", file, "--json", file]],
    ["an image of a soak", emulateCommand, (file) => ["--image-b", file, "--json", file]],
    ["an image of a sweep", sweepCommand, (file) => ["--image-a", file, "--json", file]],
    ["one report of a sweep with the other", sweepCommand, (file) => ["--json", file, "--junit", file]],
  ];
  for (const [index, [what, command, args]] of cases.entries()) {
    it(what, async () => {
      const file = precious(`input${index}`);
      await expect(async () => command(args(file))).rejects.toThrowError(
        `${file} is named twice: it is read or written once`,
      );
      expect(readFileSync(file, "utf8")).toBe(PRECIOUS);
    });
  }
});

describe("a file that is to be written", () => {
  it("is known under another name, too", () => {
    const file = precious("original");
    symlinkSync(file, path("symbolic"));
    linkSync(file, path("hard"));
    for (const other of [path("symbolic"), path("hard"), path("sub/../original"), file]) {
      expect(() => requireSeparate([other], [file])).toThrowError("is named twice");
    }
    expect(() => requireSeparate([path("new"), path("./new")], [])).toThrowError("is named twice");
  });

  it("that cannot be got at is left to whoever opens it", () => {
    symlinkSync(path("loop"), path("loop"));
    requireSeparate([path("loop")], []);
    expect(() => requireWritable(path("loop"))).toThrowError(/^the report cannot be written: ELOOP/);
  });

  it("may be a terminal or nowhere as often as one likes, and what is only read, too", () => {
    const file = precious("read");
    requireSeparate(["/dev/null", "/dev/null", undefined, path("fresh")], [file, file, undefined]);
  });
});

describe("a long file that cannot be used", () => {
  const JUDGES: readonly (readonly [what: string, args: (file: string) => string[], sentence: string])[] = [
    ["run", (file) => ["run", file], "it is no ELF file"],
    ["dump --elf", (file) => ["dump", path("elf.dump"), "--elf", file], "it is no ELF file"],
  ];
  it.each(JUDGES)("is judged by its first bytes before it is read: %s", async (_, args, sentence) => {
    writeFileSync(path("elf.dump"), encodeDump(dump));
    const fifo = path("long");
    rmSync(fifo, { force: true });
    outputOf("mkfifo", [fifo]);
    // Whoever reads on waits for ever: this end stays open.
    const writer = openSync(fifo, "r+");
    writeSync(writer, new Uint8Array(4096));
    const child = spawn(process.execPath, [CLI, ...args(fifo)], { stdio: ["ignore", "ignore", "pipe"] });
    let stderr = "";
    child.stderr.on("data", (chunk: Buffer) => (stderr += chunk));
    await once(child, "close");
    closeSync(writer);
    expect({ status: child.exitCode, stderr }).toEqual({
      status: 2,
      stderr: expect.stringContaining(sentence),
    });
  });
});

it("a report says of which kind and version it is", () => {
  const file = path("report.json");
  writeReport(file, "soak", { seed: 1 });
  expect(JSON.parse(readFileSync(file, "utf8"))).toEqual({ format: "flipside soak report 1", seed: 1 });
});
