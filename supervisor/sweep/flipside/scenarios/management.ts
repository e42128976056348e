/** Replicas that are behind, bad, or rot under a running device; the security floor. */
import { A, B, type Scenario, type Setup, START, tableOf } from "../scenario.ts";

const BOTH_ACCEPTED = {
  regions: [A, B],
  previous: 1,
} as const;
const B_1 = { image: "b-1", state: "accepted" } as const;
const TABLE = tableOf(BOTH_ACCEPTED);
const FAIL = { do: "fault", kind: "finisher" } as const;

function start(name: string, about: string, setup: Partial<Setup>, ends: Scenario["ends"] = 0): Scenario {
  return {
    name,
    about,
    setup: { images: ["a", "b"], table: TABLE, ...setup },
    steps: [{ do: "power-on" }, { do: "settled" }],
    ...(ends === undefined ? {} : { ends }),
    deep: true,
  };
}

const BAD_AT_START: readonly Scenario[] = [
  start("replica-0-bad", "replica 0 is bad at the start", { badReplicas: [0] }),
  start("replica-1-bad", "replica 1 is bad at the start", { badReplicas: [1] }),
  start("replica-0-behind", "a commit was cut off before replica 0", { behind: 0 }),
  start("replica-1-behind", "a commit was cut off before replica 1", { behind: 1 }),
  start("replica-behind-over-wrap", "a commit was cut off where the generation wraps", {
    behind: 1,
    table: tableOf({ regions: [{ image: "a", state: "accepted" }, undefined], generation: 0 }),
    images: ["a", undefined],
  }),
  start("both-replicas-bad", "both are bad: rebuilt with nothing accepted", { badReplicas: [0, 1] }),
  start(
    "both-replicas-bad-floor",
    "both are bad: what is below the floor is not put on trial",
    {
      badReplicas: [0, 1],
      images: ["a", "b-1"],
      floor: 1,
    },
    1,
  ),
  start(
    "primary-below-floor",
    "the primary is below the floor: the other accepted one runs",
    { images: ["a", "b-1"], floor: 1, table: tableOf({ ...BOTH_ACCEPTED, regions: [A, B_1] }) },
    1,
  ),
  start(
    "both-replicas-bad-never-activated",
    "both are bad, and the highest image was never activated",
    {
      badReplicas: [0, 1],
      images: ["b", "a"],
      table: tableOf({
        regions: [
          { image: "b", state: "accepted" },
          { image: "a", state: "valid" },
        ],
      }),
    },
    1,
  ),
  start("replicas-two-generations-apart", "both are whole, and not one commit apart: both count as lost", {
    otherTable: tableOf({ ...BOTH_ACCEPTED, active: 1, previous: 0, generation: 9 }),
  }),
  start("replicas-of-one-generation", "both are whole, of one generation, and differ: both count as lost", {
    otherTable: tableOf({ ...BOTH_ACCEPTED, active: 1, previous: 0 }),
  }),
  {
    ...start("both-replicas-bad-confirmed", "both are bad: what was put on trial is confirmed", {
      badReplicas: [0, 1],
    }),
    steps: [{ do: "power-on" }, { do: "ready" }, { do: "confirmed" }],
  },
  start(
    "primary-holds-another-image",
    "the primary holds another whole image than was recorded",
    {
      images: ["update", "b"],
    },
    1,
  ),
  {
    ...start("standby-holds-another-image", "the standby holds another whole image than was recorded", {
      images: ["a", "update"],
    }),
    steps: [{ do: "power-on" }, { do: "ready" }, { do: "crash" }, { do: "ready" }],
  },
  {
    ...start("both-replicas-bad-safe-mode", "both are bad, and configuration asks for safe mode", {
      badReplicas: [0, 1],
    }),
    ends: "safe-mode",
    onDoubleLoss: "safe-mode",
  },
];

const ROT: readonly Scenario[] = [
  ...([0, 1] as const).map(
    (replica): Scenario => ({
      name: `replica-${replica}-rots-then-failover`,
      about: `replica ${replica} rots while a version executes, which then fails`,
      setup: { images: ["a", "b"], table: TABLE },
      steps: [...START, { do: "rot", what: { in: "replica", replica } }, FAIL],
      ends: 1,
      deep: true,
    }),
  ),
  {
    name: "standby-rots-then-failover",
    about: "the other region rots unseen: it is read again, and the failed version restarted",
    setup: { images: ["a", "b"], table: TABLE },
    steps: [...START, { do: "rot", what: { in: "region", region: 1 } }, FAIL],
    ends: 0,
    deep: true,
  },
  {
    name: "primary-rots-then-power-cycle",
    about: "the primary rots: after a power cycle the other version runs",
    setup: { images: ["a", "b"], table: TABLE },
    steps: [
      ...START,
      { do: "rot", what: { in: "region", region: 0 } },
      { do: "power-cycle" },
      { do: "ready" },
    ],
    ends: 1,
    deep: true,
  },
  {
    name: "floor-rots-then-power-cycle",
    about: "a bit of the security floor flips: it is found by its complement",
    setup: {
      images: ["a-2", "b"],
      table: tableOf({
        regions: [
          { image: "a-2", state: "accepted" },
          { image: "b", state: "accepted" },
        ],
        previous: 1,
      }),
      floor: 2,
    },
    steps: [...START, { do: "rot", what: { in: "floor" } }, { do: "power-cycle" }, { do: "ready" }],
    ends: 0,
    deep: true,
  },
  {
    name: "below-floor-is-no-way-out",
    about: "the only other version is below the floor: the failed one is restarted",
    setup: {
      images: ["a-2", "b"],
      table: tableOf({
        regions: [
          { image: "a-2", state: "accepted" },
          { image: "b", state: "accepted" },
        ],
        previous: 1,
      }),
      floor: 2,
    },
    steps: [...START, FAIL],
    ends: 0,
    deep: true,
  },
];

export const MANAGEMENT_SCENARIOS: readonly Scenario[] = [...BAD_AT_START, ...ROT];
