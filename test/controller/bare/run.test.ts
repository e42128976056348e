/** The bare machine: how programs end, and what is told of them. */
import { describe, expect, it } from "vitest";
import { type ElfFile, parseElf } from "../../../controller/bare/elf.ts";
import { BareMachine, type RunOptions } from "../../../controller/bare/run.ts";
import { LoadError } from "../../../controller/bare/run-report.ts";
import { Cause } from "../../../controller/cpu/engine.ts";
import { Hart } from "../../../controller/cpu/hart.ts";
import { Extension } from "../../../controller/cpu/isa.ts";
import { RAM_BASE } from "../../../emulator/memory/map.ts";
import * as asm from "../support/assembler.ts";
import { type ElfSource, writeElf } from "../support/elf-writer.ts";
import { A0, A1, T0 } from "../support/machines.ts";

const FINISHER = 0x0010_0000;
const UART = 0x1000_0000;
const RAM_BYTES = 65_536;

function bare(options: Partial<RunOptions> = {}): BareMachine {
  return new BareMachine({
    ramBytes: RAM_BYTES,
    clock: "virtual",
    line: { send: () => undefined, receive: () => -1 },
    nowNs: () => 0,
    ...options,
  });
}

function parsed(source: ElfSource): ElfFile {
  const elf = parseElf(writeElf(source));
  if ("error" in elf) throw new Error(elf.message);
  return elf;
}

function load(machine: BareMachine, source: ElfSource): void {
  machine.load(parsed(source));
}

function run(program: asm.Program, source: Partial<ElfSource> = {}, maxInstructions = 10_000) {
  const machine = bare();
  load(machine, { code: program.bytes(), ...source });
  return { report: machine.run(maxInstructions), machine };
}

const storeWord = (address: number, value: number): asm.Program =>
  new asm.Program()
    .li(A0, address)
    .li(A1, value)
    .words(asm.store("sw", A1, 0, A0))
    .label("end")
    .jal(0, "end");

const [TOHOST, FROMHOST, CALL, TEXT] = [0x1000, 0x1008, 0x1040, 0x1080].map((at) => RAM_BASE + at) as [
  number,
  number,
  number,
  number,
];

/** Stores a system call as riscv-pk's programs do on RV32, and stays where it is answered. */
function hostCall(words: readonly number[]): [asm.Program, Partial<ElfSource>] {
  const program = new asm.Program().li(A0, CALL);
  for (const [index, word] of words.entries()) program.li(A1, word).words(asm.store("sw", A1, 8 * index, A0));
  program.li(A1, TEXT).li(T0, 0x0a6b6f);
  program
    .words(asm.store("sw", T0, 0, A1))
    .li(A1, TOHOST)
    .words(asm.store("sw", A0, 0, A1), asm.store("sw", 0, 4, A1))
    .li(A0, FROMHOST)
    .label("wait")
    .words(asm.load("lw", T0, 0, A0))
    .branch("beq", T0, 0, "wait")
    .words(asm.WFI);
  return [program, { symbols: { tohost: TOHOST, fromhost: FROMHOST } }];
}

it("the device tree tells the hart's instructions", () => {
  const extensions = Extension.BASE | Extension.C | Extension.ZBB;
  const machine = bare({ extensions, ramBytes: 4 * 2 ** 20 });
  load(machine, { code: storeWord(FINISHER, 0x5555).bytes() });
  const tree = machine.readRam("the tree", (machine.machine.hart[Hart.X + A1] as number) >>> 0, 8192);
  expect(Buffer.from(tree).toString("latin1")).toContain("rv32ic_zicsr_zifencei_zbb\0");
});

describe("an even tohost is a system call:", () => {
  function called(words: readonly number[]) {
    const sent: number[] = [];
    const machine = bare({ line: { send: (byte) => sent.push(byte), receive: () => -1 } });
    const [program, source] = hostCall(words);
    load(machine, { code: program.bytes(), ...source });
    const report = machine.run(10_000);
    const word = (address: number) => {
      const bytes = machine.readRam("it", address, 8);
      return Number(new DataView(bytes.buffer).getBigInt64(0, true));
    };
    const answered = { result: word(CALL), tohost: word(TOHOST), fromhost: word(FROMHOST) };
    return { report, answered, text: String.fromCharCode(...sent) };
  }

  it.each([1, 2])("write to descriptor %i goes to the line, and is answered", (descriptor) => {
    const { report, answered, text } = called([64, descriptor, TEXT, 3]);
    expect(text).toBe("ok\n");
    expect(answered).toEqual({ result: 3, tohost: 0, fromhost: 1 });
    expect(report).toMatchObject({ exitReason: "idle", refusedHostCalls: [] });
  });

  it.each([
    ["another descriptor", [64, 3, TEXT, 3], -9],
    ["bytes outside RAM", [64, 1, RAM_BASE + RAM_BYTES - 2, 3], -14],
  ])("write of %s is answered with an error", (_, words, result) => {
    const { answered, text } = called(words);
    expect({ answered, text }).toEqual({ answered: { result, tohost: 0, fromhost: 1 }, text: "" });
  });

  it("another one is answered so, and told", () => {
    const { report, answered } = called([56, 0, 0, 0]);
    expect(answered).toEqual({ result: -38, tohost: 0, fromhost: 1 });
    expect(report.refusedHostCalls).toEqual(["system call 56 by tohost"]);
  });

  it("one whose address is no place for a call is told", () => {
    const { report } = run(storeWord(TOHOST, 2), { symbols: { tohost: TOHOST } });
    expect(report.refusedHostCalls).toEqual(["0x2 by tohost, which is no address of a system call in RAM"]);
  });
});

