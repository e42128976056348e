/** `flipside run` as a board with somebody at its UART: what is typed, and how a program ends; beside QEMU. */
import { spawn } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { beforeAll, describe, expect, it } from "vitest";
import { writeElf } from "../../scripts/conformance/elf-writer.ts";
import { QEMU } from "../../scripts/conformance/qemu.ts";
import * as asm from "../controller/support/assembler.ts";
import { guestProgram } from "../controller/support/guest.ts";
import { A0, A1 } from "../controller/support/machines.ts";
import { expectQemuInCi, hasQemu } from "../controller/support/qemu.ts";
import { hasToolchain } from "../controller/support/toolchain.ts";
import { runToEnd } from "../run-to-end.ts";
import { scratchDirectory } from "./captured.ts";

const CLI = new URL("../../dist/scripts/cli.bundle.cjs", import.meta.url).pathname;
const path = scratchDirectory();

/**
 * Both answer each character in brackets, up to a q. The second takes interrupts behind its wfi only: one that is taken
 * between the look at `last` and the wfi is served before it, and then the wfi waits for ever, on QEMU as here.
 */
const POLLING = `void guest(void) {
  for (const char *said = "ready> "; *said; said++) { while (!(R8(UART + 5) & 0x20)); send(*said); }
  for (int character = 0; character != 'q';) {
    while (!(R8(UART + 5) & 1));
    character = R8(UART);
    send('<'); send(character); send('>');
  }
}`;
const INTERRUPTED = `static volatile int last;
static void service(u32 cause) {
  u32 source = CLAIM;
  if (source == 10 && (R8(UART + 2) & 15) == 4) {
    last = R8(UART);
    send('<'); send(last); send('>');
  }
  CLAIM = source;
}
void guest(void) {
  for (const char *said = "ready> "; *said; said++) send(*said);
  handle = service;
  PRIORITY(10) = 1; ENABLE(0) = 1 << 10; R8(UART + 1) = 1;
  CSRW(mie, 0x800);
  while (last != 'q') { asm volatile("wfi"); CSRW(mstatus, 8); CSRW(mstatus, 0); }
}`;

function command(name: string, ...args: readonly string[]): [string, string[]] {
  return [process.execPath, [CLI, "run", path(name), ...args]];
}

function run(name: string, input: string, ...args: readonly string[]) {
  const { status, stdout, stderr } = runToEnd(...command(name, ...args), { input, encoding: "latin1" });
  return { status, stdout, stderr };
}

/** Standard input is a file. */
function runWithFile(name: string, input: string, ...args: readonly string[]) {
  writeFileSync(path("typed"), input, "latin1");
  const line = `${quoted(command(name, ...args))} < '${path("typed")}'`;
  const { status, stdout } = runToEnd("sh", ["-c", line], { encoding: "latin1" });
  return { status, stdout };
}

function onQemu(name: string, input: string) {
  const machine = ["-M", "virt", "-bios", "none", "-cpu", "rv32,f=false,d=false", "-display", "none"];
  const serial = ["-chardev", "stdio,id=uart,signal=off", "-serial", "chardev:uart", "-monitor", "none"];
  const args = [...machine, ...serial, "-kernel", path(name)];
  const { status, stdout } = runToEnd(QEMU, args, { input, encoding: "latin1" });
  return { status, stdout };
}

/** A process that talks with somebody. */
class Talk {
  readonly #child;
  readonly end: Promise<number | null>;
  #said = "";
  #look: () => void = () => undefined;

  constructor(file: string, args: readonly string[]) {
    this.#child = spawn(file, args);
    this.#child.stdout.setEncoding("latin1").on("data", (text: string) => {
      this.#said += text;
      this.#look();
    });
    this.end = new Promise((resolve) => this.#child.once("close", resolve));
  }

  /** Ends once it has said this, in whatever pieces. */
  async hear(text: string): Promise<void> {
    const heard = new Promise<void>((resolve) => {
      this.#look = () => {
        const at = this.#said.indexOf(text);
        if (at < 0) return;
        this.#said = this.#said.slice(at + text.length);
        this.#look = () => undefined;
        resolve();
      };
      this.#look();
    });
    const silent = this.end.then(() => {
      throw new Error(`it ended, and said ${JSON.stringify(this.#said)}, not ${JSON.stringify(text)}`);
    });
    await Promise.race([heard, silent]);
  }

  type(text: string): void {
    this.#child.stdin.write(text);
  }
}

