/** `flipside run` as its user has it: the built command line, its output, its files and its exit codes. */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { RAM_BASE } from "../../emulator/memory/map.ts";
import * as asm from "../controller/support/assembler.ts";
import { writeElf } from "../controller/support/elf-writer.ts";
import { A0, A1 } from "../controller/support/machines.ts";
import { runToEnd } from "../run-to-end.ts";

const CLI = new URL("../../dist/scripts/cli.bundle.cjs", import.meta.url).pathname;
const SIGNATURE = RAM_BASE + 0x1000;

let folder = "";
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "flipside-run-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function run(...args: readonly string[]) {
  const { status, stdout, stderr } = runToEnd(process.execPath, [CLI, "run", ...args], { encoding: "utf8" });
  return { status, stdout, stderr };
}

/** Sends "hi\n", stores two words at the signature, and finishes with `finish`. */
function program(finish: number): asm.Program {
  const p = new asm.Program().li(A0, 0x1000_0000);
  for (const character of "hi\n") {
    p.words(asm.i("addi", A1, 0, character.charCodeAt(0)), asm.store("sb", A1, 0, A0));
  }
  p.li(A0, SIGNATURE)
    .li(A1, 0x1234_abcd)
    .words(asm.store("sw", A1, 0, A0), asm.store("sw", 0, 4, A0));
  return p
    .li(A0, 0x0010_0000)
    .li(A1, finish)
    .words(asm.store("sw", A1, 0, A0))
    .label("end")
    .jal(0, "end");
}

function file(name: string, content: Uint8Array): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

function elf(name: string, finish: number): string {
  const symbols = { begin_signature: SIGNATURE, end_signature: SIGNATURE + 8 };
  return file(name, writeElf({ code: program(finish).bytes(), symbols }));
}

describe("--isa says what the hart's instructions are", () => {
  const withZbb = (): string => {
    const code = new asm.Program()
      .words(asm.unary("clz", A0, A1))
      .li(A0, 0x0010_0000)
      .li(A1, 0x5555);
    return file("zbb.elf", writeElf({ code: code.words(asm.store("sw", A1, 0, A0)).bytes() }));
  };
  it("all that there are by default", () => {
    expect(run(withZbb())).toMatchObject({ status: 0, stderr: "" });
    expect(run(withZbb(), "--isa", "RV32IC_Zbb")).toMatchObject({ status: 0, stderr: "" });
  });
  it.each(["interpreter", "translator"])("what it leaves out is illegal, and is named, on %s", (engine) => {
    const { status, stderr } = run(withZbb(), "--isa", "rv32imac_zba", "--engine", engine);
    expect(status).toBe(1);
    expect(stderr).toMatch(
      /^flipside: the program trapped and has no trap handler \(mtvec is 0\): illegal instruction \(an instruction of Zbb, which this hart does not have\) at 0x80000000 \(mcause 2, mtval 0x60059513; [^)]*--isa\)\), after 0 instructions\n$/,
    );
  });
  it.each([
    ["rv32imafdc", 'the hart has no "f": it may have i, m, a, c, zba, '],
    ["rv64gc", "the hart has 32 bits, not 64"],
    ["imac", "it must be like rv32imac_zba_zbb"],
  ])("%s is refused in words", (isa, why) => {
    const { status, stderr } = run(withZbb(), "--isa", isa);
    expect(status).toBe(2);
    expect(stderr).toContain(`flipside: --isa is "${isa}": ${why}`);
  });
});

