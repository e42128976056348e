/**
 * The memory emulator worker: owns the shared memory that is the controller's.
 */
import { createHash } from "node:crypto";
import type { MemoryApi } from "./api.ts";
import { monotonicNs } from "./clock.ts";
import {
  CONTROL_MAGIC,
  Control,
  CQ_PHYSICAL,
  controlTimes,
  controlWords,
  QUEUE_ENTRIES,
  SQ_PHYSICAL,
} from "./control.ts";
import { createMemory, type Layout, type MemoryConfig, planLayout } from "./layout.ts";
import { serve } from "./link.ts";

/** What an erased NOR cell reads. */
const ERASED = 0xff;

class MemoryEmulator {
  readonly memory: WebAssembly.Memory;
  readonly layout: Layout;

  /** @param images what the factory programmed before the device was first powered */
  constructor(config: MemoryConfig, images: readonly Uint8Array[]) {
    this.layout = planLayout(config);
    this.memory = createMemory(this.layout);
    for (const [region, offset] of this.layout.regions.entries()) {
      const bytes = new Uint8Array(this.memory.buffer, offset, config.regionBytes);
      bytes.fill(ERASED);
      const image = images[region];
      if (image === undefined) continue;
      if (image.length > bytes.length) {
        throw new Error(`image ${region} of ${image.length} bytes does not fit a region of ${bytes.length}`);
      }
      bytes.set(image);
    }
    this.#powerOn();
  }

  #powerOn(): void {
    const control = controlWords(this.memory, this.layout);
    controlTimes(this.memory, this.layout)[Control.POWER_ON_NS_F64] = monotonicNs();
    control[Control.QUEUE_ENTRIES] = QUEUE_ENTRIES;
    control[Control.SQ_ADDRESS] = SQ_PHYSICAL;
    control[Control.CQ_ADDRESS] = CQ_PHYSICAL;
    control[Control.REGION] = -1;
    Atomics.store(control, Control.MAGIC, CONTROL_MAGIC);
  }

  digests(): readonly string[] {
    const { regionBytes } = this.layout.config;
    return this.layout.regions.map((offset) =>
      createHash("sha256")
        .update(new Uint8Array(this.memory.buffer, offset, regionBytes))
        .digest("hex"),
    );
  }
}

let emulator: MemoryEmulator | undefined;

const api: MemoryApi = {
  powerOn: (config, images) => {
    emulator = new MemoryEmulator(config, images);
    const { memory, layout } = emulator;
    return { memory, layout };
  },
  digests: () => emulator?.digests() ?? [],
};
serve(api);
