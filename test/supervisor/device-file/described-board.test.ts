/** A device file's board and loader: what is put in where nothing is said, and what does not go together. */
import { describe, expect, it } from "vitest";
import { parseDeviceFile } from "../../../supervisor/device-file/device-file.ts";

const NOR = { name: "nor", base: "0x2000_0000", sectors: [{ count: 128, bytes: 0x4_0000 }] };
const BOARD = { flash: [NOR], programs: [{ file: "loader.elf" }] };
const slot = (sector: number, sectors = 1) => ({
  flash: "nor",
  offset: sector * 0x4_0000,
  bytes: sectors * 0x4_0000,
});
const LOADER = {
  mode: "direct-xip",
  slots: { primary: slot(1), secondary: slot(2) },
  images: { old: "old.img", new: "new.img" },
};

function parse(document: object) {
  return parseDeviceFile(JSON.stringify({ format: 1, ...document }), "loader.json").board;
}

function withRanges(ranges: object): object {
  return { board: BOARD, loader: { ...LOADER, ...ranges } };
}

function mistakes(document: object): readonly string[] {
  try {
    parse(document);
    return [];
  } catch (error) {
    return (error as Error).message.split("\n");
  }
}

describe("a board that says the least", () => {
  it("has RAM, and flash as QEMU's virt has it", () => {
    expect(parse({ board: BOARD })).toEqual({
      profile: {
        ramBytes: 0x10_0000,
        flash: [
          {
            name: "nor",
            base: 0x2000_0000,
            interface: "cfi",
            geometry: {
              sectors: [{ count: 128, bytes: 0x4_0000 }],
              writeBlockBytes: 4,
              erasedByte: 0xff,
              program: "and",
            },
            bytes: 0x200_0000,
            whileBusy: "ready",
            times: { eraseUs: 0, programUs: 0 },
            atReset: "torn",
            resetIsWired: true,
          },
        ],
        registers: [],
        devices: [],
        watchdogMs: undefined,
        keyIsOpen: false,
        counterLimit: undefined,
      },
      start: undefined,
      programs: [{ file: "loader.elf", at: undefined }],
      loader: undefined,
    });
  });

  it("has devices that are modules, with options as JSON.parse would give them", () => {
    const options = { flash: "nor", times: [1, { us: 2 }] };
    const devices = [{ name: "spi", base: "0x4000_0000", module: "spi.mjs", options }];
    expect(parse({ board: { ...BOARD, devices } })?.profile.devices).toEqual([
      {
        name: "spi",
        base: 0x4000_0000,
        bytes: 4096,
        module: "spi.mjs",
        interrupt: undefined,
        options,
      },
    ]);
  });

  it("has a loader whose words are our own marks", () => {
    expect(parse({ board: BOARD, loader: LOADER })?.loader).toEqual({
      mode: "direct-xip",
      slots: [
        { name: "primary", ...slot(1) },
        { name: "secondary", ...slot(2) },
      ],
      images: { old: "old.img", new: "new.img", newer: undefined, sizes: [], bad: [] },
      loadRanges: [],
      request: "arrival",
      uploads: false,
      downgrades: undefined,
      trailerBytes: 4096,
      criteria: {
        up: { mark: 3 },
        requested: { mark: 4 },
        confirmed: { mark: 5 },
        uploaded: { mark: 7 },
        safe: { mark: 2 },
        panic: {},
      },
      startMs: undefined,
      erasesPerUpdate: undefined,
      skip: [],
    });
  });
});

describe("what is said", () => {
  it("counts before what is put in", () => {
    const described = parse({
      board: {
        ...BOARD,
        ramBytes: 65_536,
        flash: [
          {
            ...NOR,
            interface: "controller",
            writeBlockBytes: 8,
            erasedValue: 0,
            program: "ecc",
            enduranceErases: 100,
          },
        ],
        registers: [{ base: "0x4000_0000" }],
        watchdogMs: 50,
        start: "0x2000_0100",
      },
      loader: {
        ...LOADER,
        criteria: { up: { line: "up" }, safe: { code: { base: 16, bytes: 2 } } },
        limits: { startMs: 5 },
      },
    });
    expect(described?.profile).toMatchObject({
      ramBytes: 65_536,
      flash: [{ geometry: { writeBlockBytes: 8, erasedByte: 0, program: "ecc", enduranceErases: 100 } }],
      registers: [{ base: 0x4000_0000, bytes: 4096, reads: [0], writes: "ignore" }],
      watchdogMs: 50,
    });
    expect(described?.start).toBe(0x2000_0100);
    expect(described?.loader?.criteria).toMatchObject({
      up: { line: "up" },
      safe: { code: { base: 16, bytes: 2 } },
      confirmed: { mark: 5 },
    });
    expect(described?.loader?.startMs).toBe(5);
  });

  it.each([
    ["direct-xip", "arrival"],
    ["direct-xip-revert", "arrival"],
    ["swap", "application"],
    ["overwrite", "application"],
    ["ram-load", "arrival"],
  ])("an update of %s is asked for by the %s where the file does not say", (mode, request) => {
    expect(parse({ board: BOARD, loader: { ...LOADER, mode } })?.loader?.request).toBe(request);
  });
});

