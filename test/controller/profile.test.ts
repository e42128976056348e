/** What a board's profile may not be, in sentences, and where its flash lies. */
import { describe, expect, it } from "vitest";
import {
  type BoardProfile,
  boardMistakes,
  executedAt,
  type FlashProfile,
  flashAt,
  type ModuleProfile,
} from "../../controller/profile.ts";
import { SectorMap } from "../../emulator/flash/chip-geometry.ts";

const SECTORS = [{ count: 128, bytes: 0x4_0000 }];

function flash(
  changed: Partial<FlashProfile> = {},
  sectors: FlashProfile["geometry"]["sectors"] = SECTORS,
): FlashProfile {
  const geometry = { sectors, writeBlockBytes: 4, erasedByte: 0xff, program: "and" } as const;
  return {
    name: "nor",
    base: 0x2000_0000,
    interface: "cfi",
    geometry,
    bytes: new SectorMap(geometry).bytes,
    whileBusy: "ready",
    times: { eraseUs: 0, programUs: 0 },
    atReset: "torn",
    resetIsWired: true,
    ...changed,
  };
}

function board(changed: Partial<BoardProfile> = {}): BoardProfile {
  return {
    ramBytes: 0x10_0000,
    flash: [flash()],
    registers: [],
    devices: [],
    watchdogMs: undefined,
    keyIsOpen: false,
    counterLimit: undefined,
    start: 0x2000_0000,
    ...changed,
  };
}

const registers = (base: number, bytes = 4096) => ({ base, bytes, reads: [0], writes: "ignore" }) as const;

const module = (changed: Partial<ModuleProfile> = {}): ModuleProfile => ({
  name: "spi",
  base: 0x4000_0000,
  bytes: 4096,
  module: "spi.mjs",
  interrupt: undefined,
  options: {},
  ...changed,
});

