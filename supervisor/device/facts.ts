/**
 * What is known of the regions' bytes, and for how long: the facts of a reading hold while the region's store epoch is
 * what it was when the reading began.
 *
 * Boot ROMs read in the controller workers. What the supervisor wants read itself, as no worker is free for it, is read
 * here, and hashed by the memory emulator worker: on the main thread, for which a failover waits, are left the header, a
 * comparison and, where keys are set, one signature over 32 bytes, whatever the size of the image.
 */
import type { Inspection } from "../../controller/api.ts";
import { factsOf, type RegionFacts } from "../../controller/boot/boot-rom.ts";
import { parseImage } from "../../controller/image/format.ts";
import type { ImageKey } from "../../controller/image/keys.ts";
import { judgeImage } from "../../controller/image/verify.ts";
import { Control, controlWords } from "../../emulator/memory/control.ts";
import type { Layout } from "../../emulator/memory/layout.ts";

export interface Reading {
  readonly region: number;
  readonly facts: RegionFacts;
  /** Of the region, when the reading began. */
  readonly storeEpoch: number;
}

export function readingsOf({ regions, storeEpochs }: Inspection): readonly Reading[] {
  return regions.map((facts, region) => ({ region, facts, storeEpoch: storeEpochs[region] as number }));
}

/** What is known, with all readings that still hold; of a region that was written since, what was known is newer. */
export function withReadings(
  known: readonly RegionFacts[],
  readings: readonly Reading[],
  control: Int32Array,
): readonly RegionFacts[] {
  const images = [...known];
  for (const { region, facts, storeEpoch } of readings) {
    if (storeEpoch === storeEpochOf(control, region)) images[region] = facts;
  }
  return images;
}

function storeEpochOf(control: Int32Array, region: number): number {
  return Atomics.load(control, Control.STORE_EPOCH + region);
}

/** Hashes the first bytes of a region, in another thread. */
export type HashRegion = (region: number, byteCount: number) => Promise<Uint8Array>;

/** A region whose bytes change so often while it is read is told as it was read last. */
const ATTEMPTS = 3;

/** Reads regions, whether or not any controller worker is there. */
export class RegionReader {
  readonly #memory: WebAssembly.Memory;
  readonly #layout: Layout;
  readonly #control: Int32Array;
  readonly #keys: readonly ImageKey[];
  readonly #hash: HashRegion;

  /** @param keys with none, signatures are not looked at */
  constructor(memory: WebAssembly.Memory, layout: Layout, keys: readonly ImageKey[], hash: HashRegion) {
    this.#memory = memory;
    this.#layout = layout;
    this.#control = controlWords(memory, layout);
    this.#keys = keys;
    this.#hash = hash;
  }

  /** Rejects with LinkError where the memory emulator worker cannot be asked. */
  async read(region: number): Promise<Reading> {
    for (let attempt = 1; ; attempt++) {
      const storeEpoch = storeEpochOf(this.#control, region);
      const facts = await this.#verify(region);
      const holds = storeEpoch === storeEpochOf(this.#control, region);
      if (holds || attempt === ATTEMPTS) return { region, facts, storeEpoch };
    }
  }

  async #verify(region: number): Promise<RegionFacts> {
    const { regions, config } = this.#layout;
    const bytes = new Uint8Array(this.#memory.buffer, regions[region], config.regionBytes);
    const parsed = parseImage(bytes);
    if (!parsed.ok) return factsOf(parsed);
    const digest = await this.#hash(region, parsed.image.hashedBytes);
    return factsOf(judgeImage(bytes, parsed.image, digest, this.#keys));
  }
}
