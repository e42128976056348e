/**
 * Semihosting, call by call: "RISC-V Semihosting", and Arm's "Semihosting for AArch32 and AArch64", sections 6 and 7.
 * What files do is in test/scripts/run/guest-directory.test.ts.
 */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseElf } from "../../../controller/bare/elf.ts";
import { BareMachine } from "../../../controller/bare/run.ts";
import type { HostFiles, SemihostingHost } from "../../../controller/bare/semihosting.ts";
import { Errno, type Stream } from "../../../controller/bare/semihosting-streams.ts";
import { Cause } from "../../../controller/cpu/engine.ts";
import { Hart } from "../../../controller/cpu/hart.ts";
import { RAM_BASE } from "../../../emulator/memory/map.ts";
import * as asm from "../support/assembler.ts";
import { writeElf } from "../support/elf-writer.ts";
import { A0, A1, withHandler } from "../support/machines.ts";

const RAM_BYTES = 0x2_0000;
const RAM_END = RAM_BASE + RAM_BYTES;
const [BLOCK, TEXT, BUFFER] = [RAM_BASE + 0x2000, RAM_BASE + 0x3000, RAM_BASE + 0x4000];
const OUTSIDE = 0x1000;
const [PMPCFG0, PMPADDR0] = [0x3a0, 0x3b0];
/** slli x0, x0, 0x1f; ebreak; srai x0, x0, 7. */
const TRIPLE = [0x01f0_1013, 0x0010_0073, 0x4070_5013];
const EXIT_BY_ITSELF = 0x2_0026;

const enum Sys {
  OPEN = 0x01,
  CLOSE = 0x02,
  WRITEC = 0x03,
  WRITE0 = 0x04,
  WRITE = 0x05,
  READ = 0x06,
  READC = 0x07,
  ISERROR = 0x08,
  ISTTY = 0x09,
  SEEK = 0x0a,
  FLEN = 0x0c,
  TMPNAM = 0x0d,
  REMOVE = 0x0e,
  RENAME = 0x0f,
  CLOCK = 0x10,
  TIME = 0x11,
  SYSTEM = 0x12,
  ERRNO = 0x13,
  GET_CMDLINE = 0x15,
  HEAPINFO = 0x16,
  EXIT = 0x18,
  EXIT_EXTENDED = 0x20,
  ELAPSED = 0x30,
  TICKFREQ = 0x31,
}

/** A program that makes calls for ever, one each time that it is let go round. */
class Caller {
  readonly bare: BareMachine;
  readonly said: string[] = [];
  #typed: number[];
  #text = TEXT;

  constructor(host: Partial<SemihostingHost> = {}, typed = "", epochNs = 0n) {
    this.#typed = [...Buffer.from(typed)];
    const console = {
      write: (bytes: Uint8Array) => void this.said.push(Buffer.from(bytes).toString("latin1")),
      writeError: (bytes: Uint8Array) =>
        void this.said.push(`error: ${Buffer.from(bytes).toString("latin1")}`),
      read: (into: Uint8Array) => {
        const bytes = this.#typed.splice(0, Math.min(into.length, 4));
        into.set(bytes);
        return bytes.length;
      },
    };
    this.bare = new BareMachine({
      ramBytes: RAM_BYTES,
      clock: "virtual",
      line: { send: () => undefined, receive: () => -1 },
      nowNs: () => 0,
      epochNs,
      semihosting: { console, commandLine: "program one two", ...host },
    });
    const code = new asm.Program()
      .label("again")
      .words(...TRIPLE)
      .jal(0, "again")
      .bytes();
    const elf = parseElf(writeElf({ code }));
    if ("error" in elf) throw new Error(elf.message);
    this.bare.load(elf);
  }

  get hart(): Int32Array {
    return this.bare.machine.hart;
  }

  /** What is in a0 behind the call, signed. */
  call(operation: number, argument = 0): number {
    this.hart[Hart.PC] = RAM_BASE | 0;
    this.hart[A0] = operation;
    this.hart[A1] = argument;
    this.bare.machine.run(3);
    return this.hart[A0] as number;
  }

