/** The flash controller of docs/hardware.md: what its commands do, and what STATUS tells of each that is not done. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { BUS_FAULT } from "../../../controller/cpu/engine.ts";
import {
  type ControlledFlash,
  FLASH_KEYS,
  FlashCommand,
  FlashController,
  type FlashControllerOptions,
  type FlashMisuse,
  FlashRegister,
} from "../../../controller/devices/flash-controller.ts";
import type { GuestMemory } from "../../../controller/devices/guest-memory.ts";
import type { ChipGeometry } from "../../../emulator/flash/chip-geometry.ts";
import { BytesFlashPort } from "../../../emulator/flash/flash.ts";
import { FlashChip } from "../../../emulator/flash/flash-chip.ts";
import { FlashStatus } from "../../../emulator/memory/flash-posts.ts";
import { RAM_BASE } from "../../../emulator/memory/map.ts";
import { deviceState, TestBoard } from "./test-board.ts";

const RAM_BYTES = 4096;
const EXTERNAL = 1 << 11;
const [WHOLE, UNITS] = [768, 10];
const SECTORS = [
  { count: 2, bytes: 64 },
  { count: 1, bytes: 128 },
  { count: 2, bytes: 256 },
];
const NOR: ChipGeometry = { sectors: SECTORS, writeBlockBytes: 8, erasedByte: 0xff, program: "and" };
const ECC: ChipGeometry = { ...NOR, writeBlockBytes: 16, program: "ecc" };
const AT_ONCE = { eraseUs: 0, programUs: 0 };
const TIMED = { eraseUs: 10, programUs: 1 };
const [ERASE_TICKS, PROGRAM_TICKS] = [100, 10];

class TestMemory implements GuestMemory {
  readonly bytes = new Uint8Array(RAM_BYTES);
  read(address: number, byteCount: number): Uint8Array | undefined {
    const offset = address - RAM_BASE;
    if (offset < 0 || offset + byteCount > RAM_BYTES) return undefined;
    return this.bytes.slice(offset, offset + byteCount);
  }
  store(address: number, bytes: Uint8Array): boolean {
    if (this.read(address, bytes.length) === undefined) return false;
    this.bytes.set(bytes, address - RAM_BASE);
    return true;
  }
}

function bench(
  options: Partial<FlashControllerOptions> = {},
  flash: Partial<ControlledFlash> & { readonly geometry?: ChipGeometry } = {},
) {
  const { geometry = NOR } = flash;
  const contents = [0, 1].map(() => new Uint8Array(WHOLE).fill(geometry.erasedByte));
  const devices = contents.map((bytes): ControlledFlash => {
    const chip = new FlashChip(new BytesFlashPort(bytes, () => undefined), geometry);
    return { chip, times: AT_ONCE, whileBusy: "stall", isMapped: true, ...flash };
  });
  const board = new TestBoard();
  const memory = new TestMemory();
  const misuses: FlashMisuse[] = [];
  const misused = (misuse: FlashMisuse): number => misuses.push(misuse);
  const state = deviceState();
  const whole = { devices, memory, atReset: "ends", misused, ...options } as const;
  const controller = new FlashController(state, whole, board);
  controller.reset();
  board.ticking.push(controller);
  const store = (register: FlashRegister, value: number): number => controller.store(register, value | 0);
  const load = (register: FlashRegister): number => controller.load(register);
  const open = (): void => {
    for (const key of FLASH_KEYS) store(FlashRegister.KEY, key);
  };
  const command = (code: number, offset: number, length: number, memoryAt = 0): FlashStatus => {
    store(FlashRegister.OFFSET, offset);
    store(FlashRegister.LENGTH, length);
    store(FlashRegister.MEMORY, RAM_BASE + memoryAt);
    store(FlashRegister.COMMAND, code);
    return load(FlashRegister.STATUS);
  };
  const pass = (ticks: number): void => {
    board.ticks += ticks;
    board.catchUp();
  };
  const chip = (index: number): FlashChip => (devices[index] as ControlledFlash).chip;
  const bytes = contents[0] as Uint8Array;
  return {
    controller,
    board,
    memory,
    misuses,
    state,
    contents,
    bytes,
    chip,
    store,
    load,
    open,
    command,
    pass,
  };
}

describe("what the controller tells of its devices", () => {
  it("is of the one that is selected, of which there are so many", () => {
    const { load, store, contents, open, command } = bench();
    expect([load(FlashRegister.DEVICE), load(FlashRegister.BYTES), load(FlashRegister.WRITE_BLOCK)]).toEqual([
      0x2_0000, 768, 8,
    ]);
    expect(store(FlashRegister.DEVICE, 1)).toBe(0);
    expect([store(FlashRegister.DEVICE, 2), store(FlashRegister.DEVICE, -1)]).toEqual([BUS_FAULT, BUS_FAULT]);
    expect(load(FlashRegister.DEVICE)).toBe(0x2_0001);
    open();
    command(FlashCommand.PROGRAM, 0, 8);
    expect([contents[0]?.[0], contents[1]?.[0]]).toEqual([0xff, 0]);
  });

  it.each<[Partial<ControlledFlash> & { geometry?: ChipGeometry }, number]>([
    [{}, 0x1_09ff],
    [{ whileBusy: "ready", isMapped: false }, 0x1ff],
    [{ geometry: ECC, whileBusy: "fault" }, 0x1_17ff],
    [{ geometry: { ...NOR, program: "once", erasedByte: 0 }, isMapped: false }, 0xb00],
    [{ geometry: { ...NOR, program: "overwrite" } }, 0x1_08ff],
  ])("traits %#", (flash, traits) => {
    expect(bench({}, flash).load(FlashRegister.TRAITS)).toBe(traits);
  });

  it.each([
    [0, 0, 64],
    [70, 64, 64],
    [200, 128, 128],
    [767, 512, 256],
    [768, 0, 0],
    [-1, 0, 0],
  ])("the sector of %i", (offset, start, bytes) => {
    const { load, store } = bench();
    store(FlashRegister.QUERY, offset);
    expect([load(FlashRegister.SECTOR_OFFSET), load(FlashRegister.SECTOR_BYTES)]).toEqual([start, bytes]);
  });

  it("has no other registers, and takes no stores to those that are read", () => {
    const { controller } = bench();
    for (const offset of [0x10, 0x1c, 0x2c, 0x40, 0x50, 0x100])
      expect(controller.load(offset)).toBe(BUS_FAULT);
    for (const offset of [0x04, 0x08, 0x0c, 0x14, 0x18, 0x34, 0x40, 0x48, 0x4c]) {
      expect(controller.store(offset, 1)).toBe(BUS_FAULT);
    }
  });
});

describe("commands", () => {
  it("program from RAM, read to it, verify against it, erase, and find what is erased", () => {
    fc.assert(
      fc.property(fc.nat(11), fc.uint8Array({ minLength: 64, maxLength: 64 }), (place, data) => {
        const { memory, bytes, open, command, load } = bench();
        open();
        memory.bytes.set(data);
        const offset = place * 64;
        expect(command(FlashCommand.PROGRAM, offset, 64)).toBe(FlashStatus.DONE);
        const expected = new Uint8Array(WHOLE).fill(0xff);
        expected.set(data, offset);
        expect(bytes).toEqual(expected);
        expect(command(FlashCommand.VERIFY, offset, 64)).toBe(FlashStatus.DONE);
        expect(command(FlashCommand.READ, offset + 3, 61, 1000)).toBe(FlashStatus.DONE);
        expect(memory.bytes.slice(1000, 1061)).toEqual(data.slice(3));
        const firstSet = data.findIndex((byte) => byte !== 0xff);
        expect(command(FlashCommand.IS_ERASED, 0, WHOLE)).toBe(
          firstSet < 0 ? FlashStatus.DONE : FlashStatus.NOT_ERASED,
        );
        if (firstSet >= 0) expect(load(FlashRegister.FAIL_OFFSET)).toBe(offset + firstSet);
        expect(command(FlashCommand.ERASE, 0, WHOLE)).toBe(FlashStatus.DONE);
        expect(command(FlashCommand.IS_ERASED, 0, WHOLE)).toBe(FlashStatus.DONE);
      }),
      { numRuns: 30 },
    );
  });

  it("verify tells where the first byte is that differs", () => {
    const { memory, command, load } = bench();
    memory.bytes.fill(0xff, 0, 64);
    memory.bytes[13] = 0;
    expect(command(FlashCommand.VERIFY, 100, 64)).toBe(FlashStatus.DIFFERS);
    expect(load(FlashRegister.FAIL_OFFSET)).toBe(113);
  });

  type Made = ReturnType<typeof bench>;
  it.each<[string, (made: Made) => FlashStatus, FlashStatus, string]>([
    ["a program between blocks", ({ command }) => command(1, 4, 8), FlashStatus.MISALIGNED, "misaligned"],
    ["an erase of half a sector", ({ command }) => command(2, 0, 32), FlashStatus.MISALIGNED, "misaligned"],
    ["a program of nothing", ({ command }) => command(1, 0, 0), FlashStatus.MISALIGNED, "empty"],
    ["a read of nothing", ({ command }) => command(3, 0, 0), FlashStatus.MISALIGNED, "empty"],
    ["an erase beyond the chip", ({ command }) => command(2, 512, 512), FlashStatus.RANGE, "out-of-range"],
    [
      "a program of far too much",
      ({ command }) => command(1, 0, 0xffff_fff8),
      FlashStatus.RANGE,
      "out-of-range",
    ],
    ["a read beyond the chip", ({ command }) => command(3, 767, 2), FlashStatus.RANGE, "out-of-range"],
    ["a program from nowhere", ({ command }) => command(1, 0, 8, -4), FlashStatus.RANGE, "memory"],
    ["a read to nowhere", ({ command }) => command(3, 0, 8, RAM_BYTES - 4), FlashStatus.RANGE, "memory"],
    ["a verify with nowhere", ({ command }) => command(5, 0, 8, RAM_BYTES), FlashStatus.RANGE, "memory"],
    ["no command", ({ command }) => command(6, 0, 8), FlashStatus.REFUSED, "unknown-command"],
    [
      "a program over what is there",
      ({ command, memory }) => {
        command(1, 0, 16);
        memory.bytes.fill(1);
        return command(1, 0, 16);
      },
      FlashStatus.NOT_ERASED,
      "not-erased",
    ],
    [
      "without the key",
      ({ command, store }) => {
        store(FlashRegister.KEY, 0);
        return command(1, 0, 8);
      },
      FlashStatus.LOCKED,
      "key",
    ],
    [
      "protected",
      ({ command, store }) => {
        store(FlashRegister.PROTECT, 65);
        return command(2, 64, 64);
      },
      FlashStatus.REFUSED,
      "protected",
    ],
  ])("refused: %s", (_, act, status, name) => {
    const made = bench();
    made.open();
    const before = made.bytes.slice();
    expect(act(made)).toBe(status);
    expect(made.misuses.map((misuse) => misuse.name)).toEqual([name]);
    if (name !== "not-erased") expect(made.bytes).toEqual(before);
    made.store(FlashRegister.STATUS, 0xff);
    expect(made.load(FlashRegister.STATUS)).toBe(FlashStatus.NONE);
  });

  it("of a chip with ECC: a second program, a block that faults, one that is corrected", () => {
    const { chip, open, command, load, store } = bench({}, { geometry: ECC });
    open();
    expect(command(FlashCommand.PROGRAM, 0, 16)).toBe(FlashStatus.DONE);
    expect(command(FlashCommand.PROGRAM, 0, 16)).toBe(FlashStatus.NOT_ERASED);
    chip(0).damage("faulty", 36, 1);
    for (const code of [FlashCommand.READ, FlashCommand.VERIFY]) {
      expect([command(code, 0, 64), load(FlashRegister.FAIL_OFFSET)]).toEqual([FlashStatus.ECC, 32]);
    }
    expect([command(FlashCommand.IS_ERASED, 16, 64), load(FlashRegister.FAIL_OFFSET)]).toEqual([11, 32]);
    chip(0).damage("corrected", 80, 1);
    expect([command(FlashCommand.READ, 64, 64), load(FlashRegister.CORRECTED)]).toEqual([
      FlashStatus.DONE,
      1,
    ]);
    expect(load(FlashRegister.CORRECTED_OFFSET)).toBe(80);
    store(FlashRegister.CORRECTED, 1);
    expect(load(FlashRegister.CORRECTED)).toBe(0);
  });

  it("that the chip cannot do fail, and tell where", () => {
    const { chip, open, command, load } = bench();
    open();
    chip(0).damage("bad", 72, 1);
    expect([command(FlashCommand.PROGRAM, 64, 24), load(FlashRegister.FAIL_OFFSET)]).toEqual([
      FlashStatus.FAILED,
      72,
    ]);
    expect([command(FlashCommand.ERASE, 0, 128), load(FlashRegister.FAIL_OFFSET)]).toEqual([
      FlashStatus.FAILED,
      72,
    ]);
  });

  it("need no key where the board says so", () => {
    expect(bench({ isAlwaysOpen: true }).command(FlashCommand.ERASE, 0, 64)).toBe(FlashStatus.DONE);
  });
});

describe("key and protection", () => {
  it.each<[string, readonly number[], boolean]>([
    ["both in their order", [...FLASH_KEYS], true],
    ["the second alone", [FLASH_KEYS[1]], false],
    ["the first twice", [FLASH_KEYS[0], FLASH_KEYS[0], FLASH_KEYS[1]], false],
    ["something between", [FLASH_KEYS[0], 1, FLASH_KEYS[1]], false],
    ["something behind", [...FLASH_KEYS, FLASH_KEYS[0]], false],
  ])("%s", (_, keys, isOpen) => {
    const { store, command } = bench();
    for (const key of keys) store(FlashRegister.KEY, key);
    expect(command(FlashCommand.ERASE, 0, 64)).toBe(isOpen ? FlashStatus.DONE : FlashStatus.LOCKED);
  });

  it("a reset locks, and takes the protection back, which before only rises", () => {
    const { controller, store, load, open, command } = bench();
    open();
    store(FlashRegister.PROTECT, 128);
    store(FlashRegister.PROTECT, 64);
    expect([load(FlashRegister.PROTECT), command(FlashCommand.ERASE, 64, 64)]).toEqual([
      128,
      FlashStatus.REFUSED,
    ]);
    expect([controller.isProtected(0, 127), controller.isProtected(0, 128)]).toEqual([true, false]);
    expect(controller.isProtected(1, 0)).toBe(false);
    controller.reset();
    expect([load(FlashRegister.PROTECT), command(FlashCommand.ERASE, 64, 64)]).toEqual([
      0,
      FlashStatus.LOCKED,
    ]);
  });
});

describe("with times", () => {
  it("an operation goes unit by unit, and interrupts at its end", () => {
    const { controller, bytes, store, load, open, command, pass } = bench({}, { times: TIMED });
    open();
    store(FlashRegister.INTERRUPT, 1);
    expect(command(FlashCommand.PROGRAM, 0, 8 * UNITS)).toBe(FlashStatus.NONE);
    pass(3.5 * PROGRAM_TICKS);
    expect([bytes[23], bytes[24], controller.pending()]).toEqual([0, 0xff, 0]);
    pass(6.5 * PROGRAM_TICKS);
    expect([bytes[79], load(FlashRegister.STATUS), controller.pending()]).toEqual([
      0,
      FlashStatus.DONE,
      EXTERNAL,
    ]);
    store(FlashRegister.STATUS, 0);
    expect([controller.pending(), controller.nextEvent()]).toEqual([0, Number.POSITIVE_INFINITY]);
  });

  it("tells of a misuse whether it is found at its access, or at the end of a unit", () => {
    const { misuses, store, open, command, pass } = bench({}, { times: TIMED });
    open();
    command(FlashCommand.ERASE, 0, 64);
    store(FlashRegister.COMMAND, FlashCommand.ERASE);
    store(FlashRegister.PROTECT, 64);
    pass(ERASE_TICKS);
    expect(misuses.map(({ name, isLate }) => [name, isLate])).toEqual([
      ["busy", undefined],
      ["protected", true],
    ]);
  });

  it("tells when a device gets busy and when it no longer is, and nothing of what takes no time", () => {
    const told: (readonly [number, boolean])[] = [];
    const busyChanged = (device: number, isBusy: boolean): number => told.push([device, isBusy]);
    const { controller, store, open, command, pass } = bench({ busyChanged }, { times: TIMED });
    open();
    store(FlashRegister.DEVICE, 1);
    command(FlashCommand.ERASE, 0, 128);
    expect(told).toEqual([[1, true]]);
    pass(ERASE_TICKS);
    expect(told).toHaveLength(1);
    pass(ERASE_TICKS);
    expect(told.splice(0)).toEqual([
      [1, true],
      [1, false],
    ]);
    command(FlashCommand.ERASE, 0, 64);
    controller.reset();
    expect(told.splice(0)).toEqual([
      [1, true],
      [1, false],
    ]);
    const atOnce = bench({ busyChanged });
    atOnce.open();
    atOnce.command(FlashCommand.ERASE, 0, 64);
    expect(told).toEqual([]);
  });

  it("refuses a command meanwhile, and tells the end of the first one as well", () => {
    const { misuses, store, load, open, command, pass, bytes } = bench({}, { times: TIMED });
    open();
    bytes.fill(0);
    command(FlashCommand.ERASE, 0, 64);
    expect([command(FlashCommand.READ, 0, 8), misuses[0]?.name]).toEqual([FlashStatus.REFUSED, "busy"]);
    store(FlashRegister.STATUS, 0);
    pass(ERASE_TICKS);
    expect([load(FlashRegister.STATUS), bytes[0]]).toEqual([FlashStatus.DONE, 0xff]);
  });

  it("takes the data of a unit from RAM when it is made, and none that was protected meanwhile", () => {
    const { memory, bytes, store, load, open, command, pass } = bench({}, { times: TIMED });
    open();
    command(FlashCommand.PROGRAM, 0, 24);
    pass(PROGRAM_TICKS);
    memory.bytes.fill(0x11);
    pass(PROGRAM_TICKS);
    store(FlashRegister.PROTECT, 24);
    pass(PROGRAM_TICKS);
    expect([bytes[0], bytes[8], bytes[16], load(FlashRegister.STATUS)]).toEqual([
      0,
      0x11,
      0xff,
      FlashStatus.REFUSED,
    ]);
  });

  it("is busy, and the other is not, until the last unit is made", () => {
    const { controller, open, command, pass } = bench({}, { times: TIMED });
    open();
    expect(controller.isBusy(0)).toBe(false);
    command(FlashCommand.ERASE, 0, 128);
    expect([controller.isBusy(0), controller.isBusy(1)]).toEqual([true, false]);
    pass(ERASE_TICKS);
    expect(controller.isBusy(0)).toBe(true);
    pass(ERASE_TICKS);
    expect(controller.isBusy(0)).toBe(false);
  });

  it.each<["torn" | "ends" | "goes-on", number[], boolean]>([
    ["torn", [64], false],
    ["ends", [], false],
    ["goes-on", [], true],
  ])("a reset under way: %s", (atReset, torn, isFinished) => {
    const found: number[] = [];
    const tearUnit = ({ unitOffset }: { unitOffset: number }): number => found.push(unitOffset);
    const { controller, bytes, load, open, command, pass } = bench({ atReset, tearUnit }, { times: TIMED });
    open();
    bytes.fill(0);
    command(FlashCommand.ERASE, 0, 256);
    pass(ERASE_TICKS + 50);
    controller.reset();
    pass(2 * ERASE_TICKS);
    expect([found, bytes[0], bytes[64], load(FlashRegister.STATUS)]).toEqual([
      torn,
      0xff,
      isFinished ? 0xff : 0,
      isFinished ? FlashStatus.DONE : FlashStatus.NONE,
    ]);
  });

  it("a start finds whether what was under way at its reset goes on: STATUS says nothing of it", () => {
    const { controller, load, open, command, pass } = bench({ atReset: "goes-on" }, { times: TIMED });
    const told = (): readonly number[] => [load(FlashRegister.BUSY), load(FlashRegister.STATUS)];
    open();
    expect(told()).toEqual([0, FlashStatus.NONE]);
    command(FlashCommand.ERASE, 0, 64);
    controller.reset();
    expect(told()).toEqual([1, FlashStatus.NONE]);
    pass(ERASE_TICKS);
    expect(told()).toEqual([0, FlashStatus.DONE]);
  });

  it("power that goes may tear the unit under way", () => {
    const torn: number[] = [];
    const { controller, open, command } = bench({ atReset: "goes-on" }, { times: TIMED });
    open();
    command(FlashCommand.ERASE, 64, 64);
    controller.powerOff(({ unitOffset }) => torn.push(unitOffset));
    expect([torn, controller.nextEvent()]).toEqual([[64], Number.POSITIVE_INFINITY]);
  });

  it("what is under way is put back with its words", () => {
    const { bytes, state, load, open, command, pass } = bench({}, { times: TIMED });
    open();
    command(FlashCommand.PROGRAM, 0, 16);
    pass(PROGRAM_TICKS);
    const [saved, held] = [state.all.slice(), bytes.slice()];
    pass(PROGRAM_TICKS);
    const ended = bytes.slice();
    state.all.set(saved);
    bytes.set(held);
    pass(0);
    expect([load(FlashRegister.STATUS), bytes]).toEqual([FlashStatus.DONE, ended]);
  });

  it("has somebody asked before each unit and before each look", () => {
    const told: string[] = [];
    const { open, command } = bench({
      beforeUnit: ({ kind, unitOffset }) => told.push(`${kind} ${unitOffset}`),
      beforeRead: () => told.push("read"),
    });
    open();
    command(FlashCommand.PROGRAM, 0, 16);
    command(FlashCommand.VERIFY, 0, 16);
    command(FlashCommand.ERASE, 64, 64);
    command(FlashCommand.IS_ERASED, 64, 64);
    expect(told).toEqual(["program 0", "program 8", "read", "erase 64", "read"]);
  });
});
