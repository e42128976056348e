/** ECC of regions and of chips: the same rule, and what a cut leaves of a block is never half of anything that reads. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Random } from "../../../emulator/base/random.ts";
import { type ByteRanges, firstIn, NO_BYTES } from "../../../emulator/flash/byte-ranges.ts";
import { BytesFlashPort, type EccState, NorFlash } from "../../../emulator/flash/flash.ts";
import { FlashChip } from "../../../emulator/flash/flash-chip.ts";
import { CHIP_TEARS, type ChipTear } from "../../../emulator/flash/flash-tear.ts";
import { eraseFor } from "../../../emulator/flash/region-writer.ts";

const BLOCK = 64;
const SECTOR = 256;
const BYTES = 1024;

class State implements EccState {
  faulty: ByteRanges = NO_BYTES;

  firstIn(offset: number, byteCount: number): number | undefined {
    return firstIn(this.faulty, offset, offset + byteCount);
  }
}

function bench() {
  const bytes = new Uint8Array(BYTES).fill(0xff);
  const ecc = new State();
  const geometry = { regionBytes: BYTES, sectorBytes: SECTOR, programUnitBytes: BLOCK };
  const port = new BytesFlashPort(bytes, () => undefined);
  return { bytes, ecc, flash: new NorFlash(port, geometry, () => false, ecc) };
}

function chipBench() {
  const bytes = new Uint8Array(BYTES).fill(0xff);
  const port = new BytesFlashPort(bytes, () => undefined);
  const chip = new FlashChip(port, {
    sectors: [{ count: BYTES / SECTOR, bytes: SECTOR }],
    writeBlockBytes: BLOCK,
    erasedByte: 0xff,
    program: "ecc",
  });
  return { bytes, chip };
}

type Step = {
  readonly kind: "erase" | "program";
  readonly at: number;
  readonly data: Uint8Array;
  readonly how: ChipTear | "done";
};

const steps: fc.Arbitrary<readonly Step[]> = fc.array(
  fc.record({
    kind: fc.constantFrom("erase" as const, "program" as const),
    at: fc.nat(15),
    // Never blank: what was programmed to nothing a chip remembers, and a region does not.
    data: fc.uint8Array({ minLength: BLOCK, maxLength: BLOCK }).map((data) => data.fill(0, 0, 1)),
    how: fc.constantFrom("done" as const, ...CHIP_TEARS),
  }),
  { maxLength: 20 },
);

/** Makes one unit whole, or leaves it torn; false where it is refused. */
function make(target: NorFlash | FlashChip, { kind, at, data, how }: Step, seed: number): boolean {
  const start =
    kind === "erase" ? target.erase((at >> 2) * SECTOR, SECTOR) : target.program(at * BLOCK, data);
  if (!start.ok) return false;
  const { operation } = start;
  if (how === "done") operation.step();
  else operation.tear(how, new Random(seed));
  operation.abort();
  return true;
}

describe("flash of a region with ECC", () => {
  it("holds, refuses and loses what a chip with ECC does", () => {
    fc.assert(
      fc.property(steps, fc.integer(), (list, seed) => {
        const [region, chip] = [bench(), chipBench()];
        for (const [index, step] of list.entries()) {
          const made = make(region.flash, step, seed + index);
          expect(made).toBe(make(chip.chip, step, seed + index));
          expect(Buffer.compare(region.bytes, chip.bytes)).toBe(0);
          expect(region.ecc.faulty).toEqual(chip.chip.condition.faulty);
        }
      }),
      { numRuns: 200 },
    );
  });

  it("is after a cut, block by block, as before, as it was to be, or unreadable", () => {
    fc.assert(
      fc.property(steps, fc.integer(), (list, seed) => {
        const { bytes, ecc, flash } = bench();
        for (const [index, step] of list.entries()) {
          const [before, faulty] = [bytes.slice(), ecc.faulty];
          const isMade = make(flash, step, seed + index);
          const unit = step.kind === "erase" ? (step.at >> 2) * SECTOR : step.at * BLOCK;
          const end = unit + (step.kind === "erase" ? SECTOR : BLOCK);
          for (let at = 0; at < BYTES; at += BLOCK) {
            const now = Buffer.from(bytes.subarray(at, at + BLOCK));
            const isSame = now.equals(before.subarray(at, at + BLOCK));
            const wasFaulty = firstIn(faulty, at, at + BLOCK) !== undefined;
            const isFaulty = firstIn(ecc.faulty, at, at + BLOCK) !== undefined;
            const target = step.kind === "erase" ? Buffer.alloc(BLOCK, 0xff) : step.data;
            const isOutside = !isMade || at < unit || at >= end;
            if (isOutside) expect([isSame, isFaulty]).toEqual([true, wasFaulty]);
            else if (!isFaulty) expect((isSame && !wasFaulty) || now.equals(target)).toBe(true);
          }
        }
      }),
      { numRuns: 200 },
    );
  });

  it("takes no program over one, nor into a block that cannot be read, until it is erased", () => {
    const { ecc, flash } = bench();
    const program = (value: number) => flash.program(0, new Uint8Array(BLOCK).fill(value));
    expect(make(flash, { kind: "program", at: 0, data: new Uint8Array(BLOCK), how: "done" }, 1)).toBe(true);
    const again = program(0);
    expect(again).toMatchObject({ ok: false, refusal: { name: "not-erased", offset: 0 } });
    make(flash, { kind: "erase", at: 0, data: new Uint8Array(), how: "done" }, 1);
    flash.spoilBlocks(BLOCK + 5, 1);
    expect(ecc.faulty).toEqual([{ start: BLOCK, end: 2 * BLOCK }]);
    expect(flash.program(0, new Uint8Array(2 * BLOCK))).toMatchObject({
      ok: false,
      refusal: {
        name: "not-erased",
        offset: BLOCK,
        message: expect.stringContaining("cannot be read at 0x40"),
      },
    });
    make(flash, { kind: "erase", at: 0, data: new Uint8Array(), how: "done" }, 1);
    expect([ecc.faulty, flash.readFault(0, BYTES)]).toEqual([[], undefined]);
    expect(program(7).ok).toBe(true);
  });

  it("that is none has no block that cannot be read", () => {
    const { bytes } = bench();
    const geometry = { regionBytes: BYTES, sectorBytes: SECTOR, programUnitBytes: BLOCK };
    const without = new NorFlash(new BytesFlashPort(bytes, () => undefined), geometry, () => false);
    expect(() => without.spoilBlocks(0, 1)).toThrow(RangeError);
    expect(without.readFault(0, BYTES)).toBeUndefined();
  });

  it("has a sector erased for an image that reads erased and cannot be read whole, wherever it lies", () => {
    const { bytes, flash } = bench();
    flash.spoilBlocks(3 * SECTOR, 1);
    const erased: number[] = [];
    for (const { operation, offset } of eraseFor(flash, bytes, SECTOR, () => true)) {
      operation.step();
      erased.push(offset);
    }
    expect(erased).toEqual([0, 3 * SECTOR]);
    expect(flash.readFault(0, BYTES)).toBeUndefined();
  });
});
