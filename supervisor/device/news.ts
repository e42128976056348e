/**
 * How the supervisor's main thread hears of what the other threads do, and passes it on to whoever waits in this one.
 *
 * Invariant: the thread never blocks for it, and never waits with a timeout; what keeps the event loop alive is the
 * device's ticker.
 */
import { Control, ringDoorbell } from "../../emulator/memory/control.ts";

/** Times that the doorbell is answered in one turn: firmware may ring it without pause, and others have to have theirs. */
const MAX_ANSWERS = 16;

export class Doorbell {
  readonly #control: Int32Array;
  readonly #answer: () => void;
  #closed = false;

  /** @param answer looks at everything that may have changed */
  constructor(control: Int32Array, answer: () => void) {
    this.#control = control;
    this.#answer = answer;
  }

  /** Answers at once, and whenever it is rung from now on. */
  listen(): void {
    for (let answers = 0; answers < MAX_ANSWERS && !this.#closed; answers++) {
      const seen = Atomics.load(this.#control, Control.DOORBELL);
      this.#answer();
      const rung = Atomics.waitAsync(this.#control, Control.DOORBELL, seen);
      if (!rung.async) continue;
      void rung.value.then(() => this.listen());
      return;
    }
    setImmediate(() => this.#closed || this.listen());
  }

  close(): void {
    this.#closed = true;
    ringDoorbell(this.#control);
  }
}

/** Who waits for the next thing that may have changed something. */
export class News {
  #waiting: (() => void)[] = [];

  next(): Promise<void> {
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  tell(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resolve of waiting) resolve();
  }
}