/** The command line at a terminal. */
function atTerminal(line: string): Talk {
  return new Talk("script", ["-qfec", line, "/dev/null"]);
}

function quoted([file, args]: [string, string[]]): string {
  return [file, ...args].map((word) => `'${word}'`).join(" ");
}

describe.skipIf(!hasToolchain)("what is typed", () => {
  beforeAll(() => {
    writeFileSync(path("polling"), guestProgram(POLLING));
    writeFileSync(path("interrupted"), guestProgram(INTERRUPTED));
  });

  describe.each(["polling", "interrupted"])("reaches a program that is %s:", (name) => {
    expectQemuInCi();
    const answered = { status: 0, stdout: "ready> <a><\u00ff><\u0000><q>" };
    it("by a pipe, also before the program listens", () => {
      expect(run(name, "a\u00ff\u0000q")).toEqual({ ...answered, stderr: "" });
    });
    it("by a file", () => {
      expect(runWithFile(name, "a\u00ff\u0000q", "--clock", "virtual")).toEqual(answered);
    });
    it("in more than one piece", () => {
      const long = "abcdefghij".repeat(20_000);
      const brackets = [...long].map((character) => `<${character}>`).join("");
      expect(run(name, `${long}q`).stdout).toBe(`ready> ${brackets}<q>`);
    });
    it.runIf(hasQemu)("as on QEMU", () => {
      expect(onQemu(name, "abcq")).toEqual({ status: 0, stdout: "ready> <a><b><c><q>" });
      expect(run(name, "abcq")).toMatchObject({ status: 0, stdout: "ready> <a><b><c><q>" });
    });
    it("by a terminal, at once and without an echo, which is then as it was", async () => {
      const line = `${quoted(command(name))}; echo "ended $?"; stty -a | grep -o -e '-*icanon'`;
      const talk = atTerminal(line);
      await talk.hear("ready> ");
      talk.type("a");
      await talk.hear("<a>");
      talk.type("q");
      await talk.hear("<q>ended 0\r\nicanon");
      await talk.end;
    });
  });

  it("wakes a hart that waits, which sleeps until then", async () => {
    const talk = new Talk(...command("interrupted", "--json", path("report")));
    await talk.hear("ready> ");
    talk.type("a");
    await talk.hear("<a>");
    talk.type("q");
    expect(await talk.end).toBe(0);
    // While it waited nothing retired.
    const { retiredInstructions } = JSON.parse(readFileSync(path("report"), "utf8"));
    expect(retiredInstructions).toBeLessThan(1000);
  });

  it("ends the run by Ctrl-C", async () => {
    const talk = atTerminal(quoted(command("interrupted")));
    await talk.hear("ready> ");
    talk.type("\u0003");
    // The shell's code for SIGINT.
    expect(await talk.end).toBe(130);
  });

  it("may end, and a program that waits for more by an interrupt is told that it waits for nothing", () => {
    const { status, stdout, stderr } = run("interrupted", "a");
    expect([status, stdout]).toEqual([1, "ready> <a>"]);
    expect(stderr).toMatch(/^flipside: the program waits for an interrupt that cannot come, at /);
  });

  it("may end, and a program that asks for more goes on", () => {
    const limit = ["--max-instructions", "1000000"];
    expect(runWithFile("polling", "a", ...limit)).toEqual({ status: 4, stdout: "ready> <a>" });
  });
});

describe("--exit-code program", () => {
  expectQemuInCi();
  function failing(code: number): string {
    const finish = new asm.Program()
      .li(A0, 0x0010_0000)
      .li(A1, (code << 16) | 0x3333)
      .words(asm.store("sw", A1, 0, A0), asm.jal(0, 0));
    const name = `failing-${code}`;
    writeFileSync(path(name), writeElf({ code: finish.bytes() }));
    return name;
  }
  it.runIf(hasQemu).each([0, 1, 7, 255, 256, 0x107, 0xffff])(
    "gives what QEMU gives for the code %i",
    (code) => {
      const name = failing(code);
      expect(run(name, "", "--exit-code", "program").status).toBe(onQemu(name, "").status);
      expect(run(name, "").status).toBe(1);
    },
  );
  it("says nothing of a program that was stopped", () => {
    expect(run(failing(7), "", "--exit-code", "program", "--max-instructions", "1").status).toBe(4);
  });
  it("is one of two", () => {
    const { status, stderr } = run(failing(7), "", "--exit-code", "mine");
    expect(status).toBe(2);
    expect(stderr).toBe('flipside: --exit-code is "mine": it must be flipside or program\n');
  });
});
