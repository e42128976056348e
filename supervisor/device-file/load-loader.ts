/**
 * The programs and images that a loader's device file names, read from disk and put where they go. A port's own mistakes
 * are told here, before anything runs: what lies nowhere, what does not fit, what lies over something else.
 */
import { pathToFileURL } from "node:url";
import { type ElfFile, parseElf } from "../../controller/bare/elf.ts";
import type { BoardProfile } from "../../controller/profile.ts";
import { hex32 } from "../../emulator/base/text.ts";
import { RAM_BASE } from "../../emulator/memory/map.ts";
import type { LoaderProfile, PlacedBytes, Slot } from "../core/loader-profile.ts";
import type { DescribedBoard, DescribedLoader, DescribedProgram } from "./described-board.ts";
import { DeviceFileError } from "./device-file.ts";
import { type LoadedDevice, readNamed } from "./load.ts";

/** The largest flash full, and as much again for symbols and debug sections. */
const MAX_PROGRAM_BYTES = 256 * 1024 * 1024;
const MAX_MODULE_BYTES = 16 * 1024 * 1024;
const ELF_MAGIC = 0x464c_457f;

/** What runs on a board, read and placed. */
export interface LoadedBoard {
  readonly board: BoardProfile;
  readonly programs: readonly PlacedBytes[];
  /** The first program's file, where that is ELF. */
  readonly elf: Uint8Array | undefined;
}

interface ReadProgram {
  readonly parts: readonly PlacedBytes[];
  readonly entry: number | undefined;
  readonly elf: Uint8Array | undefined;
}

/** The board of a device file, which has one; modules of its devices are URLs of files that are there. Throws {@link DeviceFileError}. */
export function loadBoard(device: LoadedDevice): LoadedBoard {
  const { board: described } = device;
  if (described === undefined)
    throw new DeviceFileError([
      `${device.file}: board: it is missing: it says what a boot loader runs on (docs/loader.md)`,
    ]);
  const read = described.programs.map((program, index) =>
    readProgram(program, `${device.file}: board.programs[${index}]`),
  );
  const first = read[0];
  if (first === undefined) throw new DeviceFileError([`${device.file}: board.programs: it names no program`]);
  const start = described.start ?? first.entry;
  if (start === undefined)
    throw new DeviceFileError([
      `${device.file}: board.start: it is missing, and a binary has no entry of its own`,
    ]);
  const devices = described.profile.devices.map((each, index) => {
    readNamed(each.module, `${device.file}: board.devices[${index}].module`, MAX_MODULE_BYTES, "any module");
    return { ...each, module: pathToFileURL(each.module).href };
  });
  const programs = read.flatMap(({ parts }) => parts);
  const mistakes = read.flatMap(({ parts }, index) =>
    parts.flatMap((part) =>
      [...misplaced(described, part), ...overlaid(part, programs)].map(
        (wrong) => `${device.file}: board.programs[${index}]: ${wrong}`,
      ),
    ),
  );
  if (mistakes.length > 0) throw new DeviceFileError(mistakes);
  return { board: { ...described.profile, devices, start }, programs, elf: first.elf };
}

/** What lies in a flash device before the first start. */
export interface FlashContent {
  /** Index of the device. */
  readonly flash: number;
  readonly offset: number;
  readonly bytes: Uint8Array;
}

/** What a board runs by itself: its programs, and with a loader the old image in its primary slot. */
export interface RunnableBoard extends LoadedBoard {
  readonly image: FlashContent | undefined;
}

/** The board of a device file as `flipside run` has it. Throws {@link DeviceFileError}. */
export function loadRunnable(device: LoadedDevice): RunnableBoard {
  const loaded = loadBoard(device);
  const loader = device.board?.loader;
  if (loader === undefined) return { ...loaded, image: undefined };
  const primary = slotsOf(loader, loaded).find(({ name }) => name === "primary");
  if (primary === undefined) return { ...loaded, image: undefined };
  const { flash, offset, bytes: room } = primary;
  const bytes = readNamed(loader.images.old, `${device.file}: loader.images.old`, room, "the primary slot");
  return { ...loaded, image: { flash, offset, bytes } };
}

function slotsOf({ slots }: DescribedLoader, { board }: LoadedBoard): readonly Slot[] {
  return slots.map(
    (slot): Slot => ({
      ...slot,
      flash: board.flash.findIndex(({ name }) => name === slot.flash),
    }),
  );
}

