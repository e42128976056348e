/** What `flipside run` says at a program's end: what was wrong, where, and what to do. */
import { readFileSync, writeFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { parseElf } from "../../../controller/bare/elf.ts";
import { BareMachine } from "../../../controller/bare/run.ts";
import { Symbolizer } from "../../../controller/bare/symbolizer.ts";
import { ALL_EXTENSIONS, CONTROLLER_EXTENSIONS, Extension } from "../../../controller/cpu/isa.ts";
import { RAM_BASE } from "../../../emulator/memory/map.ts";
import { endSentences } from "../../../scripts/run/end-sentences.ts";
import * as asm from "../../controller/support/assembler.ts";
import { writeElf } from "../../controller/support/elf-writer.ts";
import { A0, A1, withHandler } from "../../controller/support/machines.ts";
import { GCC, hasToolchain, shell } from "../../controller/support/toolchain.ts";
import { scratchDirectory } from "../captured.ts";

const path = scratchDirectory();
const RAM_BYTES = 65_536;
const SP = 2;
/** fadd.s f0, f0, f0 */
const FADD_S = 0x53;
const SEMIHOSTING = [0x01f0_1013, 0x0010_0073, 0x4070_5013];

function saidOf(file: Uint8Array, maxInstructions = 100_000, extensions = ALL_EXTENSIONS): string[] {
  const elf = parseElf(file);
  if ("error" in elf) throw new Error(elf.message);
  const bare = new BareMachine({
    ramBytes: RAM_BYTES,
    clock: "virtual",
    extensions,
    line: { send: () => undefined, receive: () => -1 },
    nowNs: () => 0,
  });
  bare.load(elf);
  return endSentences(bare.run(maxInstructions), new Symbolizer(elf), RAM_BYTES);
}

function said(program: asm.Program, symbols: Readonly<Record<string, number>> = {}): string[] {
  return saidOf(writeElf({ code: program.bytes(), symbols }));
}

const PMP = { READ: 1, EXECUTE: 4, NAPOT: 3 << 3, LOCK: 1 << 7 };
const [PMPCFG0, PMPADDR0] = [0x3a0, 0x3b0];

/** All addresses have these rights alone; a0 is where RAM begins. */
function locked(rights: number): asm.Program {
  return new asm.Program()
    .words(asm.i("addi", A0, 0, -1), asm.csr("csrrw", 0, PMPADDR0, A0))
    .words(asm.i("addi", A1, 0, PMP.LOCK | PMP.NAPOT | rights), asm.lui(A0, RAM_BASE), asm.NOP)
    .words(asm.csr("csrrw", 0, PMPCFG0, A1));
}

const finish = (value: number): asm.Program =>
  new asm.Program()
    .li(A0, 0x0010_0000)
    .li(A1, value)
    .words(asm.store("sw", A1, 0, A0), asm.NOP);

describe("the end of a program that", () => {
  it("passes says nothing", () => {
    expect(said(finish(0x5555))).toEqual([]);
  });
  it("fails says its code", () => {
    expect(said(finish(0x0007_3333))).toEqual([
      "the program failed with code 7, at pc 0x80000014 after 5 instructions",
    ]);
  });
  it("goes on names the option of its limit", () => {
    expect(said(new asm.Program().label("end").jal(0, "end"))).toEqual([
      "the program was stopped at pc 0x80000000 after 100000 instructions: that is the limit of --max-instructions",
    ]);
  });
  it("waits in vain says what it has enabled, and how a program ends", () => {
    expect(said(new asm.Program().words(asm.WFI))).toEqual([
      "the program waits for an interrupt that cannot come, at pc 0x80000004 after 1 instruction: mie enables none; " +
        "a program ends by storing 0x5555 to the finisher, 0x00100000",
    ]);
    const program = new asm.Program().words(
      asm.i("addi", A0, 0, 0x88),
      asm.csr("csrrw", 0, asm.MIE, A0),
      asm.WFI,
    );
    expect(said(program)[0]).toMatch(/: mie enables software and timer, and no device is to raise that$/);
  });
  it("traps without a handler says so", () => {
    expect(said(new asm.Program().words(asm.NOP, asm.ILLEGAL))).toEqual([
      "the program trapped and has no trap handler (mtvec is 0): illegal instruction at 0x80000004 " +
        "(mcause 2, mtval 0x0; 0 is no instruction: it left its code), after 1 instruction",
    ]);
  });
  it("needs C is told so, by its instruction or by where it jumps to", () => {
    const endOf = (program: asm.Program): string[] =>
      saidOf(writeElf({ code: program.bytes() }), 1000, CONTROLLER_EXTENSIONS & ~Extension.C);
    expect(endOf(new asm.Program().parcels(0x0001, 0x0001))[0]).toContain(
      "illegal instruction (an instruction of C, which this hart does not have) at 0x80000000 (mcause 2, mtval 0x1; compile for",
    );
    expect(endOf(new asm.Program().words(asm.NOP, asm.jal(0, 6), asm.NOP))[0]).toContain(
      "instruction address misaligned at 0x80000004 (mcause 0, mtval 0x8000000a; the hart has no C: instructions lie at",
    );
  });
  it("traps in its handler says by what, and what the handler was entered for", () => {
    const atOnce = withHandler()
      .words(asm.EBREAK)
      .align(4)
      .label("handler")
      .words(asm.load("lw", A0, 8, 0));
    expect(said(atOnce)).toEqual([
      "the program traps in its own trap handler for ever: load access fault at 0x80000010 (mcause 5, mtval 0x8; sp is 0x00000000: " +
        "the stack has left RAM, or was never set up; RAM is from 0x80000000 to 0x80010000); " +
        "it was entered for breakpoint at 0x8000000c (mcause 3, mtval 0x8000000c), after 3 instructions",
    ]);
    const later = withHandler()
      .words(asm.ECALL)
      .align(4)
      .label("handler")
      .words(asm.NOP, asm.load("lw", A0, 8, 0));
    expect(said(later)).toEqual([
      "the program traps in its own trap handler for ever: load access fault at 0x80000014 (mcause 5, mtval 0x8; sp is 0x00000000: " +
        "the stack has left RAM, or was never set up; RAM is from 0x80000000 to 0x80010000); " +
        "it was entered for environment call at 0x8000000c, after 1003 instructions",
    ]);
  });
  it("traps at one place for ever says that alone", () => {
    const program = withHandler()
      .jal(0, "fault")
      .align(4)
      .label("handler")
      .words(asm.NOP)
      .label("fault")
      .words(asm.ECALL);
    expect(said(program)[0]).toMatch(
      /for ever: environment call at 0x80000014 \(mcause 11, mtval 0x0\), after 1003 /,
    );
  });
  it.each<readonly [string, asm.Program, string]>([
    [
      "reaches behind RAM",
      new asm.Program().li(A0, RAM_BASE + RAM_BYTES).words(asm.store("sw", 0, 0, A0)),
      "mtval 0x80010000; RAM is from 0x80000000 to 0x80010000, --ram gives more",
    ],
    [
      "asks where there is nothing",
      new asm.Program().li(A0, 0x4000_0000).words(asm.load("lw", 0, 0, A0)),
      "mtval 0x40000000; nothing there takes such an access; docs/run.md tells the board",
    ],
    [
      "lets its stack grow out of RAM",
      new asm.Program().li(SP, RAM_BASE + 16).words(asm.i("addi", SP, SP, -64), asm.store("sw", 0, 0, SP)),
      "mtval 0x7fffffd0; sp is 0x7fffffd0: the stack has left RAM, or was never set up; RAM is from 0x80000000 to 0x80010000",
    ],
    [
      "never set its stack up",
      new asm.Program().words(asm.i("addi", SP, SP, -16), asm.store("sw", 0, 12, SP)),
      "mtval 0xfffffffc; sp is 0xfffffff0: the stack has left RAM, or was never set up; RAM is from 0x80000000 to 0x80010000",
    ],
    [
      "jumps to nowhere",
      new asm.Program().li(A0, 0x4000_0000).words(asm.jalr(1, A0, 0)),
      "mtval 0x40000000; no code can be there; ra is 0x8000000c",
    ],
    [
      "was compiled for another hart",
      new asm.Program().words(FADD_S),
      "mtval 0x53; compile for what the hart has (docs/run.md, --isa)",
    ],
    [
      "does what PMP forbids",
      locked(PMP.EXECUTE).words(asm.load("lw", 0, 0x100, A0)),
      "mtval 0x80000100; PMP forbids it",
    ],
    ["executes what PMP forbids", locked(PMP.READ).words(asm.NOP), "mtval 0x80000018; PMP forbids it"],
    [
      "runs out of its code",
      new asm.Program().words(asm.NOP, 0),
      "mtval 0x0; 0 is no instruction: it left its code",
    ],
  ])("%s is told what may be behind it, or what to do", (_, program, advice) => {
    expect(said(program)).toEqual([expect.stringContaining(`${advice})`)]);
  });
  it("makes a semihosting call names the option, whatever its end", () => {
    const call =
      "the program made a semihosting call at 0x80000004, which was a breakpoint: add --semihosting";
    const [first, second] = said(new asm.Program().words(...SEMIHOSTING));
    expect([first, second]).toEqual([call, expect.stringContaining("breakpoint at 0x80000004")]);
    const goesOn = new asm.Program()
      .words(asm.NOP)
      .words(...SEMIHOSTING)
      .align(4);
    expect(said(goesOn)[0]).toBe(call.replace("04", "08"));
  });
  it("asked its host in vain says for what, also where it passes", () => {
    const program = new asm.Program()
      .li(A0, RAM_BASE + 0x1000)
      .words(asm.i("addi", A1, 0, 2), asm.store("sw", A1, 0, A0));
    program
      .li(A0, 0x0010_0000)
      .li(A1, 0x5555)
      .words(asm.store("sw", A1, 0, A0));
    expect(said(program, { tohost: RAM_BASE + 0x1000 })).toEqual([
      "the program asked its host for what is not carried out: 0x2 by tohost, which is no address of a system call in RAM",
    ]);
  });
});

describe.skipIf(!hasToolchain)("where it was", () => {
  it("is told with symbol, file and line", () => {
    const source =
      'void _start(void) {\n  asm volatile("la sp, 0x80001000");\n  *(volatile int *)16 = 1;\n}\n';
    writeFileSync(path("main.c"), source);
    shell(path("."), `${GCC.join(" ")} -g -O1 -w -Wl,-Ttext=0x80000000 main.c -o main.elf`);
    const [sentence] = saidOf(Uint8Array.from(readFileSync(path("main.elf"))));
    expect(sentence).toMatch(
      /store access fault at 0x8000\w+ _start\+0x\w+ \([^)]*main\.c:3\) \(mcause 7, mtval 0x10;/,
    );
  });
});
