/**
 * The thread shell of the flash file, in the memory emulator worker: opens it into memory, has the appender drain the
 * ring on a timer and whenever somebody waits for durability.
 *
 * Stores that nobody waits for reach the file within {@link DRAIN_MS} and a turn of this thread's event loop; that is
 * what a killed process may lose, and it was told to nobody.
 */

import { monotonicNs } from "../base/clock.ts";
import type { Logger } from "../base/log.ts";
import { controlWords, ringDoorbell } from "../memory/control.ts";
import type { Layout } from "../memory/layout.ts";
import { Appender } from "./appender.ts";
import { isSharedDirectory, nodeFileSystem } from "./file-system.ts";
import { FlashFileWriter, type Opened } from "./flash-file-writer.ts";
import { PersistRing, previousNumber, RingWord, StoreKind } from "./persist-ring.ts";
import { type PersistentSpace, planPersistentSpace, regionOffset, writeSpace } from "./persistent-space.ts";
import { isPowerCut, powerSettled } from "./power.ts";

const DRAIN_MS = 2;
/** Of a millisecond, in which a power cut is settled or is no better than a kill. */
const SETTLE_TURNS = 200;

function nowMs(): number {
  return monotonicNs() / 1e6;
}

export interface FlashFilePlace {
  readonly path: string;
  /** There is one, or the device is not powered on. */
  readonly mustExist: boolean;
}

export class Persistence {
  readonly #space: PersistentSpace;
  readonly #ring: PersistRing;
  readonly #control: Int32Array;
  readonly #appender: Appender;
  readonly #timer: NodeJS.Timeout;
  #closed = false;
  #powerCut: () => void = () => this.settle();

  private constructor(
    memory: WebAssembly.Memory,
    layout: Layout,
    path: string,
    log: Logger,
    open: (ring: PersistRing, space: PersistentSpace) => Opened,
  ) {
    this.#space = planPersistentSpace(layout);
    this.#ring = new PersistRing(memory, layout);
    const { writer, file } = open(this.#ring, this.#space);
    if (file.droppedBytes > 0) {
      log.warn(
        { droppedBytes: file.droppedBytes },
        "the flash file ended in a record cut off, which is dropped",
      );
    }
    const control = controlWords(memory, layout);
    this.#control = control;
    const parts = {
      fs: nodeFileSystem,
      path,
      space: this.#space,
      ring: this.#ring,
      memory: new Uint8Array(memory.buffer),
      onFailure: (reason: string | undefined): void => {
        if (reason === undefined) log.info({}, "the flash file is written again");
        else log.error({ reason }, "nothing is durable any more");
      },
      onProgress: () => ringDoorbell(control),
    };
    this.#appender = new Appender(parts, writer, file.image, file.sequence);
    this.#timer = setInterval(() => this.#drain(), DRAIN_MS);
    this.#awaitWanted();
  }

  /** Power on: memory becomes what the file holds, blank where there is none. Throws PersistenceError. */
  static powerOn(
    memory: WebAssembly.Memory,
    layout: Layout,
    { path, mustExist }: FlashFilePlace,
    log: Logger,
  ): Persistence {
    return new Persistence(memory, layout, path, log, (ring, space) => {
      const opened = FlashFileWriter.open(nodeFileSystem, path, space, mustExist);
      if (isSharedDirectory(path)) {
        log.warn(
          { path },
          "others can write to the flash file's directory: they may take it away or replace it",
        );
      }
      writeSpace(space, opened.file.image, new Uint8Array(memory.buffer));
      ring.start(opened.file.sequence);
      return opened;
    });
  }

  /**
   * Goes on after the death of the worker before, on memory that lives, of which a new file is made: what became of the
   * one before meanwhile is not asked. Throws PersistenceError.
   */
  static takeOver(memory: WebAssembly.Memory, layout: Layout, path: string, log: Logger): Persistence {
    return new Persistence(memory, layout, path, log, (ring, space) =>
      FlashFileWriter.anew(nodeFileSystem, path, space, previousNumber(ring.head)),
    );
  }

  /** Why nothing becomes durable, undefined while all is well. */
  get failure(): string | undefined {
    return this.#appender.failure;
  }

  /** Has `lose` called when power has gone: it leaves what is torn by that, and settles. */
  onPowerCut(lose: () => void): void {
    this.#powerCut = lose;
  }

  /** Keeps one unit of a flash operation on a region, which `make` carries out. */
  keepUnit(
    region: number,
    kind: "erase" | "program",
    offset: number,
    byteCount: number,
    make: () => void,
  ): void {
    const at = regionOffset(this.#space, region) + offset;
    const store = kind === "erase" ? StoreKind.ERASE : StoreKind.BYTES;
    this.#appender.storeRegion(store, at, byteCount, make, nowMs());
  }

  /** Keeps a store of up to 4 bytes, wherever, which `make` carries out. */
  keepWord(offset: number, bytes: number, value: number, make: () => void): void {
    const number = this.#ring.reserve();
    make();
    this.#ring.publish(number, StoreKind.WORD, offset, bytes, value);
  }

  /**
   * Power has gone: brings what was stored before into the file and nothing behind it, if that is possible. The places
   * of threads that have not published yet are given up in time.
   */
  settle(): void {
    const mark = this.#ring.mark();
    for (let turn = 0; turn < SETTLE_TURNS && !this.#ring.isDurable(mark); turn += 1) {
      if (turn > 0) Atomics.wait(this.#ring.words, RingWord.DURABLE, this.#ring.durable, 1);
      this.#ring.want();
      this.#appender.drain(nowMs());
    }
    this.#stop();
    powerSettled(this.#control);
  }

  /** All is on stable storage, if that is possible, and the file let go. */
  close(): void {
    this.#stop();
    this.#appender.close(nowMs());
  }

  #stop(): void {
    this.#closed = true;
    clearInterval(this.#timer);
  }

  #drain(): void {
    this.#appender.drain(nowMs());
    if (isPowerCut(this.#control) && !this.#closed) this.#powerCut();
  }

  /** Without a timeout: the timer keeps the event loop alive. */
  #awaitWanted(): void {
    while (!this.#closed) {
      const seen = Atomics.load(this.#ring.words, RingWord.WANTED);
      this.#drain();
      const wanted = Atomics.waitAsync(this.#ring.words, RingWord.WANTED, seen);
      if (!wanted.async) continue;
      void wanted.value.then(() => this.#awaitWanted());
      return;
    }
  }
}
