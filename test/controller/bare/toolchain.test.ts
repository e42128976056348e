/** ELF files as GNU ld and lld make them: what of them is the program, and where it is. */
import { readFileSync, writeFileSync } from "node:fs";
import { beforeAll, describe, expect, it } from "vitest";
import { parseElf } from "../../../controller/bare/elf.ts";
import { BareMachine } from "../../../controller/bare/run.ts";
import { scratchDirectory } from "../../scripts/captured.ts";
import { hasQemu, onFlipside, onQemu } from "../support/qemu.ts";
import { GCC, hasToolchain, shell } from "../support/toolchain.ts";

const path = scratchDirectory();

/** Passes if its initialised data, its constants and its zeros are where it was linked for. */
const PROGRAM = `
  .option norelax
  .globl _start
_start:
  la t0, initialised
  lw a1, 0(t0)
  la t0, zeros
  lw t1, 0(t0)
  add a1, a1, t1
  la t0, constant
  lw t1, 0(t0)
  add a1, a1, t1
  li a0, 0x00100000
  sw a1, 0(a0)
1: j 1b
  .section .rodata
  .balign 4
constant: .word 0x55
  .data
  .balign 4
initialised: .word 0x5500
  .bss
  .balign 4
zeros: .skip 64
`;

const program = (): Uint8Array => Uint8Array.from(readFileSync(path("program.elf")));
const compile = `${GCC.join(" ")} -c program.S -o program.o`;
const gnuLd = "riscv64-unknown-elf-ld -m elf32lriscv --no-warn-rwx-segments";
const AT = "-Ttext=0x80000000 program.o -o program.elf";

function run(file: Uint8Array) {
  const elf = parseElf(file);
  if ("error" in elf) throw new Error(elf.message);
  const machine = new BareMachine({
    ramBytes: 0x10_0000,
    clock: "virtual",
    line: { send: () => undefined, receive: () => -1 },
    nowNs: () => 0,
  });
  machine.load(elf);
  return { elf, report: machine.run(1000) };
}

describe.skipIf(!hasToolchain)("a program that was linked without a script runs", () => {
  beforeAll(() => {
    writeFileSync(path("program.S"), PROGRAM);
    shell(path("."), compile);
  });

  it.each<readonly [string, string]>([
    [
      "by gcc, whose file header lies below RAM",
      `${GCC.join(" ")} -Wl,-Ttext=0x80000000 program.S -o program.elf`,
    ],
    ["by GNU ld with a build id, a note that lies elsewhere", `${gnuLd} --build-id ${AT}`],
    ["by GNU ld in one segment", `${gnuLd} -N ${AT}`],
    ["by GNU ld, not in pages", `${gnuLd} -n ${AT}`],
    ["by lld, whose file header has a segment of its own", `ld.lld ${AT}`],
    ["by lld with a build id", `ld.lld --build-id ${AT}`],
    ["in the first page of RAM behind the file's header", `${gnuLd} ${AT.replace("80000000", "80000200")}`],
    ["and its symbols are gone", `${gnuLd} ${AT} && riscv64-unknown-elf-strip program.elf`],
    ["and it was copied by objcopy", `${gnuLd} ${AT} && riscv64-unknown-elf-objcopy program.elf`],
  ])("%s", (_, script) => {
    shell(path("."), script);
    expect(run(program()).report).toMatchObject({ exitReason: "pass" });
  });

  it.runIf(hasQemu).each([`${GCC.join(" ")} program.S -Wl,-Ttext=0x80000000 -o program.elf`, `ld.lld ${AT}`])(
    "as on QEMU: %s",
    (script) => {
      shell(path("."), script);
      expect(onFlipside(program())).toBe(onQemu(program()));
    },
  );

  it.each([gnuLd, "ld.lld"])("without section headers, too: %s", (linker) => {
    shell(path("."), `${linker} ${AT}`);
    const file = program();
    new DataView(file.buffer).setUint32(32, 0, true);
    new DataView(file.buffer).setUint32(48, 0, true);
    expect(run(file).report).toMatchObject({ exitReason: "pass" });
  });

  it("and is its sections, nothing else", () => {
    shell(path("."), `${gnuLd} ${AT}`);
    const { parts } = run(program()).elf;
    expect(parts.map(({ kind, address, memoryBytes }) => [kind, address, memoryBytes])).toEqual([
      ["section", 0x8000_0000, 48],
      ["section", 0x8000_0030, 4],
      ["section", 0x8000_1034, 4],
      ["section", 0x8000_1038, 64],
    ]);
  });

  it("unless a section of it lies where there is no RAM", () => {
    shell(path("."), `${gnuLd} -Tdata=0x10000000 ${AT}`);
    expect(() => run(program())).toThrow("a section of 4 bytes at 0x10000000 lies outside the RAM");
  });
});
