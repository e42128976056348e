/**
 * The ring in shared memory through which every persistent store goes, whoever makes it: the supervisor's main thread
 * (table, security floor), a controller worker (the firmware's NVRAM), the memory emulator worker (regions).
 *
 * A producer takes a place ({@link PersistRing.reserve}), makes its store, then publishes what it stored. The place
 * is the store's number: numbers order the stores of all threads, and two whose making overlapped may stand either
 * way. The memory emulator worker alone takes them out (appender.ts).
 *
 * Invariants: a producer never waits and its store is always made. Where the ring cannot tell of it (full, or the
 * producer was so late that its place was given up), the loss is counted after the store, and the appender answers
 * with a checkpoint of all persistent memory. Whoever waits for durability waits for a number *and* for the losses
 * counted so far, so nothing is called durable that is not in the file.
 * A place that stays unpublished (its thread was ended between two instructions) is given up by the appender and
 * treated as a loss.
 */
import { monotonicNs } from "../base/clock.ts";
import { type Layout, PAGE_BYTES, PERSIST_RING_BYTES } from "../memory/layout.ts";

/** Words at the start of the ring; those that different threads write lie on different cache lines. */
export const enum RingWord {
  /** Number that the next store will take. Producers. */
  NEXT = 0,
  /** Number of the oldest store that is not in the flash file yet. Appender, which notifies it. */
  HEAD = 16,
  /** Every store before this number is on stable storage. Appender. */
  DURABLE = 32,
  /** Losses that the last checkpoint covers. Appender. */
  COVERED = 33,
  /** {@link PersistState}. Appender. */
  STATE = 34,
  /** Raised with {@link STATE}: times that the flash file could not be written. Appender. */
  FAILURES = 35,
  /** Stores that the ring could not take. Producers. */
  LOSSES = 48,
  /** Raised and notified by whoever waits for durability. */
  WANTED = 64,
}

export const enum PersistState {
  /** Nothing is kept: there is no flash file. */
  OFF = 0,
  ON = 1,
  /** The flash file cannot be written at the moment; nothing becomes durable. */
  FAILING = 2,
}

export const enum StoreKind {
  /** Up to 4 bytes, in the entry. */
  WORD = 1,
  /** Bytes of a region, to be read from memory: their only writer is the appender's own thread. */
  BYTES = 2,
  ERASE = 3,
}

/** Words of an entry. */
const enum Entry {
  STATE = 0,
  KIND = 1,
  OFFSET = 2,
  LENGTH = 3,
  VALUE = 4,
  /** Over the words before it and the number: tells an entry that two threads wrote. */
  CHECK = 5,
  WORDS = 8,
}

const HEADER_WORDS = PAGE_BYTES / 4;
export const RING_ENTRIES = (PERSIST_RING_BYTES - PAGE_BYTES) / (Entry.WORDS * 4);
/** Numbers count modulo 2^30: sequence arithmetic, and room for the states of an entry in a signed word. */
const NUMBER_MASK = 0x3fff_ffff;
/** What {@link PersistRing.reserve} answers when there is no room; any number of stores may still be made. */
export const NO_ROOM = -1;

/** A store as it was taken out; reused from one to the next. */
export interface TakenStore {
  kind: StoreKind;
  /** In the persistent space. */
  offset: number;
  bytes: number;
  value: number;
}

/** What {@link PersistRing.take} found at the head. */
export const enum Taken {
  NOTHING = 0,
  STORE = 1,
  /** A place taken and not published yet. */
  PENDING = 2,
  /** An entry that is not what one producer wrote. */
  GARBLED = 3,
}

/** Everything stored before a moment. */
export interface PersistMark {
  readonly number: number;
  readonly losses: number;
}

/** How far `a` is ahead of `b`, −2^29 to 2^29 − 1. */
export function numberDistance(a: number, b: number): number {
  return ((a - b) << 2) >> 2;
}

/** Number of the store with this sequence number in the flash file. */
export function numberOf(sequence: number): number {
  return sequence % (NUMBER_MASK + 1);
}

function published(number: number): number {
  return number + 1;
}

function givenUp(number: number): number {
  return -2 - number;
}

function checkOf(number: number, kind: number, offset: number, bytes: number, value: number): number {
  let mix = Math.imul(number ^ 0x5bd1_e995, 0x9e37_79b1) ^ kind;
  mix = Math.imul(mix ^ (mix >>> 15) ^ offset, 0x85eb_ca77);
  mix = Math.imul(mix ^ (mix >>> 13) ^ value, 0xc2b2_ae3d);
  return mix ^ (mix >>> 16) ^ bytes;
}

export class PersistRing {
  readonly words: Int32Array;

  constructor(memory: WebAssembly.Memory, layout: Layout) {
    this.words = new Int32Array(memory.buffer, layout.persistRing, PERSIST_RING_BYTES / 4);
  }

  /** Starts the ring behind the store with this sequence number; before any producer exists. */
  start(sequence: number): void {
    const next = numberOf(sequence + 1);
    this.words.fill(0);
    for (const word of [RingWord.NEXT, RingWord.HEAD, RingWord.DURABLE]) this.words[word] = next;
    Atomics.store(this.words, RingWord.STATE, PersistState.ON);
  }

