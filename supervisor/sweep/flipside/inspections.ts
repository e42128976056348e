/**
 * What reading the images shows. Each content is read and verified once, however often it comes back: a digest costs
 * more than all the rest of a start.
 *
 * Invariant: facts are those of the bytes that stand in the region, and of which of them can be read, by their content key.
 */
import type { RegionFacts } from "../../../controller/boot/boot-rom.ts";
import type { PersistentMemory } from "./persistent-memory.ts";
import type { RegionFlash } from "./region-flash.ts";
import type { Rules } from "./rules.ts";

/** Contents of regions that are remembered as read; beyond that they are read again. */
const FACTS_KEPT = 16_384;

export class Inspections {
  readonly #persistent: PersistentMemory;
  readonly #flash: RegionFlash;
  #inspect: Rules["inspect"];
  readonly #facts = new Map<number, RegionFacts>();
  /** By region, the content key at the last inspection. */
  readonly #inspected: number[] = [];

  constructor(persistent: PersistentMemory, flash: RegionFlash, inspect: Rules["inspect"]) {
    this.#persistent = persistent;
    this.#flash = flash;
    this.#inspect = inspect;
  }

  /** Another boot ROM: what the one before has read is forgotten. */
  set rule(inspect: Rules["inspect"]) {
    if (inspect !== this.#inspect) this.#facts.clear();
    this.#inspect = inspect;
  }

  /** Facts of every region. */
  inspect(): readonly RegionFacts[] {
    return this.#persistent.layout.regions.map((_, region) => {
      const key = this.#persistent.regionKey(region);
      this.#inspected[region] = key;
      let facts = this.#facts.get(key);
      if (facts === undefined) {
        facts = this.#inspect(this.#persistent.regionBytes(region), this.#flash.readFault(region));
        if (this.#facts.size >= FACTS_KEPT) this.#facts.clear();
        this.#facts.set(key, facts);
      }
      return facts;
    });
  }

  /** Bytes of some region changed since they were last read. */
  get stale(): boolean {
    const { regions } = this.#persistent.layout;
    for (let region = 0; region < regions.length; region += 1) {
      if (this.#persistent.regionKey(region) !== this.#inspected[region]) return true;
    }
    return false;
  }
}
