/** Resident set size of this process at the start of a soak, after each quarter of it and at its end: flat, or a leak. */

const QUARTERS = 4;

export class RssSamples {
  readonly #bytes: number[] = [];

  /** @param share of the soak that is over, from 0 to 1 or more; never less than before */
  sample(share: number): void {
    const due = Math.min(QUARTERS, Math.floor(share * QUARTERS)) + 1;
    while (this.#bytes.length < due) this.#bytes.push(process.memoryUsage.rss());
  }

  get bytes(): readonly number[] {
    return this.#bytes;
  }
}
