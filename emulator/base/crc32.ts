/**
 * CRC-32 as of IEEE 802.3 (reflected polynomial 0xEDB88320), the one of PSA firmware update metadata and zlib.
 *
 * Takes four bytes a step ("slicing by 4"), so that a table replica is checked in well under a microsecond.
 * Results are unsigned 32-bit numbers.
 */

const POLYNOMIAL = 0xedb8_8320;

/** Four tables of 256 entries: entry n * 256 + b advances byte b past n more bytes. */
const SLICES = makeSlices();

function makeSlices(): Int32Array {
  const slices = new Int32Array(4 * 256);
  for (let byte = 0; byte < 256; byte += 1) {
    let crc = byte;
    for (let bit = 0; bit < 8; bit += 1) crc = (crc & 1) === 0 ? crc >>> 1 : (crc >>> 1) ^ POLYNOMIAL;
    slices[byte] = crc;
  }
  for (let index = 256; index < slices.length; index += 1) {
    const crc = slices[index - 256] as number;
    slices[index] = (crc >>> 8) ^ (slices[crc & 0xff] as number);
  }
  return slices;
}

/** One little-endian word further. */
function advanceWord(crc: number, word: number): number {
  const mixed = crc ^ word;
  return (
    (SLICES[768 + (mixed & 0xff)] as number) ^
    (SLICES[512 + ((mixed >>> 8) & 0xff)] as number) ^
    (SLICES[256 + ((mixed >>> 16) & 0xff)] as number) ^
    (SLICES[mixed >>> 24] as number)
  );
}

/** CRC of `words[start]` to `words[end - 1]` as they stand in little-endian memory. */
export function crc32Words(words: Int32Array, start: number, end: number): number {
  let crc = -1;
  for (let index = start; index < end; index += 1) crc = advanceWord(crc, words[index] as number);
  return ~crc >>> 0;
}

/** CRC of bytes of any number and alignment. */
export function crc32(bytes: Uint8Array): number {
  const wholeWords = bytes.length & ~3;
  let crc = -1;
  let index = 0;
  for (; index < wholeWords; index += 4) {
    const word =
      (bytes[index] as number) |
      ((bytes[index + 1] as number) << 8) |
      ((bytes[index + 2] as number) << 16) |
      ((bytes[index + 3] as number) << 24);
    crc = advanceWord(crc, word);
  }
  for (; index < bytes.length; index += 1) {
    crc = (SLICES[(crc ^ (bytes[index] as number)) & 0xff] as number) ^ (crc >>> 8);
  }
  return ~crc >>> 0;
}
