/**
 * The controller worker: the thread that executes the designated region in place.
 *
 * Its life: attach, then in turns prepare → parked → running → stopped. While it runs or is parked it answers no
 * message; it is driven by the words of its slot block (emulator/memory/control.ts).
 * Invariants: nothing executes before RUN, and then only if the published table generation is the one that RUN
 * names and no byte of the region was stored since it was verified; after STATE is STOPPED the hart retires
 * nothing; evidence is stored before the state that announces it.
 */

import { readlinkSync } from "node:fs";
import { monotonicNs } from "../emulator/base/clock.ts";
import { keepCompiledOnce } from "../emulator/base/keep-compiled.ts";
import { serve } from "../emulator/base/link.ts";
import { createLogger, type Logger } from "../emulator/base/log.ts";
import { UnreadableBlocks } from "../emulator/flash/unreadable-blocks.ts";
import {
  Attention,
  Control,
  controlWords,
  deviceState,
  ringDoorbell,
  SlotWord,
  slotTimes,
  slotWords,
  WorkerCommand,
  WorkerState,
} from "../emulator/memory/control.ts";
import { EventCode, EventRing } from "../emulator/memory/events.ts";
import { Evidence } from "../emulator/memory/evidence.ts";
import { WORKER_SLOTS } from "../emulator/memory/layout.ts";
import { NS_PER_TICK, WINDOW_BASE } from "../emulator/memory/map.ts";
import { NvramLog } from "../emulator/persist/logged-nvram.ts";
import { PersistRing, PersistState } from "../emulator/persist/persist-ring.ts";
import type { Attachment, ControllerApi, Inspection } from "./api.ts";
import { controllerBoard } from "./boards.ts";
import { RegionInspector } from "./boot/inspection.ts";
import { Hart } from "./cpu/hart.ts";
import { UartRing } from "./devices/uart-ring.ts";
import { forceFault } from "./forced-faults.ts";
import { imageRequirements } from "./image/verify.ts";
import { Machine, MachineStop } from "./machine.ts";
import { chooseEngine, type EngineChoice } from "./translator/select.ts";
import { RehearsalMachine } from "./warm-up.ts";
import { commitWorkerFault } from "./worker-faults.ts";

/** Instructions of a slice: as many as take about a millisecond, whether V8 has compiled the engine or not. */
const MIN_SLICE = 256;
const MAX_SLICE = 65_536;
const SLICE_NS = 1e6;
/**
 * A waiting thread shows that it lives at least so often: a busy machine may hold it up for another 40 ms before
 * the default heartbeat deadline of 50 ms.
 */
const HEARTBEAT_WAIT_MS = 10;

/**
 * How often a parked standby rehearses its start. What it will need is out of the caches within some milliseconds in which
 * others have them: from the designation to the first instruction it takes 75 µs after 2 ms, 120 after 10, 140 never.
 */
const REHEARSE_EVERY_MS = 2;
/** How long a standby looks out for RUN before it sleeps again: what a failover usually takes. */
const EXPECT_RUN_NS = 40_000;
/**
 * How long it looks out for the supervisor's word that there will be one: what waking the supervisor's thread usually
 * takes, and no longer, because on a machine with few cores it may be keeping just that thread from running.
 */
const ARM_NS = 10_000;

class ControllerWorker {
  readonly #attachment: Attachment;
  readonly #words: Int32Array;
  /** Slot block of the other slot. */
  readonly #peerWords: Int32Array;
  readonly #times: Float64Array;
  readonly #control: Int32Array;
  readonly #events: EventRing;
  readonly #engine: EngineChoice;
  readonly #machine: Machine;
  readonly #inspector: RegionInspector;
  readonly #log: Logger;
  /** Made when there was time to let V8 compile the engine. */
  #rehearsal: RehearsalMachine | undefined;
  /** Instructions of the next slice: the next version begins with what the one before had found. */
  #slice = MIN_SLICE;
  /** The version that runs has said that it is ready. */
  #ready = false;
  /** Parks once the answer to the last {@link prepare} is on its way. */
  #parking: NodeJS.Immediate | undefined;

