/**
 * The virtual device: the second shell over the cores of the live one, in one thread, under the instruction clock.
 *
 * Like supervisor/device/device.ts it decides nothing: evidence goes into the policy, commands come out and are performed.
 * Invariants: a run is a function of persistent memory, images, configuration and what is done to the device; time
 * is that of the machine which executes; whatever the device does passes its {@link ItemSink} first, so that a
 * cut can fall there. An exception of the rules ends in the event "stuck", never in an exception of the sweep.
 */

import type { RegionFacts } from "../../../controller/boot/boot-rom.ts";
import { requireRunnable, type TransitionResult } from "../../../controller/boot/transitions.ts";
import {
  reduceUpdate,
  startUpdate,
  type Update,
  type UpdateCommand,
  type UpdateEvent,
} from "../../../controller/boot/update.ts";
import type { EngineKind } from "../../../controller/cpu/engine-kind.ts";
import type { HartConfig } from "../../../controller/cpu/hart-config.ts";
import {
  type Capabilities,
  type Capability,
  capabilitiesOf,
} from "../../../controller/devices/capabilities.ts";
import { MachineStop } from "../../../controller/machine.ts";
import { Random } from "../../../emulator/base/random.ts";
import { errorMessage } from "../../../emulator/base/text.ts";
import type { FlashUnits } from "../../../emulator/flash/region-writer.ts";
import { Control, controlWords } from "../../../emulator/memory/control.ts";
import { Evidence } from "../../../emulator/memory/evidence.ts";
import { type Layout, WORKER_SLOTS } from "../../../emulator/memory/layout.ts";
import { INSTRUCTIONS_PER_TICK, MTIME_HZ, NS_PER_TICK, WINDOW_BASE } from "../../../emulator/memory/map.ts";
import { QUEUE_BYTES } from "../../../emulator/memory/queues.ts";
import { raiseFloor } from "../../../emulator/table/floor.ts";
import type { NvramPort } from "../../../emulator/table/nvram.ts";
import { NO_REGION, type Table } from "../../../emulator/table/table.ts";
import type { Limits } from "../../core/config.ts";
import { type Performer, perform } from "../../core/performer.ts";
import type { ExecuteCommand, PolicyEvent, PolicyState } from "../../core/policy.ts";
import { Host, type HostCommand, type HostCompletion } from "../../host/host.ts";
import type { Job } from "../../host/job.ts";
import { Watch } from "../../watch/watch.ts";
import { type FlashUnit, Interruption, ItemKind, type ItemSink } from "../explore/items.ts";
import { ControllerSlot } from "./controller-slot.ts";
import { FlashWork } from "./flash-work.ts";
import { Inspections } from "./inspections.ts";
import { KnownSlices } from "./known-slices.ts";
import type { PersistentMemory } from "./persistent-memory.ts";
import type { RegionFlash } from "./region-flash.ts";
import type { Committer, Rules } from "./rules.ts";
import type { Terms } from "./swept-device.ts";
import type { RequestKind, TableRequest, VirtualEvent } from "./virtual-event.ts";
import { VolatileMemory } from "./volatile-memory.ts";

const TICKS_PER_MS = MTIME_HZ / 1000;
/** Instructions that a running version still executes after the supervisor asked it to stop. */
const HALT_LATENCY_INSTRUCTIONS = 200;
/** Slice of each version while, against all rules, two of them execute. */
const SHARED_SLICE_INSTRUCTIONS = 50;
const RUN_INSTRUCTIONS = 2 ** 30;
/** Instructions that the executing version gets while a unit of flash is made. */
const INSTRUCTIONS_PER_FLASH_UNIT = 50;
const TICKS_PER_FLASH_UNIT = INSTRUCTIONS_PER_FLASH_UNIT / INSTRUCTIONS_PER_TICK;

export interface VirtualConfig {
  readonly seed: number;
  readonly engine: EngineKind;
  readonly hart: HartConfig;
  /** What firmware can do that does not say so itself; everything where this is absent. */
  readonly capabilities?: readonly Capability[];
}