describe("a program that passes", () => {
  it("ends with 0 and its output, and nothing else is said", () => {
    expect(run(elf("pass.elf", 0x5555))).toEqual({ status: 0, stdout: "hi\n", stderr: "" });
  });
  it("leaves signature, dump and report", () => {
    const [signature, dump, report] = ["signature", "dump", "report.json"].map((name) => join(folder, name));
    const outputs = [
      "--signature",
      `${signature}`,
      "--dump",
      `${SIGNATURE}:4:${dump}`,
      "--json",
      `${report}`,
    ];
    expect(run(elf("pass.elf", 0x5555), ...outputs).status).toBe(0);
    expect(readFileSync(`${signature}`, "utf8")).toBe("1234abcd\n00000000\n");
    expect([...readFileSync(`${dump}`)]).toEqual([0xcd, 0xab, 0x34, 0x12]);
    const written = JSON.parse(readFileSync(`${report}`, "utf8"));
    expect(written).toMatchObject({ exitReason: "pass", exitCode: 0, retiredInstructions: 19 });
    expect(written.registers).toHaveLength(32);
    expect(written.registers[A1]).toBe(0x5555);
    for (const key of ["seconds", "mips", "pc"]) expect(written[key]).toBeTypeOf("number");
  });
  it.each(["interpreter", "translator"])("gives the same on the %s", (engine) => {
    expect(run(elf("pass.elf", 0x5555), "--engine", engine, "--clock", "virtual")).toMatchObject({
      status: 0,
      stdout: "hi\n",
    });
  });
});

it("--stats tells what was translated, also when that is nothing", () => {
  const { status, stdout, stderr } = run(elf("pass.elf", 0x5555), "--stats");
  expect([status, stdout]).toEqual([0, "hi\n"]);
  expect(stderr).toMatch(
    /^retired 19 instructions, 0\.00 % of them in translated code\ntranslations 0 of 0 /,
  );
});

describe("a program that does not pass ends with one sentence", () => {
  it("and 1 when it failed, with its code and place", () => {
    const { status, stdout, stderr } = run(elf("fail.elf", 0x0007_3333));
    expect([status, stdout]).toEqual([1, "hi\n"]);
    expect(stderr).toBe("flipside: the program failed with code 7, at pc 0x8000004c after 19 instructions\n");
  });
  it("and 4 at its limit, and what it said until then is said", () => {
    const { status, stdout, stderr } = run(elf("fail.elf", 0x3333), "--max-instructions", "4");
    expect([status, stdout]).toEqual([4, "h"]);
    expect(stderr).toMatch(/^flipside: the program was stopped at pc 0x80000010 after 4 instructions.*\n$/);
  });
});

