/** Finds the device behind an address and holds it to its access rules. */
import { BUS_FAULT } from "./cpu/engine.ts";
import { type Device, LEAST_BLOCK_BYTES } from "./devices/device.ts";

/** Devices are found by the pages that they have. */
const PAGE_BYTES = LEAST_BLOCK_BYTES;
const PAGE_BITS = Math.log2(PAGE_BYTES);

/** A device and the address of its first register. */
interface Attached {
  readonly base: number;
  readonly device: Device;
}

export class DeviceBus {
  readonly #pages = new Map<number, Attached>();
  /** Loads that may have told what time it is. */
  timeLoads = 0;

  /** Puts `device` at the physical address `base`. */
  attach(base: number, device: Device): void {
    const attached = { base, device };
    const { blockBytes = LEAST_BLOCK_BYTES } = device;
    for (let at = base; at < base + blockBytes; at += PAGE_BYTES) {
      if (base % PAGE_BYTES !== 0 || this.#pages.has(at >>> PAGE_BITS)) {
        throw new Error(`no device can be put at ${base.toString(16)}`);
      }
      this.#pages.set(at >>> PAGE_BITS, attached);
    }
  }

  /** Loads at `address` give the same each time, and change nothing. */
  isSteady(address: number): boolean {
    return this.#pages.get(address >>> PAGE_BITS)?.device.isSteady === true;
  }

  load(address: number, size: number): number {
    const attached = this.#pages.get(address >>> PAGE_BITS);
    if (attached === undefined || !fits(attached.device, address, size)) return BUS_FAULT;
    if (attached.device.tellsTime === true) this.timeLoads += 1;
    const value = attached.device.load((address >>> 0) - attached.base, size);
    return size === 4 || value === BUS_FAULT ? value : lowBytes(value, size);
  }

  store(address: number, size: number, value: number): number {
    const attached = this.#pages.get(address >>> PAGE_BITS);
    if (attached === undefined || !fits(attached.device, address, size)) return BUS_FAULT;
    const stored = size === 4 ? value : lowBytes(value, size);
    return attached.device.store((address >>> 0) - attached.base, stored, size);
  }
}

/** @param size of the access, 1 or 2 */
function lowBytes(value: number, size: number): number {
  return value & (size === 2 ? 0xffff : 0xff);
}

function fits(device: Device, address: number, size: number): boolean {
  return (size & device.accessBytes) !== 0 && (address & (size - 1)) === 0;
}
