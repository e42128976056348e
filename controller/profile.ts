/**
 * A board for somebody's own boot loader, as values: which flash, RAM, counters and registers of other chips are where.
 * profile-board.ts builds it; a device file's member `board` says it.
 */
import { hex32 } from "../emulator/base/text.ts";
import { type ChipGeometry, geometryFault, SectorMap } from "../emulator/flash/chip-geometry.ts";
import { PAGE_BYTES } from "../emulator/memory/layout.ts";
import {
  CLINT_BASE,
  COUNTERS_BASE,
  FINISHER_BASE,
  FLASH_CONTROLLER_BASE,
  RAM_BASE,
  RESET_BLOCK_BASE,
  UART_BASE,
  WATCHDOG_BASE,
} from "../emulator/memory/map.ts";
import {
  FLASH_SOURCE,
  PLIC_BASE,
  RTC_BASE,
  RTC_SOURCE,
  UART_SOURCE,
  VIRTIO_BASE,
  VIRTIO_SLOTS,
  VIRTIO_STRIDE,
} from "../emulator/memory/virt-map.ts";
import type { AddressRange } from "./cpu/address-range.ts";
import type { ReadsWhileBusy } from "./devices/flash-controller.ts";
import type { FlashTimes, ResetEffect } from "./devices/flash-units.ts";
import type { RegisterRange } from "./devices/register-range.ts";

/** How firmware drives a flash device: by commands stored into the device itself, or by the flash controller. */
export const FLASH_INTERFACES = ["cfi", "controller"] as const;
export type FlashInterface = (typeof FLASH_INTERFACES)[number];

export interface FlashProfile {
  readonly name: string;
  /** Physical address of its first byte; undefined: it is read by the controller alone. */
  readonly base: number | undefined;
  readonly interface: FlashInterface;
  readonly geometry: ChipGeometry;
  /** Of all its sectors. */
  readonly bytes: number;
  readonly whileBusy: ReadsWhileBusy;
  readonly times: FlashTimes;
  readonly atReset: ResetEffect;
  /** A reset of the hart resets the device, too: it reads as an array again. */
  readonly resetIsWired: boolean;
}

/** The flash device that the hart executes in place, if it is mapped: the first one. */
export const EXECUTED_DEVICE = 0;

/** A peripheral that a module of somebody's is (devices/device-module.ts). */
export interface ModuleProfile {
  readonly name: string;
  readonly base: number;
  readonly bytes: number;
  /** Where the module is: a path as its file has it, or the URL of a file. */
  readonly module: string;
  /** Source of the PLIC that its interrupt line is; undefined: it has none. */
  readonly interrupt: number | undefined;
  /** For the module to judge: plain data. */
  readonly options: unknown;
}

export interface BoardProfile {
  readonly ramBytes: number;
  readonly flash: readonly FlashProfile[];
  readonly registers: readonly RegisterRange[];
  readonly devices: readonly ModuleProfile[];
  /** The watchdog runs from reset on with this period; undefined: firmware starts it. */
  readonly watchdogMs: number | undefined;
  /** A controller that needs no unlocking. */
  readonly keyIsOpen: boolean;
  /** So often a counter may rise; undefined: for ever. */
  readonly counterLimit: number | undefined;
  /** Where the hart starts. */
  readonly start: number;
}

/** Addresses that something lies at. */
interface Taken {
  readonly what: string;
  readonly base: number;
  readonly end: number;
}

/** What every such board has besides RAM, from one page boundary to another. */
const ALWAYS_THERE: readonly Taken[] = [
  { what: "the finisher and the clock", base: FINISHER_BASE, end: RTC_BASE + PAGE_BYTES },
  { what: "the CLINT", base: CLINT_BASE, end: CLINT_BASE + 0x1_0000 },
  { what: "the PLIC", base: PLIC_BASE, end: PLIC_BASE + 0x60_0000 },
  {
    what: "the UART and virtio",
    base: UART_BASE,
    end: VIRTIO_BASE + VIRTIO_SLOTS * VIRTIO_STRIDE,
  },
  { what: "the watchdog", base: WATCHDOG_BASE, end: WATCHDOG_BASE + PAGE_BYTES },
  { what: "the flash controller", base: FLASH_CONTROLLER_BASE, end: FLASH_CONTROLLER_BASE + PAGE_BYTES },
  { what: "counters and fuses", base: COUNTERS_BASE, end: COUNTERS_BASE + PAGE_BYTES },
  { what: "the reset block", base: RESET_BLOCK_BASE, end: RESET_BLOCK_BASE + PAGE_BYTES },
];

type Mistake = readonly [path: string, mistake: string];