describe("what does not go together is refused in a sentence with its path", () => {
  const { slots } = LOADER;
  const withSlots = (changed: object, mode = "direct-xip") => ({
    board: BOARD,
    loader: { ...LOADER, mode, slots: { ...slots, ...changed } },
  });

  it.each<readonly [object, string]>([
    [{ loader: LOADER }, "loader: a loader needs the member board, which says what it runs on"],
    [
      { board: { ...BOARD, flash: [{ ...NOR, base: "0x2000_0800" }] } },
      "board.flash[0].base: 0x20000800 is no multiple of 4096",
    ],
    [
      { board: { ...BOARD, flash: [{ ...NOR, base: "0x8000_0000" }] } },
      "board: nor and RAM lie at the same addresses",
    ],
    [
      { board: { ...BOARD, flash: [{ ...NOR, writeBlockBytes: 24 }] } },
      "board.flash[0]: a sector of 262144 bytes is not made of whole write blocks of 24 bytes",
    ],
    [
      withSlots({ secondary: { ...slot(2), flash: "nand" } }),
      "loader.slots.secondary.flash: there is no flash device named nand: it must be one of nor",
    ],
    [
      withSlots({ secondary: slot(127, 2) }),
      "loader.slots.secondary: 524288 bytes at 33292288 do not lie in nor, which has 33554432",
    ],
    [
      withSlots({ secondary: { ...slot(2), bytes: 0 } }),
      "loader.slots.secondary: 0 bytes at 524288 do not lie in nor, which has 33554432",
    ],
    [
      withSlots({ secondary: { ...slot(2), offset: 0x8_1000 } }),
      "loader.slots.secondary.offset: 528384 is not where a sector begins",
    ],
    [
      withSlots({ secondary: { ...slot(2), bytes: 4096 } }),
      "loader.slots.secondary.bytes: it does not end where a sector ends: an erase of it would reach beyond it",
    ],
    [withSlots({ primary: slot(1, 2) }), "loader.slots.secondary: it lies over the slot primary"],
    [withSlots({ scratch: slot(2) }, "swap"), "loader.slots.scratch: it lies over the slot secondary"],
    [
      { board: BOARD, loader: { ...LOADER, mode: "swap", slots: { primary: slot(1) } } },
      "loader.slots.secondary: it is missing: a loader of the mode swap has two slots",
    ],
    [
      withRanges({
        skip: [
          { base: "0x2000_0000", bytes: 4 },
          { base: 1, bytes: 4 },
        ],
      }),
      "loader.skip[1]: 4 bytes at 0x00000001 lie neither in RAM nor in a mapped flash device",
    ],
    [
      withRanges({ skip: [{ base: "0x8000_0000", bytes: 0 }] }),
      "loader.skip[0]: 0 bytes at 0x80000000 lie neither in RAM nor in a mapped flash device",
    ],
    [
      withRanges({ skip: [{ base: "0x21ff_fffc", bytes: 8 }] }),
      "loader.skip[0]: 8 bytes at 0x21fffffc lie neither in RAM nor in a mapped flash device",
    ],
    [
      withRanges({ loadRanges: [{ base: "0x8000_0000", bytes: "0x10_0001" }] }),
      "loader.loadRanges[0]: 1048577 bytes at 0x80000000 do not lie in RAM",
    ],
    [
      withRanges({ loadRanges: [{ base: "0x2000_0000", bytes: 4096 }] }),
      "loader.loadRanges[0]: 4096 bytes at 0x20000000 do not lie in RAM",
    ],
  ])("%#", (document, sentence) => {
    expect(mistakes(document)).toEqual([`loader.json: ${sentence}`]);
  });

  it("a loader of one slot needs no second one", () => {
    expect(
      mistakes({ board: BOARD, loader: { ...LOADER, mode: "single", slots: { primary: slot(1) } } }),
    ).toEqual([]);
  });

  it("each mistake is told, not only the first", () => {
    expect(
      mistakes(withSlots({ primary: { ...slot(1), offset: 1 }, secondary: { ...slot(9), flash: "x" } })),
    ).toHaveLength(2);
  });
});
