import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { crc32 } from "../../../emulator/base/crc32.ts";
import { Random } from "../../../emulator/base/random.ts";
import { planLayout, TABLE_BYTES } from "../../../emulator/memory/layout.ts";
import {
  encodeBlankHeader,
  encodeCheckpointHeader,
  FlashFileError,
  HEADER_BYTES,
  openFlashFile,
} from "../../../emulator/persist/flash-file.ts";
import { blankImage, planPersistentSpace } from "../../../emulator/persist/persistent-space.ts";
import { TableStore } from "../../../emulator/table/commit.ts";
import { recoverTable } from "../../../emulator/table/recovery.ts";
import { generationFault } from "../../../emulator/table/succession.ts";
import { nextGeneration, type Table } from "../../../emulator/table/table.ts";
import { CutNvram } from "../table/cut-nvram.ts";
import { acceptedTable } from "../table/table-arbitrary.ts";
import { MemoryFileSystem } from "./memory-file-system.ts";
import { layout, PATH, PersistentDevice, space } from "./persistent-device.ts";

const policy = { onDoubleLoss: "safe-mode", trialTries: 3 } as const;
const noImages = [undefined, undefined];

/** The file and the history of a device that makes `stores` stores of any kind. */
function recordedFile(seed: number, stores: number): { file: Uint8Array; history: readonly number[] } {
  const fs = new MemoryFileSystem();
  const device = new PersistentDevice(fs);
  const random = new Random(seed);
  for (let i = 0; i < stores; i += 1) {
    device.storeSomething(random);
    if (random.below(4) === 0) device.drain(random.pick([2, 2, 600]));
  }
  device.drain();
  return { file: fs.bytesOf(PATH), history: device.history };
}

/** The file and the history of a device whose table is recovered and then committed again and again. */
function fileOfCommits(commits: number): { file: Uint8Array; tables: readonly Table[] } {
  const fs = new MemoryFileSystem();
  const device = new PersistentDevice(fs);
  let table = acceptedTable(2, 0);
  recoverTable(device.table, noImages, policy);
  table = { ...table, generation: 2 };
  const store = new TableStore(
    device.table,
    { ...(recoverTable(device.table, noImages, policy).table as Table) },
    () => {},
    generationFault,
  );
  const tables: Table[] = [store.table];
  for (let i = 0; i < commits; i += 1) {
    store.commit(table);
    tables.push(table);
    table = {
      ...table,
      active: 1 - table.active,
      previous: table.active,
      generation: nextGeneration(table.generation),
    };
    device.drain();
  }
  return { file: fs.bytesOf(PATH), tables };
}

/** The name of the error with which a file is refused. */
function refusal(bytes: Uint8Array): string {
  try {
    openFlashFile(bytes, space);
  } catch (error) {
    if (error instanceof FlashFileError) return error.name;
  }
  return "opened";
}

