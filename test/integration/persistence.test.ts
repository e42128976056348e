/** The flash file under real threads and real processes. */
import {
  existsSync,
  linkSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type DeviceOptions, type RunningDevice, startDevice } from "flipside";
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { crc32 } from "../../emulator/base/crc32.ts";
import { DEFAULT_MEMORY_CONFIG, planLayout, TABLE_BYTES } from "../../emulator/memory/layout.ts";
import { type FileSystem, nodeFileSystem } from "../../emulator/persist/file-system.ts";
import {
  encodeBlankHeader,
  encodeCheckpointHeader,
  HEADER_BYTES,
  openFlashFile,
} from "../../emulator/persist/flash-file.ts";
import { FlashFileWriter, PersistenceError } from "../../emulator/persist/flash-file-writer.ts";
import { blankImage, planPersistentSpace } from "../../emulator/persist/persistent-space.ts";
import { recoverTable } from "../../emulator/table/recovery.ts";
import { CutNvram } from "../emulator/table/cut-nvram.ts";

function image(name: string): Uint8Array {
  return readFileSync(new URL(`../../controller/firmware/images/${name}`, import.meta.url));
}

const images = [image("controller-1.1.0.img"), image("controller-1.0.0.img")];
const limits = { budget: { failures: null, windowMs: 60_000 } };
const space = planPersistentSpace(planLayout(DEFAULT_MEMORY_CONFIG));
const policy = { onDoubleLoss: "safe-mode", trialTries: 3 } as const;

const CHECKPOINT = "check";

let directory: string;
let running: RunningDevice[] = [];

/**
 * A file that holds every store of a soak from blank memory on. Where a busy machine let stores outrun the appender, a
 * checkpoint has taken the place of the first of them: then another one.
 */
async function soakedFile(): Promise<{ bytes: Uint8Array; generation: number }> {
  for (let attempt = 0; ; attempt++) {
    const file = join(directory, `soaked-${attempt}.flash`);
    const device = await start(file);
    const kinds = ["ebreak", "ecall"];
    const { failovers } = await device.soak({ seed: 7, durationMs: null, failovers: 15, kinds });
    expect(failovers).toBe(15);
    const { generation } = await device.status();
    await device.stop();
    const bytes = readFileSync(file);
    if (bytes.toString("latin1", 0, CHECKPOINT.length) !== CHECKPOINT || attempt === 4)
      return { bytes, generation };
  }
}

async function start(flashFile: string, more: Partial<DeviceOptions> = {}): Promise<RunningDevice> {
  const device = await startDevice({ images, limits, flashFile, ...more });
  running.push(device);
  return device;
}

/** The name of the error with which a device does not start on this file. */
async function refusal(flashFile: string): Promise<string> {
  try {
    await start(flashFile);
  } catch (error) {
    if (error instanceof Error) return error.name;
  }
  return "started";
}

async function failOver(device: RunningDevice): Promise<void> {
  await device.standby();
  const next = device.nextFailover();
  await device.inject("illegal-instruction");
  await next;
}

