import fc from "fast-check";
import { beforeEach, describe, expect, it } from "vitest";
import { Random } from "../../../emulator/base/random.ts";
import {
  BytesFlashPort,
  type FlashOperation,
  type FlashStart,
  NorFlash,
} from "../../../emulator/flash/flash.ts";
import { TEARS, type Tear } from "../../../emulator/flash/flash-tear.ts";

const geometry = { regionBytes: 4096, sectorBytes: 1024, programUnitBytes: 256 };

interface Bench {
  readonly bytes: Uint8Array;
  readonly flash: NorFlash;
  /** Units begun, as [offset, bytes]. */
  readonly begun: [number, number][];
  primary: boolean;
}

function bench(fill: number | Uint8Array = 0xff): Bench {
  const bytes = new Uint8Array(geometry.regionBytes);
  if (typeof fill === "number") bytes.fill(fill);
  else bytes.set(fill);
  const begun: [number, number][] = [];
  const made: Bench = {
    bytes,
    begun,
    primary: false,
    flash: new NorFlash(
      new BytesFlashPort(bytes, (offset, byteCount) => begun.push([offset, byteCount])),
      geometry,
      () => made.primary,
    ),
  };
  return made;
}

function operationOf(start: FlashStart): FlashOperation {
  if (!start.ok) throw new Error(start.refusal.message);
  return start.operation;
}

function run(start: FlashStart): void {
  const operation = operationOf(start);
  while (!operation.done) operation.step();
}

const contents = fc.uint8Array({ minLength: 4096, maxLength: 4096 });
/** First and last + 1 of some units of a region with `units` of them. */
const ranges = (units: number) =>
  fc.tuple(fc.nat(units - 1), fc.integer({ min: 1, max: units })).map(([first, count]) => {
    const end = Math.min(units, first + count);
    return [first, end] as const;
  });

describe("an erase", () => {
  it("sets whole sectors to 0xFF and touches nothing else", () => {
    fc.assert(
      fc.property(contents, ranges(4), (before, [first, end]) => {
        const { bytes, flash } = bench(before);
        run(flash.erase(first * 1024, (end - first) * 1024));
        const expected = before.slice().fill(0xff, first * 1024, end * 1024);
        expect(Buffer.compare(bytes, expected)).toBe(0);
        expect([...flash.eraseCounts]).toEqual([0, 1, 2, 3].map((s) => (s >= first && s < end ? 1 : 0)));
      }),
    );
  });

  it("goes sector by sector, and each is told of before it changes", () => {
    const { bytes, flash, begun } = bench(0);
    const operation = operationOf(flash.erase(1024, 2048));
    expect({ units: operation.units, begun }).toEqual({ units: 2, begun: [] });
    operation.step();
    expect([bytes[1024], bytes[2047], bytes[2048]]).toEqual([0xff, 0xff, 0]);
    expect(begun).toEqual([[1024, 1024]]);
    expect(operation.done).toBe(false);
    operation.step();
    expect(operation.done).toBe(true);
    expect(() => operation.step()).toThrow(RangeError);
  });
});

describe("a program", () => {
  it("writes whole units into erased flash and touches nothing else", () => {
    fc.assert(
      fc.property(contents, ranges(16), (data, [first, end]) => {
        const { bytes, flash } = bench();
        run(flash.program(first * 256, data.subarray(first * 256, end * 256)));
        const expected = data.slice();
        expected.fill(0xff, 0, first * 256).fill(0xff, end * 256);
        expect(Buffer.compare(bytes, expected)).toBe(0);
      }),
    );
  });

  it("over what is written may clear bits, and is refused as a whole if it would set one", () => {
    fc.assert(
      fc.property(contents, contents, (before, data) => {
        const { bytes, flash, begun } = bench(before);
        const onlyClears = before.every((byte, i) => (byte & (data[i] ?? 0)) === data[i]);
        const start = flash.program(0, data);
        expect(start.ok).toBe(onlyClears);
        if (!start.ok) {
          expect(start.refusal.name).toBe("not-erased");
          expect(Buffer.compare(bytes, before)).toBe(0);
          expect(begun).toEqual([]);
        }
        const cleared = before.map((byte, i) => byte & (data[i] ?? 0));
        const again = bench(before);
        run(again.flash.program(0, cleared));
        expect(Buffer.compare(again.bytes, cleared)).toBe(0);
      }),
      { numRuns: 20 },
    );
  });

  it("keeps its own copy of the data", () => {
    const { bytes, flash } = bench();
    const data = new Uint8Array(256).fill(0x5a);
    const operation = operationOf(flash.program(256, data));
    data.fill(0);
    operation.step();
    expect(bytes.subarray(256, 512).every((byte) => byte === 0x5a)).toBe(true);
  });
});

