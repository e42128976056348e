/** What a slot needs to know of its device, of a small one whose threads are the test's. */
import type { Worker } from "node:worker_threads";
import { DEFAULT_HART } from "../../../controller/cpu/hart-config.ts";
import { createMemory, DEFAULT_MEMORY_CONFIG, planLayout } from "../../../emulator/memory/layout.ts";
import { controllerThread, type SlotContext } from "../../../supervisor/device/worker-slot.ts";

const layout = planLayout({ ...DEFAULT_MEMORY_CONFIG, regionBytes: 65_536, ramBytes: 1024 * 1024 });

export function slotContext(launch: () => Worker): Omit<SlotContext, "onEnd"> {
  return {
    memory: createMemory(layout),
    layout,
    log: { level: "silent", fd: 2 },
    engine: "auto",
    hart: DEFAULT_HART,
    requirements: {},
    launch: (_, onEnd) => controllerThread(launch(), onEnd),
  };
}
