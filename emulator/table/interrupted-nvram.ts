/** The table's memory with something that happens between two of its stores: how a cut of power is aimed. */
import type { NvramPort } from "./nvram.ts";

export class InterruptedNvram implements NvramPort {
  readonly #port: NvramPort;
  readonly #interrupt: () => void;
  #storesLeft: number;

  /** @param interrupt called once, before the store that follows `stores` others */
  constructor(port: NvramPort, stores: number, interrupt: () => void) {
    this.#port = port;
    this.#storesLeft = stores;
    this.#interrupt = interrupt;
  }

  load32(wordIndex: number): number {
    return this.#port.load32(wordIndex);
  }

  store32(wordIndex: number, value: number): void {
    if (this.#storesLeft === 0) this.#interrupt();
    this.#storesLeft -= 1;
    this.#port.store32(wordIndex, value);
  }
}