  /** A call with a block of these words. */
  callWith(operation: number, ...words: readonly number[]): number {
    for (const [index, word] of words.entries()) this.bare.machine.storeWord(BLOCK + 4 * index, word);
    return this.call(operation, BLOCK);
  }

  get errno(): number {
    return this.call(Sys.ERRNO);
  }

  /** Address and length. */
  text(text: string): [number, number] {
    const bytes = Buffer.from(`${text}\0`);
    const at = this.#text;
    this.#text += bytes.length;
    this.bare.machine.storeBytes(at, bytes);
    return [at, bytes.length - 1];
  }

  open(name: string, mode = 0): number {
    const [address, byteCount] = this.text(name);
    return this.callWith(Sys.OPEN, address, mode, byteCount);
  }

  read(address: number, byteCount: number): string {
    return Buffer.from(this.bare.readRam("it", address, byteCount)).toString("latin1");
  }

  words(address: number, count: number): number[] {
    const bytes = this.bare.readRam("it", address, 4 * count);
    const view = new DataView(bytes.buffer);
    return Array.from({ length: count }, (_, index) => view.getUint32(4 * index, true));
  }
}

/** A file that has everything done to it, and what was done. */
function oneFile(content = "0123456789"): { files: HostFiles; asked: string[] } {
  const asked: string[] = [];
  let position = 0;
  const stream: Stream = {
    isTerminal: false,
    read: (into) => {
      const bytes = Buffer.from(content).subarray(position, position + into.length);
      into.set(bytes);
      position += bytes.length;
      return bytes.length;
    },
    write: (bytes) => {
      asked.push(`write ${Buffer.from(bytes)}`);
      return Math.min(bytes.length, 5);
    },
    seek: (offset) => {
      position = offset;
      return 0;
    },
    length: () => content.length,
    close: () => {
      asked.push("close");
      return 0;
    },
  };
  const files: HostFiles = {
    open: (name, mode) => {
      asked.push(`open ${name} ${mode}`);
      return name === "none" ? -Errno.ENOENT : stream;
    },
    remove: (name) => {
      asked.push(`remove ${name}`);
      return 0;
    },
    rename: (from, to) => {
      asked.push(`rename ${from} ${to}`);
      return 0;
    },
  };
  return { files, asked };
}

