/** Scenarios of one's own: `flipside sweep --scenarios-from docs/examples/scenarios.mjs` */
import { A, B, START, tableOf } from "flipside/scenarios";

/** Of two versions that are accepted, the first one is active. */
const table = tableOf({ regions: [A, B] });

/** @type {readonly import("flipside/scenarios").UserScenario[]} */
export const scenarios = [
  {
    name: "work-then-watchdog",
    about: "the host has commands served, then the firmware hangs: the other version takes over",
    setup: { images: ["a", "b"], table },
    steps: [...START, { do: "serve", commands: 4 }, { do: "fault", kind: "tight-loop" }],
    ends: 1,
  },
  {
    name: "update-after-a-failover",
    about: "the version that took over is the one that executes: the other region is updated, and runs",
    setup: { images: ["a", "b"], table },
    steps: [
      ...START,
      { do: "fault", kind: "ecall" },
      { do: "load", region: 0, image: "update" },
      { do: "activate", region: 0 },
      { do: "power-cycle" },
      { do: "confirmed" },
    ],
    ends: 0,
    // The update goes on where a cut has ended it.
    resume: [{ do: "update", region: 0, image: "update" }],
  },
];
