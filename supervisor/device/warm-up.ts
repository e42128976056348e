/**
 * Failovers that are only rehearsed: many at first, so that V8 compiles the failover path before it matters and the
 * first failover of a process is not the slowest; then one with every tick, so that the path stays in the caches and a
 * failover after a long calm is not slow either.
 *
 * Invariant: it has memory of its own, and whatever goes wrong ends the rehearsals and nothing else.
 */
import { type RegionFacts, recoverManagement } from "../../controller/boot/boot-rom.ts";
import { monotonicNs } from "../../emulator/base/clock.ts";
import { controlWords, ringDoorbell, slotWords } from "../../emulator/memory/control.ts";
import { EventRing } from "../../emulator/memory/events.ts";
import { Evidence } from "../../emulator/memory/evidence.ts";
import {
  createMemory,
  planLayout,
  REHEARSAL_MEMORY_CONFIG,
  TABLE_BYTES,
} from "../../emulator/memory/layout.ts";
import { SharedNvram } from "../../emulator/table/nvram.ts";
import { DEFAULT_RECOVERY } from "../core/config.ts";
import { Rehearsal } from "../core/rehearsal.ts";
import { Host } from "../host/host.ts";
import { FailoverRecord } from "./failover-record.ts";
import { foundOutside } from "./failure.ts";
import { KeptState } from "./kept-state.ts";
import { Doorbell } from "./news.ts";

/** Enough for V8's optimising compiler to have taken notice of everything on the path. */
const FIRST_ROUNDS = 3_000;
/** At a time: well under a millisecond once compiled, so nothing waits long. */
const ROUNDS_AT_ONCE = 50;

export class FailoverRehearsal {
  readonly #control: Int32Array;
  readonly #words: Int32Array;
  readonly #host: Host;
  readonly #kept: KeptState;
  readonly #record: FailoverRecord;
  readonly #doorbell: Doorbell;
  readonly #rules: Rehearsal | undefined;
  readonly #onFailure: (error: unknown) => void;
  #played = 0;
  #ended = false;

  /**
   * Plays the first failovers, in later turns of the event loop.
   * @param images what the boot ROM read; nothing is rehearsed when they give no version to run
   * @param onFailure told what went wrong; failovers work without rehearsals, only slower
   */
  constructor(images: readonly RegionFacts[], onFailure: (error: unknown) => void) {
    const layout = planLayout(REHEARSAL_MEMORY_CONFIG);
    const memory = createMemory(layout);
    this.#control = controlWords(memory, layout);
    this.#words = slotWords(memory, layout, 0);
    this.#host = new Host(memory, layout);
    this.#kept = new KeptState(memory, layout);
    this.#record = new FailoverRecord(memory, layout, new EventRing(memory, layout), this.#kept);
    this.#doorbell = new Doorbell(this.#control, () => this.#play(1));
    this.#onFailure = onFailure;
    this.#rules = this.#attempt(() => firstStart(images));
    setImmediate(() => this.#warmUp());
  }

  /** Failovers played so far. */
  get played(): number {
    return this.#played;
  }

  /** Has one more played, once the first ones are over. It begins as a real one does: the doorbell is rung. */
  rehearse(): void {
    if (this.#played >= FIRST_ROUNDS) ringDoorbell(this.#control);
  }

  close(): void {
    this.#ended = true;
    this.#doorbell.close();
  }

  #warmUp(): void {
    this.#play(ROUNDS_AT_ONCE);
    if (this.#ended) return;
    if (this.#played < FIRST_ROUNDS) setImmediate(() => this.#warmUp());
    else this.#doorbell.listen();
  }

  #play(rounds: number): void {
    const rules = this.#rules;
    if (rules?.policy.phase !== "executing") this.#ended = true;
    for (let round = 0; round < rounds && !this.#ended; round++) this.#attempt(() => this.#failOver(rules));
  }

  /** The steps of device.ts, in its order, but for those that another thread answers. */
  #failOver(rules: Rehearsal | undefined): void {
    if (rules === undefined) return;
    const { table } = rules.policy;
    const foundNs = monotonicNs();
    this.#record.fail(foundOutside(Evidence.TRAP, "", foundNs, foundNs), table.active, table, this.#played);
    this.#kept.keep(this.#words);
    const queueAtStop = this.#host.atStop();
    this.#record.stop(undefined, foundNs);
    rules.failOver(this.#played);
    this.#record.designate(monotonicNs());
    this.#record.start();
    this.#record.stampSteps(rules.policy.table.active, this.#played);
    this.#host.afterStop(queueAtStop);
    this.#record.drop();
    this.#played += 1;
  }

  #attempt<T>(work: () => T): T | undefined {
    try {
      return work();
    } catch (error) {
      this.#ended = true;
      this.#onFailure(error);
      return undefined;
    }
  }
}

/** A device that these images were put into by the factory. */
function firstStart(images: readonly RegionFacts[]): Rehearsal | undefined {
  const port = new SharedNvram(new Int32Array(new SharedArrayBuffer(TABLE_BYTES)));
  const { table, floor } = recoverManagement(port, images, DEFAULT_RECOVERY);
  return table.table && new Rehearsal(port, table.table, floor.floor, images);
}
