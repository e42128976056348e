/**
 * A file system in memory that can be full, fail, and lose power in the middle of any operation.
 *
 * What is on stable storage and what is only written are told apart, for files and for their names.
 */
import type { FileStats, FileSystem, OpenMode } from "../../../emulator/persist/file-system.ts";

export class PowerLost extends Error {
  override readonly name = "PowerLost";
}

export function fileSystemError(code: string): Error {
  return Object.assign(new Error(code), { code });
}

let inodes = 0;

class Inode {
  readonly identity = String(++inodes);
  /** Descriptor that holds its lock. */
  lockedBy: number | undefined;
  written = new Uint8Array(0);
  synced = new Uint8Array(0);
}

export class MemoryFileSystem implements FileSystem {
  names = new Map<string, Inode>();
  syncedNames = new Map<string, Inode>();
  readonly #open = new Map<number, Inode>();
  #nextFd = 3;
  /** Operations that change something and still succeed; the one after them loses power half done. */
  operationsLeft = Number.POSITIVE_INFINITY;
  operations = 0;
  /** Bytes that still fit. */
  freeBytes = Number.POSITIVE_INFINITY;
  /** Makes the named operation fail with this code. */
  readonly failing = new Map<keyof FileSystem, string>();

  /** What has this name, whole. */
  bytesOf(path: string): Uint8Array {
    const inode = this.names.get(path);
    if (inode === undefined) throw fileSystemError("ENOENT");
    return inode.written.slice();
  }

  realPath(path: string): string {
    return path;
  }

  open(path: string, mode: OpenMode): number {
    this.#check("open");
    let inode = this.names.get(path);
    if (inode !== undefined && mode === "new") throw fileSystemError("EEXIST");
    if (inode === undefined) {
      if (mode === "existing") throw fileSystemError("ENOENT");
      this.#operate();
      inode = new Inode();
      this.names.set(path, inode);
    }
    this.#open.set(this.#nextFd, inode);
    return this.#nextFd++;
  }

  stat(fd: number): FileStats {
    const { identity, written } = this.#inode(fd);
    return { identity, bytes: written.length };
  }

  identityOf(path: string): string | undefined {
    return this.names.get(path)?.identity;
  }

  makePrivate(_fd: number): void {}

  lock(fd: number): boolean {
    const inode = this.#inode(fd);
    inode.lockedBy ??= fd;
    return inode.lockedBy === fd;
  }

  holderOf(_fd: number): string {
    return "another one";
  }

  read(fd: number, bytes: number): Uint8Array {
    this.#check("read");
    return this.#inode(fd).written.slice(0, bytes);
  }

  write(fd: number, bytes: Uint8Array, start: number, end: number, position: number): number {
    this.#check("write");
    const cut = this.#takeOperation();
    const wanted = cut ? Math.floor((end - start) / 2) : end - start;
    const fits = Math.min(wanted, this.freeBytes);
    if (fits === 0 && wanted > 0) throw fileSystemError("ENOSPC");
    const inode = this.#inode(fd);
    const grown = new Uint8Array(Math.max(inode.written.length, position + fits));
    grown.set(inode.written);
    grown.set(bytes.subarray(start, start + fits), position);
    inode.written = grown;
    this.freeBytes -= fits;
    if (cut) throw new PowerLost("in a write");
    return fits;
  }

  truncate(fd: number, bytes: number): void {
    this.#check("truncate");
    this.#operate();
    const inode = this.#inode(fd);
    inode.written = inode.written.slice(0, bytes);
  }

  sync(fd: number): void {
    this.#check("sync");
    this.#operate();
    const inode = this.#inode(fd);
    inode.synced = inode.written.slice();
  }

  close(fd: number): void {
    const inode = this.#open.get(fd);
    if (inode?.lockedBy === fd) inode.lockedBy = undefined;
    this.#open.delete(fd);
  }

  /** What the end of a thread or process does. */
  closeAll(): void {
    for (const fd of [...this.#open.keys()]) this.close(fd);
  }

  rename(from: string, to: string): void {
    this.#check("rename");
    this.#operate();
    const inode = this.names.get(from);
    if (inode === undefined) throw fileSystemError("ENOENT");
    this.names.delete(from);
    this.names.set(to, inode);
  }

  remove(path: string): void {
    this.#check("remove");
    this.#operate();
    if (!this.names.delete(path)) throw fileSystemError("ENOENT");
  }

  syncDirectory(_path: string): void {
    this.#check("syncDirectory");
    this.#operate();
    this.syncedNames = new Map(this.names);
  }

  /** Somebody else cuts the file of this name. */
  truncateNamed(path: string, bytes: number): void {
    const inode = this.names.get(path);
    if (inode === undefined) throw fileSystemError("ENOENT");
    inode.written = inode.written.slice(0, bytes);
  }

  /** What a killed process leaves: everything written. Usable again. */
  afterKill(): MemoryFileSystem {
    const left = new MemoryFileSystem();
    for (const [name, inode] of this.names) left.put(name, inode.written);
    return left;
  }

  /** What a machine that lost power leaves, at the least: nothing but what was synced. */
  afterPowerLoss(): MemoryFileSystem {
    const left = new MemoryFileSystem();
    for (const [name, inode] of this.syncedNames) left.put(name, inode.synced);
    return left;
  }

  /** Another file gets the name, and is on stable storage. */
  put(name: string, bytes: Uint8Array): void {
    const inode = new Inode();
    inode.written = bytes.slice();
    inode.synced = bytes.slice();
    this.names.set(name, inode);
    this.syncedNames.set(name, inode);
  }

  #inode(fd: number): Inode {
    const inode = this.#open.get(fd);
    if (inode === undefined) throw fileSystemError("EBADF");
    return inode;
  }

  #check(operation: keyof FileSystem): void {
    const code = this.failing.get(operation);
    if (code !== undefined) throw fileSystemError(code);
  }

  /** True when this operation loses power. */
  #takeOperation(): boolean {
    if (this.operationsLeft <= 0) throw new PowerLost("before an operation");
    this.operations += 1;
    this.operationsLeft -= 1;
    return this.operationsLeft <= 0 && Number.isFinite(this.operationsLeft);
  }

  #operate(): void {
    if (this.#takeOperation()) throw new PowerLost("before an operation");
  }
}
