/** The first start, and a start from each state that a table of two regions can be in. */
import { NO_REGION, tableFault } from "../../../emulator/table.ts";
import type { ImageName, LibraryImage } from "../image-library.ts";
import { type RegionSpec, type Scenario, type Setup, tableOf } from "../scenario.ts";

const START = [{ do: "power-on" }, { do: "ready" }] as const;

function firstStart(name: string, images: Setup["images"], ends: number): Scenario {
  const about = `never started before: ${images.map((image) => image ?? "empty").join(", ")}`;
  return { name: `first-start${name}`, about, setup: { images }, steps: START, ends, deep: true };
}

const FIRST_STARTS: readonly Scenario[] = [
  firstStart("", ["a", "b"], 0),
  firstStart("-one-image", [undefined, "b"], 1),
  firstStart("-higher-second", ["b", "a"], 1),
  firstStart("-raises-the-floor", ["a-2", "b-1"], 0),
  firstStart("-3-regions", ["b", undefined, "a"], 2),
  firstStart("-4-regions", ["b", "b", "update", "a"], 2),
  {
    name: "first-start-empty",
    about: "never started before and no image: safe mode, told",
    setup: { images: [undefined, undefined] },
    steps: [{ do: "power-on" }, { do: "safe-mode" }],
    ends: "safe-mode",
    deep: true,
  },
];

const SPECS = [
  undefined,
  "given-up",
  "valid",
  "trial",
  "last-try",
  "last-start",
  "starts-used",
  "accepted",
] as const;
type Spec = (typeof SPECS)[number];

function regionSpec(spec: Spec, image: ImageName): RegionSpec | undefined {
  switch (spec) {
    case undefined:
      return undefined;
    case "last-try":
      return { image, state: "trial", tries: 1 };
    case "last-start":
      return { image, state: "trial", tries: 2, starts: 15 };
    case "starts-used":
      return { image, state: "trial", tries: 2, starts: 16 };
    default:
      return { image, state: spec };
  }
}

const POINTERS = [NO_REGION, 0, 1];
/** Stands for images whose table records are looked at, not their bytes. */
const ANY_DIGEST = [1, 0, 0, 0, 0, 0, 0, 0];

function anyImages(): ReadonlyMap<string, LibraryImage> {
  const version = { major: 1, minor: 0, revision: 0, build: 0 };
  const image = { bytes: new Uint8Array(0), version, digest: ANY_DIGEST, counter: 0, rank: 0 };
  return new Map(["a", "b"].map((name) => [name, { ...image, name }]));
}

/** Every possible table of two regions, with whole images and with the active one damaged. */
function tableStates(): Scenario[] {
  const scenarios: Scenario[] = [];
  for (const first of SPECS) {
    for (const second of SPECS) {
      for (const active of POINTERS) {
        for (const next of POINTERS) scenarios.push(...startFrom(first, second, active, next));
      }
    }
  }
  return scenarios;
}

function startFrom(first: Spec, second: Spec, active: number, next: number): Scenario[] {
  const other = 1 - active;
  const previous = active !== NO_REGION && [first, second][other] === "accepted" ? other : NO_REGION;
  const regions = [regionSpec(first, "a"), regionSpec(second, "b")];
  const table = tableOf({ regions, active, next, previous });
  if (tableFault(table(anyImages())) !== undefined) return [];
  const mark = (spec: Spec, region: number) =>
    `${spec ?? "empty"}${region === active ? "-active" : ""}${region === next ? "-next" : ""}`;
  const name = `start-${mark(first, 0)}-${mark(second, 1)}`;
  const images = [first === undefined ? undefined : "a", second === undefined ? undefined : "b"] as const;
  const scenario = (suffix: string, held: Setup["images"]): Scenario => ({
    name: `${name}${suffix}`,
    about: `a start: ${mark(first, 0)} and ${mark(second, 1)}${suffix === "" ? "" : ", the active image damaged"}`,
    setup: { images: held, table },
    steps: [{ do: "power-on" }, { do: "settled" }],
    deep: true,
  });
  const whole = scenario("", images);
  if (active === NO_REGION) return [whole];
  return [
    whole,
    scenario(
      "-damaged",
      images.map((image, region) => (region === active ? undefined : image)),
    ),
  ];
}

export const START_SCENARIOS: readonly Scenario[] = [...FIRST_STARTS, ...tableStates()];
