/** Raw memory: the order of its parts is that of their addresses, and any other size is refused in a sentence. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { DEFAULT_MEMORY_CONFIG, planLayout, TABLE_BYTES } from "../../../emulator/memory/layout.ts";
import {
  NVRAM_OFFSET,
  planPersistentSpace,
  regionOffset,
  TABLE_OFFSET,
} from "../../../emulator/persist/persistent-space.ts";
import { decodeRaw, encodeRaw, RawMemoryError, rawBytes } from "../../../emulator/persist/raw-memory.ts";

const space = planPersistentSpace(
  planLayout({ ...DEFAULT_MEMORY_CONFIG, regions: 3, regionBytes: 65_536, nvramBytes: 8192 }),
);
const FLASH_BYTES = 3 * 65_536;

function drawn(bytes: number, seed: number): Uint8Array {
  return Uint8Array.from({ length: bytes }, (_, i) => Math.imul(i + seed, 2_654_435_761) >>> 24);
}

describe("raw memory", () => {
  it("is the regions, the table and NVRAM, one behind the other", () => {
    const image = new Uint8Array(space.bytes);
    image[regionOffset(space, 0)] = 1;
    image[regionOffset(space, 2) + 65_535] = 2;
    image[TABLE_OFFSET] = 3;
    image[NVRAM_OFFSET + 8191] = 4;
    const raw = encodeRaw(space, image);
    expect(raw).toHaveLength(FLASH_BYTES + TABLE_BYTES + 8192);
    const places = [...raw.entries()].filter(([, byte]) => byte !== 0);
    expect(places).toEqual([
      [0, 1],
      [FLASH_BYTES - 1, 2],
      [FLASH_BYTES, 3],
      [FLASH_BYTES + TABLE_BYTES + 8191, 4],
    ]);
  });

  it("comes out as it went in, whatever it holds, with no sector ever erased", () => {
    fc.assert(
      fc.property(fc.nat(), (seed) => {
        const raw = drawn(rawBytes(space), seed);
        const image = decodeRaw(space, raw);
        expect(Buffer.compare(encodeRaw(space, image), raw)).toBe(0);
        expect(image.subarray(regionOffset(space, 3)).every((count) => count === 0)).toBe(true);
      }),
      { numRuns: 5 },
    );
  });

  it("may be the regions alone: then there is no table, and NVRAM is blank", () => {
    const raw = drawn(FLASH_BYTES, 1);
    const image = decodeRaw(space, raw);
    expect(image.subarray(0, regionOffset(space, 0)).every((byte) => byte === 0)).toBe(true);
    expect(Buffer.compare(encodeRaw(space, image).subarray(0, FLASH_BYTES), raw)).toBe(0);
  });

  it.each([0, FLASH_BYTES - 1, FLASH_BYTES + 1, FLASH_BYTES + TABLE_BYTES, FLASH_BYTES + TABLE_BYTES + 8193])(
    "of %i bytes is refused, and told what it must have",
    (bytes) => {
      const message =
        `has ${bytes} bytes: the raw memory of this device has 217088 (3 regions of 65536, ` +
        "the table's 12288 and 8192 of NVRAM), or 196608 where it is the regions alone";
      expect(() => decodeRaw(space, new Uint8Array(bytes))).toThrow(new RawMemoryError(message));
    },
  );
});
