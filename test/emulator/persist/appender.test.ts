import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { crc32 } from "../../../emulator/base/crc32.ts";
import { Random } from "../../../emulator/base/random.ts";
import { HEADER_BYTES, openFlashFile } from "../../../emulator/persist/flash-file.ts";
import { FlashFileWriter, PersistenceError } from "../../../emulator/persist/flash-file-writer.ts";
import { PersistState, RING_ENTRIES, StoreKind } from "../../../emulator/persist/persist-ring.ts";
import { NVRAM_OFFSET } from "../../../emulator/persist/persistent-space.ts";
import { fileSystemError, MemoryFileSystem, PowerLost } from "./memory-file-system.ts";
import { layout, PATH, PersistentDevice, space } from "./persistent-device.ts";

function stateOf(fs: MemoryFileSystem): number {
  return crc32(openFlashFile(fs.bytesOf(PATH), space).image);
}

/** A device of which one store was made and one wish for durability was answered. */
function settled(fs = new MemoryFileSystem()): PersistentDevice {
  const device = new PersistentDevice(fs);
  device.storeTable(1, 1);
  device.acknowledge();
  return device;
}

describe("the appender", () => {
  it("brings each store into the file, in order, and acknowledges once it is on stable storage", () => {
    const fs = new MemoryFileSystem();
    const device = new PersistentDevice(fs);
    const random = new Random(1);
    for (let i = 0; i < 200; i += 1) {
      device.storeSomething(random);
      if (i % 10 === 0) expect(device.acknowledge()).toBe(true);
      if (i % 10 === 0) expect(stateOf(fs.afterPowerLoss())).toBe(device.state);
    }
    device.drain();
    expect(stateOf(fs.afterKill())).toBe(device.state);
  });

  it("puts stores that nobody waits for on stable storage within a second or so", () => {
    const fs = new MemoryFileSystem();
    const device = settled(fs);
    device.storeTable(2, 2);
    const mark = device.ring.mark();
    device.drain();
    expect(device.ring.isDurable(mark)).toBe(false);
    device.drain(1_000);
    expect(device.ring.isDurable(mark)).toBe(true);
    expect(stateOf(fs.afterPowerLoss())).toBe(device.state);
  });

  it("answers a full ring with a checkpoint of all memory, and calls nothing durable before it", () => {
    const fs = new MemoryFileSystem();
    const device = settled(fs);
    for (let i = 0; i < RING_ENTRIES + 100; i += 1) device.table.store32(i % 3000, i);
    const mark = device.ring.mark();
    expect(mark.losses).toBe(100);
    expect(device.acknowledge(mark)).toBe(true);
    expect(stateOf(fs.afterPowerLoss())).toBe(device.state);
    device.storeTable(7, 7);
    device.drain();
    expect(stateOf(fs.afterKill())).toBe(device.state);
  });

  it("gives up the place of a thread that died between store and publication, whether its store was made or not", () => {
    for (const made of [false, true]) {
      const fs = new MemoryFileSystem();
      const device = settled(fs);
      device.ring.reserve();
      if (made) device.bytes[layout.nvram + 100] = 1;
      device.storeTable(5, 5);
      const mark = device.ring.mark();
      device.drain();
      expect(device.ring.isDurable(mark)).toBe(false);
      expect(device.acknowledge(mark)).toBe(true);
      expect(stateOf(fs.afterPowerLoss())).toBe(device.state);
    }
  });

  it("does not lose the store of a thread that publishes after its place was given up", () => {
    const fs = new MemoryFileSystem();
    const device = settled(fs);
    const late = device.ring.reserve();
    device.storeTable(5, 5);
    expect(device.acknowledge()).toBe(true);
    device.bytes[layout.nvram + 24] = 6;
    device.ring.publish(late, StoreKind.WORD, NVRAM_OFFSET + 24, 1, 6);
    expect(device.acknowledge()).toBe(true);
    expect(stateOf(fs.afterPowerLoss())).toBe(device.state);
  });

  it("bounds the file by checkpoints, over which the sequence goes on", () => {
    const fs = new MemoryFileSystem();
    const device = new PersistentDevice(fs);
    let largest = 0;
    for (let i = 0; i < 300_000; i += 1) {
      device.table.store32(i % 3000, i);
      if (i % 1000 === 0) device.drain();
      if (i % 1000 === 0) largest = Math.max(largest, fs.bytesOf(PATH).length);
    }
    expect(device.acknowledge()).toBe(true);
    expect(largest).toBeLessThan(6 * 1024 * 1024);
    expect(openFlashFile(fs.bytesOf(PATH), space)).toMatchObject({ sequence: 300_000 });
    expect(stateOf(fs.afterPowerLoss())).toBe(device.state);
  }, 120_000);

  it("goes on over the death of its thread, at any moment, without losing or repeating a store", () => {
    fc.assert(
      fc.property(fc.integer(), fc.integer({ min: 1, max: 25 }), (seed, operations) => {
        const fs = new MemoryFileSystem();
        const device = settled(fs);
        const random = new Random(seed);
        fs.operationsLeft = operations;
        try {
          for (;;) {
            device.storeSomething(random);
            if (random.below(3) === 0) device.acknowledge();
          }
        } catch (error) {
          if (!(error instanceof PowerLost)) throw error;
        }
        fs.operationsLeft = Number.POSITIVE_INFINITY;
        device.replaceAppender();
        device.storeTable(9, 9);
        expect(device.acknowledge()).toBe(true);
        expect(stateOf(fs.afterPowerLoss())).toBe(device.state);
      }),
      { numRuns: 60 },
    );
  });
});

