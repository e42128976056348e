/**
 * QEMU's `virt` with a boot loader in its flash, by another maker. A run of QEMU is a start; the flash's file keeps what the
 * one before left.
 */
import { closeSync, openSync, readFileSync, readSync, truncateSync, writeFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import { parseElf } from "../../controller/bare/elf.ts";
import { QEMU } from "../../scripts/conformance/qemu.ts";
import { runToEnd } from "../run-to-end.ts";
import { scratchDirectory } from "../scripts/captured.ts";
import { ROOT } from "../sources.ts";

const LOADERS = join(ROOT, "controller/firmware/loaders");
const FLASH_BASE = 0x2000_0000;
const FLASH_BYTES = 32 * 1024 * 1024;
/** As controller/firmware/loaders/layout.h has it. */
const SECTOR = 0x4_0000;
export const [PRIMARY, SECONDARY, SCRATCH] = [SECTOR, 2 * SECTOR, 3 * SECTOR] as const;
const LAYOUT_END = 4 * SECTOR;
const TRAILER_OFFSET = SECTOR - 0x1000;
/** As trailer.c has it: a place and a text for each flag. */
const FLAGS = ["none", "test", "keep", "back", "trid", "done", "okay"] as const;
type Flag = (typeof FLAGS)[number];
export const [, TEST, PERMANENT, , TRIED, COPY_DONE, IMAGE_OK] = FLAGS;
const COPIES = 16;
const UNIT_BYTES = 32;

const imageOf = (name: string): Buffer => readFileSync(join(LOADERS, "images", `application-${name}.img`));
export const OLD = imageOf("1.0.0-16k");
export const NEW = imageOf("2.0.0-64k");
/** Programmed up to where power went. */
export const HALF = NEW.subarray(0, 0x8000);
export const CORRUPTED = NEW.map((byte, at) => (at === 0x9000 ? byte ^ 1 : byte));
export const OF_OTHER_KEY = imageOf("2.0.0-16k-other-key");
export const DAMAGED = imageOf("2.0.0-16k-damaged");

const path = scratchDirectory();

export interface Sector {
  readonly image?: Uint8Array;
  readonly flags?: readonly Flag[];
  /** Whose first unit was programmed to its half. Where such a flag is set, too, that is in the second unit. */
  readonly torn?: readonly Flag[];
}

function sectorOf({ image = new Uint8Array(), flags = [], torn = [] }: Sector): Uint8Array {
  const bytes = new Uint8Array(SECTOR).fill(0xff);
  const put = (flag: Flag, copy: number, length: number): void => {
    const value = Buffer.from(flag.repeat(length / 4));
    bytes.set(value, TRAILER_OFFSET + (FLAGS.indexOf(flag) * COPIES + copy) * UNIT_BYTES);
  };
  bytes.set(image);
  for (const flag of torn) put(flag, 0, UNIT_BYTES / 2);
  for (const flag of flags) put(flag, torn.includes(flag) ? 1 : 0, UNIT_BYTES);
  return bytes;
}

/** A machine whose flash holds the loader and these sectors. */
export class Machine {
  readonly #flash = path("flash.bin");

  /** @param loader its file below controller/firmware/loaders, without what it ends in */
  constructor(loader: string, primary: Sector, secondary: Sector = {}, scratch: Sector = {}) {
    const whole = new Uint8Array(LAYOUT_END).fill(0xff);
    const elf = parseElf(readFileSync(join(LOADERS, `${loader}.elf`)));
    if ("error" in elf) throw new Error(elf.message);
    for (const { address, data } of elf.parts) if (data.length > 0) whole.set(data, address - FLASH_BASE);
    whole.set(sectorOf(primary), PRIMARY);
    whole.set(sectorOf(secondary), SECONDARY);
    whole.set(sectorOf(scratch), SCRATCH);
    writeFileSync(this.#flash, whole);
    truncateSync(this.#flash, FLASH_BYTES);
  }

  put(offset: number, sector: Sector): void {
    const file = openSync(this.#flash, "r+");
    writeSync(file, sectorOf(sector), 0, SECTOR, offset);
    closeSync(file);
  }

  /** What the start says until it ends. */
  start(): string {
    const output = path("uart.txt");
    const board = ["-M", "virt", "-bios", "none", "-display", "none", "-monitor", "none"];
    const flash = ["-drive", `if=pflash,unit=0,format=raw,file=${this.#flash}`];
    runToEnd(QEMU, [...board, ...flash, "-serial", `file:${output}`], { timeout: 20_000 });
    return readFileSync(output, "latin1");
  }

  isErased(offset: number): boolean {
    const bytes = Buffer.alloc(SECTOR);
    const file = openSync(this.#flash, "r");
    readSync(file, bytes, 0, SECTOR, offset);
    closeSync(file);
    return bytes.every((byte) => byte === 0xff);
  }
}

export const runs = (version: string, slot = "primary") => `application ${version} in the ${slot} slot\n`;
export const NOTHING = "loader: nothing to boot\n";
