import { describe, expect, it } from "vitest";
import type { RegionFacts } from "../../../controller/boot/boot-rom.ts";
import { activate, clear } from "../../../controller/boot/transitions.ts";
import { NO_REGION, type Table } from "../../../emulator/table/table.ts";
import {
  type Command,
  initialState,
  type PolicyEvent,
  type PolicyState,
  reduce,
} from "../../../supervisor/core/policy.ts";
import { acceptedTable, imageOf } from "../../emulator/table/table-arbitrary.ts";

const budget = { failures: 1, windowMs: 1_000 };

function factsOf(region: number): RegionFacts {
  const { version, digest } = imageOf(region);
  return {
    usable: true,
    version,
    digest,
    securityCounter: 0,
    headerBytes: 32,
    imageBytes: 1_000,
    signed: false,
  };
}

/** Performs events one after the other; returns the state and every command. */
function perform(from: PolicyState, ...events: PolicyEvent[]): { state: PolicyState; commands: Command[] } {
  let state = from;
  const commands: Command[] = [];
  for (const event of events) {
    const step = reduce(state, event);
    state = step.state;
    commands.push(...step.commands);
  }
  return { state, commands };
}

function started(): PolicyState {
  const images = [factsOf(0), factsOf(1)];
  return perform(initialState(acceptedTable(2, 5), 0, budget), { type: "power-on", images }).state;
}

function failed(state: PolicyState, nowNs: number): PolicyState {
  const failure = { evidence: 1, code: 2, pc: 3 };
  return perform(state, { type: "evidence", failure, nowNs }, { type: "stopped" }).state;
}

function inSafeMode(): PolicyState {
  let state = started();
  for (let nowNs = 1; state.phase !== "safe-mode"; nowNs += 1) state = failed(state, nowNs);
  return state;
}

function tableOf(result: ReturnType<typeof activate>): Table {
  if (!result.ok) throw new Error(result.message);
  return result.table;
}

describe("an operator's word", () => {
  it("to designate a region stops what executes, then starts the region, and counts no failure", () => {
    const before = started();
    const other = 1 - before.table.active;
    const table = tableOf(activate(before.table, other, 3));
    const { state, commands } = perform(
      before,
      { type: "operator", table, restart: true },
      { type: "stopped" },
    );
    expect(commands.map(({ type }) => type)).toEqual(["commit", "stop", "commit", "execute"]);
    expect(state).toMatchObject({ phase: "executing", table: { active: other, next: NO_REGION } });
    expect(state.table.regions.map(({ failures }) => failures)).toEqual(
      before.table.regions.map(({ failures }) => failures),
    );
  });

  it("that changes nothing for what executes commits and goes on", () => {
    const before = started();
    const table = tableOf(activate(before.table, 1 - before.table.active, 3));
    const { state, commands } = perform(before, { type: "operator", table, restart: false });
    expect(commands).toEqual([{ type: "commit", table }]);
    expect(state).toMatchObject({ phase: "executing", table: { active: before.table.active } });
  });

  it("is the only way out of safe mode, and gives the region its whole budget again", () => {
    const before = inSafeMode();
    expect(
      perform(before, { type: "confirmed" }, { type: "start-lost" }, { type: "stopped" }).commands,
    ).toEqual([]);
    const given = before.table.regions.findIndex(({ state }) => state === "invalid");
    const table = tableOf(clear(before.table, given, 3));
    const { state, commands } = perform(before, { type: "operator", table, restart: false });
    expect(commands.map(({ type }) => type)).toEqual(["commit", "commit", "execute"]);
    expect(state).toMatchObject({ phase: "executing", table: { active: given } });
    expect(failed(state, 10).phase).toBe("executing");
  });

  it("is not heard while a version is being stopped", () => {
    const before = perform(started(), {
      type: "evidence",
      failure: { evidence: 1, code: 0, pc: 0 },
      nowNs: 1,
    }).state;
    const table = tableOf(activate(before.table, 1 - before.table.active, 3));
    expect(reduce(before, { type: "operator", table, restart: true })).toEqual({
      state: before,
      commands: [],
    });
  });
});
