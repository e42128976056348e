/** The flash controller of the controller's board: what it posts, what it refuses by itself, and what it reads. */
import { describe, expect, it } from "vitest";
import { BUS_FAULT } from "../../../controller/cpu/engine.ts";
import { FlashCommand, FlashRegister } from "../../../controller/devices/flash-controller.ts";
import type { GuestMemory } from "../../../controller/devices/guest-memory.ts";
import { FlashRequest, RegionFlash } from "../../../controller/devices/region-flash.ts";
import { type ByteRanges, firstIn } from "../../../emulator/flash/byte-ranges.ts";
import { Control } from "../../../emulator/memory/control.ts";
import { FlashAction, FlashStatus, readPost } from "../../../emulator/memory/flash-posts.ts";
import { DEFAULT_MEMORY_CONFIG } from "../../../emulator/memory/layout.ts";
import { RAM_BASE } from "../../../emulator/memory/map.ts";
import { deviceState, TestBoard } from "./test-board.ts";

const REGION_BYTES = 65_536;
const config = { ...DEFAULT_MEMORY_CONFIG, regions: 3, regionBytes: REGION_BYTES };
const RAM_BYTES = 65_536;
const EXTERNAL = 1 << 11;
const [EPOCH, OWN, OTHER] = [7, 0, 1];

/** A version of boot epoch 7 in region 0, which has begun to write region 1. */
function bench({ isServed = true, hasEcc = false } = {}) {
  const board = new TestBoard();
  board.bootEpoch = EPOCH;
  const control = new Int32Array(new SharedArrayBuffer(Control.WORDS * 4));
  control[Control.FLASH_EPOCH] = EPOCH;
  control[Control.FLASH_BEGUN + OTHER] = EPOCH;
  control[Control.REGION] = OWN;
  const regions = Array.from({ length: 3 }, () => new Uint8Array(REGION_BYTES).fill(0xff));
  const ram = new Uint8Array(RAM_BYTES);
  const memory: GuestMemory = {
    read: (address, byteCount) => {
      const from = address - RAM_BASE;
      return from < 0 || from + byteCount > RAM_BYTES ? undefined : ram.slice(from, from + byteCount);
    },
    store: (address, bytes) => {
      ram.set(bytes, address - RAM_BASE);
      return true;
    },
  };
  let long = 0;
  let changed = 0;
  const unreadable: ByteRanges[] = [];
  let posted = 0;
  const readRegion = (region: number, offset: number, byteCount: number): Uint8Array =>
    (regions[region] as Uint8Array).slice(offset, offset + byteCount);
  const device = new RegionFlash(
    deviceState(),
    {
      config: hasEcc ? { ...config, ecc: true } : config,
      regionCount: () => 3,
      control,
      memory,
      readRegion,
      readFault: (region, offset, byteCount) => firstIn(unreadable[region] ?? [], offset, offset + byteCount),
      regionsChanged: () => (changed += 1),
      isServed,
      posted: () => (posted += 1),
      tookLong: () => (long += 1),
    },
    board,
  );
  device.reset();
  const store = (register: FlashRegister, value: number): number => device.store(register, value | 0);
  const load = (register: FlashRegister): number => device.load(register);
  store(FlashRegister.DEVICE, OTHER);
  const command = (code: number, offset: number, length: number, memoryAt = 0): FlashStatus => {
    store(FlashRegister.OFFSET, offset);
    store(FlashRegister.LENGTH, length);
    store(FlashRegister.MEMORY, RAM_BASE + memoryAt);
    store(FlashRegister.COMMAND, code);
    return load(FlashRegister.STATUS);
  };
  const request = (code: number): FlashStatus => {
    store(FlashRegister.REQUEST, code);
    return load(FlashRegister.STATUS);
  };
  /** What the memory emulator worker stores at an operation's end. */
  const ended = (status: FlashStatus, failOffset = 0): void => {
    control[Control.FLASH_STATUS] = status;
    control[Control.FLASH_FAIL_OFFSET] = failOffset;
    control[Control.FLASH_ENDED] = readPost(control)?.number ?? 0;
  };
  const answered = (status: FlashStatus): void => {
    control[Control.FLASH_ANSWER] = status;
    control[Control.FLASH_ANSWERED] = readPost(control)?.number ?? 0;
  };
  return {
    board,
    posted: (): number => posted,
    control,
    regions,
    ram,
    device,
    store,
    load,
    command,
    request,
    ended,
    answered,
    longs: (): number => long,
    unreadable,
    changes: (): number => changed,
  };
}

