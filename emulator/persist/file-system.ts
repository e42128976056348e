/** What the flash file asks of a file system: a few synchronous calls, so that tests can put another one in. */
import {
  closeSync,
  constants,
  fchmodSync,
  fdatasyncSync,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  lstatSync,
  openSync,
  readSync,
  realpathSync,
  renameSync,
  statSync,
  unlinkSync,
  writeSync,
} from "node:fs";
import { basename, dirname, join } from "node:path";
import { errorMessage } from "../base/text.ts";
import { lockDescriptor, lockHolder } from "./file-lock.ts";

/** "existing": it must be there. "any": an empty file is made where there is none. "new": it must not be there. */
export type OpenMode = "existing" | "any" | "new";

export interface FileStats {
  /** The same for two names of one file, and for no other file of this machine. */
  readonly identity: string;
  readonly bytes: number;
}

/** Errors are those of node:fs: with a `code` such as ENOSPC, EROFS, EACCES, ENOENT. */
export interface FileSystem {
  /** The path without links; of a file that is not there, its directory's and its name. */
  realPath(path: string): string;
  /** Opens a regular file for reading and writing, never through a link (ELOOP). Returns a file descriptor. */
  open(path: string, mode: OpenMode): number;
  stat(fd: number): FileStats;
  /** Of what has this name, a link included; undefined when nothing has it. */
  identityOf(path: string): string | undefined;
  /** Nobody but its owner may open the file from here on, if that is the user of this process. */
  makePrivate(fd: number): void;
  /** Locks the file until the descriptor closes; false when it is locked through another one. */
  lock(fd: number): boolean;
  /** Who has the file's lock, in words. */
  holderOf(fd: number): string;
  /** The file's first bytes, at most so many. */
  read(fd: number, bytes: number): Uint8Array;
  /** Writes some of the bytes from `start` to `end` at a position of the file; returns how many. */
  write(fd: number, bytes: Uint8Array, start: number, end: number, position: number): number;
  truncate(fd: number, bytes: number): void;
  /** What was written is on stable storage. */
  sync(fd: number): void;
  close(fd: number): void;
  rename(from: string, to: string): void;
  /** Takes the name away. */
  remove(path: string): void;
  /** The names in the directory of `path` are on stable storage. */
  syncDirectory(path: string): void;
}

/** Only the owner reads and writes it, and so nobody else can take its lock. */
const PRIVATE = 0o600;
const OTHERS = 0o077;
const OTHERS_WRITE = 0o022;

const OPEN_FLAGS: Readonly<Record<OpenMode, number>> = {
  existing: 0,
  any: constants.O_CREAT,
  new: constants.O_CREAT | constants.O_EXCL,
};

function openFile(path: string, mode: OpenMode): number {
  const fd = openSync(path, constants.O_RDWR | constants.O_NOFOLLOW | OPEN_FLAGS[mode], PRIVATE);
  try {
    if (!fstatSync(fd).isFile()) throw Object.assign(new Error("it is no regular file"), { code: "EINVAL" });
    return fd;
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}

function readStart(fd: number, bytes: number): Uint8Array {
  const read = new Uint8Array(bytes);
  let done = 0;
  for (let more = 1; more > 0 && done < bytes; done += more)
    more = readSync(fd, read, done, bytes - done, done);
  return read.subarray(0, done);
}

function realPath(path: string): string {
  try {
    return realpathSync(path);
  } catch (error) {
    if (errorCode(error) !== "ENOENT") throw error;
    return join(realpathSync(dirname(path)), basename(path));
  }
}

function identity({ dev, ino }: { readonly dev: bigint; readonly ino: bigint }): string {
  return `${dev}:${ino}`;
}

function makePrivate(fd: number): void {
  const { mode, uid } = fstatSync(fd);
  if ((mode & OTHERS) !== 0 && uid === process.geteuid?.()) fchmodSync(fd, PRIVATE);
}

export const nodeFileSystem: FileSystem = {
  realPath,
  open: openFile,
  stat: (fd) => {
    const stats = fstatSync(fd, { bigint: true });
    return { identity: identity(stats), bytes: Number(stats.size) };
  },
  identityOf: (path) => {
    const stats = lstatSync(path, { bigint: true, throwIfNoEntry: false });
    return stats === undefined ? undefined : identity(stats);
  },
  makePrivate,
  lock: lockDescriptor,
  holderOf: lockHolder,
  read: readStart,
  write: (fd, bytes, start, end, position) => writeSync(fd, bytes, start, end - start, position),
  truncate: ftruncateSync,
  sync: fdatasyncSync,
  close: closeSync,
  rename: renameSync,
  remove: unlinkSync,
  syncDirectory: (path) => {
    const fd = openSync(dirname(path), "r");
    try {
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
  },
};

/** Whether others than the user of this process and root may make, rename or remove files beside `path`. */
export function isSharedDirectory(path: string): boolean {
  const user = process.geteuid?.();
  const { mode, uid } = statSync(dirname(path));
  return user !== undefined && ((mode & OTHERS_WRITE) !== 0 || (uid !== user && uid !== 0));
}

/** The code of a file system's error, such as "ENOSPC"; undefined when it is another kind of error. */
export function errorCode(error: unknown): string | undefined {
  return error instanceof Error ? (error as NodeJS.ErrnoException).code : undefined;
}

/** What the file system says of the cause, without the call that it was: "ENOSPC: no space left on device". */
export function describe(error: unknown): string {
  return errorMessage(error).replace(/^(E[A-Z0-9]+: [^,]*), .*$/s, "$1");
}
