/**
 * Failovers that are only rehearsed: many at first, so that V8 compiles the failover path before it matters and the
 * first failover of a process is not the slowest; then one with every other tick, so that the path stays in the caches
 * and a failover after a long calm is not slow either.
 *
 * What rehearses is a device (device.ts) with slots (worker-slot.ts) as the live one has them, and threads that are none:
 * what they would do is done here.
 *
 * Invariant: it has memory of its own, and whatever goes wrong ends the rehearsals and nothing else.
 */

import type { Inspection } from "../../controller/api.ts";
import type { RegionFacts } from "../../controller/boot/boot-rom.ts";
import { DEFAULT_HART } from "../../controller/cpu/hart-config.ts";
import { monotonicNs } from "../../emulator/base/clock.ts";
import { ownRunningTime } from "../../emulator/base/running-time.ts";
import {
  Control,
  controlWords,
  ringDoorbell,
  SlotWord,
  slotWords,
  WorkerState,
} from "../../emulator/memory/control.ts";
import { Evidence } from "../../emulator/memory/evidence.ts";
import {
  createMemory,
  planLayout,
  REHEARSAL_MEMORY_CONFIG,
  TABLE_BYTES,
  WORKER_SLOTS,
} from "../../emulator/memory/layout.ts";
import { SharedNvram } from "../../emulator/table/nvram.ts";
import { DEFAULT_LIMITS, DEFAULT_RECOVERY, type Limits } from "../core/config.ts";
import { Crew } from "./crew.ts";
import { Device, type DeviceParts, type Rehearsals } from "./device.ts";
import { Durability } from "./durability.ts";
import { Management } from "./management.ts";
import { type SlotThread, WorkerSlot } from "./worker-slot.ts";

/** Enough for V8's optimising compiler to have taken notice of everything on the path. */
const FIRST_ROUNDS = 2_000;
/** However often a version fails, it is started again. */
const LIMITS: Limits = { ...DEFAULT_LIMITS, budget: { failures: null, windowMs: 1 } };
const silent = (): void => undefined;
const SILENT_LOG = { error: silent, warn: silent, info: silent, debug: silent };

export class FailoverRehearsal implements Rehearsals {
  readonly #device: Device;
  readonly #onFailure: (error: unknown) => void;
  #played = 0;
  #ended = false;

  /**
   * Plays the first failovers, in later turns of the event loop.
   * @param images what the boot ROM read; nothing is rehearsed when they give no version to run
   * @param onFailure told what went wrong; failovers work without rehearsals, only slower
   */
  constructor(images: readonly RegionFacts[], onFailure: (error: unknown) => void) {
    this.#onFailure = onFailure;
    this.#device = new Device(partsOf(images, (error) => this.#fail(error)));
    this.#device.listen({ onSafeMode: () => this.close() });
    this.#powerOn().catch((error: unknown) => this.#fail(error));
  }

  /** Failovers played so far. */
  get played(): number {
    return this.#played;
  }

  /** The next half of a failover, once the first ones are over. It begins as a real one does: the doorbell is rung. */
  rehearse(): void {
    if (this.#played >= FIRST_ROUNDS && !this.#ended) this.#step();
  }

  close(): void {
    if (this.#ended) return;
    this.#ended = true;
    void this.#device.close();
  }

  async #powerOn(): Promise<void> {
    await this.#device.powerOn();
    while (!this.#ended && this.#played < FIRST_ROUNDS) {
      this.#step();
      await new Promise(setImmediate);
    }
  }

  /** What executes fails, if it is ready and another one could take over; else it has got ready by now. */
  #step(): void {
    const { crew, control, ready, bootEpoch } = this.#device;
    const words = crew.executing?.words;
    if (words === undefined) return;
    if (!ready) {
      words[SlotWord.STATE] = WorkerState.RUNNING;
      Atomics.store(control, Control.READY, bootEpoch);
    } else if (crew.standby !== undefined) {
      this.#played += 1;
      words[SlotWord.EVIDENCE] = Evidence.TRAP;
      words[SlotWord.EVIDENCE_CODE] = this.#played;
      Atomics.store(words, SlotWord.STATE, WorkerState.STOPPED);
    }
    ringDoorbell(control);
  }

  #fail(error: unknown): void {
    if (this.#ended) return;
    this.close();
    this.#onFailure(error);
  }
}

/** A device that these images were put into by the factory, and that nobody else knows of. */
function partsOf(images: readonly RegionFacts[], onError: (error: unknown) => void): DeviceParts {
  const layout = planLayout({ ...REHEARSAL_MEMORY_CONFIG, regions: images.length });
  const memory = createMemory(layout);
  const control = controlWords(memory, layout);
  const nvram = new SharedNvram(new Int32Array(memory.buffer, layout.table, TABLE_BYTES / 4));
  const publish = (generation: number): void => {
    Atomics.store(control, Control.GENERATION, generation | 0);
  };
  const inspection = { regions: images, storeEpochs: images.map(() => 0) };
  const context = {
    memory,
    layout,
    log: { level: "silent", fd: 2 },
    engine: "interpreter",
    hart: DEFAULT_HART,
    requirements: {},
    launch: (slot: number) => rehearsingThread(slotWords(memory, layout, slot), inspection),
  } as const;
  return {
    memory,
    layout,
    limits: LIMITS,
    management: new Management(nvram, DEFAULT_RECOVERY, publish, SILENT_LOG),
    durability: new Durability(undefined),
    crew: (events) =>
      new Crew(
        (onEnd) => Array.from({ length: WORKER_SLOTS }, (_, at) => new WorkerSlot(at, { ...context, onEnd })),
        control,
        monotonicNs,
        events,
      ),
    nowNs: monotonicNs,
    runningTime: ownRunningTime,
    log: SILENT_LOG,
    fatal: (reason) => onError(new Error(reason)),
    onError,
    watched: false,
  };
}

/** A worker's answers, at once, and what it stores with them. */
function rehearsingThread(words: Int32Array, inspection: Inspection): SlotThread {
  return {
    attach: async () => 0,
    inspect: async () => inspection,
    prepare: async (region) => {
      words[SlotWord.VERIFIED_REGION] = region;
      words[SlotWord.VERIFIED_STORE_EPOCH] = 0;
      words[SlotWord.STATE] = WorkerState.PARKED;
      return inspection;
    },
    terminate: async () => true,
  };
}
