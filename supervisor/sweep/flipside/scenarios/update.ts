/** A new image is loaded, activated, tried and confirmed, or fails; interrupted anywhere, and resumed. */
import type { ImageName } from "../image-library.ts";
import { A, B, type RegionSpec, type Scenario, type ScenarioStep, START, tableOf } from "../scenario.ts";

interface UpdateParts {
  readonly name: string;
  readonly about: string;
  readonly regions: readonly (RegionSpec | undefined)[];
  readonly into: number;
  readonly image: ImageName;
  readonly after: readonly ScenarioStep[];
  readonly ends: Scenario["ends"];
  readonly resumed?: boolean;
  readonly trialTries?: number;
  readonly floor?: number;
  readonly generation?: number;
}

function update(parts: UpdateParts): Scenario {
  const {
    name,
    about,
    regions,
    into,
    image,
    after,
    ends,
    resumed = true,
    floor,
    generation = 7,
    trialTries,
  } = parts;
  const others = regions.flatMap((region, at) => (at > 0 && region?.state === "accepted" ? [at] : []));
  const table = tableOf({ regions, previous: others[0] ?? -1, generation });
  return {
    name,
    about,
    setup: {
      images: regions.map((region) => region?.image),
      table,
      ...(floor === undefined ? {} : { floor }),
    },
    steps: [...START, { do: "load", region: into, image }, { do: "activate", region: into }, ...after],
    ...(ends === undefined ? {} : { ends }),
    ...(resumed ? { resume: [{ do: "update", region: into, image }] } : {}),
    deep: false,
    ...(trialTries === undefined ? {} : { trialTries }),
  };
}

const TRY = [{ do: "power-cycle" }, { do: "ready" }] as const;
const CONFIRM = [...TRY, { do: "confirmed" }] as const;
export const UPDATE_SCENARIOS: readonly Scenario[] = [
  update({
    name: "update-into-empty",
    about: "load, activate, try and confirm an image in an empty region",
    regions: [A, undefined],
    into: 1,
    image: "update",
    after: CONFIRM,
    ends: 1,
  }),
  update({
    name: "update-over-previous",
    about: "the new image replaces the last confirmed other one",
    regions: [A, B],
    into: 1,
    image: "update",
    after: CONFIRM,
    ends: 1,
  }),
  update({
    name: "update-over-itself",
    about: "the very image that the region holds is written again",
    regions: [A, B],
    into: 1,
    image: "b",
    after: CONFIRM,
    ends: 1,
  }),
  update({
    name: "update-3-regions",
    about: "an update with three regions",
    regions: [A, B, undefined],
    into: 2,
    image: "update",
    after: CONFIRM,
    ends: 2,
  }),
  update({
    name: "update-4-regions",
    about: "an update with four regions",
    regions: [A, B, undefined, B],
    into: 2,
    image: "update",
    after: CONFIRM,
    ends: 2,
  }),
  update({
    name: "update-raises-the-floor",
    about: "the confirmation raises the security floor",
    regions: [A, undefined],
    into: 1,
    image: "update-2",
    after: CONFIRM,
    ends: 1,
  }),
  update({
    name: "update-that-crashes",
    about: "the new image traps at once: three tries, then back to the last confirmed one",
    regions: [A, undefined],
    into: 1,
    image: "crasher",
    after: TRY,
    ends: 0,
    resumed: false,
  }),
  update({
    name: "update-that-never-gets-ready",
    about: "the new image never becomes ready: three tries, then back",
    regions: [A, undefined],
    into: 1,
    image: "mute",
    after: TRY,
    ends: 0,
    resumed: false,
  }),
  update({
    name: "trial-that-fails-once",
    about: "one failure of a trial uses a try, and the trial goes on",
    regions: [A, undefined],
    into: 1,
    image: "update",
    after: [...TRY, { do: "fault", kind: "illegal-instruction" }, { do: "confirmed" }],
    ends: 1,
    trialTries: 2,
    resumed: false,
  }),
  update({
    name: "trial-power-cycled",
    about: "power cycles during a trial are no failures",
    regions: [A, undefined],
    into: 1,
    image: "update",
    after: [...TRY, ...TRY, ...TRY, ...TRY, ...CONFIRM],
    ends: 1,
  }),
  update({
    name: "activation-taken-back",
    about: "activated, then the primary activated again: the old version goes on",
    regions: [A, undefined],
    into: 1,
    image: "update",
    after: [{ do: "activate", region: 0 }, ...TRY],
    ends: 0,
    resumed: false,
  }),
  update({
    name: "activation-superseded",
    about: "activated, then another region instead",
    regions: [A, B, undefined],
    into: 2,
    image: "update",
    after: [{ do: "activate", region: 1 }, ...TRY],
    ends: 1,
    resumed: false,
  }),
  update({
    name: "activated-region-written-again",
    about: "what waits to be activated is written again: the old version goes on until that is activated",
    regions: [A, undefined],
    into: 1,
    image: "update",
    after: [{ do: "load", region: 1, image: "b" }, ...TRY],
    ends: 0,
    resumed: false,
  }),
  update({
    name: "update-over-the-wrap",
    about: "the generation wraps during an update",
    regions: [A, undefined],
    into: 1,
    image: "update",
    after: CONFIRM,
    ends: 1,
    generation: 0xffff_fffe,
  }),
  update({
    name: "designated-at-once",
    about: "the new image is started without waiting for the power to go",
    regions: [A, undefined],
    into: 1,
    image: "update",
    after: [{ do: "designate", region: 1 }, { do: "confirmed" }, { do: "designate", region: 0 }],
    ends: 0,
  }),
  update({
    name: "requests-that-are-refused",
    about: "what executes is not written, what is empty not activated, what was not given up not cleared",
    regions: [A, B, undefined],
    into: 1,
    image: "update",
    after: [
      { do: "refused", request: "begin-load", region: 0 },
      { do: "refused", request: "activate", region: 2 },
      { do: "refused", request: "designate", region: 2 },
      { do: "refused", request: "clear", region: 1 },
      { do: "refused", request: "clear", region: 2 },
      ...TRY,
    ],
    ends: 1,
  }),
  update({
    name: "failure-while-activated",
    about: "the primary fails before the restart that the activation waits for: the activated one runs",
    regions: [A, undefined],
    into: 1,
    image: "update",
    after: [{ do: "fault", kind: "finisher" }],
    ends: 1,
    resumed: false,
  }),
  update({
    name: "update-while-serving",
    about: "commands are served before and after the update",
    regions: [A, undefined],
    into: 1,
    image: "update",
    after: [{ do: "serve", commands: 4 }, ...TRY, { do: "serve", commands: 4 }],
    ends: 1,
  }),
];