/** The loader of a device file that has one. Throws {@link DeviceFileError}. */
export function loadLoader(device: LoadedDevice): LoaderProfile {
  const loaded = loadBoard(device);
  const loader = device.board?.loader;
  if (loader === undefined) {
    throw new DeviceFileError([
      `${device.file}: loader: it is missing: a sweep has to know where images lie and which there are`,
    ]);
  }
  const slots = slotsOf(loader, loaded);
  const known: (readonly [member: string, bytes: Uint8Array])[] = [];
  const image = (path: string, member: string): Uint8Array => {
    const what = `${device.file}: loader.images.${member}`;
    const bytes = readNamed(path, what, smallestSlot(slots), "the smallest slot");
    const [twin] = known.find(([, each]) => Buffer.compare(each, bytes) === 0) ?? [];
    if (twin !== undefined)
      throw new DeviceFileError([
        `${what}: it has the bytes of loader.images.${twin}, and an image is known by its bytes`,
      ]);
    known.push([member, bytes]);
    return bytes;
  };
  const { images } = loader;
  return {
    ...loader,
    ...loaded,
    hart: device.hart,
    slots,
    images: {
      old: image(images.old, "old"),
      new: image(images.new, "new"),
      newer: images.newer === undefined ? undefined : image(images.newer, "newer"),
      sizes: images.sizes.map((path, index) => image(path, `sizes[${index}]`)),
      bad: images.bad.map((path, index) => image(path, `bad[${index}]`)),
    },
  };
}

function smallestSlot(slots: readonly Slot[]): number {
  return Math.min(...slots.filter(({ name }) => name !== "scratch").map(({ bytes }) => bytes));
}

function readProgram({ file, at }: DescribedProgram, what: string): ReadProgram {
  const bytes = readNamed(file, what, MAX_PROGRAM_BYTES, "any program");
  const isElf =
    bytes.length >= 4 && new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true) === ELF_MAGIC;
  if (!isElf) {
    if (at === undefined)
      throw new DeviceFileError([
        `${what}.at: it is missing: ${file} is a binary, which does not say where it goes`,
      ]);
    return { parts: [{ address: at, bytes }], entry: undefined, elf: undefined };
  }
  const elf = parseElf(bytes);
  if ("error" in elf) throw new DeviceFileError([`${what}: ${file}: ${elf.message}`]);
  if (at !== undefined)
    throw new DeviceFileError([`${what}.at: ${file} is an ELF file and says itself where it goes`]);
  return { parts: partsOf(elf), entry: elf.entry, elf: bytes };
}

function partsOf({ parts }: ElfFile): PlacedBytes[] {
  return parts.flatMap(({ kind, address, data }) =>
    kind === "note" || data.length === 0 ? [] : [{ address, bytes: data }],
  );
}

function misplaced(described: DescribedBoard, { address, bytes }: PlacedBytes): string[] {
  const end = address + bytes.length;
  const where = `${bytes.length} bytes at ${hex32(address)}`;
  const { profile, loader } = described;
  if (address >= RAM_BASE && end <= RAM_BASE + profile.ramBytes) return [];
  const flash = profile.flash.find(
    ({ base, bytes: room }) => base !== undefined && address >= base && end <= base + room,
  );
  if (flash === undefined) return [`${where} lie neither in RAM nor in a flash device`];
  const from = address - (flash.base ?? 0);
  const over = overlapping(loader, flash.name, from, from + bytes.length);
  return over === undefined ? [] : [`${where} lie in the slot ${over}`];
}

/** @param all in the order in which they are put there */
function overlaid(part: PlacedBytes, all: readonly PlacedBytes[]): string[] {
  const { address, bytes } = part;
  const earlier = all.slice(0, all.indexOf(part));
  const other = earlier.find(
    (each) => each.address < address + bytes.length && address < each.address + each.bytes.length,
  );
  if (other === undefined) return [];
  const where = `${bytes.length} bytes at ${hex32(address)}`;
  return [`${where} lie over ${other.bytes.length} bytes of a program at ${hex32(other.address)}`];
}

function overlapping(
  loader: DescribedLoader | undefined,
  flash: string,
  from: number,
  to: number,
): string | undefined {
  return loader?.slots.find(
    (slot) => slot.flash === flash && slot.offset < to && from < slot.offset + slot.bytes,
  )?.name;
}
