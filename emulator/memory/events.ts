/**
 * The event ring: what happened when, stamped by every thread into shared memory in monotonic nanoseconds.
 *
 * Invariants: a writer owns the entry whose index it took with Atomics.add; the entry's sequence word is cleared
 * before the entry changes and stored last, so a reader that finds index + 1 before and after copying has a
 * whole entry. Old entries are overwritten; stamping never waits and never fails.
 */
import { Control, controlWords } from "./control.ts";
import { EVENT_RING_BYTES, type Layout } from "./layout.ts";

/**
 * What a device tells of itself, the live and the virtual one in the same words. The first ones are the steps of a
 * failover in their order, then what surrounds them; these stand in the ring. What follows a virtual device tells alone,
 * to its oracle (supervisor/sweep/flipside/virtual-event.ts).
 */
export const EVENT_NAMES = [
  "none",
  "fault",
  "detected",
  "stopped",
  "designated",
  "first-instruction",
  "ready",
  "first-command",
  "injected",
  "standby-ready",
  "safe-mode",
  "power-on",
  "confirmed",
  "recovered",
  "confirm-said",
  "requested",
  "acknowledged",
  "refused",
  "completions",
  "stuck",
] as const;
export type EventName = (typeof EVENT_NAMES)[number];

/** Places in {@link EVENT_NAMES} of what stands in the ring, for writers on hot paths. */
export const enum EventCode {
  FAULT = 1,
  /** The supervisor knows that a version failed. */
  DETECTED = 2,
  /** The version executes nothing any more. */
  STOPPED = 3,
  /** A table that designates the next version stands in both replicas. */
  DESIGNATED = 4,
  /** A version executes, or is about to, its first instruction. */
  FIRST_INSTRUCTION = 5,
  READY = 6,
  FIRST_COMMAND = 7,
  /** Something was done to the device on purpose. */
  INJECTED = 8,
  STANDBY_READY = 9,
  SAFE_MODE = 10,
  POWER_ON = 11,
  /** That the version works is recorded. */
  CONFIRMED = 12,
}

export interface DeviceEvent {
  /** Position in the ring since power-on, modulo 2^32. */
  readonly index: number;
  readonly name: EventName;
  readonly region: number;
  readonly bootEpoch: number;
  readonly timeNs: number;
}

const ENTRY_WORDS = 8;
export const EVENT_ENTRIES = EVENT_RING_BYTES / (ENTRY_WORDS * 4);
/** Word indices in an entry. */
const enum Entry {
  SEQUENCE = 0,
  NAME = 1,
  REGION = 2,
  BOOT_EPOCH = 3,
}
/** Index of the time in the Float64 view of an entry: words 4 and 5. */
const TIME_F64 = 2;

export class EventRing {
  readonly #control: Int32Array;
  readonly #words: Int32Array;
  readonly #times: Float64Array;

  constructor(memory: WebAssembly.Memory, layout: Layout) {
    this.#control = controlWords(memory, layout);
    this.#words = new Int32Array(memory.buffer, layout.eventRing, EVENT_RING_BYTES / 4);
    this.#times = new Float64Array(memory.buffer, layout.eventRing, EVENT_RING_BYTES / 8);
  }

  /** Index that the next event will take. */
  get next(): number {
    return Atomics.load(this.#control, Control.EVENT_NEXT) >>> 0;
  }

  stamp(code: EventCode, region: number, bootEpoch: number, timeNs: number): void {
    const index = Atomics.add(this.#control, Control.EVENT_NEXT, 1);
    const at = (index & (EVENT_ENTRIES - 1)) * ENTRY_WORDS;
    Atomics.store(this.#words, at + Entry.SEQUENCE, 0);
    this.#words[at + Entry.NAME] = code;
    this.#words[at + Entry.REGION] = region;
    this.#words[at + Entry.BOOT_EPOCH] = bootEpoch;
    this.#times[at / 2 + TIME_F64] = timeNs;
    Atomics.store(this.#words, at + Entry.SEQUENCE, sequenceOf(index));
  }

  /** Events from index `from` on that are still there and whole, oldest first. */
  read(from: number): DeviceEvent[] {
    const next = this.next;
    const events: DeviceEvent[] = [];
    for (let back = Math.min((next - from) >>> 0, EVENT_ENTRIES); back > 0; back--) {
      const event = this.#entry((next - back) >>> 0);
      if (event !== undefined) events.push(event);
    }
    return events;
  }

  #entry(index: number): DeviceEvent | undefined {
    const at = (index & (EVENT_ENTRIES - 1)) * ENTRY_WORDS;
    if (Atomics.load(this.#words, at + Entry.SEQUENCE) !== sequenceOf(index)) return undefined;
    const name = EVENT_NAMES[this.#words[at + Entry.NAME] ?? 0] ?? "none";
    const region = this.#words[at + Entry.REGION] ?? -1;
    const bootEpoch = this.#words[at + Entry.BOOT_EPOCH] ?? 0;
    const timeNs = this.#times[at / 2 + TIME_F64] ?? 0;
    if (Atomics.load(this.#words, at + Entry.SEQUENCE) !== sequenceOf(index)) return undefined;
    return { index, name, region, bootEpoch, timeNs };
  }
}

/** Never 0 but once around, which no entry outlives. */
function sequenceOf(index: number): number {
  return (index + 1) | 0;
}

if ((EVENT_ENTRIES & (EVENT_ENTRIES - 1)) !== 0) throw new Error("the event ring is no power of two");
