/**
 * The appender: takes persistent stores out of the ring in their order and appends them to the flash file.
 *
 * It keeps a shadow of persistent memory as of the last store taken, from which checkpoints are written, so that a
 * checkpoint is a state of one moment while all threads go on storing.
 * Invariants: a store is in the file before its place in the ring is free; DURABLE is raised after fdatasync; while
 * the file cannot be written stores go on into the shadow alone, DURABLE stands still, and a checkpoint is tried
 * again every {@link RETRY_MS}.
 *
 * When it syncs: at once when somebody waits for durability, else {@link SYNC_MS} after the first store that is not.
 * A killed process loses what it had not appended yet (at most a turn of the shell's timer), a machine that loses
 * power what was not synced; neither loses what was acknowledged.
 *
 * No thread and no clock inside: the memory emulator worker calls {@link Appender.drain}.
 */
import { describe, errorCode, type FileSystem } from "./file-system.ts";
import {
  checkpointDueBytes,
  encodeRecord,
  RECORD_HEADER_BYTES,
  RecordKind,
  recordBytes,
} from "./flash-file.ts";
import { FlashFileLostError, type FlashFileWriter } from "./flash-file-writer.ts";
import {
  NO_ROOM,
  nextNumber,
  numberDistance,
  numberOf,
  type PersistRing,
  PersistState,
  RingWord,
  StoreKind,
  Taken,
  type TakenStore,
} from "./persist-ring.ts";
import { ERASED, memoryOffsetOf, type PersistentSpace, readSpace } from "./persistent-space.ts";

/** Unacknowledged stores are on stable storage after this long. */
const SYNC_MS = 1_000;
/** How often a file that could not be written is tried again. */
const RETRY_MS = 1_000;
/** A place unpublished for this long is given up: its thread was ended, or is so late that it will count a loss. */
const PENDING_MS = 20;
/** How often the file is looked for under its name while nothing is synced. */
const LOOK_MS = 100;
/** Records gathered for one write. The largest record, a sector of 64 KiB, fits twice. */
const BATCH_BYTES = 256 * 1024;
/** Looks at a place that is just being published, about ten microseconds. */
const SPINS = 1_000;
/** Snapshots tried in one turn while stores keep slipping through. */
const SNAPSHOTS = 8;

export interface AppenderParts {
  readonly fs: FileSystem;
  readonly path: string;
  readonly space: PersistentSpace;
  readonly ring: PersistRing;
  /** The whole shared memory. */
  readonly memory: Uint8Array;
  /** Tells, once each time it changes, that the file cannot be written (why) or can again (undefined). */
  readonly onFailure: (reason: string | undefined) => void;
  /** Called after DURABLE or STATE has changed. */
  readonly onProgress: () => void;
}

export class Appender {
  readonly #parts: AppenderParts;
  readonly #writer: FlashFileWriter;
  /** Persistent memory as of #sequence. */
  readonly #shadow: Uint8Array;
  readonly #batch = new Int32Array(BATCH_BYTES / 4);
  readonly #batchBytes = new Uint8Array(this.#batch.buffer);
  #batchWords = 0;
  /** Of the last store taken. */
  #sequence: number;
  readonly #taken: TakenStore = { kind: StoreKind.WORD, offset: 0, bytes: 0, value: 0 };
  /** The ring does not tell all that was stored: a checkpoint of live memory has to. */
  #lost: boolean;
  /** Number of the last store to a region. */
  #lastRegion: number | undefined;
  #pendingSinceMs: number | undefined;
  #syncedWanted = 0;
  #unsyncedSinceMs: number | undefined;
  #failure: string | undefined;
  #retryAtMs = 0;
  #lookedAtMs = 0;

  /**
   * @param writer of the file, which holds `image` as of `sequence`; a broken one makes a new file of live memory
   * The ring was started behind `sequence`, or an appender that died had worked on it and taken all up to it.
   */
  constructor(parts: AppenderParts, writer: FlashFileWriter, image: Uint8Array, sequence: number) {
    this.#parts = parts;
    this.#writer = writer;
    this.#shadow = image;
    this.#sequence = sequence;
    this.#lost = writer.broken;
    Atomics.store(parts.ring.words, RingWord.STATE, PersistState.ON);
  }

  /** Why the file cannot be written, undefined while it can. */
  get failure(): string | undefined {
    return this.#failure;
  }

  get sequence(): number {
    return this.#sequence;
  }

