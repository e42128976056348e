import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createMemory, DEFAULT_MEMORY_CONFIG, planLayout } from "../../../emulator/layout.ts";
import {
  CaseIdError,
  type Disturbance,
  formatCaseId,
  HURTS,
  parseCaseId,
} from "../../../supervisor/sweep/case-id.ts";
import { imageLibrary, SweepImageError } from "../../../supervisor/sweep/image-library.ts";
import { PersistentMemory } from "../../../supervisor/sweep/persistent-memory.ts";
import { toJunit } from "../../../supervisor/sweep/report.ts";
import { TEARS, tear } from "../../../supervisor/sweep/tearing.ts";
import { IMAGE_A, IMAGE_B } from "./bench.ts";

const LAYOUT = planLayout({
  ...DEFAULT_MEMORY_CONFIG,
  regionBytes: 65_536,
  ramBytes: 65_536,
  hostBytes: 65_536,
});

function freshMemory(): PersistentMemory {
  const memory = new PersistentMemory(createMemory(LAYOUT), LAYOUT);
  memory.clear();
  return memory;
}

const word = fc.oneof(
  fc.integer({ min: LAYOUT.table / 4, max: LAYOUT.nvram / 4 + 100 }),
  fc.integer({ min: (LAYOUT.regions[0] as number) / 4, max: (LAYOUT.regions[1] as number) / 4 + 16_383 }),
);
const stores = fc.array(fc.tuple(word, fc.integer()), { maxLength: 40 });

describe("persistent memory", () => {
  it("undoing brings words and content keys back", () => {
    fc.assert(
      fc.property(stores, stores, (first, second) => {
        const memory = freshMemory();
        for (const [at, value] of first) memory.store(at, value);
        const bytes = Buffer.from(new Uint8Array(memory.words.buffer).slice());
        const key = memory.stateKey();
        const { position } = memory;
        for (const [at, value] of second) memory.store(at, value);
        memory.undoTo(position);
        expect(memory.stateKey()).toBe(key);
        expect(bytes.equals(new Uint8Array(memory.words.buffer))).toBe(true);
      }),
      { numRuns: 30 },
    );
  });

  it("equal bytes have equal keys, however they came about; the same image in every region", () => {
    const memory = freshMemory();
    const [first, second] = LAYOUT.regions as [number, number];
    memory.store(first / 4 + 5, 17);
    memory.store(first / 4 + 5, 99);
    memory.store(second / 4 + 5, 99);
    expect(memory.regionKey(0)).toBe(memory.regionKey(1));
    memory.store(second / 4 + 6, 0);
    expect(memory.regionKey(0)).not.toBe(memory.regionKey(1));
  });

  it("cells between two values read differently from time to time until they are erased", () => {
    const memory = freshMemory();
    const at = (LAYOUT.regions[0] as number) / 4;
    memory.unstable = [{ word: at, mask: 0xffff, target: 0 }];
    memory.readUnstable("completed");
    expect(memory.words[at]).toBe(-1 & ~0xffff);
    const seen = new Set<number>();
    for (let seed = 0; seed < 16; seed += 1) {
      memory.readUnstable(seed);
      seen.add(memory.words[at] as number);
    }
    expect(seen.size).toBeGreaterThan(8);
    memory.settle(at, at + 1);
    expect(memory.unstable).toEqual([]);
  });
});

describe("tearing", () => {
  it("changes only bits that the operation changes, and never all or none of them but where it says", () => {
    const at = (LAYOUT.regions[0] as number) / 4;
    fc.assert(
      fc.property(fc.array(fc.integer(), { minLength: 2, maxLength: 64 }), fc.integer(), (values, seed) => {
        const changes = values
          .map((value, index) => ({ word: at + index, before: -1, after: value }))
          .filter(({ before, after }) => before !== after);
        fc.pre(changes.length > 0);
        for (const how of TEARS) {
          const memory = freshMemory();
          tear(memory, changes, how, seed);
          let done = 0;
          let all = 0;
          for (const { word: index, before, after } of changes) {
            const now = memory.words[index] as number;
            expect((now ^ before) & ~(before ^ after)).toBe(0);
            done += ones(now ^ before);
            all += ones(before ^ after);
          }
          if (how === "all-but-one") expect(done).toBe(all - 1);
          if (how === "none-but-one") expect(done).toBe(1);
          if (how === "unstable") expect(memory.unstable.length).toBe(changes.length);
        }
      }),
      { numRuns: 20 },
    );
  });
});

function ones(bits: number): number {
  let count = 0;
  for (let left = bits >>> 0; left !== 0; left = (left & (left - 1)) >>> 0) count += 1;
  return count;
}

describe("case ids", () => {
  const kind = fc.constantFrom<Disturbance["kind"]>("cut", ...TEARS, ...HURTS);
  const id = fc.record({
    scenario: fc.stringMatching(/^[a-z][a-z0-9-]{0,20}$/),
    path: fc.array(fc.record({ at: fc.nat(9999), kind }), { maxLength: 4 }),
    seed: fc.nat(),
  });

  it("are read as they were written", () => {
    fc.assert(
      fc.property(id, (value) => {
        expect(parseCaseId(formatCaseId(value))).toEqual(value);
      }),
    );
  });

  it("that name nothing are refused in a sentence", () => {
    for (const text of ["", "x", "x@", "x@1", "x@1~", "x@a~1", "x@1:crash~1", "x@1!seeded~1", "x@1++2~1"]) {
      expect(() => parseCaseId(text)).toThrow(CaseIdError);
    }
  });
});

describe("image library", () => {
  it("derives images that hold, of the versions and counters that their names say", () => {
    const images = imageLibrary(IMAGE_A, IMAGE_B);
    const counters = [...images.values()].map(({ name, counter }) => [name, counter]);
    expect(Object.fromEntries(counters)).toMatchObject({ a: 0, b: 0, "update-2": 2, "a-2": 2, "b-1": 1 });
    expect(images.get("update")?.rank).toBeGreaterThan(images.get("a")?.rank ?? 0);
    expect(images.get("a")?.rank).toBeGreaterThan(images.get("b")?.rank ?? 0);
    expect(new Set([...images.values()].map(({ digest }) => digest.join())).size).toBe(images.size);
  });

  it("refuses what is no image in a sentence", () => {
    expect(() => imageLibrary(new Uint8Array(100), IMAGE_B)).toThrow(SweepImageError);
  });
});

describe("JUnit report", () => {
  it("escapes what XML takes for its own", () => {
    const finding = {
      replay: "x@1~1",
      verdict: "bricked",
      scenario: "x",
      cut: "1",
      message: 'a < b & "c"',
    } as const;
    const text = toJunit({
      seed: 1,
      depth: 1,
      jobs: 1,
      shard: "1/1",
      durationMs: 1,
      scenarios: [{ name: "x", cuts: 1, distinctFutures: 1, faults: 0, verdicts: { bricked: 1 } }],
      cuts: 1,
      distinctFutures: 1,
      faults: 0,
      cutsPerSecond: 1,
      verdicts: { bricked: 1 },
      findings: [finding],
    });
    expect(text).toContain('message="a &#60; b &#38; &#34;c&#34;"');
    expect(text).toContain('failures="1"');
  });
});
