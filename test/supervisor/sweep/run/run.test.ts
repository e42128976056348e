import { describe, expect, it } from "vitest";
import {
  newScenarioTally,
  type ScenarioTally,
  type Told,
} from "../../../../supervisor/sweep/explore/explorer.ts";
import { SweepError, type SweepUnit, type UnitRunner } from "../../../../supervisor/sweep/run/queue-port.ts";
import { runSweep, type SweepOptions } from "../../../../supervisor/sweep/run/run.ts";

const OPTIONS: SweepOptions = {
  imageA: new Uint8Array(),
  imageB: new Uint8Array(),
  seed: 1,
  engine: "auto",
  jobs: 1,
  depth: 1,
  faults: false,
  runAll: false,
  shard: { index: 1, of: 1 },
  scenarios: ["first-start", "failover-ebreak", "failover-ecall"],
};

/** Explores so many units, and never comes back from the next. */
class Runner implements UnitRunner {
  readonly ahead = 2;
  readonly #onStuck: () => void;
  readonly #pending: ((error: Error) => void)[] = [];
  #left: number;
  isOver = false;
  /** The scenario of which something is told before all of it is explored. */
  toldOf = "";

  constructor(units: number, onStuck: () => void) {
    this.#left = units;
    this.#onStuck = onStuck;
  }

  run({ scenario }: SweepUnit, told: Told): Promise<ScenarioTally> {
    this.#left -= 1;
    const finding = { replay: "v1:x@1~1", verdict: "bricked", scenario, cut: "1", message: "it is gone" };
    const some = { ...newScenarioTally(scenario), cuts: 3, verdicts: { bricked: 3 }, findings: [finding] };
    if (scenario === this.toldOf) told(some);
    if (this.#left >= 0) {
      return Promise.resolve({ ...newScenarioTally(scenario), cuts: 1, verdicts: { "runs-old": 1 } });
    }
    setImmediate(this.#onStuck);
    return new Promise((_, reject) => this.#pending.push(reject));
  }

  async close(): Promise<void> {
    this.isOver = true;
  }

  async abandon(): Promise<void> {
    this.isOver = true;
    for (const reject of this.#pending.splice(0)) reject(new SweepError("ended", "unjudged"));
  }
}

describe("a sweep that is ended before it is done", () => {
  it("reports what was swept and what was not, in the order of the scenarios, and leaves no runner", async () => {
    const end = new AbortController();
    const runner = new Runner(1, () => end.abort());
    const report = await runSweep({ ...OPTIONS, signal: end.signal }, () => runner);
    expect(report.scenarios).toHaveLength(1);
    const names = [...report.scenarios.map(({ name }) => name), ...report.notSwept];
    expect(new Set(names)).toEqual(new Set(OPTIONS.scenarios));
    expect(report.notSwept).toHaveLength(2);
    expect(runner.isOver).toBe(true);
  });

  it("reports what was told of the scenario that was under way, and that it was not swept to its end", async () => {
    const end = new AbortController();
    const runner = new Runner(0, () => end.abort());
    runner.toldOf = "failover-ecall";
    const report = await runSweep(
      { ...OPTIONS, scenarios: ["failover-ecall"], signal: end.signal },
      () => runner,
    );
    expect(report).toMatchObject({ cuts: 3, verdicts: { bricked: 3 }, notSwept: ["failover-ecall"] });
    expect(report.findings.map(({ verdict }) => verdict)).toEqual(["bricked"]);
  });

  it("counts nothing twice that was told before it was done", async () => {
    const runner = new Runner(3, () => {});
    runner.toldOf = "failover-ecall";
    expect((await runSweep(OPTIONS, () => runner)).cuts).toBe(3);
  });

  it("has swept nothing where it was ended before it began", async () => {
    const report = await runSweep({ ...OPTIONS, signal: AbortSignal.abort() }, () => new Runner(0, () => {}));
    expect([report.scenarios, report.notSwept]).toEqual([[], OPTIONS.scenarios]);
  });

  it("is one thing, a runner that fails another: that is told", async () => {
    const runner = new Runner(0, () => void runner.abandon());
    await expect(runSweep(OPTIONS, () => runner)).rejects.toThrow(SweepError);
    expect(runner.isOver).toBe(true);
  });

  it("that is done in time has swept all", async () => {
    const { notSwept } = await runSweep(OPTIONS, () => new Runner(3, () => {}));
    expect(notSwept).toEqual([]);
  });
});
