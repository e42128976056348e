import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { BytesFlashPort, NorFlash } from "../../../emulator/flash/flash.ts";
import { FlashOperations, type MakeUnit } from "../../../emulator/flash/operations.ts";
import { eraseFor, FlashRefusedError, programImage } from "../../../emulator/flash/region-writer.ts";

const geometry = { regionBytes: 4096, sectorBytes: 1024, programUnitBytes: 256 };
const REGIONS = 3;
const step: MakeUnit = (_, { operation }) => operation.step();

/** Regions full of zeros, and a queue of operations on them. */
function bench() {
  const regions = Array.from({ length: REGIONS }, () => new Uint8Array(geometry.regionBytes));
  const flash = regions.map(
    (bytes) => new NorFlash(new BytesFlashPort(bytes, () => undefined), geometry, () => false),
  );
  const operations = new FlashOperations();
  const ends: string[] = [];
  /** Erases a region and programs an image, as two requests. */
  const write = (region: number, image: Uint8Array, epoch?: number): void => {
    const [target, bytes] = [flash[region] as NorFlash, regions[region] as Uint8Array];
    for (const [what, units] of [
      ["erase", eraseFor(target, bytes, image.length)],
      ["program", programImage(target, image)],
    ] as const) {
      const ended = (error: unknown): void => {
        ends.push(`${what} ${region}: ${error === undefined ? "done" : (error as Error).name}`);
      };
      operations.submit(epoch === undefined ? { region, units, ended } : { region, units, ended, epoch });
    }
  };
  return { regions, flash, operations, ends, write };
}

function padded(image: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(geometry.regionBytes).fill(0xff);
  bytes.set(image);
  return bytes;
}

const images = fc.uint8Array({ minLength: 0, maxLength: geometry.regionBytes });

describe("flash operations", () => {
  it("make at most one unit a turn, in the order of their requests", () => {
    const { operations, write, ends } = bench();
    write(1, new Uint8Array(512));
    write(0, new Uint8Array(256));
    const made: string[] = [];
    let most = 0;
    while (!operations.idle) {
      const before = made.length;
      operations.turn((region, { operation, offset }) => {
        made.push(`${operation.kind} ${region} ${offset}`);
        operation.step();
      });
      most = Math.max(most, made.length - before);
    }
    expect(most).toBe(1);
    const erases = (region: number) => [0, 1024, 2048, 3072].map((offset) => `erase ${region} ${offset}`);
    expect(made).toEqual([...erases(1), "program 1 0", "program 1 256", ...erases(0), "program 0 0"]);
    expect(ends).toEqual(["erase 1: done", "program 1: done", "erase 0: done", "program 0: done"]);
  });

  it("leave the bytes of their images however requests come between turns", () => {
    fc.assert(
      fc.property(
        fc.array(images, { minLength: REGIONS, maxLength: REGIONS }),
        fc.array(fc.nat(9)),
        (list, turns) => {
          const { operations, write, regions } = bench();
          for (const [region, image] of list.entries()) {
            write(region, image);
            for (let turn = turns[region] ?? 0; turn > 0; turn -= 1) operations.turn(step);
          }
          while (!operations.idle) operations.turn(step);
          for (const [region, image] of list.entries()) {
            expect(Buffer.compare(regions[region] as Uint8Array, padded(image))).toBe(0);
          }
        },
      ),
    );
  });

  it("of a version that is stopped leave a prefix of their units; an operator's go on", () => {
    fc.assert(
      fc.property(fc.nat(20), (turns) => {
        const { operations, write, regions, ends } = bench();
        const image = new Uint8Array(geometry.regionBytes).fill(0x5a);
        write(0, image, 7);
        write(1, image);
        for (let turn = 0; turn < turns; turn += 1) operations.turn(step);
        const before = (regions[0] as Uint8Array).slice();
        operations.stop(7);
        operations.stop(8);
        while (!operations.idle) operations.turn(step);
        expect(Buffer.compare(regions[0] as Uint8Array, before)).toBe(0);
        expect(Buffer.compare(regions[1] as Uint8Array, image)).toBe(0);
        expect(ends.length).toBe(4);
        // The four erasures, their end, and the programs that there was time for.
        const erased = Math.min(turns, 4) * 1024;
        const programmed = Math.max(0, Math.min(turns - 5, 16)) * 256;
        expect(before.indexOf(0) === -1 ? 4096 : before.indexOf(0)).toBe(erased);
        expect(before.filter((byte) => byte === 0x5a).length).toBe(programmed);
      }),
    );
  });

  it("that were stopped leave the flash free", () => {
    const { operations, write, flash } = bench();
    write(0, new Uint8Array(512), 7);
    // Four erasures, their end, and the first of two program units.
    for (let turn = 0; turn < 6; turn += 1) operations.turn(step);
    expect((flash[0] as NorFlash).erase(0, 1024)).toMatchObject({ ok: false, refusal: { name: "busy" } });
    operations.stop(7);
    expect((flash[0] as NorFlash).erase(0, 1024).ok).toBe(true);
  });

  it("are refused by name: one too many, and all that wait when power goes", () => {
    const { operations, write, ends } = bench();
    for (let request = 0; request < 8; request += 1) write(0, new Uint8Array(256));
    expect(() => write(0, new Uint8Array(256))).toThrow(FlashRefusedError);
    operations.powerOff();
    expect(operations.idle).toBe(true);
    expect(ends).toHaveLength(16);
    expect(new Set(ends)).toEqual(new Set(["erase 0: power-lost", "program 0: power-lost"]));
  });

  it("that the flash refuses end with its name, and the next one begins", () => {
    const { operations, ends, flash, regions } = bench();
    const target = flash[0] as NorFlash;
    const ended = (error: unknown): void =>
      void ends.push(error === undefined ? "done" : (error as Error).name);
    operations.submit({ region: 0, units: programImage(target, new Uint8Array(256).fill(1)), ended });
    operations.submit({ region: 0, units: eraseFor(target, regions[0] as Uint8Array, 0), ended });
    while (!operations.idle) operations.turn(step);
    expect(ends).toEqual(["not-erased", "done"]);
  });
});
