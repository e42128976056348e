/** Finds the device behind an address and holds it to its access rules. */
import { BUS_FAULT } from "./cpu/engine.ts";
import type { Device } from "./devices/device.ts";

/** Every device has a 64 KiB block of the address map to itself. */
const BLOCK_BITS = 16;
const OFFSET_MASK = (1 << BLOCK_BITS) - 1;

export class DeviceBus {
  readonly #devices = new Map<number, Device>();

  /** Puts `device` at the physical address `base`. */
  attach(base: number, device: Device): void {
    if ((base & OFFSET_MASK) !== 0 || this.#devices.has(base >>> BLOCK_BITS)) {
      throw new Error(`no device can be put at ${base.toString(16)}`);
    }
    this.#devices.set(base >>> BLOCK_BITS, device);
  }

  load(address: number, size: number): number {
    const device = this.#devices.get(address >>> BLOCK_BITS);
    if (device === undefined || !fits(device, address, size)) return BUS_FAULT;
    return device.load(address & OFFSET_MASK);
  }

  store(address: number, size: number, value: number): number {
    const device = this.#devices.get(address >>> BLOCK_BITS);
    if (device === undefined || !fits(device, address, size)) return BUS_FAULT;
    return device.store(address & OFFSET_MASK, value);
  }
}

function fits(device: Device, address: number, size: number): boolean {
  return size === device.registerBytes && (address & (size - 1)) === 0;
}
