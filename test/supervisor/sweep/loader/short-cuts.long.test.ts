/**
 * The short cuts of a loader's sweep are exact: whether futures are joined and calls put in place or all is executed, each
 * case ends in the same verdict, leaves the same memory, and retires as many instructions.
 */
import { describe, expect, it } from "vitest";
import type { Disturbance } from "../../../../supervisor/sweep/explore/case-id.ts";
import { Explorer, type Plan } from "../../../../supervisor/sweep/explore/explorer.ts";
import { PathRunner } from "../../../../supervisor/sweep/explore/path-runner.ts";
import { sweepEngine } from "../../../../supervisor/sweep/flipside/engine.ts";
import type { LoaderEvent } from "../../../../supervisor/sweep/loader/loader-event.ts";
import { LoaderSubject } from "../../../../supervisor/sweep/loader/loader-subject.ts";
import type { LoaderScenario } from "../../../../supervisor/sweep/loader/scenario.ts";
import { LOADERS, type LoaderName, loaderProfile, scenarioOf } from "./support/loaders.ts";

const SEED = 1;
const WHOLE: Plan["part"] = { index: 0, of: 1 };
/** Of an update one item in so many. */
const SAMPLED: Plan["part"] = { index: 5, of: 800 };
/** Of an update one item, in the midst of writing it. */
const ONE_CUT: Plan["part"] = { index: 300, of: 100_000 };
/** Of its second cuts so many, or some more. */
const REPLAYED = 10;
const SCENARIOS = [
  ["first-start", WHOLE],
  ["nothing-to-start", WHOLE],
  ["update", SAMPLED],
] as const;
const TIMEOUT_MS = 60_000;

const COUNTED: readonly LoaderEvent["type"][] = ["handed-over", "failed", "started"];

/** controller/firmware/loaders/layout.h, and the lowest rank in direct-xip.c. */
const PRIMARY = 0x4_0000;
const NONE = 0;

interface Case {
  readonly path: readonly Disturbance[];
  readonly verdict: string;
}

const subjects = new Map<LoaderName, LoaderSubject>();

/** One for each loader, whose longest start is known: it takes a while to make. */
function subjectOf(loader: LoaderName): LoaderSubject {
  let subject = subjects.get(loader);
  if (subject === undefined) {
    subject = new LoaderSubject(loaderProfile(loader), sweepEngine("auto"));
    new PathRunner(subject, SEED).run(scenarioOf(subject.rig.profile, "update"), []);
    subjects.set(loader, subject);
  }
  return subject;
}

function casesOf(
  subject: LoaderSubject,
  scenario: LoaderScenario,
  part: Plan["part"],
  runAll: boolean,
  depth = 1,
): Case[] {
  const cases: Case[] = [];
  const plan = { depth, seed: SEED, part, faults: false, runAll };
  new Explorer(subject, scenario, plan, (path, ending) => {
    cases.push({
      path,
      verdict: typeof ending === "string" ? ending : `${ending.verdict}: ${ending.message}`,
    });
  }).explore();
  return cases;
}

/** All that a case comes to: events with what each start had retired by then, and what memory holds at its end. */
function traceOf(
  subject: LoaderSubject,
  scenario: LoaderScenario,
  path: readonly Disturbance[],
  recalls: boolean,
): readonly string[] {
  const { timeline, device, memory } = subject;
  const trace: string[] = [];
  subject.recalls = recalls;
  timeline.narrator = (item) => {
    // In the midst of a run nobody has counted what has retired.
    const counts = typeof item !== "number" && COUNTED.includes(item.type);
    trace.push(`${counts ? device.machine.retired : ""} ${JSON.stringify(item)}`);
  };
  const ending = new PathRunner(subject, SEED).run(scenario, path);
  timeline.narrator = undefined;
  // Counters and fuses are of memory, too.
  return [
    ...trace,
    `${device.machine.retired} ${device.nowNs} ${memory.stateKey()} ${JSON.stringify(ending)}`,
  ];
}

/** Changes one remembered word: what a call found out about the image in the primary slot, which stands behind the slot. */
function refuseImage(writes: Int32Array): void {
  const values = new Map<number, number>();
  for (let at = 0; at < writes.length; at += 2) values.set(writes[at] as number, at + 1);
  for (const [word, place] of values) {
    const rank = values.get(word + 1);
    if (writes[place] === PRIMARY && rank !== undefined) writes[rank] = NONE;
  }
}

describe.each(LOADERS)("of %s", (loader) => {
  it.each(SCENARIOS)(
    "%s comes to the same with and without them",
    (name, part) => {
      const subject = subjectOf(loader);
      const scenario = scenarioOf(subject.rig.profile, name);
      const cases = casesOf(subject, scenario, part, false);
      expect(cases.length).toBeGreaterThan(0);
      expect(casesOf(subject, scenario, part, true)).toEqual(cases);
      for (const { path } of cases.filter((_, at) => at % 5 === 0)) {
        const recalled = traceOf(subject, scenario, path, true);
        expect(recalled).toEqual(traceOf(subject, scenario, path, false));
      }
    },
    TIMEOUT_MS,
  );
});

it(
  "a second cut comes to the same with and without them",
  () => {
    const subject = subjectOf("direct-xip");
    const scenario = scenarioOf(subject.rig.profile, "update");
    const cases = casesOf(subject, scenario, ONE_CUT, false, 2).filter(({ path }) => path.length === 2);
    expect(cases.length).toBeGreaterThan(REPLAYED);
    const every = Math.floor(cases.length / REPLAYED);
    const replayed = cases.filter((_, at) => at % every === 0);
    subject.recalls = false;
    for (const { path, verdict } of replayed) {
      const ending = new PathRunner(subject, SEED).run(scenario, path);
      const text = typeof ending === "string" ? ending : `${ending.verdict}: ${ending.message}`;
      expect({ path, verdict: text }).toEqual({ path, verdict });
    }
  },
  TIMEOUT_MS,
);

it(
  "a call that is put in place wrongly is found",
  () => {
    const subject = subjectOf("direct-xip");
    const scenario = scenarioOf(subject.rig.profile, "first-start");
    const plan = { depth: 1, seed: SEED, part: WHOLE, faults: false, runAll: false };
    expect(new Explorer(subject, scenario, plan).explore().findings).toEqual([]);
    // The undisturbed run has to hold: a sweep goes no further where it does not.
    let cases = 0;
    const tally = new Explorer(subject, scenario, plan, () => {
      if (cases++ === 0) for (const { writes } of subject.device.knownCalls) refuseImage(writes);
    }).explore();
    expect(tally.verdicts["nondeterministic"]).toBeGreaterThan(0);
  },
  TIMEOUT_MS,
);
