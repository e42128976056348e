/** A user's scenarios are looked through before anything is swept: each mistake is a sentence with its place. */
import { describe, expect, it } from "vitest";
import { Calls, CallsSeen } from "../../../../supervisor/module/calls.ts";
import { START, tableOf } from "../../../../supervisor/sweep/flipside/scenario.ts";
import { SCENARIOS } from "../../../../supervisor/sweep/flipside/scenarios/index.ts";
import { checkScenarios, SCENARIO_CALLS } from "../../../../supervisor/sweep/flipside/scenarios-module.ts";

const { words, names } = new CallsSeen(SCENARIO_CALLS);
const calls = new Calls({ words, names, ownDirectory: "/nowhere/" });
const good = { name: "mine", setup: { images: ["a", "b"] }, steps: START };

describe("scenarios of a user", () => {
  it("may be all that flipside's own are", () => {
    expect(checkScenarios(SCENARIOS, calls).map(({ name }) => name)).toEqual(
      SCENARIOS.map(({ name }) => name),
    );
  });

  it("need neither a description nor to say how deep they are explored", () => {
    expect(checkScenarios([good], calls)).toEqual([{ ...good, about: "", deep: true }]);
  });

  it.each<[message: RegExp, scenarios: unknown]>([
    [/: scenarios must be a list, and not an empty one$/, []],
    [/: scenarios\[0\]: it is no object$/, ["mine"]],
    [/: scenarios\[0\]: its name must be of small letters/, [{ ...good, name: "My scenario" }]],
    [/: scenarios\[1\]: its name mine is that of scenarios\[0\], too$/, [good, good]],
    [/scenarios\[0\]: there is no stps: it may have name, about, setup/, [{ ...good, stps: [] }]],
    [
      /scenarios\[0\] \(mine\)\.setup: images must be a list of 2 to 4/,
      [{ ...good, setup: { images: ["a"] } }],
    ],
    [
      /\.setup\.images\[1\]: it is "c", and must be one of a, b, update/,
      [{ ...good, setup: { images: ["a", "c"] } }],
    ],
    [/\.setup: table must be a function/, [{ ...good, setup: { images: ["a", "b"], table: {} } }]],
    [/\.steps: it must be a list of steps$/, [{ ...good, steps: { do: "ready" } }]],
    [/\.steps\[0\]\.do: it is "reset", and must be one of power-on/, [{ ...good, steps: [{ do: "reset" }] }]],
    [/\.steps\[0\]: there is no region: it may have do$/, [{ ...good, steps: [{ do: "crash", region: 1 }] }]],
    [
      /\.steps\[0\]\.region: it must be a region, from 0 to 1$/,
      [{ ...good, steps: [{ do: "clear", region: 2 }] }],
    ],
    [
      /\.steps\[0\]\.kind: it is "smoke", and must be one of/,
      [{ ...good, steps: [{ do: "fault", kind: "smoke" }] }],
    ],
    [/\.resume\[0\]\.durationMs: it must be milliseconds$/, [{ ...good, resume: [{ do: "wait" }] }]],
    [/\.steps\[0\]\.what\.in: it is "ram"/, [{ ...good, steps: [{ do: "rot", what: { in: "ram" } }] }]],
    [/ends must be "safe-mode" or a region, from 0 to 1$/, [{ ...good, ends: 2 }]],
  ])("are refused: %s", (message, scenarios) => {
    expect(() => checkScenarios(scenarios, calls)).toThrow(message);
  });

  it("whose table throws say where", () => {
    const table = () => tableOf({ regions: [{ image: "nothing" as "a", state: "accepted" }] })(new Map());
    const [scenario] = checkScenarios([{ ...good, setup: { images: ["a", "b"], table } }], calls);
    expect(() => scenario?.setup.table?.(new Map())).toThrow(
      /^setup\.table threw: there is no image nothing, at \//,
    );
  });
});
