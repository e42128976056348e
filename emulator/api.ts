/** What the memory emulator worker answers by comlink. */

import type { Api } from "./base/link.ts";
import type { SharedLogConfig } from "./base/log.ts";
import type { Layout, MemoryConfig } from "./memory/layout.ts";

export interface PoweredMemory {
  readonly memory: WebAssembly.Memory;
  readonly layout: Layout;
}

/** The flash file, which keeps the memory's bytes over the end of the process, and where its troubles are told. */
export interface FlashFileConfig {
  readonly path: string;
  /** The device is no new one: without its file, or a table in it, it is not powered on. */
  readonly mustExist: boolean;
  readonly log: SharedLogConfig;
}

/** What the worker is launched with. */
export interface MemoryWorkerData {
  /** Of the process without which this one is to end; null for none. */
  readonly parentPid: number | null;
}

/** As node:crypto calls it. */
export type HashAlgorithm = "sha256" | "sha384" | "sha512";

/** Ways in which the memory emulator worker is made to fail. */
export type MemoryFault = "throw" | "exit" | "terminate";

export interface MemoryApi extends Api {
  /**
   * Makes the memory: what the flash file holds. Where it holds no table yet, or there is no file, one image goes
   * into each region from 0 on, as the factory does. Throws PersistenceError.
   */
  powerOn(
    config: MemoryConfig,
    images: readonly Uint8Array[],
    flashFile: FlashFileConfig | null,
  ): PoweredMemory;
  /** Goes on with memory whose worker has died. Throws PersistenceError. */
  takeOver(powered: PoweredMemory, flashFile: FlashFileConfig | null): null;
  /** Why nothing becomes durable at the moment; null while all is well. */
  persistenceFailure(): string | null;
  /** Brings all to stable storage and lets go of the flash file. */
  powerOff(): null;
  /** Erases what an image of so many bytes will take, and whatever else of the region is not erased, sector by sector. */
  erase(region: number, imageBytes: number): Promise<null>;
  /** Programs an image into a region that was erased for it, unit by unit. */
  program(region: number, image: Uint8Array): Promise<null>;
  /** The fault port: flips a bit of the byte at this offset of the persistent space (persistent-space.ts). */
  flip(offset: number, bit: number): null;
  /** Likewise: the block of flash with ECC that this byte of a region is in cannot be read until it is erased. */
  spoil(offset: number): null;
  /** Fails as it is told; answers nothing. */
  fail(fault: MemoryFault): null;
  /** Hash of the first bytes of a region. */
  hash(region: number, byteCount: number, algorithm: HashAlgorithm): Uint8Array;
  /** Of each whole region SHA-256, hex, and behind it which bytes cannot be read, if any. */
  digests(): readonly string[];
}

/** Asks for {@link MemoryApi.digests}. */
export type DigestsOf = () => Promise<readonly string[]>;
