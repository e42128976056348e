import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { decideBoot, type RegionFacts } from "../../../controller/boot/boot-rom.ts";
import { activate, clear, type TransitionResult } from "../../../controller/boot/transitions.ts";
import { BootReason } from "../../../controller/devices/status.ts";
import { firstTable } from "../../../emulator/table/recovery.ts";
import { NO_REGION, nextGeneration, tableFault } from "../../../emulator/table/table.ts";
import {
  type Command,
  type DecideBoot,
  initialState,
  type PolicyEvent,
  type PolicyState,
  policyWith,
  reduce,
  standbyRegion,
} from "../../../supervisor/core/policy.ts";

const FAILURE = { evidence: 1, code: 0, pc: 0 };
const BUDGET = { failures: 5, windowMs: 60_000 };
const SECOND = 1e9;

function facts(minor: number): RegionFacts {
  return {
    usable: true,
    version: { major: 1, minor, revision: 0, build: 0 },
    digest: [minor + 1, 0, 0, 0, 0, 0, 0, 0],
    securityCounter: 0,
    headerBytes: 32,
    imageBytes: 4096,
    signed: false,
  };
}

/** Regions with versions 1.1, 1.0, 1.2, …: region 0 is not the lowest. */
function poweredOn(regions = 2, budget: PolicyState["budget"] = BUDGET): PolicyState {
  const images = [facts(1), facts(0), facts(2), facts(3)].slice(0, regions);
  const table = firstTable(
    images.map((f) => (f.usable ? { version: f.version, digest: f.digest } : undefined)),
  );
  return reduce(initialState(table, 0, budget), { type: "power-on", images }).state;
}

function fail(state: PolicyState, nowNs: number): { state: PolicyState; commands: readonly Command[] } {
  const stopping = reduce(state, { type: "evidence", failure: FAILURE, nowNs });
  expect(stopping.commands).toEqual([{ type: "stop" }]);
  return reduce(stopping.state, { type: "stopped" });
}

describe("policy", () => {
  it("executes the highest version at the first start", () => {
    expect(poweredOn(4).table.active).toBe(3);
    expect(poweredOn(2).table.active).toBe(0);
  });

  it("answers evidence with stop, and only after the stop with commit, then execute of the other region", () => {
    const before = poweredOn();
    const { state, commands } = fail(before, SECOND);
    expect(commands.map((command) => command.type)).toEqual(["commit", "execute"]);
    expect(commands[1]).toEqual({ type: "execute", region: 1, reason: BootReason.FAILOVER, trial: false });
    expect(state.table.generation).toBe(nextGeneration(before.table.generation));
    expect(state.table.regions[0]?.lastFailure).toEqual(FAILURE);
  });

  it("takes no second evidence while it stops", () => {
    const first = reduce(poweredOn(), { type: "evidence", failure: FAILURE, nowNs: 1 }).state;
    expect(reduce(first, { type: "evidence", failure: FAILURE, nowNs: 2 })).toEqual({
      state: first,
      commands: [],
    });
  });

  it("prepares the standby for the region that a failure would designate", () => {
    for (const regions of [2, 3, 4]) {
      let state = poweredOn(regions);
      for (let i = 0; i < 6; i++) {
        const expected = standbyRegion(state);
        state = fail(state, i * 100 * SECOND).state;
        expect(state.table.active).toBe(expected);
      }
    }
  });

  it("invalidates a region at the failure after its budget, and ends in safe mode with the reason", () => {
    let state = poweredOn();
    let failures = 0;
    while (state.phase === "executing" && failures < 100)
      state = fail(state, failures++ * 0.1 * SECOND).state;
    expect(state.phase).toBe("safe-mode");
    // Six of each: five are allowed within the window.
    expect(failures).toBe(12);
    expect(state.decision?.detail).toMatch(/region 0: .*failed/);
    expect(state.table.active).toBe(NO_REGION);
  });

  it("forgets failures that are older than the window", () => {
    let state = poweredOn();
    for (let i = 0; i < 60; i++) state = fail(state, i * 20 * SECOND).state;
    expect(state.phase).toBe("executing");
  });

  it("never ends in safe mode while the budget is lifted, and remembers nothing that grows", () => {
    let state = poweredOn(2, { failures: null, windowMs: 60_000 });
    for (let i = 0; i < 200; i++) state = fail(state, i).state;
    expect(state.phase).toBe("executing");
    expect(state.recent.flat()).toEqual([]);
  });

  it("executes again, without a commit, what was lost before its first instruction", () => {
    const state = poweredOn();
    const { commands } = reduce(state, { type: "start-lost" });
    expect(commands).toEqual([{ type: "execute", region: 0, reason: BootReason.RESTART, trial: false }]);
  });

  it("decides anew when what waits to be executed no longer holds what was verified", () => {
    const state = poweredOn();
    const images: RegionFacts[] = [
      { usable: false, fault: { name: "digest-mismatch", message: "rot" } },
      facts(0),
    ];
    const { commands } = reduce(state, { type: "inspected", images, executing: false });
    expect(commands.map((command) => command.type)).toEqual(["commit", "execute"]);
    expect(commands[1]).toMatchObject({ region: 1 });
    expect(reduce(state, { type: "inspected", images, executing: true }).commands).toEqual([]);
  });

  it("commands only possible tables, one generation apart, and executes only what the last one designates", () => {
    const event: fc.Arbitrary<PolicyEvent> = fc.oneof(
      fc.nat(1000).map((ms): PolicyEvent => ({ type: "evidence", failure: FAILURE, nowNs: ms * 1e6 })),
      fc.constant<PolicyEvent>({ type: "stopped" }),
      fc.constant<PolicyEvent>({ type: "start-lost" }),
      fc.constant<PolicyEvent>({ type: "confirmed" }),
    );
    fc.assert(
      fc.property(fc.integer({ min: 2, max: 4 }), fc.array(event, { maxLength: 60 }), (regions, events) => {
        let state = poweredOn(regions);
        let { table } = state;
        for (const next of events) {
          const wasStopping = state.phase === "stopping";
          const step = reduce(state, next);
          for (const command of step.commands) {
            if (command.type === "commit") {
              expect(tableFault(command.table)).toBeUndefined();
              expect(command.table.generation).toBe(nextGeneration(table.generation));
              table = command.table;
            }
            if (command.type === "execute") expect(command.region).toBe(table.active);
            if (wasStopping && next.type !== "stopped") expect.unreachable("a command while it stops");
          }
          expect(step.state.table).toBe(table);
          state = step.state;
        }
      }),
    );
  });
});