function doneOr(done: boolean, message: string): UpdateEvent {
  return done ? { type: "done" } : { type: "refused", message };
}

/** Time jumps here, and stands still only where nothing happens. */
function freshWatch(limits: Limits): Watch {
  return new Watch(limits, 0, Number.POSITIVE_INFINITY);
}

type Mode = "off" | "on" | "safe-mode" | "stuck";

export class VirtualDevice {
  readonly persistent: PersistentMemory;
  readonly layout: Layout;
  readonly #flash: RegionFlash;
  readonly #memory: WebAssembly.Memory;
  readonly #config: VirtualConfig;
  readonly #sink: ItemSink<VirtualEvent>;
  readonly #volatile: VolatileMemory;
  readonly #slices: KnownSlices;
  readonly #work: FlashWork;
  readonly #slots: readonly ControllerSlot[];
  readonly #control: Int32Array;
  readonly #port: NvramPort;
  readonly #inspections: Inspections;
  #rules: Rules;
  #terms: Terms;
  #mode: Mode = "off";
  #policy: PolicyState | undefined;
  #store: Committer | undefined;
  #executing: ControllerSlot | undefined;
  #host: Host | undefined;
  #completions = 0;
  #ready = false;
  #watch: Watch;
  #ticks = 0;
  /** Instructions left to a version that was asked to stop; undefined when none was. */
  #haltIn: number | undefined;
  /** When the flash has made the unit that was begun last for a version. */
  #flashDoneTick = 0;
  /** Units are made as fast as an operator's load has them made. */
  #isLoading = false;
  /** A crash that was ordered while nothing executed. */
  #crashNext = false;
  #starts = 0;
  /** Raised whenever what executes, or is to, is looked at or changed. */
  #moment = 0;
  /** Instructions are being executed: every one is a moment of its own. */
  #inSlice = false;
  readonly #performer: Performer = {
    stop: () => this.#stop(),
    commit: (table) => this.#store?.commit(table),
    raiseFloor: (counter) => raiseFloor(this.#port, counter),
    execute: (command) => this.#execute(command),
    safeMode: (reason) => this.#enterSafeMode(reason),
  };