describe("a program ends", () => {
  it("by the finisher: pass", () => {
    expect(run(storeWord(FINISHER, 0x5555)).report).toMatchObject({
      exitReason: "pass",
      failCode: 0,
      retiredInstructions: 5,
    });
  });
  it.each([0, 1, 7, 0xffff])("by the finisher: fail with code %i is no pass", (code) => {
    const { report } = run(storeWord(FINISHER, (code << 16) | 0x3333));
    expect(report).toMatchObject({ exitReason: "fail", failCode: code });
  });
  it("by HTIF: 1 in tohost passes", () => {
    const tohost = RAM_BASE + 0x1000;
    const { report } = run(storeWord(tohost, 1), { symbols: { tohost } });
    expect(report).toMatchObject({ exitReason: "pass", retiredInstructions: 5 });
  });
  it("by HTIF: another odd number fails with its upper bits as code", () => {
    const tohost = RAM_BASE + 0x1000;
    const { report } = run(storeWord(tohost, 0x4d), { symbols: { tohost } });
    expect(report).toMatchObject({ exitReason: "fail", failCode: 0x26 });
  });
  it("not by HTIF: numbers that are neither odd nor a call's address, words beside tohost, and loads of it", () => {
    const tohost = RAM_BASE + 0x1000;
    expect(run(storeWord(tohost, 2), { symbols: { tohost } }).report.exitReason).toBe("max-instructions");
    expect(run(storeWord(tohost + 4, 1), { symbols: { tohost } }).report.exitReason).toBe("max-instructions");
    expect(run(storeWord(tohost, 1)).report.exitReason).toBe("max-instructions");
  });
  it("by HTIF's exit", () => {
    const [passed, failed] = [0, 7].map((code) => run(...hostCall([93, code])).report);
    expect(passed).toMatchObject({ exitReason: "pass", refusedHostCalls: [] });
    expect(failed).toMatchObject({ exitReason: "fail", failCode: 7 });
  });
  it("by its limit also where it resets itself for ever: all instructions count", () => {
    const { report } = run(storeWord(FINISHER, 0x7777), {}, 777);
    expect(report).toMatchObject({ exitReason: "max-instructions", retiredInstructions: 777 });
  });
  it("by its limit, after exactly so many instructions", () => {
    const { report } = run(new asm.Program().label("end").jal(0, "end"), {}, 777);
    expect(report).toMatchObject({ exitReason: "max-instructions", retiredInstructions: 777 });
    expect(report.pc).toBe(RAM_BASE);
  });
  it("by waiting for what cannot come", () => {
    const { report } = run(new asm.Program().words(asm.WFI));
    expect(report).toMatchObject({ exitReason: "idle", retiredInstructions: 1 });
  });
  it("by waiting for a time that the virtual clock cannot tell", () => {
    const mtimecmp = 0x0200_4000;
    const program = new asm.Program()
      .li(A0, mtimecmp)
      .li(A1, 0x001f_ffff)
      .words(
        asm.store("sw", A1, 4, A0),
        asm.i("addi", A1, 0, 1 << 7),
        asm.csr("csrrw", 0, asm.MIE, A1),
        asm.WFI,
      );
    expect(run(program).report.exitReason).toBe("idle");
  });
  it("by trapping in its trap handler for ever", () => {
    const { report } = run(new asm.Program().words(asm.NOP, asm.ILLEGAL));
    expect(report).toMatchObject({ exitReason: "trap-loop", retiredInstructions: 1, pc: 0 });
    // Not that of fetching a handler at address 0, but the one that led there.
    expect(report.trap).toEqual({ cause: Cause.ILLEGAL_INSTRUCTION, pc: RAM_BASE + 4, value: 0 });
  });
});

