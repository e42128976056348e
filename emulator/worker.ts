/**
 * The memory emulator worker: owns the shared memory that is the controller's, and keeps its bytes in the flash file.
 */
import { createHash } from "node:crypto";
import { workerData } from "node:worker_threads";
import type { FlashFileConfig, HashAlgorithm, MemoryApi, MemoryWorkerData, PoweredMemory } from "./api.ts";
import { monotonicNs } from "./base/clock.ts";
import { InjectedError } from "./base/errors.ts";
import { keepCompiledOnce } from "./base/keep-compiled.ts";
import { serve } from "./base/link.ts";
import { createLogger, type Logger, type SharedLogConfig } from "./base/log.ts";
import { endWhenOrphaned } from "./base/orphan.ts";
import { Random } from "./base/random.ts";
import { BytesFlashPort, type FlashOperation, NorFlash } from "./flash/flash.ts";
import { tearsOf } from "./flash/flash-tear.ts";
import { FlashOperations, type FlashRequest } from "./flash/operations.ts";
import { asPosted, statusOf } from "./flash/posted.ts";
import { eraseFor, type FlashUnit, type FlashUnits, programImage } from "./flash/region-writer.ts";
import { UnreadableBlocks } from "./flash/unreadable-blocks.ts";
import {
  CONTROL_MAGIC,
  Control,
  controlTimes,
  controlWords,
  deviceState,
  powerUpControl,
  SlotWord,
  slotWords,
} from "./memory/control.ts";
import {
  type FlashPost,
  isRequest,
  isServed,
  mayWriteRegion,
  readPost,
  tellFlashEnd,
} from "./memory/flash-posts.ts";
import { createMemory, eraseCounts, type MemoryConfig, planLayout, TABLE_BYTES } from "./memory/layout.ts";
import { missing } from "./persist/flash-file-writer.ts";
import { Persistence } from "./persist/persistence.ts";
import {
  blankImage,
  memoryOffsetOf,
  type PersistentSpace,
  planPersistentSpace,
  regionOffset,
  unreadableOffset,
  wearOffset,
  writeSpace,
} from "./persist/persistent-space.ts";
import { isPowerCut, powerCutSeed } from "./persist/power.ts";

/** A failover takes well under this; a write does not wait for ever. */
const FAILOVER_WAIT_MS = 1_000;

/** The program that was under way is not going to end: the process does. */
class PowerLostError extends Error {
  override readonly name = "PowerLostError";
}

class MemoryEmulator {
  readonly powered: PoweredMemory;
  readonly persistence: Persistence | undefined;
  readonly #space: PersistentSpace;
  readonly #control: Int32Array;
  readonly #wear: Uint32Array;
  readonly #blocks: UnreadableBlocks;
  /** By region. */
  readonly #flash: readonly NorFlash[];
  readonly #operations = new FlashOperations();
  /** A turn of theirs is to come. */
  #turning = false;
  /** When the flash is done with the units that were made, monotonic nanoseconds. */
  #flashDoneNs = 0;
  /** What firmware posted last that is an operation, and has been queued; undefined once that has ended. */
  #posted: FlashPost | undefined;
  #off = false;

