/**
 * The firmware updates a region by itself: begin, write, end, activate, trial, confirmation; interrupted anywhere, resumed,
 * and refused. Both versions under test must be able to, and say so (UPDATE of CAPABILITIES).
 */
import { A, B, type RegionSpec, type Scenario, type ScenarioStep, START, tableOf } from "../scenario.ts";

const READY = { do: "ready" } as const;
const TRY: readonly ScenarioStep[] = [{ do: "power-cycle" }, READY];
const CONFIRM: readonly ScenarioStep[] = [...TRY, { do: "confirmed" }];

type Rest = Omit<Scenario, "name" | "about" | "setup" | "deep">;

function own(
  name: string,
  about: string,
  regions: readonly (RegionSpec | undefined)[],
  rest: Rest,
  table: Partial<Parameters<typeof tableOf>[0]> = {},
): Scenario {
  const setup = { images: regions.map((region) => region?.image), table: tableOf({ regions, ...table }) };
  return { name: `own-update-${name}`, about, setup, deep: false, ...rest };
}

export const OWN_UPDATE_SCENARIOS: readonly Scenario[] = [
  own(
    "into-empty",
    "the firmware writes an empty region, has it verified and activated; it is tried and confirms itself",
    [A, undefined],
    {
      steps: [...START, { do: "own-update", region: 1, image: "update" }, ...CONFIRM],
      ends: 1,
      resume: [{ do: "resume-own-update", region: 1, image: "update" }],
    },
  ),
  own(
    "over-previous",
    "what the firmware writes replaces the last confirmed other version",
    [A, B],
    {
      steps: [...START, { do: "own-update", region: 1, image: "update" }, ...CONFIRM],
      ends: 1,
      resume: [{ do: "resume-own-update", region: 1, image: "update" }],
    },
    { previous: 1 },
  ),
  own(
    "that-crashes",
    "what the firmware wrote traps at once: three tries, then back to the version that wrote it",
    [A, undefined],
    {
      steps: [...START, { do: "own-update", region: 1, image: "crasher" }, ...TRY],
      ends: 0,
    },
  ),
  own(
    "cut-off",
    "the version fails while it writes: the region stays invalid, and an operator loads it anew",
    [A, B, undefined],
    {
      steps: [
        ...START,
        { do: "own-update-cut-off", region: 2, image: "update", units: 20 },
        { do: "refused", request: "activate", region: 2 },
        { do: "load", region: 2, image: "update" },
        { do: "activate", region: 2 },
        ...CONFIRM,
      ],
      ends: 2,
      resume: [{ do: "update", region: 2, image: "update" }],
    },
    { previous: 1 },
  ),
  own(
    "cut-off-in-erase",
    "the version fails while it erases the last confirmed other one, and is started again: it begins anew",
    [A, B],
    {
      steps: [
        ...START,
        { do: "own-update-cut-off", region: 1, image: "update", units: 3 },
        { do: "own-update", region: 1, image: "update" },
        ...CONFIRM,
      ],
      ends: 1,
      resume: [{ do: "resume-own-update", region: 1, image: "update" }],
    },
    { previous: 1 },
  ),
  own(
    "refused-on-trial",
    "a version on trial may not write what it falls back on; once it is confirmed it may",
    [A, { image: "b", state: "trial" }],
    {
      steps: [
        ...START,
        { do: "own-update-refused", region: 0, begins: true },
        { do: "confirmed" },
        { do: "own-update", region: 0, image: "update" },
        ...CONFIRM,
      ],
      ends: 0,
    },
    { next: 1 },
  ),
  own(
    "without-begin",
    "what was not begun is not written, nor is the primary",
    [A, B],
    {
      steps: [
        ...START,
        { do: "own-update-refused", region: 1, begins: false },
        { do: "own-update-refused", region: 0, begins: true },
        { do: "crash" },
        READY,
      ],
      ends: 1,
    },
    { previous: 1 },
  ),
];
