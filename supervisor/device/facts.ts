/**
 * What is known of the regions' bytes, and for how long: the facts of a reading hold while the region's store epoch is
 * what it was when the reading began.
 *
 * Boot ROMs read in the controller workers. What the supervisor wants read itself, as no worker is free for it, is read
 * here, hashed by the memory emulator worker, and its signature checked by a thread of Node's pool: on the main thread, for
 * which a failover waits, are left the header and a comparison, and where a signature is over the whole image, a copy of it.
 */
import type { Inspection } from "../../controller/api.ts";
import { factsOf, type RegionFacts } from "../../controller/boot/boot-rom.ts";
import { parseImage } from "../../controller/image/format.ts";
import { concludeInBackground, type ImageRequirements, judgeImage } from "../../controller/image/verify.ts";
import type { HashAlgorithm } from "../../emulator/api.ts";
import { UnreadableBlocks } from "../../emulator/flash/unreadable-blocks.ts";
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
export type HashRegion = (region: number, byteCount: number, algorithm: HashAlgorithm) => Promise<Uint8Array>;

/** A region whose bytes change so often while it is read is told as it was read last. */
const ATTEMPTS = 3;

/** Reads regions, whether or not any controller worker is there. */
export class RegionReader {
  readonly #memory: WebAssembly.Memory;
  readonly #layout: Layout;
  readonly #control: Int32Array;
  readonly #blocks: UnreadableBlocks;
  readonly #requirements: ImageRequirements;
  readonly #hash: HashRegion;

  constructor(memory: WebAssembly.Memory, layout: Layout, requirements: ImageRequirements, hash: HashRegion) {
    this.#memory = memory;
    this.#layout = layout;
    this.#control = controlWords(memory, layout);
    this.#blocks = new UnreadableBlocks(memory, layout);
    this.#requirements = requirements;
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
    const parsed = parseImage(bytes, bytes.length, this.#blocks.firstIn(region, 0, bytes.length));
    if (!parsed.ok) return factsOf(parsed);
    const { image } = parsed;
    const { algorithm } = image.digest;
    const sha256 = await this.#hash(region, image.hashedBytes, "sha256");
    const digest = algorithm === "sha256" ? sha256 : await this.#hash(region, image.hashedBytes, algorithm);
    const judgement = judgeImage(bytes, image, { digest, sha256 }, this.#requirements);
    return factsOf(await concludeInBackground(judgement));
  }
}
