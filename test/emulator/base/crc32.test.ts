import { crc32 as reference } from "node:zlib";
import fc from "fast-check";
import { expect, it } from "vitest";
import { crc32, crc32Words } from "../../../emulator/base/crc32.ts";

it("the check value of CRC-32/ISO-HDLC is 0xCBF43926", () => {
  expect(crc32(new TextEncoder().encode("123456789"))).toBe(0xcbf4_3926);
});

it("agrees with zlib on bytes of any number and alignment", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), fc.nat(7), (bytes, offset) => {
      const part = bytes.subarray(Math.min(offset, bytes.length));
      expect(crc32(part)).toBe(reference(part));
    }),
  );
});

it("words count as their little-endian bytes", () => {
  fc.assert(
    fc.property(fc.int32Array({ maxLength: 80 }), fc.nat(80), (words, first) => {
      const start = Math.min(first, words.length);
      const bytes = new Uint8Array(words.buffer, words.byteOffset + start * 4, (words.length - start) * 4);
      expect(crc32Words(words, start, words.length)).toBe(crc32(bytes));
    }),
  );
});
