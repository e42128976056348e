/**
 * The boot ROM's reading of a region: its image in full, hashed and verified. A digest takes half a millisecond a MiB, so
 * this is for threads that nobody waits for; the supervisor's main thread has supervisor/device/facts.ts.
 */
import { type ImageRequirements, verifyImage } from "../image/verify.ts";
import { factsOf, type RegionFacts } from "./boot-rom.ts";

/**
 * Reads and verifies the image in a region.
 * @param bytes the whole region
 */
export function inspectRegion(bytes: Uint8Array, requirements: ImageRequirements): RegionFacts {
  return factsOf(verifyImage(bytes, requirements));
}

/** Inspects regions, and reads one again only when its bytes may have changed. */
export class RegionInspector {
  readonly #requirements: ImageRequirements;
  readonly #known = new Map<number, { readonly storeEpoch: number; readonly facts: RegionFacts }>();

  constructor(requirements: ImageRequirements) {
    this.#requirements = requirements;
  }

  /**
   * @param storeEpoch the region's store epoch, loaded before this call; it is raised before any byte changes, so
   *   the facts hold for as long as it stays
   */
  inspect(region: number, bytes: Uint8Array, storeEpoch: number): RegionFacts {
    const known = this.#known.get(region);
    if (known !== undefined && known.storeEpoch === storeEpoch) return known.facts;
    const facts = inspectRegion(bytes, this.#requirements);
    this.#known.set(region, { storeEpoch, facts });
    return facts;
  }
}
