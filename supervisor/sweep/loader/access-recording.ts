/**
 * Which words of memory execution reads before it writes them, with what they held, and which it writes.
 *
 * The engines tell of an access to RAM as long as its line is flagged (LineFlag), and of all others. A line is told of until
 * all of its words are known, or until it has been told of so often that what is left of it is taken for read: words too
 * many that are read cost a comparison, and never a wrong answer.
 *
 * Invariant: a word that was read is what it was when the recording began; a word that was written and not read may have
 * held anything.
 */
import type { AddressSpace } from "../../../controller/cpu/address-space.ts";
import { LineFlag } from "../../../controller/cpu/address-space.ts";
import type { AccessRecorder } from "../../../controller/cpu/engine.ts";
import { LINE_BYTES, LINE_SHIFT } from "../../../emulator/memory/layout.ts";

const enum Known {
  READ = 1,
  WRITTEN = 2,
}

const LINE_WORDS = LINE_BYTES / 4;
/** So often a line is told of word by word. */
const PATIENCE = 48;
const LOOKS = LineFlag.LOAD_M | LineFlag.STORE_M;

/** Pairs of a word's index in the shared memory and its value. */
export type WordValues = Int32Array;

export class AccessRecording implements AccessRecorder {
  readonly #space: AddressSpace;
  /** By word of the shared memory: {@link Known}. */
  readonly #known: Uint8Array;
  /** By line of RAM: how often it was told of. */
  readonly #told: Uint8Array;
  #reads: number[] = [];
  #written: number[] = [];

  constructor(space: AddressSpace) {
    this.#space = space;
    this.#known = new Uint8Array(space.words.length);
    this.#told = new Uint8Array(space.ramFlags.length);
  }

  /** From here on, with nothing known. */
  begin(): void {
    for (let at = 0; at < this.#reads.length; at += 2) this.#known[this.#reads[at] as number] = 0;
    for (const word of this.#written) this.#known[word] = 0;
    this.#reads = [];
    this.#written = [];
    this.#told.fill(0);
    this.#flagAll();
  }

  /** All lines are flagged as whoever guards memory believes that they are (access-guard.ts). */
  end(): void {
    this.#flagAll();
  }

  #flagAll(): void {
    const { ramFlags } = this.#space;
    for (let line = 0; line < ramFlags.length; line += 1) ramFlags[line] = (ramFlags[line] as number) | LOOKS;
  }

  /** What was read before it was written, in this order, with what it held. */
  get reads(): WordValues {
    return Int32Array.from(this.#reads);
  }

  /** What was written, with what it holds now. */
  get writes(): WordValues {
    const { words } = this.#space;
    return Int32Array.from(this.#written.flatMap((word) => [word, words[word] as number]));
  }

  loads(offset: number, bytes: number): void {
    const last = (offset + bytes - 1) >>> 2;
    for (let word = offset >>> 2; word <= last; word += 1) if (this.#known[word] === 0) this.#read(word);
    this.#look(offset);
    if (offset >>> LINE_SHIFT !== (offset + bytes - 1) >>> LINE_SHIFT) this.#look(offset + bytes - 1);
  }

  stores(offset: number, bytes: number): void {
    const last = (offset + bytes - 1) >>> 2;
    const isWhole = (offset & 3) === 0 && bytes === 4;
    for (let word = offset >>> 2; word <= last; word += 1) {
      // What of it is not stored to stays.
      if (!isWhole && this.#known[word] === 0) this.#read(word);
      this.#write(word);
    }
    this.#look(offset);
    if (offset >>> LINE_SHIFT !== (offset + bytes - 1) >>> LINE_SHIFT) this.#look(offset + bytes - 1);
  }

  /** What another one found of a part of what is recorded, or what was put in place of it. */
  takeIn(reads: WordValues, writes: WordValues): void {
    for (let at = 0; at < reads.length; at += 2) {
      const word = reads[at] as number;
      if (this.#known[word] !== 0) continue;
      this.#known[word] = Known.READ;
      // Nobody had changed it since the recording began.
      this.#reads.push(word, reads[at + 1] as number);
    }
    for (let at = 0; at < writes.length; at += 2) this.#write(writes[at] as number);
  }

  /** It goes on, after another one or none was told of accesses: all lines are told of again. */
  resume(): void {
    this.#flagAll();
  }

  #read(word: number): void {
    this.#known[word] = Known.READ;
    this.#reads.push(word, this.#space.words[word] as number);
  }

  #write(word: number): void {
    const known = this.#known[word] as number;
    if ((known & Known.WRITTEN) !== 0) return;
    this.#known[word] = known | Known.WRITTEN;
    this.#written.push(word);
  }

  /** Takes the flags off the line of RAM where there is nothing left to be told. */
  #look(offset: number): void {
    const { ramOffset, ramFlags } = this.#space;
    const line = (offset - ramOffset) >> LINE_SHIFT;
    if (line < 0 || line >= ramFlags.length) return;
    const told = Math.min((this.#told[line] as number) + 1, PATIENCE);
    this.#told[line] = told;
    const first = (ramOffset >>> 2) + line * LINE_WORDS;
    let all: number = Known.READ | Known.WRITTEN;
    let isKnown = true;
    for (let word = first; word < first + LINE_WORDS; word += 1) {
      const known = this.#known[word] as number;
      all &= known;
      isKnown &&= known !== 0;
    }
    if (told === PATIENCE) this.#closeLine(first);
    const flags = ramFlags[line] as number;
    if (told >= PATIENCE || (all & Known.WRITTEN) !== 0) ramFlags[line] = flags & ~LOOKS;
    else if (isKnown) ramFlags[line] = flags & ~LineFlag.LOAD_M;
  }

  /** What is not known of it is taken for read and written. */
  #closeLine(first: number): void {
    for (let word = first; word < first + LINE_WORDS; word += 1) {
      if (this.#known[word] === 0) this.#read(word);
      this.#write(word);
    }
  }
}
