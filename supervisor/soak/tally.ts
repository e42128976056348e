/** What a soak counts of one kind of fault, and how that is reported. */
import type { FaultClass } from "../faults/catalogue.ts";
import { Timing, type TimingSummary } from "./timing.ts";

export interface FaultReport {
  readonly kind: string;
  readonly class: FaultClass;
  readonly injected: number;
  readonly detected: number;
  readonly recovered: number;
  /** Of those injected: the machine was too busy to say what came of them. */
  readonly notJudged: number;
  readonly detectUs: TimingSummary;
  readonly restartUs: TimingSummary;
  readonly readyUs: TimingSummary;
}

export class Tally {
  injected = 0;
  detected = 0;
  recovered = 0;
  notJudged = 0;
  readonly detect = new Timing();
  readonly restart = new Timing();
  readonly ready = new Timing();
  #told: FaultReport | undefined;

  /** The very same object while nothing was counted: percentiles of every kind take too long to be asked at each progress. */
  report(kind: string, faultClass: FaultClass): FaultReport {
    const { injected, detected, recovered, notJudged, ready } = this;
    const told = this.#told;
    const isTold =
      told?.injected === injected &&
      told.detected === detected &&
      told.recovered === recovered &&
      told.notJudged === notJudged &&
      told.readyUs.count === ready.count;
    if (told !== undefined && isTold) return told;
    this.#told = {
      kind,
      class: faultClass,
      injected,
      detected,
      recovered,
      notJudged,
      detectUs: this.detect.summary(),
      restartUs: this.restart.summary(),
      readyUs: ready.summary(),
    };
    return this.#told;
  }
}
