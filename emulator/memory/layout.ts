/**
 * Where everything lies in the one shared WebAssembly memory. This is the only place that decides an offset.
 *
 * Invariants (asserted in {@link planLayout}): every segment is aligned to 4 KiB, none overlaps another,
 * all lie inside the memory. Offsets are host offsets into the SharedArrayBuffer; physical addresses are
 * those of map.ts.
 */
import type { ErrorKind } from "../base/errors.ts";
import { MAX_REGIONS, MIN_REGIONS, REGION_STRIDE } from "./map.ts";

export const PAGE_BYTES = 4096;
/** RAM is flagged by lines of so many bytes: so small that code and data beside each other seldom share one. */
export const LINE_SHIFT = 6;
export const LINE_BYTES = 1 << LINE_SHIFT;
const WASM_PAGE_BYTES = 65_536;

export const CONTROL_BYTES = PAGE_BYTES;
/** One slot block per controller worker slot: hart state and the words it shares with the supervisor. */
export const SLOT_BYTES = PAGE_BYTES;
/** Controller workers that exist at once: the one that executes and the standby. */
export const WORKER_SLOTS = 2;
export const EVENT_RING_BYTES = 65_536;
/** Ring of the last characters that the firmware sent through the UART; a power of two. */
export const UART_RING_BYTES = 65_536;
/** Ring of the characters for the firmware that it has not taken; a power of two. */
export const UART_INPUT_BYTES = PAGE_BYTES;
/** Two replicas and the security floor, each in a page of its own. */
export const TABLE_BYTES = 3 * PAGE_BYTES;
/** The ring through which persistent stores reach the flash file: a page of words, then 16,384 entries of 32 bytes. */
export const PERSIST_RING_BYTES = PAGE_BYTES + 16_384 * 32;

/** Of an entry of decoded code, for each half-word of code (controller/cpu/micro.ts). */
export const DECODED_ENTRY_BYTES = 8;
/** Regions and RAM have room for all their code, up to so much; the memory is 4 GiB at the most. */
const MOST_DECODED_BYTES = 192 * 1024 * 1024;
/** For code that has no room of its own, so much at once. */
export const MOVING_CODE_BYTES = 65_536;

/** What a user may choose about the controller's memory; {@link MEMORY_RANGES} says what each may be. */
export interface MemoryConfig {
  /** Number of regions. */
  readonly regions: number;
  /** Bytes of one region, a multiple of sectorBytes. */
  readonly regionBytes: number;
  /** Bytes of RAM. */
  readonly ramBytes: number;
  /** Bytes of the firmware's NVRAM. */
  readonly nvramBytes: number;
  /** Bytes of host memory (queues and buffers). */
  readonly hostBytes: number;
  /** NOR erase unit in bytes. */
  readonly sectorBytes: number;
  /** NOR program unit in bytes; divides sectorBytes. */
  readonly programUnitBytes: number;
  /** How long the flash takes to erase a sector, microseconds; 0: as long as it takes to emulate. */
  readonly sectorEraseUs: number;
  /** How long it takes to program a unit, likewise. */
  readonly unitProgramUs: number;
  /** The regions' flash has ECC, over each program unit. */
  readonly ecc: boolean;
}

/** Those of its members that are numbers. */
export type MemorySize = Exclude<keyof MemoryConfig, "ecc">;

/** A whole number's smallest and largest value, and what it is a multiple of. */
export interface WholeRange {
  readonly min: number;
  readonly max: number;
  readonly multiple: number;
}

export const MEMORY_RANGES: Readonly<Record<MemorySize, WholeRange>> = {
  regions: { min: MIN_REGIONS, max: MAX_REGIONS, multiple: 1 },
  regionBytes: { min: 65_536, max: REGION_STRIDE, multiple: PAGE_BYTES },
  sectorBytes: { min: 256, max: 65_536, multiple: 256 },
  programUnitBytes: { min: 4, max: 65_536, multiple: 4 },
  ramBytes: { min: 65_536, max: 512 * 1024 * 1024, multiple: PAGE_BYTES },
  nvramBytes: { min: PAGE_BYTES, max: 1024 * 1024, multiple: PAGE_BYTES },
  hostBytes: { min: 65_536, max: 16 * 1024 * 1024, multiple: PAGE_BYTES },
  sectorEraseUs: { min: 0, max: 5_000_000, multiple: 1 },
  unitProgramUs: { min: 0, max: 100_000, multiple: 1 },
};

