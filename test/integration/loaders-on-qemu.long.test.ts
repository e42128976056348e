/**
 * The reference boot loaders on QEMU's `virt`, with a flash by another maker: what runs at each start, and what an update
 * that was cut off becomes.
 */
import { describe, expect, it } from "vitest";
import { hasQemu } from "../../scripts/conformance/qemu.ts";
import { expectQemuInCi } from "../controller/support/qemu.ts";
import {
  COPY_DONE,
  CORRUPTED,
  HALF,
  IMAGE_OK,
  Machine,
  NEW,
  NOTHING,
  OLD,
  PERMANENT,
  runs,
  SCRATCH,
  SECONDARY,
  type Sector,
  TEST,
  TRIED,
} from "./loader-machine.ts";

const LOADERS = ["direct-xip", "overwrite", "swap"];

describe("QEMU", expectQemuInCi);

describe.skipIf(!hasQemu)("a reference boot loader on QEMU", () => {
  describe.each(LOADERS)("%s", (loader) => {
    it("says that there is nothing to boot", () => {
      expect(new Machine(`images/${loader}`, {}).start()).toBe(NOTHING);
      expect(new Machine(`images/${loader}`, { image: CORRUPTED }, { image: HALF }).start()).toBe(NOTHING);
    });

    it("runs the old image alone, at each start", () => {
      const machine = new Machine(`images/${loader}`, { image: OLD });
      expect([machine.start(), machine.start()]).toEqual([runs("1.0.0"), runs("1.0.0")]);
    });

    it.each([
      ["corrupted", CORRUPTED],
      ["written in part", HALF],
    ])("runs the old image where the new one that is wanted is %s", (_, image) => {
      const machine = new Machine(`images/${loader}`, { image: OLD }, { image, flags: [PERMANENT] });
      expect([machine.start(), machine.start()]).toEqual([runs("1.0.0"), runs("1.0.0")]);
    });

    it("runs the new image for good where that is wanted", () => {
      const machine = new Machine(`images/${loader}`, { image: OLD }, { image: NEW, flags: [PERMANENT] });
      const expected = runs("2.0.0", loader === "direct-xip" ? "secondary" : "primary");
      expect([machine.start(), machine.start()]).toEqual([expected, expected]);
    });
  });

  describe("direct-xip", () => {
    const trial: Sector = { image: NEW, flags: [TEST] };

    it("runs the higher of two versions that nobody said anything about", () => {
      expect(new Machine("images/direct-xip", { image: NEW }, { image: OLD }).start()).toBe(runs("2.0.0"));
    });

    it("gives back an image that does not confirm itself", () => {
      const machine = new Machine("images/direct-xip", { image: OLD }, trial);
      const starts = [machine.start(), machine.start(), machine.start()];
      expect(starts).toEqual([runs("2.0.0", "secondary"), runs("1.0.0"), runs("1.0.0")]);
    });

    it("runs an image that has confirmed itself, and one that failed rather than none", () => {
      const confirmed = { image: NEW, flags: [TEST, TRIED, IMAGE_OK] };
      const failed = { image: NEW, flags: [TEST, TRIED] };
      const ofBoth = [confirmed, failed].map((it) => new Machine("images/direct-xip", {}, it).start());
      expect(new Machine("images/direct-xip", { image: OLD }, confirmed).start()).toBe(
        runs("2.0.0", "secondary"),
      );
      expect(ofBoth).toEqual([runs("2.0.0", "secondary"), runs("2.0.0", "secondary")]);
    });
  });

  describe("overwrite", () => {
    it.each<[string, Sector]>([
      ["in the erase", {}],
      ["in the copying", { image: HALF }],
      ["before the copy was called done", { image: NEW }],
    ])("copies again after a cut %s", (_, primary) => {
      const machine = new Machine("images/overwrite", primary, { image: NEW, flags: [PERMANENT] });
      expect(machine.start()).toBe(runs("2.0.0"));
      expect(machine.isErased(SECONDARY)).toBe(true);
    });

    it("copies nothing after a cut in the end of the request", () => {
      const machine = new Machine(
        "images/overwrite",
        { image: NEW, flags: [COPY_DONE] },
        { flags: [PERMANENT] },
      );
      expect(machine.start()).toBe(runs("2.0.0"));
      expect(machine.isErased(SECONDARY)).toBe(true);
    });
  });

  describe("swap", () => {
    const old: Sector = { image: OLD };
    const swappedOut: Sector = { image: OLD, flags: [COPY_DONE] };
    const incoming: Sector = { image: NEW, flags: [TEST] };

    it("gives back an image that does not confirm itself", () => {
      const machine = new Machine("images/swap", old, incoming);
      const starts = [machine.start(), machine.start(), machine.start()];
      expect(starts).toEqual([runs("2.0.0"), runs("1.0.0"), runs("1.0.0")]);
    });

    it("keeps an image that has confirmed itself", () => {
      const flags = [COPY_DONE, TRIED, IMAGE_OK];
      expect(new Machine("images/swap", { image: NEW, flags }, swappedOut).start()).toBe(runs("2.0.0"));
    });

    it.each<[string, Sector, Sector, Sector]>([
      ["while scratch is written", old, incoming, { image: HALF }],
      ["while the old image moves out", old, { image: OLD.subarray(0, 0x1000) }, incoming],
      ["while the new image moves in", {}, swappedOut, { image: NEW, flags: [TEST, COPY_DONE] }],
      [
        "before the swap was called over",
        { image: NEW },
        swappedOut,
        { image: NEW, flags: [TEST, COPY_DONE] },
      ],
      ["while scratch is erased", { image: NEW, flags: [COPY_DONE] }, swappedOut, incoming],
    ])("goes on after a cut %s, and has the way back", (_, primary, secondary, scratch) => {
      const machine = new Machine("images/swap", primary, secondary, scratch);
      expect(machine.start()).toBe(runs("2.0.0"));
      expect(machine.isErased(SCRATCH)).toBe(true);
      expect(machine.start()).toBe(runs("1.0.0"));
    });
  });
});
