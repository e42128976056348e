/**
 * Slices of execution that were executed before. A machine does the same again from the same state, so the outcome is
 * put in place instead: most starts of a sweep execute the same 10,000 instructions until the firmware is ready.
 *
 * Invariants: the key of a slice covers all that it hangs on: the machine's words, what it can read of the control
 * block, the content of RAM (by a number that only power-on and known slices lead to), the region that executes, what of
 * any region cannot be read, the firmware's NVRAM, and how far it may run. A slice is kept only if it read no other memory (translated code has RAM,
 * the window and host memory alone, and host memory is blank where RAM has a number), stored to none but RAM and NVRAM,
 * and nothing was done to the machine meanwhile. Its stores to NVRAM are made again one by one, as items; where somebody
 * wants to do something at one of these, the slice is executed.
 */
import { type Machine, type MachineStop, STATE_WORDS } from "../../../controller/machine.ts";
import { Control } from "../../../emulator/memory/control.ts";
import { PAGE_BYTES } from "../../../emulator/memory/layout.ts";
import type { ItemSink } from "../explore/items.ts";
import { KeySum } from "./content-key.ts";
import type { PersistentMemory } from "./persistent-memory.ts";
import type { VirtualEvent } from "./virtual-event.ts";
import type { StoreRecorder, VolatileMemory } from "./volatile-memory.ts";

const PAGE_WORDS = PAGE_BYTES / 4;
/** Slices of fewer instructions are executed sooner than looked up. */
const SHORT_INSTRUCTIONS = 100;
/** Beyond either, all is forgotten and learnt anew. */
const SLICES_KEPT = 512;
const PAGES_KEPT = 256;

/** The pages of RAM that do not hold the power-up pattern. Two of the same number have the same content. */
interface Ram {
  readonly number: number;
  readonly pages: ReadonlyMap<number, Int32Array>;
}

interface Slice {
  readonly stop: MachineStop;
  /** The machine's words behind it. */
  readonly machine: Int32Array;
  /** Control words that it changed: index, value, … */
  readonly control: readonly number[];
  /** Stores to NVRAM: word, value, … */
  readonly stores: readonly number[];
  readonly ram: Ram;
}

export class KnownSlices implements StoreRecorder {
  readonly #volatile: VolatileMemory;
  readonly #persistent: PersistentMemory;
  readonly #sink: ItemSink<VirtualEvent>;
  readonly #control: Int32Array;
  readonly #ramWord: number;
  readonly #slices = new Map<number, Slice>();
  #pages = 0;
  #rams = 0;
  readonly #powerUp: Ram = { number: 0, pages: new Map() };
  /** What RAM holds, host memory being blank; undefined where that is not known. */
  #ram: Ram | undefined;
  readonly #sum = new KeySum();
  readonly #machineWords = new Int32Array(STATE_WORDS);
  readonly #controlBefore = new Int32Array(Control.WORDS);
  // Of the slice that is being executed.
  #recording = false;
  #stores: number[] = [];
  /** From the next power-on: whether what is known is made use of, and added to. */
  enabled = true;

  constructor(
    volatile: VolatileMemory,
    persistent: PersistentMemory,
    sink: ItemSink<VirtualEvent>,
    control: Int32Array,
  ) {
    this.#volatile = volatile;
    this.#persistent = persistent;
    this.#sink = sink;
    this.#control = control;
    this.#ramWord = persistent.layout.ram / 4;
    volatile.recorder = this;
  }

  /** RAM holds the power-up pattern. */
  powerOn(): void {
    this.#recording = false;
    this.#ram = this.enabled ? this.#powerUp : undefined;
  }

  /** Something is done from outside, perhaps while a slice is executed: what comes of that one is not its doing. */
  disturbed(): void {
    this.#recording = false;
  }

  /** Somebody else than a machine stores to memory that a power cut takes. */
  memoryChanged(): void {
    this.#recording = false;
    this.#ram = undefined;
  }

