/**
 * The bank of parallel NOR against another maker's: what a program reads that drives it through its commands is what it
 * reads on QEMU. Where QEMU is not as the chips are, the data sheets count, and a test says so and shows both.
 */
import { describe, expect, it } from "vitest";
import { CfiFlash } from "../../../controller/devices/cfi-flash.ts";
import { Random } from "../../../emulator/base/random.ts";
import { BytesFlashPort } from "../../../emulator/flash/flash.ts";
import { FlashChip } from "../../../emulator/flash/flash-chip.ts";
import { FLASH_BASE, FLASH_STRIDE, RAM_BASE } from "../../../emulator/memory/map.ts";
import * as asm from "../support/assembler.ts";
import { writeElf } from "../support/elf-writer.ts";
import { A0, A1, A2, S0, T0 } from "../support/machines.ts";
import { expectQemuInCi, hasQemu, onQemu } from "../support/qemu.ts";
import { deviceState, TestBoard } from "./test-board.ts";

const BANK = FLASH_BASE + FLASH_STRIDE;
const UART = 0x1000_0000;
const FINISHER = 0x0010_0000;
const LOG = RAM_BASE + 0x10_0000;
const BLOCK = 0x4_0000;

type Size = 1 | 2 | 4;
interface Access {
  readonly offset: number;
  readonly size: Size;
  readonly store?: number;
}

const load = (offset: number, size: Size = 4): Access => ({ offset, size });
const store = (offset: number, word: number): Access => ({ offset, size: 4, store: word });
/** The same byte to both chips. */
const command = (offset: number, byte: number): Access => store(offset, (byte << 16) | byte);

const LOADS = { 1: "lbu", 2: "lhu", 4: "lw" } as const;
const STORES = { 1: "sb", 2: "sh", 4: "sw" } as const;

/** Makes the accesses, keeps what it loads, and sends that at the end. */
function program(accesses: readonly Access[]): Uint8Array {
  const made = new asm.Program().li(S0, LOG);
  for (const { offset, size, store: word } of accesses) {
    made.li(A0, BANK + offset);
    if (word === undefined) {
      made.words(asm.load(LOADS[size], A1, 0, A0), asm.store("sw", A1, 0, S0), asm.i("addi", S0, S0, 4));
    } else made.li(A1, word).words(asm.store(STORES[size], A1, 0, A0));
  }
  made
    .li(T0, LOG)
    .li(A0, UART)
    .jal(0, "more")
    .label("send")
    .words(asm.load("lbu", A1, 0, T0), asm.store("sb", A1, 0, A0), asm.i("addi", T0, T0, 1))
    .label("more")
    .branch("bltu", T0, S0, "send")
    .li(A0, FINISHER)
    .li(A2, 0x5555)
    .words(asm.store("sw", A2, 0, A0), asm.jal(0, 0));
  return writeElf({ code: made.bytes() });
}

const hexWord = (word: number): string => (word >>> 0).toString(16).padStart(8, "0");

function loadedOnQemu(accesses: readonly Access[]): string[] {
  const bytes = Buffer.from(onQemu(program(accesses)), "latin1");
  return Array.from({ length: bytes.length / 4 }, (_, at) => hexWord(bytes.readUInt32LE(4 * at)));
}

/** A bank as QEMU begins with: of 0s. */
function loadedHere(accesses: readonly Access[]): string[] {
  const port = new BytesFlashPort(new Uint8Array(FLASH_STRIDE), () => undefined);
  const sectors = [{ count: 128, bytes: BLOCK }];
  const chip = new FlashChip(port, { sectors, writeBlockBytes: 4, erasedByte: 0xff, program: "and" });
  const times = { eraseUs: 0, programUs: 0 };
  const options = { times, atReset: "ends", isResetWired: true } as const;
  const bank = new CfiFlash(deviceState(), "bank", chip, options, new TestBoard());
  return accesses.flatMap(({ offset, size, store: word }) => {
    if (word === undefined) return [hexWord(bank.load(offset, size))];
    bank.store(offset, word, size);
    return [];
  });
}