describe("the report", () => {
  it("gives pc and the registers as unsigned numbers", () => {
    const { report } = run(new asm.Program().words(asm.i("addi", A0, 0, -1), asm.NOP), {}, 1);
    expect(report.pc).toBe(RAM_BASE + 4);
    expect(report.registers).toHaveLength(32);
    expect(report.registers[A0]).toBe(0xffff_ffff);
    expect(report.registers[T0]).toBe(0);
  });
  it("gives seconds of the wall clock and millions of instructions per second", () => {
    let nowNs = 0;
    const machine = bare({ nowNs: () => (nowNs += 5e8) });
    load(machine, { code: new asm.Program().label("end").jal(0, "end").bytes() });
    expect(machine.run(1_000_000)).toMatchObject({ seconds: 0.5, mips: 2 });
  });
});

describe("the device tree", () => {
  const MAGIC = [0xd0, 0x0d, 0xfe, 0xed];
  const code = new asm.Program().label("end").jal(0, "end").bytes();
  function loaded(ramBytes: number, source: Partial<ElfSource> = {}) {
    const machine = bare({ ramBytes });
    load(machine, { code, ...source });
    const { registers } = machine.run(1);
    return { machine, hartId: registers[A0], address: registers[A1] ?? 0 };
  }
  const MIB = 2 ** 20;

  it.each([
    [3, 0x8020_0000],
    [4, 0x8020_0000],
    [5, 0x8040_0000],
    [16, 0x80e0_0000],
    [17, 0x8100_0000],
    [128, 0x87e0_0000],
    [512, 0x9fe0_0000],
  ])("lies in %i MiB of RAM where QEMU puts it, and a1 tells it", (ramMib, address) => {
    const { machine, ...registers } = loaded(ramMib * MIB);
    expect(registers).toEqual({ hartId: 0, address });
    expect([...machine.readRam("the tree", address, 4)]).toEqual(MAGIC);
  });
  it.each([65_536, MIB, 2 * MIB])("lies at the end of %i bytes of RAM", (ramBytes) => {
    const { machine, address } = loaded(ramBytes);
    const tree = machine.readRam("the tree", address, RAM_BASE + ramBytes - address);
    expect([...tree.subarray(0, 4)]).toEqual(MAGIC);
    const total = new DataView(tree.buffer).getUint32(4);
    expect(tree.length - total).toBeLessThan(8);
  });
  it("is not there, and a1 is 0, where the program itself lies", () => {
    const memoryBytes = 65_536 - 100;
    const { machine, address } = loaded(65_536, { memoryBytes });
    expect(address).toBe(0);
    expect(
      [...machine.readRam("it", RAM_BASE + code.length, 65_536 - code.length)].every((b) => b === 0),
    ).toBe(true);
    expect(loaded(16 * MIB, { memoryBytes: 0xe0_0001 }).address).toBe(0);
    expect(loaded(16 * MIB, { memoryBytes: 0xe0_0000 }).address).toBe(0x80e0_0000);
  });
});

describe("loading", () => {
  it("starts at the entry, not at the segment's start", () => {
    const program = new asm.Program().words(asm.ILLEGAL, asm.i("addi", A0, 0, 5));
    const { report } = run(program, { entry: RAM_BASE + 4 }, 1);
    expect(report.registers[A0]).toBe(5);
  });
  it("clears the memory behind a segment's bytes", () => {
    const machine = bare();
    machine.machine.space.bytes.fill(0xa5, machine.machine.space.ramOffset);
    load(machine, { code: Uint8Array.from([1, 2]), memoryBytes: 6 });
    expect([...machine.readRam("it", RAM_BASE, 8)]).toEqual([1, 2, 0, 0, 0, 0, 0xa5, 0xa5]);
  });
  it.each<readonly [string, Partial<ElfSource>]>([
    ["a segment below RAM", { address: 0x2000_0000 }],
    ["a segment behind RAM", { address: RAM_BASE + RAM_BYTES }],
    ["a segment larger than RAM", { memoryBytes: RAM_BYTES + 1 }],
    ["an entry below RAM", { entry: 0x1234 }],
    ["an entry behind RAM", { entry: RAM_BASE + RAM_BYTES }],
    ["tohost outside RAM", { symbols: { tohost: 0x1000 } }],
  ])("%s is refused in one sentence", (_, source) => {
    expect(() => load(bare(), { code: new Uint8Array(4), ...source })).toThrow(LoadError);
    expect(() => load(bare(), { code: new Uint8Array(4), ...source })).toThrow(
      /lies outside the RAM from 0x80000000/,
    );
  });
  it("a file without code at its entry is refused: its debug information, or its zeros", () => {
    const empty = { code: new Uint8Array(4), memoryBytes: 64, entry: RAM_BASE + 4 };
    expect(() => load(bare(), empty)).toThrow("it has no code at its entry 0x80000004");
  });
  it("an entry that is no multiple of four is refused by a hart without C, and by no other", () => {
    const source = { code: new Uint8Array(8), entry: RAM_BASE + 2 };
    expect(() => load(bare({ extensions: Extension.BASE }), source)).toThrow(
      "its entry 0x80000002 is no multiple of 4, and the hart has no C",
    );
    load(bare(), source);
  });
  it("a note outside RAM is left out, any other section is refused", () => {
    const code = new Uint8Array(16);
    const outside = (type: "NOTE" | "PROGBITS") => ({
      code,
      address: RAM_BASE + RAM_BYTES - 8,
      sections: [
        { type: "PROGBITS", offset: 0, bytes: 8 },
        { type, offset: 8, bytes: 8 },
      ] as const,
    });
    load(bare(), outside("NOTE"));
    expect(() => load(bare(), outside("PROGBITS"))).toThrow(
      "a section of 8 bytes at 0x80010000 lies outside",
    );
  });
  it("parts that are larger than RAM together are refused, before anything is loaded", () => {
    const one = parsed({ code: Uint8Array.from([1]), memoryBytes: RAM_BYTES });
    const elf = { ...one, parts: Array.from({ length: 65_535 }, () => one.parts).flat() };
    const machine = bare();
    expect(() => machine.load(elf)).toThrow(/its 65535 parts of \d+ bytes do not fit the RAM together/);
    expect([...machine.readRam("it", RAM_BASE, 1)]).toEqual([0]);
  });
});

