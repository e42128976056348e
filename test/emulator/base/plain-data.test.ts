/** What is decoded is plain data, and nothing that comes to more than its bytes when it is encoded again. */
import fc from "fast-check";
import { Packr } from "msgpackr";
import { describe, expect, it } from "vitest";
import { decodePlain, encodePlain, PlainDataError } from "../../../emulator/base/plain-data.ts";

const LIMITS = { maxValues: 1_000 };
/** A 32-bit float becomes one of 64. */
const MOST_ADDED_BYTES = 4 * LIMITS.maxValues;

function accepted(bytes: Uint8Array): { readonly value: unknown } | undefined {
  try {
    return { value: decodePlain(bytes, LIMITS) };
  } catch (error) {
    expect(error).toBeInstanceOf(PlainDataError);
    return undefined;
  }
}

function refusal(bytes: Uint8Array): string {
  try {
    decodePlain(bytes, LIMITS);
    return "nothing was refused";
  } catch (error) {
    expect(error).toBeInstanceOf(PlainDataError);
    return (error as Error).message;
  }
}

/** A number in so many bytes, big-endian. */
function lengthOf(count: number, byteCount: number): number[] {
  return Array.from(
    { length: byteCount },
    (_, index) => Math.floor(count / 256 ** (byteCount - 1 - index)) % 256,
  );
}

const bytesOf = (minLength: number, maxLength: number) =>
  fc.uint8Array({ minLength, maxLength }).map((bytes) => [...bytes]);
const text = fc
  .oneof(
    fc.string({ maxLength: 20, unit: "binary" }).map((value) => [...Buffer.from(value)]),
    bytesOf(0, 20),
  )
  .chain((content) =>
    fc
      .constantFrom([0xd9, ...lengthOf(content.length, 1)], [0xdb, ...lengthOf(content.length, 4)])
      .map((head) => [...head, ...content]),
  );
const extension = fc
  .tuple(fc.constantFrom(0, 0x42, 0x62, 0x65, 0x69, 0x70, 0x72, 0x73, 0x74, 0x78, 0xff, 7), bytesOf(0, 20))
  .map(([type, content]) => [0xc7, content.length, type, ...content]);
const number = fc.oneof(
  bytesOf(1, 1),
  bytesOf(4, 4).map((bytes) => [0xca, ...bytes]),
  bytesOf(8, 8).chain((bytes) => fc.constantFrom(0xcb, 0xcf, 0xd3).map((first) => [first, ...bytes])),
);
/** Values as bytes: whatever the specification knows, in long and short forms, with what it does not allow in between. */
const { value: anyValue } = fc.letrec<{ value: number[] }>((tie) => {
  const list = fc
    .array(tie("value"), { maxLength: 6 })
    .chain((values) =>
      fc
        .constantFrom([0x90 + values.length], [0xdd, ...lengthOf(values.length, 4)])
        .map((head) => [...head, ...values.flat()]),
    );
  const map = fc
    .array(fc.tuple(fc.oneof(text, number), tie("value")), { maxLength: 6 })
    .chain((fields) =>
      fc
        .constantFrom([0x80 + fields.length], [0xde, ...lengthOf(fields.length, 2)])
        .map((head) => [...head, ...fields.flat(2)]),
    );
  return {
    value: fc.oneof(
      { depthSize: "medium", withCrossShrink: true },
      { arbitrary: fc.constantFrom<number[]>([0xc0], [0xc2], [0xc3], [0x90], [0x80]), weight: 2 },
      { arbitrary: number, weight: 3 },
      { arbitrary: text, weight: 2 },
      { arbitrary: extension, weight: 1 },
      { arbitrary: list, weight: 4 },
      { arbitrary: map, weight: 4 },
    ),
  };
});

describe("control frames are plain data", () => {
  it("what is accepted is never encoded again into more than its own size and a constant", () => {
    let taken = 0;
    fc.assert(
      fc.property(anyValue, (bytes) => {
        const decoded = accepted(Uint8Array.from(bytes));
        if (decoded === undefined) return;
        taken += 1;
        const again = encodePlain(decoded.value);
        expect(again.length).toBeLessThanOrEqual(bytes.length + MOST_ADDED_BYTES);
        expect(encodePlain(decodePlain(again, LIMITS)).equals(again)).toBe(true);
      }),
      { numRuns: 2_000 },
    );
    expect(taken).toBeGreaterThan(200);
  });

  it("any bytes are a value or are refused by name", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => void accepted(bytes)),
      { numRuns: 2_000 },
    );
  });

  it("what refers to an earlier value, and so to more than its bytes, is refused by name", () => {
    const long = "x".repeat(10_000);
    const shared = new Packr({ structuredClone: true }).pack(
      Array.from({ length: 100 }, () => [long]).fill([long]),
    );
    const pointers = [0xdc, 0, 101, 0xd6, 0x69, 0, 0, 0, 1, 0x91, 0xa1, 0x78];
    for (let index = 0; index < 100; index += 1) pointers.push(0xd6, 0x70, 0, 0, 0, 1);
    expect(refusal(shared)).toBe("it holds the msgpack extension 105: only plain data is taken");
    expect(refusal(Uint8Array.from(pointers))).toBe(
      "it holds the msgpack extension 105: only plain data is taken",
    );
  });

  it.each([
    ["undefined", [0xd4, 0, 0], "it holds the msgpack extension 0: only plain data is taken"],
    [
      "a record",
      [0xd4, 0x72, 0x40, 0x91, 0xa1, 0x61, 1],
      "it holds the msgpack extension 114: only plain data is taken",
    ],
    [
      "a bundle of texts",
      [0xd6, 0x62, 0, 0, 0, 1, 0xc1],
      "it holds the msgpack extension 98: only plain data is taken",
    ],
    ["a time", [0xd6, 0xff, 0, 0, 0, 1], "it holds the msgpack extension -1: only plain data is taken"],
    ["a text that is no UTF-8", [0xa1, 0xff], "it holds a text that is no UTF-8"],
    ["a key that is no text", [0x81, 0x01, 0x01], "it holds a map with a key that is no text"],
    ["the byte that begins nothing", [0xc1], "it holds the byte 0xc1, which begins no value"],
    ["two values", [0xc0, 0xc0, 0xc0], "2 bytes follow the value"],
    ["half a value", [0x92, 0x01], "it ends in the midst of a value"],
    ["a list longer than the bytes", [0xdd, 0xff, 0xff, 0xff, 0xff], "it ends in the midst of a value"],
    ["too many values", [0xdc, 0x03, 0xe8, ...new Array(1_000).fill(0x80)], "it holds more than 1000 values"],
    ["lists within lists", new Array(100).fill(0x91), "its lists and maps are nested deeper than 32"],
  ])("%s is refused by name", (_, bytes, message) => {
    expect(refusal(Uint8Array.from(bytes))).toBe(message);
  });

  it("what is encoded can be decoded: fields that are undefined are left out", () => {
    const value = {
      id: 2 ** 40,
      text: "é",
      none: null,
      off: undefined,
      list: [undefined, -1.5],
      bytes: new Uint8Array(3),
    };
    expect(decodePlain(encodePlain(value), LIMITS)).toEqual({
      id: 2 ** 40,
      text: "é",
      none: null,
      list: [null, -1.5],
      bytes: Buffer.alloc(3),
    });
  });
});
