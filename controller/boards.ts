/**
 * The boards that a hart may stand on: which memory and which peripheral is at which address. A new peripheral is a file in
 * devices/ and a line here; RAM and the CLINT belong to the hart, and every board has them (machine.ts).
 */
import { type Layout, TABLE_BYTES } from "../emulator/memory/layout.ts";
import {
  FINISHER_BASE,
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
import { type MemoryRange, NOWHERE } from "./cpu/address-space.ts";
import type { Board, Device } from "./devices/device.ts";
import { Finisher } from "./devices/finisher.ts";
import { HostQueue } from "./devices/host-queue.ts";
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
  /** The other end of the UART; nobody where it is absent. */
  readonly line?: SerialLine;
}

/** A peripheral and the physical address of its registers. */
export type Placed = readonly [base: number, device: Device];

/** What a machine is made from. */
export interface BoardPlan {
  /** Memory besides RAM. */
  readonly memory: (layout: Layout) => readonly MemoryRange[];
  readonly devices: (parts: BoardParts) => readonly Placed[];
  /** The hart has Smdbltrp: a trap in a trap handler stops it. */
  readonly smdbltrp: boolean;
}

function bareDevices({ state, board, line = OPEN_LINE }: BoardParts): readonly Placed[] {
  return [
    [FINISHER_BASE, new Finisher(board)],
    [UART_BASE, new Uart(state, line, board)],
  ];
}

function controllerDevices(parts: BoardParts): readonly Placed[] {
  const { layout, state, control, board } = parts;
  return [
    ...bareDevices(parts),
    [WATCHDOG_BASE, new Watchdog(state, board)],
    [STATUS_BASE, new Status(control, board)],
    [HOST_QUEUE_BASE, new HostQueue(control, layout.config.hostBytes, board)],
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
export const BARE_BOARD: BoardPlan = { memory: () => [], devices: bareDevices, smdbltrp: false };

/** The storage controller, docs/hardware.md. */
export const CONTROLLER_BOARD: BoardPlan = {
  memory: controllerMemory,
  devices: controllerDevices,
  smdbltrp: true,
};
