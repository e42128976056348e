/** `flipside run --semihosting` as its user has it, and beside QEMU's: one program, the same output and exit code. */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { beforeAll, describe, expect, it } from "vitest";
import { QEMU } from "../../../scripts/conformance/qemu.ts";
import { expectQemuInCi, hasQemu } from "../../controller/support/qemu.ts";
import { GCC, hasToolchain, shell } from "../../controller/support/toolchain.ts";
import { runToEnd } from "../../run-to-end.ts";
import { scratchDirectory } from "../captured.ts";

const CLI = new URL("../../../dist/scripts/cli.bundle.cjs", import.meta.url).pathname;
const path = scratchDirectory();

/** First of all, where QEMU begins. */
const START = ".globl _start\n_start: la sp, 0x80020000\n call main\n1: j 1b\n";
const PRELUDE = `
typedef unsigned u32;
static int call(int operation, volatile void *argument) {
  register int a0 __asm__("a0") = operation;
  register volatile void *a1 __asm__("a1") = argument;
  __asm__ volatile(".option push\\n.option norvc\\n.balign 16\\nslli x0, x0, 0x1f\\nebreak\\nsrai x0, x0, 7\\n.option pop"
                   : "+r"(a0) : "r"(a1) : "memory");
  return a0;
}
#define CALL(operation, ...) ({ volatile u32 block_[] = {__VA_ARGS__}; call(operation, block_); })
static u32 length(const char *text) { u32 n = 0; while (text[n]) n++; return n; }
static void print(const char *text) { call(4, (void *)text); }
static void number(int value) {
  char text[12]; int at = 11; u32 rest = value < 0 ? -(u32)value : (u32)value;
  text[at] = 0;
  do { text[--at] = '0' + rest % 10; rest /= 10; } while (rest);
  if (value < 0) text[--at] = '-';
  print(text + at);
}
static void tell(const char *name, int value) { print(name); print(" "); number(value); print("\\n"); }
static void tellError(const char *name, int value) { tell(name, value); tell("  errno", call(0x13, 0)); }
static int open(const char *name, u32 mode) { return CALL(1, (u32)name, mode, length(name)); }
static void exit(u32 code) { CALL(0x20, 0x20026, code); for (;;); }
static char buffer[64];
`;

/** Does all on which QEMU 7.2 is as the specification has it. */
const EVERYTHING = `
int main(void) {
  call(3, "c"); print("\\n");
  int out = open(":tt", 4), error = open(":tt", 8);
  tell("out", out); tell("error", error);
  tell("write", CALL(5, out, (u32)"out\\n", 4));
  tell("write", CALL(5, error, (u32)"error\\n", 6));
  tellError("seek the console", CALL(0xa, out, 0));
  tell("no handle", CALL(5, 77, (u32)"x", 1));
  tellError("nor to close", CALL(2, 77));
  tellError("no mode", open("x", 12));
  tellError("no file", open("none", 0));
  int file = open("file", 6);
  tell("file", file);
  tell("write", CALL(5, file, (u32)"abcdef", 6)); tell("length", CALL(0xc, file)); tell("seek", CALL(0xa, file, 2));
  tell("read", CALL(6, file, (u32)buffer, 10)); print(buffer); print("\\n");
  tell("at the end", CALL(6, file, (u32)buffer, 10));
  tell("far behind", CALL(0xa, file, 100)); tell("read", CALL(6, file, (u32)buffer, 10));
  tell("terminal", CALL(9, file)); tell("close", CALL(2, file)); tellError("again", CALL(2, file));
  file = open("file", 0);
  tell("not to be written", CALL(5, file, (u32)"zz", 2));
  CALL(2, file);
  tell("rename", CALL(0xf, (u32)"file", 4, (u32)"other", 5));
  tellError("again", CALL(0xf, (u32)"file", 4, (u32)"other", 5));
  tell("remove", CALL(0xe, (u32)"other", 5)); tellError("again", CALL(0xe, (u32)"other", 5));
  int features = open(":semihosting-features", 0);
  tell("features", CALL(0xc, features)); tell("read", CALL(6, features, (u32)buffer, 8));
  for (u32 at = 0; at < 5; at++) tell("byte", buffer[at]);
  tellError("to be written", open(":semihosting-features", 4));
  tell("error", CALL(8, -3)); tell("none", CALL(8, 3));
  tell("ticks a second", call(0x31, 0));
  u32 elapsed[2] = {-1, -1}; tell("elapsed", call(0x30, elapsed)); tell("upper half", elapsed[1]);
  tell("since 2023", call(0x11, 0) > 1672531200); tell("clock", call(0x10, 0) < 1000);
  u32 heap[4] = {0}; tell("heap", CALL(0x16, (u32)heap)); for (u32 at = 0; at < 4; at++) tell(" ", heap[at] + 15 & ~15);
  volatile u32 line[] = {(u32)buffer, sizeof buffer};
  tell("words", call(0x15, line)); tell("length", line[1]); print(buffer); print("\\n");
  tellError("too long", CALL(0x15, (u32)buffer, 3));
  exit(42);
}
`;