/** Well-formed use of a bank, whose words the caller keeps in `held`. */
function someUse(random: Random, held: Map<number, number>): Access[] {
  const block = random.below(4) * BLOCK;
  const word = block + 4 * random.below(64);
  const read = [command(word, 0xff), load(word), load(word + random.below(4), 1), load(word + 2, 2)];
  const value = (at: number): number => (held.get(at) ?? 0) & random.uint32();
  switch (random.below(8)) {
    case 0:
      for (let at = 0; at < 80 * 4; at += 4) held.set(block + at, -1);
      return [command(word, 0x20), command(word, 0xd0), load(word), ...read];
    case 1:
    case 2: {
      const programmed = value(word);
      held.set(word, programmed);
      const byte = random.pick([0x40, 0x10]);
      return [
        command(word, byte),
        store(word, programmed),
        load(word),
        command(0, 0x70),
        load(0, 2),
        ...read,
      ];
    }
    case 3:
    case 4: {
      const count = 1 + random.below(16);
      const data = Array.from({ length: count }, (_, at) => value(word + 4 * at));
      for (const [at, one] of data.entries()) held.set(word + 4 * at, one);
      const stores = data.map((one, at) => store(word + 4 * at, one));
      return [
        command(block, 0xe8),
        load(block),
        command(block, count - 1),
        ...stores,
        command(block, 0xd0),
        load(0),
        ...read,
      ];
    }
    case 5: {
      const places = [0, 4, 8, 0x0c, 0x100].map((at) => load(block + at));
      return [command(block, 0x90), ...places, load(0, 2), load(2, 2), command(0, 0xff), load(word)];
    }
    case 6: {
      const table = Array.from({ length: 8 }, () => load(4 * random.below(0x60)));
      return [command(0, 0x98), ...table, load(0x40, 2), ...read];
    }
    default:
      return [
        command(block, 0x60),
        command(block, random.pick([0x01, 0xd0])),
        load(0),
        command(block, 0x60),
        command(block, 0xd0),
        ...read,
      ];
  }
}

describe("the bank gives what QEMU's gives", () => {
  expectQemuInCi();

  it.runIf(hasQemu)("after reset, its identifiers and its whole query table", () => {
    const table = Array.from({ length: 0x58 }, (_, at) => load(4 * at));
    const ids = [0, 4, 8, 0x0c, BLOCK, BLOCK + 4].map((at) => load(at));
    const accesses = [load(0), load(BLOCK - 4), command(0, 0x70), load(0), command(0x55 * 4, 0x98), ...table];
    accesses.push(command(0, 0xff), command(0, 0x90), ...ids, command(0, 0xff), load(0));
    expect(loadedHere(accesses)).toEqual(loadedOnQemu(accesses));
  });

  it.runIf(hasQemu).each(Array.from({ length: 6 }, (_, seed) => seed + 1))(
    "well-formed use, seed %i",
    (seed) => {
      const random = new Random(seed);
      const held = new Map<number, number>();
      const accesses: Access[] = [];
      while (accesses.length < 1500) accesses.push(...someUse(random, held));
      expect(loadedHere(accesses)).toEqual(loadedOnQemu(accesses));
    },
  );
});

describe("the bank is as the data sheets have it where QEMU is not", () => {
  const erased = [command(0, 0x20), command(0, 0xd0)];
  const read = [command(0, 0xff), load(0)];
  it.runIf(hasQemu).each<[what: string, accesses: readonly Access[], onQemu: string[], here: string[]]>([
    [
      "a program clears bits and sets none; on QEMU it stores what it is given",
      [...erased, command(0, 0x40), store(0, 0x0f0f_0f0f), command(0, 0x40), store(0, 0x3333_3333), ...read],
      ["33333333"],
      ["03030303"],
    ],
    [
      "clearing the status leaves it ready; on QEMU it no longer is",
      [...erased, command(0, 0x50), command(0, 0x70), load(0)],
      ["00000000"],
      ["00800080"],
    ],
    [
      "clearing the status leaves what loads give; on QEMU they give the array",
      [...erased, command(0, 0x70), command(0, 0x50), load(0)],
      ["ffffffff"],
      ["00800080"],
    ],
    [
      "an erase without its confirm is a command sequence error; QEMU has erased by then",
      [command(0, 0x20), command(0, 0x70), command(0, 0x70), load(0), ...read],
      ["00800080", "ffffffff"],
      ["00b000b0", "00000000"],
    ],
    [
      "a buffered program without its confirm is a command sequence error; QEMU tells of none",
      [...erased, command(0, 0xe8), command(0, 0), store(0, 0), command(0, 0xff), command(0, 0x70), load(0)],
      ["00800080"],
      ["00b000b0"],
    ],
    [
      "a block that is locked is not erased; QEMU knows no locks",
      [command(0, 0x60), command(0, 0x01), ...erased, load(0), command(0, 0x90), load(8), ...read],
      ["00800080", "00000000", "ffffffff"],
      ["00a200a2", "00010001", "00000000"],
    ],
    [
      "the reset command of other makers' chips is no command; on QEMU it reads the array",
      [...erased, command(0, 0xf0), load(0)],
      ["ffffffff"],
      ["00800080"],
    ],
    [
      "a byte that is none of the status reads 0; QEMU gives the status again",
      [command(0, 0x70), load(1, 1), load(2, 1), load(2, 2)],
      ["00000080", "00000080", "00000080"],
      ["00000000", "00000080", "00000080"],
    ],
    [
      "any read command ends a query; on QEMU only that of the array does",
      [command(0, 0x98), command(0, 0x70), load(0x40)],
      ["00510051"],
      ["00800080"],
    ],
  ])("%s", (_, accesses, onQemuGiven, here) => {
    expect(loadedHere(accesses)).toEqual(here);
    expect(loadedOnQemu(accesses)).toEqual(onQemuGiven);
  });
});