describe("a file that cannot be written", () => {
  it("is named, stops all acknowledgements, and the device goes on; once there is room all is caught up", () => {
    const fs = new MemoryFileSystem();
    const device = settled(fs);
    fs.freeBytes = 100;
    const random = new Random(5);
    for (let i = 0; i < 50; i += 1) device.storeSomething(random);
    const mark = device.ring.mark();
    expect(device.acknowledge(mark)).toBe(false);
    expect(device.failures).toEqual([`the flash file ${PATH} cannot be written: ENOSPC`]);
    expect(device.ring.state).toBe(PersistState.FAILING);
    for (let i = 0; i < RING_ENTRIES; i += 1) device.table.store32(0, i);
    device.drain(5_000);
    expect(device.ring.isDurable(mark)).toBe(false);
    fs.freeBytes = Number.POSITIVE_INFINITY;
    device.drain(5_000);
    expect(device.ring.isDurable(mark)).toBe(true);
    expect(device.failures.at(-1)).toBeUndefined();
    expect(device.ring.state).toBe(PersistState.ON);
    expect(stateOf(fs.afterPowerLoss())).toBe(device.state);
  });

  it("is trusted no more after a failed fdatasync: only a new file counts", () => {
    const fs = new MemoryFileSystem();
    const device = settled(fs);
    fs.failing.set("sync", "EIO");
    device.storeTable(2, 2);
    expect(device.acknowledge()).toBe(false);
    fs.failing.clear();
    device.nowMs += 5_000;
    expect(device.acknowledge()).toBe(true);
    expect(stateOf(fs.afterPowerLoss())).toBe(device.state);
  });

  it("of another kind is judged by its first bytes, before the rest is read", () => {
    const fs = new MemoryFileSystem();
    settled(fs);
    fs.closeAll();
    fs.names.get(PATH)?.written.fill(0x5a, 0, 16);
    const reads: number[] = [];
    const read = fs.read.bind(fs);
    fs.read = (fd, bytes) => {
      reads.push(bytes);
      return read(fd, bytes);
    };
    expect(() => FlashFileWriter.open(fs, PATH, space)).toThrowError(/it is no flash file/);
    expect(reads).toEqual([HEADER_BYTES]);
  });

  it("is refused by name before the device starts", () => {
    const fs = new MemoryFileSystem();
    settled(fs);
    fs.closeAll();
    const names = ["open", "sync"].map((operation) => {
      fs.failing.clear();
      fs.failing.set(operation as "open", "EROFS");
      try {
        FlashFileWriter.open(fs, PATH, space);
      } catch (error) {
        if (error instanceof PersistenceError) return `${error.name}: ${error.message}`;
      }
      return "opened";
    });
    expect(names).toEqual([
      `FlashFileUnwritable: the flash file ${PATH} cannot be opened: EROFS`,
      `FlashFileUnwritable: the flash file ${PATH} cannot be written: EROFS`,
    ]);
    fs.failing.clear();
    fs.read = () => {
      throw fileSystemError("EACCES");
    };
    expect(() => FlashFileWriter.open(fs, PATH, space)).toThrowError(/cannot be read: EACCES/);
  });
});