describe("a call is", () => {
  /** Where execution went on, and the cause of a trap if there was one. */
  function executed(words: readonly number[], options: { at?: number; served?: boolean } = {}) {
    const { at = 0, served } = options;
    const code = new asm.Program().words(...Array.from({ length: at / 4 }, () => asm.NOP), ...words);
    return ran(code, RAM_BASE + at, 3, served);
  }
  function ran(code: asm.Program, entry: number, maxInstructions: number, served = true) {
    const said: number[] = [];
    const console = {
      write: (bytes: Uint8Array) => void said.push(...bytes),
      writeError: () => undefined,
      read: () => 0,
    };
    const bare = new BareMachine({
      ramBytes: RAM_BYTES,
      clock: "virtual",
      line: { send: () => undefined, receive: () => -1 },
      nowNs: () => 0,
      ...(served && { semihosting: { console, commandLine: "" } }),
    });
    const elf = parseElf(writeElf({ code: code.bytes(), entry }));
    if ("error" in elf) throw new Error(elf.message);
    bare.load(elf);
    bare.machine.hart[A0] = Sys.WRITEC;
    bare.machine.hart[A1] = RAM_BASE;
    const report = bare.run(maxInstructions);
    return { cause: report.trap?.cause, said: said.length, report, retired: report.retiredInstructions };
  }

  it("slli, ebreak and srai: all three retire, and nothing traps", () => {
    expect(executed(TRIPLE)).toMatchObject({ cause: undefined, said: 1, retired: 3 });
  });
  it.each<readonly [string, readonly number[]]>([
    ["without its first", [asm.NOP, 0x0010_0073, 0x4070_5013]],
    ["without its last", [0x01f0_1013, 0x0010_0073, asm.NOP]],
    // c.ebreak, and a c.nop so that srai stands where it would.
    ["with a compressed ebreak", [0x01f0_1013, 0x0001_9002, 0x4070_5013]],
  ])("none %s: that is a breakpoint", (_, words) => {
    expect(executed(words)).toMatchObject({ cause: Cause.BREAKPOINT, said: 0 });
  });
  it("none across two pages", () => {
    for (const at of [0xff8, 0xffc]) {
      expect(executed(TRIPLE, { at })).toMatchObject({ cause: Cause.BREAKPOINT, said: 0 });
    }
    expect(executed(TRIPLE, { at: 0xff4 })).toMatchObject({ cause: undefined, said: 1 });
    expect(executed(TRIPLE, { at: 0x1000 })).toMatchObject({ cause: undefined, said: 1 });
  });
  it("none in user mode: that is for the program's own handler", () => {
    const program = withHandler()
      .words(asm.i("addi", A0, 0, -1), asm.csr("csrrw", 0, PMPADDR0, A0), asm.csr("csrrwi", 0, PMPCFG0, 0x1f))
      .la(A0, "user")
      .words(asm.csr("csrrw", 0, asm.MEPC, A0), asm.csr("csrrw", 0, asm.MSTATUS, 0), asm.MRET)
      .align(16)
      .label("user")
      .words(asm.i("addi", A0, 0, Sys.WRITEC), ...TRIPLE, asm.NOP)
      .align(4)
      .label("handler")
      .words(asm.csr("csrrs", A1, asm.MCAUSE, 0))
      .label("end")
      .jal(0, "end");
    const { report, said } = ran(program, RAM_BASE, 100);
    expect([report.registers[A1], said]).toEqual([Cause.BREAKPOINT, 0]);
  });
  it("a breakpoint to a machine that has no semihosting, which tells where", () => {
    const { cause, said, report } = executed(TRIPLE, { served: false });
    expect([cause, said, report.unservedCall]).toEqual([Cause.BREAKPOINT, 0, RAM_BASE + 4]);
    expect(executed([asm.EBREAK], { served: false }).report.unservedCall).toBeNull();
  });
  it("what a loop of traps does besides, and so is none", () => {
    const loop = (words: readonly number[]): asm.Program =>
      withHandler()
        .words(asm.ECALL)
        .align(16)
        .label("handler")
        .words(asm.i("addi", A0, 0, Sys.WRITEC), ...words, asm.ECALL);
    expect(ran(loop([asm.NOP]), RAM_BASE, 20_000).report.exitReason).toBe("trap-loop");
    expect(ran(loop(TRIPLE), RAM_BASE, 20_000).report.exitReason).toBe("max-instructions");
  });
});

describe("the console", () => {
  it("SYS_WRITEC writes the character at an address", () => {
    const program = new Caller();
    expect(program.call(Sys.WRITEC, program.text("xy")[0])).not.toBe(-1);
    expect(program.said).toEqual(["x"]);
  });
  it("SYS_WRITE0 writes what stands before a 0, also at the end of RAM", () => {
    const program = new Caller();
    program.call(Sys.WRITE0, program.text("hello\n")[0]);
    program.bare.machine.storeBytes(RAM_END - 3, Buffer.from("ab\0"));
    program.call(Sys.WRITE0, RAM_END - 3);
    program.bare.machine.storeBytes(RAM_END - 3, Buffer.from("abc"));
    expect(program.call(Sys.WRITE0, RAM_END - 3)).toBe(-1);
    expect(program.said).toEqual(["hello\n", "ab"]);
  });
  it("SYS_READC gives one character after the other, and -1 at the end", () => {
    const program = new Caller({}, "ab");
    expect([0, 1, 2].map(() => program.call(Sys.READC))).toEqual([0x61, 0x62, -1]);
  });
  it(":tt is a terminal, to be read and written, without a length", () => {
    const program = new Caller({}, "abcdef");
    const [input, output, error] = [0, 4, 8].map((mode) => program.open(":tt", mode)) as [
      number,
      number,
      number,
    ];
    expect([input, output, error]).toEqual([1, 2, 3]);
    expect(program.callWith(Sys.ISTTY, output)).toBe(1);
    expect(program.callWith(Sys.FLEN, output)).toBe(0);
    expect([program.callWith(Sys.SEEK, output, 0), program.errno]).toEqual([-1, Errno.ESPIPE]);
    expect(program.callWith(Sys.WRITE, output, ...program.text("out"))).toBe(0);
    expect(program.callWith(Sys.WRITE, error, ...program.text("err"))).toBe(0);
    expect(program.said).toEqual(["out", "error: err"]);
    // As much as there is now: what is left over is told, and all of it at the end.
    expect([0, 1, 2].map(() => program.callWith(Sys.READ, input, BUFFER, 8))).toEqual([4, 6, 8]);
    expect(program.read(BUFFER, 4)).toBe("efcd");
    expect(program.callWith(Sys.CLOSE, output)).toBe(0);
    expect([program.callWith(Sys.WRITE, output, ...program.text("no")), program.errno]).toEqual([
      2,
      Errno.EBADF,
    ]);
  });
});