  constructor(attachment: Attachment) {
    const { memory, layout, slot, log, engine, hart, requirements } = attachment;
    this.#attachment = attachment;
    this.#words = slotWords(memory, layout, slot);
    this.#peerWords = slotWords(memory, layout, (slot + 1) % WORKER_SLOTS);
    this.#times = slotTimes(memory, layout, slot);
    this.#control = controlWords(memory, layout);
    this.#events = new EventRing(memory, layout);
    const blocks = new UnreadableBlocks(memory, layout);
    this.#inspector = new RegionInspector(imageRequirements(requirements), (region) =>
      blocks.firstIn(region, 0, layout.config.regionBytes),
    );
    this.#log = createLogger(log, { thread: "controller", slot }, () => deviceState(this.#control));
    this.#engine = chooseEngine(engine);
    this.#machine = new Machine({
      ...this.#engine.options,
      memory,
      layout,
      slot,
      plan: controllerBoard(hart),
      liveClock: { nowNs: monotonicNs },
      line: new UartRing(memory, layout),
      servesFlash: true,
      ring: () => this.#onFirmwareNews(),
      showLife: () => this.#showLife(),
      onException: () => {
        this.#times[SlotWord.FAULT_NS_F64] = monotonicNs();
      },
    });
    // Only a device that keeps its memory pays for it, and only at stores to NVRAM and host memory.
    if (new PersistRing(memory, layout).state !== PersistState.OFF) {
      this.#machine.observeStores(new NvramLog(memory, layout, (waitedNs) => this.#heldUp(waitedNs)));
    }
  }

  inspect(): Inspection {
    const { memory, layout } = this.#attachment;
    const storeEpochs = layout.regions.map((_, region) => this.#storeEpoch(region));
    const regions = layout.regions.map((offset, region) => {
      const bytes = new Uint8Array(memory.buffer, offset, layout.config.regionBytes);
      return this.#inspector.inspect(region, bytes, storeEpochs[region] as number);
    });
    return { regions, storeEpochs };
  }

  /**
   * Everything that can be done before the region is designated; then parks, once the answer is on its way. Where the
   * region is not usable, the answer says so, and that is all. What only makes it faster is left out as soon as HURRY
   * says so.
   */
  prepare(region: number): Inspection {
    // The call before may have been answered and revoked while this thread had no turn to park. It must not park then:
    // it would after the run that this call is for, and STATE would say PARKED of a hart that stopped with evidence.
    clearImmediate(this.#parking);
    Atomics.store(this.#words, SlotWord.COMMAND, WorkerCommand.NONE);
    // Whoever is told to run this preparation before it has parked must not be taken for stopped.
    Atomics.store(this.#words, SlotWord.STATE, WorkerState.IDLE);
    const hasTime = (): boolean => Atomics.load(this.#words, SlotWord.HURRY) === 0;
    if (this.#rehearsal === undefined && hasTime()) this.#warmUp(hasTime);
    const inspection = this.inspect();
    const facts = inspection.regions[region];
    if (facts?.usable !== true) return inspection;
    const storeEpoch = inspection.storeEpochs[region] as number;
    if (
      storeEpoch !== this.#words[SlotWord.VERIFIED_STORE_EPOCH] ||
      region !== this.#words[SlotWord.VERIFIED_REGION]
    ) {
      this.#machine.regionChanged(region);
    }
    this.#words[SlotWord.VERIFIED_REGION] = region;
    this.#words[SlotWord.VERIFIED_STORE_EPOCH] = storeEpoch;
    this.#words[SlotWord.EVIDENCE] = Evidence.NONE;
    this.#times[SlotWord.FAULT_NS_F64] = 0;
    Atomics.store(this.#words, Hart.ATTENTION, 0);
    this.#ready = false;
    this.#machine.setRegion(region);
    if (hasTime()) this.#machine.decodeAhead(region, facts.imageBytes);
    const entry = WINDOW_BASE + facts.headerBytes;
    this.#machine.reset(entry);
    if (hasTime()) this.#engine.translator()?.prepare(entry, hasTime);
    // Once for all processes that there will be, so the first start of all bears it, too.
    keepCompiledOnce();
    this.#parking = setImmediate(() => this.#park());
    return inspection;
  }

  #warmUp(hasTime: () => boolean): void {
    this.#rehearsal = new RehearsalMachine();
    const reason = this.#rehearsal.warmUp(hasTime);
    if (reason !== undefined) this.#log.warn({ reason }, "the engine could not be warmed up");
  }

  /** Waits for a command, showing life. */
  #park(): void {
    const words = this.#words;
    Atomics.store(words, SlotWord.STATE, WorkerState.PARKED);
    for (;;) {
      Atomics.wait(words, SlotWord.COMMAND, WorkerCommand.NONE, REHEARSE_EVERY_MS);
      this.#showLife();
      let command = Atomics.exchange(words, SlotWord.COMMAND, WorkerCommand.NONE);
      if (command === WorkerCommand.NONE) this.#rehearse();
      if (command === WorkerCommand.ARM) command = this.#lookOut(monotonicNs() + ARM_NS);
      if (command === WorkerCommand.EXPECT_RUN) command = this.#expectRun();
      if (command === WorkerCommand.RUN) {
        this.#start();
        return;
      }
      if (command === WorkerCommand.RELEASE) {
        Atomics.store(words, SlotWord.STATE, WorkerState.IDLE);
        return;
      }
    }
  }

  /** Goes through the motions of a start: on this machine as far as nothing can be seen of it, on another to its end. */
  #rehearse(): void {
    this.#machine.rehearse();
    this.#rehearsal?.start();
  }

  /** Goes through the motions of a start, and looks out for the word to start. */
  #expectRun(): WorkerCommand {
    const untilNs = monotonicNs() + EXPECT_RUN_NS;
    this.#machine.rehearse();
    return this.#lookOut(untilNs);
  }

  /** Looks out for a command without sleeping; NONE when none comes in time. */
  #lookOut(untilNs: number): WorkerCommand {
    const words = this.#words;
    while (Atomics.load(words, SlotWord.COMMAND) === WorkerCommand.NONE && monotonicNs() < untilNs);
    return Atomics.exchange(words, SlotWord.COMMAND, WorkerCommand.NONE);
  }

  /** The version's first instruction. */
  #start(): void {
    const region = this.#words[SlotWord.VERIFIED_REGION] as number;
    // RAM may hold other code than when this worker was prepared: the version before ran meanwhile.
    this.#machine.ramChanged();
    Atomics.store(this.#words, SlotWord.STATE, WorkerState.RUNNING);
    if (!this.#mayRun(region)) {
      this.#stopped(Evidence.BAD_DIGEST, 0);
      return;
    }
    const stop = this.#machine.run(1);
    this.#events.stamp(EventCode.FIRST_INSTRUCTION, region, this.#bootEpoch, monotonicNs());
    this.#run(stop);
  }

  /** The other side of the hand-off: what the supervisor promised when it commanded RUN. */
  #mayRun(region: number): boolean {
    const published = Atomics.load(this.#control, Control.GENERATION);
    // A later one may have been published since, by an operator: it is the region that must be the same.
    if (((published - (this.#words[SlotWord.RUN_GENERATION] as number)) | 0) < 0)
      throw new Error("RUN came before its table was published");
    if (Atomics.load(this.#control, Control.REGION) !== region)
      throw new Error("RUN for a region not designated");
    return this.#storeEpoch(region) === this.#words[SlotWord.VERIFIED_STORE_EPOCH];
  }

  /** Executes until the hart stops, is halted, or the thread is made to fail. */
  #run(first: MachineStop): void {
    for (let stop = first; ; stop = this.#runSlice()) {
      if (stop === MachineStop.IDLE) this.#waitForInterrupt();
      else if (stop === MachineStop.STOPPED) {
        this.#stopped(this.#machine.evidence, this.#machine.stopCode);
        return;
      } else if (stop === MachineStop.ATTENTION && !this.#attend()) return;
    }
  }

  /** Runs for about SLICE_NS. */
  #runSlice(): MachineStop {
    const beganNs = monotonicNs();
    const stop = this.#machine.run(this.#slice);
    if (stop === MachineStop.STOPPED) return stop;
    const tookNs = monotonicNs() - beganNs;
    this.#slice =
      tookNs > SLICE_NS ? Math.max(MIN_SLICE, this.#slice >> 1) : Math.min(MAX_SLICE, this.#slice << 1);
    // An exception that was handled is no failure, and no beginning of a later one.
    if (this.#times[SlotWord.FAULT_NS_F64] !== 0 && !this.#machine.handlesException) {
      this.#times[SlotWord.FAULT_NS_F64] = 0;
    }
    return stop;
  }

  #showLife(): void {
    Atomics.add(this.#words, SlotWord.HEARTBEAT, 1);
  }

  /** Time that passed in the middle of an instruction, and is not the firmware's. */
  #heldUp(ns: number): void {
    this.#times[SlotWord.HELD_UP_NS_F64] = (this.#times[SlotWord.HELD_UP_NS_F64] as number) + ns;
    this.#machine.tookLong();
  }

  /** Parks the thread for the guest's `wfi`, at most until its next event. */
  #waitForInterrupt(): void {
    const seen = Atomics.load(this.#words, SlotWord.WAKE);
    // Whoever has news stores it before it raises WAKE: what came before `seen` is found by looking again.
    if (this.#machine.run(0) !== MachineStop.BUDGET) return;
    if (((this.#words[Hart.MIP] as number) & (this.#words[Hart.MIE] as number)) !== 0) return;
    Atomics.wait(this.#words, SlotWord.WAKE, seen, this.#machine.parkNs(HEARTBEAT_WAIT_MS * 1e6) / 1e6);
  }

  /** Does what another thread wants. False when the run is over. */
  #attend(): boolean {
    const attention = Atomics.exchange(this.#words, Hart.ATTENTION, 0);
    if ((attention & Attention.HALT) !== 0) {
      this.#stopped(Evidence.NONE, 0);
      return false;
    }
    if ((attention & Attention.MEMORY_CHANGED) !== 0) {
      this.#machine.regionChanged(this.#words[SlotWord.VERIFIED_REGION] as number);
      this.#machine.refuseUnreadable();
    }
    if ((attention & Attention.INJECT) !== 0) {
      this.#times[SlotWord.FAULT_NS_F64] = monotonicNs();
      commitWorkerFault(Atomics.exchange(this.#words, SlotWord.INJECT, 0));
      return false;
    }
    if ((attention & Attention.FORCE) !== 0) {
      forceFault(this.#machine, Atomics.exchange(this.#words, SlotWord.FORCED, 0));
    }
    return true;
  }

  /** The hart retires nothing any more: evidence first, then the state, then the bell. */
  #stopped(evidence: Evidence, code: number): void {
    const words = this.#words;
    if (evidence === Evidence.WATCHDOG)
      this.#times[SlotWord.FAULT_NS_F64] = monotonicNs() - code * NS_PER_TICK;
    // In a handler the failure began with the exception, not when it is told.
    else if (!this.#machine.handlesException) this.#times[SlotWord.FAULT_NS_F64] = monotonicNs();
    words[SlotWord.EVIDENCE] = evidence;
    words[SlotWord.EVIDENCE_CODE] = code;
    words[SlotWord.EVIDENCE_CAUSE] = words[Hart.MCAUSE] as number;
    words[SlotWord.EVIDENCE_PC] = this.#machine.stopPc;
    words[SlotWord.EVIDENCE_TVAL] = this.#machine.stopTval;
    Atomics.store(words, SlotWord.STATE, WorkerState.STOPPED);
    ringDoorbell(this.#control);
    if (evidence !== Evidence.NONE) this.#armPeer();
    // By now another one may execute: this is of the one that stopped.
    this.#log.debug({ region: words[SlotWord.VERIFIED_REGION], evidence, code }, "stopped");
  }

  /** The other worker may have to take over: it wakes up while the supervisor's thread does. */
  #armPeer(): void {
    const words = this.#peerWords;
    if (Atomics.load(words, SlotWord.STATE) !== WorkerState.PARKED) return;
    // Whatever the supervisor commands counts more.
    Atomics.compareExchange(words, SlotWord.COMMAND, WorkerCommand.NONE, WorkerCommand.ARM);
    Atomics.notify(words, SlotWord.COMMAND);
  }

  /** The firmware stored READY or CONFIRM, or posted a completion. */
  #onFirmwareNews(): void {
    const epoch = this.#bootEpoch;
    if (!this.#ready && Atomics.load(this.#control, Control.READY) === epoch) {
      this.#ready = true;
      this.#events.stamp(
        EventCode.READY,
        this.#words[SlotWord.VERIFIED_REGION] as number,
        epoch,
        monotonicNs(),
      );
    }
    ringDoorbell(this.#control);
  }

  get #bootEpoch(): number {
    return Atomics.load(this.#control, Control.BOOT_EPOCH);
  }

  #storeEpoch(region: number): number {
    return Atomics.load(this.#control, Control.STORE_EPOCH + region);
  }
}

/** Node does not tell; Linux does. */
function threadId(): number {
  try {
    return Number(readlinkSync("/proc/thread-self").split("/").at(-1)) || 0;
  } catch {
    return 0;
  }
}

let worker: ControllerWorker | undefined;

function attached(): ControllerWorker {
  if (worker === undefined) throw new Error("the worker is not attached");
  return worker;
}

const api: ControllerApi = {
  attach: (attachment: Attachment) => {
    worker = new ControllerWorker(attachment);
    return threadId();
  },
  inspect: () => attached().inspect(),
  prepare: (region: number) => attached().prepare(region),
};
serve(api);
