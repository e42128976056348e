/** Device files, images and keys on disk. What cannot be read is a {@link DeviceFileError} that says which member named it. */
import { readFileSync, statSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { kindOf } from "../../emulator/base/errors.ts";
import { errorMessage } from "../../emulator/base/text.ts";
import type { DescribedBoard } from "./described-board.ts";
import { type DescribedDevice, DeviceFileError, parseDeviceFile } from "./device-file.ts";

/** A device file has some hundred bytes, a key in PEM likewise. */
const MAX_TEXT_BYTES = 2 ** 20;

/** A described device, with the paths that the file names made absolute. */
export interface LoadedDevice extends DescribedDevice {
  /** The file, as it was named. */
  readonly file: string;
}

/** Reads a device file. Throws {@link DeviceFileError}. */
export function loadDeviceFile(file: string): LoadedDevice {
  const text = readText(file, file);
  const described = parseDeviceFile(text, file);
  const directory = dirname(resolve(file));
  const absolute = (path: string): string => resolve(directory, path);
  return {
    ...described,
    file,
    images: described.images?.map(absolute),
    keys: described.keys.map(absolute),
    board: described.board && withPaths(described.board, absolute),
  };
}

/** For whoever runs a controller and nothing else. Throws {@link DeviceFileError}. */
export function requireController({ file, board }: LoadedDevice): void {
  if (board === undefined) return;
  throw new DeviceFileError([
    `${file}: board: a boot loader's board is no controller: flipside run --device runs it, flipside sweep --device judges it`,
  ]);
}

function withPaths(board: DescribedBoard, absolute: (path: string) => string): DescribedBoard {
  const { loader, programs, profile } = board;
  const devices = profile.devices.map((device) => ({ ...device, module: absolute(device.module) }));
  const images = loader && {
    old: absolute(loader.images.old),
    new: absolute(loader.images.new),
    newer: loader.images.newer === undefined ? undefined : absolute(loader.images.newer),
    sizes: loader.images.sizes.map(absolute),
    bad: loader.images.bad.map(absolute),
  };
  return {
    ...board,
    profile: { ...profile, devices },
    programs: programs.map((program) => ({ ...program, file: absolute(program.file) })),
    loader: loader && images && { ...loader, images },
  };
}

/** The bytes of the images that it names; none where it names none. Throws {@link DeviceFileError}. */
export function readImages({ file, images = [], memory }: LoadedDevice): readonly Uint8Array[] {
  return images.map((image, index) =>
    readNamed(image, `${file}: images[${index}]`, memory.regionBytes, "a region"),
  );
}

/** The PEM texts of the keys that it names. Throws {@link DeviceFileError}. */
export function readKeys({ file, keys }: LoadedDevice): readonly string[] {
  return keys.map((key, index) => readText(key, `${file}: keys[${index}]`));
}

function readText(file: string, what: string): string {
  const bytes = readNamed(file, what, MAX_TEXT_BYTES, "any such text");
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw new DeviceFileError([`${what}: ${file} is no text in UTF-8`]);
  }
}

/**
 * The bytes of a file that a device file names. Throws {@link DeviceFileError}.
 * @param what names it in a sentence, with the member that names it
 */
export function readNamed(file: string, what: string, maxBytes: number, room: string): Uint8Array {
  try {
    const stats = statSync(file);
    // A pipe or a device may have no end.
    if (!stats.isFile()) throw new DeviceFileError([`${what} cannot be read: ${file} is no file`]);
    // No Buffer, whose slice() is no copy.
    if (stats.size <= maxBytes) return new Uint8Array(readFileSync(file));
    throw new DeviceFileError([`${what}: ${file} has ${stats.size} bytes, more than ${room} (${maxBytes})`]);
  } catch (error) {
    if (error instanceof DeviceFileError) throw error;
    const kind = kindOf(error) === "resource" ? "resource" : "usage";
    throw new DeviceFileError([`${what} cannot be read: ${errorMessage(error)}`], kind);
  }
}
