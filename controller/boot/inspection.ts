/**
 * The boot ROM's reading of a region: its image in full, hashed and verified. A digest takes half a millisecond a MiB, so
 * this is for threads that nobody waits for; the supervisor's main thread has supervisor/device/facts.ts.
 */
import { type ImageRequirements, verifyImage } from "../image/verify.ts";
import { factsOf, type RegionFacts } from "./boot-rom.ts";

/**
 * Reads and verifies the image in a region.
 * @param bytes the whole region
 * @param unreadableAt the first of them that cannot be read; absent where all can
 */
export function inspectRegion(
  bytes: Uint8Array,
  requirements: ImageRequirements,
  unreadableAt?: number,
): RegionFacts {
  return factsOf(verifyImage(bytes, requirements, bytes.length, unreadableAt));
}

/** Inspects regions, and reads one again only when its bytes may have changed. */
export class RegionInspector {
  readonly #requirements: ImageRequirements;
  readonly #unreadable: (region: number) => number | undefined;
  readonly #known = new Map<number, { readonly storeEpoch: number; readonly facts: RegionFacts }>();

  /** @param unreadable where the first byte of a region is that cannot be read */
  constructor(
    requirements: ImageRequirements,
    unreadable: (region: number) => number | undefined = () => undefined,
  ) {
    this.#requirements = requirements;
    this.#unreadable = unreadable;
  }

  /**
   * @param storeEpoch the region's store epoch, loaded before this call; it is raised before any byte changes or can be
   *   read no more, so the facts hold for as long as it stays
   */
  inspect(region: number, bytes: Uint8Array, storeEpoch: number): RegionFacts {
    const known = this.#known.get(region);
    if (known !== undefined && known.storeEpoch === storeEpoch) return known.facts;
    const facts = inspectRegion(bytes, this.#requirements, this.#unreadable(region));
    this.#known.set(region, { storeEpoch, facts });
    return facts;
  }
}
