/**
 * The flash file on disk: opened or created, appended to, replaced by a checkpoint.
 *
 * Invariants: bytes before {@link FlashFileWriter.endBytes} are whole records and never change; a checkpoint becomes
 * the file by rename, when it is whole and on stable storage, so at every instant one openable file has the name.
 * After an error nothing more is appended to that file: what a failed write or fdatasync left is not known (the
 * kernel may drop the pages and report no second time), so only a checkpoint, a new file, goes on.
 */

import type { ErrorKind } from "../base/errors.ts";
import { errorMessage } from "../base/text.ts";
import { errorCode, type FileSystem } from "./file-system.ts";
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
import type { PersistentSpace } from "./persistent-space.ts";

/** The flash file cannot be used; `name` is stable, `message` one sentence for its owner. */
export class PersistenceError extends Error {
  readonly kind: ErrorKind = "usage";

  constructor(name: "FlashFileUnreadable" | "FlashFileUnwritable" | FlashFileError["name"], message: string) {
    super(message);
    this.name = name;
  }
}

export interface Opened {
  readonly writer: FlashFileWriter;
  readonly file: OpenedFlashFile;
  /** There was no file before. */
  readonly created: boolean;
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

  /**
   * Opens the file and drops a torn tail, or creates it. The caller holds its lock (file-lock.ts).
   * Throws {@link PersistenceError}.
   */
  static open(fs: FileSystem, path: string, space: PersistentSpace): Opened {
    const bytes = readIfThere(fs, path);
    const file = openBytes(path, bytes ?? new Uint8Array(0), space);
    try {
      const fd = fs.open(path, bytes === undefined);
      const writer = new FlashFileWriter(fs, path, space, fd, file.endBytes);
      writer.#start(bytes === undefined, file);
      return { writer, file, created: bytes === undefined };
    } catch (error) {
      if (errorCode(error) === undefined) throw error;
      throw new PersistenceError(
        "FlashFileUnwritable",
        `the flash file ${path} cannot be written: ${describe(error)}`,
      );
    }
  }

  get endBytes(): number {
    return this.#endBytes;
  }

  /** Nothing more can be appended; a checkpoint mends it. */
  get broken(): boolean {
    return this.#broken;
  }

  #start(created: boolean, file: OpenedFlashFile): void {
    if (file.droppedBytes > 0) this.#fs.truncate(this.#fd, file.endBytes);
    if (file.endBytes === 0) {
      const header = encodeBlankHeader(this.#space);
      this.#writeAll(this.#fd, header, header.length, 0);
      this.#endBytes = header.length;
    }
    this.#fs.sync(this.#fd);
    if (created) this.#fs.syncDirectory(this.#path);
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
    const fd = this.#fs.open(path, true);
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

function readIfThere(fs: FileSystem, path: string): Uint8Array | undefined {
  try {
    return fs.read(path);
  } catch (error) {
    if (errorCode(error) === "ENOENT") return undefined;
    if (errorCode(error) === undefined) throw error;
    throw new PersistenceError(
      "FlashFileUnreadable",
      `the flash file ${path} cannot be read: ${describe(error)}`,
    );
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

export function describe(error: unknown): string {
  return errorCode(error) ?? errorMessage(error);
}
