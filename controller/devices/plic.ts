/**
 * Platform-level interrupt controller with one context, machine mode of hart 0: which of the devices' interrupts the hart
 * gets. RISC-V Platform-Level Interrupt Controller Specification 1.0; number of sources and priorities as QEMU's `virt`.
 *
 * The gateways are for levels: a source becomes pending when its line is high, stays so until it is claimed, whatever its
 * line does, and can be again once it is completed. The lines are looked at whenever the machine looks at interrupts.
 */
import { InterruptBit } from "../cpu/engine.ts";
import type { Board, Device } from "./device.ts";
import type { StateWords } from "./state.ts";

/** Sources 1 to 96. */
export const PLIC_SOURCES = 96;
/** QEMU's `virt` lets 1 to 95 be enabled. */
const SOURCE_WORDS = PLIC_SOURCES / 32;
/** Priorities 1 to 7; 0 is never. */
const PRIORITY_MASK = 7;

/** Offsets (chapter "Memory Map"); of what is there for each context, those of context 0. */
export const enum PlicRegister {
  PRIORITIES = 0x00_0000,
  PENDING = 0x00_1000,
  ENABLES = 0x00_2000,
  THRESHOLD = 0x20_0000,
  CLAIM = 0x20_0004,
}

/** Words of its state. */
const enum PlicWord {
  THRESHOLD = 0,
  /** A bit for each source below {@link PLIC_SOURCES}. */
  ENABLES = 1,
  PENDING = 4,
  CLAIMED = 7,
  /** One for each source; that of source 0 is never set. */
  PRIORITIES = 10,
  WORDS = 107,
}

/** A device whose interrupt line is a source of the PLIC. */
export interface PlicSource {
  readonly source: number;
  readonly device: Device & Required<Pick<Device, "pending">>;
}

export class Plic implements Device {
  readonly name = "PLIC";
  readonly accessBytes = 4;
  readonly blockBytes = 0x60_0000;
  readonly #words: Int32Array;
  readonly #board: Board;
  /** In the order of their numbers: of equal priorities the lowest goes first. */
  readonly #sources: readonly PlicSource[];

  constructor(state: StateWords, board: Board, sources: readonly PlicSource[]) {
    this.#words = state.words(PlicWord.WORDS);
    this.#board = board;
    this.#sources = [...sources].sort((a, b) => a.source - b.source);
  }

  reset(): void {
    this.#words.fill(0);
  }

  pending(now: number): number {
    this.#look(now);
    return this.#firstDue() === 0 ? 0 : InterruptBit.EXTERNAL;
  }

  awaitsInput(): boolean {
    return this.#sources.some(
      ({ source, device }) => this.#reaches(source) && device.awaitsInput?.() === true,
    );
  }

  /** Whatever is no register reads 0. */
  load(offset: number): number {
    if (offset === PlicRegister.THRESHOLD) return this.#get(PlicWord.THRESHOLD);
    if (offset === PlicRegister.CLAIM) return this.#claim();
    const pending = indexIn(offset, PlicRegister.PENDING, SOURCE_WORDS);
    if (pending >= 0) {
      this.#look(this.#board.catchUp());
      return this.#get(PlicWord.PENDING + pending) >>> 0;
    }
    const word = wordOf(offset);
    return word === undefined ? 0 : this.#get(word) >>> 0;
  }

  store(offset: number, value: number): number {
    if (offset === PlicRegister.CLAIM) this.#complete(value);
    else if (offset === PlicRegister.THRESHOLD) this.#set(PlicWord.THRESHOLD, value & PRIORITY_MASK);
    else {
      const word = wordOf(offset);
      if (word !== undefined) this.#set(word, word >= PlicWord.PRIORITIES ? value & PRIORITY_MASK : value);
    }
    this.#board.changed();
    return 0;
  }

  #look(now: number): void {
    for (const { source, device } of this.#sources) {
      if (this.#bit(PlicWord.PENDING, source) || this.#bit(PlicWord.CLAIMED, source)) continue;
      if (device.pending(now) !== 0) this.#setBit(PlicWord.PENDING, source, true);
    }
  }

  /** The pending source that goes first, 0 if none does. */
  #firstDue(): number {
    let due = 0;
    let highest = 0;
    for (const { source } of this.#sources) {
      const priority = this.#get(PlicWord.PRIORITIES + source);
      if (priority <= highest || !this.#reaches(source) || !this.#bit(PlicWord.PENDING, source)) continue;
      due = source;
      highest = priority;
    }
    return due;
  }

  /** Whether the source would interrupt the hart if it were pending. */
  #reaches(source: number): boolean {
    const isOpen = this.#get(PlicWord.PRIORITIES + source) > this.#get(PlicWord.THRESHOLD);
    return isOpen && this.#bit(PlicWord.ENABLES, source) && !this.#bit(PlicWord.CLAIMED, source);
  }

  #claim(): number {
    const now = this.#board.catchUp();
    const source = this.#firstDue();
    if (source === 0) return 0;
    this.#setBit(PlicWord.CLAIMED, source, true);
    this.#setBit(PlicWord.PENDING, source, false);
    this.#board.changed(now);
    return source;
  }

  #complete(source: number): void {
    if (source > 0 && source < PLIC_SOURCES) this.#setBit(PlicWord.CLAIMED, source, false);
  }

  #bit(words: PlicWord, source: number): boolean {
    return (this.#get(words + (source >>> 5)) & (1 << source)) !== 0;
  }

  #setBit(words: PlicWord, source: number, value: boolean): void {
    const word = words + (source >>> 5);
    const others = this.#get(word) & ~(1 << source);
    this.#set(word, value ? others | (1 << source) : others);
  }

  #get(word: number): number {
    return this.#words[word] as number;
  }

  #set(word: number, value: number): void {
    this.#words[word] = value;
  }
}

/** The word behind a register that holds what is stored to it; undefined for another one. */
function wordOf(offset: number): number | undefined {
  const priority = indexIn(offset, PlicRegister.PRIORITIES, 1 + PLIC_SOURCES);
  if (priority > 0) return PlicWord.PRIORITIES + priority;
  const enables = indexIn(offset, PlicRegister.ENABLES, SOURCE_WORDS);
  return enables < 0 ? undefined : PlicWord.ENABLES + enables;
}

/** Which of `count` words from `base` on lies at `offset`, -1 for none. */
function indexIn(offset: number, base: number, count: number): number {
  const index = (offset - base) / 4;
  return index >= 0 && index < count ? index : -1;
}
