/**
 * The scrub: finds rot in what stands in memory before it is needed, every {@link SCRUB_MS}.
 *
 * Replicas and floor are compared and mended from what the supervisor knows; regions are read by the memory emulator
 * worker, and one that reads differently than before is verified again: if it executes that is evidence, else it is
 * no standby any more.
 */
import { inspectRegion } from "../../controller/boot/boot-rom.ts";
import type { ImageKey } from "../../controller/image/image.ts";
import type { Device } from "./device.ts";
import type { MemoryOwner } from "./memory-owner.ts";

/** Rot is found within this, and the time that reading all regions takes. */
export const SCRUB_MS = 500;

export class Scrub {
  readonly #device: Device;
  readonly #memory: MemoryOwner;
  readonly #keys: readonly ImageKey[];
  readonly #timer: NodeJS.Timeout;
  #digests: readonly string[] | undefined;
  #reading = false;

  /** @param keys with none, signatures are not looked at */
  constructor(device: Device, memory: MemoryOwner, keys: readonly ImageKey[]) {
    this.#device = device;
    this.#memory = memory;
    this.#keys = keys;
    this.#timer = setInterval(() => this.#scrub(), SCRUB_MS);
    this.#scrub();
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #scrub(): void {
    this.#device.mendTable();
    if (this.#reading) return;
    this.#reading = true;
    this.#memory
      .digests()
      .then((digests) => this.#compare(digests))
      // The worker died: its successor is asked the next time.
      .catch(() => undefined)
      .finally(() => {
        this.#reading = false;
      });
  }

  #compare(digests: readonly string[]): void {
    const before = this.#digests;
    this.#digests = digests;
    if (before === undefined) return;
    const changed = [...digests.keys()].filter((region) => digests[region] !== before[region]);
    if (changed.length === 0) return;
    const { layout, memory, policy } = this.#device;
    const images = policy.images.map((known, region) => {
      const start = layout.regions[region];
      if (start === undefined || !changed.includes(region)) return known;
      return inspectRegion(new Uint8Array(memory.buffer, start, layout.config.regionBytes), this.#keys);
    });
    this.#device.inspected(images);
  }
}
