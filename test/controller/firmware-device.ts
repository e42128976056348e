/** A controller on the virtual clock for tests of its firmware: images in its regions, a host at its queue. */

import { readFileSync } from "node:fs";
import { CONTROLLER_BOARD } from "../../controller/boards.ts";
import { Hart } from "../../controller/cpu/hart.ts";
import {
  COMMAND_ID_SHIFT,
  CompletionEntry,
  Opcode,
  STATUS_SHIFT,
  SubmissionEntry,
} from "../../controller/devices/nvme-spec.ts";
import { Machine, type MachineOptions, MachineStop } from "../../controller/machine.ts";
import { Attention, Control, controlWords, powerUpControl } from "../../emulator/memory/control.ts";
import { Evidence } from "../../emulator/memory/evidence.ts";
import { createMemory, DEFAULT_MEMORY_CONFIG, planLayout } from "../../emulator/memory/layout.ts";
import { HOST_BASE, INSTRUCTIONS_PER_TICK, MTIME_HZ, WINDOW_BASE } from "../../emulator/memory/map.ts";
import {
  CQ_ENTRY_BYTES,
  CQ_PHYSICAL,
  QUEUE_BYTES,
  QUEUE_ENTRIES,
  SQ_ENTRY_BYTES,
  SQ_PHYSICAL,
} from "../../emulator/memory/queues.ts";

export const VERSIONS = ["1.0.0", "1.1.0", "1.2.0"] as const;
export type Version = (typeof VERSIONS)[number];
/** The versions that do what they should for ever. */
export const HONEST_VERSIONS = ["1.0.0", "1.1.0"] as const;

const FIRMWARE = new URL("../../controller/firmware/", import.meta.url);
const HEADER_BYTES = 32;
const INSTRUCTIONS_PER_MS = (INSTRUCTIONS_PER_TICK * MTIME_HZ) / 1000;
const TICKS_PER_MS = MTIME_HZ / 1000;
const MASK = QUEUE_ENTRIES - 1;
/** Much more virtual time than any command takes. */
const MAX_COMMAND_MS = 10_000;

export function readImage(version: Version): Uint8Array {
  return readFirmware(`images/controller-${version}.img`);
}

/** @param path below controller/firmware */
export function readFirmware(path: string): Uint8Array {
  return new Uint8Array(readFileSync(new URL(path, FIRMWARE)));
}

/** CRC-32C (Castagnoli), bit by bit: RFC 3720, appendix B.4. */
export function crc32c(bytes: Uint8Array): number {
  let crc = 0xffff_ffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0x82f6_3b78 : 0);
  }
  return ~crc >>> 0;
}

export interface Command {
  readonly opcode: number;
  readonly source?: number;
  readonly destination?: number;
  readonly cdw10?: number;
  readonly cdw11?: number;
}

export interface Completion {
  readonly id: number;
  readonly status: number;
  readonly result: number;
  readonly result2: number;
}

/** First physical address behind the queues, and the bytes of host memory from there on. */
export const BUFFERS = HOST_BASE + QUEUE_BYTES;

export class FirmwareDevice {
  readonly layout = planLayout({ ...DEFAULT_MEMORY_CONFIG, ramBytes: 64 * 1024, regionBytes: 64 * 1024 });
  readonly memory = createMemory(this.layout);
  readonly machine: Machine;
  readonly control = controlWords(this.memory, this.layout);
  /** Words of the firmware's NVRAM. */
  readonly nvram = new Int32Array(this.memory.buffer, this.layout.nvram, this.layout.config.nvramBytes / 4);
  /** All of host memory; a physical address less HOST_BASE is an index. */
  readonly host: Uint8Array;
  readonly ram: Uint8Array;
  /** What the firmware sent through the UART since the last start. */
  console = "";
  #hostWords: Int32Array;
  #nextId = 0;

  /** `images[n]` goes into region n; a version is one of the reference firmware. */
  constructor(...images: readonly (Version | Uint8Array)[]) {
    const { layout, memory, control } = this;
    this.host = new Uint8Array(memory.buffer, layout.host, layout.config.hostBytes);
    this.#hostWords = new Int32Array(memory.buffer, layout.host, layout.config.hostBytes / 4);
    this.ram = new Uint8Array(memory.buffer, layout.ram, layout.config.ramBytes);
    images.forEach((image, index) => {
      const region = this.region(index);
      region.fill(0xff);
      region.set(typeof image === "string" ? readImage(image) : image);
    });
    powerUpControl(control);
    const send = (byte: number): void => {
      this.console += String.fromCharCode(byte);
    };
    this.machine = new Machine({
      memory,
      layout,
      slot: 0,
      plan: CONTROLLER_BOARD,
      line: { send, receive: () => -1 },
      ring: () => this.#interrupt(),
      ...this.engineOption(),
    });
  }

  /** The engine of the device's machine; the interpreter, unless a test says otherwise. */
  protected engineOption(): Pick<MachineOptions, "engine"> {
    return {};
  }

  region(index: number): Uint8Array {
    const offset = this.layout.regions[index];
    if (offset === undefined) throw new Error(`there is no region ${index}`);
    return new Uint8Array(this.memory.buffer, offset, this.layout.config.regionBytes);
  }

  get hostBytes(): number {
    return this.layout.config.hostBytes;
  }

  get ready(): boolean {
    return this.control[Control.READY] === this.control[Control.BOOT_EPOCH];
  }

