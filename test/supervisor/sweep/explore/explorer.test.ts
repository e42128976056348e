import { describe, expect, it, vi } from "vitest";
import { decideBoot } from "../../../../controller/boot/boot-rom.ts";
import { TEARS } from "../../../../emulator/flash/flash-tear.ts";
import { TABLE_BYTES } from "../../../../emulator/memory/layout.ts";
import type { Disturbance } from "../../../../supervisor/sweep/explore/case-id.ts";
import { PathRunner } from "../../../../supervisor/sweep/explore/path-runner.ts";
import { FlipsideSubject } from "../../../../supervisor/sweep/flipside/flipside-subject.ts";
import { scenario, wholePlan, workbench } from "../bench.ts";

/** One of each kind, and light. */
const LIGHT = [
  "first-start",
  "failover-illegal-instruction",
  "failover-worker-js-loop",
  "failover-generation-ffffffff",
  "failover-4-regions",
  "both-replicas-bad",
  "both-replicas-bad-safe-mode",
  "update-raises-the-floor",
  "update-that-crashes",
  "over-budget",
  "safe-mode-new-image",
];

describe("explorer", () => {
  it("a cut that is reached by undoing ends as one that is run from the start", () => {
    const bench = workbench();
    const script = scenario("failover-illegal-instruction");
    const { cuts } = bench.explore(script, wholePlan(1));
    const verdicts: Record<string, number> = {};
    for (let at = 0; at < cuts; at += 1) {
      const verdict = bench.replay(script, [{ at, kind: "cut" }]);
      expect(verdict).toBeTypeOf("string");
      verdicts[String(verdict)] = (verdicts[String(verdict)] ?? 0) + 1;
    }
    const uncut = String(bench.replay(script, []));
    verdicts[uncut] = (verdicts[uncut] ?? 0) + 1;
    expect(verdicts).toEqual(bench.explore(script, wholePlan(1)).verdicts);
  });

  it("a torn operation that is reached by undoing ends as one that is run from the start", () => {
    const bench = workbench();
    const script = scenario("update-into-empty");
    const replay = (at: number, kind: Disturbance["kind"]) => bench.replay(script, [{ at, kind }]);
    for (const kind of TEARS) expect(replay(30, kind)).toBe("runs-new");
    // The first item is a store to the table, which is no unit of flash: no such case.
    for (const kind of TEARS) expect(replay(0, kind)).toBeUndefined();
  });

  it("the same seed gives the same tally, whatever was explored before", () => {
    const used = workbench();
    used.explore(scenario("update-into-empty"), wholePlan(1));
    const names = ["failover-and-back", "update-that-crashes"];
    for (const name of names) {
      expect(used.explore(scenario(name), wholePlan(2))).toEqual(
        workbench().explore(scenario(name), wholePlan(2)),
      );
    }
  });

  it("a future that joins another ends as when it is run to its end", () => {
    const bench = workbench();
    for (const name of ["failover-and-back", "update-raises-the-floor", "both-replicas-bad"]) {
      const joined = bench.explore(scenario(name), wholePlan(1));
      const whole = bench.explore(scenario(name), { ...wholePlan(1), runAll: true });
      expect(joined.verdicts).toEqual(whole.verdicts);
      expect(joined.cuts).toBe(whole.cuts);
      expect(joined.distinctFutures).toBeLessThan(whole.distinctFutures);
    }
  });

  it.each(["failover-worker-throw", "update-that-crashes", "over-budget", "safe-mode-cleared"])(
    "of faults that come to the same in %s one is run, and the others end as it does",
    (name) => {
      const bench = workbench();
      const plan = wholePlan(1, true);
      const run = vi.spyOn(PathRunner.prototype, "run").mockClear();
      const some = bench.explore(scenario(name), plan);
      const runs = run.mock.calls.length;
      const all = bench.explore(scenario(name), { ...plan, runAll: true });
      expect(some.verdicts).toEqual(all.verdicts);
      expect(some.faults).toBe(all.faults);
      expect(runs).toBeLessThan(run.mock.calls.length - runs);
    },
  );

  it("parts of a scenario make the whole", () => {
    const bench = workbench();
    const script = scenario("failover-and-back");
    const parts = [0, 1, 2].map((index) =>
      bench.explore(script, { ...wholePlan(1), part: { index, of: 3 } }),
    );
    const whole = bench.explore(script, wholePlan(1));
    expect(parts.reduce((sum, { cuts }) => sum + cuts, 0)).toBe(whole.cuts);
  });

  it("every cut of the light scenarios comes back as it must", () => {
    const bench = workbench();
    for (const name of LIGHT) {
      const { findings, cuts } = bench.explore(scenario(name), wholePlan(1));
      expect(findings).toEqual([]);
      expect(cuts).toBeGreaterThan(0);
    }
  });

  it("every second cut in the recovery from a failover's commit comes back as it must", () => {
    const tally = workbench().explore(scenario("failover-worker-terminate"), wholePlan(2));
    expect(tally.findings).toEqual([]);
    expect(tally.cuts).toBeGreaterThan(150);
  });

  // In an update flips come between an erase and the program that then is refused, too.
  it.each(["failover-finisher", "update-into-empty"])(
    "crash, hang and flips at every point of %s come back as they must",
    (name) => {
      const tally = workbench().explore(scenario(name), wholePlan(1, true));
      expect(tally.findings).toEqual([]);
      expect(tally.faults).toBeGreaterThan(150);
    },
  );

  it("a scenario is set up again as it was the first time, whatever was done to it", () => {
    const bench = workbench();
    const script = scenario("update-into-empty");
    const rig = bench.rig;
    const { memory } = rig;
    rig.setUp(script);
    const first = memory.words.slice();
    bench.replay(script, [{ at: 30, kind: "flip-other" }]);
    expect(memory.words).not.toEqual(first);
    rig.setUp(script);
    const { layout } = memory;
    const persistent = (words: Int32Array) => [
      words.slice(layout.table / 4, (layout.table + TABLE_BYTES) / 4),
      words.slice(layout.nvram / 4, (layout.nvram + layout.config.nvramBytes) / 4),
      ...layout.regions.map((start) => words.slice(start / 4, (start + layout.config.regionBytes) / 4)),
    ];
    expect(persistent(memory.words)).toEqual(persistent(first));
  });

  it("a scenario that does not do what it says is harness-broken, not held", () => {
    const { findings } = workbench().explore({ ...scenario("failover-ecall"), ends: 0 }, wholePlan(1));
    expect(findings.map(({ verdict }) => verdict)).toEqual(["harness-broken"]);
  });

  it("the device's own boot decision, given as a user's, holds", () => {
    const bench = workbench({ decideBoot });
    for (const name of ["first-start-raises-the-floor", "update-raises-the-floor"]) {
      expect(bench.explore(scenario(name), wholePlan(1)).findings).toEqual([]);
    }
  });

  it("a finding is shrunk to the fewest faults", () => {
    const forget = workbench({
      decideBoot: () => ({ region: -1, row: 5, reason: "safe-mode", detail: "no", verdicts: [] }),
    });
    const { findings } = forget.explore(scenario("failover-ebreak"), wholePlan(2));
    expect(findings.map(({ verdict, cut }) => [verdict, cut])).toEqual([["bricked", ""]]);
  });
});

it("one future in so many is run twice, and none that has joined one that was", () => {
  const bench = workbench();
  const comeBack = vi.spyOn(FlipsideSubject.prototype, "comeBack");
  for (const name of LIGHT) {
    comeBack.mockClear();
    const { cuts, distinctFutures } = bench.explore(scenario(name), wholePlan(1));
    const sampled = Math.ceil(distinctFutures / 64);
    expect(comeBack.mock.calls.length).toBeLessThanOrEqual(cuts + 2 * sampled);
  }
  comeBack.mockRestore();
});
