/** The other end of the UART in shared memory: what is told of the output, and what becomes of characters that are typed. */
import fc from "fast-check";
import { beforeEach, describe, expect, it } from "vitest";
import { UartInput } from "../../../controller/devices/uart-input.ts";
import { UartRing } from "../../../controller/devices/uart-ring.ts";
import { Control, controlWords } from "../../../emulator/memory/control.ts";
import {
  createMemory,
  planLayout,
  REHEARSAL_MEMORY_CONFIG,
  UART_INPUT_BYTES,
  UART_RING_BYTES,
} from "../../../emulator/memory/layout.ts";

const layout = planLayout(REHEARSAL_MEMORY_CONFIG);
const LAST_COUNT = 0x7fff_ffff;

let control: Int32Array;
let ring: UartRing;
let input: UartInput;

beforeEach(() => {
  const memory = createMemory(layout);
  control = controlWords(memory, layout);
  ring = new UartRing(memory, layout);
  input = new UartInput(memory, layout);
});

/** Every character tells its position. */
function send(count: number): void {
  for (let i = 0; i < count; i++) ring.send(ring.next & 0xff);
}

describe("what was sent", () => {
  it("is read from wherever one stopped reading", () => {
    send(5);
    expect(ring.read()).toEqual({ bytes: Uint8Array.of(0, 1, 2, 3, 4), from: 0, next: 5, lost: 0 });
    expect(ring.read(3)).toEqual({ bytes: Uint8Array.of(3, 4), from: 3, next: 5, lost: 0 });
    expect(ring.read(5)).toEqual({ bytes: Uint8Array.of(), from: 5, next: 5, lost: 0 });
    expect(ring.read(1, 2)).toEqual({ bytes: Uint8Array.of(1, 2), from: 1, next: 3, lost: 0 });
    expect(ring.text(2)).toBe("\u0003\u0004");
  });

  it("is told to be lost where it was written over", () => {
    send(UART_RING_BYTES + 10);
    const { bytes, from, next, lost } = ring.read(4);
    expect({ from, next, lost, count: bytes.length }).toEqual({
      from: 10,
      next: UART_RING_BYTES + 10,
      lost: 6,
      count: UART_RING_BYTES,
    });
    expect([bytes[0], bytes.at(-1)]).toEqual([10, 9]);
    expect(ring.read()).toMatchObject({ from: 10, lost: 0 });
  });

  it("goes on behind the last count", () => {
    control[Control.UART_NEXT] = LAST_COUNT - 1;
    send(4);
    expect(ring.next).toBe(2);
    expect(ring.read(LAST_COUNT - 1)).toEqual({
      bytes: Uint8Array.of(0xfe, 0xff, 0, 1),
      from: LAST_COUNT - 1,
      next: 2,
      lost: 0,
    });
  });

  it("is, piece by piece, all that was sent, or told to be lost", () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 30_000 }), { maxLength: 12 }), (counts) => {
        const begin = ring.next;
        let at = begin;
        let seen = 0;
        for (const [index, count] of counts.entries()) {
          send(count);
          if (index % 3 === 0) continue;
          const { bytes, from, next, lost } = ring.read(at, 40_000);
          expect(bytes.every((byte, i) => byte === ((from + i) & 0xff))).toBe(true);
          expect(from).toBe(at + lost);
          at = next;
          seen += bytes.length + lost;
        }
        const { bytes, lost } = ring.read(at);
        expect(seen + bytes.length + lost).toBe(ring.next - begin);
      }),
      { numRuns: 30 },
    );
  });
});

describe("what is typed", () => {
  it("comes in the order in which it was put, once, and no more than there is room for", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: LAST_COUNT }),
        fc.array(fc.tuple(fc.nat(5000), fc.nat(5000)), { maxLength: 20 }),
        (begin, turns) => {
          control[Control.UART_INPUT_TAIL] = begin;
          control[Control.UART_INPUT_HEAD] = begin;
          let [put, taken] = [0, 0];
          for (const [puts, takes] of turns) {
            const room = UART_INPUT_BYTES - (put - taken);
            const characters = Uint8Array.from({ length: puts }, (_, i) => (put + i) * 7);
            expect(input.put(characters)).toBe(Math.min(room, puts));
            put += Math.min(room, puts);
            const received = Array.from({ length: takes }, () => ring.receive());
            const due = Math.min(takes, put - taken);
            const first = taken;
            expect(received).toEqual(received.map((_, i) => (i < due ? ((first + i) * 7) & 0xff : -1)));
            taken += due;
            expect(input.waiting).toBe(put - taken);
          }
        },
      ),
      { numRuns: 50 },
    );
  });

  it.each(["put", "take"] as const)("is not believed by %s of a ring that is broken", (how) => {
    control[Control.UART_INPUT_TAIL] = UART_INPUT_BYTES + 1;
    const use = () => (how === "put" ? input.put(Uint8Array.of(1)) : input.take());
    expect(use).toThrow(`holds ${UART_INPUT_BYTES + 1} of ${UART_INPUT_BYTES} characters`);
    control[Control.UART_INPUT_TAIL] = -1;
    expect(use).toThrow("the ring of the UART's input holds");
  });
});
