/** The first start; a start, and failures, from each state that a table of two or three regions can be in. */
import { NO_REGION, tableFault } from "../../../../emulator/table/table.ts";
import type { ImageName, LibraryImage } from "../image-library.ts";
import { type RegionSpec, type Scenario, type Setup, START, tableOf } from "../scenario.ts";

function firstStart(name: string, images: Setup["images"], ends: number): Scenario {
  const about = `never started before: ${images.map((image) => image ?? "empty").join(", ")}`;
  return { name: `first-start${name}`, about, setup: { images }, steps: START, ends, deep: true };
}

const FIRST_STARTS: readonly Scenario[] = [
  firstStart("", ["a", "b"], 0),
  firstStart("-one-image", [undefined, "b"], 1),
  firstStart("-higher-second", ["b", "a"], 1),
  firstStart("-raises-the-floor", ["a-2", "b-1"], 0),
  firstStart("-same-versions", ["a", "a"], 0),
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

type Spec = "empty" | "given-up" | "valid" | "trial" | "last-try" | "last-start" | "starts-used" | "accepted";
/** All that a region of a table can be, as far as decisions go; and less for three regions, which are many. */
const SPECS: readonly Spec[] = [
  "empty",
  "given-up",
  "valid",
  "trial",
  "last-try",
  "last-start",
  "starts-used",
  "accepted",
];
const SPECS_OF_THREE: readonly Spec[] = ["empty", "given-up", "valid", "trial", "last-try", "accepted"];
const IMAGES: readonly ImageName[] = ["a", "b", "update"];

function regionSpec(spec: Spec, image: ImageName): RegionSpec | undefined {
  switch (spec) {
    case "empty":
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

/** Stands for images whose table records are looked at, not their bytes. */
const ANY_DIGEST = [1, 0, 0, 0, 0, 0, 0, 0];

function anyImages(): ReadonlyMap<string, LibraryImage> {
  const version = { major: 1, minor: 0, revision: 0, build: 0 };
  const image = { bytes: new Uint8Array(0), version, digest: ANY_DIGEST, counter: 0, rank: 0, fails: [] };
  return new Map(IMAGES.map((name) => [name, { ...image, name }]));
}

interface State {
  readonly specs: readonly Spec[];
  readonly active: number;
  readonly next: number;
}

/** Every possible table of so many regions. */
function states(regions: number, specs: readonly Spec[]): State[] {
  const pointers = [NO_REGION, ...Array.from({ length: regions }, (_, region) => region)];
  let combinations: Spec[][] = [[]];
  for (let region = 0; region < regions; region += 1) {
    combinations = combinations.flatMap((before) => specs.map((spec) => [...before, spec]));
  }
  const found = combinations.flatMap((each) =>
    pointers.flatMap((active) => pointers.map((next): State => ({ specs: each, active, next }))),
  );
  const images = anyImages();
  return found.filter((state) => tableFault(tableOfState(state)(images)) === undefined);
}

function tableOfState({ specs, active, next }: State): ReturnType<typeof tableOf> {
  const others = specs.flatMap((spec, region) => (spec === "accepted" && region !== active ? [region] : []));
  const previous = active === NO_REGION ? NO_REGION : (others[0] ?? NO_REGION);
  const regions = specs.map((spec, region) => regionSpec(spec, IMAGES[region] as ImageName));
  return tableOf({ regions, active, next, previous });
}

function nameOf({ specs, active, next }: State): string {
  const mark = (spec: Spec, region: number) =>
    `${spec}${region === active ? "-active" : ""}${region === next ? "-next" : ""}`;
  return specs.map(mark).join("-");
}

function heldImages({ specs }: State): (ImageName | undefined)[] {
  return specs.map((spec, region) => (spec === "empty" ? undefined : IMAGES[region]));
}

/** A start from each state, with whole images and with the active one damaged. */
function startFrom(state: State): Scenario[] {
  const name = `start-${nameOf(state)}`;
  const images = heldImages(state);
  const about = `a start: ${nameOf(state)}`;
  const steps = [{ do: "power-on" }, { do: "settled" }] as const;
  const whole: Scenario = { name, about, setup: { images, table: tableOfState(state) }, steps, deep: true };
  if (state.active === NO_REGION) return [whole];
  const damaged = images.map((image, region) => (region === state.active ? undefined : image));
  return [
    whole,
    {
      ...whole,
      name: `${name}-damaged`,
      about: `${about}, the active image damaged`,
      setup: { ...whole.setup, images: damaged },
    },
  ];
}

/** From each state a start, and two failures one after the other. */
function failFrom(state: State): Scenario {
  const setup = { images: heldImages(state), table: tableOfState(state) };
  return {
    name: `fail-${nameOf(state)}`,
    about: `a start and two failures: ${nameOf(state)}`,
    setup,
    steps: [{ do: "power-on" }, { do: "settled" }, { do: "crash" }, { do: "crash" }, { do: "settled" }],
    deep: true,
  };
}

const TWO = states(2, SPECS);
const THREE = states(3, SPECS_OF_THREE);

export const START_SCENARIOS: readonly Scenario[] = [
  ...FIRST_STARTS,
  ...TWO.flatMap(startFrom),
  ...TWO.map(failFrom),
  ...THREE.map(failFrom),
];