describe("bad input ends with 2 and one sentence, and runs nothing", () => {
  const clean = writeElf({ code: new asm.Program().words(asm.NOP).bytes() });
  it.each<readonly [string, () => readonly string[], RegExp]>([
    ["no file", () => [], /there is no ELF file to run/],
    ["two files", () => ["a", "b"], /one argument too many: b/],
    ["a file that is not there", () => [join(folder, "none")], /the ELF file cannot be read: .*none/],
    ["a file without an end", () => ["/dev/zero"], /\/dev\/zero cannot be run: it is no ELF file/],
    ["a folder", () => [folder], /is a directory, not a file/],
    ["an empty file", () => [file("empty", new Uint8Array(0))], /it is no ELF file/],
    ["half a file", () => [file("half", clean.subarray(0, 60))], /cannot be run: its 1 program headers/],
    [
      "an odd entry",
      () => [file("odd", writeElf({ code: new Uint8Array(4), entry: RAM_BASE + 1 }))],
      /odd cannot be run: its entry 0x80000001 is odd/,
    ],
    [
      "an entry outside RAM",
      () => [file("far", writeElf({ code: new Uint8Array(4), entry: 0x2000_0000 }))],
      /far cannot be run: its entry 0x20000000 lies outside the RAM from 0x80000000 to 0x88000000/,
    ],
    [
      "an entry behind RAM",
      () => [file("behind", writeElf({ code: new Uint8Array(4), entry: RAM_BASE + 65_536 })), "--ram", "64K"],
      /its entry 0x80010000 lies outside the RAM/,
    ],
    ["an unknown option", () => ["--fast", "a"], /--fast/],
    ["a limit of 0", () => ["--max-instructions", "0", "a"], /--max-instructions is "0"/],
    ["too little RAM", () => [elf("a", 0), "--ram", "1K"], /--ram is "1K"/],
    ["RAM that is no multiple of a page", () => [elf("a", 0), "--ram", "65537"], /multiple of 4096/],
    [
      "a program larger than RAM",
      () => [file("large", writeElf({ code: new Uint8Array(4), memoryBytes: 65_537 })), "--ram", "64K"],
      /a segment of 65537 bytes at 0x80000000 lies outside the RAM/,
    ],
    ["an unknown clock", () => [elf("a", 0), "--clock", "sun"], /--clock is "sun"/],
    ["an unknown engine", () => [elf("a", 0), "--engine", "steam"], /steam/],
    ["half a dump", () => [elf("a", 0), "--dump", "1:2"], /ADDRESS:LENGTH:FILE/],
    ["a dump outside RAM", () => [elf("a", 0), "--dump", "0:4:x"], /the dump of 4 bytes at 0x00000000 lies/],
    ["a signature that is not there", () => [file("n", clean), "--signature", "s"], /begin_signature/],
    [
      "an unwritable report",
      () => [elf("p", 0x5555), "--json", join(folder, "no", "r")],
      /cannot be written/,
    ],
  ])("%s", (_, args, sentence) => {
    const { status, stderr } = run(...args());
    expect(status).toBe(2);
    expect(stderr).toMatch(sentence);
    expect(stderr).toMatch(/^flipside: [^\n]*\n$/);
  });
  it.each<readonly [string, string]>([
    ["--json", "the report"],
    ["--signature", "the signature"],
    ["--dump", "the dump"],
  ])("an unwritable %s, before the program says a word", (option, what) => {
    const unwritable = join(folder, "no", "file");
    const value = option === "--dump" ? `${SIGNATURE}:4:${unwritable}` : unwritable;
    const { status, stdout, stderr } = run(elf("p", 0x5555), option, value);
    expect([status, stdout]).toEqual([2, ""]);
    expect(stderr).toMatch(new RegExp(`^flipside: ${what} cannot be written: ENOENT[^\\n]*\\n$`));
  });
  it("a file that is named twice: the program itself, or two outputs", () => {
    const program = elf("twice.elf", 0x5555);
    const dump = `${SIGNATURE}:4:${join(folder, "twice.bin")}`;
    for (const args of [
      ["--json", program],
      ["--dump", dump, "--dump", dump],
    ]) {
      const { status, stderr } = run(program, ...args);
      expect(status).toBe(2);
      expect(stderr).toMatch(/^flipside: [^\n]* is named twice: it is read or written once\n$/);
    }
    expect(run(program).status).toBe(0);
  });
  it("an output that could have been written is not left empty where another cannot", () => {
    const dump = join(folder, "never-written.bin");
    const json = join(folder, "no", "report");
    const { status } = run(elf("p", 0x5555), "--dump", `${SIGNATURE}:4:${dump}`, "--json", json);
    expect([status, existsSync(dump)]).toEqual([2, false]);
  });
  it("what a file held that would have been written stays", () => {
    const json = file("earlier.json", new TextEncoder().encode("earlier"));
    expect(run(elf("p", 0x5555), "--json", json, "--dump", `0:4:${json}`).status).toBe(2);
    expect(run(elf("p", 0x5555), "--json", json, "--signature", join(folder, "no", "s")).status).toBe(2);
    expect(readFileSync(json, "utf8")).toBe("earlier");
  });
  it("leaves no files behind", () => {
    const dump = join(folder, "unwritten");
    run(elf("a", 0), "--signature", join(folder, "none", "s"), "--dump", `0:4:${dump}`);
    expect(existsSync(dump)).toBe(false);
  });
});

