/**
 * Keeps what a soak does within a budget of so many in a window of time, so that what follows is what it looks for, and not
 * that the budget was spent.
 */

/** What measures its window, in another process, hears of each a little later. */
const MARGIN_MS = 200;
const LOOK_MS = 50;

export class Spacing {
  readonly #most: number;
  readonly #windowMs: number;
  readonly #nowMs: () => number;
  /** Oldest first. */
  #timesMs: number[] = [];

  /** @param nowMs milliseconds of the window's clock */
  constructor(most: number, windowMs: number, nowMs: () => number = () => performance.now()) {
    this.#most = most;
    this.#windowMs = windowMs + MARGIN_MS;
    this.#nowMs = nowMs;
  }

  /** One is done now. */
  note(): void {
    this.#timesMs.push(this.#nowMs());
  }

  /** Resolves once another one is within the budget, or nobody wants it any more. */
  async room(isOver: () => boolean): Promise<void> {
    while (this.#waitMs() > 0 && !isOver()) await this.#pause();
  }

  #pause(): Promise<void> {
    return new Promise((resolve) => setTimeout(resolve, Math.min(LOOK_MS, this.#waitMs())));
  }

  /** Until there is room. */
  #waitMs(): number {
    const fromMs = this.#nowMs() - this.#windowMs;
    this.#timesMs = this.#timesMs.filter((timeMs) => timeMs > fromMs);
    const oldest = this.#timesMs.at(-this.#most);
    return oldest === undefined ? 0 : oldest - fromMs;
  }
}
