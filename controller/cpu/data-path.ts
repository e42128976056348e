/**
 * Loads, stores and atomic memory operations of a hart in full generality: any address, any alignment, memory
 * or device. Engines do the plain cases themselves and come here for the rest; both give the same result.
 *
 * A fault is told by `cause` (0: none) and `faultAddress`, the first byte of the access that has nothing behind
 * it or may not be accessed (volume II, "mtval"); memory is then unchanged.
 */
import { LINE_SHIFT } from "../../emulator/memory/layout.ts";
import type { AccessGuard } from "./access-guard.ts";
import { Access } from "./access-zones.ts";
import type { AddressRange } from "./address-range.ts";
import { type AddressSpace, LineFlag, NOWHERE } from "./address-space.ts";
import { Op } from "./decode.ts";
import {
  type AccessRecorder,
  BUS_FAULT,
  type Bus,
  Cause,
  type CodeCache,
  type StoreObserver,
} from "./engine.ts";
import { Hart, NO_RESERVATION } from "./hart.ts";

const NO_CAUSE = 0;

export class DataPath {
  /** Of the last access: 0, or the exception it raises. */
  cause: Cause | 0 = NO_CAUSE;
  faultAddress = 0;
  /** Sees the stores that others must know of; see {@link StoreObserver}. */
  observer: StoreObserver | undefined;
  recorder: AccessRecorder | undefined;
  readonly #space: AddressSpace;
  readonly #hart: Int32Array;
  readonly #bus: Bus;
  readonly #guard: AccessGuard;
  readonly #caches: CodeCache[] = [];

  constructor(space: AddressSpace, hart: Int32Array, bus: Bus, guard: AccessGuard) {
    this.#space = space;
    this.#hart = hart;
    this.#bus = bus;
    this.#guard = guard;
  }

  /** Has `cache` told of stores to lines that carry LineFlag.CODE. */
  addCodeCache(cache: CodeCache): void {
    this.#caches.push(cache);
  }