describe("flash refuses", () => {
  let made: Bench;
  beforeEach(() => {
    made = bench();
  });

  it.each<[string, (flash: NorFlash) => FlashStart]>([
    ["misaligned", (flash) => flash.erase(512, 1024)],
    ["misaligned", (flash) => flash.erase(0, 512)],
    ["misaligned", (flash) => flash.erase(0.5, 1024)],
    ["misaligned", (flash) => flash.erase(Number.NaN, 1024)],
    ["misaligned", (flash) => flash.program(4, new Uint8Array(256))],
    ["misaligned", (flash) => flash.program(0, new Uint8Array(100))],
    ["empty", (flash) => flash.erase(0, 0)],
    ["empty", (flash) => flash.program(0, new Uint8Array(0))],
    ["out-of-region", (flash) => flash.erase(4096, 1024)],
    ["out-of-region", (flash) => flash.erase(3072, 2048)],
    ["out-of-region", (flash) => flash.erase(-1024, 1024)],
    ["out-of-region", (flash) => flash.erase(2048, -1024)],
    ["out-of-region", (flash) => flash.erase(2 ** 53, 1024)],
    ["out-of-region", (flash) => flash.program(3840, new Uint8Array(512))],
  ])("%s", (name, attempt) => {
    const start = attempt(made.flash);
    expect(start).toMatchObject({ ok: false, refusal: { name } });
    expect(made.begun).toEqual([]);
  });

  it("everything in the primary", () => {
    made.primary = true;
    for (const start of [made.flash.erase(0, 1024), made.flash.program(0, new Uint8Array(256))]) {
      expect(start).toMatchObject({ ok: false, refusal: { name: "is-primary" } });
    }
  });

  it("to go on in a region that became primary", () => {
    const operation = operationOf(made.flash.erase(0, 1024));
    made.primary = true;
    expect(() => operation.step()).toThrow(RangeError);
  });

  it("a second operation until the first has ended or was ended", () => {
    const first = operationOf(made.flash.erase(0, 2048));
    expect(made.flash.erase(0, 1024)).toMatchObject({ ok: false, refusal: { name: "busy" } });
    first.step();
    first.abort();
    first.abort();
    expect(() => first.step()).toThrow(RangeError);
    run(made.flash.erase(0, 1024));
    run(made.flash.erase(0, 1024));
  });
});

/** The operation of a case on fresh flash: what it would do, and the memory it works on. */
function torn(before: Uint8Array, kind: "erase" | "program", done: number, how: Tear, seed: number) {
  const made = bench(before);
  const data = before.map((byte, i) => byte & (i * 37));
  const operation = operationOf(
    kind === "erase" ? made.flash.erase(1024, 2048) : made.flash.program(1024, data.subarray(1024, 1536)),
  );
  for (let unit = 0; unit < done; unit += 1) operation.step();
  const left = made.bytes.slice();
  const unitBytes = kind === "erase" ? 1024 : 256;
  const from = 1024 + done * unitBytes;
  const whole = left.slice();
  for (let i = from; i < from + unitBytes; i += 1) whole[i] = kind === "erase" ? 0xff : (data[i] ?? 0);
  operation.tear(how, new Random(seed));
  return { ...made, left, whole, from, end: from + unitBytes };
}

function bitsThatDiffer(a: Uint8Array, b: Uint8Array): number {
  let bits = 0;
  for (const [i, byte] of a.entries()) {
    for (let x = byte ^ (b[i] ?? 0); x !== 0; x &= x - 1) bits += 1;
  }
  return bits;
}

describe("power that goes inside a unit", () => {
  const cases = fc.record({
    before: contents,
    kind: fc.constantFrom("erase", "program"),
    done: fc.nat(1),
    seed: fc.integer(),
  });

  it.each(TEARS)("%s: leaves every unit but that one whole, and that one between before and after", (how) => {
    fc.assert(
      fc.property(cases, ({ before, kind, done, seed }) => {
        const { bytes, left, whole, from, end } = torn(before, kind, done, how, seed);
        for (const [i, byte] of bytes.entries()) {
          const [old, target] = [left[i] ?? 0, whole[i] ?? 0];
          if (i < from || i >= end) {
            if (byte !== old) throw new Error(`byte ${i} outside the unit has changed`);
          } else if (how === "preprogrammed" && kind === "erase") {
            if ((byte & ~old) !== 0) throw new Error(`byte ${i} has bits set before the erase began`);
          } else if (((byte ^ old) & ~(old ^ target)) !== 0) {
            throw new Error(`byte ${i} has a bit that nobody meant to change`);
          }
        }
      }),
      { numRuns: 30 },
    );
  });

  it("is told of before anything changes, ends the operation, and is the same again for the same seed", () => {
    const before = new Uint8Array(4096).fill(0x5a);
    for (const how of TEARS) {
      const [a, b] = [torn(before, "erase", 0, how, 9), torn(before, "erase", 0, how, 9)];
      expect(Buffer.compare(a.bytes, b.bytes)).toBe(0);
      expect(a.begun).toEqual([[1024, 1024]]);
      expect(a.flash.erase(0, 1024).ok).toBe(true);
    }
  });

  it("may have changed all bits but one, or none but one", () => {
    fc.assert(
      fc.property(contents, fc.integer(), (before, seed) => {
        const all = torn(before, "erase", 1, "all-but-one", seed);
        expect(bitsThatDiffer(all.bytes, all.whole)).toBe(1);
        const none = torn(before, "erase", 1, "none-but-one", seed);
        expect(bitsThatDiffer(none.bytes, none.left)).toBe(1);
      }),
      { numRuns: 20 },
    );
  });

  it("where nothing was to change leaves nothing torn", () => {
    const made = bench();
    const operation = operationOf(made.flash.erase(0, 1024));
    operation.tear("unstable", new Random(1));
    expect(made.bytes.every((byte) => byte === 0xff)).toBe(true);
    expect(made.flash.unstable).toEqual([]);
  });
});