describe("streams", () => {
  it("have handles from 1 on, the lowest that is free, and 64 at the most", () => {
    const program = new Caller();
    expect(Array.from({ length: 64 }, () => program.open(":tt"))).toEqual(
      Array.from({ length: 64 }, (_, i) => i + 1),
    );
    expect([program.open(":tt"), program.errno]).toEqual([-1, Errno.EMFILE]);
    program.callWith(Sys.CLOSE, 7);
    expect(program.open(":tt")).toBe(7);
  });
  it.each([0, 2, 65, 0xffff_ffff])("a handle that is none, %i, is an error to each of them", (handle) => {
    const program = new Caller();
    program.open(":tt");
    for (const operation of [Sys.CLOSE, Sys.ISTTY, Sys.SEEK, Sys.FLEN]) {
      expect([program.callWith(operation, handle, 0), program.errno]).toEqual([-1, Errno.EBADF]);
    }
    expect(program.callWith(Sys.READ, handle, BUFFER, 5)).toBe(5);
    expect(program.callWith(Sys.WRITE, handle, BUFFER, 5)).toBe(5);
  });
  it(":semihosting-features is read only, and tells of both extensions", () => {
    const program = new Caller();
    const handle = program.open(":semihosting-features", 1);
    expect(program.callWith(Sys.FLEN, handle)).toBe(5);
    expect(program.callWith(Sys.READ, handle, BUFFER, 8)).toBe(3);
    expect(program.read(BUFFER, 5)).toBe("SHFB\x03");
    expect([program.callWith(Sys.SEEK, handle, 4), program.callWith(Sys.READ, handle, BUFFER, 1)]).toEqual([
      0, 0,
    ]);
    expect(program.callWith(Sys.SEEK, handle, 6)).toBe(-1);
    expect(program.callWith(Sys.WRITE, handle, BUFFER, 1)).toBe(1);
    expect([program.open(":semihosting-features", 4), program.errno]).toEqual([-1, Errno.EACCES]);
  });
  it("a mode beyond the twelve is an error", () => {
    const program = new Caller();
    expect([program.open(":tt", 12), program.errno]).toEqual([-1, Errno.EINVAL]);
  });
});

