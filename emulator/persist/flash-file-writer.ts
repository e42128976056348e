/**
 * The flash file on disk: opened or created, appended to, replaced by a checkpoint.
 *
 * Invariants: the descriptor that is appended to is the one that holds the file's lock (file-lock.ts), and a checkpoint
 * is locked before it has the name, so at every instant one process has the file that the name stands for; bytes before
 * {@link FlashFileWriter.endBytes} are whole records and never change; a checkpoint becomes the file by rename, when it
 * is whole and on stable storage, so at every instant one openable file has the name.
 * After an error nothing more is appended to that file: what a failed write or fdatasync left is not known (the
 * kernel may drop the pages and report no second time), so only a checkpoint, a new file, goes on.
 */

import { type ErrorKind, kindOf } from "../base/errors.ts";
import { LockUnavailableError } from "./file-lock.ts";
import { describe, errorCode, type FileSystem } from "./file-system.ts";
import {
  encodeBlankHeader,
  encodeCheckpointHeader,
  encodeRecord,
  FlashFileError,
  HEADER_BYTES,
  type OpenedFlashFile,
  openFlashFile,
  RECORD_HEADER_BYTES,
  RecordKind,
  requireFlashFile,
} from "./flash-file.ts";
import { createLocked, FileLockError, openLocked } from "./locked-file.ts";
import { blankImage, type PersistentSpace } from "./persistent-space.ts";

export type PersistenceFault =
  | "FlashFileLocked"
  | "FlashFileMissing"
  | "FlashFileUnlockable"
  | "FlashFileUnreadable"
  | "FlashFileUnwritable"
  | FlashFileError["name"];

/** The flash file cannot be used; `name` is stable, `message` one sentence for its owner. */
export class PersistenceError extends Error {
  readonly kind: ErrorKind;

  /** @param cause what the file system said: where the machine lacks something, that is this error's kind */
  constructor(name: PersistenceFault, message: string, cause?: unknown) {
    super(message);
    this.name = name;
    this.kind = kindOf(cause) ?? "usage";
  }
}

export interface Opened {
  readonly writer: FlashFileWriter;
  readonly file: OpenedFlashFile;
}

/**
 * What was appended would not be found again: the file has lost its name (it was removed, or its file system was
 * unmounted), another one has it, or somebody else changed it.
 */
export class FlashFileLostError extends Error {
  override readonly name = "FlashFileLostError";
  /** As those of node:fs have one. */
  readonly code = "ESTALE";
}

const NEW_SUFFIX = ".new";

export class FlashFileWriter {
  readonly #fs: FileSystem;
  readonly #path: string;
  readonly #space: PersistentSpace;
  /** Undefined while there is no file that could be appended to. */
  #fd: number | undefined;
  #endBytes: number;
  #broken: boolean;

  /** @param fd of the file, which is locked; undefined where there is none yet */
  private constructor(
    fs: FileSystem,
    path: string,
    space: PersistentSpace,
    fd: number | undefined,
    endBytes: number,
  ) {
    this.#fs = fs;
    this.#path = path;
    this.#space = space;
    this.#fd = fd;
    this.#endBytes = endBytes;
    this.#broken = fd === undefined;
  }