describe("a device with a flash file", () => {
  beforeAll(() => {
    directory = mkdtempSync(join(tmpdir(), "flipside-"));
  });
  afterEach(async () => {
    await Promise.all(running.map((device) => device.stop()));
    running = [];
  });
  afterAll(() => rmSync(directory, { recursive: true }));

  it("is after SIGKILL what was acknowledged before it", async () => {
    const file = join(directory, "killed.flash");
    let device = await start(file);
    for (let round = 0; round < 3; round += 1) {
      await failOver(device);
      await failOver(device);
      await failOver(device);
      const before = await device.status();
      process.kill(device.pid ?? 0, "SIGKILL");
      await device.stop();
      device = await start(file);
      const { primary, generation, regions } = await device.status();
      expect({ primary, generation, regions: regions.map(({ failures }) => failures) }).toEqual({
        primary: before.primary,
        generation: before.generation,
        regions: before.regions.map(({ failures }) => failures),
      });
    }
  });

  it("runs on when its memory emulator worker dies, in each way, and loses nothing that was acknowledged", async () => {
    const file = join(directory, "memory-worker.flash");
    let device = await start(file);
    for (const kind of ["memory-throw", "memory-exit", "memory-terminate"]) {
      await device.standby();
      const before = await device.status();
      await device.inject(kind);
      await failOver(device);
      await failOver(device);
      const after = await device.status();
      expect(after.generation).toBe(before.generation + 2);
      expect(after.memoryReplacements).toBe(before.memoryReplacements + 1);
      expect(after.failovers).toBe(before.failovers + 2);
    }
    const { generation } = await device.status();
    process.kill(device.pid ?? 0, "SIGKILL");
    await device.stop();
    device = await start(file);
    expect((await device.status()).generation).toBe(generation);
  });

  it("acknowledged means kept: a file that is removed or replaced while it is used is made again before anything is acknowledged", async () => {
    const file = join(directory, "removed.flash");
    let device = await start(file);
    for (const lose of [() => rmSync(file), () => writeFileSync(file, "somebody's")]) {
      await device.standby();
      lose();
      let { generation } = await device.status();
      // What is under way at the moment of the loss is told that it is not durable.
      await failOver(device).catch(() => undefined);
      await vi.waitFor(async () => expect((await device.status()).persistence).toBe("on"));
      await failOver(device);
      const { generation: acknowledged, persistence } = await device.status();
      expect(acknowledged).toBeGreaterThan(generation);
      expect(persistence).toBe("on");
      process.kill(device.pid ?? 0, "SIGKILL");
      await device.stop();
      device = await start(file);
      ({ generation } = await device.status());
      expect(generation).toBe(acknowledged);
    }
  });

  it("symlinks and hard links in the place of a checkpoint that is being written are not followed", () => {
    const path = join(directory, "linked.flash");
    const victim = join(directory, "victim");
    writeFileSync(victim, "somebody's");
    const { writer, file } = FlashFileWriter.open(nodeFileSystem, path, space);
    for (const link of [symlinkSync, linkSync]) {
      link(victim, `${path}.new`);
      writer.checkpoint(1, file.image);
      expect(readFileSync(victim, "utf8")).toBe("somebody's");
      expect(openFlashFile(readFileSync(path), space).sequence).toBe(1);
      expect(existsSync(`${path}.new`)).toBe(false);
    }
    writer.close();
  });

  it("a large file, of 1.9 GB, is judged by its first bytes before it is read", () => {
    let read = 0;
    const counting: FileSystem = {
      ...nodeFileSystem,
      read: (fd, bytes) => {
        read += bytes;
        return nodeFileSystem.read(fd, bytes);
      },
    };
    const path = join(directory, "large");
    const refused = (start: Uint8Array): string => {
      writeFileSync(path, start);
      // Of nothing, which takes no room.
      truncateSync(path, 1.9e9);
      try {
        FlashFileWriter.open(counting, path, space).writer.close();
      } catch (error) {
        if (error instanceof PersistenceError) return `${error.name}: ${error.message}`;
      }
      return "opened";
    };
    const because = `the flash file ${path} cannot be opened`;
    expect(refused(Buffer.from("#!/bin/sh"))).toMatch(`FlashFileForeign: ${because}: it is no flash file`);
    expect(refused(encodeBlankHeader(space))).toMatch(
      `FlashFileDamaged: ${because}: it has 1900000000 bytes`,
    );
    const image = blankImage(space);
    expect(refused(encodeCheckpointHeader(space, 1, image))).toMatch(/FlashFileDamaged: .* 1900000000 bytes/);
    expect(read).toBe(3 * HEADER_BYTES);
  });

  it("leaves a file of which every byte prefix opens to a table that counted, in order, until the very last", async () => {
    const { bytes, generation } = await soakedFile();
    const states: number[] = [];
    const whole = openFlashFile(bytes, space, (_sequence, _end, state) => {
      states.push(crc32(state.subarray(0, TABLE_BYTES)));
    });
    let reached = 0;
    let sequence = -1;
    for (let length = 0; length <= bytes.length; length += 1) {
      const opened = openFlashFile(bytes.subarray(0, length), space);
      if (opened.sequence === sequence) continue;
      expect(opened.sequence).toBe(sequence + 1);
      sequence = opened.sequence;
      const words = new Int32Array(opened.image.buffer, 0, TABLE_BYTES / 4);
      if (sequence > 0) expect(crc32(opened.image.subarray(0, TABLE_BYTES))).toBe(states[sequence - 1]);
      const { outcome, table } = recoverTable(new CutNvram(words.slice()), [undefined, undefined], policy);
      expect(["first-start", "sound", "interrupted-commit"]).toContain(outcome);
      if (outcome === "first-start") continue;
      expect(table?.generation).toBeGreaterThanOrEqual(reached);
      reached = table?.generation ?? 0;
    }
    expect(sequence).toBe(whole.sequence);
    expect(reached).toBe(generation);
  }, 180_000);

  it("does not start on a file that it cannot use, and says by name why", async () => {
    const busy = join(directory, "busy.flash");
    await start(busy);
    expect(await refusal(busy)).toBe("FlashFileLocked");
    const foreign = join(directory, "foreign");
    writeFileSync(foreign, "#!/bin/sh\n", { mode: 0o644 });
    expect(await refusal(foreign)).toBe("FlashFileForeign");
    expect(statSync(foreign).mode & 0o777).toBe(0o644);
    expect(await refusal(directory)).toBe("FlashFileUnreadable");
    expect(await refusal(join(directory, "nowhere", "file"))).toBe("FlashFileUnreadable");
    const other = join(directory, "other.flash");
    await (await start(other, { memory: { regions: 3 } })).stop();
    expect(await refusal(other)).toBe("FlashFileMismatch");
  });
});
