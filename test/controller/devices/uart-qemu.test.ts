/**
 * The UART against another maker's: whatever a program stores into its registers, in whatever order, each load gives
 * what it gives on QEMU.
 */
import { describe, expect, it } from "vitest";
import { Random } from "../../../emulator/base/random.ts";
import { RAM_BASE } from "../../../emulator/memory/map.ts";
import * as asm from "../support/assembler.ts";
import { writeElf } from "../support/elf-writer.ts";
import { A0, A1, A2, S0, T0 } from "../support/machines.ts";
import { expectQemuInCi, hasQemu, onFlipside, onQemu } from "../support/qemu.ts";

const UART = 0x1000_0000;
const FINISHER = 0x0010_0000;
const LOG = RAM_BASE + 0x2_0000;
const [DATA, IER, IIR, LCR, MCR, LSR, MSR, SCR] = [0, 1, 2, 3, 4, 5, 6, 7];
const FCR = IIR;
const LOOPBACK = 0x10;
const DIVISOR_LATCH = 0x80;
const TRIGGER = 0xc0;
const MODEM_STATUS_INTERRUPT = 0x08;

/** A store into a register, or a load from it. */
interface Access {
  readonly register: number;
  readonly store?: number;
}

const store = (register: number, byte: number): Access => ({ register, store: byte });
const load = (register: number): Access => ({ register });
const isLoad = ({ store: byte }: Access): boolean => byte === undefined;

/**
 * Makes the accesses, keeps what it loads, and sends that at the end.
 * @returns an ELF file
 */
function program(accesses: readonly Access[]): Uint8Array {
  const made = new asm.Program().li(A0, UART).li(S0, LOG);
  for (const { register, store: byte } of accesses) {
    if (byte === undefined) {
      made.words(asm.load("lbu", A1, register, A0), asm.store("sb", A1, 0, S0), asm.i("addi", S0, S0, 1));
    } else {
      made.words(asm.i("addi", A1, 0, byte), asm.store("sb", A1, register, A0));
    }
  }
  // As it is wanted for sending.
  made.words(asm.i("addi", A1, 0, 3), asm.store("sb", A1, LCR, A0), asm.store("sb", 0, MCR, A0));
  made
    .li(T0, LOG)
    .label("send")
    .words(asm.load("lbu", A1, 0, T0), asm.store("sb", A1, 0, A0), asm.i("addi", T0, T0, 1))
    .branch("bltu", T0, S0, "send")
    .li(A0, FINISHER)
    .li(A2, 0x5555)
    .words(asm.store("sw", A2, 0, A0), asm.jal(0, 0));
  return writeElf({ code: made.bytes() });
}

/** What the loads gave: the last bytes that were sent. */
function loaded(output: string, accesses: readonly Access[]): number[] {
  const loads = accesses.filter(isLoad).length;
  return [...Buffer.from(output, "latin1").subarray(-loads)];
}

/** Each load as `register: value`. */
function told(output: string, accesses: readonly Access[]): string[] {
  const values = loaded(output, accesses);
  const registers = accesses.filter(isLoad).map(({ register }) => register);
  return registers.map((register, i) => `${i}. ${register}: 0x${values[i]?.toString(16)}`);
}

function expectAsOnQemu(accesses: readonly Access[]): void {
  const elf = program(accesses);
  expect(told(onFlipside(elf), accesses)).toEqual(told(onQemu(elf), accesses));
}

/**
 * Left out is what QEMU does differently: it has no modem status interrupt in loopback, and its trigger levels and
 * timeouts hang on the time that characters take.
 */
function someAccesses(random: Random): Access[] {
  const byte = random.below(256);
  switch (random.below(14)) {
    case 0:
    case 1:
    case 2:
      return [store(DATA, byte)];
    case 3:
      return [store(IER, byte & ~MODEM_STATUS_INTERRUPT)];
    case 4:
      return [store(FCR, byte & ~TRIGGER)];
    case 5:
      return [store(LCR, random.below(4) === 0 ? byte | DIVISOR_LATCH : byte & ~DIVISOR_LATCH)];
    case 6:
      return [store(MCR, random.below(3) === 0 ? byte : byte | LOOPBACK)];
    case 7:
    case 8:
      return [store(random.pick([LSR, MSR, SCR]), byte)];
    case 9:
      // More than the FIFO holds.
      return Array.from({ length: 18 }, (_, i) => store(DATA, byte ^ i));
    default:
      return [load(random.pick([DATA, IER, IIR, LCR, MCR, LSR, MSR, SCR]))];
  }
}

describe("the UART does as QEMU's does, whatever is stored into its registers", () => {
  expectQemuInCi();

  it.runIf(hasQemu)("after reset", () => {
    // But for MCR, which QEMU begins with OUT2, and the data sheet with 0.
    const registers = [IER, IIR, LCR, LSR, MSR, SCR].map((register) => load(register));
    expectAsOnQemu([...registers, store(LCR, DIVISOR_LATCH), load(DATA), load(IER)]);
  });

  it.runIf(hasQemu).each(Array.from({ length: 12 }, (_, seed) => seed + 1))("seed %i", (seed) => {
    const random = new Random(seed);
    const accesses = [store(MCR, 0)];
    while (accesses.length < 500) accesses.push(...someAccesses(random));
    expectAsOnQemu(accesses);
  });
});