describe("another boot decision", () => {
  /** As the standard one, but it never runs region `avoided`, and says that it was asked. */
  function avoiding(avoided: number, asked: string[]): DecideBoot {
    return (input) => {
      asked.push("asked");
      return decideBoot({ ...input, failed: avoided });
    };
  }

  function tableOf(result: TransitionResult): PolicyState["table"] {
    if (!result.ok) throw new Error(result.message);
    return result.table;
  }

  it("is asked at power-on", () => {
    const asked: string[] = [];
    const { table, floor, budget, images } = poweredOn();
    const { state } = policyWith(avoiding(0, asked))(initialState(table, floor, budget), {
      type: "power-on",
      images,
    });
    expect([state.table.active, asked.length]).toEqual([1, 1]);
  });

  it("is asked when an operator has what executes restarted", () => {
    const asked: string[] = [];
    const policy = policyWith(avoiding(1, asked));
    const before = poweredOn();
    const table = tableOf(activate(before.table, 1, 3));
    const stopping = policy(before, { type: "operator", table, restart: true });
    expect([stopping.commands.map(({ type }) => type), asked.length]).toEqual([["commit", "stop"], 0]);
    const { state } = policy(stopping.state, { type: "stopped" });
    expect([state.table.active, asked.length]).toEqual([0, 1]);
  });

  it("is asked on the way out of safe mode", () => {
    const asked: string[] = [];
    let state = poweredOn(2, { failures: 0, windowMs: 60_000 });
    for (let nowNs = 1; state.phase !== "safe-mode"; nowNs++) state = fail(state, nowNs).state;
    const first = tableOf(clear(state.table, 0, 3));
    const policy = policyWith(avoiding(0, asked));
    state = policy(state, { type: "operator", table: first, restart: false }).state;
    expect([state.phase, asked.length]).toEqual(["safe-mode", 1]);
    state = policy(state, {
      type: "operator",
      table: tableOf(clear(state.table, 1, 3)),
      restart: false,
    }).state;
    expect([state.phase, state.table.active, asked.length]).toEqual(["executing", 1, 2]);
  });

  it("is asked anew when the region that waits to be executed holds something else", () => {
    const asked: string[] = [];
    const before = poweredOn();
    const event: PolicyEvent = { type: "inspected", images: before.images, executing: false };
    const { state } = policyWith(avoiding(0, asked))(before, event);
    expect(state.table.active).toBe(1);
    expect(asked.length).toBeGreaterThan(0);
  });

  it("is not asked what follows a failure", () => {
    const asked: string[] = [];
    const policy = policyWith(avoiding(1, asked));
    const stopping = policy(poweredOn(), { type: "evidence", failure: FAILURE, nowNs: SECOND });
    expect(policy(stopping.state, { type: "stopped" }).state.table.active).toBe(1);
    expect(asked).toEqual([]);
  });
});
