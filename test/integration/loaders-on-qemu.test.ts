/**
 * The reference boot loaders on QEMU's `virt`, with a flash by another maker: what runs at each start, and what an update
 * that was cut off becomes. A run of QEMU is a start; the flash's file keeps what the one before left.
 */
import { spawnSync } from "node:child_process";
import { closeSync, openSync, readFileSync, readSync, truncateSync, writeFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { parseElf } from "../../controller/bare/elf.ts";
import { hasQemu, QEMU } from "../../scripts/conformance/qemu.ts";
import { expectQemuInCi } from "../controller/support/qemu.ts";
import { scratchDirectory } from "../scripts/captured.ts";
import { ROOT } from "../sources.ts";

const IMAGES = join(ROOT, "controller/firmware/loaders/images");
const FLASH_BASE = 0x2000_0000;
const FLASH_BYTES = 32 * 1024 * 1024;
/** As controller/firmware/loaders/layout.h has it. */
const SECTOR = 0x4_0000;
const [PRIMARY, SECONDARY, SCRATCH] = [SECTOR, 2 * SECTOR, 3 * SECTOR] as const;
const LAYOUT_END = 4 * SECTOR;
const TRAILER_OFFSET = SECTOR - 0x1000;
/** As trailer.c has it: a place and a text for each flag. */
const [TEST, PERMANENT, TRIED, COPY_DONE, IMAGE_OK] = ["test", "keep", "trid", "done", "okay"];
const FLAGS = ["none", "test", "keep", "back", "trid", "done", "okay"];
const COPIES = 16;
const UNIT_BYTES = 32;

const OLD = readFileSync(join(IMAGES, "application-1.0.0-16k.img"));
const NEW = readFileSync(join(IMAGES, "application-2.0.0-64k.img"));
/** Programmed up to where power went. */
const HALF = NEW.subarray(0, 0x8000);
const CORRUPTED = NEW.map((byte, at) => (at === 0x9000 ? byte ^ 1 : byte));

const path = scratchDirectory();

type Sector = { readonly image?: Uint8Array; readonly flags?: readonly (string | undefined)[] };

function sectorOf({ image = new Uint8Array(), flags = [] }: Sector): Uint8Array {
  const bytes = new Uint8Array(SECTOR).fill(0xff);
  bytes.set(image);
  for (const flag of flags) {
    const value = Buffer.from(String(flag).repeat(UNIT_BYTES / 4));
    bytes.set(value, TRAILER_OFFSET + FLAGS.indexOf(String(flag)) * COPIES * UNIT_BYTES);
  }
  return bytes;
}

/** A machine whose flash holds the loader and these sectors. */
class Machine {
  readonly #flash = path("flash.bin");

  constructor(loader: string, primary: Sector, secondary: Sector = {}, scratch: Sector = {}) {
    const whole = new Uint8Array(LAYOUT_END).fill(0xff);
    const elf = parseElf(readFileSync(join(IMAGES, `${loader}.elf`)));
    if ("error" in elf) throw new Error(elf.message);
    for (const { address, data } of elf.parts) if (data.length > 0) whole.set(data, address - FLASH_BASE);
    whole.set(sectorOf(primary), PRIMARY);
    whole.set(sectorOf(secondary), SECONDARY);
    whole.set(sectorOf(scratch), SCRATCH);
    writeFileSync(this.#flash, whole);
    truncateSync(this.#flash, FLASH_BYTES);
  }

  put(offset: number, sector: Sector): void {
    const file = openSync(this.#flash, "r+");
    writeSync(file, sectorOf(sector), 0, SECTOR, offset);
    closeSync(file);
  }

  /** What the start says until it ends. */
  start(): string {
    const output = path("uart.txt");
    const board = ["-M", "virt", "-bios", "none", "-display", "none", "-monitor", "none"];
    const flash = ["-drive", `if=pflash,unit=0,format=raw,file=${this.#flash}`];
    spawnSync(QEMU, [...board, ...flash, "-serial", `file:${output}`], { timeout: 20_000 });
    return readFileSync(output, "latin1");
  }

  isErased(offset: number): boolean {
    const bytes = Buffer.alloc(SECTOR);
    const file = openSync(this.#flash, "r");
    readSync(file, bytes, 0, SECTOR, offset);
    closeSync(file);
    return bytes.every((byte) => byte === 0xff);
  }
}

const runs = (version: string, slot = "primary") => `application ${version} in the ${slot} slot\n`;
const NOTHING = "loader: nothing to boot\n";
const LOADERS = ["direct-xip", "overwrite", "swap"];

describe("QEMU", expectQemuInCi);

describe.skipIf(!hasQemu)("a reference boot loader on QEMU", () => {
  describe.each(LOADERS)("%s", (loader) => {
    it("says that there is nothing to boot", () => {
      expect(new Machine(loader, {}).start()).toBe(NOTHING);
      expect(new Machine(loader, { image: CORRUPTED }, { image: HALF }).start()).toBe(NOTHING);
    });

    it("runs the old image alone, at each start", () => {
      const machine = new Machine(loader, { image: OLD });
      expect([machine.start(), machine.start()]).toEqual([runs("1.0.0"), runs("1.0.0")]);
    });

    it.each([
      ["corrupted", CORRUPTED],
      ["written in part", HALF],
    ])("runs the old image where the new one that is wanted is %s", (_, image) => {
      const machine = new Machine(loader, { image: OLD }, { image, flags: [PERMANENT] });
      expect([machine.start(), machine.start()]).toEqual([runs("1.0.0"), runs("1.0.0")]);
    });

    it("runs the new image for good where that is wanted", () => {
      const machine = new Machine(loader, { image: OLD }, { image: NEW, flags: [PERMANENT] });
      const expected = runs("2.0.0", loader === "direct-xip" ? "secondary" : "primary");
      expect([machine.start(), machine.start()]).toEqual([expected, expected]);
    });
  });

  describe("direct-xip", () => {
    const trial: Sector = { image: NEW, flags: [TEST] };

    it("runs the higher of two versions that nobody said anything about", () => {
      expect(new Machine("direct-xip", { image: NEW }, { image: OLD }).start()).toBe(runs("2.0.0"));
    });

    it("gives back an image that does not confirm itself", () => {
      const machine = new Machine("direct-xip", { image: OLD }, trial);
      const starts = [machine.start(), machine.start(), machine.start()];
      expect(starts).toEqual([runs("2.0.0", "secondary"), runs("1.0.0"), runs("1.0.0")]);
    });

    it("runs an image that has confirmed itself, and one that failed rather than none", () => {
      const confirmed = { image: NEW, flags: [TEST, TRIED, IMAGE_OK] };
      const failed = { image: NEW, flags: [TEST, TRIED] };
      const ofBoth = [confirmed, failed].map((it) => new Machine("direct-xip", {}, it).start());
      expect(new Machine("direct-xip", { image: OLD }, confirmed).start()).toBe(runs("2.0.0", "secondary"));
      expect(ofBoth).toEqual([runs("2.0.0", "secondary"), runs("2.0.0", "secondary")]);
    });
  });

  describe("overwrite", () => {
    it.each<[string, Sector]>([
      ["in the erase", {}],
      ["in the copying", { image: HALF }],
      ["before the copy was called done", { image: NEW }],
    ])("copies again after a cut %s", (_, primary) => {
      const machine = new Machine("overwrite", primary, { image: NEW, flags: [PERMANENT] });
      expect(machine.start()).toBe(runs("2.0.0"));
      expect(machine.isErased(SECONDARY)).toBe(true);
    });

    it("copies nothing after a cut in the end of the request", () => {
      const machine = new Machine("overwrite", { image: NEW, flags: [COPY_DONE] }, { flags: [PERMANENT] });
      expect(machine.start()).toBe(runs("2.0.0"));
      expect(machine.isErased(SECONDARY)).toBe(true);
    });
  });

  describe("swap", () => {
    const old: Sector = { image: OLD };
    const swappedOut: Sector = { image: OLD, flags: [COPY_DONE] };
    const incoming: Sector = { image: NEW, flags: [TEST] };

    it("gives back an image that does not confirm itself", () => {
      const machine = new Machine("swap", old, incoming);
      const starts = [machine.start(), machine.start(), machine.start()];
      expect(starts).toEqual([runs("2.0.0"), runs("1.0.0"), runs("1.0.0")]);
    });

    it("keeps an image that has confirmed itself", () => {
      const flags = [COPY_DONE, TRIED, IMAGE_OK];
      expect(new Machine("swap", { image: NEW, flags }, swappedOut).start()).toBe(runs("2.0.0"));
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
      const machine = new Machine("swap", primary, secondary, scratch);
      expect(machine.start()).toBe(runs("2.0.0"));
      expect(machine.isErased(SCRATCH)).toBe(true);
      expect(machine.start()).toBe(runs("1.0.0"));
    });
  });
});