describe("unstable cells", () => {
  const before = new Uint8Array(4096).fill(0x0f);

  it("read differently each time, the rest never, and each reading is told of before", () => {
    const { bytes, flash, begun, left, whole } = torn(before, "erase", 0, "unstable", 3);
    const random = new Random(4);
    const readings = new Set<string>();
    for (let i = 0; i < 8; i += 1) {
      begun.length = 0;
      flash.readUnstable(random);
      readings.add(Buffer.from(bytes).toString("hex"));
      expect(
        bytes.every((byte, at) => ((byte ^ (left[at] ?? 0)) & ~((left[at] ?? 0) ^ (whole[at] ?? 0))) === 0),
      ).toBe(true);
      expect(begun.length).toBe(256);
    }
    expect(readings.size).toBe(8);
  });

  it("are definite again when they are erased, sector by sector", () => {
    const { bytes, flash } = torn(before, "erase", 0, "unstable", 3);
    run(flash.erase(2048, 1024));
    expect(flash.unstable.length).toBe(256);
    run(flash.erase(1024, 1024));
    expect(flash.unstable).toEqual([]);
    flash.readUnstable(new Random(5));
    expect(bytes.subarray(1024, 2048).every((byte) => byte === 0xff)).toBe(true);
  });

  it("that a program clears are definitely cleared", () => {
    const { bytes, flash } = torn(before, "erase", 0, "unstable", 3);
    run(flash.program(1024, new Uint8Array(256)));
    expect(flash.unstable.length).toBe(192);
    flash.readUnstable(new Random(6));
    expect(bytes.subarray(1024, 1280).every((byte) => byte === 0)).toBe(true);
  });
});

it("a program sets no bit even where cells have come to read otherwise since it began", () => {
  const { bytes, flash } = torn(new Uint8Array(4096).fill(0x0f), "erase", 0, "unstable", 3);
  const operation = operationOf(flash.program(1024, bytes.slice(1024, 1280)));
  flash.readUnstable(new Random(8));
  const before = bytes.slice();
  operation.step();
  expect(bytes.some((byte, i) => (byte & ~(before[i] ?? 0)) !== 0)).toBe(false);
});

it("whatever is done, in whatever order, a program never sets a bit and an erase never clears one", () => {
  const steps = fc.array(
    fc.record({
      kind: fc.constantFrom("erase", "program"),
      unit: fc.nat(15),
      count: fc.integer({ min: 1, max: 4 }),
      data: fc.uint8Array({ minLength: 1024, maxLength: 1024 }),
      stop: fc.nat(4),
      end: fc.constantFrom("done", "abort", ...TEARS),
    }),
    { maxLength: 12 },
  );
  fc.assert(
    fc.property(steps, fc.integer(), (list, seed) => {
      const { bytes, flash } = bench();
      const random = new Random(seed);
      for (const { kind, unit, count, data, stop, end } of list) {
        const start =
          kind === "erase"
            ? flash.erase((unit % 4) * 1024, 1024)
            : flash.program(unit * 256, data.subarray(0, Math.min(count, 16 - unit) * 256));
        if (!start.ok) {
          expect(start.refusal.name).toBe("not-erased");
          continue;
        }
        const { operation } = start;
        for (let steps = 0; !operation.done && (end === "done" || steps < stop); steps += 1) {
          const before = bytes.slice();
          operation.step();
          const wrong = bytes.some((byte, i) =>
            kind === "erase" ? ((before[i] ?? 0) & ~byte) !== 0 : (byte & ~(before[i] ?? 0)) !== 0,
          );
          expect(wrong).toBe(false);
        }
        if (operation.done) continue;
        if (end === "abort" || end === "done") operation.abort();
        else operation.tear(end, random);
      }
    }),
    { numRuns: 200 },
  );
});
