/**
 * Frames between processes: a 32-bit little-endian length, then one value of plain data (plain-data.ts), over a byte
 * stream.
 *
 * Invariants: nothing larger than its limit is read or buffered, and nothing with more values made; a peer that sends
 * something else is cut off with a {@link FrameError} and costs nobody anything more.
 */
import { Buffer } from "node:buffer";
import type { Duplex } from "node:stream";
import { decodePlain, encodePlain, PlainDataError } from "../../emulator/base/plain-data.ts";
import { MAX_REGIONS, REGION_STRIDE } from "../../emulator/memory/map.ts";

/** Room for whatever goes with images. */
const ENVELOPE_BYTES = 1024 * 1024;
/** Largest payload of a frame for a peer of whom no more is known: one image and its envelope. */
const ONE_IMAGE_BYTES = REGION_STRIDE + ENVELOPE_BYTES;
/** Largest payload of all: a start has an image for each region. */
export const MAX_FRAME_BYTES = MAX_REGIONS * REGION_STRIDE + ENVELOPE_BYTES;
const LENGTH_BYTES = 4;
/** File descriptor of the socket that a supervisor process inherits from its parent. */
export const CONTROL_FD = 3;

export class FrameError extends Error {
  override readonly name = "FrameError";
}

/** Of one frame that a peer sends. */
export interface FrameLimits {
  readonly maxBytes: number;
  readonly maxValues: number;
}

/** For a peer that is trusted: the longest report of a soak has some ten thousand values. */
const DEFAULT_LIMITS: FrameLimits = { maxBytes: MAX_FRAME_BYTES, maxValues: 2 ** 20 };

export function encodeFrame(value: unknown, maxBytes = MAX_FRAME_BYTES): Buffer {
  const payload = encodePlain(value);
  if (payload.length > maxBytes) throw new FrameError(`a frame of ${payload.length} bytes is too large`);
  const frame = Buffer.allocUnsafe(LENGTH_BYTES + payload.length);
  frame.writeUInt32LE(payload.length, 0);
  payload.copy(frame, LENGTH_BYTES);
  return frame;
}

/** Cuts a byte stream into values; one per connection. */
export class FrameReader {
  readonly #limits: FrameLimits;
  #chunks: Buffer[] = [];
  #bytes = 0;

  constructor(limits = DEFAULT_LIMITS) {
    this.#limits = limits;
  }

  /** A frame has begun and is not whole. */
  get partial(): boolean {
    return this.#bytes > 0;
  }

  /** Takes the next bytes and returns the values that they complete. Throws {@link FrameError}. */
  push(chunk: Buffer): unknown[] {
    this.#chunks.push(chunk);
    this.#bytes += chunk.length;
    const values: unknown[] = [];
    for (let payload = this.#next(); payload !== undefined; payload = this.#next())
      values.push(decode(payload, this.#limits));
    return values;
  }

  #next(): Buffer | undefined {
    if (this.#bytes < LENGTH_BYTES) return undefined;
    const first = this.#peek(LENGTH_BYTES);
    const length = first.readUInt32LE(0);
    const { maxBytes } = this.#limits;
    if (length > maxBytes)
      throw new FrameError(`a frame of ${length} bytes is announced, ${maxBytes} are allowed`);
    if (this.#bytes < LENGTH_BYTES + length) return undefined;
    const all = this.#peek(LENGTH_BYTES + length);
    const rest = all.subarray(LENGTH_BYTES + length);
    this.#chunks = rest.length > 0 ? [rest] : [];
    this.#bytes = rest.length;
    return all.subarray(LENGTH_BYTES, LENGTH_BYTES + length);
  }

  /** One buffer that holds all that came, or at least its first `bytes` where more are still to come. */
  #peek(bytes: number): Buffer {
    const head = this.#chunks[0];
    if (head !== undefined && head.length >= bytes && (this.#chunks.length === 1 || bytes === LENGTH_BYTES)) {
      return head;
    }
    const joined = Buffer.concat(this.#chunks);
    this.#chunks = [joined];
    return joined;
  }
}

function decode(payload: Buffer, limits: FrameLimits): unknown {
  try {
    return decodePlain(payload, limits);
  } catch (error) {
    if (error instanceof PlainDataError) throw new FrameError(`a frame is no plain data: ${error.message}`);
    throw error;
  }
}

/**
 * Values in both directions over one stream. `onClose` is called once, with the reason when the peer broke the
 * protocol. A peer that does not read is cut off once more waits for it than the longest frame of either side.
 */
export class FrameConnection {
  readonly #stream: Duplex;
  readonly #reader: FrameReader;
  readonly #maxBytes: number;
  #closed = false;

  constructor(
    stream: Duplex,
    onValue: (value: unknown) => void,
    onClose: (reason?: FrameError) => void,
    limits = DEFAULT_LIMITS,
  ) {
    this.#stream = stream;
    this.#reader = new FrameReader(limits);
    this.#maxBytes = Math.max(limits.maxBytes, ONE_IMAGE_BYTES);
    const close = (reason?: FrameError): void => {
      if (this.#closed) return;
      this.#closed = true;
      stream.destroy();
      onClose(reason);
    };
    stream.on("data", (chunk: Buffer) => {
      try {
        for (const value of this.#reader.push(chunk)) onValue(value);
      } catch (error) {
        if (!(error instanceof FrameError)) throw error;
        close(error);
      }
    });
    stream.on("error", () => close());
    stream.on("close", () => close());
    stream.on("end", () => close());
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** The peer has begun a frame and not ended it. */
  get partial(): boolean {
    return this.#reader.partial;
  }

  /** Sends a value; false when the connection is gone or the peer does not keep up. */
  send(value: unknown): boolean {
    if (this.#closed) return false;
    if (this.#stream.writableLength > this.#maxBytes) {
      this.#stream.destroy();
      return false;
    }
    this.#stream.write(encodeFrame(value, this.#maxBytes));
    return true;
  }

  close(): void {
    this.#stream.end();
  }
}
