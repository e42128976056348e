import { afterEach, expect, it, vi } from "vitest";
import { Machine } from "../../../../controller/machine.ts";
import type { Disturbance } from "../../../../supervisor/sweep/explore/case-id.ts";
import type { Workbench } from "../../../../supervisor/sweep/run/workbench.ts";
import { scenario, wholePlan, workbench } from "../bench.ts";

afterEach(() => {
  vi.restoreAllMocks();
});

/** Two regions each, so that all are cases of one virtual device. */
const CASES: readonly (readonly [string, readonly Disturbance[]])[] = [
  ["failover-and-back", []],
  ["failover-and-back", [{ at: 9, kind: "cut" }]],
  ["failover-ecall", [{ at: 8, kind: "flip-primary" }]],
  ["update-while-serving", []],
  // The firmware's NVRAM holds what the host was served before the cut.
  ["update-while-serving", [{ at: 60, kind: "cut" }]],
  ["update-that-crashes", [{ at: 70, kind: "seeded" }]],
  ["trial-that-fails-once", [{ at: 20, kind: "hang" }]],
  ["failover-tight-loop", []],
];

/** Everything that can be seen of a case, with what RAM holds in the end. */
function log(bench: Workbench, name: string, path: readonly Disturbance[]): readonly string[] {
  const script = scenario(name);
  const seen: string[] = [];
  const ending = bench.replay(script, path, (item, index) => seen.push(`${index} ${JSON.stringify(item)}`));
  const { words, layout } = bench.rig.memory;
  const ram = words.slice(layout.ram / 4, (layout.ram + layout.config.ramBytes) / 4);
  return [...seen, JSON.stringify(ending), Buffer.from(ram.buffer).toString("base64")];
}

it("what is recalled comes to what is executed, event by event, and so do RAM and the next case", () => {
  const bench = workbench();
  // The first time is learnt, the second recalled.
  const runs = [0, 1].map(() => CASES.map(([name, path]) => log(bench, name, path)));
  for (const [at, [name, path]] of CASES.entries()) {
    const executing = workbench();
    executing.rig.device.recalls = false;
    const expected = log(executing, name, path);
    for (const run of runs) expect(run[at]).toEqual(expected);
  }
});

it("a start that is known is not executed again", () => {
  const executed = (recalls: boolean): number => {
    const bench = workbench();
    const run = vi.spyOn(Machine.prototype, "run").mockClear();
    bench.explore(scenario("safe-mode-cleared"), { ...wholePlan(1, true), runAll: !recalls });
    return run.mock.calls.length;
  };
  expect(executed(true) * 10).toBeLessThan(executed(false));
});