  /**
   * Locks the file and opens it, dropping a torn tail, or creates it unless it must exist. One that lacks ECC is broken
   * until its first checkpoint.
   * Throws {@link PersistenceError}.
   */
  static open(fs: FileSystem, path: string, space: PersistentSpace, mustExist = false): Opened {
    const { realPath, fd } = openNamed(fs, path, mustExist);
    try {
      const file = named("FlashFileUnreadable", path, "read", () => readWhole(fs, path, fd, space));
      const writer = new FlashFileWriter(fs, realPath, space, fd, file.endBytes);
      named("FlashFileUnwritable", path, "written", () => writer.#start(fd, file));
      return { writer, file };
    } catch (error) {
      fs.close(fd);
      throw error;
    }
  }

  /**
   * For memory that lives: broken until its first checkpoint, which makes the file, whatever has its name.
   * @param sequence of the last store that was taken. Throws {@link PersistenceError}.
   */
  static anew(fs: FileSystem, path: string, space: PersistentSpace, sequence: number): Opened {
    const realPath = named("FlashFileUnreadable", path, "opened", () => fs.realPath(path));
    const writer = new FlashFileWriter(fs, realPath, space, undefined, 0);
    const nothing = { endBytes: 0, droppedBytes: 0, records: 0, lacksEcc: false };
    return { writer, file: { ...nothing, image: blankImage(space), sequence } };
  }

  get endBytes(): number {
    return this.#endBytes;
  }

  /** Nothing more can be appended; a checkpoint mends it. */
  get broken(): boolean {
    return this.#broken;
  }

  #start(fd: number, file: OpenedFlashFile): void {
    const isNew = file.endBytes === 0;
    // Records of what it has no place for would be no part of it.
    this.#broken = file.lacksEcc;
    // Who may open it can lock it. What is no flash file stays as it is.
    this.#fs.makePrivate(fd);
    if (file.droppedBytes > 0) this.#fs.truncate(fd, file.endBytes);
    if (isNew) {
      const header = encodeBlankHeader(this.#space);
      this.#writeAll(fd, header, header.length, 0);
      this.#endBytes = header.length;
    }
    this.#fs.sync(fd);
    if (isNew) this.#fs.syncDirectory(this.#path);
  }

  /** Appends whole records to the file that the name stands for. Throws as {@link requireKept} does. */
  append(records: Uint8Array, bytes: number): void {
    this.requireKept();
    this.#orBroken((fd) => this.#writeAll(fd, records, bytes, this.#endBytes));
    this.#endBytes += bytes;
  }

  /** Brings everything appended to stable storage, and marks that. Throws as {@link requireKept} does. */
  sync(sequence: number): void {
    const mark = new Int32Array(RECORD_HEADER_BYTES / 4);
    encodeRecord(mark, 0, RecordKind.SYNCED, sequence, 0, 0, 0);
    this.#orBroken((fd) => this.#fs.sync(fd));
    // Which looks whether all that would be found again.
    this.append(new Uint8Array(mark.buffer), mark.byteLength);
  }

  /** Throws {@link FlashFileLostError}, or what the file system throws; a checkpoint mends it. */
  requireKept(): void {
    this.#orBroken((fd) => {
      const { identity, bytes } = this.#fs.stat(fd);
      const named = this.#fs.identityOf(this.#path);
      if (named === undefined) throw new FlashFileLostError("it was removed, or its file system unmounted");
      if (named !== identity) throw new FlashFileLostError("another file has its name");
      if (bytes === this.#endBytes) return;
      throw new FlashFileLostError(
        `it has ${bytes} bytes instead of ${this.#endBytes}: somebody else changed it`,
      );
    });
  }

  /**
   * Replaces the file by `image` as of `sequence`, or makes it where it has lost its name.
   * Throws {@link FileLockError} where another process has the file of this name, or what the file system throws; what
   * had the name then stands.
   */
  checkpoint(sequence: number, image: Uint8Array): void {
    const rival = this.#lockRival();
    try {
      const fd = this.#makeNew(sequence, image);
      // The name stands for the new file from here on, whatever fails behind.
      this.#closeQuietly(this.#fd);
      this.#fd = fd;
      this.#endBytes = HEADER_BYTES + image.length;
      this.#broken = false;
    } finally {
      this.#closeQuietly(rival);
    }
    this.#orBroken(() => this.#fs.syncDirectory(this.#path));
  }

