/**
 * Waiting for what was stored to be on stable storage, on the supervisor's main thread: the price of every
 * acknowledgement to the outside, and of nothing on the failover path.
 */
import type { ErrorKind } from "../../emulator/base/errors.ts";
import { type PersistMark, type PersistRing, PersistState } from "../../emulator/persist/persist-ring.ts";

/** What was asked for was done, and may be lost with the power: the flash file cannot be written. */
export class NotDurableError extends Error {
  override readonly name = "NotDurableError";
  readonly kind: ErrorKind = "resource";

  /** @param message one sentence for whoever asked */
  constructor(message = "it was done, but is not on stable storage: the flash file cannot be written") {
    super(message);
  }
}

interface Waiter {
  readonly mark: PersistMark;
  readonly resolve: () => void;
  readonly reject: (error: NotDurableError) => void;
}

export class Durability {
  readonly #ring: PersistRing | undefined;
  #waiters: Waiter[] = [];

  /** @param ring undefined for a device that keeps nothing: there everything is as durable as it will ever be */
  constructor(ring: PersistRing | undefined) {
    this.#ring = ring;
  }

  /** Resolves once everything stored until now is on stable storage. Rejects with {@link NotDurableError}. */
  settled(): Promise<void> {
    const ring = this.#ring;
    if (ring === undefined) return Promise.resolve();
    const mark = ring.mark();
    if (ring.isDurable(mark)) return Promise.resolve();
    return new Promise((resolve, reject) => {
      this.#waiters.push({ mark, resolve, reject });
      ring.want();
      this.poll();
    });
  }

  /** To be called at every doorbell: the appender rings it. */
  poll(): void {
    const ring = this.#ring;
    if (ring === undefined || this.#waiters.length === 0) return;
    const failing = ring.state === PersistState.FAILING;
    this.#waiters = this.#waiters.filter(({ mark, resolve, reject }) => {
      if (ring.isDurable(mark)) resolve();
      else if (failing) reject(new NotDurableError());
      else return true;
      return false;
    });
  }

  /** Has the appender look at once. */
  want(): void {
    this.#ring?.want();
  }

  get state(): PersistState {
    return this.#ring?.state ?? PersistState.OFF;
  }
}
