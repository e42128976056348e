import { once } from "node:events";
import { Duplex, PassThrough } from "node:stream";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  encodeFrame,
  FrameConnection,
  FrameError,
  FrameReader,
  MAX_FRAME_BYTES,
} from "../../../supervisor/process/frames.ts";
import { sendAnswer } from "../../../supervisor/process/protocol.ts";

const values = fc.array(
  fc.oneof(
    fc.string(),
    fc.integer(),
    // msgpack's integers know one zero.
    fc.double({ noNaN: true }).map((value) => value + 0),
    fc.uint8Array({ maxLength: 300 }),
    fc.constant(null),
  ),
  { maxLength: 8 },
);

function plain(value: unknown): unknown {
  return value instanceof Uint8Array ? [...value] : value;
}

describe("frames", () => {
  it("come out as they went in, however the stream cuts them", () => {
    fc.assert(
      fc.property(values, fc.integer({ min: 1, max: 40 }), (sent, chunkBytes) => {
        const stream = Buffer.concat(sent.map((value) => encodeFrame(value)));
        const reader = new FrameReader();
        const got: unknown[] = [];
        for (let at = 0; at < stream.length; at += chunkBytes) {
          got.push(...reader.push(stream.subarray(at, at + chunkBytes)));
        }
        expect(got.map(plain)).toEqual(sent.map(plain));
      }),
    );
  });

  it("refuses a length above the limit before it buffers the payload", () => {
    const head = Buffer.alloc(4);
    head.writeUInt32LE(MAX_FRAME_BYTES + 1);
    expect(() => new FrameReader().push(head)).toThrow(FrameError);
  });

  it("turns any bytes into values or a FrameError, never into anything else", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        const head = Buffer.alloc(4);
        head.writeUInt32LE(bytes.length);
        try {
          new FrameReader().push(Buffer.concat([head, bytes]));
        } catch (error) {
          expect(error).toBeInstanceOf(FrameError);
        }
      }),
    );
  });

  it("closes once, with the reason, when the peer sends garbage", async () => {
    const incoming = new PassThrough();
    const stream = Duplex.from({ readable: incoming, writable: new PassThrough() });
    const reason = await new Promise((resolve) => {
      new FrameConnection(stream, () => {}, resolve);
      incoming.write(Buffer.from([2, 0, 0, 0, 0xa5, 0x61]));
    });
    expect(reason).toBeInstanceOf(FrameError);
  });
});

it("an answer that no frame holds is answered as an error", async () => {
  const outgoing = new PassThrough();
  const stream = Duplex.from({ readable: new PassThrough(), writable: outgoing });
  const connection = new FrameConnection(
    stream,
    () => undefined,
    () => undefined,
  );
  sendAnswer(connection, { id: 7, result: new Uint8Array(MAX_FRAME_BYTES + 1) });
  const reader = new FrameReader();
  const [chunk] = (await once(outgoing, "data")) as [Buffer];
  expect(reader.push(chunk)).toMatchObject([{ id: 7, error: { name: "FrameError" } }]);
});
