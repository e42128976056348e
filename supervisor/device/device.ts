/**
 * The live device: the shell that owns threads and time and carries out what the policy decides.
 *
 * Nothing is decided here: evidence goes into the policy (policy.ts), commands come out and are performed.
 * Invariants: the supervisor's main thread never waits on a worker; between evidence and wake there are only
 * stores, two copies and one notify (when the engine stopped by itself and a standby is parked); a command that
 * depends on a generation is performed after both replicas hold it.
 */
import type { Inspection } from "../../controller/api.ts";
import type { RegionFacts } from "../../controller/boot/boot-rom.ts";
import type { TransitionResult } from "../../controller/boot/transitions.ts";
import { type Capabilities, type Capability, capabilitiesOf } from "../../controller/devices/capabilities.ts";
import { UartInput } from "../../controller/devices/uart-input.ts";
import type { Logger } from "../../emulator/base/log.ts";
import type { RunningTime } from "../../emulator/base/running-time.ts";
import { errorMessage } from "../../emulator/base/text.ts";
import { Control, controlWords, SlotWord, WorkerState } from "../../emulator/memory/control.ts";
import { EventCode, EventRing } from "../../emulator/memory/events.ts";
import { Evidence } from "../../emulator/memory/evidence.ts";
import type { Layout } from "../../emulator/memory/layout.ts";
import type { NvramPort } from "../../emulator/table/nvram.ts";
import { NO_REGION, type Table } from "../../emulator/table/table.ts";
import type { Limits } from "../core/config.ts";
import { type Performer, perform } from "../core/performer.ts";
import {
  type ExecuteCommand,
  initialState,
  type PolicyEvent,
  type PolicyState,
  reduce,
  standbyRegion,
} from "../core/policy.ts";
import { Host, type HostCommand, type HostCompletion, type QueueProgress } from "../host/host.ts";
import { TICK_MS, Watch } from "../watch/watch.ts";
import type { Crew, CrewEvents } from "./crew.ts";
import type { Durability } from "./durability.ts";
import { OperatorError } from "./errors.ts";
import { type Reading, readingsOf, withReadings } from "./facts.ts";
import type { Failover } from "./failover.ts";
import { type Crash, FailoverRecord } from "./failover-record.ts";
import { describeEnd, evidenceOfEnd, type FailureReport, foundOutside, toldByWorker } from "./failure.ts";
import type { FirmwareUpdates } from "./firmware-updates.ts";
import { KeptState } from "./kept-state.ts";
import type { Management } from "./management.ts";
import { Doorbell, News } from "./news.ts";
import type { Slot } from "./slot.ts";
import type { WorkerEnd } from "./worker-thread.ts";

/** A running engine answers a halt within microseconds; after this long the thread is not going to. */
const HALT_GRACE_MS = 1;

/** Nothing executes meanwhile: the guardian starts the process again, as after a power cut. */
const START_DEADLINE_MS = 10_000;

export interface DeviceListener {
  /** A failover is over: the other version is ready, or has failed before it was. */
  onFailover?(failover: Failover): void;
  onSafeMode?(reason: string): void;
  /** A failure is over: the next version is ready, has failed in its turn, or there is none. For dumps. */
  onCrash?(crash: Crash): void;
}

/** What keeps a device ready for a failover that may come after a long calm; warm-up.ts has it. */
export interface Rehearsals {
  /** One more. Returns at once. */
  rehearse(): void;
  close(): void;
}

/**
 * Makes them.
 * @param images what the boot ROM read
 * @param onFailure told what went wrong; failovers work without rehearsals, only slower
 */
export type MakeRehearsals = (
  images: readonly RegionFacts[],
  onFailure: (error: unknown) => void,
) => Rehearsals;

/** What a device is put together from: parts.ts has those with real threads and the machine's time. */
export interface DeviceParts {
  /** What all threads share; powered, and of this layout. */
  readonly memory: WebAssembly.Memory;
  readonly layout: Layout;
  readonly limits: Limits;
  readonly management: Management;
  readonly durability: Durability;
  /** Makes the crew, which tells `events` what becomes of its workers. */
  readonly crew: (events: CrewEvents) => Crew;
  /** Monotonic time in nanoseconds. */
  readonly nowNs: () => number;
  /** Time from now on in which the device's threads get to run. */
  readonly runningTime: (nowNs: number) => RunningTime;
  readonly log: Logger;
  /** Ends this process: something happened after which nothing is sure. */
  readonly fatal: (reason: string) => void;
  /** Called with the first standby: without one there is nothing to be fast for. */
  readonly rehearsals?: MakeRehearsals;
  /** Is told what was thrown in a turn of its own, where nobody would catch it. It is thrown on where this is absent. */
  readonly onError?: (error: unknown) => void;
  /** What firmware can do that does not say so itself; everything where this is absent. */
  readonly capabilities?: readonly Capability[];
  /** What is due and does not come is looked out for. True where this is absent. */
  readonly watched?: boolean;
}