describe("the registers", () => {
  it("tell of the regions, their sectors and their traits", () => {
    const { load, store } = bench();
    expect([load(FlashRegister.DEVICE), load(FlashRegister.BYTES), load(FlashRegister.WRITE_BLOCK)]).toEqual([
      0x3_0001,
      REGION_BYTES,
      256,
    ]);
    expect(load(FlashRegister.TRAITS)).toBe(0x1_01ff);
    expect([store(FlashRegister.DEVICE, 3), store(FlashRegister.DEVICE, -1)]).toEqual([BUS_FAULT, BUS_FAULT]);
    for (const [asked, offset, bytes] of [
      [4097, 4096, 4096],
      [REGION_BYTES - 1, REGION_BYTES - 4096, 4096],
      [REGION_BYTES, 0, 0],
      [-1, 0, 0],
    ] as const) {
      store(FlashRegister.QUERY, asked);
      expect([load(FlashRegister.SECTOR_OFFSET), load(FlashRegister.SECTOR_BYTES)]).toEqual([offset, bytes]);
    }
  });

  it("are no others, and those that are read take no stores", () => {
    const { load, store } = bench();
    for (const offset of [0x10, 0x1c, 0x2c, 0x40, 0x4c]) expect(load(offset)).toBe(BUS_FAULT);
    for (const offset of [0x04, 0x08, 0x0c, 0x14, 0x18, 0x34, 0x48, 0x4c])
      expect(store(offset, 1)).toBe(BUS_FAULT);
    expect(store(FlashRegister.KEY, 5)).toBe(0);
  });
});

describe("an operation", () => {
  it("is posted, and STATUS is 0 until it has ended, by whichever end", () => {
    const { board, posted, control, command, ended, load } = bench();
    expect(command(FlashCommand.PROGRAM, 512, 256, 3)).toBe(FlashStatus.NONE);
    expect([posted(), board.rings], "whoever carries operations out is told, the supervisor is not").toEqual([
      1, 0,
    ]);
    expect(readPost(control)).toMatchObject({
      action: FlashAction.PROGRAM,
      region: OTHER,
      offset: 512,
      length: 256,
      memory: RAM_BASE + 3,
      epoch: EPOCH,
    });
    expect(load(FlashRegister.STATUS)).toBe(FlashStatus.NONE);
    ended(FlashStatus.NOT_ERASED, 600);
    expect([load(FlashRegister.STATUS), load(FlashRegister.FAIL_OFFSET)]).toEqual([
      FlashStatus.NOT_ERASED,
      600,
    ]);
    expect(command(FlashCommand.ERASE, 0, 4096)).toBe(FlashStatus.NONE);
    ended(FlashStatus.DONE);
    expect(load(FlashRegister.STATUS)).toBe(FlashStatus.DONE);
  });

  it("is not ended by what was told of another one", () => {
    const { control, command, load } = bench();
    command(FlashCommand.ERASE, 0, 4096);
    control[Control.FLASH_STATUS] = FlashStatus.DONE;
    control[Control.FLASH_ENDED] = (readPost(control)?.number ?? 0) - 2;
    expect(load(FlashRegister.STATUS)).toBe(FlashStatus.NONE);
  });

  it.each<[string, (b: ReturnType<typeof bench>) => void]>([
    ["that was not begun", ({ store }) => void store(FlashRegister.DEVICE, 2)],
    [
      "of the primary",
      ({ store, control }) => {
        control[Control.FLASH_BEGUN + OWN] = EPOCH;
        store(FlashRegister.DEVICE, OWN);
      },
    ],
    ["that the version before had begun", ({ control }) => control.set([6], Control.FLASH_BEGUN + OTHER)],
    ["of a version that is being stopped", ({ control }) => control.set([0], Control.FLASH_EPOCH)],
    ["in what it protects", ({ store }) => void store(FlashRegister.PROTECT, 1)],
  ])("on a region %s is refused, STATUS 10, and posts nothing", (_, arrange) => {
    const b = bench();
    arrange(b);
    for (const command of [FlashCommand.ERASE, FlashCommand.PROGRAM])
      expect(b.command(command, 0, 4096)).toBe(FlashStatus.REFUSED);
    expect(readPost(b.control)).toBeUndefined();
  });

  it.each<[FlashCommand, number, number, number, FlashStatus]>([
    [FlashCommand.ERASE, 256, 4096, 0, FlashStatus.MISALIGNED],
    [FlashCommand.ERASE, 0, 0, 0, FlashStatus.MISALIGNED],
    [FlashCommand.PROGRAM, 0, 255, 0, FlashStatus.MISALIGNED],
    [FlashCommand.ERASE, REGION_BYTES, 4096, 0, FlashStatus.RANGE],
    [FlashCommand.ERASE, 4096, 0xffff_f000, 0, FlashStatus.RANGE],
    [FlashCommand.PROGRAM, 0, 256, RAM_BYTES - 255, FlashStatus.RANGE],
    [FlashCommand.PROGRAM, 0, 256, -1, FlashStatus.RANGE],
  ])("%s at %s of %s bytes from RAM + %s is %s at once", (command, offset, length, memoryAt, status) => {
    const b = bench();
    expect(b.command(command, offset, length, memoryAt)).toBe(status);
    expect(b.load(FlashRegister.FAIL_OFFSET)).toBe(offset);
    expect(readPost(b.control)).toBeUndefined();
  });

  it("has another one refused while it is open, and tells its own end as well", () => {
    const { command, request, ended, load } = bench();
    command(FlashCommand.ERASE, 0, 4096);
    expect(command(FlashCommand.ERASE, 4096, 4096)).toBe(FlashStatus.REFUSED);
    expect(command(FlashCommand.READ, 0, 4)).toBe(FlashStatus.REFUSED);
    expect(request(FlashRequest.END)).toBe(FlashStatus.REFUSED);
    ended(FlashStatus.DONE);
    expect(load(FlashRegister.STATUS)).toBe(FlashStatus.DONE);
  });

  it("is forgotten at a reset, with what was protected", () => {
    const { device, command, store, ended, load } = bench();
    store(FlashRegister.PROTECT, 4096);
    command(FlashCommand.ERASE, 4096, 4096);
    device.reset();
    ended(FlashStatus.DONE);
    store(FlashRegister.DEVICE, OTHER);
    expect([load(FlashRegister.STATUS), load(FlashRegister.PROTECT)]).toEqual([0, 0]);
  });

  it("protection only rises", () => {
    const { store, load, command } = bench();
    for (const [value, holds] of [
      [4096, 4096],
      [256, 4096],
      [-1, 0xffff_ffff],
      [8192, 0xffff_ffff],
    ] as const) {
      store(FlashRegister.PROTECT, value);
      expect(load(FlashRegister.PROTECT)).toBe(holds);
    }
    expect(command(FlashCommand.ERASE, 8192, 4096)).toBe(FlashStatus.REFUSED);
  });
});

