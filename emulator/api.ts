/** What the memory emulator worker answers by comlink. */
import type { Layout, MemoryConfig } from "./layout.ts";
import type { Api } from "./link.ts";

export interface PoweredMemory {
  readonly memory: WebAssembly.Memory;
  readonly layout: Layout;
}

export interface MemoryApi extends Api {
  /** Makes the memory and puts one image into each region from 0 on, as the factory does. */
  powerOn(config: MemoryConfig, images: readonly Uint8Array[]): PoweredMemory;
  /** SHA-256 of each whole region, hex. */
  digests(): readonly string[];
}

/** Asks for {@link MemoryApi.digests}. */
export type DigestsOf = () => Promise<readonly string[]>;
