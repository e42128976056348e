import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { encodeImage } from "../../../controller/image/encode.ts";
import { NO_REQUIREMENTS, verifyImage } from "../../../controller/image/verify.ts";
import { Random } from "../../../emulator/base/random.ts";
import { CHIP_TEARS, PARTIAL_TEARS, TEARS } from "../../../emulator/flash/flash-tear.ts";
import { FlashRefusedError, type FlashUnits } from "../../../emulator/flash/region-writer.ts";
import { controlWords } from "../../../emulator/memory/control.ts";
import { createMemory, DEFAULT_MEMORY_CONFIG, planLayout } from "../../../emulator/memory/layout.ts";
import {
  CaseIdError,
  type Disturbance,
  formatCaseId,
  parseCaseId,
} from "../../../supervisor/sweep/explore/case-id.ts";
import { type FlashUnit, ItemKind, PowerCut } from "../../../supervisor/sweep/explore/items.ts";
import { SWEEP_FAULTS } from "../../../supervisor/sweep/flipside/flipside-subject.ts";
import { imageLibrary, SweepImageError } from "../../../supervisor/sweep/flipside/image-library.ts";
import { PersistentMemory } from "../../../supervisor/sweep/flipside/persistent-memory.ts";
import { RegionFlash } from "../../../supervisor/sweep/flipside/region-flash.ts";
import { type SweepReport, toJunit } from "../../../supervisor/sweep/run/report.ts";
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

/** Flash of which region 1 holds zeros from its start on. */
function freshFlash(): { readonly memory: PersistentMemory; readonly flash: RegionFlash } {
  const shared = createMemory(LAYOUT);
  const memory = new PersistentMemory(shared, LAYOUT);
  memory.clear();
  memory.putImage(1, new Int32Array(2048));
  return { memory, flash: new RegionFlash(memory, controlWords(shared, LAYOUT)) };
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
    const image = Int32Array.of(3, -1, 7);
    memory.putImage(0, image);
    for (const [at, value] of image.entries()) memory.store((LAYOUT.regions[1] as number) / 4 + at, value);
    expect(memory.regionKey(0)).toBe(memory.regionKey(1));
    const [first, second] = LAYOUT.regions as [number, number];
    memory.store(first / 4 + 5, 17);
    memory.store(first / 4 + 5, 99);
    memory.store(second / 4 + 5, 99);
    expect(memory.regionKey(0)).toBe(memory.regionKey(1));
    memory.store(second / 4 + 6, 0);
    expect(memory.regionKey(0)).not.toBe(memory.regionKey(1));
  });
});

/** Is told of a unit before it is made, and has it made. */
type TellUnit = (unit: FlashUnit, make: () => void) => void;

function makeAll(region: number, units: FlashUnits, tell: TellUnit): void {
  for (const { operation, offset } of units) {
    const kind = operation.kind === "erase" ? ItemKind.ERASE : ItemKind.PROGRAM;
    tell({ kind, region, offset }, () => operation.step());
  }
}

/** Erases a region and programs an image into it; false where the flash refuses. */
function write(flash: RegionFlash, region: number, image: Uint8Array, tell: TellUnit): boolean {
  try {
    makeAll(region, flash.erasing(region, image.length), tell);
    makeAll(region, flash.programming(region, image), tell);
    return true;
  } catch (error) {
    if (error instanceof FlashRefusedError) return false;
    throw error;
  }
}

describe("flash of a region", () => {
  const sector: FlashUnit = { kind: ItemKind.ERASE, region: 1, offset: 4096 };
  const erased = new Uint8Array(4096).fill(0xff);

  it("is torn, undone with its unstable cells, and torn alike again", () => {
    const { memory, flash } = freshFlash();
    const { position } = memory;
    const { condition } = flash;
    expect(flash.tears).toEqual([...TEARS, ...PARTIAL_TEARS]);
    for (const how of flash.tears) {
      const keys = [0, 1].map(() => {
        const before = memory.stateKey();
        expect(flash.tear(sector, erased, how, 7)).toBe(true);
        // What an erase begins with leaves memory that is zero already as it is.
        if (how !== "preprogrammed") expect(memory.stateKey()).not.toBe(before);
        expect(flash.settled).toBe(how !== "unstable");
        const torn = memory.stateKey();
        memory.undoTo(position);
        flash.condition = condition;
        expect([memory.stateKey(), flash.settled]).toEqual([before, true]);
        return torn;
      });
      expect(keys[0]).toBe(keys[1]);
    }
  });

  it("is not torn where an operation changes nothing", () => {
    const { flash } = freshFlash();
    expect(flash.tear({ ...sector, offset: 16_384 }, erased, "unstable", 7)).toBe(false);
    expect(flash.settled).toBe(true);
  });

  it("reads undecided cells as completed, or differently from time to time", () => {
    const { memory, flash } = freshFlash();
    flash.tear(sector, erased, "unstable", 7);
    flash.readUnstable("completed");
    expect(flash.read(sector)).toEqual(erased);
    const readings = new Set<number>();
    for (let seed = 0; seed < 16; seed += 1) {
      flash.readUnstable(new Random(seed));
      readings.add(memory.stateKey());
    }
    expect(readings.size).toBe(16);
  });

  it("is written anew where an interrupted erase only reads as erased", () => {
    const { memory, flash } = freshFlash();
    flash.tear(sector, erased, "unstable", 7);
    write(flash, 1, IMAGE_A, (_unit, make) => make());
    expect(flash.settled).toBe(true);
    expect(Buffer.compare(memory.regionBytes(1).slice(0, IMAGE_A.length), IMAGE_A)).toBe(0);
  });

  it("refuses an image for which a bit has rotted since its sector was erased, and takes it the next time", () => {
    const { memory, flash } = freshFlash();
    const first = (memory.layout.regions[1] as number) / 4;
    let rotten = false;
    const written = write(flash, 1, IMAGE_A, (unit, make) => {
      make();
      if (rotten || unit.kind !== ItemKind.ERASE) return;
      rotten = true;
      memory.store(first, 0);
    });
    expect(written).toBe(false);
    expect(write(flash, 1, IMAGE_A, (_unit, make) => make())).toBe(true);
  });

  it("takes the next operation after one that power ended", () => {
    const { flash } = freshFlash();
    const cut = () =>
      write(flash, 1, IMAGE_A, () => {
        throw new PowerCut("here");
      });
    expect(cut).toThrow(PowerCut);
    expect(cut).toThrow(PowerCut);
  });
});

