/** A device's persistent memory with ring and appender in one thread, and the history of all its states. */

import { crc32 } from "../../../emulator/base/crc32.ts";
import type { Random } from "../../../emulator/base/random.ts";
import { createMemory, DEFAULT_MEMORY_CONFIG, planLayout } from "../../../emulator/memory/layout.ts";
import { Appender } from "../../../emulator/persist/appender.ts";
import { FlashFileWriter } from "../../../emulator/persist/flash-file-writer.ts";
import { LoggedNvram, NvramLog } from "../../../emulator/persist/logged-nvram.ts";
import {
  type PersistMark,
  PersistRing,
  previousNumber,
  StoreKind,
} from "../../../emulator/persist/persist-ring.ts";
import {
  ERASED,
  memoryOffsetOf,
  planPersistentSpace,
  readSpace,
  regionOffset,
  writeSpace,
} from "../../../emulator/persist/persistent-space.ts";
import type { MemoryFileSystem } from "./memory-file-system.ts";

export const layout = planLayout({
  ...DEFAULT_MEMORY_CONFIG,
  regionBytes: 65_536,
  ramBytes: 65_536,
  hostBytes: 65_536,
});
export const space = planPersistentSpace(layout);
export const PATH = "/device.flash";

export class PersistentDevice {
  readonly memory = createMemory(layout);
  readonly bytes = new Uint8Array(this.memory.buffer);
  readonly ring = new PersistRing(this.memory, layout);
  readonly table = new LoggedNvram(this.memory, layout);
  readonly #nvramLog = new NvramLog(this.memory, layout, () => undefined);
  readonly #fs: MemoryFileSystem;
  /** CRC of the space after each store since it was opened; entry 0 is what was opened. */
  readonly history: number[] = [];
  readonly openedSequence: number;
  appender: Appender;
  failures: (string | undefined)[] = [];
  nowMs = 0;

  constructor(fs: MemoryFileSystem) {
    this.#fs = fs;
    const { writer, file } = FlashFileWriter.open(fs, PATH, space);
    writeSpace(space, file.image, this.bytes);
    this.ring.start(file.sequence);
    this.openedSequence = file.sequence;
    this.appender = this.#appender(writer, file.image, file.sequence);
    this.remember();
  }

  /** Another appender on the same memory, as after the death of the memory emulator worker. */
  replaceAppender(): void {
    this.#fs.closeAll();
    const taken = previousNumber(this.ring.head);
    const { writer, file } = FlashFileWriter.anew(this.#fs, PATH, space, taken);
    this.appender = this.#appender(writer, file.image, file.sequence);
  }

  #appender(writer: FlashFileWriter, image: Uint8Array, sequence: number): Appender {
    const onFailure = (reason: string | undefined): void => void this.failures.push(reason);
    const parts = { fs: this.#fs, path: PATH, space, ring: this.ring, memory: this.bytes };
    return new Appender({ ...parts, onFailure, onProgress: () => undefined }, writer, image, sequence);
  }

  get state(): number {
    const image = new Uint8Array(space.bytes);
    readSpace(space, this.bytes, image);
    return crc32(image);
  }

  remember(): void {
    this.history.push(this.state);
  }

  storeTable(word: number, value: number): void {
    this.table.store32(word, value);
    this.remember();
  }

  /** As the firmware's hart stores: around the observer. */
  storeNvram(offset: number, bytes: number, value: number): void {
    const at = layout.nvram + offset;
    this.#nvramLog.beforeStore(at, bytes);
    for (let i = 0; i < bytes; i += 1) this.bytes[at + i] = value >> (8 * i);
    this.#nvramLog.afterStore(at, bytes);
    this.remember();
  }

  program(region: number, unit: number, data: Uint8Array): void {
    const offset = regionOffset(space, region) + unit * space.programUnitBytes;
    const at = memoryOffsetOf(space, offset, data.length);
    this.appender.storeRegion(
      StoreKind.BYTES,
      offset,
      data.length,
      () => this.bytes.set(data, at),
      this.nowMs,
    );
    this.remember();
  }

  erase(region: number, sector: number): void {
    const offset = regionOffset(space, region) + sector * space.sectorBytes;
    const at = memoryOffsetOf(space, offset, space.sectorBytes);
    const make = (): void => void this.bytes.fill(ERASED, at, at + space.sectorBytes);
    this.appender.storeRegion(StoreKind.ERASE, offset, space.sectorBytes, make, this.nowMs);
    this.remember();
  }

  /** One store of any kind. */
  storeSomething(random: Random): void {
    const kind = random.below(10);
    if (kind < 5) this.storeTable(random.below(3 * 1024), random.uint32() | 0);
    else if (kind < 8) this.storeNvram(random.below(65_532), random.pick([1, 2, 4]), random.uint32() | 0);
    else if (kind < 9) {
      const data = new Uint8Array(space.programUnitBytes);
      random.fill(data);
      this.program(random.below(2), random.below(256), data);
    } else this.erase(random.below(2), random.below(16));
  }

  drain(afterMs = 2): void {
    this.nowMs += afterMs;
    this.appender.drain(this.nowMs);
  }

  /** Waits for durability as an acknowledgement does, in simulated time; false when it does not come. */
  acknowledge(mark: PersistMark = this.ring.mark()): boolean {
    this.ring.want();
    for (let turn = 0; turn < 50 && !this.ring.isDurable(mark); turn += 1) this.drain();
    return this.ring.isDurable(mark);
  }
}
