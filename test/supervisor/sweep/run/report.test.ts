import { describe, expect, it } from "vitest";
import { newScenarioTally, type ScenarioTally } from "../../../../supervisor/sweep/explore/explorer.ts";
import { ReportBuilder } from "../../../../supervisor/sweep/run/report.ts";

const HOW = { seed: 7, depth: 1, jobs: 1, shard: "1/1", durationMs: 1000, notSwept: [] };

function verdictsOf(skippable: readonly (number | undefined)[], how: Partial<typeof HOW> = {}) {
  const names = skippable.map((_, index) => `scenario-${index}`);
  const builder = new ReportBuilder(names);
  for (const [index, count] of skippable.entries()) {
    const tally: ScenarioTally = newScenarioTally(names[index] ?? "");
    tally.verdicts["runs-old"] = 1;
    builder.add(count === undefined ? tally : { ...tally, skippable: count });
  }
  const { verdicts, findings } = builder.build({ ...HOW, ...how });
  return { verdicts, findings };
}

describe("instructions that were to be skipped", () => {
  it("and of which none was executed in any scenario are told: not injected", () => {
    const { verdicts, findings } = verdictsOf([0, 0]);
    expect(verdicts).toEqual({ "runs-old": 2, "not-injected": 1 });
    expect(findings).toEqual([
      {
        replay: "v1:scenario-0@0!skip~7",
        verdict: "not-injected",
        scenario: "scenario-0",
        cut: "0!skip",
        message: "no instruction was skipped: the loader executes none in the code that loader.skip names",
      },
    ]);
  });

  it.each([
    ["some were", [0, 3], {}],
    ["nobody wanted that", [undefined, undefined], {}],
    ["another shard may have", [0, 0], { shard: "1/2" }],
  ] as const)("are not missed where %s", (_, skippable, how) => {
    expect(verdictsOf(skippable, how)).toEqual({ verdicts: { "runs-old": 2 }, findings: [] });
  });
});
