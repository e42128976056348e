/**
 * The record of a failover while it is under way: what is noted between a failure and the next version's ready.
 *
 * Invariants: at most one failure is under way; noting a step is a few stores, so that keeping the record costs the
 * failover path nothing; what it tells of the stores between stop and ready comes from counters that only rise.
 */
import { Control, controlWords } from "../../emulator/memory/control.ts";
import { EventCode, type EventName, type EventRing } from "../../emulator/memory/events.ts";
import type { Layout } from "../../emulator/memory/layout.ts";
import { NO_REGION, type Table } from "../../emulator/table/table.ts";
import { type Failover, type Steps, stepsOf } from "./failover.ts";
import type { FailureReport } from "./failure.ts";
import { withMessage } from "./failure-message.ts";
import type { KeptState } from "./kept-state.ts";
import type { Slot } from "./slot.ts";

/** A failure as the device remembers it; kept-state.ts holds what was kept of the version. */
export interface Crash {
  readonly failure: FailureReport;
  readonly fromRegion: number;
  readonly tableBefore: Table;
  /** Index of its first event in the ring. */
  readonly eventsFrom: number;
}

interface UnderWay extends Crash {
  /** Slot that stopped and lives on; undefined when its thread is gone. */
  stopped: Slot | undefined;
  /** Its run that stopped. */
  stoppedRun: number;
  stoppedNs: number;
  storedAtStop: number;
}

export class FailoverRecord {
  readonly #control: Int32Array;
  readonly #regions: number;
  readonly #events: EventRing;
  readonly #kept: KeptState;
  #underWay: UnderWay | undefined;
  #designatedNs = 0;
  /** Index of the first event of the version that was started last. */
  #startEvent = 0;
  /** Boot epoch that {@link complete} was last called for. */
  #readyEpoch = 0;
  #executingSinceNs = 0;
  #completed = 0;

  constructor(memory: WebAssembly.Memory, layout: Layout, events: EventRing, kept: KeptState) {
    this.#control = controlWords(memory, layout);
    this.#regions = layout.regions.length;
    this.#events = events;
    this.#kept = kept;
  }

  /** The failure that is under way, undefined while there is none. */
  get crash(): Crash | undefined {
    return this.#underWay;
  }

  /** Failovers told of since power-on. */
  get completed(): number {
    return this.#completed;
  }

  /** First instruction of the last version that got ready, monotonic nanoseconds. */
  get executingSinceNs(): number {
    return this.#executingSinceNs;
  }

  /**
   * The version that `tableBefore` designates has failed. Returns the failover that this ends, if it was to be ready
   * before there is another.
   */
  fail(
    failure: FailureReport,
    fromRegion: number,
    tableBefore: Table,
    bootEpoch: number,
  ): Failover | undefined {
    const ended =
      this.#underWay && this.#end(this.#underWay, tableBefore, bootEpoch, this.#stepsOf(bootEpoch));
    const eventsFrom = this.#events.next;
    const atStop = { stopped: undefined, stoppedRun: 0, stoppedNs: 0, storedAtStop: 0 };
    this.#underWay = { failure, fromRegion, tableBefore, eventsFrom, ...atStop };
    return ended;
  }

  /** @param slot that stopped and lives on, undefined when its thread is gone */
  stop(slot: Slot | undefined, stoppedNs: number): void {
    const underWay = this.#underWay;
    if (underWay === undefined) return;
    underWay.stopped = slot;
    underWay.stoppedRun = slot?.runs ?? 0;
    underWay.stoppedNs = stoppedNs;
    underWay.storedAtStop = this.#storedBytes();
  }

  /** A version is to be started. */
  start(): void {
    this.#startEvent = this.#events.next;
  }

  designate(nowNs: number): void {
    this.#designatedNs = nowNs;
  }

  /** The steps so far go into the event ring, with their times, once the other version is on its way. */
  stampSteps(region: number, bootEpoch: number): void {
    const underWay = this.#underWay;
    if (underWay !== undefined) {
      const { failure, fromRegion, stoppedNs } = underWay;
      this.#events.stamp(EventCode.FAULT, fromRegion, bootEpoch - 1, failure.faultNs);
      this.#events.stamp(EventCode.DETECTED, fromRegion, bootEpoch - 1, failure.detectedNs);
      this.#events.stamp(EventCode.STOPPED, fromRegion, bootEpoch - 1, stoppedNs);
    }
    this.#events.stamp(EventCode.DESIGNATED, region, bootEpoch, this.#designatedNs);
  }

  /** No version follows. */
  drop(): void {
    this.#underWay = undefined;
  }

  /**
   * The version that `table` designates was seen to be ready at `seenNs`. What has been a failover ends; undefined when
   * it was none. Its thread says so to everybody first and then stamps it: where it was held up in between, no event
   * tells when that was.
   */
  complete(table: Table, bootEpoch: number, seenNs: number): Failover | undefined {
    // Said again after it was withdrawn.
    if (bootEpoch === this.#readyEpoch) return undefined;
    this.#readyEpoch = bootEpoch;
    const steps = this.#stepsOf(bootEpoch);
    this.#executingSinceNs = steps.get("first-instruction")?.timeNs ?? 0;
    if (this.#underWay === undefined) return undefined;
    const failover = this.#end(this.#underWay, table, bootEpoch, steps);
    return failover.readyNs > 0 ? failover : { ...failover, readyNs: seenNs };
  }

  /** What the version that was started last has come to. */
  #stepsOf(bootEpoch: number): Steps {
    return stepsOf(this.#events, this.#startEvent, bootEpoch);
  }

  /** Ends the failover to what `table` designates, of which the steps are told that it got to. */
  #end(underWay: UnderWay, table: Table, bootEpoch: number, steps: Steps): Failover {
    this.#underWay = undefined;
    const timeOf = (step: EventName): number => steps.get(step)?.timeNs ?? 0;
    return {
      index: this.#completed++,
      failure: withMessage(underWay.failure),
      fromRegion: underWay.fromRegion,
      toRegion: table.active,
      executedRegion: steps.get("first-instruction")?.region ?? NO_REGION,
      generation: table.generation,
      bootEpoch,
      stoppedNs: underWay.stoppedNs,
      designatedNs: timeOf("designated"),
      firstInstructionNs: timeOf("first-instruction"),
      readyNs: timeOf("ready"),
      storedBytes: this.#storedBytes() - underWay.storedAtStop,
      retiredAfterStop: this.#retiredAfterStop(underWay),
    };
  }

  /** Compares with what was kept; a thread that is gone retires nothing. */
  #retiredAfterStop({ stopped, stoppedRun }: UnderWay): number {
    return stopped === undefined ? 0 : stopped.retiredIn(stoppedRun) - this.#kept.retired;
  }

  /** Bytes stored into any region since power-on. */
  #storedBytes(): number {
    let bytes = 0;
    for (let region = 0; region < this.#regions; region++) {
      bytes += Atomics.load(this.#control, Control.STORE_COUNT + region) >>> 0;
    }
    return bytes;
  }
}
