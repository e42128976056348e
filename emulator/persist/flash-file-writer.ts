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

import type { ErrorKind } from "../base/errors.ts";
import { LockUnavailableError } from "./file-lock.ts";
import { describe, errorCode, type FileSystem } from "./file-system.ts";
import {
  encodeBlankHeader,
  encodeCheckpointHeader,
  encodeRecord,
  FlashFileError,
  type OpenedFlashFile,
  openFlashFile,
  RECORD_HEADER_BYTES,
  RecordKind,
} from "./flash-file.ts";
import { createLocked, FileLockError, openLocked } from "./locked-file.ts";
import type { PersistentSpace } from "./persistent-space.ts";

export type PersistenceFault =
  | "FlashFileLocked"
  | "FlashFileUnlockable"
  | "FlashFileUnreadable"
  | "FlashFileUnwritable"
  | FlashFileError["name"];

/** The flash file cannot be used; `name` is stable, `message` one sentence for its owner. */
export class PersistenceError extends Error {
  readonly kind: ErrorKind = "usage";

  constructor(name: PersistenceFault, message: string) {
    super(message);
    this.name = name;
  }
}

export interface Opened {
  readonly writer: FlashFileWriter;
  readonly file: OpenedFlashFile;
}

const NEW_SUFFIX = ".new";

export class FlashFileWriter {
  readonly #fs: FileSystem;
  readonly #path: string;
  readonly #space: PersistentSpace;
  #fd: number;
  #endBytes: number;
  #broken = false;

  private constructor(fs: FileSystem, path: string, space: PersistentSpace, fd: number, endBytes: number) {
    this.#fs = fs;
    this.#path = path;
    this.#space = space;
    this.#fd = fd;
    this.#endBytes = endBytes;
  }

  /** Locks the file and opens it, dropping a torn tail, or creates it. Throws {@link PersistenceError}. */
  static open(fs: FileSystem, path: string, space: PersistentSpace): Opened {
    const { realPath, fd } = openNamed(fs, path);
    try {
      const bytes = named("FlashFileUnreadable", path, "read", () => fs.read(fd, fs.stat(fd).bytes));
      const file = openBytes(path, bytes, space);
      const writer = new FlashFileWriter(fs, realPath, space, fd, file.endBytes);
      named("FlashFileUnwritable", path, "written", () => writer.#start(file));
      return { writer, file };
    } catch (error) {
      fs.close(fd);
      throw error;
    }
  }

  get endBytes(): number {
    return this.#endBytes;
  }

  /** Nothing more can be appended; a checkpoint mends it. */
  get broken(): boolean {
    return this.#broken;
  }

  #start(file: OpenedFlashFile): void {
    const isNew = file.endBytes === 0;
    if (file.droppedBytes > 0) this.#fs.truncate(this.#fd, file.endBytes);
    if (isNew) {
      const header = encodeBlankHeader(this.#space);
      this.#writeAll(this.#fd, header, header.length, 0);
      this.#endBytes = header.length;
    }
    this.#fs.sync(this.#fd);
    if (isNew) this.#fs.syncDirectory(this.#path);
  }

  /** Appends whole records. Throws what the file system throws. */
  append(records: Uint8Array, bytes: number): void {
    this.#orBroken(() => this.#writeAll(this.#fd, records, bytes, this.#endBytes));
    this.#endBytes += bytes;
  }

  /** Brings everything appended to stable storage, and marks that. Throws what the file system throws. */
  sync(sequence: number): void {
    const mark = new Int32Array(RECORD_HEADER_BYTES / 4);
    encodeRecord(mark, 0, RecordKind.SYNCED, sequence, 0, 0, 0);
    this.#orBroken(() => this.#fs.sync(this.#fd));
    this.append(new Uint8Array(mark.buffer), mark.byteLength);
  }

  /** Replaces the file by `image` as of `sequence`. Throws what the file system throws; the old file then stands. */
  checkpoint(sequence: number, image: Uint8Array): void {
    const path = this.#path + NEW_SUFFIX;
    const header = encodeCheckpointHeader(this.#space, sequence, image);
    const fd = createLocked(this.#fs, path);
    try {
      this.#writeAll(fd, header, header.length, 0);
      this.#writeAll(fd, image, image.length, header.length);
      this.#fs.sync(fd);
      this.#fs.rename(path, this.#path);
    } catch (error) {
      this.#closeQuietly(fd);
      throw error;
    }
    // The name stands for the new file from here on, whatever fails behind.
    this.#closeQuietly(this.#fd);
    this.#fd = fd;
    this.#endBytes = header.length + image.length;
    this.#broken = false;
    this.#orBroken(() => this.#fs.syncDirectory(this.#path));
  }

  close(): void {
    this.#closeQuietly(this.#fd);
    this.#broken = true;
  }

  #orBroken(operation: () => void): void {
    if (this.#broken) throw new Error("the flash file is broken: a checkpoint has to come first");
    try {
      operation();
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
  #closeQuietly(fd: number): void {
    try {
      this.#fs.close(fd);
    } catch (error) {
      if (errorCode(error) === undefined) throw error;
    }
  }
}

/** Codes of a path at which there is no file to be opened, or something else. */
const NO_FILE: readonly string[] = ["ENOENT", "ENOTDIR", "EISDIR", "ELOOP", "EINVAL", "ENAMETOOLONG"];

/** Opens and locks the file that `path` leads to, and makes it where there is none. */
function openNamed(fs: FileSystem, path: string): { readonly realPath: string; readonly fd: number } {
  try {
    const realPath = fs.realPath(path);
    return { realPath, fd: openLocked(fs, realPath, "any") };
  } catch (error) {
    if (error instanceof FileLockError) {
      throw new PersistenceError("FlashFileLocked", `the flash file ${path} is in use by ${error.holder}`);
    }
    if (errorCode(error) === undefined) throw error;
    throw new PersistenceError(faultOf(error), `the flash file ${path} cannot be opened: ${describe(error)}`);
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
    throw new PersistenceError(name, `the flash file ${path} cannot be ${done}: ${describe(error)}`);
  }
}

function openBytes(path: string, bytes: Uint8Array, space: PersistentSpace): OpenedFlashFile {
  try {
    return openFlashFile(bytes, space);
  } catch (error) {
    if (!(error instanceof FlashFileError)) throw error;
    throw new PersistenceError(error.name, `the flash file ${path} cannot be opened: ${error.message}`);
  }
}
