/**
 * The physical address map of the controller: what its firmware sees, and nothing else.
 *
 * CLINT, UART, finisher, flash window and RAM lie where QEMU's `virt` machine has them, so that one
 * bare-metal ELF runs on both. Every address that is in no range here is a precise access fault.
 * The registers behind each device base are described in docs/hardware.md.
 */

/** SiFive test finisher: 0x5555 passes, 0x3333 | code << 16 fails. */
export const FINISHER_BASE = 0x0010_0000;
/** Core-local interruptor: msip, mtimecmp, mtime. */
export const CLINT_BASE = 0x0200_0000;
/** UART, 16550. */
export const UART_BASE = 0x1000_0000;
export const WATCHDOG_BASE = 0x1001_0000;
/** Controller status: boot reason, boot epoch, ready, confirm, fault request. */
export const STATUS_BASE = 0x1002_0000;
/** Flash controller: of the regions, or of a boot loader's board. */
export const FLASH_CONTROLLER_BASE = 0x1003_0000;
/** Doorbells and state of the host queue pair. */
export const HOST_QUEUE_BASE = 0x1004_0000;
/** Monotonic counters and fuses of a boot loader's board. */
export const COUNTERS_BASE = 0x1006_0000;
/** Reset reason, retained words and marks of a boot loader's board. */
export const RESET_BLOCK_BASE = 0x1007_0000;
/** A boot loader's board has its flash devices where `virt` has its two banks: device n is at FLASH_BASE + n * FLASH_STRIDE. */
export const FLASH_BASE = 0x2000_0000;
export const FLASH_STRIDE = 0x0200_0000;
/** The fixed window through which the designated region is executed. */
export const WINDOW_BASE = 0x2000_0000;
/** Region n is readable at REGION_BASE + n * REGION_STRIDE. */
export const REGION_BASE = 0x2400_0000;
export const REGION_STRIDE = 0x0100_0000;
/** Management table, both replicas, and the security floor; read-only to firmware. */
export const TABLE_BASE = 0x2f00_0000;
/** Battery-backed memory of the firmware. */
export const NVRAM_BASE = 0x3000_0000;
/** Host memory: queues and buffers. */
export const HOST_BASE = 0x4000_0000;
export const RAM_BASE = 0x8000_0000;

/** Ticks of mtime per second, as on QEMU's `virt`. */
export const MTIME_HZ = 10_000_000;
export const NS_PER_TICK = 1e9 / MTIME_HZ;
/** Under the virtual clock one tick of mtime is this many retired instructions. */
export const INSTRUCTIONS_PER_TICK = 10;

export const MIN_REGIONS = 2;
export const MAX_REGIONS = 4;
