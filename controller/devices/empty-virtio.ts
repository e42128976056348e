/**
 * A virtio-mmio transport with no device behind it, as QEMU's `virt` has eight: a driver that looks for one finds the
 * magic value and the device 0, which is none (virtio 1.2, 4.2.2.1). Version 1 is the legacy interface, as QEMU's.
 */
import { BUS_FAULT } from "../cpu/engine.ts";
import type { Device } from "./device.ts";

/** Offsets of the registers that are not 0. */
const MAGIC = 0x000;
const VERSION = 0x004;
const VENDOR = 0x00c;
const REGISTERS_END = 0x200;

/** "virt" and "QEMU", little-endian. */
const VIRT = 0x7472_6976;
const QEMU = 0x554d_4551;

export class EmptyVirtio implements Device {
  readonly name = "virtio-mmio";
  readonly accessBytes = 1 + 2 + 4;

  load(offset: number): number {
    if (offset === MAGIC) return VIRT;
    if (offset === VERSION) return 1;
    if (offset === VENDOR) return QEMU;
    return offset < REGISTERS_END ? 0 : BUS_FAULT;
  }

  store(offset: number): number {
    return offset < REGISTERS_END ? 0 : BUS_FAULT;
  }
}
