/** Words that outlast what the board says: whoever keeps them sees, and may cut, each store. */

export interface PersistentWords {
  load32(index: number): number;
  store32(index: number, value: number): void;
}

/** Words that nobody else has to hear of. */
export class PlainWords implements PersistentWords {
  readonly #words: Int32Array;

  constructor(words: Int32Array) {
    this.#words = words;
  }

  load32(index: number): number {
    return this.#words[index] as number;
  }

  store32(index: number, value: number): void {
    this.#words[index] = value;
  }
}
