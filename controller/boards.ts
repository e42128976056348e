/**
 * The boards that a hart may stand on: which memory and which peripheral is at which address. A new peripheral is a file in
 * devices/ and a line here; RAM and the CLINT belong to the hart, and every board has them (machine.ts).
 */
import { type Layout, TABLE_BYTES } from "../emulator/memory/layout.ts";
import {
  FINISHER_BASE,
  FLASH_CONTROLLER_BASE,
  HOST_BASE,
  HOST_QUEUE_BASE,
  NVRAM_BASE,
  REGION_BASE,
  REGION_STRIDE,
  STATUS_BASE,
  TABLE_BASE,
  UART_BASE,
  WATCHDOG_BASE,
  WINDOW_BASE,
} from "../emulator/memory/map.ts";
import {
  PLIC_BASE,
  RTC_BASE,
  RTC_SOURCE,
  UART_SOURCE,
  VIRTIO_BASE,
  VIRTIO_SLOTS,
  VIRTIO_STRIDE,
} from "../emulator/memory/virt-map.ts";
import { type MemoryRange, NOWHERE } from "./cpu/address-space.ts";
import type { HartFeatures } from "./cpu/hart.ts";
import type { HartConfig } from "./cpu/hart-config.ts";
import { ALL_EXTENSIONS, CONTROLLER_EXTENSIONS, type Extensions, parseIsa } from "./cpu/isa.ts";
import type { Board, Device } from "./devices/device.ts";
import { EmptyVirtio } from "./devices/empty-virtio.ts";
import { Finisher } from "./devices/finisher.ts";
import { GoldfishRtc } from "./devices/goldfish-rtc.ts";
import { HostQueue } from "./devices/host-queue.ts";
import { Plic, type PlicSource } from "./devices/plic.ts";
import { RegionFlash } from "./devices/region-flash.ts";
import type { StateWords } from "./devices/state.ts";
import { Status } from "./devices/status.ts";
import { OPEN_LINE, type SerialLine, Uart } from "./devices/uart.ts";
import { Watchdog } from "./devices/watchdog.ts";

/** What peripherals are built with. */
export interface BoardParts {
  readonly layout: Layout;
  /** Gives out the words that a device keeps its registers in. */
  readonly state: StateWords;
  /** The control block, emulator/memory/control.ts. */
  readonly control: Int32Array;
  readonly board: Board;
  /** A copy of these bytes of RAM; undefined where not all of them are. */
  readonly readRam: (address: number, byteCount: number) => Uint8Array | undefined;
  /** Stores them there; false, and nothing stored, where not all of RAM. */
  readonly storeRam: (address: number, bytes: Uint8Array) => boolean;
  /** How many regions there are. */
  readonly regionCount: () => number;
  /** A copy of these bytes of a region. */
  readonly readRegion: (region: number, offset: number, byteCount: number) => Uint8Array;
  /** The first of these bytes of a region that cannot be read; undefined where all can. */
  readonly readFault: (region: number, offset: number, byteCount: number) => number | undefined;
  /** Bytes of regions may have become readable. */
  readonly regionsChanged: () => void;
  /** A device does what takes longer than instructions do. */
  readonly tookLong: () => void;
  /** Somebody carries out what firmware asks of the flash under regions; nobody does where it is absent. */
  readonly servesFlash?: boolean;
  /** Firmware has posted an operation of that flash; where it is absent whoever carries it out waits for the post itself. */
  readonly onFlashPost?: () => void;
  /** The device at `base` answers loads itself, in the place of the memory that lies there, or no longer. */
  readonly answers: (base: number, answers: boolean) => void;
  /** Loads and fetches of the memory at `base` wait from now on, or no longer. */
  readonly stalls: (base: number, stalls: boolean) => void;
  /** The other end of the UART; nobody where it is absent. */
  readonly line?: SerialLine;
  /** Nanoseconds since 1970 when the board was powered on; 0 where it is absent. */
  readonly epochNs?: bigint;
  /** Takes a reset that the program asks of the finisher, which has stopped the hart. */
  readonly onReset?: () => void;
}

/**
 * A peripheral, the physical address of its registers, and the source of the PLIC that its interrupt line is; without, it
 * goes to the hart.
 */
export type Placed = readonly [base: number, device: Device, source?: number];