  private constructor(powered: PoweredMemory, persistence: Persistence | undefined) {
    const { memory, layout } = powered;
    this.powered = powered;
    this.persistence = persistence;
    this.#space = planPersistentSpace(layout);
    this.#control = controlWords(memory, layout);
    this.#wear = eraseCounts(memory, layout);
    this.#blocks = new UnreadableBlocks(memory, layout);
    this.#flash = layout.regions.map((_, region) => this.#flashOf(region));
    persistence?.onPowerCut(() => this.#losePower());
    this.#awaitPost();
  }

  /** @param images what the factory programmed before the device was first powered */
  static powerOn(
    config: MemoryConfig,
    images: readonly Uint8Array[],
    flashFile: FlashFileConfig | null,
  ): MemoryEmulator {
    const layout = planLayout(config);
    const memory = createMemory(layout);
    const powered = { memory, layout };
    for (const [region, image] of images.entries()) {
      if (image.length <= config.regionBytes) continue;
      throw new Error(
        `image ${region} of ${image.length} bytes does not fit a region of ${config.regionBytes}`,
      );
    }
    writeControl(powered);
    if (flashFile === null) {
      putImages(powered, images);
      return new MemoryEmulator(powered, undefined);
    }
    const persistence = Persistence.powerOn(memory, layout, flashFile, workerLog(flashFile.log, powered));
    const emulator = new MemoryEmulator(powered, persistence);
    if (!hasTable(powered)) {
      if (flashFile.mustExist) throw missing(flashFile.path);
      // Until the first start has made a table the factory is not done: what it programs may have been cut off.
      for (const [region, image] of images.slice(0, config.regions).entries()) {
        emulator.#manufacture(region, image);
      }
    }
    return emulator;
  }

  static takeOver(powered: PoweredMemory, flashFile: FlashFileConfig | null): MemoryEmulator {
    const { memory, layout } = powered;
    if (flashFile === null) return new MemoryEmulator(powered, undefined);
    return new MemoryEmulator(
      powered,
      Persistence.takeOver(memory, layout, flashFile.path, workerLog(flashFile.log, powered)),
    );
  }

  /** Erases what an image will take, and whatever else is not erased. Rejects with FlashRefusedError. */
  erase(region: number, imageBytes: number): Promise<void> {
    return this.#carryOut(region, this.#erasing(region, imageBytes));
  }

  /** Programs an image into a region that was erased for it. Rejects with FlashRefusedError. */
  program(region: number, image: Uint8Array): Promise<void> {
    return this.#carryOut(region, programImage(this.#flashAt(region), image));
  }

  powerOff(): void {
    this.#off = true;
    this.#operations.powerOff();
    this.persistence?.close();
  }

  /** What the factory programs, before anybody else has a say. */
  #manufacture(region: number, image: Uint8Array): void {
    for (const unit of this.#erasing(region, image.length)) this.#make(region, unit);
    for (const unit of programImage(this.#flashAt(region), image)) this.#make(region, unit);
  }

  #erasing(region: number, imageBytes: number): FlashUnits {
    return eraseFor(this.#flashAt(region), this.#regionBytes(region), imageBytes);
  }

  #flashAt(region: number): NorFlash {
    const flash = this.#flash[region];
    if (flash === undefined) throw new RangeError(`there is no region ${region}`);
    return flash;
  }

  /** One unit in each turn of the event loop, so that calls are answered in between. */
  #carryOut(region: number, units: FlashUnits): Promise<void> {
    return new Promise((resolve, reject) => {
      const ended = (error: unknown): void => (error === undefined ? resolve() : reject(error));
      this.#submit({ region, units, ended });
    });
  }

  /** Throws FlashRefusedError "queue-full". */
  #submit(request: FlashRequest): void {
    this.#operations.submit(request);
    if (this.#turning) return;
    this.#turning = true;
    this.#flashDoneNs = monotonicNs();
    this.#nextTurn();
  }

  /** Takes what firmware posts; whoever takes over from a worker that died begins what that had not ended anew. */
  #awaitPost(): void {
    if (this.#off) return;
    const seen = Atomics.load(this.#control, Control.FLASH_POSTED);
    this.#takePost();
    const posted = Atomics.waitAsync(this.#control, Control.FLASH_POSTED, seen);
    if (posted.async) void posted.value.then(() => this.#awaitPost());
    else setImmediate(() => this.#awaitPost());
  }

  #takePost(): void {
    const post = readPost(this.#control);
    if (post === undefined || isRequest(post.action) || post.number === this.#posted?.number) return;
    if (post.number === Atomics.load(this.#control, Control.FLASH_ENDED)) return;
    // A version that asks anew has not to wait for the end of what the one before asked.
    this.#endStopped();
    this.#posted = post;
    const { region, epoch } = post;
    const ended = (error: unknown): void => this.#tellEnd(post, error);
    try {
      this.#submit({ region, units: this.#unitsOf(post), epoch, ended });
    } catch (error) {
      ended(error);
    }
  }

  #unitsOf(post: FlashPost): FlashUnits {
    const { memory, layout } = this.powered;
    const ram = new Uint8Array(memory.buffer, layout.ram, layout.config.ramBytes);
    const mayWrite = (): boolean => mayWriteRegion(this.#control, post.region, post.epoch);
    return asPosted(post, this.#flash[post.region], ram, mayWrite);
  }

  /** What is asked by a version that was stopped ends between two units. */
  #endStopped(): void {
    const epoch = this.#posted?.epoch;
    if (epoch !== undefined && !isServed(this.#control, epoch)) this.#operations.stop(epoch);
  }

  #tellEnd(post: FlashPost, error: unknown): void {
    if (this.#posted === post) this.#posted = undefined;
    const { status, offset } = statusOf(error);
    // Without power nobody is told anything.
    if (this.#off) return;
    tellFlashEnd(this.#control, post.number, status, offset);
    const { memory, layout } = this.powered;
    for (const slot of layout.slots.keys()) {
      const words = slotWords(memory, layout, slot);
      Atomics.add(words, SlotWord.WAKE, 1);
      Atomics.notify(words, SlotWord.WAKE);
    }
  }

  /** A write that is under way waits between two units, so that nothing is stored into any region during a failover. */
  #turn(): void {
    this.#endStopped();
    const waits = Atomics.waitAsync(this.#control, Control.FAILOVER, 1, FAILOVER_WAIT_MS);
    // Another failover may have begun since the one that was waited for ended.
    if (waits.async) void waits.value.then((how) => (how === "ok" ? this.#turn() : this.#makeNext()));
    else this.#makeNext();
  }

  #makeNext(): void {
    this.#endStopped();
    if (isPowerCut(this.#control)) this.#losePower();
    else
      this.#operations.turn((region, unit) => {
        this.#make(region, unit);
        this.#flashDoneNs += this.#unitNs(unit);
      });
    this.#turning = !this.#operations.idle;
    if (this.#turning) this.#nextTurn();
  }

  /** Once the flash has had its time; what a timer is late by is made up for. */
  #nextTurn(): void {
    const leftMs = (this.#flashDoneNs - monotonicNs()) / 1e6;
    if (leftMs >= 1) setTimeout(() => this.#turn(), leftMs);
    else setImmediate(() => this.#turn());
  }

  #unitNs({ operation }: FlashUnit): number {
    const { sectorEraseUs, unitProgramUs } = this.powered.layout.config;
    return (operation.kind === "erase" ? sectorEraseUs : unitProgramUs) * 1000;
  }

  #make(region: number, { operation, offset, byteCount }: FlashUnit): void {
    this.#keepUnit(region, operation.kind, offset, byteCount, () => operation.step());
    if (operation.kind === "erase")
      this.#keepErases(region, offset / this.#flashAt(region).geometry.sectorBytes);
  }

  /** Power goes while the next unit is under way, if one is, and all flash operations end. */
  #losePower(): void {
    this.#off = true;
    this.#operations.turn((region, unit) => this.#tear(region, unit));
    this.#operations.powerOff();
    this.persistence?.settle();
  }

  #tear(region: number, { operation, offset, byteCount }: FlashUnit): never {
    const random = new Random(powerCutSeed(this.#control));
    const how = random.pick(tearsOf(this.powered.layout.config.ecc));
    // What is left of an erase is bytes like any others.
    this.#keepUnit(region, "program", offset, byteCount, () => operation.tear(how, random));
    throw new PowerLostError(`power went in the ${operation.kind} of region ${region} at byte ${offset}`);
  }

  #keepUnit(
    region: number,
    kind: FlashOperation["kind"],
    offset: number,
    byteCount: number,
    make: () => void,
  ): void {
    if (this.persistence === undefined) make();
    else this.persistence.keepUnit(region, kind, offset, byteCount, make);
  }

  /** The count of erases outlives the process, as the wear that it tells of does. */
  #keepErases(region: number, sector: number): void {
    const count = this.#flash[region]?.eraseCounts[sector] ?? 0;
    const { regionBytes, sectorBytes } = this.powered.layout.config;
    const index = region * (regionBytes / sectorBytes) + sector;
    const make = (): void => {
      this.#wear[index] = count;
    };
    if (this.persistence === undefined) make();
    else this.persistence.keepWord(wearOffset(this.#space, index), 4, count, make);
  }

  /** The flash of a region: every unit raises its store epoch first, so nobody goes on with what was read before. */
  #flashOf(region: number): NorFlash {
    const { layout } = this.powered;
    const control = this.#control;
    const port = new BytesFlashPort(this.#regionBytes(region), (_offset, byteCount) => {
      Atomics.add(control, Control.STORE_EPOCH + region, 1);
      Atomics.add(control, Control.STORE_COUNT + region, byteCount);
    });
    const isPrimary = (): boolean => Atomics.load(control, Control.REGION) === region;
    const ecc = this.#blocks.of(region, (index, value) => this.#keepBlocks(region, index, value));
    const flash = new NorFlash(port, layout.config, isPrimary, ecc);
    const sectors = flash.eraseCounts.length;
    flash.eraseCounts.set(this.#wear.subarray(region * sectors, (region + 1) * sectors));
    return flash;
  }

  /**
   * Blocks that cannot be read outlive the process, as what the cells hold does. The region's store epoch is raised on both
   * sides, as for a bit that flips: nobody who read in between takes that for what is there.
   */
  #keepBlocks(region: number, index: number, value: number): void {
    const raise = (): void => void Atomics.add(this.#control, Control.STORE_EPOCH + region, 1);
    const make = (): void => {
      raise();
      this.#blocks.store(index, value);
      raise();
    };
    if (this.persistence === undefined) make();
    else this.persistence.keepWord(unreadableOffset(this.#space, index), 4, value, make);
  }

  #regionBytes(region: number): Uint8Array {
    const { memory, layout } = this.powered;
    return new Uint8Array(memory.buffer, layout.regions[region], layout.config.regionBytes);
  }

  /**
   * A region's store epoch is raised first, so that no stale copy of the byte goes on being used, and again behind it,
   * so that nobody who read it in between takes what he read for what is there.
   */
  flip(offset: number, bit: number): void {
    const { memory, layout } = this.powered;
    const at = memoryOffsetOf(this.#space, offset, 1);
    const region = layout.regions.findIndex((start) => at >= start && at < start + layout.config.regionBytes);
    const raise = (): void => {
      if (region >= 0) Atomics.add(this.#control, Control.STORE_EPOCH + region, 1);
    };
    const bytes = new Uint8Array(memory.buffer);
    const value = (bytes[at] as number) ^ (1 << bit);
    const make = (): void => {
      raise();
      bytes[at] = value;
      raise();
    };
    if (this.persistence === undefined) make();
    else this.persistence.keepWord(offset, 1, value, make);
  }

  /** Makes the block unreadable that this byte of a region is in, of the persistent space. */
  spoil(offset: number): void {
    const { regions, config } = this.powered.layout;
    const at = offset - regionOffset(config, 0);
    const region = Math.floor(at / config.regionBytes);
    if (regions[region] === undefined) throw new RangeError(`byte ${offset} is in no region`);
    this.#flashAt(region).spoilBlocks(at % config.regionBytes, 1);
  }

  /** Hash of the first bytes of a region. */
  hash(region: number, byteCount: number, algorithm: HashAlgorithm): Buffer {
    return createHash(algorithm).update(this.#regionBytes(region).subarray(0, byteCount)).digest();
  }

  digests(): readonly string[] {
    const { regions, config } = this.powered.layout;
    return regions.map((_, region) => {
      const digest = this.hash(region, config.regionBytes, "sha256").toString("hex");
      const unreadable = this.#blocks.in(region).map(({ start, end }) => `${start}-${end}`);
      return [digest, ...unreadable].join(" ");
    });
  }
}

function workerLog(log: SharedLogConfig, { memory, layout }: PoweredMemory): Logger {
  const control = controlWords(memory, layout);
  return createLogger(log, { thread: "memory-emulator" }, () => deviceState(control));
}

/** Power comes, which is when the device's time begins. */
function writeControl({ memory, layout }: PoweredMemory): void {
  const control = controlWords(memory, layout);
  powerUpControl(control);
  controlTimes(memory, layout)[Control.POWER_ON_NS_F64] = monotonicNs();
  Atomics.store(control, Control.MAGIC, CONTROL_MAGIC);
}

/** Blank memory with one image in each region from 0 on. */
function putImages({ memory, layout }: PoweredMemory, images: readonly Uint8Array[]): void {
  const space = planPersistentSpace(layout);
  const bytes = new Uint8Array(memory.buffer);
  writeSpace(space, blankImage(space), bytes);
  for (const [region, offset] of layout.regions.entries()) bytes.set(images[region] ?? [], offset);
}

/** Whether a table, or part of one, was ever stored. */
function hasTable({ memory, layout }: PoweredMemory): boolean {
  return new Uint8Array(memory.buffer, layout.table, TABLE_BYTES).some((byte) => byte !== 0);
}

let emulator: MemoryEmulator | undefined;

function powered(): MemoryEmulator {
  if (emulator === undefined) throw new Error("the memory is off");
  return emulator;
}

const api: MemoryApi = {
  powerOn: (config, images, flashFile) => {
    emulator = MemoryEmulator.powerOn(config, images, flashFile);
    // Behind the answer.
    setImmediate(keepCompiledOnce);
    return emulator.powered;
  },
  takeOver: (powered, flashFile) => {
    emulator = MemoryEmulator.takeOver(powered, flashFile);
    return null;
  },
  persistenceFailure: () => emulator?.persistence?.failure ?? null,
  powerOff: () => {
    emulator?.powerOff();
    return null;
  },
  erase: async (region, imageBytes) => {
    await emulator?.erase(region, imageBytes);
    return null;
  },
  program: async (region, image) => {
    await emulator?.program(region, image);
    return null;
  },
  flip: (offset, bit) => {
    emulator?.flip(offset, bit);
    return null;
  },
  spoil: (offset) => {
    emulator?.spoil(offset);
    return null;
  },
  fail: (fault) => {
    if (fault === "exit") process.exit(1);
    setImmediate(() => {
      throw new InjectedError("the memory emulator worker throws");
    });
    return null;
  },
  // A copy with nothing around it: a buffer's memory is shared with others.
  hash: (region, byteCount, algorithm) => Uint8Array.from(powered().hash(region, byteCount, algorithm)),
  digests: () => emulator?.digests() ?? [],
};
const { parentPid } = workerData as MemoryWorkerData;
if (parentPid !== null) endWhenOrphaned(parentPid);
serve(api);