describe("a request", () => {
  it.each([
    [FlashRequest.BEGIN, FlashAction.BEGIN],
    [FlashRequest.END, FlashAction.END],
    [FlashRequest.ACTIVATE, FlashAction.ACTIVATE],
  ])(
    "%s is posted as %s of the region that is selected, rings, and ends as it is answered",
    (code, action) => {
      const { board, posted, control, request, answered, ended, load } = bench();
      expect(request(code)).toBe(FlashStatus.NONE);
      expect([board.rings, posted(), readPost(control)]).toEqual([
        1,
        0,
        expect.objectContaining({ action, region: OTHER, epoch: EPOCH }),
      ]);
      ended(FlashStatus.FAILED);
      expect(load(FlashRegister.STATUS), "that was the memory emulator worker's word").toBe(FlashStatus.NONE);
      answered(FlashStatus.REFUSED);
      expect(load(FlashRegister.STATUS)).toBe(FlashStatus.REFUSED);
    },
  );

  it("that there is not is refused, and so is every one where nobody serves them", () => {
    const { control, request } = bench();
    expect([request(0), request(4), readPost(control)]).toEqual([
      FlashStatus.REFUSED,
      FlashStatus.REFUSED,
      undefined,
    ]);
    const alone = bench({ isServed: false });
    expect(alone.request(FlashRequest.BEGIN)).toBe(FlashStatus.REFUSED);
    expect(alone.command(FlashCommand.ERASE, 0, 4096)).toBe(FlashStatus.REFUSED);
    expect(readPost(alone.control)).toBeUndefined();
  });
});

describe("the interrupt", () => {
  it("is raised by an end that is told, while it is wanted and STATUS is not cleared", () => {
    const { device, command, ended, store } = bench();
    command(FlashCommand.ERASE, 0, 4096);
    ended(FlashStatus.DONE);
    expect(device.pending()).toBe(0);
    store(FlashRegister.INTERRUPT, 1);
    expect(device.pending()).toBe(EXTERNAL);
    store(FlashRegister.STATUS, 0);
    expect(device.pending()).toBe(0);
    command(FlashCommand.ERASE, 0, 4096);
    expect(device.pending()).toBe(0);
    ended(FlashStatus.DONE);
    expect(device.pending(), "seen without a load of STATUS").toBe(EXTERNAL);
  });
});