describe("a board", () => {
  it.each<readonly [string, Partial<BoardProfile>]>([
    ["of one bank", {}],
    ["of two banks side by side", { flash: [flash(), flash({ name: "second", base: 0x2200_0000 })] }],
    [
      "of a device that the controller alone reads",
      { flash: [flash({ base: undefined, interface: "controller" })] },
    ],
    [
      "with devices that are modules",
      { devices: [module({ interrupt: 1 }), module({ name: "two", base: 0x4000_1000, interrupt: 2 })] },
    ],
    ["with registers of another chip", { registers: [registers(0x4000_0000), registers(0xffff_f000)] }],
  ])("%s has nothing wrong with it", (_, changed) => {
    expect([...boardMistakes(board(changed))]).toEqual([]);
  });

  it.each<readonly [Partial<BoardProfile>, path: string, mistake: string]>([
    [
      { flash: [flash({}, [{ count: 128, bytes: 0x4_0002 }])] },
      "flash[0]",
      "a sector of 262146 bytes is not made of whole words",
    ],
    [
      { flash: [flash({}, [{ count: 512, bytes: 0x4_0000 }])] },
      "flash[0].sectors",
      "134217728 bytes are more than 67108864",
    ],
    [
      { flash: [flash({}, [{ count: 3, bytes: 1024 }])] },
      "flash[0].sectors",
      "3072 bytes are no multiple of 4096",
    ],
    [{ flash: [flash({ base: undefined })] }, "flash[0].base", "a cfi device is driven where it is mapped"],
    [
      {
        flash: [
          flash({}, [
            { count: 1, bytes: 0x2_0000 },
            { count: 2, bytes: 0x1_0000 },
          ]),
        ],
      },
      "flash[0].sectors",
      "a cfi device has sectors of one size",
    ],
    [
      { flash: [flash({}, [{ count: 3, bytes: 0x4_0000 }])] },
      "flash[0].sectors",
      "786432 bytes are no power of two, as those of a cfi device are",
    ],
    [
      { flash: [flash({}, [{ count: 1024, bytes: 256 }])] },
      "flash[0].sectors",
      "a sector of a cfi device is a multiple of 512 bytes",
    ],
    [
      { flash: [flash({}, [{ count: 8192, bytes: 512 }])] },
      "flash",
      "its cfi devices have 8192 sectors, more than 2048",
    ],
    [
      { flash: [flash({ geometry: { ...flash().geometry, program: "ecc" } })] },
      "flash[0].program",
      'a cfi device programs by "and", not by "ecc"',
    ],
    [
      { flash: [flash({ geometry: { ...flash().geometry, erasedByte: 0 } })] },
      "flash[0].erasedValue",
      "an erased byte of a cfi device reads 255",
    ],
    [{ flash: [] }, "flash", "it names no device, and a boot loader has one"],
    [{ flash: [flash({ base: 0x2000_0800 })] }, "flash[0].base", "0x20000800 is no multiple of 4096"],
    [{ flash: [flash({ base: 0xff00_0000 })] }, "flash[0].base", "it does not end within 32 bits of address"],
    [
      { flash: [flash(), flash({ base: 0x2200_0000 })] },
      "flash[1].name",
      "there is another device named nor",
    ],
    [
      {
        flash: ["one", "two", "one"].map((name) => flash({ name, base: undefined, interface: "controller" })),
      },
      "flash[2].name",
      "there is another device named one",
    ],
    [{ devices: [module({ base: 0x4000_0004 })] }, "devices[0]", "base and bytes must be multiples of 4096"],
    [{ devices: [module({ base: 0x2000_0000 })] }, "", "spi and nor lie at the same addresses"],
    [
      { devices: [module(), module({ base: 0x4000_1000 })] },
      "devices[1].name",
      "there is another device named spi",
    ],
    [
      { devices: [module({ interrupt: 12 })] },
      "devices[0].interrupt",
      "source 12 of the PLIC is one of the board's own: 10, 11, 12",
    ],
    [
      { devices: [module({ interrupt: 1 }), module({ name: "two", base: 0x4000_1000, interrupt: 1 })] },
      "devices[1].interrupt",
      "source 1 of the PLIC is that of spi",
    ],
    [{ registers: [registers(0x4000_0004)] }, "registers[0]", "base and bytes must be multiples of 4096"],
    [
      { registers: [registers(0xffff_f000, 8192)] },
      "registers[0]",
      "it does not end within 32 bits of address",
    ],
    [{ flash: [flash({ base: 0x8000_0000 })] }, "", "nor and RAM lie at the same addresses"],
    [
      { flash: [flash(), flash({ name: "second", base: 0x21ff_f000 })] },
      "",
      "second and nor lie at the same addresses",
    ],
    [{ registers: [registers(0x2000_0000)] }, "", "registers[0] and nor lie at the same addresses"],
    [
      { registers: [registers(0x1000_0000)] },
      "",
      "registers[0] and the UART and virtio lie at the same addresses",
    ],
    [
      { registers: [registers(0x1007_0000)] },
      "",
      "registers[0] and the reset block lie at the same addresses",
    ],
    [{ registers: [registers(0x0200_8000)] }, "", "registers[0] and the CLINT lie at the same addresses"],
  ])("%#: is refused with the path and a sentence", (changed, path, mistake) => {
    expect([...boardMistakes(board(changed))]).toContainEqual([path, mistake]);
  });
});

describe("flash by its addresses", () => {
  const two = board({ flash: [flash(), flash({ name: "second", base: 0x2200_0000 })] });

  it("is found from its first byte to its last", () => {
    expect(flashAt(two, 0x1fff_ffff)).toBeUndefined();
    expect(flashAt(two, 0x2000_0000)).toEqual({ device: 0, offset: 0 });
    expect(flashAt(two, 0x21ff_ffff)).toEqual({ device: 0, offset: 0x1ff_ffff });
    expect(flashAt(two, 0x2200_0004)).toEqual({ device: 1, offset: 4 });
    expect(flashAt(two, 0x2400_0000)).toBeUndefined();
  });

  it("is executed on the first device alone, where that is mapped", () => {
    expect(executedAt(two, 0, 0x1000, 0x20)).toEqual({ first: 0x2000_1000, last: 0x2000_101f });
    expect(executedAt(two, 1, 0x1000, 0x20)).toBeUndefined();
    const unmapped = board({ flash: [flash({ base: undefined, interface: "controller" })] });
    expect(executedAt(unmapped, 0, 0, 4)).toBeUndefined();
  });
});
