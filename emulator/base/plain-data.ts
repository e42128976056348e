/**
 * Values as bytes, in msgpack (https://github.com/msgpack/msgpack/blob/master/spec.md): null, booleans, numbers, texts,
 * bytes, lists and maps whose keys are texts, and nothing else.
 *
 * What comes from outside is looked through before any of it is made, as extensions can stand for more than their bytes:
 * msgpackr's own refer to what came before, and a few bytes then become megabytes when they are encoded again.
 * Invariants: what is decoded holds no extension, no more values than its limit and no deeper ones; encoded again it
 * takes no more than its own bytes and 4 for each value (a 32-bit float becomes one of 64); what is encoded can be decoded.
 */
import { isUtf8 } from "node:buffer";
import { type Options, Packr } from "msgpackr";
import { errorMessage } from "./text.ts";

/** Bytes that are no plain data; `message` says what they are instead. */
export class PlainDataError extends Error {
  override readonly name = "PlainDataError";
}

export interface PlainDataLimits {
  /** Of a value and all that it holds; a map's keys are not counted. */
  readonly maxValues: number;
}

/** Of lists and maps within each other. */
const MAX_DEPTH = 32;

/** Maps without shared structures, and as short as they can be; fields that are undefined are left out. */
const OPTIONS: Options & { readonly skipValues: readonly unknown[] } = {
  useRecords: false,
  moreTypes: false,
  variableMapSize: true,
  skipValues: [undefined],
  encodeUndefinedAsNil: true,
  int64AsType: "number",
};
const packr = new Packr(OPTIONS);

export function encodePlain(value: unknown): Buffer {
  return packr.pack(value);
}

/** Throws {@link PlainDataError}. */
export function decodePlain(bytes: Uint8Array, limits: PlainDataLimits): unknown {
  new Scan(bytes, limits).run();
  try {
    return packr.unpack(bytes);
  } catch (error) {
    throw new PlainDataError(`it is no msgpack value: ${errorMessage(error)}`);
  }
}

/** Walks over one value without making any of it; the numbers are the specification's, "Formats". */
class Scan {
  readonly #bytes: Uint8Array;
  readonly #maxValues: number;
  #values = 0;
  #at = 0;

  constructor(bytes: Uint8Array, { maxValues }: PlainDataLimits) {
    this.#bytes = bytes;
    this.#maxValues = maxValues;
  }

  run(): void {
    this.#value(0);
    const rest = this.#bytes.length - this.#at;
    if (rest > 0) throw new PlainDataError(`${rest} bytes follow the value`);
  }

  #value(depth: number): void {
    this.#values += 1;
    if (this.#values > this.#maxValues)
      throw new PlainDataError(`it holds more than ${this.#maxValues} values`);
    if (depth > MAX_DEPTH) throw new PlainDataError(`its lists and maps are nested deeper than ${MAX_DEPTH}`);
    const first = this.#number(1);
    if (first < 0x80 || first >= 0xe0) return;
    if (first < 0x90) this.#map(first & 0x0f, depth);
    else if (first < 0xa0) this.#list(first & 0x0f, depth);
    else if (first < 0xc0) this.#text(first & 0x1f);
    else this.#longValue(first, depth);
  }

  #longValue(first: number, depth: number): void {
    if (first === 0xc1) throw new PlainDataError("it holds the byte 0xc1, which begins no value");
    else if (first <= 0xc3) return;
    else if (first <= 0xc6) this.#skip(this.#number(1 << (first - 0xc4)));
    else if (first <= 0xc9) this.#refuseExtension(1 << (first - 0xc7));
    else if (first <= 0xcb) this.#skip(4 << (first - 0xca));
    else if (first <= 0xcf) this.#skip(1 << (first - 0xcc));
    else if (first <= 0xd3) this.#skip(1 << (first - 0xd0));
    else if (first <= 0xd8) this.#refuseExtension(0);
    else if (first <= 0xdb) this.#text(this.#number(1 << (first - 0xd9)));
    else if (first <= 0xdd) this.#list(this.#number(2 << (first - 0xdc)), depth);
    else this.#map(this.#number(2 << (first - 0xde)), depth);
  }

  #list(count: number, depth: number): void {
    for (let index = 0; index < count; index += 1) this.#value(depth + 1);
  }

  #map(count: number, depth: number): void {
    for (let index = 0; index < count; index += 1) {
      this.#key();
      this.#value(depth + 1);
    }
  }

  #key(): void {
    const first = this.#number(1);
    if (first >= 0xa0 && first < 0xc0) this.#text(first & 0x1f);
    else if (first >= 0xd9 && first <= 0xdb) this.#text(this.#number(1 << (first - 0xd9)));
    else throw new PlainDataError("it holds a map with a key that is no text");
  }

  #text(byteCount: number): void {
    const start = this.#at;
    this.#skip(byteCount);
    // What takes the place of a byte that is none of UTF-8 has three.
    if (!isUtf8(this.#bytes.subarray(start, this.#at)))
      throw new PlainDataError("it holds a text that is no UTF-8");
  }

  #refuseExtension(lengthBytes: number): never {
    this.#skip(lengthBytes);
    const type = (this.#number(1) << 24) >> 24;
    throw new PlainDataError(`it holds the msgpack extension ${type}: only plain data is taken`);
  }

  /** A whole number, big-endian. */
  #number(byteCount: number): number {
    const start = this.#at;
    this.#skip(byteCount);
    let value = 0;
    for (let at = start; at < this.#at; at += 1) value = value * 256 + (this.#bytes[at] as number);
    return value;
  }

  #skip(byteCount: number): void {
    this.#at += byteCount;
    if (this.#at > this.#bytes.length) throw new PlainDataError("it ends in the midst of a value");
  }
}
