/**
 * An exclusive lock on a file itself, whatever its names and whoever mounts it, that ends with its owner's process,
 * however that ends.
 *
 * It is the lock of flock(2), which Node does not offer. flock(1), of util-linux or busybox, takes it on a descriptor
 * that it inherits: the lock belongs to what was opened, not to the program that asked for it, so it is there until
 * the last descriptor closes (SIGKILL closes them, SIGSTOP does not). It holds between containers, through bind
 * mounts and hard links and between versions of Node, and only who may open the file can take it.
 */
import { fstatSync, readdirSync, readFileSync, statSync } from "node:fs";
import type { ErrorKind } from "../base/errors.ts";
import { errorMessage } from "../base/text.ts";

/** flock(1) does not wait; what takes longer hangs in the file system. */
const DEADLINE_MS = 5_000;
/** A process that was killed while its flock(1) ran has the lock until that ends, which takes milliseconds. */
const LOOKS = 5;
const LOOK_MS = 20;
/** Exit code of flock(1) when another one has the lock. */
const BUSY = 1;

/** There is nothing here that could lock a file; `code` as those of node:fs have one. */
export class LockUnavailableError extends Error {
  override readonly name = "LockUnavailableError";
  readonly code = "ENOLCK";
  readonly kind: ErrorKind = "resource";
}

/**
 * Locks the open file `fd` for as long as this descriptor is open; false when another one has the lock.
 * Throws {@link LockUnavailableError}.
 */
export function lockDescriptor(fd: number): boolean {
  for (let look = 1; !flock(fd); look += 1) {
    if (look === LOOKS) return false;
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, LOOK_MS);
  }
  return true;
}

function flock(fd: number): boolean {
  // Loaded only here: most memory emulator workers keep nothing, and it takes them longer than all that they import.
  const { spawnSync } = process.getBuiltinModule("node:child_process");
  const { error, status, stderr } = spawnSync("flock", ["-n", "3"], {
    stdio: ["ignore", "ignore", "pipe", fd],
    timeout: DEADLINE_MS,
  });
  if ((error as NodeJS.ErrnoException | undefined)?.code === "ENOENT") {
    throw new LockUnavailableError(
      "there is no flock program here to lock it with (of util-linux or busybox)",
    );
  }
  if (error !== undefined) throw new LockUnavailableError(`flock cannot be started: ${errorMessage(error)}`);
  // Whatever else goes wrong is said.
  const said = stderr.toString().trim();
  if (status === 0) return true;
  if (status === BUSY && said === "") return false;
  throw new LockUnavailableError(said === "" ? `flock ended with exit code ${status}` : said);
}

/** Who has the lock of the open file `fd`, in words: by process id where that process can be seen. */
export function lockHolder(fd: number): string {
  const pid = holderPid(fd);
  return pid === undefined
    ? "a process that cannot be seen from here (of another container, user or machine, or it has just ended)"
    : `process ${pid}`;
}

/** Linux tells of each open file of a process which locks it has (proc_pid_fdinfo(5)). */
function holderPid(fd: number): number | undefined {
  const { dev, ino } = fstatSync(fd, { bigint: true });
  for (const pid of entriesOf("/proc").filter((name) => /^\d+$/.test(name))) {
    for (const open of entriesOf(`/proc/${pid}/fd`)) {
      const stats = quietly(() => statSync(`/proc/${pid}/fd/${open}`, { bigint: true }));
      if (stats?.dev !== dev || stats.ino !== ino) continue;
      const info = quietly(() => readFileSync(`/proc/${pid}/fdinfo/${open}`, "utf8")) ?? "";
      if (/^lock:.*\bFLOCK\b/m.test(info)) return Number(pid);
    }
  }
  return undefined;
}

function entriesOf(directory: string): readonly string[] {
  return quietly(() => readdirSync(directory)) ?? [];
}

/** Processes end, and those of others are not shown. */
function quietly<T>(look: () => T): T | undefined {
  try {
    return look();
  } catch {
    return undefined;
  }
}
