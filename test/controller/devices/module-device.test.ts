/** A device that is somebody's module: held to its contract, its state in words, its flash in units. docs/loader.md. */
import { describe, expect, it } from "vitest";
import { BUS_FAULT } from "../../../controller/cpu/engine.ts";
import type {
  DeviceFlash,
  DeviceModule,
  DeviceParts,
  ModuleDevice,
} from "../../../controller/devices/device-module.ts";
import { type ModuleDeviceOptions, ModuleHost } from "../../../controller/devices/module-device.ts";
import { BytesFlashPort } from "../../../emulator/flash/flash.ts";
import { FlashChip } from "../../../emulator/flash/flash-chip.ts";
import { deviceState, TestBoard } from "./test-board.ts";

const EXTERNAL = 1 << 11;
const SECTOR = 256;
const GEOMETRY = {
  sectors: [{ count: 4, bytes: SECTOR }],
  writeBlockBytes: 4,
  erasedByte: 0xff,
  program: "and",
} as const;

/** A device of these calls, and what is around it. */
function made(
  calls: (parts: DeviceParts) => Partial<ModuleDevice>,
  said: Partial<ModuleDeviceOptions> & Pick<Partial<DeviceModule>, "accessBytes"> = {},
) {
  const board = new TestBoard();
  const state = deviceState();
  const bytes = new Uint8Array(4 * SECTOR).fill(0xff);
  const chip = new FlashChip(new BytesFlashPort(bytes, () => undefined), GEOMETRY);
  const misuses: [message: string, isAccessing: boolean][] = [];
  const hooks: { beforeUnit: () => void } = { beforeUnit: () => undefined };
  const { accessBytes, ...options } = said;
  const module = {
    stateWords: 4,
    ...(accessBytes && { accessBytes }),
    create: (parts: DeviceParts) => ({ load: () => 0, store: () => undefined, ...calls(parts) }),
  };
  const device = new ModuleHost(
    state,
    {
      name: "spi",
      bytes: 4096,
      options: undefined,
      interrupts: true,
      module,
      guard: (_, call) => call,
      flash: [
        {
          name: "nor",
          chip,
          misused: (...misuse) => misuses.push(misuse),
          beforeUnit: () => hooks.beforeUnit(),
        },
      ],
      memory: { read: () => undefined, store: () => false },
      ...options,
    },
    board,
  );
  return { device, board, state, bytes, chip, misuses, hooks };
}

describe("a module that is a device", () => {
  it("is given the accesses of the sizes that it takes, and what is stored as an unsigned number", () => {
    const seen: unknown[] = [];
    const { device } = made(
      () => ({
        load: (...access) => seen.push(access),
        store: (...access) => void seen.push(access),
      }),
      { accessBytes: [2, 4] },
    );
    expect(device.accessBytes).toBe(2 + 4);
    device.load(8, 2);
    device.store(12, -1, 4);
    expect(seen).toEqual([
      [8, 2],
      [12, 0xffff_ffff, 4],
    ]);
  });

  it("says of which offsets it has no register", () => {
    const { device } = made(() => ({ load: () => "fault", store: () => "fault" }));
    expect([device.load(0, 4), device.store(0, 1, 4)]).toEqual([BUS_FAULT, BUS_FAULT]);
  });

  it("may give a signed number, which is no fault of the bus", () => {
    expect(made(() => ({ load: () => -1 })).device.load(0, 4)).toBe(0xffff_ffff);
  });

  it.each<readonly [answer: unknown, told: string]>([
    [Number.NaN, "NaN"],
    [0.5, "0.5"],
    [2 ** 32, "4294967296"],
    [undefined, "undefined"],
    ["7", '"7"'],
    [Promise.resolve(7), "an object"],
  ])("that gives %s for a load is told, by its name", (answer, told) => {
    const { device } = made(() => ({ load: () => answer as number }));
    expect(() => device.load(4, 4)).toThrow(`the device spi gave ${told} for a load at 4`);
  });

  it.each<readonly [calls: Partial<Record<keyof ModuleDevice, () => unknown>>, told: string]>([
    [{ store: () => 7 }, "gave 7 for a store"],
    [{ nextEvent: () => Number.NaN }, "wants to be woken at NaN"],
    [{ nextEvent: () => -1 }, "wants to be woken at -1"],
    [{ interrupt: () => 1 }, "gave 1 for its interrupt line"],
  ])("that answers nonsense otherwise is told, too: %o", (calls, told) => {
    const { device } = made(() => calls as Partial<ModuleDevice>);
    expect(() => device.store(0, 0, 4)).toThrow(`the device spi ${told}`);
  });

  it.each<readonly [module: unknown, told: string]>([
    [undefined, "is no object"],
    [{ stateWords: -1 }, "has -1 for stateWords"],
    [{ stateWords: 257 }, "has 257 for stateWords"],
    [{ stateWords: 1, accessBytes: [3] }, "has accessBytes that are no list"],
    [{ stateWords: 1 }, "has no function create"],
    [{ stateWords: 1, create: () => undefined }, "has no function load"],
    [{ stateWords: 1, create: () => ({ load() {} }) }, "has no function store"],
    [{ stateWords: 1, create: () => ({ load() {}, store() {}, tick: 1 }) }, "has a tick"],
  ])("is refused where it is none: %o", (module, told) => {
    expect(() => made(() => ({}), { module })).toThrow(`the device spi ${told}`);
  });
});

