/** The families of scenarios: what there is to do with a loader of each mode. */
import { Role } from "../../../controller/devices/reset-block.ts";
import type { LoaderProfile } from "../../core/loader-profile.ts";
import type { LoaderScenario, LoaderStep } from "./scenario.ts";

const start = (role: Role = Role.NOTHING): LoaderStep => ({ do: "start", by: "power", role });
const reset = (role: Role = Role.NOTHING): LoaderStep => ({ do: "start", by: "reset", role });
const upload = (image: string, part?: number): LoaderStep =>
  part === undefined
    ? { do: "upload", image, by: "operator" }
    : { do: "upload", image, by: "operator", part };

type Draft = Omit<LoaderScenario, "deep">;

/** All that there are for a profile. */
export function loaderScenarios(profile: LoaderProfile): readonly LoaderScenario[] {
  return [...draftsOf(profile)].map((draft) => ({ ...draft, deep: true }));
}

function* draftsOf(profile: LoaderProfile): Generator<Draft> {
  const { mode, images, request, uploads } = profile;
  const asks = request === "application";
  const reverts = mode === "direct-xip-revert" || mode === "swap";
  /** The application asks, where it has to. */
  const ask = (role: Role): readonly LoaderStep[] => (asks ? [reset(role)] : []);
  const confirm = reverts ? [reset(Role.CONFIRM)] : [];
  /** An application that confirms itself does so in the start after a cut, too. */
  const confirming: Pick<Draft, "resumes"> = reverts ? { resumes: Role.CONFIRM } : {};
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
  if (mode === "single") return;
  const update = (image: string): readonly LoaderStep[] => [
    upload(image),
    ...ask(Role.REQUEST_TEST),
    ...(reverts ? confirm : [reset()]),
    start(),
  ];
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
  if (reverts) {
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
  if (asks)
    yield {
      name: "update-for-good",
      about: "an update is asked for without a trial",
      provisioned: ["old"],
      steps: [start(), upload("new"), reset(Role.REQUEST_PERMANENT), reset(), start()],
      ends: "new",
    };
  if (uploads)
    yield {
      name: "update-by-application",
      about: "the application that runs writes the update itself",
      provisioned: ["old"],
      steps: [start(), { do: "upload", image: "new", by: "application" }, ...update("new").slice(1)],
      ends: "new",
    };
  if (images.newer !== undefined)
    yield {
      name: "second-update",
      about: "an update is confirmed, and a further one comes",
      provisioned: ["old"],
      steps: [start(), ...update("new"), ...update("newer")],
      ...confirming,
      ends: "newer",
    };
  for (const index of images.bad.keys()) {
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
}
