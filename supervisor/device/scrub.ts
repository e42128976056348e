/**
 * The scrub: finds rot in what stands in memory before it is needed, at a period of the configuration's.
 *
 * Replicas and floor are compared and mended from what the supervisor knows; regions are hashed by the memory emulator
 * worker, and one that reads differently than before is verified again: if it executes that is evidence, else it is
 * no standby any more.
 */
import type { Device } from "./device.ts";
import type { RegionReader } from "./facts.ts";
import type { MemoryOwner } from "./memory-owner.ts";

export class Scrub {
  readonly #device: Device;
  readonly #memory: MemoryOwner;
  readonly #reader: RegionReader;
  readonly #timer: NodeJS.Timeout;
  /** Of every region, as it was when it was last verified or found unchanged. */
  #digests: readonly string[] | undefined;
  #reading = false;
  #stopped = false;

  /** @param periodMs rot is found within this, and the time that reading all regions takes */
  constructor(device: Device, memory: MemoryOwner, reader: RegionReader, periodMs: number) {
    this.#device = device;
    this.#memory = memory;
    this.#reader = reader;
    this.#timer = setInterval(() => this.#scrub(), periodMs);
    this.#scrub();
  }

  stop(): void {
    this.#stopped = true;
    clearInterval(this.#timer);
  }

  #scrub(): void {
    this.#device.mendTable();
    if (this.#reading) return;
    this.#reading = true;
    this.#readRegions()
      // The worker died: its successor is asked the next time.
      .catch(() => undefined)
      .finally(() => {
        this.#reading = false;
      });
  }

  async #readRegions(): Promise<void> {
    const digests = await this.#memory.digests();
    const before = this.#digests ?? digests;
    const changed = [...digests.keys()].filter((region) => digests[region] !== before[region]);
    const readings = await Promise.all(changed.map((region) => this.#reader.read(region)));
    if (this.#stopped) return;
    this.#digests = digests;
    if (readings.length > 0) this.#device.inspected(readings);
  }
}
