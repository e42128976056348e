import { describe, expect, it } from "vitest";
import { SCENARIOS } from "../../../../supervisor/sweep/flipside/scenarios/index.ts";
import { plannedOf, planUnits } from "../../../../supervisor/sweep/run/plan.ts";

const OPTIONS = { faults: true, runAll: false, shard: { index: 1, of: 1 } };
const some = SCENARIOS.slice(0, 40).map(plannedOf);

/** Names of units, sorted. */
function names(depth: number, shard = OPTIONS.shard): readonly string[] {
  return planUnits(some, { ...OPTIONS, depth, shard })
    .map(({ scenario, part }) => `${scenario} ${part.index}/${part.of}`)
    .sort();
}

describe("the plan of a sweep", () => {
  it.each([1, 2])(
    "has a unit for each scenario at depth %d: a part does not know what another one found",
    (depth) => {
      expect(names(depth)).toEqual(some.map(({ name }) => `${name} 0/1`).sort());
    },
  );

  it("has each scenario in parts from depth 3 on, none of them twice", () => {
    const units = names(3);
    expect(new Set(units).size).toBe(units.length);
    expect(units.length).toBe(some.length * 8);
  });

  it("is the same in shards, each unit in one of them", () => {
    const shards = [1, 2, 3].flatMap((index) => names(3, { index, of: 3 }));
    expect([...shards].sort()).toEqual(names(3));
  });
});
