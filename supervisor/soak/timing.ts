/** Distributions of times in bounded memory: Node's HDR histogram, reported in microseconds. */
import { createHistogram, type RecordableHistogram } from "node:perf_hooks";

/** Microseconds; all 0 when nothing was recorded. */
export interface TimingSummary {
  readonly count: number;
  readonly p50: number;
  readonly p90: number;
  readonly p99: number;
  readonly max: number;
}

/** Times from `fromUs` up to the next row's. */
export interface HistogramRow {
  readonly fromUs: number;
  readonly count: number;
}

/** 0, then the 1-2-5 series from 1 µs to 10 s: wide enough for traps and for deadlines. */
const BUCKET_BOUNDS_US: readonly number[] = [
  0,
  ...Array.from({ length: 8 }, (_, decade) => [1, 2, 5].map((step) => step * 10 ** decade)).flat(),
];

export class Timing {
  readonly #histogram: RecordableHistogram = createHistogram({
    lowest: 1,
    highest: 3_600_000_000_000,
    figures: 3,
  });
  readonly #buckets = new Float64Array(BUCKET_BOUNDS_US.length);

  recordNs(durationNs: number): void {
    const bucket = BUCKET_BOUNDS_US.findLastIndex((fromUs) => durationNs / 1000 >= fromUs);
    this.#buckets[bucket] = (this.#buckets[bucket] ?? 0) + 1;
    this.#histogram.record(Math.max(1, Math.round(durationNs)));
  }

  get count(): number {
    return this.#histogram.count;
  }

  percentileUs(percentile: number): number {
    return this.count === 0 ? 0 : Math.round(this.#histogram.percentile(percentile)) / 1000;
  }

  summary(): TimingSummary {
    return {
      count: this.count,
      p50: this.percentileUs(50),
      p90: this.percentileUs(90),
      p99: this.percentileUs(99),
      max: this.count === 0 ? 0 : this.#histogram.max / 1000,
    };
  }

  /** One row per bucket between the first and the last that is not empty. */
  histogram(): HistogramRow[] {
    const rows = BUCKET_BOUNDS_US.map((fromUs, i) => ({ fromUs, count: this.#buckets[i] ?? 0 }));
    const first = rows.findIndex((row) => row.count > 0);
    const last = rows.findLastIndex((row) => row.count > 0);
    return first < 0 ? [] : rows.slice(first, last + 1);
  }
}
