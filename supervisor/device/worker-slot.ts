/**
 * One of the two slots for a controller worker: its thread, and the words through which it is driven.
 *
 * Invariants: comlink calls are made only while the worker is in its event loop (phase `idle`); everything on the
 * failover path ({@link WorkerSlot.run}, {@link WorkerSlot.halt}) is stores and one notify.
 */

import type { Worker } from "node:worker_threads";
import type { Attachment, ControllerApi, Inspection } from "../../controller/api.ts";
import type { EngineKind } from "../../controller/cpu/engine-kind.ts";
import { Hart, retiredInstructions } from "../../controller/cpu/hart.ts";
import type { HartConfig } from "../../controller/cpu/hart-config.ts";
import type { RequirementsConfig } from "../../controller/image/verify.ts";
import type { SharedLogConfig } from "../../emulator/base/log.ts";
import { readSchedule, type ThreadSchedule } from "../../emulator/base/thread-schedule.ts";
import {
  Attention,
  engineCounters,
  SLOT_COUNTERS_BYTE_OFFSET,
  SlotWord,
  slotTimes,
  slotWords,
  WorkerCommand,
  WorkerState,
} from "../../emulator/memory/control.ts";
import type { Layout } from "../../emulator/memory/layout.ts";
import type { OnSlotEnd, Slot, SlotPhase } from "./slot.ts";
import { type WorkerEnd, WorkerThread } from "./worker-thread.ts";

/**
 * Threads exit within a few milliseconds, and with a full heap to collect on a busy machine within some hundred; one that
 * has not by then is in native code.
 */
export const TERMINATE_DEADLINE_MS = 1_000;
const CALL_DEADLINE_MS = 5_000;

export interface SlotContext {
  readonly memory: WebAssembly.Memory;
  readonly layout: Layout;
  readonly log: SharedLogConfig;
  readonly engine: EngineKind;
  readonly hart: HartConfig;
  readonly requirements: RequirementsConfig;
  /** Starts the thread for a slot. */
  readonly launch: (slot: number, onEnd: (end: WorkerEnd) => void) => SlotThread;
  readonly onEnd: OnSlotEnd;
}

/** What a slot wants of its thread; each call rejects where the thread does not answer in time, or ends. */
export interface SlotThread {
  attach(attachment: Attachment): Promise<number>;
  inspect(): Promise<Inspection>;
  prepare(region: number): Promise<Inspection>;
  /** True once it has ended, false when it has not within `deadlineMs`. */
  terminate(deadlineMs: number): Promise<boolean>;
}

/** The thread of a controller worker. */
export function controllerThread(worker: Worker, onEnd: (end: WorkerEnd) => void): SlotThread {
  const thread = new WorkerThread<ControllerApi>(worker, onEnd);
  const { link } = thread;
  return {
    attach: (attachment) => link.call(CALL_DEADLINE_MS, "attach", attachment),
    inspect: () => link.call(CALL_DEADLINE_MS, "inspect"),
    prepare: (region) => link.call(CALL_DEADLINE_MS, "prepare", region),
    terminate: (deadlineMs) => thread.terminate(deadlineMs),
  };
}

export class WorkerSlot implements Slot {
  readonly index: number;
  readonly words: Int32Array;
  readonly times: Float64Array;
  readonly counters: Float64Array;
  readonly #context: SlotContext;
  #thread: SlotThread | undefined;
  #phase: SlotPhase = "empty";
  #starting: Promise<void> | undefined;
  #region = -1;
  #threadId = 0;
  #retiredAtRecycling = 0;
  #runs = 0;

  constructor(index: number, context: SlotContext) {
    this.index = index;
    this.#context = context;
    this.words = slotWords(context.memory, context.layout, index);
    this.times = slotTimes(context.memory, context.layout, index);
    this.counters = engineCounters(context.memory, context.layout, index);
  }

  get phase(): SlotPhase {
    return this.#phase;
  }

  get region(): number {
    return this.#region;
  }

