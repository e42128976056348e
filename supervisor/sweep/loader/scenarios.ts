/** The families of scenarios: what there is to do with a loader of each mode. */
import { Role } from "../../../controller/devices/reset-block.ts";
import { plural } from "../../../emulator/base/text.ts";
import { SectorMap } from "../../../emulator/flash/chip-geometry.ts";
import type { LoaderProfile } from "../../core/loader-profile.ts";
import { type ImageName, refusesDowngrades, sizeName } from "./images.ts";
import type { LoaderScenario, LoaderStep } from "./scenario.ts";

const start = (role: Role = Role.NOTHING): LoaderStep => ({ do: "start", by: "power", role });
const reset = (role: Role = Role.NOTHING): LoaderStep => ({ do: "start", by: "reset", role });
const upload = (image: ImageName, part?: number): LoaderStep =>
  part === undefined
    ? { do: "upload", image, by: "operator" }
    : { do: "upload", image, by: "operator", part };

type Draft = Omit<LoaderScenario, "deep">;

/** How an update goes in the mode of a profile. */
interface Ways {
  readonly profile: LoaderProfile;
  readonly asks: boolean;
  readonly reverts: boolean;
  /** An application that confirms itself does so in the start after a cut, too. */
  readonly confirming: Pick<Draft, "resumes">;
  /** The application asks, where it has to. */
  readonly ask: (role: Role) => readonly LoaderStep[];
  /** It arrives, is tried, confirms itself where it has to, and is started once more. */
  readonly update: (image: ImageName) => readonly LoaderStep[];
}

/** All that there are for a profile. */
export function loaderScenarios(profile: LoaderProfile): readonly LoaderScenario[] {
  return [...draftsOf(profile)].map((draft) => ({ ...draft, deep: true }));
}

function waysOf(profile: LoaderProfile): Ways {
  const { mode, request } = profile;
  const asks = request === "application";
  const reverts = mode === "direct-xip-revert" || mode === "swap";
  const ask = (role: Role): readonly LoaderStep[] => (asks ? [reset(role)] : []);
  return {
    profile,
    asks,
    reverts,
    confirming: reverts ? { resumes: Role.CONFIRM } : {},
    ask,
    update: (image) => [
      upload(image),
      ...ask(Role.REQUEST_TEST),
      reset(reverts ? Role.CONFIRM : Role.NOTHING),
      start(),
    ],
  };
}

function* draftsOf(profile: LoaderProfile): Generator<Draft> {
  yield {
    name: "first-start",
    about: "the provisioned image is started, twice",
    provisioned: ["old"],
    steps: [start(), reset()],
    ends: "old",
  };
  yield {
    name: "nothing-to-start",
    about: "there is no image at all",
    provisioned: [],
    steps: [start()],
    ends: "safe",
  };
  if (profile.mode === "single") return;
  const ways = waysOf(profile);
  yield* updates(ways);
  if (ways.reverts) yield* reverts(ways);
  yield* otherUpdates(ways);
  yield downgrade(ways);
  for (const index of profile.images.sizes.keys()) yield* size(index, ways);
  for (const index of profile.images.bad.keys()) yield* bad(index, ways);
}

function* updates({ confirming, update }: Ways): Generator<Draft> {
  yield {
    name: "update",
    about: "an update arrives, is tried, confirms itself where it has to, and stays",
    provisioned: ["old"],
    steps: [start(), ...update("new")],
    ...confirming,
    ends: "new",
  };
  yield {
    name: "update-interrupted",
    about: "half of an update arrives, the loader starts, then all of it",
    provisioned: ["old"],
    steps: [start(), upload("new", 0.5), start(), ...update("new")],
    ...confirming,
    ends: "new",
  };
}

function* reverts({ ask, update, confirming }: Ways): Generator<Draft> {
  yield {
    name: "revert",
    about: "an update is tried and never confirms itself: the old one runs again",
    provisioned: ["old"],
    steps: [start(), upload("new"), ...ask(Role.REQUEST_TEST), reset(), reset(), start()],
    ends: "old",
  };
  yield {
    name: "revert-by-watchdog",
    about: "an update is tried and hangs: the watchdog or the power takes it back",
    provisioned: ["old"],
    steps: [start(), upload("new"), ...ask(Role.REQUEST_TEST), reset(Role.HANG), start()],
    ends: "old",
  };
  yield {
    name: "revert-and-again",
    about: "an update is taken back, and comes again",
    provisioned: ["old"],
    steps: [start(), upload("new"), ...ask(Role.REQUEST_TEST), reset(), reset(), ...update("new")],
    ...confirming,
    ends: "new",
  };
}

