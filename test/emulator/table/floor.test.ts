import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { FloorError, raiseFloor, readFloor, recoverFloor } from "../../../emulator/table/floor.ts";
import { FLOOR_WORD } from "../../../emulator/table/nvram.ts";
import { atEveryCut, CutNvram } from "./cut-nvram.ts";

const counters = fc.oneof(fc.nat(0xffff_ffff), fc.constantFrom(0, 1, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff));

function floorAt(value: number): CutNvram {
  const port = new CutNvram();
  recoverFloor(port, 0);
  raiseFloor(port, value);
  port.stores = 0;
  return port;
}

describe("the security floor", () => {
  it("starts at 0, whatever pattern the memory never written to has", () => {
    for (const pattern of [0, -1]) {
      const port = new CutNvram();
      port.words.fill(pattern);
      expect(recoverFloor(port, 9)).toMatchObject({ outcome: "blank", floor: 0, severity: "info" });
      expect(readFloor(port)).toBe(0);
    }
  });

  it("goes up and never down", () => {
    fc.assert(
      fc.property(counters, counters, (a, b) => {
        const port = floorAt(a);
        raiseFloor(port, b);
        expect(readFloor(port)).toBe(Math.max(a, b));
      }),
    );
  });

  it("raised to what it is stores nothing", () => {
    const port = floorAt(7);
    raiseFloor(port, 7);
    expect(port.stores).toBe(0);
  });

  it("is the old one until the first pair of a raise stands and the new one after that, also when its repair is cut off", () => {
    fc.assert(
      fc.property(counters, counters, (a, b) => {
        const [low, high] = [Math.min(a, b), Math.max(a, b)];
        atEveryCut(
          floorAt(low).words,
          (port) => raiseFloor(port, high),
          (left, stores) => {
            const { floor } = recoverFloor(new CutNvram(left.words.slice()), 0);
            // The new one counts from the store that makes its first pair whole.
            expect(floor).toBe(stores < 2 ? low : high);
            atEveryCut(
              left.words,
              (port) => recoverFloor(port, 0),
              (again) => {
                expect(recoverFloor(again, 0).floor).toBe(floor);
                expect(readFloor(again)).toBe(floor);
              },
            );
          },
        );
      }),
      { numRuns: 50 },
    );
  });

  it("is neither lowered nor raised by any one flipped bit, and the damage is told", () => {
    for (const value of [0, 5, 0x8000_0001, 0xffff_ffff]) {
      for (let bit = 0; bit < 128; bit += 1) {
        const port = floorAt(value);
        const word = FLOOR_WORD + (bit >> 5);
        port.words[word] = (port.words[word] ?? 0) ^ (1 << (bit & 31));
        expect(() => raiseFloor(port, value)).toThrow(FloorError);
        expect(recoverFloor(port, 0)).toMatchObject({ outcome: "repaired", floor: value, severity: "warn" });
        expect(recoverFloor(port, 0).outcome).toBe("sound");
      }
    }
  });

  it("is not made up of memory that was never written to, whichever bit or two of it have flipped, unless they are the same of both values", () => {
    for (const pattern of [0, -1]) {
      for (let bit = 0; bit < 128; bit += 1) {
        for (let other = bit; other < 128; other += 1) {
          if (other === bit + 64) continue;
          const port = new CutNvram();
          port.words.fill(pattern);
          for (const flipped of new Set([bit, other])) {
            const word = FLOOR_WORD + (flipped >> 5);
            port.words[word] = (port.words[word] ?? 0) ^ (1 << (flipped & 31));
          }
          expect(recoverFloor(port, 0).floor).toBe(0);
        }
      }
    }
  });

  it("that nothing can be read of is taken from the accepted images, and told loudly", () => {
    const port = floorAt(5);
    for (const [offset, word] of [11, 22, 33, 44].entries()) port.words[FLOOR_WORD + offset] = word;
    atEveryCut(
      port.words,
      (cut) => recoverFloor(cut, 12),
      (left) => {
        expect(recoverFloor(left, 12).floor).toBe(12);
      },
    );
    expect(recoverFloor(port, 12)).toMatchObject({ outcome: "lost", floor: 12, severity: "error" });
  });
});