describe("files", () => {
  it("are opened in the mode that the number says", () => {
    const { files, asked } = oneFile();
    const program = new Caller({ files });
    for (let mode = 0; mode < 12; mode++) program.open("f", mode);
    const modes = ["r", "r", "r+", "r+", "w", "w", "w+", "w+", "a", "a", "a+", "a+"];
    expect(asked).toEqual(modes.map((mode) => `open f ${mode}`));
  });
  it("are read, written, sought in and closed, and the errors of the host are the program's", () => {
    const { files, asked } = oneFile();
    const program = new Caller({ files });
    const handle = program.open("f");
    expect(program.callWith(Sys.ISTTY, handle)).toBe(0);
    expect(program.callWith(Sys.FLEN, handle)).toBe(10);
    expect(program.callWith(Sys.READ, handle, BUFFER, 4)).toBe(0);
    expect(program.callWith(Sys.SEEK, handle, 8)).toBe(0);
    expect(program.callWith(Sys.READ, handle, BUFFER + 4, 4)).toBe(2);
    expect(program.read(BUFFER, 6)).toBe("012389");
    // The host took 5 of 7.
    expect(program.callWith(Sys.WRITE, handle, ...program.text("written"))).toBe(2);
    program.callWith(Sys.CLOSE, handle);
    expect([program.open("none"), program.errno]).toEqual([-1, Errno.ENOENT]);
    program.callWith(Sys.REMOVE, ...program.text("f"));
    program.callWith(Sys.RENAME, ...program.text("f"), ...program.text("g"));
    expect(asked).toEqual(["open f r", "write written", "close", "open none r", "remove f", "rename f g"]);
  });
  it("longer than 2^31 - 1 have no length that could be told", () => {
    const files: HostFiles = {
      ...oneFile().files,
      open: () => ({
        isTerminal: false,
        read: () => 0,
        write: () => 0,
        seek: () => 0,
        length: () => 2 ** 31,
        close: () => 0,
      }),
    };
    const program = new Caller({ files });
    const handle = program.open("f");
    expect([program.callWith(Sys.FLEN, handle), program.errno]).toEqual([-1, Errno.EFBIG]);
  });
  it("are refused where there is no directory, and the refusal is told", () => {
    const program = new Caller();
    expect([program.open("a file"), program.errno]).toEqual([-1, Errno.EACCES]);
    expect(program.callWith(Sys.REMOVE, ...program.text("other"))).toBe(-1);
    expect(program.bare.run(1).refusedHostCalls).toEqual([
      "the file a file (without --semihosting-dir) by semihosting",
      "the file other (without --semihosting-dir) by semihosting",
    ]);
  });
  it("have names in UTF-8, of 4096 bytes at the most", () => {
    const { files, asked } = oneFile();
    const program = new Caller({ files });
    program.open("größe");
    expect(asked).toEqual(["open größe r"]);
    program.bare.machine.storeBytes(BUFFER, Uint8Array.of(0xff));
    expect([program.callWith(Sys.OPEN, BUFFER, 0, 1), program.errno]).toEqual([-1, Errno.EINVAL]);
    expect([program.callWith(Sys.OPEN, BUFFER, 0, 4097), program.errno]).toEqual([-1, Errno.EINVAL]);
  });
  it("SYS_TMPNAM gives one name for each number from 0 to 255, where it fits", () => {
    const program = new Caller();
    expect(program.callWith(Sys.TMPNAM, BUFFER, 7, 6)).toBe(0);
    expect(program.read(BUFFER, 6)).toBe("tmp-7\0");
    expect(program.callWith(Sys.TMPNAM, BUFFER, 7, 5)).toBe(-1);
    expect(program.callWith(Sys.TMPNAM, BUFFER, 256, 100)).toBe(-1);
  });
});

describe("exit", () => {
  const ended = (operation: number, ...words: readonly number[]) => {
    const program = new Caller();
    if (operation === Sys.EXIT) program.call(operation, words[0]);
    else program.callWith(operation, ...words);
    return program.bare.run(1000);
  };
  it("SYS_EXIT passes by ADP_Stopped_ApplicationExit, fails with 1 and tells why by anything else", () => {
    expect(ended(Sys.EXIT, EXIT_BY_ITSELF)).toMatchObject({ exitReason: "pass", semihostingReason: null });
    expect(ended(Sys.EXIT, 0x2_0023)).toMatchObject({
      exitReason: "fail",
      failCode: 1,
      semihostingReason: 0x2_0023,
    });
  });
  it("SYS_EXIT_EXTENDED has a code", () => {
    expect(ended(Sys.EXIT_EXTENDED, EXIT_BY_ITSELF, 0)).toMatchObject({ exitReason: "pass" });
    expect(ended(Sys.EXIT_EXTENDED, EXIT_BY_ITSELF, 42)).toMatchObject({ exitReason: "fail", failCode: 42 });
    expect(ended(Sys.EXIT_EXTENDED, 0x2_0024, 42)).toMatchObject({
      exitReason: "fail",
      failCode: 1,
      semihostingReason: 0x2_0024,
    });
  });
  it("nothing retires behind it", () => {
    expect(ended(Sys.EXIT, EXIT_BY_ITSELF).retiredInstructions).toBe(2);
  });
});