describe("acknowledged means kept", () => {
  /** Ways in which a file that is served is no longer what its name stands for, and what is said of it. */
  const losses: readonly (readonly [string, string, (fs: MemoryFileSystem) => void])[] = [
    [
      "a file that was removed, or whose file system was unmounted",
      "it was removed, or its file system unmounted",
      (fs) => fs.names.delete(PATH),
    ],
    [
      "a file whose name another one got",
      "another file has its name",
      (fs) => fs.put(PATH, fs.bytesOf(PATH)),
    ],
    [
      "a file that somebody emptied",
      "it has 0 bytes instead of 116: somebody else changed it",
      (fs) => fs.truncateNamed(PATH, 0),
    ],
  ];

  it.each(losses)("%s is failing: nothing is acknowledged before a checkpoint", (_, why, lose) => {
    const fs = new MemoryFileSystem();
    const device = settled(fs);
    lose(fs);
    device.storeTable(2, 2);
    const mark = device.ring.mark();
    device.ring.want();
    device.drain();
    expect(device.failures).toEqual([`the flash file ${PATH} is lost: ${why}`]);
    expect(device.ring.state).toBe(PersistState.FAILING);
    expect(device.ring.isDurable(mark)).toBe(false);
    expect(device.acknowledge(mark)).toBe(true);
    expect(device.ring.state).toBe(PersistState.ON);
    for (const left of [fs.afterKill(), fs.afterPowerLoss()]) expect(stateOf(left)).toBe(device.state);
  });

  it.each(losses)(
    "%s is noticed also while nothing is stored, and when the device is stopped",
    (_, why, lose) => {
      const fs = new MemoryFileSystem();
      const device = settled(fs);
      lose(fs);
      device.drain(1_000);
      expect(device.failures).toEqual([`the flash file ${PATH} is lost: ${why}`]);
      device.drain();
      expect(stateOf(fs.afterPowerLoss())).toBe(device.state);
      lose(fs);
      device.appender.close(device.nowMs);
      expect(stateOf(fs.afterPowerLoss())).toBe(device.state);
    },
  );

  it("a file of that name that another process has is not replaced, and nothing is acknowledged", () => {
    const fs = new MemoryFileSystem();
    const device = settled(fs);
    fs.names.delete(PATH);
    const { writer } = FlashFileWriter.open(fs, PATH, space);
    const other = fs.identityOf(PATH);
    device.storeTable(2, 2);
    expect(device.acknowledge()).toBe(false);
    expect(device.failures.at(-1)).toBe(
      `the flash file ${PATH} cannot be written: ${PATH} is in use by another one`,
    );
    expect(fs.identityOf(PATH)).toBe(other);
    writer.close();
    device.nowMs += 5_000;
    expect(device.acknowledge()).toBe(true);
    expect(stateOf(fs.afterPowerLoss())).toBe(device.state);
  });

  it("a successor of the thread that died makes the file anew, whatever has its name by then", () => {
    for (const [, , lose] of losses) {
      const fs = new MemoryFileSystem();
      const device = settled(fs);
      lose(fs);
      device.replaceAppender();
      device.drain();
      for (const left of [fs.afterKill(), fs.afterPowerLoss()]) expect(stateOf(left)).toBe(device.state);
    }
  });

  it("a device that is no new one does not begin without its file", () => {
    const fs = new MemoryFileSystem();
    const refused = expect.objectContaining({
      name: "FlashFileMissing",
      message: expect.stringMatching(/is gone/),
    });
    expect(() => FlashFileWriter.open(fs, PATH, space, true)).toThrowError(refused);
    expect(fs.names.size).toBe(0);
  });
});

describe("a crash at any operation of the file system", () => {
  it("leaves, to a killed process or a machine without power, a state memory had and nothing older than what was acknowledged", () => {
    fc.assert(
      fc.property(fc.integer(), fc.integer({ min: 0, max: 60 }), (seed, operations) => {
        const fs = new MemoryFileSystem();
        const random = new Random(seed);
        fs.operationsLeft = operations;
        let device: PersistentDevice | undefined;
        let acknowledged = 0;
        try {
          device = new PersistentDevice(fs);
          for (let i = 0; i < 60; i += 1) {
            device.storeSomething(random);
            if (random.below(4) === 0 && device.acknowledge()) acknowledged = device.history.length - 1;
            // A full ring now and then: its checkpoint is cut off, too.
            if (random.below(20) === 0) device.ring.publish(-1, StoreKind.WORD, 0, 4, 0);
          }
        } catch (error) {
          if (!(error instanceof PowerLost)) throw error;
        }
        // The store under which power was lost is made, but not remembered yet.
        const history = device === undefined ? [] : [...device.history, device.state];
        for (const left of [fs.afterKill(), fs.afterPowerLoss()]) {
          const again = new PersistentDevice(left);
          const found = history.lastIndexOf(again.state);
          if (device !== undefined) expect(found).toBeGreaterThanOrEqual(acknowledged);
          again.storeTable(3, 3);
          expect(again.acknowledge()).toBe(true);
          expect(stateOf(left.afterPowerLoss())).toBe(again.state);
        }
      }),
      { numRuns: 100 },
    );
  });
});
