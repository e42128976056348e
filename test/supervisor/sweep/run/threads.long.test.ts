/** A thread that is ended in the midst of a scenario: what it has found by then is told, not lost. */
import { expect, it } from "vitest";
import type { ScenarioTally } from "../../../../supervisor/sweep/explore/explorer.ts";
import { runSweep } from "../../../../supervisor/sweep/run/run.ts";
import { SweepThread } from "../../../../supervisor/sweep/run/threads.ts";
import { loaderProfile } from "../loader/support/loaders.ts";

it("tells of each finding at once, so that a sweep that is ended in time reports what it has found", async () => {
  const end = new AbortController();
  const swept = { loader: loaderProfile("wrong/short-watchdog"), seed: 1, engine: "auto" } as const;
  const options = {
    ...swept,
    depth: 1,
    faults: false,
    runAll: false,
    jobs: 1,
    shard: { index: 1, of: 1 },
    scenarios: ["update"],
    signal: end.signal,
  };
  /** Of what was found, as often as it was counted when a finding was told for the first time. */
  let firstTold: ScenarioTally["verdicts"] | undefined;
  const report = await runSweep(options, () => {
    const thread = new SweepThread(swept);
    return {
      ahead: thread.ahead,
      run: (unit, told) =>
        thread.run(unit, (soFar) => {
          told(soFar);
          if (soFar.findings.length === 0) return;
          firstTold ??= soFar.verdicts;
          end.abort();
        }),
      close: () => thread.close(),
      abandon: () => thread.abandon(),
    };
  });
  expect(firstTold?.["livelock"]).toBe(1);
  expect(report.notSwept).toEqual(["update"]);
  const [finding] = report.findings;
  expect(finding).toMatchObject({ verdict: "livelock", scenario: "update" });
  expect(report.verdicts["livelock"]).toBeGreaterThan(0);
  expect(report.cuts).toBeGreaterThan(0);
}, 120_000);