/** Greets whoever says a name, by its words. */
const GREETING = `
int main(void) {
  print("name? ");
  int in = open(":tt", 0);
  u32 left = CALL(6, in, (u32)buffer, sizeof buffer - 1);
  print("hello "); print(buffer);
  tell("first", buffer[0]); tell("then", call(7, 0));
  exit(left == sizeof buffer - 1 ? 0 : 3);
}
`;
const SPEAKING = 'int main(void) { print("said\\n"); call(0x18, (void *)0x20023); for (;;); }';
const ASKING = 'int main(void) { CALL(0x12, (u32)"ls", 2); open("../secret", 0); exit(0); }';

function compile(name: string, source: string): string {
  writeFileSync(path("start.S"), START);
  writeFileSync(path(`${name}.c`), PRELUDE + source);
  const flags = "-O1 -ffreestanding -fno-builtin -w -Wl,-N -Wl,-Ttext=0x80000000 -Wl,--no-warn-rwx-segments";
  shell(path("."), `${GCC.join(" ")} ${flags} start.S ${name}.c -o ${name}.elf`);
  return path(`${name}.elf`);
}

function run(args: readonly string[], input = "", cwd = path(".")) {
  const options = { encoding: "latin1", input, cwd } as const;
  const { status, stdout, stderr } = runToEnd(process.execPath, [CLI, "run", ...args], options);
  return { status, stdout, stderr };
}

describe.skipIf(!hasToolchain)("flipside run --semihosting", () => {
  beforeAll(() => {
    for (const name of ["qemu", "ours"]) mkdirSync(path(name));
    for (const [name, source] of Object.entries({
      everything: EVERYTHING,
      greeting: GREETING,
      speaking: SPEAKING,
      asking: ASKING,
    }))
      compile(name, source);
  });

  it.runIf(hasQemu).each(["interpreter", "translator"])("does as QEMU, on the %s", (engine) => {
    const elf = path("everything.elf");
    const machine = ["-M", "virt", "-bios", "none", "-m", "16M", "-display", "none", "-monitor", "none"];
    const chardev = ["-serial", "none", "-chardev", `file,id=console,path=${path("said")}`];
    const config = `enable=on,target=native,chardev=console,arg=${elf},arg=one,arg=two`;
    const args = [...machine, ...chardev, "-semihosting-config", config, "-kernel", elf];
    const qemu = runToEnd(QEMU, args, { cwd: path("qemu"), timeout: 30_000, encoding: "latin1" });
    const options = ["--ram", "16M", "--semihosting", "--semihosting-dir", "ours", "--exit-code", "program"];
    const ours = run([elf, ...options, "--engine", engine, "--", "one", "two"]);
    // QEMU keeps its console apart from standard output, which :tt is.
    expect(ours.stdout.replace("out\nwrite", "write")).toBe(readFileSync(path("said"), "latin1"));
    expect([qemu.stdout, qemu.stderr]).toEqual(["out\n", "error\n"]);
    expect(ours.stderr).toMatch(/^error\nflipside: /);
    expect([ours.status, qemu.status]).toEqual([42, 42]);
    expect(readdirSync(path("ours"))).toEqual([]);
  });
  expectQemuInCi();

  it("asks before it waits, and gives what was typed and then its end", () => {
    const { status, stdout } = run([path("greeting.elf"), "--semihosting"], "you\n");
    expect([status, stdout]).toEqual([1, "name? hello you\nfirst 121\nthen -1\n"]);
  });
  it("tells a reason for an end that is no exit", () => {
    const { status, stdout, stderr } = run([path("speaking.elf"), "--semihosting"]);
    expect([status, stdout]).toEqual([1, "said\n"]);
    expect(stderr).toMatch(/^flipside: [^\n]*0x20023[^\n]*\n$/);
  });
  it("tells what is refused, and what would help", () => {
    const { status, stderr } = run([path("asking.elf"), "--semihosting"]);
    expect(status).toBe(0);
    expect(stderr).toMatch(/^flipside: [^\n]*SYS_SYSTEM[^\n]*\.\.\/secret[^\n]*--semihosting-dir[^\n]*\n$/);
  });
  it("is named by the end of a program that would need it", () => {
    const { status, stderr } = run([path("speaking.elf")]);
    expect(status).toBe(1);
    expect(stderr).toMatch(/--semihosting/);
  });
  it.each<readonly [string, readonly string[], RegExp]>([
    ["a directory without it", ["--semihosting-dir", "."], /--semihosting-dir .* add --semihosting$/m],
    ["words without it", ["--", "word"], /word .* add --semihosting$/m],
    [
      "a directory that is none",
      ["--semihosting", "--semihosting-dir", "speaking.c"],
      /it must be a directory$/m,
    ],
    [
      "one that is not there",
      ["--semihosting", "--semihosting-dir", "no"],
      /--semihosting-dir cannot be read: ENOENT/,
    ],
  ])("bad input: %s", (_, args, sentence) => {
    const { status, stderr } = run([path("speaking.elf"), ...args]);
    expect(status).toBe(2);
    expect(stderr).toMatch(sentence);
  });
});