  // Producers -----------------------------------------------------------------------------------------------

  /** Takes the number of a store about to be made, or {@link NO_ROOM}. The store follows, then {@link publish}. */
  reserve(): number {
    const { words } = this;
    for (;;) {
      const next = Atomics.load(words, RingWord.NEXT);
      if (numberDistance(next, Atomics.load(words, RingWord.HEAD)) >= RING_ENTRIES) return NO_ROOM;
      if (Atomics.compareExchange(words, RingWord.NEXT, next, (next + 1) & NUMBER_MASK) === next) return next;
    }
  }

  /** Tells of the store that was made under `number`. */
  publish(number: number, kind: StoreKind, offset: number, bytes: number, value: number): void {
    const { words } = this;
    if (number === NO_ROOM) {
      Atomics.add(words, RingWord.LOSSES, 1);
      return;
    }
    const at = entryAt(number);
    const before = Atomics.load(words, at + Entry.STATE);
    if (before !== givenUp(number)) {
      words[at + Entry.KIND] = kind;
      words[at + Entry.OFFSET] = offset;
      words[at + Entry.LENGTH] = bytes;
      words[at + Entry.VALUE] = value;
      words[at + Entry.CHECK] = checkOf(number, kind, offset, bytes, value);
      if (Atomics.compareExchange(words, at + Entry.STATE, before, published(number)) === before) return;
    }
    Atomics.add(words, RingWord.LOSSES, 1);
  }

  /**
   * Where more than half of the ring is taken, waits until the appender has worked, `timeoutMs` at most. For threads
   * that may wait at all; it leaves the other half to those that may not. Returns how long it waited, in nanoseconds.
   */
  awaitRoom(timeoutMs: number): number {
    const { words } = this;
    const head = Atomics.load(words, RingWord.HEAD);
    if (this.state !== PersistState.ON) return 0;
    if (numberDistance(Atomics.load(words, RingWord.NEXT), head) < RING_ENTRIES / 2) return 0;
    const beganNs = monotonicNs();
    this.want();
    Atomics.wait(words, RingWord.HEAD, head, timeoutMs);
    return monotonicNs() - beganNs;
  }

  // Durability ----------------------------------------------------------------------------------------------

  /** Everything stored until now by threads whose stores the caller knows of. */
  mark(): PersistMark {
    return {
      number: Atomics.load(this.words, RingWord.NEXT),
      losses: Atomics.load(this.words, RingWord.LOSSES),
    };
  }

  /** Whether all before the mark is on stable storage. */
  isDurable({ number, losses }: PersistMark): boolean {
    return (
      numberDistance(this.durable, number) >= 0 &&
      ((Atomics.load(this.words, RingWord.COVERED) - losses) | 0) >= 0
    );
  }

  /** Has the appender bring the file up to date at once. */
  want(): void {
    Atomics.add(this.words, RingWord.WANTED, 1);
    Atomics.notify(this.words, RingWord.WANTED);
  }

  /** Every store before this number is on stable storage. */
  get durable(): number {
    return Atomics.load(this.words, RingWord.DURABLE);
  }

  get state(): PersistState {
    return Atomics.load(this.words, RingWord.STATE);
  }

  // The appender --------------------------------------------------------------------------------------------

  get head(): number {
    return Atomics.load(this.words, RingWord.HEAD);
  }

  /** Copies the store at `number` to `into`. */
  take(number: number, into: TakenStore): Taken {
    const { words } = this;
    if (number === Atomics.load(words, RingWord.NEXT)) return Taken.NOTHING;
    const at = entryAt(number);
    if (Atomics.load(words, at + Entry.STATE) !== published(number)) return Taken.PENDING;
    into.kind = words[at + Entry.KIND] as number;
    into.offset = words[at + Entry.OFFSET] as number;
    into.bytes = words[at + Entry.LENGTH] as number;
    into.value = words[at + Entry.VALUE] as number;
    const check = checkOf(number, into.kind, into.offset, into.bytes, into.value);
    return words[at + Entry.CHECK] === check ? Taken.STORE : Taken.GARBLED;
  }

  /** Gives up a pending place: whoever took it will count a loss if it lives. False if it was published meanwhile. */
  giveUp(number: number): boolean {
    const at = entryAt(number);
    const before = Atomics.load(this.words, at + Entry.STATE);
    if (before === published(number)) return false;
    return Atomics.compareExchange(this.words, at + Entry.STATE, before, givenUp(number)) === before;
  }

  /** Stores before `number` are in the file; their places are free. */
  release(number: number): void {
    Atomics.store(this.words, RingWord.HEAD, number);
    Atomics.notify(this.words, RingWord.HEAD);
  }
}

function entryAt(number: number): number {
  return HEADER_WORDS + (number & (RING_ENTRIES - 1)) * Entry.WORDS;
}

/** The number that follows. */
export function nextNumber(number: number): number {
  return (number + 1) & NUMBER_MASK;
}

export function previousNumber(number: number): number {
  return (number - 1) & NUMBER_MASK;
}

if ((RING_ENTRIES & (RING_ENTRIES - 1)) !== 0) throw new Error("the persist ring is no power of two");
