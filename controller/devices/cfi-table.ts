/**
 * What a bank of parallel NOR tells of itself: two 16-bit chips side by side, each word of the bank one half-word of
 * either, as QEMU's `virt` has them. JEDEC JESD68.01 (CFI); QEMU's pflash_cfi01.
 */
import type { SectorGroup } from "../../emulator/flash/chip-geometry.ts";

/** Chips side by side. */
export const INTERLEAVE = 2;
/** Maker and kind, as a chip's identifier codes have them. */
export const MANUFACTURER_ID = 0x89;
export const DEVICE_ID = 0x18;
/** Words that the write buffer holds, of 16 bits in each chip. */
export const BUFFER_WORDS = 1024;

const TABLE_BYTES = 0x52;

/** The query table of one chip, by the chip's address; it tells of no extension, whatever the chip can do. */
export function cfiTable({ count, bytes }: SectorGroup): Uint8Array {
  const table = new Uint8Array(TABLE_BYTES);
  const put = (at: number, ...values: readonly number[]): void => table.set(values, at);
  const chipSectorBytes = bytes / INTERLEAVE;
  const text = (word: string): number[] => [...word].map((letter) => letter.charCodeAt(0));
  put(0x10, ...text("QRY"));
  // Intel's command set, whose extended table is at 0x31.
  put(0x13, 0x01, 0x00, 0x31, 0x00);
  // Supply voltages in BCD: 4.5 V to 5.5 V.
  put(0x1b, 0x45, 0x55);
  // Typical and greatest times: powers of two of microseconds, of milliseconds for an erase.
  put(0x1f, 0x07, 0x07, 0x0a, 0x00, 0x04, 0x04, 0x04);
  put(0x27, Math.log2(chipSectorBytes * count), 0x02);
  put(0x2a, Math.log2(BUFFER_WORDS * 2), 0x00);
  // One kind of sectors: how many less one, and how many times 256 bytes each.
  put(0x2c, 1, count - 1, (count - 1) >> 8, chipSectorBytes >> 8, chipSectorBytes >> 16);
  put(0x31, ...text("PRI10"));
  put(0x3f, 0x01);
  return table;
}