describe("the state of a module", () => {
  const counter = ({ state }: DeviceParts): Partial<ModuleDevice> => ({
    load: () => state[0] ?? 0,
    store: () => {
      state[0] = (state[0] ?? 0) + 1;
    },
    nextEvent: () => (state[0] === 3 ? 30 : Number.POSITIVE_INFINITY),
    interrupt: () => state[0] === 2,
  });

  it("is in words: whoever puts these back puts it back, its line and its next event, too", () => {
    const { device, state } = made(counter);
    device.reset();
    for (let times = 0; times < 2; times += 1) device.store(0, 0, 4);
    const saved = state.all.slice();
    expect([device.pending?.(), device.nextEvent()]).toEqual([EXTERNAL, Number.POSITIVE_INFINITY]);
    device.store(0, 0, 4);
    expect([device.pending?.(), device.nextEvent(), device.load(0, 4)]).toEqual([0, 30, 3]);
    state.all.set(saved);
    expect([device.pending?.(), device.nextEvent(), device.load(0, 4)]).toEqual([
      EXTERNAL,
      Number.POSITIVE_INFINITY,
      2,
    ]);
  });

  it("begins where two words may be seen as one number", () => {
    const { device } = made(({ state }) => ({
      load: () => new Float64Array(state.buffer, state.byteOffset, 1).length + (state.byteOffset % 8),
    }));
    expect(device.load(0, 4)).toBe(1);
  });

  it("stays over a reset of the hart, and goes with the power", () => {
    const { device } = made(counter);
    device.store(0, 0, 4);
    device.reset();
    expect(device.load(0, 4)).toBe(1);
    device.powerOff();
    device.reset();
    expect(device.load(0, 4)).toBe(0);
  });

  /** What was seen of 3 stores and a load. */
  const scrutinized = (calls: Parameters<typeof made>[0], renews: boolean): number => {
    const { device } = made(calls);
    device.scrutinize(renews);
    for (let times = 0; times < 3; times += 1) device.store(0, 0, 4);
    device.load(0, 4);
    return device.scrutinized();
  };

  it("decides all: a device that is made anew at each call does the same", () => {
    expect(scrutinized(counter, true)).toBe(scrutinized(counter, false));
  });

  it("that lies elsewhere shows where it is made anew at each call", () => {
    const hidden = (): Partial<ModuleDevice> => {
      let count = 0;
      return {
        load: () => count,
        store: () => {
          count += 1;
        },
      };
    };
    expect(scrutinized(hidden, true)).not.toBe(scrutinized(hidden, false));
  });

  it("that lies elsewhere shows in the words, too, where no answer tells", () => {
    const hidden = ({ state }: DeviceParts): Partial<ModuleDevice> => {
      let count = 0;
      return {
        store: () => {
          count += 1;
          state[3] = count;
        },
      };
    };
    expect(scrutinized(hidden, true)).not.toBe(scrutinized(hidden, false));
  });
});