  /** What its thread has been given of a processor so far. */
  schedule(): ThreadSchedule {
    return readSchedule(this.#threadId, this.times[SlotWord.HELD_UP_NS_F64] ?? 0);
  }

  get heartbeat(): number {
    return Atomics.load(this.words, SlotWord.HEARTBEAT);
  }

  /** When the worker noted a fault of its own, monotonic nanoseconds; 0 when it did not. */
  get notedFaultNs(): number {
    return this.times[SlotWord.FAULT_NS_F64] ?? 0;
  }

  start(): Promise<void> {
    if (this.#phase === "starting" && this.#starting !== undefined) return this.#starting;
    if (this.#phase !== "empty") throw new Error(`slot ${this.index} is ${this.#phase}, not empty`);
    this.#phase = "starting";
    this.#starting = this.#start().catch((error: unknown) => {
      // Without a thread there is no exit that would say so.
      if (this.#thread === undefined) this.#phase = "empty";
      throw error;
    });
    return this.#starting;
  }

  async #start(): Promise<void> {
    // All but the counters: a worker goes on from what those before it counted.
    this.words.fill(0, 0, SLOT_COUNTERS_BYTE_OFFSET / 4);
    const thread = this.#context.launch(this.index, (end) => {
      this.#phase = "empty";
      this.#thread = undefined;
      this.#context.onEnd(this, end);
    });
    this.#thread = thread;
    const { memory, layout, log, engine, hart, requirements } = this.#context;
    const attachment = { memory, layout, slot: this.index, log, engine, hart, requirements };
    this.#threadId = await thread.attach(attachment);
    this.#phase = "idle";
  }

  inspect(): Promise<Inspection> {
    return this.#idleThread().inspect();
  }

  async prepare(region: number, inHurry: boolean): Promise<Inspection> {
    const thread = this.#idleThread();
    this.#phase = "preparing";
    Atomics.store(this.words, SlotWord.HURRY, inHurry ? 1 : 0);
    const inspection = await thread.prepare(region);
    const usable = inspection.regions[region]?.usable === true;
    this.#region = usable ? region : -1;
    this.#phase = usable ? "parked" : "idle";
    return inspection;
  }

  hurry(): void {
    if (this.#phase === "preparing") Atomics.store(this.words, SlotWord.HURRY, 1);
  }

  arm(): void {
    this.#command(WorkerCommand.ARM);
    this.expectRun();
  }

  expectRun(): void {
    Atomics.store(this.words, SlotWord.COMMAND, WorkerCommand.EXPECT_RUN);
  }

  run(generation: number): void {
    if (this.#phase !== "parked") throw new Error(`slot ${this.index} is ${this.#phase}, not parked`);
    this.#runs += 1;
    this.words[SlotWord.RUN_GENERATION] = generation;
    this.#phase = "running";
    this.#command(WorkerCommand.RUN);
  }

  release(): void {
    if (this.#phase !== "parked") throw new Error(`slot ${this.index} is ${this.#phase}, not parked`);
    this.#phase = "idle";
    this.#region = -1;
    this.#command(WorkerCommand.RELEASE);
  }

  halt(): void {
    this.#attract(Attention.HALT);
  }

  injectWorkerFault(code: number): void {
    Atomics.store(this.words, SlotWord.INJECT, code);
    this.#attract(Attention.INJECT);
  }

  force(code: number): void {
    Atomics.store(this.words, SlotWord.FORCED, code);
    this.#attract(Attention.FORCE);
  }

  memoryChanged(): void {
    this.#attract(Attention.MEMORY_CHANGED);
  }

  wakeGuest(): void {
    Atomics.add(this.words, SlotWord.WAKE, 1);
    Atomics.notify(this.words, SlotWord.WAKE);
  }

  /** Ends whatever wait its worker may be in by design: the guest's `wfi`, or for a command. Changes nothing else. */
  nudge(): void {
    this.wakeGuest();
    Atomics.notify(this.words, SlotWord.COMMAND);
  }

  get hasStopped(): boolean {
    return Atomics.load(this.words, SlotWord.STATE) === WorkerState.STOPPED;
  }

  takeStopped(): boolean {
    if (this.#phase !== "running" || !this.hasStopped) return false;
    this.#phase = "stopped";
    return true;
  }

  get runs(): number {
    return this.#runs;
  }

  retiredIn(run: number): number {
    const isLast = this.#phase === "stopped" && this.#runs === run;
    return isLast ? retiredInstructions(this.words) : this.#retiredAtRecycling;
  }

  recycle(): void {
    if (this.#phase !== "stopped") throw new Error(`slot ${this.index} is ${this.#phase}, not stopped`);
    this.#retiredAtRecycling = retiredInstructions(this.words);
    this.#phase = "idle";
    this.#region = -1;
  }

  async terminate(): Promise<boolean> {
    return (await this.#thread?.terminate(TERMINATE_DEADLINE_MS)) ?? true;
  }

  #command(command: WorkerCommand): void {
    Atomics.store(this.words, SlotWord.COMMAND, command);
    Atomics.notify(this.words, SlotWord.COMMAND);
  }

  #attract(attention: Attention): void {
    Atomics.or(this.words, Hart.ATTENTION, attention);
    Atomics.store(this.words, Hart.LIMIT, 0);
    this.wakeGuest();
  }

  #idleThread(): SlotThread {
    if (this.#thread === undefined || this.#phase !== "idle") {
      throw new Error(`slot ${this.index} is ${this.#phase}, not idle`);
    }
    return this.#thread;
  }
}