export const DEFAULT_MEMORY_CONFIG: MemoryConfig = {
  regions: 2,
  regionBytes: 256 * 1024,
  ramBytes: 16 * 1024 * 1024,
  nvramBytes: 65_536,
  hostBytes: 1024 * 1024,
  sectorBytes: 4096,
  programUnitBytes: 256,
  sectorEraseUs: 0,
  unitProgramUs: 0,
  ecc: false,
};

/** As little as a rehearsal takes, of which nobody sees anything. */
export const REHEARSAL_MEMORY_CONFIG: MemoryConfig = {
  ...DEFAULT_MEMORY_CONFIG,
  regionBytes: 64 * 1024,
  ramBytes: 64 * 1024,
  nvramBytes: 4096,
  hostBytes: 64 * 1024,
};

/** Host offsets in bytes of every segment. */
export interface Layout {
  readonly config: MemoryConfig;
  readonly control: number;
  /** Slot block of slot n. */
  readonly slots: readonly number[];
  /** Per slot: one byte for each line of RAM ({@link LINE_BYTES}), by which its engine finds stores that need a second look. */
  readonly ramFlags: readonly number[];
  readonly eventRing: number;
  readonly uartRing: number;
  readonly uartInput: number;
  readonly persistRing: number;
  /** How often each sector of each region was erased, one word each. */
  readonly wear: number;
  readonly table: number;
  readonly nvram: number;
  readonly host: number;
  readonly regions: readonly number[];
  /** Which program units of the regions cannot be read, a bit each (emulator/flash/unreadable-blocks.ts); no bytes without ECC. */
  readonly unreadable: number;
  readonly ram: number;
  /** Per slot: what its engine has decoded, {@link decodedCodeBytes} of code (controller/cpu/decoded-code.ts). */
  readonly decoded: readonly number[];
  /** Pages of 64 KiB of the whole WebAssembly memory. */
  readonly wasmPages: number;
}

/** A configuration that the emulator refuses; `message` is one sentence for its user. */
export class MemoryConfigError extends Error {
  override readonly name = "MemoryConfigError";
  readonly kind: ErrorKind = "usage";
}

function requireRange(what: string, value: number, { min, max, multiple }: WholeRange): void {
  if (!Number.isInteger(value) || value < min || value > max || value % multiple !== 0) {
    throw new MemoryConfigError(
      `${what} is ${value}: it must be a multiple of ${multiple} from ${min} to ${max}`,
    );
  }
}

const MEMORY_WORDS: Readonly<Record<MemorySize, string>> = {
  regions: "the number of regions",
  regionBytes: "the region size in bytes",
  sectorBytes: "the sector size in bytes",
  programUnitBytes: "the program unit in bytes",
  ramBytes: "the RAM size in bytes",
  nvramBytes: "the NVRAM size in bytes",
  hostBytes: "the host memory size in bytes",
  sectorEraseUs: "the time of a sector's erase in microseconds",
  unitProgramUs: "the time of a unit's program in microseconds",
};

/** The names of the members that are numbers. */
export const MEMORY_MEMBERS = Object.keys(MEMORY_WORDS) as readonly MemorySize[];

/** Throws {@link MemoryConfigError}. */
export function checkMemoryConfig(config: MemoryConfig): void {
  for (const member of MEMORY_MEMBERS) {
    requireRange(MEMORY_WORDS[member], config[member], MEMORY_RANGES[member]);
  }
  // What comes from another program may be anything.
  if (typeof config.ecc !== "boolean")
    throw new MemoryConfigError(`whether the flash has ECC is ${config.ecc}: it must be true or false`);
  const { regionBytes, sectorBytes, programUnitBytes } = config;
  if (regionBytes % sectorBytes !== 0) {
    throw new MemoryConfigError(
      `the region size in bytes is ${regionBytes}: it must be a multiple of the sector size of ${sectorBytes} bytes`,
    );
  }
  if (sectorBytes % programUnitBytes !== 0) {
    throw new MemoryConfigError(
      `the program unit of ${programUnitBytes} bytes does not divide the sector of ${sectorBytes} bytes`,
    );
  }
}

/** Bytes of one slot's line flags, rounded up to whole pages. */
function ramFlagBytes(ramBytes: number): number {
  return Math.ceil(ramBytes / LINE_BYTES / PAGE_BYTES) * PAGE_BYTES;
}

