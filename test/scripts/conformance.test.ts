/** The conformance run: its cases hold on every engine, and what does not hold is found and told. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parseElf } from "../../controller/bare/elf.ts";
import { RAM_BASE } from "../../emulator/memory/map.ts";
import { type Case, caseProgram, mistakeIn } from "../../scripts/conformance/case.ts";
import { CASE_GROUPS } from "../../scripts/conformance/cases/index.ts";
import { writeElf } from "../../scripts/conformance/elf-writer.ts";
import { ENGINES, faultOf, runOnEngine } from "../../scripts/conformance/engines.ts";
import { findTests } from "../../scripts/conformance/riscv-tests.ts";
import { EXIT_FINDING, EXIT_HELD, EXIT_USAGE } from "../../scripts/exit-codes.ts";
import { UsageError } from "../../scripts/options.ts";
import * as asm from "../controller/support/assembler.ts";
import { runToEnd } from "../run-to-end.ts";

const PROGRAM = fileURLToPath(new URL("../../dist/scripts/conformance.js", import.meta.url));

function elfOf(one: Case) {
  const elf = parseElf(writeElf({ code: caseProgram(one) }));
  if ("error" in elf) throw new Error(elf.message);
  return elf;
}

describe.each(ENGINES)("on %s", (engine) => {
  it.each(CASE_GROUPS)("$name does what the manual says", ({ cases, isa }) => {
    for (const one of cases) {
      const run = runOnEngine(elfOf(one), engine, isa);
      expect(faultOf(run) ?? mistakeIn(one, run.sent), one.name).toBeUndefined();
    }
  });
});

it("what the translator is asked is translated", () => {
  const [first] = CASE_GROUPS[0]?.cases ?? [];
  if (first === undefined) throw new Error("there is no case");
  expect(runOnEngine(elfOf(first), "translator").translated).toBeGreaterThan(100);
  expect(runOnEngine(elfOf(first), "interpreter").translated).toBe(0);
});

it("no two cases of a group have one name, and each sends something", () => {
  for (const { name: group, cases } of CASE_GROUPS) {
    expect(new Set(cases.map(({ name }) => name)).size, group).toBe(cases.length);
    for (const { name, expected } of cases) expect(expected.length, name).toBeGreaterThan(0);
  }
});

describe("what a machine sent is compared word by word", () => {
  const one: Case = { name: "two words", write: () => undefined, expected: [1, -1] };
  it.each([
    ["00000001\nffffffff\n", undefined],
    ["00000001\nfffffffe\n", "word 1 is 0xfffffffe, and must be 0xffffffff"],
    ["00000001\n", "word 1 is missing, and must be 0xffffffff"],
    ["00000001\nffffffff\n00000000\n", "word 2 is 0x00000000, and must be missing"],
    ["hello\n", 'it sent "hello\\n", which are no words'],
  ])("%j", (sent, mistake) => {
    expect(mistakeIn(one, sent)).toBe(mistake);
  });
});

describe("the binaries of riscv-tests", () => {
  let folder = "";
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "flipside-conformance-"));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  const TOHOST = RAM_BASE + 0x1000;
  /** Ends by HTIF as they do. */
  function binary(name: string, tohost: number): void {
    const code = new asm.Program()
      .li(10, TOHOST)
      .li(11, tohost)
      .words(asm.store("sw", 11, 0, 10));
    const elf = writeElf({ code: code.label("end").jal(0, "end").bytes(), symbols: { tohost: TOHOST } });
    writeFileSync(join(folder, name), elf);
  }
  function conformance(directory: string, only = "M") {
    const args = [PROGRAM, "--riscv-tests", directory, "--only", only];
    const { status, stdout, stderr } = runToEnd(process.execPath, args, { encoding: "utf8" });
    return { status, stdout, stderr };
  }

  it("are those of this hart's extensions; the others are told", () => {
    for (const name of ["rv32ui-p-add", "rv32mi-p-csr", "rv32uf-p-fadd", "rv32si-p-csr", "rv32ui-v-add"])
      binary(name, 1);
    writeFileSync(join(folder, "rv32ui-p-add.dump"), "");
    const { tests, leftOut } = findTests(folder);
    expect(tests.map(({ name }) => name)).toEqual(["rv32mi-p-csr", "rv32ui-p-add"]);
    expect(tests.map(({ suite }) => suite)).toEqual(["rv32mi-p", "rv32ui-p"]);
    expect(leftOut).toEqual(["rv32si-p", "rv32uf-p"]);
  });
  it("pass by 1 in tohost; another value names the test that failed", () => {
    binary("rv32ui-p-add", 1);
    binary("rv32ui-p-sub", (3 << 1) | 1);
    const { status, stdout, stderr } = conformance(folder);
    expect(stderr).toBe("");
    expect(stdout).toMatch(/^rv32ui-p +1\/2 +1\/2 +1\/2 +–$/m);
    for (const engine of ENGINES)
      expect(stdout).toContain(`FINDING: rv32ui-p-sub on ${engine}: it failed with code 3 at pc 0x8000`);
    expect(status).toBe(EXIT_FINDING);
    rmSync(join(folder, "rv32ui-p-sub"));
    expect(conformance(folder).status).toBe(EXIT_HELD);
  });
  it("must be there, and be what their names say", () => {
    const empty = mkdtempSync(join(folder, "empty-"));
    expect(() => findTests(empty)).toThrow(UsageError);
    expect(() => findTests(join(empty, "nowhere"))).toThrow(UsageError);
    writeFileSync(join(empty, "rv32ui-p-add"), "no ELF");
    expect(() => findTests(empty)).toThrow(/rv32ui-p-add cannot be run/);
    expect(conformance(empty).status).toBe(EXIT_USAGE);
    binary("rv32ui-p-add", 1);
    expect(conformance(folder, "X")).toMatchObject({
      status: EXIT_USAGE,
      stderr: expect.stringMatching(/^flipside: --only is "X": it must be one of RV32I, M, A, C, /),
    });
  });
});