function* otherUpdates({ profile, asks, update, confirming }: Ways): Generator<Draft> {
  if (asks)
    yield {
      name: "update-for-good",
      about: "an update is asked for without a trial",
      provisioned: ["old"],
      steps: [start(), upload("new"), reset(Role.REQUEST_PERMANENT), reset(), start()],
      ends: "new",
    };
  if (profile.uploads)
    yield {
      name: "update-by-application",
      about: "the application that runs writes the update itself",
      provisioned: ["old"],
      steps: [start(), { do: "upload", image: "new", by: "application" }, ...update("new").slice(1)],
      ends: "new",
    };
  if (profile.images.newer !== undefined)
    yield {
      name: "second-update",
      about: "an update is confirmed, and a further one comes",
      provisioned: ["old"],
      steps: [start(), ...update("new"), ...update("newer")],
      ...confirming,
      ends: "newer",
    };
}

/** The image of the lower version comes as an update: after one to the new image, which is confirmed as it should be. */
function downgrade({ profile, ask, update, confirming }: Ways): Draft {
  const common = { name: "downgrade", provisioned: ["old"], ...confirming };
  const before = [start(), ...update("new")];
  if (refusesDowngrades(profile))
    return {
      ...common,
      about: "after an update the image before it arrives as one, whose version is lower: it is refused",
      steps: [...before, upload("old"), ...ask(Role.REQUEST_TEST), reset(), start()],
      ends: "new",
    };
  return {
    ...common,
    about: "after an update the image before it arrives as one, whose version is lower: it stays",
    steps: [...before, ...update("old")],
    updates: ["old", "new", "old"],
    ends: "old",
  };
}

/** An update of another size, which moves both ways where the loader moves images. */
function* size(index: number, ways: Ways): Generator<Draft> {
  const { profile, reverts, ask, update, confirming } = ways;
  const name = sizeName(index);
  const how = sizeOf(profile, profile.images.sizes[index]?.length ?? 0);
  const common = { provisioned: ["old"], updates: ["old", name, "newer"] };
  yield {
    ...common,
    name,
    about: `an update of ${how}`,
    steps: [start(), ...update(name)],
    ...confirming,
    ends: name,
  };
  if (reverts)
    yield {
      ...common,
      name: `${name}-revert`,
      about: `an update of ${how}, is taken back`,
      steps: [start(), upload(name), ...ask(Role.REQUEST_TEST), reset(), reset(), start()],
      ends: "old",
    };
  if (profile.images.newer !== undefined)
    yield {
      ...common,
      name: `${name}-replaced`,
      about: `after an update of ${how}, a further one comes`,
      steps: [start(), ...update(name), ...update("newer")],
      ...confirming,
      ends: "newer",
    };
}

/** "4096 bytes, 1 sector of the slot's 62, 249856 bytes from its end" */
function sizeOf({ board, slots }: LoaderProfile, bytes: number): string {
  const slot = slots.find(({ name }) => name === "primary");
  const flash = slot && board.flash[slot.flash];
  if (slot === undefined || flash === undefined) return plural(bytes, "byte");
  const sectors = new SectorMap(flash.geometry);
  const from = sectors.at(slot.offset)?.index ?? 0;
  const countTo = (end: number): number => (sectors.at(slot.offset + end - 1)?.index ?? from) - from + 1;
  const all = countTo(slot.bytes);
  return `${plural(bytes, "byte")}, ${countTo(bytes)} of the slot's ${plural(all, "sector")}, ${plural(slot.bytes - bytes, "byte")} from its end`;
}

function* bad(index: number, { ask }: Ways): Generator<Draft> {
  yield {
    name: `bad-image-${index}`,
    about: `the image bad-${index} arrives: it must never run`,
    provisioned: ["old"],
    steps: [start(), upload(`bad-${index}`), ...ask(Role.REQUEST_TEST), reset(), start()],
    ends: "old",
  };
  yield {
    name: `both-bad-${index}`,
    about: `nothing lies there but the image bad-${index}, twice`,
    provisioned: [`bad-${index}`, `bad-${index}`],
    steps: [start()],
    ends: "safe",
  };
}
