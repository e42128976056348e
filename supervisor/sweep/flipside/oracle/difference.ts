/** How a table in memory differs from what a world says, and what that is called. */
import type { ManagementReader, RecordReading, Replica } from "./reader.ts";
import type { BadVerdict } from "./verdict.ts";
import type { ImageFacts, Standing, World } from "./world.ts";

export interface Difference {
  readonly verdict: BadVerdict;
  readonly message: string;
  /** How far apart the two are: of several worlds the nearest tells best what went wrong. */
  readonly grade: number;
}

const enum Grade {
  POINTER = 0,
  HISTORY = 1,
  TRIES = 2,
  STATE = 3,
}

/** The first difference, in the order of regions; undefined when there is none. */
export function tableDifference(
  world: World,
  reader: ManagementReader,
  replica: Replica,
  imageOf: (name: string) => ImageFacts | undefined,
): Difference | undefined {
  const { regions } = world;
  for (let region = 0; region < regions.length; region += 1) {
    const want = regions[region] as Standing;
    const difference = recordDifference(region, want, reader.record(replica, region), imageOf(want.image));
    if (difference !== undefined) return difference;
  }
  const pointer = reader.differingPointer(replica, world);
  return pointer === undefined
    ? undefined
    : { verdict: "lost-update", message: pointer, grade: Grade.POINTER };
}

function recordDifference(
  region: number,
  want: Standing,
  found: RecordReading,
  image: ImageFacts | undefined,
): Difference | undefined {
  const tell = (grade: Grade, verdict: BadVerdict, what: string): Difference => ({
    verdict,
    message: `region ${region} ${what}`,
    grade,
  });
  if (want.state !== found.state) {
    const what = `is ${found.state} in the table instead of ${want.state}`;
    return tell(Grade.STATE, stateVerdict(want, found), what);
  }
  if (want.tries !== found.tries || want.starts !== found.starts) {
    const fewer = found.tries < want.tries || found.starts > want.starts;
    const what = `has ${found.tries} tries and ${found.starts} starts instead of ${want.tries} and ${want.starts}`;
    return tell(Grade.TRIES, fewer ? "lost-update" : "unconfirmed-kept", what);
  }
  const cause = want.evidence === found.evidence && want.code === found.code && want.pc === found.pc;
  if (want.failures === found.failures && !cause) {
    const what = `failed by ${found.evidence} (code ${found.code}, pc ${found.pc}) in the table instead of ${want.evidence} (code ${want.code}, pc ${want.pc})`;
    return tell(Grade.HISTORY, "lost-update", what);
  }
  if (want.failures !== found.failures) {
    const what = `has ${found.failures} failures in the table instead of ${want.failures}`;
    return tell(Grade.HISTORY, "lost-update", what);
  }
  if (want.confirmed !== found.confirmed) {
    return tell(Grade.HISTORY, "lost-update", "has another history in the table");
  }
  if (found.psaAccepted !== (want.state === "accepted")) {
    return tell(
      Grade.STATE,
      "unconfirmed-kept",
      `has an accepted flag of PSA that its state ${want.state} denies`,
    );
  }
  if (found.hasDigest(image?.digest ?? NO_DIGEST) && found.hasVersion(image?.version ?? NO_VERSION))
    return undefined;
  return tell(Grade.HISTORY, "wrong-image", `is not recorded with the image ${want.image || "none"}`);
}

function stateVerdict(want: Standing, found: RecordReading): BadVerdict {
  // What is being written may not be startable, whatever its bytes; what was given up may not come back.
  if (want.state === "invalid") return want.image === "" ? "wrong-image" : "unconfirmed-kept";
  return found.state === "accepted" ? "unconfirmed-kept" : "lost-update";
}

const NO_VERSION = { major: 0, minor: 0, revision: 0, build: 0 };
const NO_DIGEST: readonly number[] = [0, 0, 0, 0, 0, 0, 0, 0];