  /** `fence.i`: every copy of code in RAM is dropped. */
  fenceInstructions(): void {
    for (const cache of this.#caches) cache.dropRam();
  }

  /** Bytes of a region changed: every copy of its code is dropped, or of the part that these addresses of the window are. */
  regionChanged(region: number, part?: AddressRange): void {
    for (const cache of this.#caches) cache.dropRegion(region, part);
  }

  /** Whether an instruction may execute that begins in these ranges, and no longer in those, is asked first. */
  watchExecution(now: readonly AddressRange[], was: readonly AddressRange[]): void {
    for (const cache of this.#caches) cache.watchExecution(now, was);
  }

  /** Loads 1, 2 or 4 bytes, zero-extended; 4 bytes as a signed 32-bit number. */
  load(address: number, size: number): number {
    this.cause = NO_CAUSE;
    if (this.#refuses(address, size, Access.LOAD)) return 0;
    const offset = this.#space.readable(address, size);
    if (offset !== NOWHERE) return this.#read(offset, size);
    const value = this.#bus.load(address, size);
    if (value !== BUS_FAULT) return value | 0;
    return this.#loadAcross(address, size);
  }

  /** Stores the low 1, 2 or 4 bytes of `value`. */
  store(address: number, size: number, value: number): void {
    this.cause = NO_CAUSE;
    if (!this.#refuses(address, size, Access.STORE)) this.storeUnchecked(address, size, value);
  }

  /** The same for another hand than the hart's, which no protection binds. */
  storeUnchecked(address: number, size: number, value: number): void {
    this.cause = NO_CAUSE;
    const offset = this.#space.writable(address, size);
    if (offset !== NOWHERE) {
      this.#write(offset, size, value);
    } else if (this.#bus.store(address, size, value) === BUS_FAULT) {
      this.#storeAcross(address, size, value);
    }
  }

  loadReserved(address: number): number {
    this.#hart[Hart.RESERVATION] = NO_RESERVATION;
    if ((address & 3) !== 0) return this.#fault(Cause.LOAD_MISALIGNED, address);
    if (this.#refuses(address, 4, Access.LOAD)) return 0;
    const offset = this.#space.readable(address, 4);
    if (offset === NOWHERE) return this.#fault(Cause.LOAD_ACCESS_FAULT, address);
    this.cause = NO_CAUSE;
    this.#hart[Hart.RESERVATION] = address;
    return this.#read(offset, 4);
  }

  /** 0 if the store was made, 1 if the reservation was gone. It faults where a store would, either way. */
  storeConditional(address: number, value: number): number {
    const offset = this.#atomicTarget(address);
    if (offset === NOWHERE) return 0;
    const reserved = this.#hart[Hart.RESERVATION] === address;
    this.#hart[Hart.RESERVATION] = NO_RESERVATION;
    if (!reserved) return 1;
    this.#write(offset, 4, value);
    return 0;
  }

  /** Returns what memory held. */
  atomic(op: Op, address: number, value: number): number {
    const offset = this.#atomicTarget(address);
    if (offset === NOWHERE) return 0;
    const old = this.#read(offset, 4);
    this.#write(offset, 4, combine(op, old, value));
    return old;
  }

  /** AMOs and SC need an aligned word of memory; devices take none. */
  #atomicTarget(address: number): number {
    this.cause = NO_CAUSE;
    const aligned = (address & 3) === 0;
    if (aligned && this.#refuses(address, 4, Access.STORE)) return NOWHERE;
    const offset = aligned ? this.#space.writable(address, 4) : NOWHERE;
    if (offset === NOWHERE) {
      this.#fault(aligned ? Cause.STORE_ACCESS_FAULT : Cause.STORE_MISALIGNED, address);
    }
    return offset;
  }

  /**
   * The second look: whether a load or store must not be made, with the fault told. What needs one and lies aligned does
   * as a whole, since it lies in one zone.
   */
  #refuses(address: number, size: number, access: Access): boolean {
    const { view } = this.#guard;
    if (!view.forbidsData) return false;
    const step = (address & (size - 1)) === 0 ? size : 1;
    for (let at = 0; at < size; at += step) {
      if ((view.forbiddenAt(address + at) & access) === 0) continue;
      this.#faultWithin(address, at, access);
      return true;
    }
    return false;
  }

  /** Byte `at` of the access may not be accessed; one before it may have nothing behind it. */
  #faultWithin(address: number, at: number, access: Access): void {
    let first = 0;
    const isThere = (byte: number): boolean =>
      (access === Access.LOAD ? this.#space.readable(byte, 1) : this.#space.writable(byte, 1)) !== NOWHERE;
    while (first < at && isThere(address + first)) first++;
    const cause = access === Access.LOAD ? Cause.LOAD_ACCESS_FAULT : Cause.STORE_ACCESS_FAULT;
    this.#fault(cause, address + first);
  }

  #fault(cause: Cause, address: number): number {
    this.cause = cause;
    this.faultAddress = address | 0;
    return 0;
  }

  #read(offset: number, size: number): number {
    this.recorder?.loads(offset, size);
    const { bytes, words } = this.#space;
    if (size === 4 && (offset & 3) === 0) return words[offset >>> 2] as number;
    let value = 0;
    for (let at = size - 1; at >= 0; at--) value = (value << 8) | (bytes[offset + at] as number);
    return value;
  }

  #write(offset: number, size: number, value: number): void {
    const flags = this.#flags(offset, size);
    const observer = (flags & LineFlag.WATCHED) === 0 ? undefined : this.observer;
    observer?.beforeStore(offset, size);
    this.recorder?.stores(offset, size);
    const { bytes, halves, words } = this.#space;
    // An aligned store is one access: other threads and a power cut see all of it or nothing.
    if (size === 4 && (offset & 3) === 0) words[offset >>> 2] = value;
    else if (size === 2 && (offset & 1) === 0) halves[offset >>> 1] = value;
    else for (let at = 0; at < size; at++) bytes[offset + at] = value >> (8 * at);
    if ((flags & LineFlag.CODE) !== 0) {
      for (const cache of this.#caches) cache.ramChanged(offset, size);
    }
    observer?.afterStore(offset, size);
  }

  /** {@link LineFlag} of what is stored to. NVRAM and host memory are always watched. */
  #flags(offset: number, size: number): number {
    const { ramOffset, ramFlags } = this.#space;
    const inRam = offset - ramOffset;
    if (inRam < 0) return LineFlag.WATCHED;
    return (
      (ramFlags[inRam >>> LINE_SHIFT] as number) | (ramFlags[(inRam + size - 1) >>> LINE_SHIFT] as number)
    );
  }

  /** An access that no single segment takes: it lies across two, or it faults. */
  #loadAcross(address: number, size: number): number {
    let value = 0;
    for (let at = 0; at < size; at++) {
      const offset = this.#space.readable(address + at, 1);
      if (offset === NOWHERE) return this.#fault(Cause.LOAD_ACCESS_FAULT, address + at);
      this.recorder?.loads(offset, 1);
      value |= (this.#space.bytes[offset] as number) << (8 * at);
    }
    return value;
  }

  #storeAcross(address: number, size: number, value: number): void {
    for (let at = 0; at < size; at++) {
      if (this.#space.writable(address + at, 1) === NOWHERE) {
        this.#fault(Cause.STORE_ACCESS_FAULT, address + at);
        return;
      }
    }
    for (let at = 0; at < size; at++) {
      this.#write(this.#space.writable(address + at, 1), 1, value >> (8 * at));
    }
  }
}

function combine(op: Op, old: number, value: number): number {
  switch (op) {
    case Op.AMOSWAP_W:
      return value;
    case Op.AMOADD_W:
      return (old + value) | 0;
    case Op.AMOXOR_W:
      return old ^ value;
    case Op.AMOAND_W:
      return old & value;
    case Op.AMOOR_W:
      return old | value;
    case Op.AMOMIN_W:
      return Math.min(old, value);
    case Op.AMOMAX_W:
      return Math.max(old, value);
    case Op.AMOMINU_W:
      return old >>> 0 < value >>> 0 ? old : value;
    case Op.AMOMAXU_W:
      return old >>> 0 > value >>> 0 ? old : value;
    default:
      throw new Error(`operation ${op} is no AMO`);
  }
}
