/**
 * Files that are opened and locked in one: the file that a name stands for is the file that is locked.
 *
 * A file may be replaced between its opening and its locking (a checkpoint is renamed into place), so its name is
 * looked up once more when it is locked. Invariant: whoever replaces a locked file has locked the new one before, so
 * a name never stands for a file that its owner has not locked.
 */
import type { ErrorKind } from "../base/errors.ts";
import { errorCode, type FileSystem } from "./file-system.ts";

/** Replacements by another process in the instant between opening and locking. */
const ATTEMPTS = 8;

/** Another process has the file; `holder` says which one. */
export class FileLockError extends Error {
  override readonly name: string = "FileLocked";
  readonly kind: ErrorKind = "usage";
  /** As those of node:fs have one. */
  readonly code = "EBUSY";
  readonly holder: string;

  constructor(path: string, holder: string) {
    super(`${path} is in use by ${holder}`);
    this.holder = holder;
  }
}

/**
 * Opens the file that has the name `path` and locks it; "any" makes an empty one where there is none.
 * Throws {@link FileLockError}, or what the file system throws.
 */
export function openLocked(fs: FileSystem, path: string, how: "existing" | "any"): number {
  for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
    const fd = fs.open(path, how);
    if (lockOrClose(fs, fd, path)) return fd;
  }
  throw Object.assign(new Error("it is replaced over and over"), { code: "EBUSY" });
}

/**
 * Makes an empty file and locks it. What has the name already is taken for what a crash left and removed, be it a link,
 * unless another process is at work on it. Throws {@link FileLockError}, or what the file system throws.
 */
export function createLocked(fs: FileSystem, path: string): number {
  removeLeftover(fs, path);
  const fd = fs.open(path, "new");
  if (lockOrClose(fs, fd, path)) return fd;
  throw Object.assign(new Error(`${path} was replaced by another process`), { code: "EBUSY" });
}

/** False, and closed, when the name stands for another file by now. */
function lockOrClose(fs: FileSystem, fd: number, path: string): boolean {
  let kept = false;
  try {
    if (!fs.lock(fd)) throw new FileLockError(path, fs.holderOf(fd));
    kept = fs.stat(fd).identity === fs.identityOf(path);
  } finally {
    if (!kept) fs.close(fd);
  }
  return kept;
}

function removeLeftover(fs: FileSystem, path: string): void {
  if (fs.identityOf(path) === undefined) return;
  let fd: number | undefined;
  try {
    fd = openLocked(fs, path, "existing");
  } catch (error) {
    // A link, or no file: nobody is at work on that.
    if (!["ELOOP", "EINVAL"].includes(errorCode(error) ?? "")) throw error;
  }
  fs.remove(path);
  if (fd !== undefined) fs.close(fd);
}