  get confirmed(): boolean {
    return this.control[Control.CONFIRM] === this.control[Control.BOOT_EPOCH];
  }

  get nowMs(): number {
    return this.machine.clock.now() / TICKS_PER_MS;
  }

  /** Resets the hart and starts the version in `region`; RAM, NVRAM and the queue stay as they are. */
  start(region = 0, options: { readonly reason?: number; readonly trial?: boolean } = {}): void {
    const { control } = this;
    control[Control.BOOT_EPOCH] = (control[Control.BOOT_EPOCH] ?? 0) + 1;
    control[Control.BOOT_REASON] = options.reason ?? 1;
    control[Control.REGION] = region;
    control[Control.TRIAL] = options.trial === true ? 1 : 0;
    this.console = "";
    this.machine.setRegion(region);
    this.machine.regionChanged(region);
    this.machine.reset(WINDOW_BASE + HEADER_BYTES);
  }

  /** Starts, and runs to READY. Throws if that takes more than 10,000 instructions. */
  boot(region = 0, options: { readonly reason?: number; readonly trial?: boolean } = {}): this {
    this.start(region, options);
    if (!this.runUntil(() => this.ready, 10_000)) throw new Error(`not ready: ${this.console}`);
    return this;
  }

  /** Runs until `condition` holds, looked at whenever the firmware rings; false: stopped or out of budget. */
  runUntil(condition: () => boolean, maxInstructions: number): boolean {
    const { machine } = this;
    const end = machine.retired + maxInstructions;
    while (!condition()) {
      if (machine.retired >= end) return false;
      const stop = machine.run(end - machine.retired);
      if (stop === MachineStop.ATTENTION) Atomics.store(machine.hart, Hart.ATTENTION, 0);
      else if (stop !== MachineStop.BUDGET) return condition();
    }
    return true;
  }

  /** Lets virtual time pass, or less if the hart stops. */
  runMs(durationMs: number): void {
    const { machine } = this;
    const end = machine.clock.now() + durationMs * TICKS_PER_MS;
    while (machine.clock.now() < end && !machine.stopped) {
      machine.run(durationMs * INSTRUCTIONS_PER_MS, end);
      Atomics.store(machine.hart, Hart.ATTENTION, 0);
    }
  }

  /** Puts a command into the submission queue and returns its id. */
  submit(command: Command): number {
    const { control } = this;
    const tail = control[Control.SQ_TAIL] ?? 0;
    const id = this.#nextId;
    this.#nextId = (id + 1) & 0xffff;
    const at = (SQ_PHYSICAL - HOST_BASE + tail * SQ_ENTRY_BYTES) / 4;
    this.#hostWords.fill(0, at, at + SQ_ENTRY_BYTES / 4);
    this.#hostWords[at] = command.opcode | (id << COMMAND_ID_SHIFT);
    this.#hostWords[at + SubmissionEntry.SOURCE] = command.source ?? 0;
    this.#hostWords[at + SubmissionEntry.DESTINATION] = command.destination ?? 0;
    this.#hostWords[at + SubmissionEntry.CDW10] = command.cdw10 ?? 0;
    this.#hostWords[at + SubmissionEntry.CDW11] = command.cdw11 ?? 0;
    control[Control.SQ_TAIL] = (tail + 1) & MASK;
    return id;
  }

  /** The next command gets another id than it would. */
  skipIds(count: number): void {
    this.#nextId = (this.#nextId + count) & 0xffff;
  }

  /** Completions posted and not yet taken. */
  get posted(): number {
    return ((this.control[Control.CQ_TAIL] ?? 0) - (this.control[Control.CQ_HEAD] ?? 0)) & MASK;
  }

  take(): Completion[] {
    const taken: Completion[] = [];
    while (this.posted > 0) {
      const head = this.control[Control.CQ_HEAD] ?? 0;
      const at = (CQ_PHYSICAL - HOST_BASE + head * CQ_ENTRY_BYTES) / 4;
      const last = (this.#hostWords[at + CompletionEntry.ID_AND_STATUS] ?? 0) >>> 0;
      const result = (this.#hostWords[at] ?? 0) >>> 0;
      const result2 = (this.#hostWords[at + CompletionEntry.RESULT2] ?? 0) >>> 0;
      taken.push({ id: last & 0xffff, status: last >>> STATUS_SHIFT, result, result2 });
      this.control[Control.CQ_HEAD] = (head + 1) & MASK;
    }
    return taken;
  }

  /** Submits a command and runs until its completion. Throws if there is none, saying why. */
  call(command: Command): Completion {
    const id = this.submit(command);
    this.runUntil(() => this.posted > 0, MAX_COMMAND_MS * INSTRUCTIONS_PER_MS);
    const [completion] = this.take();
    if (completion?.id !== id) {
      const { evidence, stopCode } = this.machine;
      throw new Error(`no completion: evidence ${evidence}, code ${stopCode.toString(16)}`);
    }
    return completion;
  }

  /** Submits a fault and runs until the hart stops, for `maxMs` of virtual time at most. */
  injectFault(number: number, maxMs = 200): Evidence {
    this.submit({ opcode: Opcode.INJECT_FAULT, cdw10: number });
    this.runMs(maxMs);
    return this.machine.stopped ? this.machine.evidence : Evidence.NONE;
  }

  #interrupt(): void {
    Atomics.store(this.machine.hart, Hart.ATTENTION, Attention.HALT);
    Atomics.store(this.machine.hart, Hart.LIMIT, 0);
  }
}
