/** Failover for each kind of evidence; a second failure before the first failover is complete. */
import { FAULTS, failsOver } from "../../../faults/catalogue.ts";
import { A, B, type RegionSpec, type Scenario, type Setup, tableOf } from "../scenario.ts";

const bothAccepted = (generation: number): Setup => ({
  images: ["a", "b"],
  table: tableOf({
    regions: [A, B],
    previous: 1,
    generation,
  }),
});
const BOTH_ACCEPTED = bothAccepted(7);

/** Where generations wrap, and where they change sign. */
const EDGE_GENERATIONS = [0, 0x7fff_fffe, 0x7fff_ffff, 0xffff_fffe, 0xffff_ffff];

const atEachEdge = EDGE_GENERATIONS.map(
  (generation): Scenario => ({
    name: `failover-generation-${generation.toString(16)}`,
    about: `a failover, twice, from generation ${generation.toString(16)}`,
    setup: bothAccepted(generation),
    steps: [
      { do: "power-on" },
      { do: "ready" },
      { do: "fault", kind: "finisher" },
      { do: "fault", kind: "finisher" },
    ],
    ends: 0,
    deep: true,
  }),
);

const ACCEPTED: readonly RegionSpec[] = [
  { image: "a", state: "accepted" },
  { image: "b", state: "accepted" },
  { image: "update", state: "accepted" },
  { image: "b", state: "accepted" },
];

/** With three and four regions the highest accepted one takes over, not the nearest. */
const withMoreRegions = [3, 4].map(
  (regions): Scenario => ({
    name: `failover-${regions}-regions`,
    about: `one failure after the other with ${regions} regions`,
    setup: {
      images: ACCEPTED.slice(0, regions).map(({ image }) => image),
      table: tableOf({ regions: ACCEPTED.slice(0, regions), previous: 1 }),
    },
    steps: [
      { do: "power-on" },
      { do: "ready" },
      { do: "fault", kind: "finisher" },
      { do: "fault", kind: "worker-throw" },
    ],
    ends: 0,
    deep: true,
  }),
);

/** The firmware executes until a watchdog or a deadline ends it. */
const SPINNING: ReadonlySet<string> = new Set(["tight-loop", "interrupt-storm", "never-ready"]);

/** Each fault that ends a version; what befalls a standby needs threads, which a virtual device has not. */
const forEachFault = FAULTS.filter((fault) => failsOver(fault) && !fault.kind.startsWith("standby")).map(
  (fault): Scenario => ({
    name: `failover-${fault.kind}`,
    about: `${fault.kind} in the primary: ${fault.evidence.join(" or ")}, and the other version takes over`,
    setup: BOTH_ACCEPTED,
    steps: [{ do: "power-on" }, { do: "ready" }, { do: "fault", kind: fault.kind }],
    ends: 1,
    deep: true,
    costly: SPINNING.has(fault.kind),
  }),
);

export const FAILOVER_SCENARIOS: readonly Scenario[] = [
  ...forEachFault,
  ...atEachEdge,
  ...withMoreRegions,
  {
    name: "second-failure-before-ready",
    about: "the other version fails, too, before it is ready",
    setup: BOTH_ACCEPTED,
    steps: [{ do: "power-on" }, { do: "ready" }, { do: "crash" }, { do: "crash" }, { do: "ready" }],
    ends: 0,
    deep: true,
  },
  {
    name: "failover-and-back",
    about: "the other version takes over and fails later: back to the first",
    setup: BOTH_ACCEPTED,
    steps: [
      { do: "power-on" },
      { do: "ready" },
      { do: "fault", kind: "illegal-instruction" },
      { do: "fault", kind: "ecall" },
    ],
    ends: 0,
    deep: true,
  },
  {
    name: "failover-after-work",
    about: "commands were served before the failure: what the host saw completed is remembered",
    setup: BOTH_ACCEPTED,
    steps: [
      { do: "power-on" },
      { do: "ready" },
      { do: "serve", commands: 5 },
      { do: "fault", kind: "store-nowhere" },
      { do: "serve", commands: 3 },
    ],
    ends: 1,
    deep: false,
  },
];