  constructor(
    memory: WebAssembly.Memory,
    persistent: PersistentMemory,
    flash: RegionFlash,
    rules: Rules,
    config: VirtualConfig,
    terms: Terms,
    sink: ItemSink<VirtualEvent>,
  ) {
    this.persistent = persistent;
    this.layout = persistent.wholeLayout;
    this.#flash = flash;
    this.#memory = memory;
    this.#rules = rules;
    this.#config = config;
    this.#terms = terms;
    this.#sink = sink;
    this.#watch = freshWatch(terms.limits);
    this.#control = controlWords(memory, this.layout);
    this.#port = persistent.managementPort(() => sink.beforeStore());
    this.#volatile = new VolatileMemory(memory, this.layout, persistent, sink);
    this.#slices = new KnownSlices(this.#volatile, persistent, sink, this.#control);
    this.#inspections = new Inspections(persistent, flash, rules.inspect);
    this.#work = new FlashWork(this.#control, flash, sink, (command, region) =>
      this.#carryOutOwn(command, region),
    );
    this.#slots = Array.from(
      { length: WORKER_SLOTS },
      (_, slot) => new ControllerSlot(memory, persistent, this.#slices, slot, config.engine, config.hart),
    );
    this.#volatile.attach(this.#slots.map(({ machine }) => machine));
  }

  // ── What stands ─────────────────────────────────────────────────────────────────────────────────────────

  get mode(): Mode {
    return this.#mode;
  }

  /** The version that executes has said that it is ready, and is to go on. */
  get ready(): boolean {
    return this.#ready && this.#executing?.running === true && !this.stopping;
  }

  /** The version that executes has been asked to stop, and has not stopped yet. */
  get stopping(): boolean {
    return this.#haltIn !== undefined;
  }

  /** What the version that executes can do, of which it has the last word when it becomes ready. */
  get capabilities(): Capabilities {
    return capabilitiesOf(this.#control[Control.CAPABILITIES] as number, this.#config.capabilities);
  }

  /** The region that executes, {@link NO_REGION} for none. */
  get region(): number {
    return this.#executing?.running === true ? this.#executing.region : NO_REGION;
  }

  /** The version that executes is accepted. */
  get confirmed(): boolean {
    return this.#policy?.confirmed === true;
  }

  get epoch(): number {
    return this.#control[Control.BOOT_EPOCH] as number;
  }

  /** Starts since power-on. */
  get starts(): number {
    return this.#starts;
  }

  /** Units of flash that the version which executes has had made. */
  get ownUnits(): number {
    return this.#work.ownUnits;
  }

  /** Host commands that are not completed. */
  get outstanding(): number {
    return this.#host?.outstanding ?? 0;
  }

  /** The table that counts. */
  get table(): Table {
    if (this.#policy === undefined) throw new Error("the device is off");
    return this.#policy.table;
  }

  /** The security floor as the device goes by it. */
  get floor(): number {
    return this.#policy?.floor ?? 0;
  }

  /** Ticks since power-on. */
  get ticks(): number {
    for (const slot of this.#slots) {
      if (slot.executes) this.#ticks = Math.max(this.#ticks, slot.machine.clock.now());
    }
    return this.#ticks;
  }

  /** A thread executes, and nothing is wrong with it yet. */
  get canHang(): boolean {
    return this.#executing?.running === true && !this.#executing.frozen;
  }

  /**
   * Between two items of one moment it makes no difference to anybody when the version that executes crashes or its
   * thread hangs. Undefined where that cannot be told.
   */
  get moment(): number | undefined {
    return this.#inSlice || this.#haltIn !== undefined ? undefined : this.#moment;
  }

  // ── Power ───────────────────────────────────────────────────────────────────────────────────────────────

  /** From the next power-on: slices of execution that are known are not executed again. */
  get recalls(): boolean {
    return this.#slices.enabled;
  }

  set recalls(recalls: boolean) {
    this.#slices.enabled = recalls;
  }

  /** Other rules from the next power-on. */
  set rules(rules: Rules) {
    this.#rules = rules;
    this.#inspections.rule = rules.inspect;
  }

  /** It has so many regions. While it is off. */
  limitRegions(count: number): void {
    for (const { machine } of this.#slots) machine.limitRegions(count);
  }

  /** Other terms from the next power-on. */
  set terms(terms: Terms) {
    this.#terms = terms;
  }

  powerOff(): void {
    this.#moment += 1;
    this.#inSlice = false;
    this.#work.powerOff();
    this.#flashDoneTick = 0;
    this.#isLoading = false;
    for (const slot of this.#slots) slot.release();
    this.#mode = "off";
    this.#control[Control.REGION] = NO_REGION;
    this.#policy = undefined;
    this.#store = undefined;
    this.#executing = undefined;
    this.#host = undefined;
    this.#completions = 0;
    this.#ready = false;
    this.#ticks = 0;
    this.#watch = freshWatch(this.#terms.limits);
    this.#starts = 0;
    this.#haltIn = undefined;
    this.#crashNext = false;
  }

  /** Power comes on: recovery, decision, and the start that was decided; {@link advance} executes it. */
  powerOn(): void {
    this.powerOff();
    this.#volatile.powerOn();
    this.#slices.powerOn();
    this.#work.powerOn();
    this.#mode = "on";
    this.#sink.event({ type: "power-on" });
    this.#guarded(() => this.#boot());
  }

  #boot(): void {
    // The worst reader of cells between two values: whole when verified, anything when executed.
    this.#flash.readUnstable("completed");
    const images = this.#inspections.inspect();
    if (!this.#flash.settled)
      this.#flash.readUnstable(new Random(this.#config.seed ^ this.persistent.stateKey()));
    const { table: found, floor } = this.#rules.recover(this.#port, images, this.#terms.recovery);
    const { outcome, message, table } = found;
    this.#sink.event({ type: "recovered", outcome, message, table, floor: floor.floor });
    if (table === undefined) {
      this.#enterSafeMode(message);
      return;
    }
    this.#store = this.#rules.openStore(this.#port, table, (generation) => this.#publish(generation));
    this.#policy = this.#rules.initialState(table, floor.floor, this.#terms.limits.budget);
    this.#dispatch({ type: "power-on", images });
  }

  #publish(generation: number): void {
    this.#control[Control.GENERATION] = generation | 0;
    this.#sink.event({ type: "designated", generation: generation >>> 0 });
  }

  /** Rules that throw end the device, not the sweep. */
  #guarded(work: () => void): void {
    try {
      work();
    } catch (error) {
      if (error instanceof Interruption) throw error;
      this.#mode = "stuck";
      const message = error instanceof Error ? `${error.name}: ${error.message}` : errorMessage(error);
      this.#sink.event({ type: "stuck", message });
    }
  }

  // ── Time ────────────────────────────────────────────────────────────────────────────────────────────────

  /** Lets the device run until `done`, at most `limitMs` of its time; false if it did not come to that. */
  advance(done: () => boolean, limitMs: number): boolean {
    const endTick = this.ticks + limitMs * TICKS_PER_MS;
    while (!done()) {
      if (this.#mode !== "on" || this.ticks >= endTick) return false;
      this.#guarded(() => this.#step(endTick));
    }
    return true;
  }

  #step(endTick: number): void {
    this.#lookAtExecuting();
    if (this.#mode !== "on") return;
    this.#writeForFirmware();
    const horizon = Math.min(endTick, this.#horizon());
    const running = this.#slots.filter((slot) => slot.executes).length;
    let instructions = running > 1 ? SHARED_SLICE_INSTRUCTIONS : RUN_INSTRUCTIONS;
    if (this.#haltIn !== undefined) instructions = Math.min(instructions, this.#haltIn);
    if (running === 0) this.#ticks = horizon;
    else this.#slice(instructions, horizon);
  }

  /** As far as time may pass before somebody has to look: nothing is found later than on the live device. */
  #horizon(): number {
    const slot = this.#executing;
    const { ticks } = this;
    const flashDone =
      this.#work.idle || this.#isLoading ? Number.POSITIVE_INFINITY : Math.max(ticks, this.#flashDoneTick);
    if (slot?.running !== true) return flashDone;
    if (this.#haltIn !== undefined) return ticks + Math.ceil(this.#haltIn / INSTRUCTIONS_PER_TICK);
    const deadlineNs = this.#watch.nextDeadlineNs(this.#ready, this.#host?.oldest);
    return Math.min(flashDone, ticks + Math.ceil(deadlineNs / NS_PER_TICK));
  }

  /** Has the next unit made that a version asked for, where the flash is done with the one before. */
  #writeForFirmware(): void {
    if (this.#work.idle || this.#isLoading || this.ticks < this.#flashDoneTick) return;
    // How much of it was made is seen of whatever happens to the version.
    this.#moment += 1;
    const kind = this.#work.turn();
    if (kind === undefined) return;
    const unitTicks = Math.ceil((this.#unitUs(kind) * TICKS_PER_MS) / 1000);
    this.#flashDoneTick = this.ticks + (unitTicks === 0 ? TICKS_PER_FLASH_UNIT : unitTicks);
  }

  #unitUs(kind: FlashUnit["kind"]): number {
    const { sectorEraseUs, unitProgramUs } = this.layout.config;
    return kind === ItemKind.ERASE ? sectorEraseUs : unitProgramUs;
  }

  /** Returns what time it is, nanoseconds since power-on. */
  #tickWatch(): number {
    const nowNs = this.ticks * NS_PER_TICK;
    this.#watch.tick(nowNs);
    return nowNs;
  }

  #lookAtExecuting(): void {
    this.#moment += 1;
    const nowNs = this.#tickWatch();
    const slot = this.#executing;
    if (slot?.running !== true || this.#haltIn !== undefined) return;
    const silence = this.#watch.silence(slot, this.#ready, this.#host?.oldest, nowNs);
    if (silence !== undefined) this.#fail(silence.evidence, 0, 0);
  }

  #slice(instructions: number, horizon: number): void {
    for (const slot of this.#slots) {
      if (!slot.executes) continue;
      const before = slot.machine.retired;
      this.#inSlice = true;
      const stop = slot.run(instructions, horizon);
      this.#inSlice = false;
      this.#moment += 1;
      if (slot === this.#executing) this.#afterSlice(slot, stop, slot.machine.retired - before);
    }
  }

  #afterSlice(slot: ControllerSlot, stop: MachineStop, retired: number): void {
    if (stop === MachineStop.STOPPED) {
      const { evidence, stopCode, stopPc } = slot.machine;
      this.#ticks = Math.max(this.#ticks, slot.machine.clock.now());
      slot.running = false;
      if (this.#haltIn !== undefined) this.#onStopped(slot);
      else this.#fail(evidence, stopCode >>> 0, stopPc >>> 0);
      return;
    }
    if (this.#haltIn !== undefined) {
      this.#haltIn -= retired;
      // A waiting hart retires nothing, and answers at once.
      if (this.#haltIn <= 0 || retired === 0) this.#onStopped(slot);
      return;
    }
    this.#lookAtNews(slot);
  }

  /** The firmware has said something. */
  #lookAtNews(slot: ControllerSlot): void {
    const { epoch, region } = slot;
    const said = this.#control[Control.READY] === epoch;
    if (!this.#ready && said) {
      this.#ready = true;
      this.#sink.event({ type: "ready", region, epoch });
      if (this.#inspections.stale) this.#inspect();
    } else if (this.#ready && !said) {
      this.#ready = false;
      this.#watch.withdraw(this.#tickWatch());
    }
    if (this.#policy?.confirmed === false && this.#control[Control.CONFIRM] === epoch) {
      this.#sink.event({ type: "confirm-said", region });
      this.#dispatch({ type: "confirmed" });
      this.#sink.event({ type: "confirmed", region });
    }
    this.#pollHost();
    this.#work.look();
  }

  #pollHost(): void {
    if (this.#host === undefined) return;
    const taken = this.#host.poll();
    if (typeof taken === "string") {
      this.#fail(Evidence.HOST_PROTOCOL, 0, 0);
    } else if (taken > 0) {
      this.#completions += taken;
      this.#sink.event({ type: "completions", count: this.#completions });
    }
  }

  // ── Policy ──────────────────────────────────────────────────────────────────────────────────────────────

  #fail(evidence: Evidence, code: number, pc: number): void {
    const slot = this.#executing;
    if (slot === undefined) return;
    const failure = { evidence, code, pc };
    const { region, epoch } = slot;
    this.#sink.event({ type: "detected", region, epoch, failure, timeMs: this.ticks / TICKS_PER_MS });
    this.#dispatch({ type: "evidence", failure, nowNs: this.ticks * NS_PER_TICK });
  }

  #dispatch(event: PolicyEvent): void {
    if (this.#policy === undefined) return;
    const { state, commands } = this.#rules.reduce(this.#policy, event);
    this.#policy = state;
    perform(commands, this.#performer);
  }

  #stop(): void {
    this.#moment += 1;
    this.#work.stop();
    const slot = this.#executing;
    if (slot === undefined) return;
    // A thread that is gone or does not answer is terminated: it has stopped. A running one takes its time.
    if (!slot.running || slot.frozen) this.#onStopped(slot);
    else this.#haltIn = HALT_LATENCY_INSTRUCTIONS;
  }

  #onStopped(slot: ControllerSlot): void {
    this.#moment += 1;
    this.#ticks = this.ticks;
    slot.halt(Evidence.OPERATOR);
    this.#haltIn = undefined;
    this.#ready = false;
    const queueAtStop = this.#host?.atStop();
    this.#sink.event({ type: "stopped", region: slot.region, epoch: slot.epoch });
    if (this.#executing === slot) this.#executing = undefined;
    this.#dispatch({ type: "stopped" });
    if (queueAtStop !== undefined) this.#host?.afterStop(queueAtStop);
  }

  #execute(command: ExecuteCommand): void {
    const { region } = command;
    if (this.#inspections.stale) {
      const active = this.#policy?.table;
      this.#inspect(false);
      // Decided anew: that decision has been performed.
      if (this.#policy?.table !== active || this.#policy?.phase !== "executing") return;
    }
    const facts = this.#inspections.inspect()[region];
    const slot = this.#slots.find((candidate) => !candidate.running);
    if (slot === undefined) throw new Error("there is no free controller worker");
    if (facts?.usable !== true) throw new Error(`region ${region} holds no image that can be executed`);
    const epoch = this.epoch + 1;
    this.#moment += 1;
    this.#control[Control.BOOT_REASON] = command.reason;
    this.#control[Control.REGION] = region;
    this.#control[Control.TRIAL] = command.trial ? 1 : 0;
    this.#control[Control.CAPABILITIES] = 0;
    this.#control[Control.BOOT_EPOCH] = epoch;
    this.#work.serve(epoch);
    this.#starts += 1;
    const { ticks } = this;
    this.#watch.start(slot, this.#tickWatch());
    slot.assign(region, epoch);
    this.#executing = slot;
    this.#mode = "on";
    const { reason, trial } = command;
    this.#sink.event({ type: "first-instruction", region, epoch, reason, trial });
    slot.start(WINDOW_BASE + facts.headerBytes, ticks);
    this.#moment += 1;
    if (this.#crashNext) this.crash();
  }

  #enterSafeMode(reason: string): void {
    this.#mode = "safe-mode";
    this.#control[Control.REGION] = -1;
    this.#sink.event({ type: "safe-mode", reason });
  }

  // ── What is done to it ──────────────────────────────────────────────────────────────────────────────────

  /** The host, which is about to store to its memory. */
  #touchHost(bytes = QUEUE_BYTES): Host {
    this.#host ??= new Host(this.#memory, this.layout);
    this.#volatile.hostTouched(0, bytes);
    this.#slices.memoryChanged();
    return this.#host;
  }

  /** Submits a host command; false when the queue is full. */
  submit(
    command: HostCommand,
    onCompletion: (completion: HostCompletion) => void = () => undefined,
  ): boolean {
    return this.#touchHost().submit(command, this.ticks * NS_PER_TICK, onCompletion);
  }

  /** Submits a command with these bytes at the first of the host's buffers; false when the queue is full. */
  submitWith(
    command: HostCommand,
    data: Uint8Array,
    onCompletion: (completion: HostCompletion) => void,
  ): boolean {
    const { buffers, bufferAddress } = this.#touchHost(QUEUE_BYTES + data.length);
    buffers.set(data);
    return this.submit({ ...command, source: bufferAddress }, onCompletion);
  }

  /** The version that executes, or the next one, gives up before its next instruction. */
  crash(): void {
    this.#crashNext = !this.stopBy(Evidence.PANIC, CRASH_CODE);
  }

  /** The hart of the version that executes stops with this evidence. False when none executes. */
  stopBy(evidence: Evidence, code: number): boolean {
    const slot = this.#executing;
    this.#disturbed();
    if (slot?.running !== true) return false;
    slot.machine.stop(evidence, code);
    return true;
  }

  /**
   * Submits a command that `make` makes over the host's buffers; false when the queue is full.
   * @param onResult told what is wrong with its result, or undefined
   */
  submitMade(
    make: (buffers: Uint8Array, bufferAddress: number) => Job,
    onResult: (wrong: string | undefined) => void,
  ): boolean {
    const { buffers, bufferAddress } = this.#touchHost(this.layout.config.hostBytes);
    const { command, check } = make(buffers, bufferAddress);
    return this.submit(command, (completion) => onResult(check(completion)));
  }

  /** A crash was ordered, and no version has started since that could have it. */
  get crashPending(): boolean {
    return this.#crashNext;
  }

  /** Something is done to what executes, from outside. */
  #disturbed(): void {
    this.#moment += 1;
    this.#slices.disturbed();
  }

  /** The thread that executes ends, or makes no progress any more. False when none executes. */
  failThread(evidence: Evidence): boolean {
    const slot = this.#executing;
    if (slot?.running !== true || slot.frozen) return false;
    this.#disturbed();
    if (this.#haltIn !== undefined) {
      // It was asked to stop, and its thread is gone or terminated for not answering: what it owed does not matter.
      slot.running = false;
      this.#guarded(() => this.#onStopped(slot));
    } else if (evidence === Evidence.HEARTBEAT) {
      this.#ticks = this.ticks;
      slot.frozen = true;
    } else {
      slot.running = false;
      this.#guarded(() => this.#fail(evidence, 0, 0));
    }
    return true;
  }

  /** An operator's request that changes the table. False when it is refused, or nobody is there to hear it. */
  request(kind: TableRequest, region: number, image: string): boolean {
    const done = this.#hear(kind, region, image, () =>
      this.#change(kind, region, this.#transition(kind, region)),
    );
    return done === true;
  }

  /** What a request is answered; undefined when it is refused at once, or nobody is there to hear it. */
  #hear<T>(kind: RequestKind, region: number, image: string, answer: () => T): T | undefined {
    if (this.#mode === "stuck" || this.#mode === "off") return undefined;
    this.#sink.event({ type: "requested", by: "operator", kind, region, image });
    let answered: T | undefined;
    this.#guarded(() => {
      if (this.#policy?.phase === "stopping") this.#refuse(kind, region, "a failover is under way");
      else answered = answer();
    });
    return answered;
  }

  #change(kind: RequestKind, region: number, result: TransitionResult): boolean {
    if (!result.ok) return this.#refuse(kind, region, result.message);
    this.#decide(result.table, kind === "designate" && result.table.next !== NO_REGION);
    this.#sink.event({ type: "acknowledged", kind, region });
    return true;
  }

  /** The table is to be this one; `restart`: and the next start is now. */
  #decide(table: Table, restart: boolean): void {
    this.#inspect();
    this.#dispatch({ type: "operator", table, restart });
  }

  /** Reads every region; the policy knows at once what was found. */
  #inspect(executing = this.#executing !== undefined): readonly RegionFacts[] {
    const images = this.#inspections.inspect();
    this.#dispatch({ type: "inspected", images, executing });
    return images;
  }

  #refuse(kind: RequestKind, region: number, message: string): false {
    this.#sink.event({ type: "refused", kind, region, message });
    return false;
  }

  #transition(kind: TableRequest, region: number): TransitionResult {
    const { table } = this;
    const rules = this.#rules;
    switch (kind) {
      case "begin-load":
        return rules.beginUpdate(table, region, this.region !== NO_REGION);
      case "activate":
      case "designate":
        return rules.activate(table, region, this.#terms.recovery.trialTries);
      case "clear":
        return rules.clear(table, region, this.#terms.recovery.trialTries);
    }
  }

  /** Writes an image into a region and has it verified; what became of that. It is not activated. */
  load(region: number, name: string, image: Uint8Array): Update {
    const release = this.#work.claim(region);
    let { update, command } = startUpdate(false);
    while (command !== undefined) {
      ({ update, command } = reduceUpdate(update, this.#carryOut(command, region, name, image)));
    }
    release();
    return update;
  }

  /** To the operator, and to the oracle, verifying and validating are one request. */
  #carryOut(command: UpdateCommand, region: number, name: string, image: Uint8Array): UpdateEvent {
    switch (command.type) {
      case "invalidate":
        return doneOr(this.request("begin-load", region, name), `region ${region} may not be written`);
      case "erase": {
        const erased = this.#write(region, () => this.#flash.erasing(region, image.length));
        return doneOr(erased, `region ${region} could not be erased`);
      }
      case "program": {
        const programmed = this.#write(region, () => this.#flash.programming(region, image));
        return doneOr(programmed, `region ${region} could not be programmed`);
      }
      case "verify": {
        const facts = this.#hear("end-load", region, name, () => this.#readBack(region));
        return facts === undefined
          ? { type: "refused", message: `region ${region} was not read` }
          : { type: "verified", facts };
      }
      case "validate": {
        let done = false;
        this.#guarded(() => {
          done = this.#change("end-load", region, this.#rules.endUpdate(this.table, region, command.image));
        });
        return doneOr(done, `region ${region} was not accepted as written`);
      }
      case "activate":
        return doneOr(this.request("activate", region, name), `region ${region} was not activated`);
    }
  }

  /** What a region shows that was programmed; one that does not hold an image is refused. */
  #readBack(region: number): RegionFacts | undefined {
    const facts = this.#inspect()[region];
    if (facts?.usable !== true)
      this.#refuse("end-load", region, `region ${region} does not hold what was programmed`);
    return facts;
  }

  /**
   * Makes an operation of the flash, unit by unit; the version that executes goes on beside it. False when the flash
   * refused, as it does where a bit has rotted since it was erased, or when the rules let the region execute meanwhile.
   */
  #write(region: number, operation: () => FlashUnits): boolean {
    let written = false;
    this.#isLoading = true;
    this.#guarded(() => {
      written = this.#work.write(region, operation(), (kind) => this.#waitForFlash(kind));
    });
    this.#isLoading = false;
    return written;
  }

  /** The version that executes goes on for as long as the flash takes; for a while, where no time is told. */
  #waitForFlash(kind: FlashUnit["kind"]): void {
    const unitUs = this.#unitUs(kind);
    if (unitUs > 0) this.advance(() => false, unitUs / 1000);
    else if (this.#mode === "on")
      this.#guarded(() => this.#slice(INSTRUCTIONS_PER_FLASH_UNIT, Number.POSITIVE_INFINITY));
  }

  /** A step of an update that the version which executes makes by itself. */
  #carryOutOwn(command: UpdateCommand, region: number): UpdateEvent {
    const images = this.#inspect();
    const { table, floor } = this;
    switch (command.type) {
      case "invalidate":
        return this.#decideOwn(this.#rules.beginOwnUpdate(table, region, { floor, images }));
      case "erase":
      case "program":
        return { type: "done" };
      case "verify":
        return { type: "verified", facts: images[region] as RegionFacts };
      case "validate":
        return this.#decideOwn(this.#rules.endUpdate(table, region, command.image));
      case "activate": {
        const activated = this.#rules.activate(table, region, this.#terms.recovery.trialTries);
        return this.#decideOwn(requireRunnable(activated, region, { floor, images }));
      }
    }
  }

  #decideOwn(result: TransitionResult): UpdateEvent {
    if (!result.ok) return { type: "refused", message: result.message };
    this.#decide(result.table, false);
    return { type: "done" };
  }

  /** Bytes of the executing region were changed by rot: execution feels it at once. */
  regionRotted(region: number): void {
    this.#slices.disturbed();
    if (this.#executing?.region === region) this.#executing.regionChanged();
  }
}

/** Code of the panic that a crash from outside is recorded with. */
export const CRASH_CODE = 0xdead;
