/**
 * The boards that a hart may stand on: which peripheral is at which address. A new peripheral is a file in devices/ and a
 * line here; the CLINT belongs to the hart, and every board has it (machine.ts).
 */
import type { Layout } from "../emulator/memory/layout.ts";
import {
  FINISHER_BASE,
  HOST_QUEUE_BASE,
  STATUS_BASE,
  UART_BASE,
  WATCHDOG_BASE,
} from "../emulator/memory/map.ts";
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

/** A bare machine, as QEMU's `virt` has it: what `flipside run` runs programs on. */
export function bareDevices({ state, board, line = OPEN_LINE }: BoardParts): readonly Placed[] {
  return [
    [FINISHER_BASE, new Finisher(board)],
    [UART_BASE, new Uart(state, line, board)],
  ];
}

/** The storage controller, docs/hardware.md. */
export function controllerDevices(parts: BoardParts): readonly Placed[] {
  const { layout, state, control, board } = parts;
  return [
    ...bareDevices(parts),
    [WATCHDOG_BASE, new Watchdog(state, board)],
    [STATUS_BASE, new Status(control, board)],
    [HOST_QUEUE_BASE, new HostQueue(control, layout.config.hostBytes, board)],
  ];
}
