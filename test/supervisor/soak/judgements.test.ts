import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { DEFAULT_LIMITS } from "../../../supervisor/core/config.ts";
import { deadlineOf, Judgements, WORK } from "../../../supervisor/soak/judgements.ts";
import { formatDelays, Strain } from "../../../supervisor/soak/strain.ts";

/** A machine that tells what the test says, in milliseconds. */
class FakeMachine {
  nowMs = 0;
  stolenMs = 0;
  readonly waitsMs = new Map<number, number>([[1, 0]]);
  readonly strain = new Strain({
    nowNs: () => this.nowMs * 1e6,
    waits: () => new Map([...this.waitsMs].map(([id, ms]) => [id, ms * 1e6])),
    stolenNs: () => this.stolenMs * 1e6,
  });
}

describe("what the machine kept from a soak", () => {
  it("is the longest wait of one thread, also of one that is new, since the measuring began", () => {
    const machine = new FakeMachine();
    machine.waitsMs.set(1, 500);
    machine.strain.begin();
    machine.nowMs = 80;
    machine.waitsMs.set(1, 520).set(2, 30);
    machine.stolenMs = 10;
    const delays = machine.strain.delays();
    expect(delays).toEqual({ elapsedMs: 80, waitedMs: 30, stolenMs: 10 });
    expect(formatDelays(delays)).toBe(
      "within 80 ms a thread waited 30 ms for a processor, and others had the processors for 10 ms",
    );
  });

  it("is told by this machine", () => {
    const { elapsedMs, waitedMs, stolenMs } = new Strain().delays();
    for (const ms of [elapsedMs, waitedMs, stolenMs]) expect(ms).toBeGreaterThanOrEqual(0);
  });
});

describe("a fault that never took place", () => {
  it("is no finding, and is told once of each kind and version", () => {
    const judgements = new Judgements();
    judgements.begin("ebreak");
    for (const who of ["one", "one", "another"]) judgements.notInject(who);
    judgements.begin("ecall");
    judgements.notInject("one");
    expect(judgements.findings).toEqual([]);
    const told = judgements.notInjected.map(({ id, cause, message }) => `${id} ${cause} ${message}`);
    expect(told).toEqual([
      "ebreak not-injected one",
      "ebreak not-injected another",
      "ecall not-injected one",
    ]);
  });
});

describe("lateness", () => {
  it("is a finding on a calm machine, and not judged on one that is too busy for the deadline that was missed", () => {
    fc.assert(
      fc.property(
        fc.nat(1_000),
        fc.nat(1_000),
        fc.integer({ min: 1, max: 2_000 }),
        (waitMs, stolenMs, deadlineMs) => {
          const machine = new FakeMachine();
          const judgements = new Judgements(machine.strain);
          judgements.begin("ebreak");
          machine.waitsMs.set(1, waitMs);
          machine.stolenMs = stolenMs;
          const isExcused = judgements.late(deadlineMs, "it comes", "it did not come");
          expect(isExcused).toBe(waitMs + stolenMs >= deadlineMs * 0.2);
          expect([judgements.findings.length, judgements.notJudged.length]).toEqual(
            isExcused ? [0, 1] : [1, 0],
          );
        },
      ),
    );
  });

  it("of a deadline in running time is a finding unless the machine took more than it gave", () => {
    for (const [waitMs, isExcused] of [
      [4_000, false],
      [4_999, false],
      [5_000, true],
      [9_000, true],
    ] as const) {
      const machine = new FakeMachine();
      const judgements = new Judgements(machine.strain);
      judgements.begin("ebreak");
      machine.nowMs = 10_000;
      machine.waitsMs.set(1, waitMs);
      expect(judgements.lateInRunningTime("it comes", "it did not come")).toBe(isExcused);
      expect(judgements.findings.length).toBe(isExcused ? 0 : 1);
    }
  });

  it("that is not judged is told with what was done, and the measured delays", () => {
    const machine = new FakeMachine();
    const judgements = new Judgements(machine.strain);
    judgements.begin("ebreak");
    machine.nowMs = 100;
    machine.waitsMs.set(1, 60);
    judgements.late(50, "it comes", "it did not come");
    expect(judgements.notJudged).toEqual([
      {
        id: "ebreak",
        cause: "it comes",
        message:
          "it did not come; not judged, as the machine was too busy: within 100 ms a thread waited 60 ms for a processor",
        delays: { elapsedMs: 100, waitedMs: 60, stolenMs: 0 },
      },
    ]);
  });

  it("is measured anew for each fault", () => {
    const machine = new FakeMachine();
    const judgements = new Judgements(machine.strain);
    machine.waitsMs.set(1, 60_000);
    judgements.begin(WORK);
    expect(judgements.late(50, "it comes", "it did not come")).toBe(false);
    expect(judgements.findings).toEqual([{ id: WORK, cause: "it comes", message: "it did not come" }]);
  });

  it("is all that a machine excuses: not what a version told of itself, and no rule", () => {
    const machine = new FakeMachine();
    const judgements = new Judgements(machine.strain);
    machine.waitsMs.set(1, 60_000);
    for (const evidence of ["panic", "watchdog", "double-trap", "thread-error", "host-protocol"] as const) {
      expect(judgements.late(deadlineOf(evidence, DEFAULT_LIMITS), "a cause", "a sentence")).toBe(false);
    }
    judgements.expect("both replicas are equal", false, "they are not");
    expect(judgements.findings).toHaveLength(6);
    expect(judgements.notJudged).toEqual([]);
    expect(judgements.checks).toEqual({ "both replicas are equal": 1 });
  });

  it("has the deadline of what was due", () => {
    const { heartbeatMs, readyMs, commandMs } = DEFAULT_LIMITS;
    const silences = ["heartbeat", "never-ready", "overdue-command"] as const;
    expect(silences.map((evidence) => deadlineOf(evidence, DEFAULT_LIMITS))).toEqual([
      heartbeatMs,
      readyMs,
      commandMs,
    ]);
  });
});