describe("case ids", () => {
  const kind = fc.constantFrom<Disturbance["kind"]>("cut", ...CHIP_TEARS, ...SWEEP_FAULTS);
  const id = fc.record({
    scenario: fc.stringMatching(/^[a-z][a-z0-9-]{0,20}$/),
    path: fc.array(fc.record({ at: fc.nat(9999), kind }), { maxLength: 4 }),
    seed: fc.nat(),
  });

  it("are read as they were written", () => {
    fc.assert(
      fc.property(id, (value) => {
        expect(parseCaseId(formatCaseId(value), SWEEP_FAULTS)).toEqual(value);
      }),
    );
  });

  it("say of which version of their format they are: older ones without one are read, others refused by name", () => {
    const path = [{ at: 9, kind: "cut" }] as const;
    expect(formatCaseId({ scenario: "x", path, seed: 1 })).toBe("v1:x@9~1");
    expect(parseCaseId("x@9~1", SWEEP_FAULTS)).toEqual({ scenario: "x", path, seed: 1 });
    expect(() => parseCaseId("v2:x@9~1", SWEEP_FAULTS)).toThrow(
      '"v2:x@9~1" is of version 2 of the ids of cases, and this flipside reads version 1',
    );
  });

  it("that name nothing are refused in a sentence", () => {
    for (const text of ["", "x", "x@", "x@1", "x@1~", "x@a~1", "x@1:crash~1", "x@1!seeded~1", "x@1++2~1"]) {
      expect(() => parseCaseId(text, SWEEP_FAULTS)).toThrow(CaseIdError);
    }
  });
});

function withCounter(image: Uint8Array, securityCounter: number): Uint8Array {
  const result = verifyImage(image, NO_REQUIREMENTS, Number.POSITIVE_INFINITY);
  if (!result.ok) throw new Error(result.fault.message);
  const { headerBytes, bodyBytes, version } = result.image;
  const body = image.slice(headerBytes, headerBytes + bodyBytes);
  return encodeImage({ body, version, headerBytes, securityCounter });
}

describe("image library", () => {
  it("derives images that hold, of the versions and counters that their names say", () => {
    const images = imageLibrary(IMAGE_A, IMAGE_B);
    const counters = [...images.values()].map(({ name, counter }) => [name, counter]);
    expect(Object.fromEntries(counters)).toMatchObject({ a: 0, b: 0, "update-2": 2, "a-2": 2, "b-1": 1 });
    expect(images.get("update")?.rank).toBeGreaterThan(images.get("a")?.rank ?? 0);
    expect(images.get("a")?.rank).toBeGreaterThan(images.get("b")?.rank ?? 0);
    // Here the images are used as they were given.
    expect(new Set([...images.values()].map(({ digest }) => digest.join())).size).toBe(images.size - 2);
  });

  it("lets both run where their counters are not equal, and keeps them as they were given", () => {
    const counters = (a: number, b: number) => {
      const images = imageLibrary(withCounter(IMAGE_A, a), withCounter(IMAGE_B, b));
      return Object.fromEntries([...images.values()].map(({ name, counter }) => [name, counter]));
    };
    for (const [a, b] of [
      [5, 1],
      [1, 5],
    ] as const) {
      expect(counters(a, b)).toEqual({
        a: 5,
        b: 5,
        update: 5,
        mute: 5,
        crasher: 5,
        "b-1": 6,
        "a-2": 7,
        "update-2": 7,
        "own-a": a,
        "own-b": b,
      });
    }
  });

  it("refuses what is no image in a sentence", () => {
    expect(() => imageLibrary(new Uint8Array(100), IMAGE_B)).toThrow(SweepImageError);
  });
});

describe("JUnit report", () => {
  const finding = { replay: "x@1~1", verdict: "bricked", scenario: "x", cut: "1", message: 'a < b & "c"' };
  const report: SweepReport = {
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
    notSwept: [],
    leftOut: [],
  };

  it("escapes what XML takes for its own", () => {
    const text = toJunit(report);
    expect(text).toContain('message="a &#60; b &#38; &#34;c&#34;"');
    expect(text).toContain('failures="1" errors="0"');
  });

  it("a fault that never took place is an error, and what was left out is skipped", () => {
    const text = toJunit({
      ...report,
      findings: [{ ...finding, verdict: "not-injected" }],
      leftOut: [
        { scenario: "y", what: "scenario" },
        { scenario: "x", what: "commands" },
      ],
    });
    expect(text).toContain('tests="2" failures="0" errors="1" skipped="1"');
    expect(text).toContain('<error type="not-injected"');
    expect(text).toContain(
      'name="y"><skipped message="the firmware says that it commits no faults on request"/>',
    );
  });
});
