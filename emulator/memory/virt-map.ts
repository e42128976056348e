/**
 * What the board of `flipside run` has besides the controller's (map.ts), where QEMU's `virt` has it, and the sources of
 * its PLIC. docs/run.md.
 */
export const RTC_BASE = 0x0010_1000;
export const PLIC_BASE = 0x0c00_0000;
/** Slot n of virtio-mmio is at VIRTIO_BASE + n * VIRTIO_STRIDE. */
export const VIRTIO_BASE = 0x1000_1000;
export const VIRTIO_STRIDE = 0x1000;
export const VIRTIO_SLOTS = 8;

/** Of slot 0; the others' follow. */
export const VIRTIO_SOURCE = 1;
export const UART_SOURCE = 10;
export const RTC_SOURCE = 11;
/** On a board with a flash controller. */
export const FLASH_SOURCE = 12;
