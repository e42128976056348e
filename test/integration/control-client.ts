/**
 * A client of the control socket that shares no code with flipside: what docs/control.md says, and msgpack by its
 * specification. What it cannot be written from is missing on that page.
 */
import { connect, type Socket } from "node:net";

export type Plain =
  | null
  | boolean
  | number
  | string
  | Uint8Array
  | readonly Plain[]
  | { readonly [name: string]: Plain };
export type Fields = { readonly [name: string]: Plain };

function head(first: number, bytes: number, value: number): Buffer {
  const buffer = Buffer.alloc(1 + bytes);
  buffer[0] = first;
  buffer.writeUIntBE(value, 1, bytes);
  return buffer;
}

/** Of what a request holds: always the longest format, which is as good as any. */
function encode(value: Plain): Buffer {
  if (value === null) return Buffer.from([0xc0]);
  if (typeof value === "boolean") return Buffer.from([value ? 0xc3 : 0xc2]);
  if (typeof value === "number") {
    const buffer = Buffer.alloc(9);
    buffer[0] = 0xcb;
    buffer.writeDoubleBE(value, 1);
    return buffer;
  }
  if (typeof value === "string")
    return Buffer.concat([head(0xdb, 4, Buffer.byteLength(value)), Buffer.from(value)]);
  if (value instanceof Uint8Array) return Buffer.concat([head(0xc6, 4, value.length), value]);
  if (Array.isArray(value)) return Buffer.concat([head(0xdd, 4, value.length), ...value.map(encode)]);
  const entries = Object.entries(value);
  return Buffer.concat([
    head(0xdf, 4, entries.length),
    ...entries.flatMap(([k, v]) => [encode(k), encode(v)]),
  ]);
}

class Decoder {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  get done(): boolean {
    return this.#at === this.#bytes.length;
  }

  value(): Plain {
    const first = this.#uint(1);
    if (first < 0x80) return first;
    if (first < 0x90) return this.#map(first & 15);
    if (first < 0xa0) return this.#list(first & 15);
    if (first < 0xc0) return this.#take(first & 31).toString();
    if (first >= 0xe0) return first - 256;
    switch (first) {
      case 0xc0:
        return null;
      case 0xc2:
      case 0xc3:
        return first === 0xc3;
      case 0xc4:
      case 0xc5:
      case 0xc6:
        return Uint8Array.from(this.#take(this.#uint(1 << (first - 0xc4))));
      case 0xca:
        return this.#take(4).readFloatBE();
      case 0xcb:
        return this.#take(8).readDoubleBE();
      case 0xcc:
      case 0xcd:
      case 0xce:
        return this.#uint(1 << (first - 0xcc));
      case 0xcf:
        return Number(this.#take(8).readBigUInt64BE());
      case 0xd0:
        return this.#take(1).readInt8();
      case 0xd1:
        return this.#take(2).readInt16BE();
      case 0xd2:
        return this.#take(4).readInt32BE();
      case 0xd3:
        return Number(this.#take(8).readBigInt64BE());
      case 0xd9:
      case 0xda:
      case 0xdb:
        return this.#take(this.#uint(1 << (first - 0xd9))).toString();
      case 0xdc:
      case 0xdd:
        return this.#list(this.#uint(2 << (first - 0xdc)));
      case 0xde:
      case 0xdf:
        return this.#map(this.#uint(2 << (first - 0xde)));
      default:
        throw new Error(`the byte 0x${first.toString(16)} begins no plain value`);
    }
  }

  #list(count: number): readonly Plain[] {
    return Array.from({ length: count }, () => this.value());
  }

  #map(count: number): Fields {
    return Object.fromEntries(Array.from({ length: count }, () => [String(this.value()), this.value()]));
  }

  #uint(bytes: number): number {
    return this.#take(bytes).readUIntBE(0, bytes);
  }

  #take(bytes: number): Buffer {
    this.#at += bytes;
    if (this.#at > this.#bytes.length) throw new Error("the value is cut off");
    return this.#bytes.subarray(this.#at - bytes, this.#at);
  }
}

export class PlainClient {
  readonly #socket: Socket;
  readonly #waiting = new Map<Plain, (answer: Fields) => void>();
  #received = Buffer.alloc(0);
  #lastId = 0;

  constructor(path: string) {
    this.#socket = connect(path);
    this.#socket.on("data", (chunk: Buffer) => this.#take(chunk));
  }

  /** The answer, whichever it is. */
  ask(method: string, params: Plain = null): Promise<Fields> {
    const id = ++this.#lastId;
    const payload = encode({ id, method, params });
    const length = Buffer.alloc(4);
    length.writeUInt32LE(payload.length);
    this.#socket.write(Buffer.concat([length, payload]));
    return new Promise((resolve) => this.#waiting.set(id, resolve));
  }

  /** What the method answers. Rejects with the name and the message of an error. */
  async call(method: string, params: Plain = null): Promise<Fields> {
    const { result, error } = await this.ask(method, params);
    if (error === undefined) return result as Fields;
    const { name, message } = error as { readonly name: string; readonly message: string };
    throw Object.assign(new Error(message), { name });
  }

  close(): void {
    this.#socket.destroy();
  }

  #take(chunk: Buffer): void {
    this.#received = Buffer.concat([this.#received, chunk]);
    while (this.#received.length >= 4) {
      const end = 4 + this.#received.readUInt32LE(0);
      if (this.#received.length < end) return;
      const decoder = new Decoder(this.#received.subarray(4, end));
      const answer = decoder.value() as Fields;
      if (!decoder.done) throw new Error("bytes follow the value");
      this.#received = this.#received.subarray(end);
      this.#waiting.get(answer["id"] ?? null)?.(answer);
    }
  }
}
