/** No region may run: safe mode tells why, and is left by a new image or an operator's word only. */
import { A, B, type Scenario, type ScenarioStep, START, tableOf } from "../scenario.ts";

const CRASH: ScenarioStep = { do: "crash" };
/** One more than the budget allows. */
const OVER_BUDGET: readonly ScenarioStep[] = [CRASH, CRASH, CRASH, CRASH, CRASH, CRASH];
const ONE_ACCEPTED = {
  images: ["a", undefined],
  table: tableOf({ regions: [{ image: "a", state: "accepted" }, undefined] }),
} as const;
const GIVEN_UP_B = { image: "b", state: "given-up" } as const;
const BOTH_GIVEN_UP = {
  images: ["a", "b"],
  table: tableOf({
    regions: [{ image: "a", state: "given-up" }, GIVEN_UP_B],
    active: -1,
  }),
} as const;

export const SAFE_MODE_SCENARIOS: readonly Scenario[] = [
  {
    name: "over-budget",
    about: "the only version fails more often than its budget allows",
    setup: ONE_ACCEPTED,
    steps: [...START, ...OVER_BUDGET, { do: "safe-mode" }],
    ends: "safe-mode",
    deep: true,
    budgetFailures: OVER_BUDGET.length - 1,
  },
  {
    name: "over-budget-cleared",
    about: "over its budget, cleared by an operator, and failing again: it has all of its budget anew",
    setup: ONE_ACCEPTED,
    steps: [
      ...START,
      ...OVER_BUDGET,
      { do: "safe-mode" },
      { do: "clear", region: 0 },
      CRASH,
      { do: "ready" },
    ],
    ends: 0,
    deep: false,
    budgetFailures: OVER_BUDGET.length - 1,
  },
  {
    name: "budget-is-of-a-while",
    about: "as many failures as the budget allows, and another when they are out of its window: it goes on",
    setup: ONE_ACCEPTED,
    steps: [...START, ...OVER_BUDGET.slice(1), { do: "wait", durationMs: 1_100 }, CRASH, { do: "ready" }],
    ends: 0,
    deep: false,
    budgetFailures: OVER_BUDGET.length - 1,
    budgetWindowMs: 1_000,
  },
  {
    name: "over-budget-both",
    about: "both versions fail in turn until neither may run",
    setup: {
      images: ["a", "b"],
      table: tableOf({
        regions: [A, B],
        previous: 1,
      }),
    },
    steps: [...START, ...OVER_BUDGET, ...OVER_BUDGET, { do: "safe-mode" }],
    ends: "safe-mode",
    deep: false,
    budgetFailures: OVER_BUDGET.length - 1,
  },
  {
    name: "safe-mode-cleared",
    about: "an operator clears a region that was given up: it is tried again",
    setup: BOTH_GIVEN_UP,
    steps: [
      { do: "power-on" },
      { do: "safe-mode" },
      { do: "clear", region: 0 },
      { do: "ready" },
      { do: "confirmed" },
    ],
    ends: 0,
    deep: true,
  },
  {
    name: "safe-mode-cleared-once-accepted",
    about: "an operator clears a region that was accepted once: it is accepted again at once",
    setup: {
      images: ["a", "b"],
      table: tableOf({
        regions: [{ image: "a", state: "given-up", confirmed: true }, GIVEN_UP_B],
        active: -1,
      }),
    },
    steps: [{ do: "power-on" }, { do: "safe-mode" }, { do: "clear", region: 0 }, { do: "ready" }],
    ends: 0,
    deep: true,
  },
  {
    name: "cleared-beside-the-primary",
    about: "a region that was accepted once is cleared, and takes over at the next failure",
    setup: {
      images: ["a", "b"],
      table: tableOf({
        regions: [
          { image: "a", state: "accepted" },
          { image: "b", state: "given-up", confirmed: true },
        ],
      }),
    },
    steps: [...START, { do: "clear", region: 1 }, CRASH, { do: "ready" }],
    ends: 1,
    deep: true,
  },
  {
    name: "safe-mode-new-image",
    about: "a new image is loaded in safe mode, activated, and runs",
    setup: BOTH_GIVEN_UP,
    steps: [
      { do: "power-on" },
      { do: "safe-mode" },
      { do: "load", region: 1, image: "update" },
      { do: "activate", region: 1 },
      { do: "ready" },
    ],
    ends: 1,
    resume: [{ do: "update", region: 1, image: "update" }],
    deep: false,
  },
  {
    name: "safe-mode-is-no-loop",
    about: "power cycles in safe mode change nothing",
    setup: BOTH_GIVEN_UP,
    steps: [{ do: "power-on" }, { do: "safe-mode" }, { do: "power-cycle" }, { do: "safe-mode" }],
    ends: "safe-mode",
    deep: true,
  },
];
