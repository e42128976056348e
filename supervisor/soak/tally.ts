/** What a soak counts of one kind of fault, and how that is reported. */
import type { FaultClass } from "../faults/catalogue.ts";
import { Timing, type TimingSummary } from "./timing.ts";

export interface FaultReport {
  readonly kind: string;
  readonly class: FaultClass;
  readonly injected: number;
  /** Of those injected: forced on the hart from outside, since the firmware says that it does no such thing on request. */
  readonly fromOutside: number;
  readonly detected: number;
  readonly recovered: number;
  /** Asked for beside those injected, and never took place. */
  readonly notInjected: number;
  /** Of those injected: the machine was too busy to say what came of them. */
  readonly notJudged: number;
  readonly detectUs: TimingSummary;
  readonly restartUs: TimingSummary;
  readonly readyUs: TimingSummary;
}

export class Tally {
  injected = 0;
  fromOutside = 0;
  detected = 0;
  recovered = 0;
  notInjected = 0;
  notJudged = 0;
  readonly detect = new Timing();
  readonly restart = new Timing();
  readonly ready = new Timing();
  #told: FaultReport | undefined;

  /** Whether it was asked for at all. */
  get isTried(): boolean {
    return this.injected + this.notInjected > 0;
  }

  /** What was counted as injected never took place. */
  notInject(): void {
    this.injected -= 1;
    this.notInjected += 1;
  }

  /** The very same object while nothing was counted: percentiles of every kind take too long to be asked at each progress. */
  report(kind: string, faultClass: FaultClass): FaultReport {
    const { injected, fromOutside, detected, recovered, notInjected, notJudged, ready } = this;
    const told = this.#told;
    const isTold =
      told?.injected === injected &&
      told.detected === detected &&
      told.recovered === recovered &&
      told.notInjected === notInjected &&
      told.notJudged === notJudged &&
      told.readyUs.count === ready.count;
    if (told !== undefined && isTold) return told;
    this.#told = {
      kind,
      class: faultClass,
      injected,
      fromOutside,
      detected,
      recovered,
      notInjected,
      notJudged,
      detectUs: this.detect.summary(),
      restartUs: this.restart.summary(),
      readyUs: ready.summary(),
    };
    return this.#told;
  }
}
