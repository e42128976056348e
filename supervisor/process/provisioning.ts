/**
 * What a served device's flash file holds before it is powered on: whatever it holds already, what the factory programs, or
 * raw memory that somebody read from another one.
 *
 * Invariants: what a device keeps is lost only where that was said (`anew`), and never while another process has it; a
 * file is replaced whole or not at all; what was named and would count for nothing is refused by name.
 */
import { parseImage } from "../../controller/image/format.ts";
import type { ErrorKind } from "../../emulator/base/errors.ts";
import { formatVersion } from "../../emulator/base/version.ts";
import { type MemoryConfig, planLayout, TABLE_BYTES } from "../../emulator/memory/layout.ts";
import { errorCode, nodeFileSystem } from "../../emulator/persist/file-system.ts";
import {
  FlashFileError,
  HEADER_BYTES,
  openFlashFile,
  requireFlashFile,
} from "../../emulator/persist/flash-file.ts";
import { FlashFileWriter } from "../../emulator/persist/flash-file-writer.ts";
import { createLocked } from "../../emulator/persist/locked-file.ts";
import {
  type PersistentSpace,
  planPersistentSpace,
  regionOffset,
  TABLE_OFFSET,
} from "../../emulator/persist/persistent-space.ts";
import { decodeRaw, RawMemoryError } from "../../emulator/persist/raw-memory.ts";
import { RequestError } from "./requests.ts";

/** An image that somebody named for a region. */
export interface NamedImage {
  /** Who names it, such as "--image-a". */
  readonly what: string;
  readonly region: number;
  readonly bytes: Uint8Array;
}

export interface RawMemory {
  readonly what: string;
  readonly bytes: Uint8Array;
}

export interface Provisioning {
  /** Those that are meant to be in the device: one that holds others is refused. */
  readonly named: readonly NamedImage[];
  /** Raw memory of another device (emulator/persist/raw-memory.ts), and who names it. */
  readonly raw?: RawMemory;
  /** What the device holds is to be lost, and all is programmed as the first time. */
  readonly anew: boolean;
}

/** The device holds something else than what was named; `message` says what, and what to do. */
export class DeviceHeldError extends Error {
  override readonly name = "DeviceHeld";
  readonly kind: ErrorKind = "usage";

  constructor(path: string, what: string, instead: string) {
    super(
      `the flash file ${path} holds a device already: ${what}, which counts only while a device is made; ${instead}, or ` +
        "program it anew with --reprovision, by which all that it keeps is lost",
    );
  }
}

/**
 * Prepares the flash file at `path` for its first start, where that is what is wanted.
 * Throws {@link DeviceHeldError}, {@link RequestError}, FileLockError, or what the file system throws.
 */
export function provision(path: string, memory: MemoryConfig, { named, raw, anew }: Provisioning): void {
  const space = planPersistentSpace(planLayout(memory));
  const image = raw && spaceOfRaw(space, raw);
  const held = anew ? undefined : heldBy(path, space);
  if (held !== undefined) requireSame(path, space, held, named, raw?.what);
  else if (image !== undefined) makeFile(path, space, image);
  else if (anew) makeBlank(path);
}

/** What a device keeps in its flash file; undefined where there is none, or none that a table stands in. */
function heldBy(path: string, space: PersistentSpace): Uint8Array | undefined {
  try {
    const image = readFlashFile(path, space);
    const isMade = image.subarray(TABLE_OFFSET, TABLE_OFFSET + TABLE_BYTES).some((byte) => byte !== 0);
    return isMade ? image : undefined;
  } catch (error) {
    if (errorCode(error) === "ENOENT") return undefined;
    if (error instanceof FlashFileError || errorCode(error) !== undefined) return UNREADABLE;
    throw error;
  }
}

/** Something is there, and whoever starts the device will say what is wrong with it. */
const UNREADABLE = new Uint8Array();

function readFlashFile(path: string, space: PersistentSpace): Uint8Array {
  const fd = nodeFileSystem.open(path, "existing");
  try {
    const { bytes } = nodeFileSystem.stat(fd);
    requireFlashFile(nodeFileSystem.read(fd, Math.min(bytes, HEADER_BYTES)), bytes, space);
    return openFlashFile(nodeFileSystem.read(fd, bytes), space).image;
  } finally {
    nodeFileSystem.close(fd);
  }
}

function requireSame(
  path: string,
  space: PersistentSpace,
  held: Uint8Array,
  named: readonly NamedImage[],
  raw: string | undefined,
): void {
  if (raw !== undefined) throw new DeviceHeldError(path, raw, "serve another directory (--dir)");
  if (held === UNREADABLE) return;
  for (const { what, region, bytes } of named) {
    const from = regionOffset(space, region);
    const there = held.subarray(from, from + space.regionBytes);
    if (Buffer.compare(there.subarray(0, bytes.length), bytes) === 0) continue;
    const holds = `region ${region} holds ${describe(there)}, and not the image of ${what}`;
    throw new DeviceHeldError(path, holds, `load it with flipside ctl load ${region} FILE`);
  }
}

function describe(region: Uint8Array): string {
  const parsed = parseImage(region);
  return parsed.ok ? `version ${formatVersion(parsed.image.version)}` : "no image";
}

function spaceOfRaw(space: PersistentSpace, { what, bytes }: RawMemory): Uint8Array {
  try {
    return decodeRaw(space, bytes);
  } catch (error) {
    if (error instanceof RawMemoryError) throw new RequestError(`${what} ${error.message}`);
    throw error;
  }
}

/** A whole one that holds `image`, in the place of what has the name. */
function makeFile(path: string, space: PersistentSpace, image: Uint8Array): void {
  const { writer } = FlashFileWriter.anew(nodeFileSystem, path, space, 0);
  try {
    writer.checkpoint(0, image);
  } finally {
    writer.close();
  }
}

/** One that was never written, in the place of what has the name. */
function makeBlank(path: string): void {
  nodeFileSystem.close(createLocked(nodeFileSystem, path));
}
