import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  digestFromBytes,
  digestHex,
  EMPTY_REGION,
  emptyTable,
  generationDistance,
  NO_DIGEST,
  NO_FAILURE,
  NO_REGION,
  nextGeneration,
  type RegionRecord,
  type Table,
  tableFault,
} from "../../../emulator/table/table.ts";
import { acceptedTable, anyTable, recordOf } from "./table-arbitrary.ts";

const table = acceptedTable(3, 5);

function withRegion(region: number, record: RegionRecord, changes: Partial<Table> = {}): Table {
  return { ...table, regions: table.regions.map((r, i) => (i === region ? record : r)), ...changes };
}

describe("a possible table", () => {
  it("is found possible, whichever it is", () => {
    fc.assert(
      fc.property(anyTable, (any) => {
        expect(tableFault(any)).toBeUndefined();
      }),
    );
    expect(tableFault(emptyTable(2, 0))).toBeUndefined();
  });

  const trial = recordOf(0, "valid", { triesLeft: 2, unconfirmedStarts: 16 });
  const failed = { failures: 1, lastFailure: { evidence: 3, code: 0, pc: 0 } };
  it.each<[string, Table]>([
    ["designates a region that exists", { ...table, active: 3 }],
    ["designates no fraction", { ...table, active: 0.5 }],
    ["has a next that exists", { ...table, next: 3 }],
    ["has a previous that exists", { ...table, previous: -2 }],
    ["never designates an invalid region", withRegion(0, recordOf(0, "invalid"))],
    ["never activates an invalid region", withRegion(2, recordOf(2, "invalid"), { next: 2 })],
    ["has no next that is active already", { ...table, next: 0 }],
    ["has no previous that is active", { ...table, previous: 0 }],
    ["has a previous that was accepted", withRegion(1, recordOf(1, "valid"))],
    ["has a trial with a try left", withRegion(0, { ...trial, triesLeft: 0 })],
    ["has an activated region with a try left", withRegion(2, recordOf(2, "valid"), { next: 2 })],
    ["gives tries to nobody else", withRegion(2, recordOf(2, "valid", { triesLeft: 1 }))],
    ["starts a trial 16 times at most", withRegion(0, { ...trial, unconfirmedStarts: 17 })],
    [
      "counts starts of the active one alone",
      withRegion(2, recordOf(2, "valid", { triesLeft: 1, unconfirmedStarts: 1 }), { next: 2 }),
    ],
    ["has no accepted region on trial", withRegion(1, recordOf(1, "accepted", { triesLeft: 1 }))],
    ["has no accepted region unconfirmed", withRegion(1, recordOf(1, "accepted", { confirmed: false }))],
    ["has no valid region confirmed", withRegion(2, recordOf(2, "valid", { confirmed: true }))],
    ["knows the image of what may run", withRegion(1, recordOf(1, "accepted", { digest: NO_DIGEST }))],
    ["forgets a version with its image", withRegion(2, recordOf(2, "invalid", { digest: NO_DIGEST }))],
    ["has a cause for a failure", withRegion(2, { ...EMPTY_REGION, failures: 1 })],
    ["has a failure for a cause", withRegion(2, { ...EMPTY_REGION, ...failed, failures: 0 })],
    [
      "has no code without evidence",
      withRegion(2, { ...EMPTY_REGION, lastFailure: { ...NO_FAILURE, code: 1 } }),
    ],
    [
      "has a version that fits",
      withRegion(1, recordOf(1, "accepted", { version: { major: 256, minor: 0, revision: 0, build: 0 } })),
    ],
    ["has a 32-bit generation", { ...table, generation: 2 ** 32 }],
    ["has two regions at least", { ...table, previous: NO_REGION, regions: table.regions.slice(0, 1) }],
    ["has four regions at most", { ...table, regions: [...table.regions, ...table.regions] }],
  ])("%s", (_, impossible) => {
    expect(tableFault(impossible)).toBeTypeOf("string");
  });
});

it("generations go round in sequence arithmetic", () => {
  expect(nextGeneration(0xffff_ffff)).toBe(0);
  expect(generationDistance(0, 0xffff_ffff)).toBe(1);
  expect(generationDistance(0xffff_ffff, 0)).toBe(-1);
  fc.assert(
    fc.property(fc.nat(0xffff_ffff), (generation) => {
      expect(generationDistance(nextGeneration(generation), generation)).toBe(1);
    }),
  );
});

it("a digest is written as its bytes are", () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 32, maxLength: 32 }), (bytes) => {
      expect(digestHex(digestFromBytes(bytes))).toBe(Buffer.from(bytes).toString("hex"));
    }),
  );
  expect(() => digestFromBytes(new Uint8Array(31))).toThrow(RangeError);
});