describe("the flash file", () => {
  it("opens, at every byte prefix, to a state that memory had, and to later ones the longer it is", () => {
    fc.assert(
      fc.property(
        fc.integer(),
        fc.integer({ min: 1, max: 60 }),
        fc.infiniteStream(fc.nat()),
        (seed, stores, cuts) => {
          const { file, history } = recordedFile(seed, stores);
          const lengths = [...cuts.take(20)].map((cut) => cut % (file.length + 1)).sort((a, b) => a - b);
          let before = 0;
          for (const length of [...lengths, file.length]) {
            const opened = openFlashFile(file.subarray(0, length), space);
            expect(crc32(opened.image)).toBe(history[opened.sequence]);
            expect(opened.sequence).toBeGreaterThanOrEqual(before);
            expect(opened.endBytes + opened.droppedBytes).toBe(length);
            before = opened.sequence;
          }
          expect(before).toBe(stores);
        },
      ),
      { numRuns: 15 },
    );
  });

  it("opens, at each single byte of a sequence of commits, to a table that counts or counted just before", () => {
    const { file, tables } = fileOfCommits(3);
    let reached = 0;
    for (let length = 0; length <= file.length; length += 1) {
      const { image } = openFlashFile(file.subarray(0, length), space);
      const words = new Int32Array(image.buffer, 0, TABLE_BYTES / 4).slice();
      const recovered = recoverTable(new CutNvram(words), noImages, policy);
      expect(["first-start", "sound", "interrupted-commit"]).toContain(recovered.outcome);
      const at = tables.findIndex((table) => table.generation === recovered.table?.generation);
      expect(at).toBeGreaterThanOrEqual(reached);
      expect(recovered.table).toEqual(tables[at]);
      reached = at;
    }
    expect(reached).toBe(tables.length - 1);
  });

  it("shows every record once and in order", () => {
    const { file, history } = recordedFile(7, 50);
    const states: number[] = [];
    openFlashFile(file, space, (sequence, _end, image) => {
      expect(sequence).toBe(states.length + 1);
      states.push(crc32(image));
    });
    expect(states).toEqual(history.slice(1));
  });

  it("never opens to a state that memory did not have, whichever byte is damaged", () => {
    const { file, history } = recordedFile(11, 12);
    fc.assert(
      fc.property(fc.nat({ max: file.length - 1 }), fc.integer({ min: 1, max: 255 }), (at, flip) => {
        const damaged = file.slice();
        damaged[at] = (damaged[at] as number) ^ flip;
        try {
          const opened = openFlashFile(damaged, space);
          expect(crc32(opened.image)).toBe(history[opened.sequence]);
        } catch (error) {
          expect(error).toBeInstanceOf(FlashFileError);
        }
      }),
      { numRuns: 500 },
    );
  });

  it("refuses damage to what was on stable storage instead of dropping what came after it", () => {
    const fs = new MemoryFileSystem();
    const device = new PersistentDevice(fs);
    device.storeTable(1, 1);
    device.storeTable(2, 2);
    expect(device.acknowledge()).toBe(true);
    const file = fs.bytesOf(PATH);
    const damaged = file.slice();
    damaged[HEADER_BYTES + 24] = 0x55;
    expect(() => openFlashFile(damaged, space)).toThrowError(/record at byte 64 is damaged/);
  });

  it("drops a damaged tail that nobody was promised", () => {
    const fs = new MemoryFileSystem();
    const device = new PersistentDevice(fs);
    device.storeTable(1, 1);
    expect(device.acknowledge()).toBe(true);
    const kept = fs.bytesOf(PATH).length;
    device.storeTable(2, 2);
    device.storeTable(3, 3);
    device.drain();
    const damaged = fs.bytesOf(PATH).slice();
    damaged[kept] = (damaged[kept] as number) ^ 1;
    expect(openFlashFile(damaged, space)).toMatchObject({ sequence: 1, endBytes: kept });
  });

  it("is blank memory while it is empty or its creation was cut off", () => {
    const header = encodeBlankHeader(space);
    for (let length = 0; length <= header.length; length += 1) {
      const { image, sequence } = openFlashFile(header.subarray(0, length), space);
      expect(sequence).toBe(0);
      expect(crc32(image)).toBe(crc32(blankImage(space)));
    }
  });

  it("that begins with a checkpoint opens, at every byte prefix that holds it, to a state that memory had, and no shorter one opens", () => {
    const fs = new MemoryFileSystem();
    const device = new PersistentDevice(fs);
    const random = new Random(5);
    for (let i = 0; i < 20; i += 1) device.storeSomething(random);
    device.drain();
    // A file that could not be written is replaced by a checkpoint when it can.
    fs.failing.set("write", "ENOSPC");
    device.storeTable(1, 1);
    device.drain();
    fs.failing.clear();
    device.drain(1_000);
    const base = fs.bytesOf(PATH).length;
    expect(base).toBe(HEADER_BYTES + space.bytes);
    for (let i = 0; i < 10; i += 1) device.storeSomething(random);
    device.drain();
    const file = fs.bytesOf(PATH);
    const { history } = device;
    const refusals = new Set<string>();
    for (let length = 1; length < base; length += 1) refusals.add(refusal(file.subarray(0, length)));
    expect([...refusals]).toEqual(["FlashFileDamaged"]);
    let before = history.length - 11;
    for (let length = base; length <= file.length; length += 1) {
      const { sequence, image } = openFlashFile(file.subarray(0, length), space);
      expect(sequence === before || sequence === before + 1).toBe(true);
      if (sequence !== before || length === base) expect(crc32(image)).toBe(history[sequence]);
      before = sequence;
    }
    expect(before).toBe(history.length - 1);
  });

  it("opens a checkpoint whole or not at all", () => {
    const image = blankImage(space);
    new Random(3).fill(image);
    const header = encodeCheckpointHeader(space, 2 ** 40 + 5, image);
    const file = new Uint8Array([...header, ...image]);
    expect(openFlashFile(file, space)).toMatchObject({ sequence: 2 ** 40 + 5, records: 0 });
    expect(crc32(openFlashFile(file, space).image)).toBe(crc32(image));
    for (const length of [1, 15, 16, HEADER_BYTES - 1, HEADER_BYTES, HEADER_BYTES + 1, file.length - 1]) {
      expect(() => openFlashFile(file.subarray(0, length), space)).toThrowError(/is not whole/);
    }
    file[HEADER_BYTES + 100] = (file[HEADER_BYTES + 100] as number) ^ 4;
    expect(() => openFlashFile(file, space)).toThrowError(/CRC does not hold/);
  });

  it.each(["1", "3"])("names a file of version %s of its format", (version) => {
    const file = encodeBlankHeader(space);
    file[15] = version.charCodeAt(0);
    expect(refusal(file)).toBe("FlashFileForeign");
    expect(() => openFlashFile(file, space)).toThrow(
      `it is of version ${version} of the flash file, and this flipside reads version 2`,
    );
  });

  it("names a file of another device and a file that is none", () => {
    const other = planPersistentSpace(planLayout({ ...layout.config, regionBytes: 131_072 }));
    expect(refusal(encodeBlankHeader(other))).toBe("FlashFileMismatch");
    const small = planPersistentSpace(planLayout({ ...layout.config, nvramBytes: 4096 }));
    expect(() => openFlashFile(encodeBlankHeader(small), space)).toThrow(
      "and 4096 bytes of NVRAM; the device has",
    );
    expect(refusal(new TextEncoder().encode("#!/bin/sh\n"))).toBe("FlashFileForeign");
    expect(refusal(new TextEncoder().encode("x".repeat(1000)))).toBe("FlashFileForeign");
  });
});