describe("a hart that waits for the UART's interrupt", () => {
  const PLIC = 0x0c00_0000;
  /** Enables the interrupt of what is received, waits, and ends with the first character as its code of failure. */
  function waiting({ mie = 0x800, ier = 1 } = {}): asm.Program {
    const program = new asm.Program();
    for (const [address, value] of [
      [PLIC + 4 * 10, 1],
      [PLIC + 0x2000, 1 << 10],
    ] as const) {
      program
        .li(A0, address)
        .li(A1, value)
        .words(asm.store("sw", A1, 0, A0));
    }
    program
      .li(A0, UART)
      .li(A1, ier)
      .words(asm.store("sb", A1, 1, A0))
      .li(A1, mie)
      .words(asm.csr("csrrw", 0, asm.MIE, A1), asm.WFI, asm.load("lbu", A1, 0, A0));
    program
      .words(asm.shift("slli", A1, A1, 16))
      .li(T0, 0x3333)
      .words(asm.r("add", A1, A1, T0));
    return program.li(A0, FINISHER).words(asm.store("sw", A1, 0, A0), asm.jal(0, 0));
  }
  /** @param input what each wait brings: a byte, nothing yet, or the end */
  function waited(program: asm.Program, input: readonly (number | "nothing" | "end")[]) {
    const left = [...input];
    let byte = -1;
    const receive = () => {
      const taken = byte;
      byte = -1;
      return taken;
    };
    const awaitInput = () => {
      const next = left.shift();
      if (typeof next === "number") byte = next;
      return next !== "end";
    };
    const machine = bare({ line: { send: () => undefined, receive, awaitInput } });
    load(machine, { code: program.bytes() });
    return { report: machine.run(1000), left };
  }
  it("is woken by a character, however long that takes", () => {
    const { report } = waited(waiting(), ["nothing", "nothing", 7]);
    expect(report).toMatchObject({ exitReason: "fail", failCode: 7 });
  });
  it("is told that nothing will come once the input has ended", () => {
    expect(waited(waiting(), ["nothing", "end"]).report.exitReason).toBe("idle");
  });
  it.each([
    ["in the UART", { ier: 2 << 1 }],
    ["in the hart", { mie: 0x80 }],
  ])("is not waited for where that is not enabled %s", (_, registers) => {
    const { report, left } = waited(waiting(registers), [7]);
    expect([report.exitReason, left]).toEqual(["idle", [7]]);
  });
});

it("the UART's bytes go to the line, and the line's come to the UART", () => {
  const sent: number[] = [];
  const input = [...new TextEncoder().encode("ok\n")];
  const machine = bare({ line: { send: (byte) => sent.push(byte), receive: () => input.shift() ?? -1 } });
  const program = new asm.Program()
    .li(A0, UART)
    .label("next")
    .words(asm.load("lbu", T0, 5, A0), asm.i("andi", T0, T0, 1))
    .branch("beq", T0, 0, "end")
    .words(asm.load("lbu", A1, 0, A0), asm.store("sb", A1, 0, A0))
    .jal(0, "next")
    .label("end")
    .words(asm.WFI);
  load(machine, { code: program.bytes() });
  expect(machine.run(1000).exitReason).toBe("idle");
  expect(new TextDecoder().decode(Uint8Array.from(sent))).toBe("ok\n");
});
