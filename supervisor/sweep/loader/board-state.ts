/**
 * All of a loader's board that decides what follows, but for what time it is: memory, the machine, and the line that its
 * UART is in the middle of. Between two instructions, with flash settled.
 */
import type { Machine } from "../../../controller/machine.ts";
import { PAGE_BYTES } from "../../../emulator/memory/layout.ts";
import type { KeySum } from "../flipside/content-key.ts";
import type { PersistentMemory } from "../flipside/persistent-memory.ts";
import type { VolatileMemory } from "../flipside/volatile-memory.ts";
import type { UartLines } from "./uart-lines.ts";

export class BoardState {
  readonly #machine: Machine;
  readonly #persistent: PersistentMemory;
  readonly #volatile: VolatileMemory;
  readonly #lines: UartLines;
  readonly #words: Int32Array;

  constructor(machine: Machine, persistent: PersistentMemory, volatile: VolatileMemory, lines: UartLines) {
    this.#machine = machine;
    this.#persistent = persistent;
    this.#volatile = volatile;
    this.#lines = lines;
    this.#words = new Int32Array(machine.stateWords);
  }

  /** Returns the first place of the sum that is free. */
  addTo(sum: KeySum): number {
    sum.addLong(0, this.#persistent.stateKey());
    this.#machine.saveTimeless(this.#words);
    let place = 2;
    for (const word of this.#words) sum.add(place++, word);
    this.#addRam(sum);
    // What is to be known by a line may have been begun; in places of its own, as it may be of any length.
    for (const [index, byte] of Buffer.from(this.#lines.pending, "latin1").entries())
      sum.add(-1 - index, byte);
    return place;
  }

  #addRam(sum: KeySum): void {
    const { words, wholeLayout } = this.#persistent;
    for (const page of this.#volatile.dirtyPages) {
      const start = (wholeLayout.ram + page * PAGE_BYTES) / 4;
      for (let word = start; word < start + PAGE_BYTES / 4; word += 1) sum.add(word, words[word] as number);
      sum.add(0, page);
    }
  }
}