describe("the clock", () => {
  it("SYS_ELAPSED tells nanoseconds, of which SYS_TICKFREQ says how many a second has, since power-on", () => {
    const program = new Caller();
    expect(program.call(Sys.TICKFREQ)).toBe(1_000_000_000);
    program.bare.machine.clock.skipTo(50_000_000); // of 100 ns
    expect(program.call(Sys.ELAPSED, BLOCK)).toBe(0);
    const [low = 0, high = 0] = program.words(BLOCK, 2);
    expect(Math.floor((high * 2 ** 32 + low) / 1e6)).toBe(5000);
    expect(program.call(Sys.CLOCK), "hundredths of a second").toBe(500);
    expect(program.call(Sys.TIME)).toBe(5);
  });
  it("SYS_TIME tells seconds since 1970", () => {
    expect(new Caller({}, "", 1_700_000_000_999_000_000n).call(Sys.TIME)).toBe(1_700_000_000);
  });
  it("is looked at after a wait for the console", () => {
    const program = new Caller({}, "a");
    program.hart[A0] = Sys.READC;
    program.hart[Hart.LIMIT] = 1;
    program.bare.machine.run(2);
    expect(program.hart[Hart.LIMIT]).toBe(0);
  });
});

describe("the rest", () => {
  it("SYS_GET_CMDLINE gives the words, a 0 behind them, and how many bytes they are", () => {
    const program = new Caller();
    expect(program.callWith(Sys.GET_CMDLINE, BUFFER, 16)).toBe(0);
    expect(program.read(BUFFER, 16)).toBe("program one two\0");
    expect(program.words(BLOCK, 2)).toEqual([BUFFER, 15]);
    expect([program.callWith(Sys.GET_CMDLINE, BUFFER, 15), program.errno]).toEqual([-1, Errno.E2BIG]);
  });
  it("SYS_HEAPINFO gives what is between the program and the device tree, to heap and stack together", () => {
    const program = new Caller();
    const tree = (program.hart[A1] as number) >>> 0;
    expect(tree).toBeGreaterThan(RAM_END - 8192);
    expect(program.callWith(Sys.HEAPINFO, BUFFER)).toBe(0);
    expect(program.words(BUFFER, 4)).toEqual([RAM_BASE + 16, tree, tree, RAM_BASE + 16]);
  });
  it("SYS_ISERROR is true of what is below 0", () => {
    const program = new Caller();
    expect([0, 5, -1, -5].map((status) => program.callWith(Sys.ISERROR, status) !== 0)).toEqual([
      false,
      false,
      true,
      true,
    ]);
  });
  it("SYS_ERRNO keeps the last error", () => {
    const program = new Caller();
    expect(program.errno).toBe(0);
    program.callWith(Sys.CLOSE, 9);
    program.open(":tt");
    expect(program.errno).toBe(Errno.EBADF);
  });
  it("SYS_SYSTEM and what is no operation are refused, and told", () => {
    const program = new Caller();
    expect([program.callWith(Sys.SYSTEM, ...program.text("rm -rf")), program.errno]).toEqual([
      -1,
      Errno.ENOSYS,
    ]);
    expect(program.call(0x100)).toBe(-1);
    expect(program.bare.run(1).refusedHostCalls).toEqual([
      "SYS_SYSTEM by semihosting",
      "operation 0x100 by semihosting",
    ]);
  });
});

