/**
 * What firmware asks of the controller's flash: posted by its hart into the control block, carried out by the memory emulator
 * worker (operations) or the supervisor's main thread (requests), each of which answers into words of its own.
 *
 * Invariants: a version has one post open at a time; a post is read whole or not at all, also where the version that was
 * storing it was stopped in its midst; an answer names its post by number, so that none is taken for another's. Whether a
 * region may be written is looked up by the hart before it posts, and by whoever writes before each unit.
 */
import { Control } from "./control.ts";

export const enum FlashAction {
  PROGRAM = 1,
  ERASE = 2,
  /** Requests from here on. */
  BEGIN = 16,
  END = 17,
  ACTIVATE = 18,
}

/** Values of the flash controller's STATUS. docs/hardware.md. */
export const enum FlashStatus {
  /** Busy, or nothing yet. */
  NONE = 0,
  DONE = 1,
  MISALIGNED = 8,
  RANGE = 9,
  /** Protected, or not begun. */
  REFUSED = 10,
  NOT_ERASED = 11,
  ECC = 12,
  /** Without the key. */
  LOCKED = 13,
  FAILED = 14,
  DIFFERS = 15,
}

export interface FlashAsk {
  readonly action: FlashAction;
  readonly region: number;
  /** Of an operation, all three: bytes in the region, and where in RAM a program's data is, a physical address. */
  readonly offset: number;
  readonly length: number;
  readonly memory: number;
  /** Boot epoch of the version that asks. */
  readonly epoch: number;
}

export interface FlashPost extends FlashAsk {
  /** Even, and never 0. */
  readonly number: number;
}

export function isRequest(action: FlashAction): boolean {
  return action >= FlashAction.BEGIN;
}

/** Posts it for whoever waits; returns its number. The hart's side. */
export function postFlash(control: Int32Array, ask: FlashAsk): number {
  // Odd already where a version was stopped while it stored one.
  const storing = Atomics.load(control, Control.FLASH_POSTED) | 1;
  const number = (storing + 1) | 0 || 2;
  Atomics.store(control, Control.FLASH_POSTED, storing);
  Atomics.store(control, Control.FLASH_ACTION, ask.action);
  Atomics.store(control, Control.FLASH_REGION, ask.region);
  Atomics.store(control, Control.FLASH_OFFSET, ask.offset);
  Atomics.store(control, Control.FLASH_LENGTH, ask.length);
  Atomics.store(control, Control.FLASH_MEMORY, ask.memory);
  Atomics.store(control, Control.FLASH_BY, ask.epoch);
  Atomics.store(control, Control.FLASH_POSTED, number);
  Atomics.notify(control, Control.FLASH_POSTED);
  return number;
}

/** What was posted last; undefined where nothing was, or something is being posted, of which one hears once it is. */
export function readPost(control: Int32Array): FlashPost | undefined {
  const number = Atomics.load(control, Control.FLASH_POSTED);
  if (number === 0 || (number & 1) !== 0) return undefined;
  const word = (at: Control): number => Atomics.load(control, at) >>> 0;
  const post: FlashPost = {
    number,
    action: word(Control.FLASH_ACTION),
    region: word(Control.FLASH_REGION),
    offset: word(Control.FLASH_OFFSET),
    length: word(Control.FLASH_LENGTH),
    memory: word(Control.FLASH_MEMORY),
    epoch: Atomics.load(control, Control.FLASH_BY),
  };
  return Atomics.load(control, Control.FLASH_POSTED) === number ? post : undefined;
}

/** Answers a request. */
export function answerRequest(control: Int32Array, number: number, status: FlashStatus): void {
  Atomics.store(control, Control.FLASH_ANSWER, status);
  Atomics.store(control, Control.FLASH_ANSWERED, number);
}

/** Tells how an operation ended, and where it went wrong. */
export function tellFlashEnd(control: Int32Array, number: number, status: FlashStatus, offset: number): void {
  Atomics.store(control, Control.FLASH_STATUS, status);
  Atomics.store(control, Control.FLASH_FAIL_OFFSET, offset);
  Atomics.store(control, Control.FLASH_ENDED, number);
}

/** The version of this boot epoch executes, and is not being stopped. */
export function isServed(control: Int32Array, epoch: number): boolean {
  return epoch !== 0 && Atomics.load(control, Control.FLASH_EPOCH) === epoch;
}

/** That version has begun to write the region, which is not the primary. */
export function mayWriteRegion(control: Int32Array, region: number, epoch: number): boolean {
  return (
    isServed(control, epoch) &&
    Atomics.load(control, Control.FLASH_BEGUN + region) === epoch &&
    Atomics.load(control, Control.REGION) !== region
  );
}
