import { describe, expect, it } from "vitest";
import { tableSuccessionFault } from "../../../emulator/table/succession.ts";
import {
  EMPTY_REGION,
  NO_REGION,
  nextGeneration,
  type RegionRecord,
  type Table,
  tableFault,
} from "../../../emulator/table/table.ts";
import { acceptedTable, digestOf, recordOf } from "./table-arbitrary.ts";

const PANIC = { evidence: 1, code: 2, pc: 4 };

/** The table after `before` with other pointers, and with other records of some regions. */
function following(
  before: Table,
  pointers: Partial<Table>,
  records: { readonly [region: number]: Partial<RegionRecord> } = {},
): Table {
  const regions = before.regions.map((record, region) => ({ ...record, ...records[region] }));
  return { ...before, ...pointers, regions, generation: nextGeneration(before.generation) };
}

const three = acceptedTable(3, 7);
const failedOnce = following(three, {}, { 0: { failures: 1, lastFailure: PANIC } });
/** Region 1 is written, region 2 given up after it was accepted. */
const written: Table = {
  ...three,
  previous: NO_REGION,
  regions: [recordOf(0, "accepted"), recordOf(1, "valid"), recordOf(2, "invalid", { confirmed: true })],
};
const activated = following(written, { next: 1 }, { 1: { triesLeft: 3 } });
const onTrial = following(
  activated,
  { active: 1, next: NO_REGION, previous: 0 },
  { 1: { unconfirmedStarts: 1 } },
);
const empty = following(written, {}, { 1: { ...EMPTY_REGION } });

describe("a table may not follow another", () => {
  it.each<[string, Table, Table]>([
    ["with another number of regions", three, following(acceptedTable(2, 7), {})],
    ["that is not one generation ahead", three, { ...three, generation: 9 }],
    [
      "whose failures fell",
      failedOnce,
      following(failedOnce, {}, { 0: { failures: 0, lastFailure: EMPTY_REGION.lastFailure } }),
    ],
    ["whose failures rose by two", three, following(three, {}, { 0: { failures: 2, lastFailure: PANIC } })],
    [
      "with a failure of what was not active",
      three,
      following(three, {}, { 1: { failures: 1, lastFailure: PANIC } }),
    ],
    [
      "with another last failure, uncounted",
      failedOnce,
      following(failedOnce, {}, { 0: { lastFailure: { ...PANIC, pc: 8 } } }),
    ],
    ["with an image exchanged", written, following(written, {}, { 1: { digest: digestOf(9) } })],
    ["with an image accepted as it is written", empty, following(empty, {}, { 1: recordOf(1, "accepted") })],
    [
      "with another version of one image",
      written,
      following(written, {}, { 1: { version: { major: 9, minor: 0, revision: 0, build: 0 } } }),
    ],
    [
      "that accepts what never ran",
      written,
      following(written, {}, { 1: { state: "accepted", confirmed: true } }),
    ],
    ["that forgets that an image was accepted", written, following(written, {}, { 2: { confirmed: false } })],
    ["that gives up what did not run", three, following(three, { previous: 2 }, { 1: { state: "invalid" } })],
    ["that has a try more without an activation", onTrial, following(onTrial, {}, { 1: { triesLeft: 4 } })],
    ["that has a try less without a failure", onTrial, following(onTrial, {}, { 1: { triesLeft: 2 } })],
    [
      "with a failure of a trial that uses no try",
      onTrial,
      following(onTrial, {}, { 1: { failures: 1, lastFailure: PANIC } }),
    ],
    ["whose starts were forgotten", onTrial, following(onTrial, {}, { 1: { unconfirmedStarts: 0 } })],
    [
      "with the first start of a trial uncounted",
      activated,
      following(activated, { active: 1, next: NO_REGION, previous: 0 }),
    ],
    ["that is rebuilt all at once", three, following(three, { rebuilt: true })],
    ["that is no longer rebuilt, with nothing confirmed", { ...three, rebuilt: true }, following(three, {})],
    [
      "that starts what was never activated",
      written,
      following(written, { active: 1, previous: 0 }, { 1: { triesLeft: 1, unconfirmedStarts: 1 } }),
    ],
    ["that leaves an accepted version for none", three, following(three, { active: NO_REGION })],
    [
      "that loses an activation to a failure",
      activated,
      following(
        activated,
        { next: NO_REGION },
        { 0: { failures: 1, lastFailure: PANIC }, 1: { triesLeft: 0 } },
      ),
    ],
    [
      "whose previous region is not the one that was active",
      three,
      following(three, { active: 1, previous: 2 }),
    ],
    ["whose previous region changes for no reason", three, following(three, { previous: 2 })],
  ])("%s", (_, before, after) => {
    // Each is possible by itself: it is the step that is not.
    expect(tableFault(after)).toBeUndefined();
    expect(tableSuccessionFault(before, after)).toBeTypeOf("string");
  });

  it("but what events make of one, it may", () => {
    for (const [before, after] of [
      [three, failedOnce],
      [written, activated],
      [activated, onTrial],
      [written, empty],
      [three, following(three, { active: 1, previous: 0 }, { 0: { failures: 1, lastFailure: PANIC } })],
      [written, following(written, {}, { 2: { state: "accepted" } })],
    ] as const) {
      expect(tableSuccessionFault(before, after)).toBeUndefined();
    }
  });
});
