/**
 * A controller worker slot of the virtual device: a machine, what it executes, and the thread that it stands for.
 *
 * Invariant: what the machine has decoded of a region is what the region's bytes were when it was last started or
 * told of rot; content that was decoded before is not decoded again.
 */
import { controllerBoard } from "../../../controller/boards.ts";
import type { EngineKind } from "../../../controller/cpu/engine-kind.ts";
import { Hart } from "../../../controller/cpu/hart.ts";
import type { HartConfig } from "../../../controller/cpu/hart-config.ts";
import { Machine, type MachineStop } from "../../../controller/machine.ts";
import type { ThreadSchedule } from "../../../emulator/base/thread-schedule.ts";
import type { Evidence } from "../../../emulator/memory/evidence.ts";
import { NO_REGION } from "../../../emulator/table/table.ts";
import type { Watched } from "../../watch/watch.ts";
import { sweepEngine } from "./engine.ts";
import type { KnownSlices } from "./known-slices.ts";
import type { PersistentMemory } from "./persistent-memory.ts";

/** A thread here never waits for a processor. */
const NEVER_WAITED: ThreadSchedule = {
  atNs: 0,
  own: { runNs: 0, waitNs: 0, runnable: false },
  heldUpNs: 0,
  helpers: () => new Map(),
};

export class ControllerSlot implements Watched {
  readonly machine: Machine;
  region = NO_REGION;
  epoch = 0;
  running = false;
  /** The thread is stuck: it executes nothing and answers nothing. */
  frozen = false;
  /** Raised whenever it executes something. */
  heartbeat = 0;
  readonly notedFaultNs = 0;
  readonly #persistent: PersistentMemory;
  readonly #slices: KnownSlices;
  /** By region: content key of the code that the machine has decoded. */
  readonly #decoded: number[] = [];
  /** Key of what the machine's memory refuses, as it cannot be read. */
  #refused = 0;

  constructor(
    memory: WebAssembly.Memory,
    persistent: PersistentMemory,
    slices: KnownSlices,
    slot: number,
    engine: EngineKind,
    hart: HartConfig,
  ) {
    this.#persistent = persistent;
    this.#slices = slices;
    const ring = (): void => {
      machine.hart[Hart.ATTENTION] = 1;
      machine.hart[Hart.LIMIT] = 0;
    };
    const machine: Machine = new Machine({
      memory,
      layout: persistent.wholeLayout,
      slot,
      plan: controllerBoard(hart),
      ...sweepEngine(engine),
      servesFlash: true,
      onFlashPost: ring,
      ring,
    });
    this.machine = machine;
  }

  /** It executes instructions. */
  get executes(): boolean {
    return this.running && !this.frozen;
  }

  schedule(): ThreadSchedule {
    return NEVER_WAITED;
  }

  nudge(): void {
    // Nothing here sleeps for longer than it is to.
  }

  /** Designates what is executed next; {@link start} starts it. */
  assign(region: number, epoch: number): void {
    this.region = region;
    this.epoch = epoch;
  }

  /** From reset, at `entry`, at this tick of the device's time. */
  start(entry: number, ticks: number): void {
    const { machine, region } = this;
    if (this.#decoded[region] !== this.#persistent.regionKey(region)) this.regionChanged();
    machine.setRegion(region);
    this.#refused = this.#persistent.unreadableKey();
    machine.reset(entry);
    machine.clock.powerOn();
    machine.clock.skipTo(ticks);
    this.running = true;
  }

  /** Bytes of the region that it executes changed: execution feels it at once. */
  regionChanged(): void {
    this.machine.regionChanged(this.region);
    this.#decoded[this.region] = this.#persistent.regionKey(this.region);
  }

  /** Executes at most `instructions`, and not past the tick `horizon`. */
  run(instructions: number, horizon: number): MachineStop {
    this.heartbeat += 1;
    this.machine.hart[Hart.ATTENTION] = 0;
    this.#refuseUnreadable();
    return this.#slices.run(this.machine, this.region, instructions, horizon);
  }

  /** Blocks of some region cannot be read since it last executed, or can be again. */
  #refuseUnreadable(): void {
    const key = this.#persistent.unreadableKey();
    if (key === this.#refused) return;
    this.machine.refuseUnreadable();
    this.#refused = key;
  }

  /** Nothing of the version executes any more. */
  halt(evidence: Evidence): void {
    this.release();
    this.machine.stop(evidence, 0);
  }

  /** The slot is free. */
  release(): void {
    this.running = this.frozen = false;
  }
}
