/** Names of addresses: the rules on small files, and all addresses of programs against addr2line. */
import { readFileSync, writeFileSync } from "node:fs";
import { beforeAll, describe, expect, it } from "vitest";
import { backtrace, ProgramCode } from "../../../controller/bare/backtrace.ts";
import { type ElfFile, parseElf } from "../../../controller/bare/elf.ts";
import { SymbolTable } from "../../../controller/bare/symbol-table.ts";
import { Symbolizer } from "../../../controller/bare/symbolizer.ts";
import { findFirmwareDir } from "../../../scripts/build-firmware.ts";
import { runToEnd } from "../../run-to-end.ts";
import { scratchDirectory } from "../../scripts/captured.ts";
import * as asm from "../support/assembler.ts";
import { type ElfSource, writeElf } from "../support/elf-writer.ts";
import { GCC, hasToolchain, shell } from "../support/toolchain.ts";

const path = scratchDirectory();

function parsed(bytes: Uint8Array): ElfFile {
  const elf = parseElf(bytes);
  if ("error" in elf) throw new Error(elf.message);
  return elf;
}

const FLASH = 0x2000_0020;
const RAM = 0x8000_0000;
const section = 0;

/** Four instructions, of which the second is a call. */
function program(symbols: NonNullable<ElfSource["symbols"]>, virtualAddress = FLASH): ElfFile {
  const code = new asm.Program().words(asm.NOP, asm.jal(1, 8), asm.NOP, asm.NOP).bytes();
  const sections = [{ type: "PROGBITS", offset: 0, bytes: code.length }] as const;
  return parsed(writeElf({ code, address: FLASH, virtualAddress, sections, symbols }));
}

function stackOf(...words: readonly number[]): Uint8Array {
  return new Uint8Array(Uint32Array.from(words).buffer);
}

const calls = (elf: ElfFile, pc: number, ...stack: readonly number[]) =>
  backtrace(new ProgramCode(elf), new Symbolizer(elf), pc, 0, stackOf(...stack)).map(({ symbol }) => symbol);

describe("names and return addresses are virtual addresses", () => {
  it("where code is linked for RAM and loaded elsewhere", () => {
    const elf = program({ copied: { value: RAM, type: "FUNC", section } }, RAM);
    expect(calls(elf, RAM + 12, FLASH + 8, RAM + 8)).toEqual(["copied+0xc", "copied+0x8"]);
  });
});

describe("a return address is named by the call before it", () => {
  it("where a call that does not return is the last that a function does", () => {
    const elf = program({
      caller: { value: FLASH, size: 8, type: "FUNC", section },
      neverCalled: { value: FLASH + 8, size: 8, type: "FUNC", section },
    });
    expect(calls(elf, FLASH + 8, FLASH + 8)).toEqual(["neverCalled", "caller+0x8"]);
  });
  it("where it is the last of all", () => {
    const code = new asm.Program().words(asm.NOP, asm.jal(1, -4)).bytes();
    const sections = [{ type: "PROGBITS", offset: 0, bytes: 8 }] as const;
    const symbols = { caller: { value: RAM, type: "FUNC", section } } as const;
    expect(calls(parsed(writeElf({ code, sections, symbols })), RAM, RAM + 8)).toEqual([
      "caller",
      "caller+0x8",
    ]);
  });
});

describe("a function names its addresses", () => {
  const size = 8;
  it.each<readonly [string, NonNullable<ElfSource["symbols"]>]>([
    ["an absolute symbol", { other: FLASH }],
    ["an absolute symbol in it", { other: FLASH + 4 }],
    ["a symbol without a type", { other: { value: FLASH, type: "NOTYPE", section } }],
    ["data", { other: { value: FLASH + 4, type: "OBJECT", section } }],
    ["a label of the compiler", { ".Lother": { value: FLASH + 4, type: "NOTYPE", section } }],
    ["a mark of where code begins", { $xrv32i2p1: { value: FLASH + 4, type: "NOTYPE", section } }],
    ["a smaller function", { other: { value: FLASH, size: 4, type: "FUNC", section } }],
    ["a symbol of its size without a type", { other: { value: FLASH, size, type: "NOTYPE", section } }],
    ["another of its size that stands behind it", {}],
  ])("before %s", (_, others) => {
    const right = { value: FLASH, size, type: "FUNC", section } as const;
    const symbols = { ...others, right, last: right };
    const table = new SymbolTable(program(symbols));
    expect([FLASH, FLASH + 6].map((address) => table.nameOf(address))).toEqual(["right", "right+0x6"]);
  });
});

