import { expect, it } from "vitest";
import { ENGINE_KINDS, type EngineKind } from "../../../../controller/cpu/engine-kind.ts";
import type { Disturbance } from "../../../../supervisor/sweep/explore/case-id.ts";
import { STANDARD_RULES } from "../../../../supervisor/sweep/flipside/rules.ts";
import { Workbench } from "../../../../supervisor/sweep/run/workbench.ts";
import { IMAGE_A, IMAGE_B, scenario, wholePlan } from "../bench.ts";

const OTHERS = ENGINE_KINDS.filter((kind) => kind !== "interpreter");

function bench(engine: EngineKind): Workbench {
  return new Workbench(IMAGE_A, IMAGE_B, STANDARD_RULES, 1, engine);
}

/** Everything that can be seen of a case, and what it ended in. */
function log(workbench: Workbench, name: string, path: readonly Disturbance[]): string[] {
  const seen: string[] = [];
  const ending = workbench.replay(scenario(name), path, (item, index) =>
    seen.push(`${index} ${JSON.stringify(item)}`),
  );
  return [...seen, JSON.stringify(ending)];
}

it.each(OTHERS)("%s: every event of a case is the interpreter's, hangs and rotten code too", (engine) => {
  const [expected, found] = [bench("interpreter"), bench(engine)];
  const cases: readonly (readonly [string, readonly Disturbance[]])[] = [
    ["failover-tight-loop", []],
    ["update-while-serving", [{ at: 60, kind: "unstable" }]],
    ["failover-ecall", [{ at: 8, kind: "flip-primary" }]],
    ["update-that-crashes", [{ at: 70, kind: "cut" }]],
  ];
  for (const [name, path] of cases) expect(log(found, name, path)).toEqual(log(expected, name, path));
});

it.each(OTHERS)("%s: every cut ends as with the interpreter", (engine) => {
  for (const name of ["failover-and-back", "trial-that-fails-once"]) {
    const expected = bench("interpreter").explore(scenario(name), wholePlan(1));
    expect(bench(engine).explore(scenario(name), wholePlan(1))).toEqual(expected);
  }
});
