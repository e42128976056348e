/**
 * What a power cut takes: RAM, devices, host memory. At power-on RAM holds the power-up pattern and host memory zeros,
 * restored only in the pages that were stored to: what nobody touches costs nothing, however much of it there is.
 *
 * Invariants: a page of RAM that is not in the list of dirty ones holds the pattern, and is watched in every slot; a page
 * of host memory that is not in its list is zero.
 */
import { flagsOfPage, LineFlag } from "../../../controller/cpu/address-space.ts";
import type { StoreObserver } from "../../../controller/cpu/engine.ts";
import type { Machine } from "../../../controller/machine.ts";
import { Random } from "../../../emulator/base/random.ts";
import { controlWords, powerUpControl } from "../../../emulator/memory/control.ts";
import { type Layout, PAGE_BYTES, SLOT_BYTES } from "../../../emulator/memory/layout.ts";
import type { ItemSink } from "../explore/items.ts";
import type { PersistentMemory } from "./persistent-memory.ts";

const PATTERN_SEED = 0x7e57_ed00;

/** Is told before a store to NVRAM, and may throw. */
type StoreSink = Pick<ItemSink<never>, "beforeStore">;

/** Hears of stores besides those to RAM. */
export interface StoreRecorder {
  /** The aligned word `word` of NVRAM was stored to. */
  nvramStored(word: number, value: number): void;
  /** Anything else: host memory, a store across two words of NVRAM. */
  otherStored(): void;
}

export class VolatileMemory implements StoreObserver {
  readonly #layout: Layout;
  readonly #persistent: PersistentMemory;
  readonly #sink: StoreSink;
  readonly #bytes: Uint8Array;
  readonly #words: Int32Array;
  readonly #control: Int32Array;
  readonly #pattern = new Uint8Array(PAGE_BYTES);
  readonly #dirtyPages: number[] = [];
  #machines: readonly Machine[] = [];
  /** 1 for each page of host memory that may hold something. */
  readonly #hostPages: Uint8Array;
  readonly #dirtyHostPages: number[] = [];
  recorder: StoreRecorder | undefined;
  /** NVRAM words that a store under way covers, and what they held. */
  readonly #before = new Int32Array(2);

  constructor(memory: WebAssembly.Memory, layout: Layout, persistent: PersistentMemory, sink: StoreSink) {
    this.#layout = layout;
    this.#persistent = persistent;
    this.#sink = sink;
    this.#bytes = new Uint8Array(memory.buffer);
    this.#words = new Int32Array(memory.buffer);
    this.#control = controlWords(memory, layout);
    this.#hostPages = new Uint8Array(layout.config.hostBytes / PAGE_BYTES);
    new Random(PATTERN_SEED).fill(this.#pattern);
  }

  /** Fills RAM with the pattern and watches it for these machines. Once. */
  attach(machines: readonly Machine[]): void {
    this.#machines = machines;
    const { ram, config } = this.#layout;
    for (let at = ram; at < ram + config.ramBytes; at += PAGE_BYTES) this.#bytes.set(this.#pattern, at);
    for (const machine of machines) {
      machine.space.ramFlags.fill(LineFlag.WATCHED);
      machine.observeStores(this);
    }
  }

  /** Power comes on. */
  powerOn(): void {
    const layout = this.#layout;
    for (const page of this.#dirtyPages) {
      this.#bytes.set(this.#pattern, layout.ram + page * PAGE_BYTES);
      for (const { space } of this.#machines) {
        const flags = flagsOfPage(space, page);
        for (let line = 0; line < flags.length; line += 1)
          flags[line] = ((flags[line] as number) & ~LineFlag.CODE) | LineFlag.WATCHED;
      }
    }
    this.#dirtyPages.length = 0;
    for (const slot of layout.slots) this.#words.fill(0, slot / 4, (slot + SLOT_BYTES) / 4);
    for (const page of this.#dirtyHostPages) {
      const start = layout.host + page * PAGE_BYTES;
      this.#bytes.fill(0, start, start + PAGE_BYTES);
      this.#hostPages[page] = 0;
    }
    this.#dirtyHostPages.length = 0;
    powerUpControl(this.#control);
  }

  /** Somebody stores to host memory, from byte `from` of it up to before `to`. */
  hostTouched(from: number, to: number): void {
    for (let page = Math.floor(from / PAGE_BYTES); page * PAGE_BYTES < to; page += 1) {
      if (this.#hostPages[page] !== 0) continue;
      this.#hostPages[page] = 1;
      this.#dirtyHostPages.push(page);
    }
  }

  beforeStore(offset: number, bytes: number): void {
    const { nvram, ram, config } = this.#layout;
    if (offset >= ram) {
      this.touchPage(Math.floor((offset - ram) / PAGE_BYTES));
      this.touchPage(Math.floor((offset + bytes - 1 - ram) / PAGE_BYTES));
    } else if (offset >= nvram && offset < nvram + config.nvramBytes) {
      this.#sink.beforeStore();
      const { words } = this.#persistent;
      this.#before[0] = words[offset >>> 2] as number;
      this.#before[1] = words[(offset + bytes - 1) >>> 2] as number;
    } else {
      const { host } = this.#layout;
      this.hostTouched(offset - host, offset - host + bytes);
      this.recorder?.otherStored();
    }
  }

  afterStore(offset: number, bytes: number): void {
    const { nvram, config } = this.#layout;
    if (offset < nvram || offset >= nvram + config.nvramBytes) return;
    this.#note(offset >>> 2, this.#before[0] as number);
    const last = (offset + bytes - 1) >>> 2;
    if (last !== offset >>> 2) {
      this.#note(last, this.#before[1] as number);
      this.recorder?.otherStored();
    } else {
      this.recorder?.nvramStored(last, this.#persistent.words[last] as number);
    }
  }

  #note(word: number, before: number): void {
    const after = this.#persistent.words[word] as number;
    if (after !== before) this.#persistent.noteStore(word, before, after);
  }

  /** Pages of RAM that may not hold the pattern. */
  get dirtyPages(): readonly number[] {
    return this.#dirtyPages;
  }

  /** The page of RAM is about to be stored to. */
  touchPage(page: number): void {
    const [first] = this.#machines;
    if (first === undefined || ((flagsOfPage(first.space, page)[0] ?? 0) & LineFlag.WATCHED) === 0) return;
    this.#dirtyPages.push(page);
    for (const { space } of this.#machines) {
      const flags = flagsOfPage(space, page);
      for (let line = 0; line < flags.length; line += 1)
        flags[line] = (flags[line] as number) & ~LineFlag.WATCHED;
    }
  }
}
