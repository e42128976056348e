/**
 * Reading debug information: little-endian numbers, LEB128 and strings, one after the other.
 *
 * The bytes are untrusted. Nothing beyond the end is read; what is not there is a {@link DwarfFault}, which
 * debug-info.ts makes a value of. And all that is decoded is paid for from one {@link Budget}: tables may be named by
 * many, so that a small file could ask for the same bytes over and over.
 *
 * Source: DWARF 5, section 7.6 "Variable Length Data" and 7.4 "32-Bit and 64-Bit DWARF Formats".
 */

/** Debug information that cannot be read; `message` continues the sentence "its debug information …". */
export class DwarfFault extends Error {
  override readonly name = "DwarfFault";
}

/** How many steps may still be done. */
export class Budget {
  #steps: number;

  constructor(steps: number) {
    this.#steps = steps;
  }

  spend(steps = 1): void {
    this.#steps -= steps;
    if (this.#steps < 0)
      throw new DwarfFault("is entangled: reading it would take far longer than it is large");
  }
}

const UTF_8 = new TextDecoder();
/** Longer names are cut: nobody reads them. */
const MAX_STRING_BYTES = 1024;
const DWARF_64 = 0xffff_ffff;
const RESERVED_LENGTH = 0xffff_fff0;
const TRUNCATED = "ends in the midst of something";

export class Cursor {
  at: number;
  readonly end: number;
  readonly #bytes: Uint8Array;
  readonly #view: DataView;

  constructor(bytes: Uint8Array, at = 0, end = bytes.length) {
    if (at > bytes.length || end > bytes.length) throw new DwarfFault("points beyond its end");
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    this.at = at;
    this.end = end;
  }

  get isAtEnd(): boolean {
    return this.at >= this.end;
  }

  /** Goes on `bytes` later; returns where it was. */
  skip(bytes: number): number {
    const { at } = this;
    if (bytes > this.end - at) throw new DwarfFault(TRUNCATED);
    this.at = at + bytes;
    return at;
  }

  u8(): number {
    return this.#view.getUint8(this.skip(1));
  }

  s8(): number {
    return this.#view.getInt8(this.skip(1));
  }

  u16(): number {
    return this.#view.getUint16(this.skip(2), true);
  }

  u24(): number {
    return this.u16() | (this.u8() << 16);
  }

  u32(): number {
    return this.#view.getUint32(this.skip(4), true);
  }

  /** Rounded where it is no safe integer: then it is no place in any file either. */
  u64(): number {
    return this.u32() + this.u32() * 2 ** 32;
  }

  /** An address or offset of 1, 2, 4 or 8 bytes. */
  sized(bytes: number): number {
    if (bytes === 4) return this.u32();
    if (bytes === 8) return this.u64();
    if (bytes === 2) return this.u16();
    if (bytes === 1) return this.u8();
    throw new DwarfFault(`has addresses of ${bytes} bytes`);
  }

  /** Unsigned LEB128, rounded where it is no safe integer. */
  uleb(): number {
    let value = 0;
    for (let scale = 1; ; scale *= 0x80) {
      const byte = this.u8();
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
    }
  }

  /** Signed LEB128. */
  sleb(): number {
    let value = 0;
    for (let scale = 1; ; scale *= 0x80) {
      const byte = this.u8();
      value += (byte & 0x7f) * scale;
      if (byte >= 0x80) continue;
      return (byte & 0x40) === 0 ? value : value - scale * 0x80;
    }
  }

  /** Up to a 0. */
  string(): string {
    const start = this.at;
    const zero = this.#bytes.indexOf(0, start);
    if (zero < 0 || zero >= this.end) throw new DwarfFault(TRUNCATED);
    this.at = zero + 1;
    return UTF_8.decode(this.#bytes.subarray(start, Math.min(zero, start + MAX_STRING_BYTES)));
  }

  /** The length that a unit begins with: where it ends, and how long offsets in it are. */
  unitLength(): { readonly end: number; readonly offsetBytes: 4 | 8 } {
    const short = this.u32();
    if (short >= RESERVED_LENGTH && short !== DWARF_64)
      throw new DwarfFault("has a unit of a reserved length");
    const length = short === DWARF_64 ? this.u64() : short;
    if (length > this.end - this.at) throw new DwarfFault("has a unit that reaches beyond its end");
    return { end: this.at + length, offsetBytes: short === DWARF_64 ? 8 : 4 };
  }
}
