/**
 * The registers of all peripherals as flat words behind the hart's in an engine block: a snapshot is a copy, and
 * a crash dump reads them from outside. What survives a failover (the host queue) is in the control block instead.
 */
import { ENGINE_COUNTERS_BYTE_OFFSET, Engine } from "../../emulator/memory/control.ts";

/** Word indices. */
export const enum DeviceWord {
  /** Code of evidence.ts for the stop, 0 while there is none; its code; 1 if it is the finisher's pass. */
  STOP_EVIDENCE = 0,
  STOP_CODE = 1,
  STOP_PASSED = 3,
  /** Boot epoch of this run, latched when it starts; 0 before. */
  BOOT_EPOCH = 2,
  MSIP = 4,
  MTIMECMP_LO = 5,
  MTIMECMP_HI = 6,
  /** What the firmware added to mtime by writing it, 64 bits. */
  MTIME_OFFSET_LO = 7,
  MTIME_OFFSET_HI = 8,
  UART_IER = 10,
  UART_LCR = 11,
  UART_MCR = 12,
  UART_SCRATCH = 13,
  UART_DIVISOR = 14,
  UART_FIFO_ENABLED = 15,
  /** 1 while the "transmitter empty" interrupt has not been acknowledged. */
  UART_EMPTY_PENDING = 16,
  /** The received byte, -1 for none. */
  UART_RECEIVED = 17,
  WATCHDOG_PERIOD_US = 20,
  WATCHDOG_WINDOW_US = 21,
  /** From here on {@link DeviceDouble}. */
  DOUBLES = 24,
  WORDS = 32,
}

/** Indices in the Float64 view of the same bytes. */
export const enum DeviceDouble {
  /** Tick of the last kick, or of the start. */
  WATCHDOG_KICKED = 12,
  /** Virtual clock: instructions that passed before the hart's last reset, or in `wfi`. */
  CLOCK_BASE = 13,
  /** Ticks since the last kick that the hart could not use. */
  WATCHDOG_FORGIVEN = 14,
}

/** Offset of the device words in an engine block. */
const DEVICE_STATE_BYTE_OFFSET = 1024;

if (
  Engine.WORDS * 4 > DEVICE_STATE_BYTE_OFFSET ||
  DEVICE_STATE_BYTE_OFFSET + DeviceWord.WORDS * 4 > ENGINE_COUNTERS_BYTE_OFFSET
) {
  throw new Error("the device words do not fit the engine block");
}

/** Both views of the device words. */
export interface DeviceState {
  readonly words: Int32Array;
  readonly doubles: Float64Array;
}

export function deviceState(memory: WebAssembly.Memory, engineOffset: number): DeviceState {
  const offset = engineOffset + DEVICE_STATE_BYTE_OFFSET;
  return {
    words: new Int32Array(memory.buffer, offset, DeviceWord.WORDS),
    doubles: new Float64Array(memory.buffer, offset, DeviceWord.WORDS / 2),
  };
}
