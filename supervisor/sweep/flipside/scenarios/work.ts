/**
 * What firmware does once it runs: it serves the host, is left alone, and finds commands that wait, at each reason for
 * which a version is started, and after each cut. In all others a run ends when a version is ready.
 */
import { A, B, type Scenario, type ScenarioStep, type Setup, START, tableOf } from "../scenario.ts";

/** Longer than the watchdog's period and the deadline for becoming ready again. */
const REST = { do: "wait", durationMs: 300 } as const;
const SERVE = { do: "serve", commands: 3 } as const;
const WORK: readonly ScenarioStep[] = [SERVE, REST, SERVE];
const SUBMIT = { do: "submit", commands: 3 } as const;
/** All that waits. */
const SERVED = { do: "serve", commands: 0 } as const;
const READY = { do: "ready" } as const;
const CRASH = { do: "crash" } as const;

const BOTH: Setup = { images: ["a", "b"], table: tableOf({ regions: [A, B], previous: 1 }) };
const B_PRIMARY: Setup = {
  images: ["a", "b"],
  table: tableOf({ regions: [A, B], active: 1, previous: 0 }),
};

function work(
  name: string,
  about: string,
  setup: Setup,
  steps: readonly ScenarioStep[],
  ends: number,
  resume: readonly ScenarioStep[] = [SERVE],
): Scenario {
  return { name: `work-${name}`, about, setup, steps, ends, resume, deep: false, costly: true };
}

const CRASHER = { image: "crasher", state: "valid" } as const;

/** Of each version: what stands in one region only is met by no scenario that leaves it there. */
const forEachRegion = (["a", "b"] as const).flatMap((image, region): readonly Scenario[] => {
  const other = 1 - region;
  const itself = region === 0 ? A : B;
  const regions = region === 0 ? [A, undefined] : [undefined, B];
  const alone: Setup = {
    images: region === 0 ? ["a", undefined] : [undefined, "b"],
    table: tableOf({ regions, active: region }),
  };
  const trial = { image, state: "trial" } as const;
  const onTrial: Setup = {
    images: ["a", "b"],
    table: tableOf({
      regions: region === 0 ? [trial, B] : [A, trial],
      active: other,
      next: region,
    }),
  };
  const besideCrasher: Setup = {
    images: region === 0 ? ["a", "crasher"] : ["crasher", "b"],
    table: tableOf({
      regions: region === 0 ? [itself, CRASHER] : [CRASHER, itself],
      active: region,
    }),
  };
  return [
    work(
      `restarted-${image}`,
      `${image} is started again where it is the only one`,
      alone,
      [...START, ...WORK, CRASH, READY, ...WORK],
      region,
    ),
    work(
      `on-trial-${image}`,
      `${image} works on trial, confirms itself, and goes on`,
      onTrial,
      [...START, SERVE, { do: "confirmed" }, ...WORK],
      region,
      [{ do: "confirmed" }, SERVE],
    ),
    work(
      `designated-${image}`,
      `an operator has ${image} started, and it works`,
      region === 0 ? B_PRIMARY : BOTH,
      [...START, SERVE, { do: "designate", region }, ...WORK],
      region,
    ),
    work(
      `rolled-back-to-${image}`,
      `a trial fails beside ${image}, which worked before it and works after it`,
      besideCrasher,
      [...START, SERVE, { do: "activate", region: other }, { do: "power-cycle" }, READY, ...WORK],
      region,
    ),
  ];
});

export const WORK_SCENARIOS: readonly Scenario[] = [
  ...forEachRegion,
  work(
    "after-power-cycles",
    "a version works, and again after each power cycle",
    BOTH,
    [...START, ...WORK, { do: "power-cycle" }, READY, ...WORK, { do: "power-cycle" }, READY, SERVE],
    0,
  ),
  work(
    "after-failovers",
    "both versions work, fail, and work again",
    BOTH,
    [...START, SERVE, CRASH, READY, ...WORK, CRASH, READY, ...WORK],
    0,
  ),
  work(
    "waits-at-power-on",
    "the host's commands wait before a version is ready",
    BOTH,
    [{ do: "power-on" }, SUBMIT, READY, SERVED, { do: "power-cycle" }, SUBMIT, READY, SERVED],
    0,
  ),
  work(
    "waits-at-failover",
    "commands wait where a version fails: those that it did not fetch are the next one's",
    BOTH,
    [...START, SUBMIT, CRASH, READY, SERVED, SUBMIT, CRASH, READY, SERVED],
    0,
  ),
];