  /** As `machine.run`, for the machine that executes `region`. */
  run(machine: Machine, region: number, instructions: number, horizon: number): MachineStop {
    const ram = this.#ram;
    this.#ram = undefined;
    if (ram === undefined || instructions < SHORT_INSTRUCTIONS) return machine.run(instructions, horizon);
    const key = this.#keyOf(machine, ram, region, instructions, horizon);
    const known = this.#slices.get(key);
    if (known === undefined) return this.#execute(machine, ram, key, instructions, horizon);
    if (!this.#sink.undisturbed(known.stores.length / 2)) return machine.run(instructions, horizon);
    this.#putInPlace(machine, ram, known);
    return known.stop;
  }

  nvramStored(word: number, value: number): void {
    if (this.#recording) this.#stores.push(word, value);
  }

  otherStored(): void {
    this.#recording = false;
  }

  #execute(machine: Machine, ram: Ram, key: number, instructions: number, horizon: number): MachineStop {
    this.#controlBefore.set(this.#control.subarray(0, Control.WORDS));
    this.#stores = [];
    machine.space.readElsewhere = false;
    this.#recording = true;
    const stop = machine.run(instructions, horizon);
    const kept = this.#recording && !machine.space.readElsewhere;
    this.#recording = false;
    if (!kept) return stop;
    if (this.#slices.size >= SLICES_KEPT || this.#pages >= PAGES_KEPT) this.#forget();
    const words = new Int32Array(machine.stateWords);
    machine.saveState(words);
    this.#ram = this.#ramAfter(ram);
    const control = this.#controlChanges();
    this.#slices.set(key, { stop, machine: words, control, stores: this.#stores, ram: this.#ram });
    return stop;
  }

  #forget(): void {
    this.#slices.clear();
    this.#pages = 0;
  }

  /** RAM as it is now, after it was `before`: pages that did not change are shared. */
  #ramAfter(before: Ram): Ram {
    const pages = new Map<number, Int32Array>();
    let changed = false;
    for (const page of this.#volatile.dirtyPages) {
      const start = this.#ramWord + page * PAGE_WORDS;
      const known = before.pages.get(page);
      if (known !== undefined && this.#holds(start, known)) {
        pages.set(page, known);
      } else {
        pages.set(page, this.#persistent.words.slice(start, start + PAGE_WORDS));
        this.#pages += 1;
        changed = true;
      }
    }
    if (!changed) return before;
    this.#rams += 1;
    return { number: this.#rams, pages };
  }

  #holds(start: number, page: Int32Array): boolean {
    const { words } = this.#persistent;
    for (let at = 0; at < PAGE_WORDS; at += 1) if (words[start + at] !== page[at]) return false;
    return true;
  }

  #controlChanges(): readonly number[] {
    const changes: number[] = [];
    for (let word = 0; word < Control.WORDS; word += 1) {
      const value = this.#control[word] as number;
      if (value !== this.#controlBefore[word]) changes.push(word, value);
    }
    return changes;
  }

  #putInPlace(machine: Machine, before: Ram, { machine: words, control, stores, ram }: Slice): void {
    const memory = this.#persistent;
    for (let at = 0; at < stores.length; at += 2) {
      this.#sink.beforeStore();
      memory.store(stores[at] as number, stores[at + 1] as number);
    }
    for (let at = 0; at < control.length; at += 2) {
      this.#control[control[at] as number] = control[at + 1] as number;
    }
    if (ram !== before) {
      for (const [page, content] of ram.pages) {
        if (before.pages.get(page) === content) continue;
        this.#volatile.touchPage(page);
        memory.words.set(content, this.#ramWord + page * PAGE_WORDS);
      }
      machine.ramChanged();
    }
    machine.restoreState(words);
    this.#ram = ram;
  }

  #keyOf(machine: Machine, ram: Ram, region: number, instructions: number, horizon: number): number {
    const sum = this.#sum;
    sum.clear();
    const words = this.#machineWords;
    machine.saveState(words);
    const { stateWords } = machine;
    for (let word = 0; word < stateWords; word += 1) {
      const value = words[word] as number;
      if (value !== 0) sum.add(word, value);
    }
    for (let word = 0; word < Control.WORDS; word += 1) {
      const value = this.#control[word] as number;
      // No machine can read which generation counts, and it is another one in nearly every case.
      if (value !== 0 && word !== Control.GENERATION) sum.add(STATE_WORDS + word, value);
    }
    let place = STATE_WORDS + Control.WORDS;
    sum.add(place++, region);
    sum.add(place++, this.#persistent.layout.regions.length);
    sum.add(place++, ram.number);
    sum.add(place++, instructions);
    sum.addLong(place, horizon === Number.POSITIVE_INFINITY ? -1 : horizon);
    sum.addLong(place + 2, this.#persistent.regionKey(region));
    sum.addLong(place + 4, this.#persistent.nvramKey());
    sum.addLong(place + 6, this.#persistent.unreadableKey());
    return sum.key;
  }
}
