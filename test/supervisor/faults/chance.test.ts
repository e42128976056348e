/** What chance decides about a fault is a function of its kind and its seed: a run is replayed by its seed. */
import { describe, expect, it } from "vitest";
import { regionOffset } from "../../../emulator/persist/persistent-space.ts";
import { findFault, PROCESS_FAULT_KINDS, ROT_KINDS } from "../../../supervisor/faults/catalogue.ts";
import { drawCut, drawSeed, isSeeded, MAX_SEED } from "../../../supervisor/faults/chance.ts";
import { type RottenMemory, rottenBits } from "../../../supervisor/faults/rot.ts";

const MEMORY: RottenMemory = {
  regions: 2,
  regionBytes: 0x4_0000,
  nvramBytes: 0x1_0000,
  ecc: true,
  executing: { region: 1, headerBytes: 32, imageBytes: 20_000 },
  standby: { region: 0, headerBytes: 32, imageBytes: 10_000 },
};
const SEEDS = [0, 1, 2, 3, 2 ** 31, MAX_SEED];

/** Different values among them, as JSON. */
function distinct(values: readonly unknown[]): number {
  return new Set(values.map((value) => JSON.stringify(value))).size;
}

describe("a seed", () => {
  it("decides all about a cut of power", () => {
    const drawn = SEEDS.map(drawCut);
    expect(SEEDS.map(drawCut)).toEqual(drawn);
    expect(distinct(drawn.map(({ tearSeed }) => tearSeed))).toBe(SEEDS.length);
    expect(distinct(drawn.map(({ stores }) => stores))).toBeGreaterThan(1);
  });

  it.each(ROT_KINDS)("decides which bits flip: %s", (kind) => {
    const drawn = SEEDS.map((seed) => rottenBits(kind, MEMORY, seed));
    expect(SEEDS.map((seed) => rottenBits(kind, MEMORY, seed))).toEqual(drawn);
    expect(distinct(drawn)).toBe(SEEDS.length);
    expect(drawn.every((bits) => bits.length === (kind === "rot-both-replicas" ? 2 : 1))).toBe(true);
  });

  it("that is drawn is a word", () => {
    for (let i = 0; i < 100; i += 1) {
      const seed = drawSeed();
      expect(seed).toBe(seed >>> 0);
    }
  });

  it("is told only where chance has a say", () => {
    expect(ROT_KINDS.every(isSeeded)).toBe(true);
    expect(PROCESS_FAULT_KINDS.filter(isSeeded)).toEqual(["power-cut", "power-cut-in-commit"]);
    expect(isSeeded(findFault("ebreak")?.kind ?? "")).toBe(false);
  });
});

it("nothing rots in an image that is not there", () => {
  expect(rottenBits("rot-standby", { ...MEMORY, standby: undefined }, 1)).toEqual([]);
});

it("a whole block is unreadable, and none where flash has no ECC", () => {
  const kind = "unreadable-executing";
  expect(rottenBits(kind, MEMORY, 1)).toEqual([{ offset: expect.any(Number), bit: undefined }]);
  expect(rottenBits(kind, { ...MEMORY, ecc: false }, 1)).toEqual([]);
});

it("what rots in an image lies behind its header and not behind its end", () => {
  const image = regionOffset(MEMORY, 1);
  for (let seed = 0; seed < 1000; seed += 1) {
    const [{ offset, bit = -1 } = { offset: -1 }] = rottenBits("rot-executing", MEMORY, seed);
    expect(offset).toBeGreaterThanOrEqual(image + 32);
    expect(offset).toBeLessThan(image + 20_000);
    expect(bit & 7).toBe(bit);
  }
});