/** Bytes of code that a slot has room for as decoded entries. */
export function decodedCodeBytes({ regions, regionBytes, ramBytes }: MemoryConfig): number {
  return Math.min(regions * regionBytes + ramBytes, MOST_DECODED_BYTES) + MOVING_CODE_BYTES;
}

/** Bytes of one slot's decoded entries, with a byte for each page of code and what ends segments. */
function decodedBytes(config: MemoryConfig): number {
  const codeBytes = decodedCodeBytes(config);
  const mapPages = Math.ceil(codeBytes / PAGE_BYTES / PAGE_BYTES);
  return codeBytes * (DECODED_ENTRY_BYTES / 2) + (mapPages + 1) * PAGE_BYTES;
}

/** Bytes of the erase counts of all sectors. */
export function wearBytes({ regions, regionBytes, sectorBytes }: MemoryConfig): number {
  return regions * (regionBytes / sectorBytes) * 4;
}

/** Words that tell of one region which of its program units cannot be read. */
export function unreadableWords({ regionBytes, programUnitBytes }: MemoryConfig): number {
  return Math.ceil(regionBytes / programUnitBytes / 32);
}

/** Bytes of these words of all regions; none without ECC. */
export function unreadableBytes(config: MemoryConfig): number {
  return config.ecc ? config.regions * unreadableWords(config) * 4 : 0;
}

/** The erase counts of all sectors, region by region. */
export function eraseCounts(memory: WebAssembly.Memory, layout: Layout): Uint32Array {
  return new Uint32Array(memory.buffer, layout.wear, wearBytes(layout.config) / 4);
}

/**
 * Lays the segments out one behind the other. Throws {@link MemoryConfigError}.
 * @param workerSlots fewer than {@link WORKER_SLOTS} where no other hart will ever stand in
 */
export function planLayout(config: MemoryConfig, workerSlots = WORKER_SLOTS): Layout {
  checkMemoryConfig(config);
  return layOut(config, workerSlots);
}

/**
 * The layout of a board that is no controller: RAM, and a region for each flash device, as large as the largest.
 * @param flashBytes of each device, multiples of {@link PAGE_BYTES}
 */
export function planBoardLayout(ramBytes: number, flashBytes: readonly number[]): Layout {
  const { nvramBytes, hostBytes } = REHEARSAL_MEMORY_CONFIG;
  const sizes = { ramBytes, nvramBytes, hostBytes, regionBytes: Math.max(PAGE_BYTES, ...flashBytes) };
  return layOut({ ...DEFAULT_MEMORY_CONFIG, ...sizes, regions: flashBytes.length }, 1);
}

function layOut(config: MemoryConfig, workerSlots: number): Layout {
  let end = 0;
  const take = (bytes: number): number => {
    const start = end;
    end += bytes;
    if (start % PAGE_BYTES !== 0 || end <= start) throw new Error(`segment at ${start} is misplaced`);
    return start;
  };
  const control = take(CONTROL_BYTES);
  const slots = Array.from({ length: workerSlots }, () => take(SLOT_BYTES));
  const ramFlags = Array.from({ length: workerSlots }, () => take(ramFlagBytes(config.ramBytes)));
  const eventRing = take(EVENT_RING_BYTES);
  const uartRing = take(UART_RING_BYTES);
  const uartInput = take(UART_INPUT_BYTES);
  const persistRing = take(PERSIST_RING_BYTES);
  const wear = take(Math.ceil(wearBytes(config) / PAGE_BYTES) * PAGE_BYTES);
  const table = take(TABLE_BYTES);
  const nvram = take(config.nvramBytes);
  const host = take(config.hostBytes);
  const regions = Array.from({ length: config.regions }, () => take(config.regionBytes));
  const unreadable = config.ecc ? take(Math.ceil(unreadableBytes(config) / PAGE_BYTES) * PAGE_BYTES) : end;
  const ram = take(config.ramBytes);
  const decoded = Array.from({ length: workerSlots }, () => take(decodedBytes(config)));
  const wasmPages = Math.ceil(end / WASM_PAGE_BYTES);
  return {
    config,
    control,
    slots,
    ramFlags,
    eventRing,
    uartRing,
    uartInput,
    persistRing,
    wear,
    table,
    nvram,
    host,
    regions,
    unreadable,
    ram,
    decoded,
    wasmPages,
  };
}

/** Creates the controller's memory: all zero, its size fixed for its lifetime. */
export function createMemory(layout: Layout): WebAssembly.Memory {
  return new WebAssembly.Memory({ initial: layout.wasmPages, maximum: layout.wasmPages, shared: true });
}