describe("what is read", () => {
  it("of any region, the primary too, goes to RAM, is compared with it, and is looked through for what is erased", () => {
    const { regions, ram, store, command, load } = bench();
    store(FlashRegister.DEVICE, OWN);
    const held = regions[OWN] as Uint8Array;
    for (let at = 0; at < 40_000; at += 1) held[at + 100] = at % 251;
    expect(command(FlashCommand.READ, 100, 40_000, 7)).toBe(FlashStatus.DONE);
    expect(ram.slice(7, 40_007)).toEqual(held.slice(100, 40_100));
    expect(command(FlashCommand.VERIFY, 100, 40_000, 7)).toBe(FlashStatus.DONE);
    ram[7 + 39_000] = 255;
    expect(command(FlashCommand.VERIFY, 100, 40_000, 7)).toBe(FlashStatus.DIFFERS);
    expect(load(FlashRegister.FAIL_OFFSET)).toBe(39_100);
    expect(command(FlashCommand.IS_ERASED, 0, 100)).toBe(FlashStatus.DONE);
    expect(command(FlashCommand.IS_ERASED, 50, 1000)).toBe(FlashStatus.NOT_ERASED);
    expect(load(FlashRegister.FAIL_OFFSET)).toBe(100);
  });

  it("of what cannot be read is told as such, moves nothing, and counts as not erased", () => {
    const { unreadable, regions, ram, command, load } = bench({ hasEcc: true });
    expect(load(FlashRegister.TRAITS)).toBe(0x1_07ff);
    (regions[OTHER] as Uint8Array).fill(0xff);
    unreadable[OTHER] = [{ start: 20_480, end: 20_736 }];
    const at = (status: FlashStatus): number[] => [status, load(FlashRegister.FAIL_OFFSET)];
    for (const looking of [FlashCommand.READ, FlashCommand.VERIFY]) {
      expect(at(command(looking, 4096, 32_768))).toEqual([FlashStatus.ECC, 20_480]);
      expect(at(command(looking, 20_500, 4))).toEqual([FlashStatus.ECC, 20_500]);
    }
    expect(ram.every((byte) => byte === 0)).toBe(true);
    expect(at(command(FlashCommand.IS_ERASED, 4096, 32_768))).toEqual([FlashStatus.NOT_ERASED, 20_480]);
    (regions[OTHER] as Uint8Array)[5000] = 0;
    expect(at(command(FlashCommand.IS_ERASED, 4096, 32_768))).toEqual([FlashStatus.NOT_ERASED, 5000]);
    expect(command(FlashCommand.READ, 20_736, 4096)).toBe(FlashStatus.DONE);
  });

  it("is looked at anew once an operation has ended", () => {
    const { changes, command, ended, load } = bench({ hasEcc: true });
    command(FlashCommand.ERASE, 0, 4096);
    expect([load(FlashRegister.STATUS), changes()]).toEqual([FlashStatus.NONE, 0]);
    ended(FlashStatus.DONE);
    expect([load(FlashRegister.STATUS), changes()]).toEqual([FlashStatus.DONE, 1]);
  });

  it("in many bytes shows life between its pieces", () => {
    const { command, longs } = bench();
    command(FlashCommand.READ, 0, 4096);
    expect(longs()).toBe(0);
    command(FlashCommand.READ, 0, 65_536);
    expect(longs()).toBe(4);
  });

  it.each<[number, number, number, number, FlashStatus]>([
    [FlashCommand.READ, 0, 0, 0, FlashStatus.MISALIGNED],
    [FlashCommand.READ, 1, REGION_BYTES, 0, FlashStatus.RANGE],
    [FlashCommand.READ, 0, 16, RAM_BYTES - 15, FlashStatus.RANGE],
    [FlashCommand.VERIFY, 0, 16, -1, FlashStatus.RANGE],
    [FlashCommand.IS_ERASED, REGION_BYTES, 1, 0, FlashStatus.RANGE],
    [9, 0, 4, 0, FlashStatus.REFUSED],
  ])(
    "by command %s at %s of %s bytes to RAM + %s is %s where there is no such thing",
    (command, offset, length, memoryAt, status) => {
      const { ram, command: give } = bench();
      expect(give(command, offset, length, memoryAt)).toBe(status);
      expect(ram.every((byte) => byte === 0)).toBe(true);
    },
  );
});
