/** The programs and images that a loader's device file names: read, and put where they go. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { loadDeviceFile } from "../../../supervisor/device-file/load.ts";
import { loadBoard, loadLoader, loadRunnable } from "../../../supervisor/device-file/load-loader.ts";
import { writeElf } from "../../controller/support/elf-writer.ts";

const NOR = 0x2000_0000;
const SECTOR = 0x4_0000;
const CODE = Uint8Array.of(0x6f, 0, 0, 0);
const OLD = Uint8Array.of(1, 2, 3);

let folder = "";
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "flipside-load-loader-"));
  writeFileSync(join(folder, "loader.elf"), writeElf({ code: CODE, address: NOR }));
  writeFileSync(join(folder, "blob.bin"), Uint8Array.of(9, 9, 9, 9));
  writeFileSync(join(folder, "old.img"), OLD);
  writeFileSync(join(folder, "new.img"), Uint8Array.of(4, 5));
  writeFileSync(join(folder, "twin.img"), Uint8Array.of(4, 5));
  writeFileSync(join(folder, "full.img"), new Uint8Array(SECTOR));
  writeFileSync(join(folder, "large.img"), new Uint8Array(SECTOR + 1));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const slot = (sector: number, flash = "nor") => ({ flash, offset: sector * SECTOR, bytes: SECTOR });

function load(board: object = {}, loader: object | null = {}) {
  const second = { name: "data", interface: "controller", sectors: [{ count: 4, bytes: SECTOR }] };
  const nor = { name: "nor", base: NOR, sectors: [{ count: 4, bytes: SECTOR }] };
  const file = join(folder, "device.json");
  const described = {
    format: 1,
    board: { flash: [nor, second], programs: [{ file: "loader.elf" }], ...board },
    ...(loader === null
      ? {}
      : {
          loader: {
            mode: "direct-xip",
            slots: { primary: slot(1, "data"), secondary: slot(2) },
            images: { old: "old.img", new: "new.img" },
            ...loader,
          },
        }),
  };
  writeFileSync(file, JSON.stringify(described));
  return loadDeviceFile(file);
}

describe("a board's programs", () => {
  it("go where an ELF file says, and it begins at the entry of the first one", () => {
    const { board, programs, elf } = loadBoard(load());
    expect(board.start).toBe(NOR);
    expect(programs.map(({ address, bytes }) => [address, [...bytes]])).toEqual([[NOR, [...CODE]]]);
    expect([...(elf?.subarray(1, 4) ?? [])]).toEqual([...Buffer.from("ELF")]);
    // Of a Buffer slice() would be no copy.
    expect(Buffer.isBuffer(elf)).toBe(false);
  });

  it("may be binaries, at an address that the file has for them", () => {
    const blob = { file: "blob.bin", at: "0x8000_0100" };
    const { programs } = loadBoard(load({ programs: [{ file: "loader.elf" }, blob] }));
    expect(programs.map(({ address, bytes }) => [address, [...bytes]])).toEqual([
      [NOR, [...CODE]],
      [0x8000_0100, [9, 9, 9, 9]],
    ]);
    const { elf, board } = loadBoard(load({ programs: [blob], start: 0x8000_0104 }));
    expect([elf, board.start]).toEqual([undefined, 0x8000_0104]);
  });

  it.each<readonly [object, string]>([
    [{ programs: [] }, "board.programs: it names no program"],
    [
      { programs: [{ file: "blob.bin", at: NOR }] },
      "board.start: it is missing, and a binary has no entry of its own",
    ],
    [{ programs: [{ file: "blob.bin" }] }, "board.programs[0].at: it is missing: "],
    [{ programs: [{ file: "loader.elf", at: NOR }] }, "board.programs[0].at: "],
    [
      { programs: [{ file: "loader.elf" }, { file: "blob.bin", at: NOR + 2 * SECTOR }] },
      "board.programs[1]: 4 bytes at 0x20080000 lie in the slot secondary",
    ],
    [
      { programs: [{ file: "loader.elf" }, { file: "blob.bin", at: 0x7fff_fffe }] },
      "board.programs[1]: 4 bytes at 0x7ffffffe lie neither in RAM nor in a flash device",
    ],
    [
      { programs: [{ file: "loader.elf" }, { file: "blob.bin", at: NOR + 2 }] },
      "board.programs[1]: 4 bytes at 0x20000002 lie over 4 bytes of a program at 0x20000000",
    ],
  ])("%# are refused with their member", (board, sentence) => {
    expect(() => loadBoard(load(board))).toThrow(`device.json: ${sentence}`);
  });
});

describe("images", () => {
  it("are all read for a sweep, and slots have the numbers of their devices", () => {
    const { images, slots } = loadLoader(load());
    expect([[...images.old], [...images.new], images.newer, images.bad]).toEqual([
      [1, 2, 3],
      [4, 5],
      undefined,
      [],
    ]);
    expect(slots.map(({ name, flash }) => [name, flash])).toEqual([
      ["primary", 1],
      ["secondary", 0],
    ]);
  });

  it("of other sizes are read beside the file, whole, where the smallest slot takes them", () => {
    const withSizes = (...sizes: readonly string[]) =>
      loadLoader(load({}, { images: { old: "old.img", new: "new.img", sizes } })).images.sizes;
    expect(withSizes("blob.bin", "full.img").map((bytes) => bytes.length)).toEqual([4, SECTOR]);
    expect(() => withSizes("blob.bin", "large.img")).toThrow(
      `loader.images.sizes[1]: ${join(folder, "large.img")} has ${SECTOR + 1} bytes, more than the smallest slot`,
    );
  });

  it("are refused where two have the same bytes, by which each is known", () => {
    const images = { old: "old.img", new: "new.img", sizes: ["blob.bin", "twin.img"] };
    expect(() => loadLoader(load({}, { images }))).toThrow(
      "device.json: loader.images.sizes[1]: it has the bytes of loader.images.new, and an image is known by its bytes",
    );
  });

  it("are not needed for a run but for the old one, which lies in the primary slot", () => {
    const { image } = loadRunnable(load({}, { images: { old: "old.img", new: "gone.img" } }));
    expect(image).toMatchObject({ flash: 1, offset: SECTOR });
    expect([...(image?.bytes ?? [])]).toEqual([...OLD]);
    expect(() => loadLoader(load({}, { images: { old: "old.img", new: "gone.img" } }))).toThrow(
      "device.json: loader.images.new cannot be read: ENOENT",
    );
  });

  it("are none where there is no loader", () => {
    expect(loadRunnable(load({}, null)).image).toBeUndefined();
  });

  it("that are larger than their slot are refused", () => {
    const device = load({}, { images: { old: "large.img", new: "new.img" } });
    expect(() => loadRunnable(device)).toThrow("more than the primary slot (262144)");
    expect(() => loadLoader(device)).toThrow("more than the smallest slot (262144)");
  });
});
