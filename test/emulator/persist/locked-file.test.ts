/** The file that a name stands for is the file that is locked, whatever another process does between the two. */
import { describe, expect, it } from "vitest";
import { createLocked, FileLockError, openLocked } from "../../../emulator/persist/locked-file.ts";
import { MemoryFileSystem } from "./memory-file-system.ts";

const PATH = "device.flash";

/** Another process puts a file of its own into the place, so many times, each time before this one has the lock. */
class ReplacedFileSystem extends MemoryFileSystem {
  replacements: number;

  constructor(replacements: number) {
    super();
    this.replacements = replacements;
  }

  override lock(fd: number): boolean {
    if (this.replacements-- > 0) this.put(PATH, Uint8Array.of(this.replacements));
    return super.lock(fd);
  }
}

describe("a file is locked", () => {
  it("that was replaced before it was locked: the one that has the name then", () => {
    const fs = new ReplacedFileSystem(2);
    fs.put(PATH, Uint8Array.of(9));
    const fd = openLocked(fs, PATH, "existing");
    expect(fs.read(fd, 1)).toEqual(Uint8Array.of(0));
    expect(fs.stat(fd).identity).toBe(fs.identityOf(PATH));
  });

  it("and one that is replaced over and over is refused, as is a new one", () => {
    const fs = new ReplacedFileSystem(Number.POSITIVE_INFINITY);
    fs.put(PATH, Uint8Array.of(9));
    expect(() => openLocked(fs, PATH, "existing")).toThrow("replaced over and over");
    expect(() => createLocked(new ReplacedFileSystem(1), PATH)).toThrow("was replaced by another process");
  });

  it("by one process only, which is named to the others, who leave it as it is", () => {
    const fs = new MemoryFileSystem();
    const fd = openLocked(fs, PATH, "any");
    fs.write(fd, Uint8Array.of(7), 0, 1, 0);
    expect(() => openLocked(fs, PATH, "any")).toThrow(FileLockError);
    expect(() => createLocked(fs, PATH)).toThrow(`${PATH} is in use by another one`);
    expect(fs.bytesOf(PATH)).toEqual(Uint8Array.of(7));
    fs.close(fd);
    expect(fs.stat(createLocked(fs, PATH)).bytes).toBe(0);
  });
});
