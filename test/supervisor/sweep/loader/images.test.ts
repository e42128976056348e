import { describe, expect, it } from "vitest";
import { LOADER_MODES } from "../../../../supervisor/core/loader-profile.ts";
import {
  imageIn,
  isLower,
  mostlyIn,
  namedImages,
  refusesDowngrades,
  securityCounters,
} from "../../../../supervisor/sweep/loader/images.ts";
import { counterImage, tinyProfile } from "./tiny-loader.ts";

const filled = (value: number, bytes = 64): Uint8Array => new Uint8Array(bytes).fill(value);
const images = namedImages({
  old: filled(1),
  new: filled(2),
  newer: undefined,
  sizes: [filled(5, 32)],
  bad: [filled(3), filled(4, 16)],
});

/** 192 bytes of flash that begin with these, erased behind them. */
function slotWith(...parts: readonly Uint8Array[]): Uint8Array {
  const slot = filled(0xff, 192);
  slot.set(Buffer.concat(parts));
  return slot;
}

describe("the images of a loader", () => {
  it("have their members' names, and those that must never run are not good", () => {
    expect(images.map(({ name, isGood }) => [name, isGood])).toEqual([
      ["old", true],
      ["new", true],
      ["size-0", true],
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

  it.each([
    ["8 bytes wide", "77c295f360d2ef7f3552500f2cb67980"],
    ["wider", "20002de15d29410b8d77679c110f1f8a"],
  ])("are there whatever their trailer says, where they are padded with one of marks %s", (_, magic) => {
    const image = counterImage(7);
    const padded = Uint8Array.from([...image, ...filled(0xff, 32), ...Buffer.from(magic, "hex")]);
    const given = namedImages({ old: padded, new: filled(2), newer: undefined, sizes: [], bad: [] });
    const marked = padded.slice();
    marked[image.length + 16] = 1;
    expect(imageIn(slotWith(marked), given)?.name).toBe("old");
    expect(mostlyIn(slotWith(marked), given)?.name).toBe("old");
    expect(imageIn(slotWith(image.with(image.length - 1, 1)), given)).toBeUndefined();
  });

  it("are all that lies behind MCUboot's TLVs, too, where that is no trailer", () => {
    const given = namedImages({
      old: Uint8Array.from([...counterImage(7), ...filled(9, 16)]),
      new: filled(2),
      newer: undefined,
      sizes: [],
      bad: [],
    });
    expect(imageIn(slotWith(counterImage(7)), given)).toBeUndefined();
  });

  it("are swept as the files have them, word for word, whatever is asked of them", () => {
    const bytes = Buffer.from(filled(0xa5));
    const given = namedImages({ old: bytes, new: bytes, newer: bytes, sizes: [bytes], bad: [bytes] });
    securityCounters(given);
    refusesDowngrades(
      tinyProfile(undefined, { mode: "swap", images: { ...tinyProfile().images, old: bytes } }),
    );
    expect([...bytes]).toEqual([...filled(0xa5)]);
  });

  it("are told of a mixed slot by what most of it is of, more than half", () => {
    expect(mostlyIn(slotWith(filled(2, 40), filled(1, 24)), images)?.name).toBe("new");
    expect(mostlyIn(slotWith(filled(2, 32), filled(1, 32)), images)).toBeUndefined();
    expect(mostlyIn(slotWith(), images)).toBeUndefined();
  });
});

describe("a downgrade", () => {
  it("is the old image after any update, and one of another size after the newer image", () => {
    for (const update of ["new", "size-0", "newer"]) expect(isLower("old", update)).toBe(true);
    for (const update of ["new", "size-0"]) expect(isLower(update, "newer")).toBe(true);
    expect(isLower("size-0", "new") || isLower("new", "size-0") || isLower("new", "old")).toBe(false);
  });

  it("is refused where the version decides what runs, unless the device file says otherwise", () => {
    const refusing = (downgrades?: "accepted" | "refused") =>
      LOADER_MODES.filter((mode) => refusesDowngrades(tinyProfile(undefined, { mode, downgrades })));
    expect(refusing()).toEqual(["direct-xip", "direct-xip-revert", "ram-load"]);
    expect(refusing("accepted")).toEqual([]);
    expect(refusing("refused")).toEqual(LOADER_MODES);
  });

  it("is refused where the new image carries a higher security counter", () => {
    const refuses = (old: number, next: number): boolean => {
      const images = { ...tinyProfile().images, old: counterImage(old), new: counterImage(next) };
      return refusesDowngrades(tinyProfile(undefined, { mode: "swap", images }));
    };
    expect(refuses(1, 2)).toBe(true);
    expect(refuses(2, 2)).toBe(false);
  });
});
