/**
 * The words that threads share beside the controller's memory: the control block (one per device) and the
 * parts of each slot block (one per controller worker slot) that are neither hart nor devices.
 *
 * Invariants: every word has exactly one writer at a time, named in its comment; words that different threads
 * write lie on different cache lines of 64 bytes; a word that publishes other words is stored last, with
 * Atomics. A thread that changes something another thread waits for stores first and rings second.
 */

import { CONTROL_BYTES, type Layout, SLOT_BYTES } from "./layout.ts";
import { MAX_REGIONS } from "./map.ts";
import { CQ_PHYSICAL, QUEUE_ENTRIES, SQ_PHYSICAL } from "./queues.ts";

/** Word indices in the control block. */
export const enum Control {
  /** CONTROL_MAGIC once the memory emulator worker has laid the memory out. */
  MAGIC = 0,
  /** Float64 at words 2–3: monotonic nanoseconds at power-on, where mtime is 0. */
  POWER_ON_NS_F64 = 1,
  /** Raised and notified by whoever has news for the supervisor's main thread, which alone waits here. */
  DOORBELL = 16,
  /** Generation that stands in both replicas. Supervisor. */
  GENERATION = 32,
  /** Raised at every start of a version. Supervisor. */
  BOOT_EPOCH = 48,
  BOOT_REASON = 49,
  /** Index of the region that executes, -1 for none. */
  REGION = 50,
  TRIAL = 51,
  /** Boot epoch of the version that said it is ready / works; hart. */
  READY = 64,
  CONFIRM = 65,
  /** What the version says that it can do (controller/devices/capabilities.ts); hart. 0 at each start: supervisor. */
  CAPABILITIES = 66,
  /** Host queue. Written at power-on. */
  QUEUE_ENTRIES = 80,
  SQ_ADDRESS = 81,
  CQ_ADDRESS = 82,
  /** Host's side of the queue: the supervisor's main thread. */
  SQ_TAIL = 96,
  CQ_HEAD = 97,
  /** 1 more than the SQ_TAIL at which all that was not fetched had been taken back; 0 for none. The same thread. */
  SQ_WITHDRAWN = 98,
  /** Firmware's side of the queue: the hart. */
  SQ_HEAD = 112,
  CQ_TAIL = 113,
  /** Per region: raised before any of its bytes change. Memory emulator worker and fault port. */
  STORE_EPOCH = 128,
  /** Per region: bytes stored so far, modulo 2^32. Memory emulator worker and fault port. */
  STORE_COUNT = 144,
  /** Next index of the event ring; any thread, by Atomics.add. */
  EVENT_NEXT = 160,
  /** Characters that the ring of the UART's output has taken, modulo 2^31; hart. */
  UART_NEXT = 176,
  /** State of power.ts, and the seed of a cut. Supervisor, then memory emulator worker. */
  POWER = 192,
  POWER_SEED = 193,
  /** Not 0 from a failure's detection until a version is ready or none may run: flash is not written. Supervisor. */
  FAILOVER = 208,
  /** Characters that were ever put into the ring of the UART's input, modulo 2^31. The supervisor's main thread. */
  UART_INPUT_TAIL = 224,
  /** Those of them that firmware has taken; hart. */
  UART_INPUT_HEAD = 240,
  /** What firmware last asked of the flash controller, in the order of flash-posts.ts; hart. Odd while it is being stored. */
  FLASH_POSTED = 256,
  FLASH_ACTION = 257,
  FLASH_REGION = 258,
  FLASH_OFFSET = 259,
  FLASH_LENGTH = 260,
  FLASH_MEMORY = 261,
  /** Boot epoch of the version that asks. */
  FLASH_BY = 262,
  /** The operation that ended last, how (FlashStatus), and where that went wrong. Memory emulator worker. */
  FLASH_ENDED = 272,
  FLASH_STATUS = 273,
  FLASH_FAIL_OFFSET = 274,
  /** The request that was answered last, and how (FlashStatus). Supervisor. */
  FLASH_ANSWERED = 288,
  FLASH_ANSWER = 289,
  /** Boot epoch of the version whose operations are carried out, 0 from its stop on. Supervisor. */
  FLASH_EPOCH = 290,
  /** Per region: boot epoch of the version that has begun to write it, 0 for none. Supervisor. */
  FLASH_BEGUN = 292,
  WORDS = 304,
}

export const CONTROL_MAGIC = 0x666c_6970;

/** What stands in the control block when power comes: a queue that is empty, and no version that executes. */
export function powerUpControl(control: Int32Array): void {
  control.fill(0, 0, Control.WORDS);
  control[Control.REGION] = -1;
  control[Control.QUEUE_ENTRIES] = QUEUE_ENTRIES;
  control[Control.SQ_ADDRESS] = SQ_PHYSICAL;
  control[Control.CQ_ADDRESS] = CQ_PHYSICAL;
}

/** Which version executes, for log lines: region (-1 for none), generation of the table, boot epoch. */
export function deviceState(control: Int32Array): Readonly<Record<string, number>> {
  return {
    region: Atomics.load(control, Control.REGION),
    generation: Atomics.load(control, Control.GENERATION) >>> 0,
    bootEpoch: Atomics.load(control, Control.BOOT_EPOCH),
  };
}