describe("pointers that lead elsewhere", () => {
  it.each([
    ["below RAM", OUTSIDE],
    ["over the end of RAM", RAM_END - 2],
    ["at the end of the addresses", 0xffff_fffe],
  ])("%s are an error, and nothing is moved", (_, address) => {
    const program = new Caller(oneFile(), "typed");
    const handle = program.open("f");
    for (const [operation, ...words] of [
      [Sys.OPEN, address, 0, 3],
      [Sys.REMOVE, address, 3],
      [Sys.RENAME, address, 3, address, 3],
      [Sys.TMPNAM, address, 0, 100],
      [Sys.GET_CMDLINE, address, 100],
      [Sys.HEAPINFO, address],
    ] as const) {
      expect([program.callWith(operation, ...words), program.errno], `operation ${operation}`).toEqual([
        -1,
        Errno.EFAULT,
      ]);
    }
    for (const operation of [Sys.READ, Sys.WRITE]) {
      expect([program.callWith(operation, handle, address, 3), program.errno]).toEqual([3, Errno.EFAULT]);
    }
    for (const operation of [Sys.OPEN, Sys.ELAPSED, Sys.EXIT_EXTENDED]) {
      expect([program.call(operation, address), program.errno]).toEqual([-1, Errno.EFAULT]);
    }
    expect(program.bare.run(10).exitReason).toBe("max-instructions");
  });
  it("and lengths that no RAM has", () => {
    const program = new Caller(oneFile());
    const handle = program.open("f");
    expect(program.callWith(Sys.READ, handle, BUFFER, 0xffff_ffff)).toBe(-1);
    expect(program.errno).toBe(Errno.EFAULT);
    // Nothing to move needs no place.
    expect(program.callWith(Sys.WRITE, handle, OUTSIDE, 0)).toBe(0);
  });
  it("are no matter of PMP: the host is no hart", () => {
    const program = new Caller();
    const locked = 1 << 7;
    const napotAll = [asm.i("addi", A0, 0, -1), asm.csr("csrrw", 0, PMPADDR0, A0)];
    const lock = [asm.i("addi", A0, 0, locked | 0x1c), asm.csr("csrrw", 0, PMPCFG0, A0)]; // X alone
    program.bare.machine.storeBytes(BUFFER, new asm.Program().words(...napotAll, ...lock).bytes());
    program.bare.machine.jump(BUFFER);
    program.bare.machine.run(4);
    expect(program.callWith(Sys.GET_CMDLINE, TEXT, 16)).toBe(0);
    expect(program.read(TEXT, 15)).toBe("program one two");
    expect(program.hart[Hart.PC] as number).toBe((RAM_BASE + 12) | 0);
  });
  it("whatever is asked, it ends in a result, and no byte outside of RAM changes", () => {
    const address = fc.oneof(
      fc.constantFrom(0, OUTSIDE, BLOCK, TEXT, BUFFER, RAM_END - 4, RAM_END - 1, RAM_END, 0xffff_ffff),
      fc.integer({ min: RAM_BASE, max: RAM_END }),
      fc.integer({ min: 0, max: 0xffff_ffff }),
    );
    const word = fc.oneof(address, fc.integer({ min: 0, max: 70 }));
    const call = fc.tuple(
      fc.integer({ min: 0, max: 0x32 }),
      fc.oneof(fc.constant(BLOCK), address),
      fc.array(word),
    );
    fc.assert(
      fc.property(fc.array(call, { maxLength: 30 }), (calls) => {
        const program = new Caller({ ...oneFile(), commandLine: "x".repeat(100) }, "typed");
        const { bytes, layout } = program.bare.machine.space;
        const around = bytes.subarray(layout.table, layout.ram);
        const before = Buffer.from(around);
        program.open("f", 2);
        for (const [operation, argument, words] of calls) {
          for (const [index, value] of words.slice(0, 4).entries())
            program.bare.machine.storeWord(BLOCK + 4 * index, value);
          program.call(operation, argument);
        }
        expect(before.equals(around)).toBe(true);
      }),
      { numRuns: 100 },
    );
  });
});
