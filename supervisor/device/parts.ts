/** The parts of a device whose memory is shared with real threads, and whose time is the machine's. */
import { DEFAULT_HART } from "../../controller/cpu/hart-config.ts";
import { monotonicNs } from "../../emulator/base/clock.ts";
import type { Logger } from "../../emulator/base/log.ts";
import { ownRunningTime } from "../../emulator/base/running-time.ts";
import { Control, controlWords } from "../../emulator/memory/control.ts";
import { type Layout, TABLE_BYTES, WORKER_SLOTS } from "../../emulator/memory/layout.ts";
import { LoggedNvram } from "../../emulator/persist/logged-nvram.ts";
import { PersistRing, PersistState } from "../../emulator/persist/persist-ring.ts";
import { SharedNvram } from "../../emulator/table/nvram.ts";
import type { DeviceConfig } from "../core/config.ts";
import type { Launcher } from "../launch.ts";
import { Crew } from "./crew.ts";
import type { DeviceParts } from "./device.ts";
import { Durability } from "./durability.ts";
import { Management } from "./management.ts";
import { FailoverRehearsal } from "./warm-up.ts";
import { controllerThread, WorkerSlot } from "./worker-slot.ts";
import type { WorkerEnd } from "./worker-thread.ts";

/** @param fatal ends this process: something happened after which nothing is sure */
export function liveParts(
  config: DeviceConfig,
  memory: WebAssembly.Memory,
  layout: Layout,
  log: Logger,
  launcher: Launcher,
  fatal: (reason: string) => void,
): DeviceParts {
  const control = controlWords(memory, layout);
  const ring = new PersistRing(memory, layout);
  const isKept = ring.state !== PersistState.OFF;
  const nvram = isKept
    ? new LoggedNvram(memory, layout)
    : new SharedNvram(new Int32Array(memory.buffer, layout.table, TABLE_BYTES / 4));
  const publish = (generation: number): void => {
    Atomics.store(control, Control.GENERATION, generation | 0);
  };
  const { engine, hart = DEFAULT_HART, limits, recovery, keys = [], requireSecurityCounter = false } = config;
  const launch = (slot: number, onEnd: (end: WorkerEnd) => void) =>
    controllerThread(launcher.controller(slot), onEnd);
  const requirements = { keys, requireSecurityCounter };
  const context = { memory, layout, log: config.log, engine, hart, requirements, launch };
  return {
    memory,
    layout,
    limits,
    management: new Management(nvram, recovery, publish, log),
    durability: new Durability(isKept ? ring : undefined),
    crew: (events) =>
      new Crew(
        (onEnd) =>
          Array.from({ length: WORKER_SLOTS }, (_, slot) => new WorkerSlot(slot, { ...context, onEnd })),
        control,
        monotonicNs,
        events,
      ),
    nowNs: monotonicNs,
    runningTime: ownRunningTime,
    log,
    fatal,
    ...(config.capabilities === undefined ? {} : { capabilities: config.capabilities }),
    rehearsals: (images, onFailure) => new FailoverRehearsal(images, onFailure),
  };
}