/** What no schema can say: paths within `board`, and what is wrong there. */
export function* boardMistakes(board: Omit<BoardProfile, "start">): Generator<Mistake> {
  const taken: Taken[] = [...ALWAYS_THERE, { what: "RAM", base: RAM_BASE, end: RAM_BASE + board.ramBytes }];
  if (board.flash.length === 0) yield ["flash", "it names no device, and a boot loader has one"];
  for (const [index, flash] of board.flash.entries()) {
    yield* flashMistakes(flash, `flash[${index}]`);
    if (board.flash.some((other, at) => at < index && other.name === flash.name))
      yield [`flash[${index}].name`, `there is another device named ${flash.name}`];
    const { name: what, base, bytes } = flash;
    if (base !== undefined) taken.push({ what, base, end: base + bytes });
  }
  const banks = board.flash.filter((flash) => flash.interface === "cfi");
  const bankSectors = banks.reduce((sum, { geometry }) => sum + new SectorMap(geometry).count, 0);
  if (bankSectors > MOST_BANK_SECTORS)
    yield ["flash", `its cfi devices have ${bankSectors} sectors, more than ${MOST_BANK_SECTORS}`];
  for (const [index, range] of board.registers.entries()) {
    const path = `registers[${index}]`;
    yield* placeMistakes(range, path);
    taken.push({ what: path, base: range.base, end: range.base + range.bytes });
  }
  for (const [index, device] of board.devices.entries()) {
    const path = `devices[${index}]`;
    yield* placeMistakes(device, path);
    yield* deviceMistakes(board.devices, index, path);
    taken.push({ what: device.name, base: device.base, end: device.base + device.bytes });
  }
  for (const [index, range] of taken.entries()) {
    const other = taken.find((each, at) => at < index && each.base < range.end && range.base < each.end);
    if (other !== undefined) yield ["", `${range.what} and ${other.what} lie at the same addresses`];
  }
}

function* placeMistakes(
  { base, bytes }: Omit<Taken, "what" | "end"> & { bytes: number },
  path: string,
): Generator<Mistake> {
  if (base % PAGE_BYTES !== 0 || bytes % PAGE_BYTES !== 0)
    yield [path, `base and bytes must be multiples of ${PAGE_BYTES}`];
  if (base + bytes > ADDRESSES) yield [path, BEYOND];
}

const OWN_SOURCES: readonly number[] = [UART_SOURCE, RTC_SOURCE, FLASH_SOURCE];

function* deviceMistakes(devices: readonly ModuleProfile[], index: number, path: string): Generator<Mistake> {
  const { name, interrupt } = devices[index] as ModuleProfile;
  const earlier = devices.slice(0, index);
  if (earlier.some((other) => other.name === name))
    yield [`${path}.name`, `there is another device named ${name}`];
  if (interrupt === undefined) return;
  const other = earlier.find((each) => each.interrupt === interrupt)?.name;
  if (other !== undefined) yield [`${path}.interrupt`, `source ${interrupt} of the PLIC is that of ${other}`];
  if (OWN_SOURCES.includes(interrupt))
    yield [
      `${path}.interrupt`,
      `source ${interrupt} of the PLIC is one of the board's own: ${OWN_SOURCES.join(", ")}`,
    ];
}

const ADDRESSES = 2 ** 32;
const BEYOND = "it does not end within 32 bits of address";
const MOST_FLASH_BYTES = 64 * 1024 * 1024;

function* flashMistakes(flash: FlashProfile, path: string): Generator<Mistake> {
  const { geometry, base, bytes } = flash;
  const fault = geometryFault(geometry);
  if (fault !== undefined) yield [path, fault];
  if (bytes > MOST_FLASH_BYTES) yield [`${path}.sectors`, `${bytes} bytes are more than ${MOST_FLASH_BYTES}`];
  if (bytes % PAGE_BYTES !== 0) yield [`${path}.sectors`, `${bytes} bytes are no multiple of ${PAGE_BYTES}`];
  if (flash.interface === "cfi") yield* bankMistakes(flash, path);
  if (base === undefined) return;
  if (base % PAGE_BYTES !== 0) yield [`${path}.base`, `${hex32(base)} is no multiple of ${PAGE_BYTES}`];
  if (base + bytes > ADDRESSES) yield [`${path}.base`, BEYOND];
}

/** A bank of parallel NOR is of one kind (docs/hardware.md), and its query table tells of nothing else. */
function* bankMistakes({ base, geometry, bytes }: FlashProfile, path: string): Generator<Mistake> {
  const { sectors, program, erasedByte } = geometry;
  if (base === undefined) yield [`${path}.base`, "a cfi device is driven where it is mapped"];
  if (sectors.length > 1) yield [`${path}.sectors`, "a cfi device has sectors of one size"];
  if (sectors.some((group) => group.bytes % BANK_SECTOR_BYTES !== 0))
    yield [`${path}.sectors`, `a sector of a cfi device is a multiple of ${BANK_SECTOR_BYTES} bytes`];
  if (!Number.isInteger(Math.log2(bytes)))
    yield [`${path}.sectors`, `${bytes} bytes are no power of two, as those of a cfi device are`];
  if (program !== "and") yield [`${path}.program`, `a cfi device programs by "and", not by "${program}"`];
  if (erasedByte !== 0xff) yield [`${path}.erasedValue`, "an erased byte of a cfi device reads 255"];
}

/** Two chips side by side count theirs in units of 256 bytes. */
const BANK_SECTOR_BYTES = 512;
/** Which of them are locked stands in the words of the machine's state. */
const MOST_BANK_SECTORS = 2048;

/** Where in flash a physical address is; undefined where no flash is mapped. */
export function flashAt(
  { flash }: Pick<BoardProfile, "flash">,
  address: number,
): { readonly device: number; readonly offset: number } | undefined {
  const device = flash.findIndex(
    ({ base, bytes }) => base !== undefined && address >= base && address < base + bytes,
  );
  return device < 0 ? undefined : { device, offset: address - (flash[device]?.base ?? 0) };
}

/** The addresses at which bytes of a device are executed; undefined where they are not. */
export function executedAt(
  { flash }: Pick<BoardProfile, "flash">,
  device: number,
  offset: number,
  byteCount: number,
): AddressRange | undefined {
  const base = flash[device]?.base;
  if (device !== EXECUTED_DEVICE || base === undefined) return undefined;
  return { first: base + offset, last: base + offset + byteCount - 1 };
}