describe("time", () => {
  it("is the same all through a call, and the board is told that it was asked", () => {
    const times: number[] = [];
    const { device, board } = made(({ now }) => ({
      store: () => {
        times.push(now());
        board.ticks += 5;
        times.push(now());
      },
    }));
    board.ticks = 7;
    device.store(0, 0, 4);
    expect(times).toEqual([7, 7]);
    expect(board.timesTold).toBeGreaterThan(0);
  });

  it("of a device that asks nothing is nobody's business", () => {
    const { device, board } = made(() => ({}));
    device.load(0, 4);
    device.store(0, 0, 4);
    expect(board.timesTold).toBe(0);
  });

  it("wakes a device at its tick and not before, and changes are told", () => {
    const woken: number[] = [];
    const { device, board } = made(({ state, now }) => ({
      store: () => {
        state[0] = now() + 10;
      },
      nextEvent: () => (state[0] === 0 ? Number.POSITIVE_INFINITY : (state[0] ?? 0)),
      tick: (at) => {
        woken.push(at);
        state[0] = 0;
      },
    }));
    board.ticks = 5;
    device.store(0, 0, 4);
    expect([device.nextEvent(), board.changes]).toEqual([15, 1]);
    device.tick(14);
    expect(woken).toEqual([]);
    device.tick(15);
    expect([woken, device.nextEvent(), board.changes]).toEqual([[15], Number.POSITIVE_INFINITY, 2]);
  });

  it("that a device never lets pass is told", () => {
    const { device } = made(() => ({ nextEvent: () => 1 }));
    device.reset();
    expect(() => device.tick(1)).toThrow("wants to be woken at tick 1, and it is 1");
  });

  it("brings what is due before an access", () => {
    const { device, board } = made(({ state }) => ({
      load: () => state[0] ?? 0,
      nextEvent: () => (state[0] === 0 ? 5 : Number.POSITIVE_INFINITY),
      tick: () => {
        state[0] = 1;
      },
    }));
    board.ticking.push(device);
    device.reset();
    board.ticks = 5;
    expect(device.load(0, 4)).toBe(1);
  });
});

describe("flash, to a module", () => {
  it("is read, erased and programmed by the rules of its chip, unit by unit", () => {
    let units = 0;
    const { device, bytes, hooks } = made(({ flash }) => {
      const nor = flash("nor");
      return {
        load: (offset) => nor.read(offset, 1)[0] ?? 0,
        store: (offset, value) => {
          if (value === 0) nor.erase(offset, SECTOR);
          else nor.program(offset, Uint8Array.of(value, value, value, value, 1, 2, 3, 4));
        },
      };
    });
    hooks.beforeUnit = () => {
      units += 1;
    };
    device.store(8, 0x55, 4);
    expect([units, ...bytes.subarray(8, 17)]).toEqual([2, 0x55, 0x55, 0x55, 0x55, 1, 2, 3, 4, 0xff]);
    expect(device.load(8, 4)).toBe(0x55);
    device.store(0, 0, 4);
    expect([units, bytes[8]]).toEqual([3, 0xff]);
  });

  it("tells what no such flash does, and changes nothing", () => {
    const reasons: unknown[] = [];
    const program = (nor: DeviceFlash, offset: number): void => {
      reasons.push(nor.program(offset, new Uint8Array(4))?.reason);
    };
    const { device, bytes, misuses } = made(({ flash }) => ({
      store: (offset) => program(flash("nor"), offset),
      reset: () => program(flash("nor"), 2),
    }));
    device.store(2, 0, 4);
    device.store(4 * SECTOR, 0, 4);
    device.reset();
    expect(reasons).toEqual(["misaligned", "out-of-range", "misaligned"]);
    const told = misuses.map(([message, isAccessing]) => [message.slice(0, 5), isAccessing]);
    expect(told, "an instruction is named where it was the hart that asked").toEqual([
      ["nor: ", true],
      ["nor: ", true],
      ["nor: ", false],
    ]);
    expect(bytes.every((byte) => byte === 0xff)).toBe(true);
  });

  it("that there is none of is told with the names that there are", () => {
    expect(() => made(({ flash }) => ({ load: () => flash("nix").bytes })).device.load(0, 4)).toThrow(
      "there is no flash device named nix: it must be one of nor",
    );
  });

  it("that is interrupted interrupts, whatever the module catches, and does nothing more", () => {
    const cut = new Error("power was cut");
    const { device, bytes, hooks } = made(({ flash }) => ({
      store: () => {
        for (const at of [0, 4]) {
          try {
            flash("nor").program(at, new Uint8Array(4));
          } catch {
            // Nothing of ours.
          }
        }
      },
    }));
    hooks.beforeUnit = () => {
      hooks.beforeUnit = () => undefined;
      throw cut;
    };
    expect(() => device.store(0, 0, 4)).toThrow(cut);
    expect(bytes.every((byte) => byte === 0xff)).toBe(true);
  });

  it("is left torn where a module says so", () => {
    const { device, bytes } = made(({ flash }) => ({
      reset: () => flash("nor").tearProgram(0, new Uint8Array(4)),
    }));
    device.reset();
    const block = [...bytes.subarray(0, 4)];
    expect([block.every((byte) => byte === 0xff), block.every((byte) => byte === 0)]).toEqual([false, false]);
    expect(bytes.subarray(4).every((byte) => byte === 0xff)).toBe(true);
  });
});