/** Word indices in a slot block, behind the hart state. */
export const enum SlotWord {
  /** {@link WorkerState}; the controller worker of the slot. */
  STATE = 128,
  /** Raised by the worker while it runs or is parked. */
  HEARTBEAT = 129,
  /** Region that the worker is prepared for, and the store epoch that its verification holds for. */
  VERIFIED_REGION = 130,
  VERIFIED_STORE_EPOCH = 131,
  /** {@link WorkerCommand}; supervisor, and the other slot's worker for ARM. A parked worker waits here. */
  COMMAND = 144,
  /** Generation of the table that designates what RUN starts. Supervisor. */
  RUN_GENERATION = 148,
  /** Fault (controller/worker-faults.ts) that the worker is to commit, 0 for none. Supervisor. */
  INJECT = 149,
  /** 1 if of what is being prepared all is to be left out that only makes it faster. Supervisor. */
  HURRY = 150,
  /** Fault (controller/forced-faults.ts) that is to be forced on the hart, 0 for none. Supervisor. */
  FORCED = 151,
  /** Raised and notified to end a guest's `wfi`: host doorbell, halt. Any thread. */
  WAKE = 160,
  /** Evidence of the last stop; the worker, before it stores STATE. */
  EVIDENCE = 176,
  EVIDENCE_CODE = 177,
  EVIDENCE_CAUSE = 178,
  EVIDENCE_PC = 179,
  EVIDENCE_TVAL = 180,
  /** Float64 at words 182–183: when the fault happened, monotonic nanoseconds. */
  FAULT_NS_F64 = 91,
  /** Float64 at words 184–185: for how long its stores have waited for the flash file so far, nanoseconds; the worker. */
  HELD_UP_NS_F64 = 92,
  WORDS = 192,
}

/** Counters of a slot block, as doubles behind all else; the controller worker of the slot writes them. */
export const SLOT_COUNTERS = 16;
export const SLOT_COUNTERS_BYTE_OFFSET = 3072;

/** What a controller worker is doing. */
export const enum WorkerState {
  /** In its event loop: takes comlink calls. */
  IDLE = 0,
  /** Prepared and waiting in Atomics.wait for a command. */
  PARKED = 1,
  RUNNING = 2,
  /** Stopped with evidence; takes comlink calls again. */
  STOPPED = 3,
}

/** What the supervisor wants of a parked worker. */
export const enum WorkerCommand {
  NONE = 0,
  RUN = 1,
  /** Back to the event loop. */
  RELEASE = 2,
  /** The version that executes has failed, and RUN is likely to follow: wake up. It gives no right to execute anything. */
  ARM = 3,
  /** The supervisor has taken notice of the failure and goes on, so that it is worth while to look out for RUN. */
  EXPECT_RUN = 4,
}

/** Why another thread wants a running hart to leave its engine: bits of the hart's ATTENTION word. */
export const enum Attention {
  /** Stop; evidence is the supervisor's. */
  HALT = 1 << 0,
  /** Bytes of a region changed under the engine. */
  MEMORY_CHANGED = 1 << 1,
  /** Commit the fault in {@link SlotWord.INJECT}. */
  INJECT = 1 << 2,
  /** Force the fault in {@link SlotWord.FORCED} on the hart. */
  FORCE = 1 << 3,
}

/** 32-bit view of the control block. */
export function controlWords(memory: WebAssembly.Memory, layout: Layout): Int32Array {
  return new Int32Array(memory.buffer, layout.control, CONTROL_BYTES / 4);
}

/** 64-bit float view of the same block, for times. */
export function controlTimes(memory: WebAssembly.Memory, layout: Layout): Float64Array {
  return new Float64Array(memory.buffer, layout.control, CONTROL_BYTES / 8);
}

/** 32-bit view of the slot block of a slot: the words of the hart (controller/cpu/hart.ts), then {@link SlotWord} words. */
export function slotWords(memory: WebAssembly.Memory, layout: Layout, slot: number): Int32Array {
  return new Int32Array(memory.buffer, slotOffset(layout, slot), SLOT_BYTES / 4);
}

export function slotTimes(memory: WebAssembly.Memory, layout: Layout, slot: number): Float64Array {
  return new Float64Array(memory.buffer, slotOffset(layout, slot), SLOT_BYTES / 8);
}

/** The counters of a slot, 0 at power-on. */
export function engineCounters(memory: WebAssembly.Memory, layout: Layout, slot: number): Float64Array {
  const offset = slotOffset(layout, slot) + SLOT_COUNTERS_BYTE_OFFSET;
  return new Float64Array(memory.buffer, offset, SLOT_COUNTERS);
}

function slotOffset(layout: Layout, slot: number): number {
  const offset = layout.slots[slot];
  if (offset === undefined) throw new Error(`there is no worker slot ${slot}`);
  return offset;
}

/** Tells the supervisor's main thread that something it watches has changed. */
export function ringDoorbell(control: Int32Array): void {
  Atomics.add(control, Control.DOORBELL, 1);
  Atomics.notify(control, Control.DOORBELL);
}

function assertLayout(): void {
  const fits =
    Control.STORE_COUNT - Control.STORE_EPOCH >= MAX_REGIONS &&
    Control.WORDS - Control.FLASH_BEGUN >= MAX_REGIONS &&
    Control.WORDS * 4 <= CONTROL_BYTES &&
    SlotWord.WORDS * 4 <= SLOT_COUNTERS_BYTE_OFFSET &&
    SLOT_COUNTERS_BYTE_OFFSET + SLOT_COUNTERS * 8 <= SLOT_BYTES;
  if (!fits) throw new Error("the control words do not fit their blocks");
}
assertLayout();
