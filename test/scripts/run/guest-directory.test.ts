/** `--semihosting-dir`: what a program that nobody vouches for can do to it, and that it can do nothing elsewhere. */
import {
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import fc from "fast-check";
import { beforeEach, describe, expect, it } from "vitest";
import { Errno, type OpenMode, type Stream } from "../../../controller/bare/semihosting-streams.ts";
import { type DirectoryLimits, GuestDirectory } from "../../../scripts/run/guest-directory.ts";
import { outputOf } from "../../run-to-end.ts";
import { scratchDirectory } from "../captured.ts";

const path = scratchDirectory();
const MODES: readonly OpenMode[] = ["r", "r+", "w", "w+", "a", "a+"];
const [ENOTDIR, ENAMETOOLONG] = [20, 36];

let directory: GuestDirectory;

function limited(limits: Partial<DirectoryLimits>): GuestDirectory {
  return new GuestDirectory(path("dir"), {
    fileBytes: 1000,
    grownBytes: 1000,
    madeFiles: 100,
    ...limits,
  });
}

beforeEach(() => {
  for (const name of ["dir", "outside"]) {
    rmSync(path(name), { recursive: true, force: true });
    mkdirSync(path(name));
  }
  writeFileSync(path("outside/secret"), "secret");
  writeFileSync(path("dir/file"), "0123456789");
  mkdirSync(path("dir/sub"));
  writeFileSync(path("dir/sub/inner"), "inner");
  directory = limited({});
});

function opens(name: string, mode: OpenMode, from = directory): Stream {
  const stream = from.open(name, mode);
  if (typeof stream === "number") throw new Error(`${name} is refused with ${stream}`);
  return stream;
}

function readAll(stream: Stream, byteCount = 100): string {
  const into = new Uint8Array(byteCount);
  const count = stream.read(into);
  return count < 0 ? `error ${-count}` : Buffer.from(into.subarray(0, count)).toString();
}

const write = (stream: Stream, text: string): number => stream.write(Buffer.from(text));
const content = (name: string): string => readFileSync(path(name), "utf8");

describe("a file", () => {
  it("is read and written from where its position is", () => {
    const stream = opens("file", "r+");
    expect(readAll(stream, 4)).toBe("0123");
    expect(write(stream, "xy")).toBe(2);
    expect(stream.seek(8)).toBe(0);
    expect([readAll(stream), readAll(stream)]).toEqual(["89", ""]);
    expect(stream.length()).toBe(10);
    stream.close();
    expect(content("dir/file")).toBe("0123xy6789");
  });
  it("is as fopen's modes have it", () => {
    const effect = (mode: OpenMode): string => {
      writeFileSync(path("dir/file"), "abc");
      const stream = opens("file", mode);
      const read = readAll(stream);
      stream.seek(1);
      const written = write(stream, "XY");
      stream.close();
      return `${read}|${written}|${content("dir/file")}`;
    };
    expect(MODES.map(effect)).toEqual([
      `abc|${-Errno.EBADF}|abc`,
      "abc|2|aXY",
      "error 9|2|\0XY",
      "|2|\0XY",
      "error 9|2|abcXY",
      "abc|2|abcXY",
    ]);
  });
  it("that is not there is made where it is written, and only there", () => {
    expect(MODES.map((mode) => typeof directory.open(`new ${mode}`, mode))).toEqual([
      "number",
      "number",
      "object",
      "object",
      "object",
      "object",
    ]);
    expect(directory.open("new r", "r")).toBe(-Errno.ENOENT);
    expect(directory.open("none/file", "w")).toBe(-Errno.ENOENT);
    expect(directory.open("file/file", "w")).toBe(-Errno.EACCES);
  });
  it("is removed and renamed, also over another", () => {
    expect(directory.rename("file", "sub/inner")).toBe(0);
    expect([existsSync(path("dir/file")), content("dir/sub/inner")]).toEqual([false, "0123456789"]);
    expect(directory.remove("sub/inner")).toBe(0);
    expect(directory.remove("sub/inner")).toBe(-Errno.ENOENT);
    expect(directory.rename("sub/inner", "file")).toBe(-Errno.ENOENT);
  });
  it("takes a descriptor until it is closed", () => {
    const before = readdirSync("/proc/self/fd").length;
    const stream = opens("file", "r");
    expect(readdirSync("/proc/self/fd")).toHaveLength(before + 1);
    expect(stream.close()).toBe(0);
    expect(readdirSync("/proc/self/fd")).toHaveLength(before);
  });
});

describe("nothing leads out of the directory:", () => {
  /** What a name gives to each thing that can be done with it. */
  function results(name: string): number[] {
    const streams = MODES.map((mode) => directory.open(name, mode));
    const numbers = [
      ...streams,
      directory.remove(name),
      directory.rename(name, "x"),
      directory.rename("file", name),
    ];
    return numbers.map((result) => (typeof result === "number" ? result : 0));
  }
  const refused = (name: string): void => {
    expect(
      results(name).every((result) => result < 0),
      name,
    ).toBe(true);
    expect(content("outside/secret")).toBe("secret");
    expect(readdirSync(path("outside"))).toEqual(["secret"]);
    expect(content("dir/file")).toBe("0123456789");
  };

  it("no step is ..", () => {
    for (const name of [
      "../outside/secret",
      "sub/../../outside/secret",
      "..",
      "sub/..",
      "sub/../file",
      "../outside/new",
    ])
      refused(name);
  });
  it("no path is absolute", () => {
    for (const name of [path("outside/secret"), "/", "//etc/passwd", "/file", path("dir/file")])
      refused(name);
  });
  it("no symbolic link is followed, to a file, a directory or nothing, and none is moved or removed", () => {
    const links = { file: "../outside/secret", folder: "../outside", none: "../outside/new", own: "file" };
    for (const [name, target] of Object.entries(links)) symlinkSync(target, path(`dir/link-${name}`));
    for (const name of [
      "link-file",
      "link-none",
      "link-own",
      "link-folder",
      "link-folder/secret",
      "link-folder/new",
    ])
      refused(name);
    for (const [name, target] of Object.entries(links))
      expect(readlinkSync(path(`dir/link-${name}`))).toBe(target);
  });
  it("a directory, a pipe and the directory itself are no files", () => {
    outputOf("mkfifo", [path("dir/pipe")]);
    for (const name of ["sub", "pipe", ".", "", "./", "sub/"]) refused(name);
    expect(readdirSync(path("dir")).sort()).toEqual(["file", "pipe", "sub"]);
  });
  it("a name with a byte of 0 is none, nor one that is too long", () => {
    for (const name of ["file\0", "\0"]) refused(name);
    expect(directory.open("x".repeat(300), "w")).toBe(-ENAMETOOLONG);
    expect([-ENOTDIR, -Errno.EACCES]).toContain(directory.open("file/x", "r"));
  });
  it("whatever a name is made of", () => {
    symlinkSync("../outside", path("dir/link"));
    linkSync(path("dir/sub/inner"), path("dir/second"));
    const step = fc.constantFrom(
      "..",
      ".",
      "",
      "sub",
      "link",
      "outside",
      "secret",
      "file",
      "new",
      "a b",
      "\n",
    );
    fc.assert(
      fc.property(
        fc.array(step, { maxLength: 5 }),
        fc.boolean(),
        fc.constantFrom(...MODES),
        (steps, isRooted, mode) => {
          const name = `${isRooted ? "/" : ""}${steps.join("/")}`;
          const stream = directory.open(name, mode);
          if (typeof stream !== "number") {
            write(stream, "x");
            stream.close();
          }
          directory.rename(name, "sub/moved");
          directory.remove(name);
          expect(content("outside/secret")).toBe("secret");
          expect(readdirSync(path("outside"))).toEqual(["secret"]);
          expect(readdirSync(path("."))).toEqual(["dir", "outside"]);
        },
      ),
      { numRuns: 300 },
    );
  });
});

describe("what may be taken has a bound:", () => {
  it("the length of a file, also where it would begin far behind its end", () => {
    const stream = opens("file", "r+");
    stream.seek(999);
    expect([write(stream, "ab"), write(stream, "a")]).toEqual([-Errno.EFBIG, 1]);
    stream.seek(2 ** 32 - 1);
    expect(write(stream, "a")).toBe(-Errno.EFBIG);
    expect(stream.length()).toBe(1000);
  });
  it("the growth of all files together, which removing does not give back", () => {
    const small = limited({ grownBytes: 10 });
    expect(write(opens("one", "w", small), "123456")).toBe(6);
    small.remove("one");
    const two = opens("two", "w", small);
    expect([write(two, "12345"), write(two, "1234")]).toEqual([-Errno.ENOSPC, 4]);
    two.seek(0);
    expect(write(two, "over")).toBe(4);
  });
  it("also by what is appended", () => {
    const small = limited({ grownBytes: 10 });
    const stream = opens("file", "a", small);
    expect([write(stream, "123456"), write(stream, "12345")]).toEqual([6, -Errno.ENOSPC]);
  });
  it("the files that are made", () => {
    const few = limited({ madeFiles: 2 });
    expect([0, 1, 2].map((each) => typeof few.open(`f${each}`, "w"))).toEqual(["object", "object", "number"]);
    expect(few.open("f2", "w")).toBe(-Errno.ENOSPC);
    expect(typeof few.open("f1", "w")).toBe("object");
  });
});
