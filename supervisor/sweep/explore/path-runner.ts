/**
 * Runs one case from its start: every step is executed again, and each disturbance is done where it is due. Slow
 * and plain; the explorer takes short cuts through undone memory and must come to the same (a test compares them).
 */

import { Random } from "../../../emulator/base/random.ts";
import type { ChipTear } from "../../../emulator/flash/flash-tear.ts";
import { type Disturbance, endsRun, isTear } from "./case-id.ts";
import { PowerCut } from "./items.ts";
import type { Ending } from "./oracle.ts";
import type { Script, Subject } from "./subject.ts";
import { NEVER } from "./timeline.ts";

/** A different seed for each place, the same in every run. */
export function seedAt(seed: number, at: number): number {
  return (Math.imul(seed + 1, 0x9e37_79b1) + at) | 0;
}

export class PathRunner<S extends Script, Event, Judgement> {
  readonly #subject: Subject<S, Event, Judgement>;
  readonly #seed: number;
  /** One for all cuts: to make one costs more than a start. */
  readonly #cut = new PowerCut("power was cut");
  #path: readonly Disturbance[] = [];
  #done = 0;
  /** Item from which the current run counts. */
  #from = 0;
  /** The item that is made before it is undone and torn. */
  #tearing: { readonly index: number; readonly how: ChipTear } | undefined;
  /** What is left to be done when the power has gone. */
  #torn: (() => void) | undefined;
  /** A disturbance came to a place where it cannot be done: a tear where nothing tears, a fault where nothing can have it. */
  #undone = false;

  constructor(subject: Subject<S, Event, Judgement>, seed: number) {
    this.#subject = subject;
    this.#seed = seed;
  }

  /** The verdict of the case. Without disturbances this is the uncut run, which must do what the script says. */
  run(script: S, path: readonly Disturbance[]): Ending {
    const subject = this.#subject;
    subject.setUp(script);
    this.#path = path;
    this.#done = 0;
    this.#from = 0;
    this.#tearing = undefined;
    this.#torn = undefined;
    this.#undone = false;
    subject.timeline.hook = (index) => this.#before(index);
    this.#awaitNext();
    try {
      let cut = this.#attempt(() => subject.carryOut(script, this.#seed, path.length === 0));
      while (cut) cut = this.#attempt(() => subject.comeBack(script, this.#seed));
    } finally {
      subject.timeline.hook = undefined;
    }
    return subject.oracle.verdict();
  }

  /**
   * Every disturbance of the last case came to its place, and was done there; else the run that it was meant for ended
   * before, a tear was meant for what is no unit of flash or would not change, or a fault for what does not execute.
   */
  get complete(): boolean {
    return this.#done === this.#path.length && !this.#undone && !this.#subject.faultPending;
  }

  /** True if power was cut. */
  #attempt(work: () => void): boolean {
    const subject = this.#subject;
    const { timeline, oracle } = subject;
    try {
      work();
      // A cut behind the last item.
      this.#before(timeline.length);
      return false;
    } catch (error) {
      if (error !== this.#cut) throw error;
      subject.powerOff();
      this.#torn?.();
      this.#torn = undefined;
      oracle.judgement = oracle.afterCut(oracle.judgement);
      this.#from = timeline.length;
      this.#awaitNext();
      return true;
    }
  }

  /** Has the timeline call before the item at which something is due. */
  #awaitNext(): void {
    const due = this.#path[this.#done];
    const isItem = due !== undefined && !this.#isInstruction(due);
    this.#subject.timeline.hookAt = isItem ? this.#from + due.at : NEVER;
    if (due === undefined || isItem) return;
    this.#subject.instructionFaults?.arm(due, () => {
      this.#done += 1;
      this.#awaitNext();
    });
  }

  #before(index: number): void {
    if (this.#tearing !== undefined) this.#tear(this.#tearing.index, this.#tearing.how);
    for (;;) {
      const due = this.#path[this.#done];
      if (due === undefined || this.#isInstruction(due) || index - this.#from !== due.at) break;
      this.#done += 1;
      if (isTear(due.kind)) {
        this.#tearing = { index, how: due.kind };
        this.#subject.timeline.hookAt = index + 1;
        return;
      }
      if (endsRun(due)) throw this.#cut;
      try {
        this.#inject(due.kind, index);
      } catch (error) {
        // It has interrupted what executes; what is due next is due all the same.
        this.#awaitNext();
        throw error;
      }
    }
    this.#awaitNext();
  }

  #isInstruction({ kind }: Disturbance): boolean {
    return this.#subject.instructionFaults?.kinds.includes(kind) === true;
  }

  /** The item that was made is undone, and torn as soon as the power has gone. */
  #tear(index: number, how: ChipTear): never {
    const { timeline, flash, oracle } = this.#subject;
    this.#tearing = undefined;
    const unit = timeline.unitAt(index);
    const begun = timeline.begunAt(index);
    if (unit === undefined) this.#undone = true;
    else {
      const after = flash.read(unit);
      this.#torn = () => {
        if (!flash.tear(unit, after, how, seedAt(this.#seed, index))) this.#undone = true;
      };
    }
    timeline.rewind(index);
    if (begun !== undefined) oracle.judgement = begun;
    throw this.#cut;
  }

  #inject(kind: string, index: number): void {
    const { timeline } = this.#subject;
    const { hook } = timeline;
    timeline.hook = undefined;
    try {
      if (!this.#subject.inject(kind, new Random(seedAt(this.#seed, index)))) this.#undone = true;
    } finally {
      timeline.hook = hook;
    }
  }
}
