/** What the flash file asks of a file system: a few synchronous calls, so that tests can put another one in. */
import {
  closeSync,
  fdatasyncSync,
  fsyncSync,
  ftruncateSync,
  openSync,
  readFileSync,
  renameSync,
  statSync,
  writeSync,
} from "node:fs";
import { dirname } from "node:path";

/** Errors are those of node:fs: with a `code` such as ENOSPC, EROFS, EACCES, ENOENT. */
export interface FileSystem {
  /** The whole file; only of a regular file. */
  read(path: string): Uint8Array;
  /** Opens for reading and writing; `create` makes an empty file of it. Returns a file descriptor. */
  open(path: string, create: boolean): number;
  /** Writes some of the bytes from `start` to `end` at a position of the file; returns how many. */
  write(fd: number, bytes: Uint8Array, start: number, end: number, position: number): number;
  truncate(fd: number, bytes: number): void;
  /** What was written is on stable storage. */
  sync(fd: number): void;
  close(fd: number): void;
  rename(from: string, to: string): void;
  /** The names in the directory of `path` are on stable storage. */
  syncDirectory(path: string): void;
}

/** Only the owner reads and writes it. */
const MODE = 0o600;

export const nodeFileSystem: FileSystem = {
  read: (path) => {
    if (!statSync(path).isFile()) throw Object.assign(new Error("it is no regular file"), { code: "EINVAL" });
    return readFileSync(path);
  },
  open: (path, create) => openSync(path, create ? "w+" : "r+", MODE),
  write: (fd, bytes, start, end, position) => writeSync(fd, bytes, start, end - start, position),
  truncate: ftruncateSync,
  sync: fdatasyncSync,
  close: closeSync,
  rename: renameSync,
  syncDirectory: (path) => {
    const fd = openSync(dirname(path), "r");
    try {
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
  },
};

/** The code of a file system's error, such as "ENOSPC"; undefined when it is another kind of error. */
export function errorCode(error: unknown): string | undefined {
  return error instanceof Error ? (error as NodeJS.ErrnoException).code : undefined;
}
