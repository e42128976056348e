/** Security counters in another order than the versions: one region may run, whatever the versions say. */
import { A, type Scenario, type ScenarioStep, type Setup, START, tableOf } from "../scenario.ts";

const FAIL: ScenarioStep = { do: "fault", kind: "finisher" };
const B_1 = { image: "b-1", state: "accepted" } as const;
const A_2 = { image: "a-2", state: "accepted" } as const;

const OWN: Setup = {
  images: ["own-a", "own-b"],
  table: tableOf({
    regions: [
      { image: "own-a", state: "accepted" },
      { image: "own-b", state: "accepted" },
    ],
    previous: 1,
  }),
};

function counters(
  name: string,
  about: string,
  setup: Setup,
  steps: readonly ScenarioStep[],
  ends?: Scenario["ends"],
): Scenario {
  return {
    name: `counters-${name}`,
    about,
    setup,
    steps,
    ...(ends === undefined ? {} : { ends }),
    deep: true,
  };
}

export const COUNTER_SCENARIOS: readonly Scenario[] = [
  counters(
    "first-start",
    "never started before, and the lower version has the higher counter: the higher version is below the floor",
    { images: ["a", "b-1"] },
    START,
    1,
  ),
  counters(
    "first-start-own",
    "the first start of the images as they were given",
    { images: ["own-a", "own-b"] },
    START,
  ),
  counters("failover-own", "failures of the images as they were given", OWN, [
    ...START,
    FAIL,
    { do: "crash" },
    { do: "ready" },
  ]),
  counters(
    "failover",
    "the lower version, which alone is not below the floor, fails: it is started again",
    { images: ["a", "b-1"], table: tableOf({ regions: [A, B_1], previous: 1 }) },
    [...START, FAIL, FAIL],
    1,
  ),
  counters(
    "update-below-the-floor",
    "an update whose counter is below the floor is activated, and never runs",
    { images: ["a-2", undefined], table: tableOf({ regions: [A_2, undefined] }), floor: 2 },
    [
      ...START,
      { do: "load", region: 1, image: "update" },
      { do: "activate", region: 1 },
      { do: "power-cycle" },
      { do: "ready" },
    ],
    0,
  ),
  counters(
    "confirmed-above-the-other",
    "a trial confirms itself, so that the last confirmed version is below the floor: no roll-back to it",
    {
      images: ["a", "update-2"],
      table: tableOf({ regions: [A, { image: "update-2", state: "trial" }], next: 1 }),
    },
    [...START, { do: "confirmed" }, FAIL, { do: "power-cycle" }, { do: "ready" }],
    1,
  ),
];