/** What a machine is made from. */
export interface BoardPlan {
  /** Memory besides RAM. */
  readonly memory: (layout: Layout) => readonly MemoryRange[];
  readonly devices: (parts: BoardParts) => readonly Placed[];
  /** The hart's instructions. */
  readonly extensions: Extensions;
  readonly hart: HartFeatures;
  /** The CLINT is as QEMU's `virt` has it. */
  readonly isVirt: boolean;
}

/** What QEMU's `virt` has. @param more whose interrupts go to its PLIC, too */
export function virtDevices(parts: BoardParts, more: readonly PlicSource[] = []): readonly Placed[] {
  const { state, board, line = OPEN_LINE, epochNs = 0n, onReset = () => undefined } = parts;
  const uart = new Uart(state, line, board, 1 + 2 + 4);
  const rtc = new GoldfishRtc(state, epochNs, board);
  const sources: readonly PlicSource[] = [
    { source: UART_SOURCE, device: uart },
    { source: RTC_SOURCE, device: rtc },
    ...more,
  ];
  const slots = Array.from({ length: VIRTIO_SLOTS }, (_, slot): Placed => {
    return [VIRTIO_BASE + slot * VIRTIO_STRIDE, new EmptyVirtio()];
  });
  return [
    [FINISHER_BASE, new Finisher(board, onReset)],
    [RTC_BASE, rtc, RTC_SOURCE],
    [PLIC_BASE, new Plic(state, board, sources)],
    [UART_BASE, uart, UART_SOURCE],
    ...slots,
  ];
}

function controllerDevices(parts: BoardParts): readonly Placed[] {
  const { layout, state, control, board, line = OPEN_LINE } = parts;
  const memory = { read: parts.readRam, store: parts.storeRam };
  const { servesFlash: isServed = false, onFlashPost: posted = () => undefined } = parts;
  const flash = { ...parts, config: layout.config, memory, isServed, posted };
  return [
    [FINISHER_BASE, new Finisher(board)],
    [UART_BASE, new Uart(state, line, board)],
    [WATCHDOG_BASE, new Watchdog(state, board)],
    [STATUS_BASE, new Status(control, board)],
    [HOST_QUEUE_BASE, new HostQueue(control, layout.config.hostBytes, board)],
    [FLASH_CONTROLLER_BASE, new RegionFlash(state, flash, board)],
  ];
}

function controllerMemory({ config, regions, table, nvram, host }: Layout): readonly MemoryRange[] {
  const { regionBytes, nvramBytes, hostBytes } = config;
  return [
    { base: WINDOW_BASE, bytes: regionBytes, offset: NOWHERE, kind: "window" },
    { base: NVRAM_BASE, bytes: nvramBytes, offset: nvram, kind: "nvram" },
    { base: HOST_BASE, bytes: hostBytes, offset: host, kind: "host" },
    ...regions.map(
      (offset, region): MemoryRange => ({
        base: REGION_BASE + region * REGION_STRIDE,
        bytes: regionBytes,
        offset,
        kind: "nor",
      }),
    ),
    { base: TABLE_BASE, bytes: TABLE_BYTES, offset: table, kind: "nor" },
  ];
}

/** A bare machine, as QEMU's `virt` has it: what `flipside run` runs programs on. */
export const BARE_BOARD: BoardPlan = {
  memory: () => [],
  devices: (parts) => virtDevices(parts),
  extensions: ALL_EXTENSIONS,
  hart: { smdbltrp: false, userMode: true, pmpEntries: 16 },
  isVirt: true,
};

/** The storage controller, docs/hardware.md. */
export const CONTROLLER_BOARD: BoardPlan = {
  memory: controllerMemory,
  devices: controllerDevices,
  extensions: CONTROLLER_EXTENSIONS,
  hart: { smdbltrp: true, userMode: true, pmpEntries: 16 },
  isVirt: false,
};

/** The storage controller with this hart, which has been checked. */
export function controllerBoard({ isa, userMode, pmpEntries }: HartConfig): BoardPlan {
  const extensions = parseIsa(isa);
  if (typeof extensions !== "number") throw new Error(`${isa}: ${extensions.message}`);
  const hart = { ...CONTROLLER_BOARD.hart, userMode, pmpEntries };
  return { ...CONTROLLER_BOARD, extensions, hart };
}