/** Everything that can make two symbols dispute an address. */
const ASSEMBLER = `
  .option norelax
  .globl _start, plain, alias, sized, second, short, long, weakly, flash_end
_start:
  call plain
  call sized
label: nop
.Lhidden: nop
  .type plain, @function
plain: ret
  nop
alias:
  .type sized, @function
sized: nop
inner: nop
  ret
  .size sized, .-sized
  .type second, @function
  .set second, sized
  nop
  .type table, @object
table: .word 1, 2, 3
  .size table, 12
  .type short, @function
  .type long, @function
short:
long: nop
  nop
  nop
  nop
  .size long, 12
  .size short, 4
  .globl absolute
  .set absolute, 0x20000030
  .weak weakly
  .type weakly, @function
weakly: nop
  nop
  ret
  .section .ramcode, "ax"
  .globl copied
  .type copied, @function
copied: nop
  nop
  ret
  .size copied, .-copied
  nop
  .data
word: .word 1
`;
const SCRIPT = `
  ENTRY(_start)
  MEMORY { FLASH : ORIGIN = 0x20000000, LENGTH = 64K RAM : ORIGIN = 0x80000000, LENGTH = 64K }
  SECTIONS {
    .text 0x20000020 : { *(.text*) } > FLASH
    .ramcode : { ram_start = .; *(.ramcode) ram_end = .; } > RAM AT > FLASH
    .data : { *(.data*) } > RAM AT > FLASH
    zero = 0; text_start = ABSOLUTE(0x20000020); end = .;
  }
`;

/**
 * Function names of all addresses in the file's code.
 * addr2line keeps the last function of a section and gives it for what lies in that, so another section is asked between.
 */
function told(file: string, elf: ElfFile): [address: number, ours: string, theirs: string][] {
  const table = new SymbolTable(elf);
  const code = elf.parts.filter(({ executable }) => executable);
  const other = elf.parts.map(({ virtualAddress }) => virtualAddress);
  const asked = code.flatMap(({ virtualAddress, memoryBytes }) =>
    Array.from({ length: memoryBytes }, (_, at) => virtualAddress + at),
  );
  const elsewhere = (address: number): number =>
    other.find((start) => Math.abs(start - address) > 0x100_0000) ?? 0;
  const input = asked.flatMap((address) => [address, elsewhere(address)]).map((a) => `0x${a.toString(16)}\n`);
  const { stdout } = runToEnd("riscv64-unknown-elf-addr2line", ["-f", "-e", file], {
    input: input.join(""),
    encoding: "utf8",
  });
  const lines = stdout.split("\n");
  return asked.map((address, index) => {
    const theirs = lines[4 * index] ?? "";
    return [address, table.nameOf(address).replace(/\+0x[0-9a-f]+$/, ""), theirs === "??" ? "" : theirs];
  });
}

describe.skipIf(!hasToolchain)("every address of a program is named as addr2line names it", () => {
  beforeAll(() => {
    writeFileSync(path("program.S"), ASSEMBLER);
    writeFileSync(path("program.ld"), SCRIPT);
    shell(path("."), `${GCC.join(" ")} -Wl,--no-warn-rwx-segments -T program.ld program.S -o program.elf`);
    shell(path("."), "riscv64-unknown-elf-objcopy --only-keep-debug program.elf debug.elf");
    // With debug information addr2line names what is inlined: test/controller/bare/dwarf.
    const firmware = `${findFirmwareDir()}/images/controller-1.1.0.elf`;
    shell(path("."), `riscv64-unknown-elf-objcopy --strip-debug ${firmware} firmware.elf`);
  });

  it.each<readonly [what: string, file: string]>([
    ["functions, labels, aliases and data in code, also in RAM", "program.elf"],
    ["what objcopy --only-keep-debug leaves", "debug.elf"],
    ["the firmware", "firmware.elf"],
  ])("%s", (_, file) => {
    const names = told(path(file), parsed(readFileSync(path(file))));
    expect(names.length).toBeGreaterThan(60);
    expect(names.filter(([, ours, theirs]) => ours !== theirs)).toEqual([]);
  });
});
