/**
 * The boot ROM's reading of a region: its image in full, hashed and verified. A digest takes half a millisecond a MiB, so
 * this is for threads that nobody waits for; the supervisor's main thread has supervisor/device/facts.ts.
 */
import type { ImageKey } from "../image/keys.ts";
import { verifyImage } from "../image/verify.ts";
import { factsOf, type RegionFacts } from "./boot-rom.ts";

/**
 * Reads and verifies the image in a region.
 * @param bytes the whole region
 * @param keys with none, signatures are not looked at
 */
export function inspectRegion(bytes: Uint8Array, keys: readonly ImageKey[]): RegionFacts {
  return factsOf(verifyImage(bytes, keys));
}

/** Inspects regions, and reads one again only when its bytes may have changed. */
export class RegionInspector {
  readonly #keys: readonly ImageKey[];
  readonly #known = new Map<number, { readonly storeEpoch: number; readonly facts: RegionFacts }>();

  constructor(keys: readonly ImageKey[]) {
    this.#keys = keys;
  }

  /**
   * @param storeEpoch the region's store epoch, loaded before this call; it is raised before any byte changes, so
   *   the facts hold for as long as it stays
   */
  inspect(region: number, bytes: Uint8Array, storeEpoch: number): RegionFacts {
    const known = this.#known.get(region);
    if (known !== undefined && known.storeEpoch === storeEpoch) return known.facts;
    const facts = inspectRegion(bytes, this.#keys);
    this.#known.set(region, { storeEpoch, facts });
    return facts;
  }
}
