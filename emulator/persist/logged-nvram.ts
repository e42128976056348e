/** Stores to battery-backed memory that also go to the flash file: made, and told to the ring (persist-ring.ts). */
import { type Layout, TABLE_BYTES } from "../memory/layout.ts";
import { type NvramPort, SharedNvram } from "../table/nvram.ts";
import { PersistRing, StoreKind } from "./persist-ring.ts";
import { NVRAM_OFFSET, TABLE_OFFSET } from "./persistent-space.ts";

/** The table's segment. Used on the failover path: never waits, allocates nothing. */
export class LoggedNvram implements NvramPort {
  readonly #port: SharedNvram;
  readonly #ring: PersistRing;

  constructor(memory: WebAssembly.Memory, layout: Layout) {
    this.#port = new SharedNvram(new Int32Array(memory.buffer, layout.table, TABLE_BYTES / 4));
    this.#ring = new PersistRing(memory, layout);
  }

  load32(wordIndex: number): number {
    return this.#port.load32(wordIndex);
  }

  store32(wordIndex: number, value: number): void {
    const number = this.#ring.reserve();
    this.#port.store32(wordIndex, value);
    this.#ring.publish(number, StoreKind.WORD, TABLE_OFFSET + wordIndex * 4, 4, value);
  }
}

/**
 * A firmware that stores faster than the file takes it is slowed down, as real NVRAM would; well below the heartbeat
 * deadline, and so short that a halt is answered in time.
 */
const ROOM_TIMEOUT_MS = 1;
const NOT_NVRAM = -2;

/** The firmware's NVRAM, as the observer of a hart's stores (controller/cpu/engine.ts, StoreObserver). */
export class NvramLog {
  readonly ignoresHostMemory = true;
  readonly #ring: PersistRing;
  readonly #bytes: Uint8Array;
  readonly #start: number;
  readonly #nvramBytes: number;
  readonly #onWait: (waitedNs: number) => void;
  #number = NOT_NVRAM;

  /** @param onWait told when a store had to wait for the file: how long, in nanoseconds */
  constructor(memory: WebAssembly.Memory, layout: Layout, onWait: (waitedNs: number) => void) {
    this.#onWait = onWait;
    this.#ring = new PersistRing(memory, layout);
    this.#bytes = new Uint8Array(memory.buffer);
    this.#start = layout.nvram;
    this.#nvramBytes = layout.config.nvramBytes;
  }

  beforeStore(offset: number, _bytes: number): void {
    const within = offset - this.#start;
    if (within < 0 || within >= this.#nvramBytes) {
      this.#number = NOT_NVRAM;
      return;
    }
    const waitedNs = this.#ring.awaitRoom(ROOM_TIMEOUT_MS);
    if (waitedNs > 0) this.#onWait(waitedNs);
    this.#number = this.#ring.reserve();
  }

  afterStore(offset: number, bytes: number): void {
    if (this.#number === NOT_NVRAM) return;
    let value = 0;
    for (let at = bytes - 1; at >= 0; at -= 1) value = (value << 8) | (this.#bytes[offset + at] as number);
    this.#ring.publish(this.#number, StoreKind.WORD, NVRAM_OFFSET + offset - this.#start, bytes, value);
  }
}