it("--help tells every option", () => {
  const { status, stdout } = run("--help");
  expect(status).toBe(0);
  for (const option of [
    "--max-instructions",
    "--ram",
    "--clock",
    "--stats",
    "--signature",
    "--dump",
    "--json",
  ]) {
    expect(stdout).toContain(option);
  }
});

it("512 MiB of RAM are there to the last byte", () => {
  const last = RAM_BASE + 512 * 1024 * 1024 - 4;
  const code = new asm.Program()
    .li(A0, last)
    .words(asm.store("sw", A0, 0, A0))
    .li(A0, 0x0010_0000)
    .li(A1, 0x5555)
    .words(asm.store("sw", A1, 0, A0));
  const dump = join(folder, "last");
  const path = file("large-ram.elf", writeElf({ code: code.bytes() }));
  expect(run(path, "--ram", "512M", "--dump", `${last}:4:${dump}`).status).toBe(0);
  expect(readFileSync(dump).readUInt32LE()).toBe(last);
});

it("writes as many dumps as are asked for", () => {
  const files = ["first.bin", "second.bin"].map((name) => join(folder, name));
  const dumps = files.flatMap((path, i) => ["--dump", `${SIGNATURE + 4 * i}:${4 * (i + 1)}:${path}`]);
  expect(run(elf("dumps.elf", 0x5555), ...dumps).status).toBe(0);
  expect(files.map((path) => readFileSync(path).length)).toEqual([4, 8]);
});

describe("output that cannot be written", () => {
  /** Runs with standard output at `sink`, a reader or a file of the shell's. */
  function piped(sink: string, ...args: readonly string[]) {
    const script = `{ "$0" "$@"; echo "status $?" >&2; } ${sink}`;
    const words = ["-c", script, process.execPath, CLI, "run", ...args];
    return runToEnd("bash", words, { encoding: "utf8", timeout: 20_000 }).stderr;
  }
  /** Says "hi" for ever. */
  function endless(): string {
    const p = new asm.Program().li(A0, 0x1000_0000).label("again");
    for (const character of "hi\n") {
      p.words(asm.i("addi", A1, 0, character.charCodeAt(0)), asm.store("sb", A1, 0, A0));
    }
    return file("endless.elf", writeElf({ code: p.jal(0, "again").bytes() }));
  }

  it.each(["interpreter", "translator"])("ends an endless program with its reader: %s", (engine) => {
    const said = piped("| head -n 1 > /dev/null", endless(), "--engine", engine);
    expect(said).toBe("flipside: the reader of the output went away before the command was done\nstatus 4\n");
  });
  it("does not keep one with a limit from its end and its report", () => {
    const json = join(folder, "unread.json");
    const limit = ["--max-instructions", "300000", "--json", json];
    expect(piped("| true", endless(), ...limit)).toMatch(
      /^flipside: the program was stopped at [^\n]*\nstatus 4\n$/,
    );
    expect(JSON.parse(readFileSync(json, "utf8"))).toMatchObject({ exitReason: "max-instructions" });
  });
  it("is told in one sentence, and is no success, when the disk is full", () => {
    expect(piped("> /dev/full", elf("pass.elf", 0x5555))).toMatch(
      /^flipside: standard output cannot be written: ENOSPC[^\n]*\nstatus 3\n$/,
    );
  });
  it.each<readonly [string, readonly string[]]>([
    ["the report", ["--json", "/dev/full"]],
    ["the signature", ["--signature", "/dev/full"]],
    ["the dump", ["--dump", `${SIGNATURE}:4:/dev/full`]],
  ])("%s on a full disk is told in one sentence", (what, args) => {
    const { status, stdout, stderr } = run(elf("pass.elf", 0x5555), ...args);
    expect([status, stdout]).toEqual([3, "hi\n"]);
    expect(stderr).toMatch(new RegExp(`^flipside: ${what} cannot be written: ENOSPC[^\\n]*\\n$`));
  });
});