  /** Takes what the ring holds and brings the file up to date. Never throws for what the file system does. */
  drain(nowMs: number): void {
    const { ring } = this.#parts;
    const wanted = Atomics.load(ring.words, RingWord.WANTED);
    try {
      if (Atomics.load(ring.words, RingWord.LOSSES) !== Atomics.load(ring.words, RingWord.COVERED)) {
        this.#lost = true;
      }
      if (!this.#lost) this.#takeAll(nowMs);
      const retry = this.#failure === undefined || nowMs >= this.#retryAtMs;
      if (this.#lost && retry) this.#snapshot(nowMs);
      if (!this.#lost && retry) this.#bringUpToDate(wanted, nowMs);
      this.#look(nowMs);
    } catch (error) {
      if (errorCode(error) === undefined) throw error;
      this.#fail(error, nowMs);
    }
  }

  /** Makes a store to a region (bytes of it, or its erasure) through the ring. Only the appender's own thread may. */
  storeRegion(
    kind: StoreKind.BYTES | StoreKind.ERASE,
    offset: number,
    bytes: number,
    make: () => void,
    nowMs: number,
  ): void {
    const { ring } = this.#parts;
    this.drain(nowMs);
    // What was stored to regions before has been read from memory by now, or a checkpoint has to tell it.
    if (this.#lastRegion !== undefined && numberDistance(ring.head, this.#lastRegion) <= 0) this.#lost = true;
    const number = ring.reserve();
    make();
    ring.publish(number, kind, offset, bytes, 0);
    this.#lastRegion = number === NO_ROOM ? undefined : number;
  }

  /** Brings everything to stable storage, if need be into a new file, and lets go of it. */
  close(nowMs: number): void {
    this.#parts.ring.want();
    this.drain(nowMs);
    if (this.#failure !== undefined) this.drain(nowMs + RETRY_MS);
    this.#writer.close();
  }

  // Taking --------------------------------------------------------------------------------------------------

  /** Takes published stores, one after the other, into the file and the shadow. */
  #takeAll(nowMs: number): void {
    while (this.#takeNext(nowMs)) {
      if (this.#failure === undefined) this.#encodeTaken();
      this.#apply();
      this.#sequence += 1;
    }
    this.#flush();
    this.#parts.ring.release(numberOf(this.#sequence + 1));
  }

  #takeNext(nowMs: number): boolean {
    const { ring } = this.#parts;
    const number = numberOf(this.#sequence + 1);
    switch (this.#takeSpinning(number)) {
      case Taken.STORE:
        this.#pendingSinceMs = undefined;
        return true;
      case Taken.NOTHING:
        this.#pendingSinceMs = undefined;
        return false;
      case Taken.GARBLED:
        this.#lost = true;
        return false;
      case Taken.PENDING:
        if (this.#isOverdue(nowMs) && ring.giveUp(number)) this.#lost = true;
        return false;
    }
  }

  #takeSpinning(number: number): Taken {
    const { ring } = this.#parts;
    for (let spin = 0; spin < SPINS; spin += 1) {
      const taken = ring.take(number, this.#taken);
      if (taken !== Taken.PENDING) return taken;
    }
    return Taken.PENDING;
  }

  #isOverdue(nowMs: number): boolean {
    this.#pendingSinceMs ??= nowMs;
    return nowMs - this.#pendingSinceMs >= PENDING_MS;
  }

  #apply(): void {
    const { kind, offset, bytes, value } = this.#taken;
    if (kind === StoreKind.WORD) {
      for (let at = 0; at < bytes; at += 1) this.#shadow[offset + at] = value >> (8 * at);
    } else if (kind === StoreKind.ERASE) {
      this.#shadow.fill(ERASED, offset, offset + bytes);
    } else {
      this.#shadow.set(this.#live(offset, bytes), offset);
    }
  }

  #live(offset: number, bytes: number): Uint8Array {
    const { space, memory } = this.#parts;
    const start = memoryOffsetOf(space, offset, bytes);
    return memory.subarray(start, start + bytes);
  }

  // The file ------------------------------------------------------------------------------------------------

  #encodeTaken(): void {
    const { kind, offset, bytes, value } = this.#taken;
    const dataBytes = kind === StoreKind.ERASE ? 0 : bytes;
    if (this.#batchWords * 4 + recordBytes(dataBytes) > BATCH_BYTES) this.#flush();
    const data = this.#batchWords + RECORD_HEADER_BYTES / 4;
    if (kind === StoreKind.WORD) {
      this.#batch[data] = bytes === 4 ? value : value & ((1 << (8 * bytes)) - 1);
    } else if (kind === StoreKind.BYTES) {
      this.#batch[data + Math.ceil(bytes / 4) - 1] = 0;
      this.#batchBytes.set(this.#live(offset, bytes), data * 4);
    }
    const recordKind = kind === StoreKind.ERASE ? RecordKind.ERASE : RecordKind.STORE;
    const sequence = this.#sequence + 1;
    this.#batchWords += encodeRecord(
      this.#batch,
      this.#batchWords,
      recordKind,
      sequence,
      offset,
      bytes,
      dataBytes,
    );
  }

  #flush(): void {
    const bytes = this.#batchWords * 4;
    this.#batchWords = 0;
    if (bytes > 0) this.#writer.append(this.#batchBytes, bytes);
  }

  #bringUpToDate(wanted: number, nowMs: number): void {
    const isDue = this.#writer.endBytes > checkpointDueBytes(this.#parts.space);
    if (this.#failure !== undefined || isDue) {
      this.#checkpoint();
      this.#syncedWanted = wanted;
      return;
    }
    const durable = Atomics.load(this.#parts.ring.words, RingWord.DURABLE);
    if (durable === numberOf(this.#sequence + 1)) {
      this.#syncedWanted = wanted;
      return;
    }
    this.#unsyncedSinceMs ??= nowMs;
    if (wanted === this.#syncedWanted && nowMs - this.#unsyncedSinceMs < SYNC_MS) return;
    this.#writer.sync(this.#sequence);
    this.#syncedWanted = wanted;
    this.#publishDurable();
  }

  /** A file that nobody would find again is noticed also while nothing is stored. */
  #look(nowMs: number): void {
    if (this.#writer.broken || nowMs - this.#lookedAtMs < LOOK_MS) return;
    this.#lookedAtMs = nowMs;
    this.#writer.requireKept();
  }

  #checkpoint(): void {
    this.#batchWords = 0;
    this.#writer.checkpoint(this.#sequence, this.#shadow);
    this.#publishDurable();
    if (this.#failure === undefined) return;
    this.#failure = undefined;
    Atomics.store(this.#parts.ring.words, RingWord.STATE, PersistState.ON);
    this.#parts.onFailure(undefined);
    this.#parts.onProgress();
  }

  #publishDurable(): void {
    this.#unsyncedSinceMs = undefined;
    Atomics.store(this.#parts.ring.words, RingWord.DURABLE, numberOf(this.#sequence + 1));
    this.#parts.onProgress();
  }

  #fail(error: unknown, nowMs: number): void {
    const { ring, path, onFailure, onProgress } = this.#parts;
    // Part of what was taken may be in no file: what the ring still holds is the shadow's business from here on.
    this.#batchWords = 0;
    const isLost = error instanceof FlashFileLostError;
    // There is nothing that had to become better before a new file can be made.
    this.#retryAtMs = isLost ? nowMs : nowMs + RETRY_MS;
    const reason = `the flash file ${path} ${isLost ? "is lost" : "cannot be written"}: ${describe(error)}`;
    if (this.#failure === reason) return;
    this.#failure = reason;
    Atomics.store(ring.words, RingWord.STATE, PersistState.FAILING);
    Atomics.add(ring.words, RingWord.FAILURES, 1);
    onFailure(reason);
    onProgress();
  }

  // Losses --------------------------------------------------------------------------------------------------

  /**
   * Makes the shadow what memory is, at one number, and checkpoints it. Copying takes time in which threads store:
   * what they published meanwhile is applied to the copy, which brings every byte they touched to its state of that
   * number; a store that the ring missed meanwhile means another try.
   */
  #snapshot(nowMs: number): void {
    const { ring, space, memory } = this.#parts;
    for (let attempt = 0; attempt < SNAPSHOTS; attempt += 1) {
      const losses = Atomics.load(ring.words, RingWord.LOSSES);
      if (!this.#settlePlaces(nowMs)) return;
      readSpace(space, memory, this.#shadow);
      const exact = this.#applyUntil(Atomics.load(ring.words, RingWord.NEXT));
      if (!exact || Atomics.load(ring.words, RingWord.LOSSES) !== losses) continue;
      this.#checkpoint();
      this.#lost = false;
      ring.release(numberOf(this.#sequence + 1));
      Atomics.store(ring.words, RingWord.COVERED, losses);
      this.#parts.onProgress();
      return;
    }
  }

  /** Passes by every place taken so far; false while one of them is still to be published or given up. */
  #settlePlaces(nowMs: number): boolean {
    const { ring } = this.#parts;
    const next = Atomics.load(ring.words, RingWord.NEXT);
    for (let number = numberOf(this.#sequence + 1); number !== next; number = nextNumber(number)) {
      if (this.#takeSpinning(number) === Taken.PENDING) {
        if (!this.#isOverdue(nowMs) || !ring.giveUp(number)) return false;
      }
      this.#pendingSinceMs = undefined;
      this.#sequence += 1;
    }
    return true;
  }

  /** Applies all stores before `next`; false when one of them cannot be had. */
  #applyUntil(next: number): boolean {
    for (let number = numberOf(this.#sequence + 1); number !== next; number = nextNumber(number)) {
      if (this.#takeSpinning(number) !== Taken.STORE) return false;
      this.#apply();
      this.#sequence += 1;
    }
    return true;
  }
}
