/**
 * An exclusive lock on a file's name that ends with the process that holds it, however that ends.
 *
 * Node offers no flock. On Linux the lock is a listening socket in the abstract namespace, named after the file's
 * real path: the kernel lets one process have it and takes it back at the process's end, SIGKILL included; a
 * stopped process keeps it. It is not seen from other network namespaces. Elsewhere it is a file beside the file,
 * created exclusively, with the owner's process id; one whose owner is gone is taken over (which two processes
 * that start in the same instant could both do).
 */

import { createHash } from "node:crypto";
import { closeSync, openSync, readFileSync, realpathSync, unlinkSync, writeSync } from "node:fs";
import { createServer } from "node:net";
import { basename, dirname, join } from "node:path";
import type { ErrorKind } from "../base/errors.ts";
import { errorCode } from "./file-system.ts";
import { describe, PersistenceError } from "./flash-file-writer.ts";

/** Another process has the file; `name` is FlashFileLocked. */
export class FileLockError extends Error {
  override readonly name = "FlashFileLocked";
  readonly kind: ErrorKind = "usage";

  constructor(path: string) {
    super(`the flash file ${path} is in use by another process`);
  }
}

/** The file's path without links; of a file not made yet, its directory's and its name. */
function realPath(path: string): string {
  try {
    return realpathSync(path);
  } catch (error) {
    if (errorCode(error) !== "ENOENT") throw unreadable(path, error);
  }
  try {
    return join(realpathSync(dirname(path)), basename(path));
  } catch (error) {
    throw unreadable(path, error);
  }
}

function unreadable(path: string, error: unknown): PersistenceError {
  const reason = `the flash file ${path} cannot be opened: ${describe(error)}`;
  return new PersistenceError("FlashFileUnreadable", reason);
}

export interface FileLock {
  release(): Promise<void>;
}

/** Locks `path`. Rejects with {@link FileLockError} or PersistenceError. */
export async function lockFile(path: string): Promise<FileLock> {
  const real = realPath(path);
  return process.platform === "linux" ? lockBySocket(path, real) : lockByFile(path, `${real}.lock`);
}

function lockBySocket(path: string, real: string): Promise<FileLock> {
  // A socket's name has 107 bytes, a path may have more.
  const name = `\0flipside-${createHash("sha256").update(real).digest("hex")}`;
  const server = createServer((peer) => peer.destroy());
  return new Promise((resolve, reject) => {
    server.once("error", (error: NodeJS.ErrnoException) => {
      reject(error.code === "EADDRINUSE" ? new FileLockError(path) : error);
    });
    server.listen(name, () => {
      server.unref();
      resolve({ release: () => new Promise((done) => void server.close(() => done())) });
    });
  });
}

async function lockByFile(path: string, lock: string): Promise<FileLock> {
  for (let attempt = 0; attempt < 2; attempt += 1) {
    try {
      const fd = openSync(lock, "wx", 0o600);
      writeSync(fd, String(process.pid));
      closeSync(fd);
      return { release: async () => unlinkSync(lock) };
    } catch (error) {
      if (errorCode(error) !== "EEXIST") throw error;
      if (isAlive(Number(readFileSync(lock, "utf8")))) break;
      unlinkSync(lock);
    }
  }
  throw new FileLockError(path);
}

function isAlive(pid: number): boolean {
  if (!Number.isSafeInteger(pid) || pid <= 0) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return errorCode(error) === "EPERM";
  }
}