export class Device {
  readonly host: Host;
  readonly events: EventRing;
  readonly kept: KeptState;
  readonly crew: Crew;
  readonly control: Int32Array;
  readonly durability: Durability;
  readonly layout: Layout;
  readonly memory: WebAssembly.Memory;
  readonly limits: Limits;
  readonly #management: Management;
  readonly #nowNs: () => number;
  readonly #runningTime: (nowNs: number) => RunningTime;
  readonly #log: Logger;
  readonly #doorbell: Doorbell;
  readonly #news = new News();
  readonly #watch: Watch;
  readonly #record: FailoverRecord;
  readonly #listeners = new Set<DeviceListener>();
  readonly #fatal: (reason: string) => void;
  #policy: PolicyState | undefined;
  /** What is to be executed as soon as a standby for it is parked. */
  #awaited: ExecuteCommand | undefined;
  #awaitedTime: RunningTime | undefined;
  /** A stop was asked for and is not sure yet. */
  #stopping = false;
  #queueAtStop: QueueProgress = { submissionHead: 0, completionTail: 0 };
  #ready = false;
  /** Boot epoch of the last version that completed a host command. */
  #servedEpoch = 0;
  #ticker: NodeJS.Timeout | undefined;
  #updates: Pick<FirmwareUpdates, "look"> | undefined;
  #closed = false;
  readonly #watched: boolean;
  readonly #configured: readonly Capability[] | undefined;
  #capabilities: Capabilities;
  readonly #uartInput: UartInput;
  readonly #onError: ((error: unknown) => void) | undefined;
  readonly #makeRehearsals: MakeRehearsals | undefined;
  #rehearsals: Rehearsals | undefined;
  readonly #performer: Performer = {
    stop: () => this.#stop(),
    commit: (table) => this.#commit(table),
    raiseFloor: (counter) => this.#management.raiseFloor(counter, this.policy),
    execute: (command) => this.#execute(command),
    safeMode: (reason) => this.#enterSafeMode(reason),
  };

  constructor(parts: DeviceParts) {
    const { memory, layout, limits, management, durability, crew, nowNs, log, fatal } = parts;
    this.memory = memory;
    this.layout = layout;
    this.durability = durability;
    this.limits = limits;
    this.#management = management;
    this.#nowNs = nowNs;
    this.#runningTime = parts.runningTime;
    this.#log = log;
    this.#fatal = fatal;
    this.control = controlWords(memory, layout);
    this.events = new EventRing(memory, layout);
    this.host = new Host(memory, layout);
    this.kept = new KeptState(memory, layout);
    this.#watch = new Watch(limits, nowNs());
    this.#uartInput = new UartInput(memory, layout);
    this.#record = new FailoverRecord(memory, layout, this.events, this.kept);
    this.#watched = parts.watched ?? true;
    this.#configured = parts.capabilities;
    this.#capabilities = capabilitiesOf(0, parts.capabilities);
    this.#onError = parts.onError;
    this.#makeRehearsals = parts.rehearsals;
    this.#doorbell = new Doorbell(this.control, () => this.#attempt(() => this.#onDoorbell()));
    this.crew = crew({
      onStandby: (slot, inspection) => this.#onStandby(slot, inspection),
      onUnusable: (inspection) => this.#onUnusable(inspection),
      onExecutingEnd: (slot, end) => this.#onExecutingEnd(slot, end),
      onStandbyLost: (reason) => this.#onStandbyLost(reason),
      onStuckThread: (slot) => this.#fatal(`the thread of slot ${slot.index} does not end`),
    });
  }

  get policy(): PolicyState {
    if (this.#policy === undefined) throw new Error("the device is off");
    return this.#policy;
  }

  /** The table that counts. */
  get table(): Table {
    return this.policy.table;
  }

  /** The version that executes has said that it is ready. */
  get ready(): boolean {
    return this.#ready;
  }

  /** What the version that was ready last can do. */
  get capabilities(): Capabilities {
    return this.#capabilities;
  }

  /** First instruction of the version that executes, monotonic nanoseconds; 0 until it is ready. */
  get executingSinceNs(): number {
    return this.#ready ? this.#record.executingSinceNs : 0;
  }

  get failovers(): number {
    return this.#record.completed;
  }

  /** Replicas and security floors that were found rotten and mended since power-on. */
  get mended(): number {
    return this.#management.mended;
  }

  /** Table and security floor as they stand in memory. */
  get nvram(): NvramPort {
    return this.#management.nvram;
  }

  set nvram(port: NvramPort) {
    this.#management.nvram = port;
  }

  get bootEpoch(): number {
    return Atomics.load(this.control, Control.BOOT_EPOCH);
  }

  listen(listener: DeviceListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Has what firmware requests of the flash controller looked at: now, as nobody did before, and at every doorbell. */
  serveUpdates(updates: Pick<FirmwareUpdates, "look">): void {
    this.#updates = updates;
    updates.look();
  }

  /**
   * Power on: the boot ROM reads every region, the management memory is recovered, the policy decides, and the
   * decision is executed. Throws ManagementLostError when configuration forbids to go on without a table.
   */
  async powerOn(): Promise<void> {
    const [first] = this.crew.slots;
    if (first === undefined) throw new Error("a device needs a slot");
    await first.start();
    const { regions: images } = await first.inspect();
    const { table, floor } = this.#management.recover(images);
    this.#policy = initialState(table, floor, this.limits.budget);
    this.events.stamp(EventCode.POWER_ON, NO_REGION, this.bootEpoch, this.#nowNs());
    if (this.#watched) this.#ticker = setTimeout(() => this.#tick(), TICK_MS);
    this.#doorbell.listen();
    this.#dispatch({ type: "power-on", images });
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#ticker);
    this.#rehearsals?.close();
    this.#doorbell.close();
    await this.crew.close();
  }

  /**
   * An operator's word: makes another table of the one that counts, and commits it. Safe mode is left if that makes a
   * region eligible; with `restart` the version that executes is stopped and the boot decision taken anew.
   * Throws {@link OperatorError}.
   */
  operate(transition: (table: Table) => TransitionResult, restart: boolean): void {
    const { phase, table } = this.policy;
    if (phase === "stopping" || this.#awaited !== undefined) {
      throw new OperatorError("busy", "a failover is under way: ask again");
    }
    const result = transition(table);
    if (!result.ok) throw new OperatorError(result.refusal, result.message);
    const chosen = result.table.next !== NO_REGION;
    this.#dispatch({ type: "operator", table: result.table, restart: restart && chosen });
    this.#prepareStandby();
  }

  /** Regions were read again by somebody else than a standby. One that executes and is not usable has failed. */
  inspected(readings: readonly Reading[]): void {
    this.#takeReadings(readings);
    const slot = this.crew.executing;
    const region = slot?.region ?? -1;
    const facts = this.policy.images[region];
    if (slot?.hasStopped === true) {
      // What it told counts before what was read since, though its doorbell was not heard yet.
      this.#lookAtWords();
    } else if (facts?.usable === false && !this.#stopping) {
      this.#onEvidence(Evidence.BAD_DIGEST, `region ${region} rots: ${facts.fault.message}`, this.#nowNs());
    }
    this.#prepareStandby();
  }

  /** Mends replicas and security floor that do not hold what they should, and tells. */
  mendTable(): void {
    if (!this.#closed && this.#policy !== undefined) this.#management.mend(this.#policy);
  }

  /** Bytes of a region changed under whoever executes it: nothing decoded from them is used any more. */
  memoryChanged(): void {
    this.crew.executing?.memoryChanged();
  }

  /**
   * Submits a host command; false when the queue is full. `onCompletion` is called once.
   * @param withdrawable see {@link Host.withdrawOldest}: taken back when it is overdue, in place of a failure
   */
  submit(
    command: HostCommand,
    onCompletion: (completion: HostCompletion) => void,
    withdrawable = false,
  ): boolean {
    const accepted = this.host.submit(command, this.#nowNs(), onCompletion, withdrawable);
    if (accepted) this.crew.executing?.wakeGuest();
    return accepted;
  }

  /** Characters for the firmware's UART. Returns how many of them there was room for. */
  type(characters: Uint8Array): number {
    const taken = this.#uartInput.put(characters);
    if (taken > 0) this.crew.executing?.wakeGuest();
    return taken;
  }

  /** Characters that were typed and that no firmware has taken yet. */
  get untaken(): number {
    return this.#uartInput.waiting;
  }

  /** Resolves at the next thing that may have changed something: a doorbell, a tick, a worker's step or end. */
  news(): Promise<void> {
    return this.#news.next();
  }

  /** What nobody awaits is told if it throws. */
  #attempt(work: () => void): void {
    try {
      work();
    } catch (error) {
      if (this.#onError === undefined) throw error;
      this.#onError(error);
    }
  }

  // ── News ────────────────────────────────────────────────────────────────────────────────────────────────

  #onDoorbell(): void {
    this.durability.poll();
    this.#lookAtWords();
    this.#updates?.look();
    this.#news.tell();
  }

  /** What the worker that executes has stored into the words that are its own. */
  #lookAtWords(): void {
    const slot = this.crew.executing;
    if (slot === undefined) return;
    if (slot.takeStopped()) {
      if (this.#stopping) this.#onStopped(slot);
      else this.#onEvidenceOfWorker(slot);
      return;
    }
    if (this.#stopping) return;
    const epoch = this.bootEpoch;
    if (!this.#ready && Atomics.load(this.control, Control.READY) === epoch) this.#onReady(epoch);
    if (this.#ready && Atomics.load(this.control, Control.READY) !== epoch) this.#onReadyWithdrawn();
    if (!this.policy.confirmed && Atomics.load(this.control, Control.CONFIRM) === epoch) {
      this.#dispatch({ type: "confirmed" });
      this.events.stamp(EventCode.CONFIRMED, slot.region, epoch, this.#nowNs());
    }
    const taken = this.host.poll();
    if (typeof taken === "string") this.#onEvidence(Evidence.HOST_PROTOCOL, taken, this.#nowNs());
    else if (taken > 0 && this.#servedEpoch !== epoch) {
      this.#servedEpoch = epoch;
      this.events.stamp(EventCode.FIRST_COMMAND, slot.region, epoch, this.#nowNs());
    }
  }

  #tick(): void {
    const nowNs = this.#nowNs();
    this.#watch.tick(nowNs);
    this.#lookAtStandby();
    this.#lookAtExecuting(nowNs);
    this.#news.tell();
    this.#rehearsals?.rehearse();
    if (!this.#closed) this.#ticker = setTimeout(() => this.#tick(), this.#watch.nextLookMs);
  }

  #lookAtStandby(): void {
    const { standby } = this.crew;
    if (standby === undefined || !this.#watch.isStuck(standby)) return;
    this.#log.warn({ slot: standby.index }, "the standby is stuck");
    void standby.terminate().then((gone) => gone || this.#fatal("a stuck standby does not end"));
  }

  #lookAtExecuting(nowNs: number): void {
    const slot = this.crew.executing;
    if (slot === undefined || this.#stopping) return;
    if (slot.hasStopped) {
      // What it told counts before what its thread owes, though its doorbell was not heard yet.
      this.#lookAtWords();
      return;
    }
    const silence = this.#watch.silence(slot, this.#ready, this.host.oldest, nowNs);
    const takenBack = silence?.evidence === Evidence.OVERDUE_COMMAND && this.host.withdrawOldest();
    if (silence === undefined || takenBack) this.#prepareStandby();
    else this.#onEvidence(silence.evidence, silence.message, silence.sinceNs);
  }

  // ── Evidence ────────────────────────────────────────────────────────────────────────────────────────────

  /** The engine stopped by itself and told why. The failover path begins here. */
  #onEvidenceOfWorker(slot: Slot): void {
    const detectedNs = this.#nowNs();
    this.crew.standby?.expectRun();
    this.#fail(slot.region, toldByWorker(slot, detectedNs));
  }

  /** The supervisor found it: the version runs on until it is stopped. */
  #onEvidence(code: Evidence, message: string, faultNs: number): void {
    const region = this.crew.executing?.region ?? -1;
    const detectedNs = this.#nowNs();
    this.crew.standby?.arm();
    this.#fail(region, foundOutside(code, message, faultNs, detectedNs));
  }

  #onExecutingEnd(slot: Slot, end: WorkerEnd): void {
    if (this.#stopping) {
      this.#onStopped(undefined);
      return;
    }
    if (slot.hasStopped) {
      // It had told why before it ended, and the doorbell was not heard yet.
      this.#onEvidenceOfWorker(slot);
      return;
    }
    if (Atomics.load(slot.words, SlotWord.STATE) !== WorkerState.RUNNING) {
      // It died before it executed anything: no failure of the version, which is still to be executed.
      this.crew.retire();
      this.#dispatch({ type: "start-lost" });
      return;
    }
    this.#onEvidence(evidenceOfEnd(end), describeEnd(end), slot.notedFaultNs || this.#nowNs());
  }

  #fail(fromRegion: number, failure: FailureReport): void {
    Atomics.store(this.control, Control.FAILOVER, 1);
    this.#tellCrash(this.#record.crash);
    this.#tellFailover(this.#record.fail(failure, fromRegion, this.table, this.bootEpoch));
    const { evidenceCode: evidence, code, pc } = failure;
    this.#dispatch({ type: "evidence", failure: { evidence, code, pc }, nowNs: failure.detectedNs });
  }

  // ── Commands ────────────────────────────────────────────────────────────────────────────────────────────

  #dispatch(event: PolicyEvent): void {
    const { state, commands } = reduce(this.policy, event);
    this.#policy = state;
    perform(commands, this.#performer);
  }

  /** Halts the engine; `stopped` goes to the policy once it is sure. */
  #stop(): void {
    const slot = this.crew.executing;
    this.#stopping = true;
    Atomics.store(this.control, Control.FLASH_EPOCH, 0);
    if (slot === undefined || slot.phase !== "running") {
      this.#onStopped(slot?.phase === "stopped" ? slot : undefined);
      return;
    }
    slot.halt();
    setTimeout(() => {
      if (this.crew.executing !== slot || slot.phase !== "running" || !this.#stopping) return;
      if (slot.hasStopped) return; // In time: it is this thread that was late.
      void slot
        .terminate()
        .then((gone) => gone || this.#fatal(`the thread of slot ${slot.index} does not end`));
    }, HALT_GRACE_MS);
  }

  /** @param slot that stopped and lives on, undefined when its thread is gone */
  #onStopped(slot: Slot | undefined): void {
    const stoppedNs = this.#nowNs();
    const words = slot?.words ?? this.crew.executing?.words;
    if (words !== undefined) this.kept.keep(words);
    this.#queueAtStop = this.host.atStop();
    this.#stopping = false;
    this.#ready = false;
    this.crew.retire();
    this.#record.stop(slot, stoppedNs);
    this.#dispatch({ type: "stopped" });
  }

  #commit(table: Table): void {
    this.#management.commit(table);
    this.#record.designate(this.#nowNs());
  }

  #execute(command: ExecuteCommand): void {
    const bootEpoch = this.bootEpoch + 1;
    Atomics.store(this.control, Control.BOOT_REASON, command.reason);
    Atomics.store(this.control, Control.REGION, command.region);
    Atomics.store(this.control, Control.TRIAL, command.trial ? 1 : 0);
    Atomics.store(this.control, Control.CAPABILITIES, 0);
    Atomics.store(this.control, Control.BOOT_EPOCH, bootEpoch);
    Atomics.store(this.control, Control.FLASH_EPOCH, bootEpoch);
    this.#record.start();
    this.#awaited = command;
    this.#awaitedTime = undefined;
    this.#wake();
    if (this.#awaited !== undefined) this.crew.want(command.region, true);
  }

  /** Wakes the standby for the awaited region when it is there and its verification holds. */
  #wake(): void {
    const command = this.#awaited;
    if (command === undefined) return;
    const slot = this.crew.standby;
    if (slot === undefined || slot.region !== command.region) return;
    if (!this.#verificationHolds(slot)) {
      slot.release();
      return;
    }
    this.crew.promote(slot);
    slot.run(this.table.generation);
    this.#awaited = undefined;
    this.#watch.start(slot, this.#nowNs());
    this.#record.stampSteps(command.region, this.bootEpoch);
    this.host.afterStop(this.#queueAtStop);
  }

  /** The reading of the region's bytes still holds: not one byte of it was stored since. */
  #verificationHolds(slot: Slot): boolean {
    const verified = Atomics.load(slot.words, SlotWord.VERIFIED_STORE_EPOCH);
    return verified === Atomics.load(this.control, Control.STORE_EPOCH + slot.region);
  }

  /** Before what was kept may be overwritten, or when it is complete. */
  #tellCrash(crash: Crash | undefined): void {
    if (crash === undefined) return;
    for (const listener of this.#listeners) listener.onCrash?.(crash);
  }

  #enterSafeMode(reason: string): void {
    this.#tellCrash(this.#record.crash);
    Atomics.store(this.control, Control.REGION, -1);
    // Nobody fetches commands now, so what has been fetched will not be completed.
    this.host.afterStop(this.host.progress);
    this.#failoverOver();
    this.events.stamp(EventCode.SAFE_MODE, -1, this.bootEpoch, this.#nowNs());
    this.#awaited = undefined;
    this.#record.drop();
    this.#log.error({ reason }, "safe mode");
    for (const listener of this.#listeners) listener.onSafeMode?.(reason);
  }

  // ── Ready, standby ──────────────────────────────────────────────────────────────────────────────────────

  #onReady(bootEpoch: number): void {
    this.#ready = true;
    this.#takeCapabilities();
    const { crash } = this.#record;
    // Before whoever writes flash goes on: what is stored from then on is no failover's.
    const failover = this.#record.complete(this.table, bootEpoch, this.#nowNs());
    this.#failoverOver();
    this.#tellCrash(crash);
    this.#tellFailover(failover);
    this.#prepareStandby();
  }

  #takeCapabilities(): void {
    const { remark } = this.#capabilities;
    this.#capabilities = capabilitiesOf(Atomics.load(this.control, Control.CAPABILITIES), this.#configured);
    if (this.#capabilities.remark === undefined || this.#capabilities.remark === remark) return;
    this.#log.warn(
      { reason: this.#capabilities.remark },
      "what the firmware says of itself is not all understood",
    );
  }

  #tellFailover(failover: Failover | undefined): void {
    if (failover === undefined) return;
    for (const listener of [...this.#listeners]) listener.onFailover?.(failover);
  }

  /** Whoever writes flash goes on. */
  #failoverOver(): void {
    if (Atomics.exchange(this.control, Control.FAILOVER, 0) !== 0)
      Atomics.notify(this.control, Control.FAILOVER);
  }

  #onReadyWithdrawn(): void {
    this.#ready = false;
    this.#watch.withdraw(this.#nowNs());
  }

  /** Once the new version is ready, or should have been by far, the other worker gets ready to take over. */
  #prepareStandby(): void {
    // While a version is being stopped the standby is needed as it is; who is wanted next depends on what comes then.
    if (this.crew.executing === undefined || this.#stopping) return;
    this.crew.want(standbyRegion(this.policy), false);
  }

  #onStandby(slot: Slot, inspection: Inspection): void {
    this.#watch.park(slot);
    this.events.stamp(EventCode.STANDBY_READY, slot.region, this.bootEpoch, this.#nowNs());
    this.#takeReadings(readingsOf(inspection));
    this.#wake();
    this.#news.tell();
    this.#rehearsals ??= this.#makeRehearsals?.(inspection.regions, (error) => {
      this.#log.warn({ reason: errorMessage(error) }, "failovers are not rehearsed");
    });
  }

  /** What was wanted is not what it was when it was decided on: decided anew. */
  #onUnusable(inspection: Inspection): void {
    this.#takeReadings(readingsOf(inspection));
    this.#prepareStandby();
  }

  #takeReadings(readings: readonly Reading[]): void {
    const images = withReadings(this.policy.images, readings, this.control);
    this.#dispatch({ type: "inspected", images, executing: this.#awaited === undefined });
  }

  #onStandbyLost(reason: string): void {
    this.#log.warn({ reason }, "there is no standby");
    this.#news.tell();
    // In another turn: where every try fails at once, deadlines and pings still have theirs.
    if (this.#awaited !== undefined) setImmediate(() => this.#attempt(() => this.#wantAwaited()));
  }

  #wantAwaited(): void {
    if (this.#awaited === undefined || this.#closed) return;
    // From the first time that it was lost.
    this.#awaitedTime ??= this.#runningTime(this.#nowNs());
    if (this.#awaitedTime.passedNs(this.#nowNs()) > START_DEADLINE_MS * 1e6)
      this.#fatal(
        `no controller worker could be made ready within ${START_DEADLINE_MS} ms: ${this.crew.why}`,
      );
    else this.crew.want(this.#awaited.region, true);
  }
}