  /** Another file that has the name, which then is nobody's: its descriptor, undefined where there is none. */
  #lockRival(): number | undefined {
    const named = this.#fs.identityOf(this.#path);
    if (named === undefined) return undefined;
    if (this.#fd !== undefined && named === this.#fs.stat(this.#fd).identity) return undefined;
    return openLocked(this.#fs, this.#path, "existing");
  }

  /** Makes a file beside the name, whole and on stable storage, and gives it the name. Returns its descriptor. */
  #makeNew(sequence: number, image: Uint8Array): number {
    const path = this.#path + NEW_SUFFIX;
    const header = encodeCheckpointHeader(this.#space, sequence, image);
    const fd = createLocked(this.#fs, path);
    try {
      this.#writeAll(fd, header, header.length, 0);
      this.#writeAll(fd, image, image.length, header.length);
      this.#fs.sync(fd);
      this.#fs.rename(path, this.#path);
      return fd;
    } catch (error) {
      // It takes the room that others need, and the next try as well.
      quietly(() => this.#fs.remove(path));
      this.#closeQuietly(fd);
      throw error;
    }
  }

  close(): void {
    this.#closeQuietly(this.#fd);
    this.#fd = undefined;
    this.#broken = true;
  }

  #orBroken(operation: (fd: number) => void): void {
    if (this.#broken || this.#fd === undefined) {
      throw new Error("the flash file is broken: a checkpoint has to come first");
    }
    try {
      operation(this.#fd);
    } catch (error) {
      this.#broken = true;
      throw error;
    }
  }

  #writeAll(fd: number, bytes: Uint8Array, end: number, position: number): void {
    for (let done = 0; done < end; ) {
      const written = this.#fs.write(fd, bytes, done, end, position + done);
      // A file system that takes nothing and reports nothing must not hold this thread for ever.
      if (written <= 0) throw Object.assign(new Error("nothing was written"), { code: "EIO" });
      done += written;
    }
  }

  /** A descriptor that cannot be closed holds nothing that is still needed. */
  #closeQuietly(fd: number | undefined): void {
    if (fd !== undefined) quietly(() => this.#fs.close(fd));
  }
}

/** What the file system says to this changes nothing. */
function quietly(operation: () => void): void {
  try {
    operation();
  } catch (error) {
    if (errorCode(error) === undefined) throw error;
  }
}

/** Codes of a path at which there is no file to be opened, or something else. */
const NO_FILE: readonly string[] = ["ENOENT", "ENOTDIR", "EISDIR", "ELOOP", "EINVAL", "ENAMETOOLONG"];

/** The device has been there before, and what it kept is not. */
export function missing(path: string): PersistenceError {
  const message = `the flash file ${path} is gone or holds nothing, and the device that it kept is no new one: put the file back, or begin anew`;
  return new PersistenceError("FlashFileMissing", message);
}

/** Opens and locks the file that `path` leads to, and makes it where there is none, unless it must exist. */
function openNamed(
  fs: FileSystem,
  path: string,
  mustExist: boolean,
): { readonly realPath: string; readonly fd: number } {
  try {
    const realPath = fs.realPath(path);
    return { realPath, fd: openLocked(fs, realPath, mustExist ? "existing" : "any") };
  } catch (error) {
    if (error instanceof FileLockError) {
      throw new PersistenceError("FlashFileLocked", `the flash file ${path} is in use by ${error.holder}`);
    }
    if (errorCode(error) === undefined) throw error;
    if (mustExist && errorCode(error) === "ENOENT") throw missing(path);
    const message = `the flash file ${path} cannot be opened: ${describe(error)}`;
    throw new PersistenceError(faultOf(error), message, error);
  }
}

function faultOf(error: unknown): PersistenceFault {
  if (error instanceof LockUnavailableError) return "FlashFileUnlockable";
  return NO_FILE.includes(errorCode(error) ?? "") ? "FlashFileUnreadable" : "FlashFileUnwritable";
}

/** What the file system refuses, under the name that it has for the file's owner. */
function named<T>(name: PersistenceFault, path: string, done: string, operation: () => T): T {
  try {
    return operation();
  } catch (error) {
    if (errorCode(error) === undefined) throw error;
    throw new PersistenceError(name, `the flash file ${path} cannot be ${done}: ${describe(error)}`, error);
  }
}

/** Reads a file that begins as one of this device, and no other. */
function readWhole(fs: FileSystem, path: string, fd: number, space: PersistentSpace): OpenedFlashFile {
  try {
    const { bytes } = fs.stat(fd);
    requireFlashFile(fs.read(fd, Math.min(bytes, HEADER_BYTES)), bytes, space);
    return openFlashFile(fs.read(fd, bytes), space);
  } catch (error) {
    if (!(error instanceof FlashFileError)) throw error;
    throw new PersistenceError(error.name, `the flash file ${path} cannot be opened: ${error.message}`);
  }
}
