/**
 * A directory of this machine's as a program has it that runs here and that nobody vouches for (`--semihosting-dir`).
 *
 * Invariants: only what is below the directory is opened, made, removed or renamed. A name is a path of plain steps: none is
 * "..", and no path is absolute. What it leads over are directories, what it ends at is a regular file or nothing yet; a
 * symbolic link is neither, wherever it leads. What the program may take of the disk, of inodes and of descriptors has a
 * bound. Whoever else may write in the directory meanwhile is trusted.
 */
import {
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  openSync,
  readSync,
  renameSync,
  type Stats,
  unlinkSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import type { HostFiles } from "../../controller/bare/semihosting.ts";
import { Errno, type OpenMode, type Stream } from "../../controller/bare/semihosting-streams.ts";

export interface DirectoryLimits {
  /** Of one file that is written. */
  readonly fileBytes: number;
  /** By which files may grow in all; what is cut off or removed again counts. */
  readonly grownBytes: number;
  /** Files that may be made. */
  readonly madeFiles: number;
}

const LIMITS: DirectoryLimits = { fileBytes: 256 * 1024 ** 2, grownBytes: 1024 ** 3, madeFiles: 4096 };

const { O_APPEND, O_CREAT, O_NOFOLLOW, O_NONBLOCK, O_RDONLY, O_RDWR, O_TRUNC, O_WRONLY } = constants;
const FLAGS: Readonly<Record<OpenMode, number>> = {
  r: O_RDONLY,
  "r+": O_RDWR,
  w: O_WRONLY | O_CREAT | O_TRUNC,
  "w+": O_RDWR | O_CREAT | O_TRUNC,
  a: O_WRONLY | O_CREAT | O_APPEND,
  "a+": O_RDWR | O_CREAT | O_APPEND,
};

/** A place in the directory. */
interface Place {
  readonly path: string;
  /** A regular file stands there; else nothing does. */
  readonly isThere: boolean;
}

export class GuestDirectory implements HostFiles {
  readonly #root: string;
  readonly #limits: DirectoryLimits;
  #grownBytes = 0;
  #madeFiles = 0;

  /** @param root a directory, by whatever way */
  constructor(root: string, limits: DirectoryLimits = LIMITS) {
    this.#root = root;
    this.#limits = limits;
  }

  open(name: string, mode: OpenMode): Stream | number {
    return orErrno(() => {
      const place = this.#placeOf(name);
      if (typeof place === "number") return place;
      const isNew = !place.isThere && mode[0] !== "r";
      if (isNew && this.#madeFiles === this.#limits.madeFiles) return -Errno.ENOSPC;
      const descriptor = openSync(place.path, FLAGS[mode] | O_NOFOLLOW | O_NONBLOCK);
      if (isNew) this.#madeFiles++;
      return new GuestFile(this, descriptor, mode[0] === "a");
    });
  }

  remove(name: string): number {
    return orErrno(() => {
      const place = this.#placeOf(name);
      if (typeof place === "number") return place;
      unlinkSync(place.path);
      return 0;
    });
  }

  rename(from: string, to: string): number {
    return orErrno(() => {
      const [old, renamed] = [this.#placeOf(from), this.#placeOf(to)];
      if (typeof old === "number") return old;
      if (typeof renamed === "number") return renamed;
      renameSync(old.path, renamed.path);
      return 0;
    });
  }

  /** 0 if a file of `bytes` may become one of `end`: then it is taken for that. */
  grow(bytes: number, end: number): number {
    const growth = end - bytes;
    if (growth <= 0) return 0;
    if (end > this.#limits.fileBytes) return -Errno.EFBIG;
    if (this.#grownBytes + growth > this.#limits.grownBytes) return -Errno.ENOSPC;
    this.#grownBytes += growth;
    return 0;
  }

  /** An error for a name that leads elsewhere, or to what is no file. */
  #placeOf(name: string): Place | number {
    if (name.includes("\0")) return -Errno.EINVAL;
    const steps = name.split("/").filter((step) => step !== "" && step !== ".");
    const last = steps.pop();
    if (last === undefined || name.startsWith("/") || [...steps, last].includes("..")) return -Errno.EACCES;
    let path = this.#root;
    for (const step of steps) {
      path = join(path, step);
      const stats = statsOf(path);
      if (stats === undefined) return -Errno.ENOENT;
      if (!stats.isDirectory()) return -Errno.EACCES;
    }
    path = join(path, last);
    const stats = statsOf(path);
    if (stats?.isFile() === false) return -Errno.EACCES;
    return { path, isThere: stats !== undefined };
  }
}

class GuestFile implements Stream {
  readonly isTerminal = false;
  readonly #directory: GuestDirectory;
  readonly #descriptor: number;
  readonly #appends: boolean;
  #position = 0;

  constructor(directory: GuestDirectory, descriptor: number, appends: boolean) {
    this.#directory = directory;
    this.#descriptor = descriptor;
    this.#appends = appends;
  }

  read(into: Uint8Array): number {
    return orErrno(() => {
      const count = readSync(this.#descriptor, into, 0, into.length, this.#position);
      this.#position += count;
      return count;
    });
  }

  write(bytes: Uint8Array): number {
    return orErrno(() => {
      const { size } = fstatSync(this.#descriptor);
      const at = this.#appends ? size : this.#position;
      const refusal = this.#directory.grow(size, at + bytes.length);
      if (refusal < 0) return refusal;
      const count = writeSync(this.#descriptor, bytes, 0, bytes.length, at);
      this.#position = at + count;
      return count;
    });
  }

  seek(offset: number): number {
    this.#position = offset;
    return 0;
  }

  length(): number {
    return orErrno(() => fstatSync(this.#descriptor).size);
  }

  close(): number {
    return orErrno(() => {
      closeSync(this.#descriptor);
      return 0;
    });
  }
}

/** Of what stands there itself, not of what a link leads to. */
function statsOf(path: string): Stats | undefined {
  return lstatSync(path, { throwIfNoEntry: false });
}

/** What the system refuses is an error of the program's, negated. */
function orErrno<T>(action: () => T): T | number {
  try {
    return action();
  } catch (error) {
    const { errno } = error as NodeJS.ErrnoException;
    if (typeof errno === "number" && errno < 0) return errno;
    throw error;
  }
}
