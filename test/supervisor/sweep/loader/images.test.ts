import { describe, expect, it } from "vitest";
import { imageIn, mostlyIn, namedImages } from "../../../../supervisor/sweep/loader/images.ts";

const filled = (value: number, bytes = 64): Uint8Array => new Uint8Array(bytes).fill(value);
const images = namedImages({
  old: filled(1),
  new: filled(2),
  newer: undefined,
  bad: [filled(3), filled(4, 16)],
});

/** 128 bytes of flash that begin with these, erased behind them. */
function slotWith(...parts: readonly Uint8Array[]): Uint8Array {
  const slot = filled(0xff, 128);
  slot.set(Buffer.concat(parts));
  return slot;
}

describe("the images of a loader", () => {
  it("have their members' names, and those that must never run are not good", () => {
    expect(images.map(({ name, isGood }) => [name, isGood])).toEqual([
      ["old", true],
      ["new", true],
      ["bad-0", false],
      ["bad-1", false],
    ]);
  });

  it("are known where a slot begins with all their bytes, whatever lies behind them", () => {
    expect(imageIn(slotWith(filled(2)), images)?.name).toBe("new");
    expect(imageIn(slotWith(filled(2), filled(7)), images)?.name).toBe("new");
    expect(imageIn(slotWith(filled(4, 16)), images)?.name).toBe("bad-1");
    expect(imageIn(slotWith(filled(2, 63)), images)).toBeUndefined();
    expect(imageIn(slotWith(), images)).toBeUndefined();
  });

  it("are told of a mixed slot by what most of it is of, more than half", () => {
    expect(mostlyIn(slotWith(filled(2, 40), filled(1, 24)), images)?.name).toBe("new");
    expect(mostlyIn(slotWith(filled(2, 32), filled(1, 32)), images)).toBeUndefined();
    expect(mostlyIn(slotWith(), images)).toBeUndefined();
  });
});
