/** The virtual device is watched by the live one's watch: what is found of a version, and exactly when. */
import { beforeEach, describe, expect, it } from "vitest";
import { Opcode } from "../../../../controller/devices/nvme-spec.ts";
import { Evidence } from "../../../../emulator/memory/evidence.ts";
import { MTIME_HZ } from "../../../../emulator/memory/map.ts";
import { DEFAULT_LIMITS } from "../../../../supervisor/core/config.ts";
import { findFault } from "../../../../supervisor/faults/catalogue.ts";
import type { Rig } from "../../../../supervisor/sweep/flipside/rig.ts";
import type { VirtualEvent } from "../../../../supervisor/sweep/flipside/virtual-event.ts";
import { scenario, workbench } from "../bench.ts";

const { heartbeatMs, readyMs, commandMs } = DEFAULT_LIMITS;
/** What may pass until something is looked at that was to be found: 10 µs. */
const LOOK_TICKS = MTIME_HZ / 100_000;

let rig: Rig;
let events: VirtualEvent[];

beforeEach(() => {
  const failover = scenario("failover-ecall");
  rig = workbench().rig;
  rig.setUp(failover);
  events = [];
  rig.timeline.afterEvent = (event) => {
    events.push(event);
  };
  rig.device.powerOn();
});

/** The first failure that is found, and when, milliseconds since power-on. */
function found(): { readonly evidence: Evidence; readonly atMs: number } {
  const failed = () => events.find((event) => event.type === "detected");
  rig.device.advance(() => failed() !== undefined, 2_000);
  const event = failed();
  if (event === undefined) throw new Error("no failure was found");
  return { evidence: event.failure.evidence, atMs: event.timeMs };
}

function nowMs(): number {
  return (rig.device.ticks / MTIME_HZ) * 1000;
}

function becomeReady(): void {
  expect(rig.device.advance(() => rig.device.ready, readyMs)).toBe(true);
}

function commit(kind: string): void {
  expect(
    rig.device.submit({ opcode: Opcode.INJECT_FAULT, cdw10: findFault(kind)?.firmwareNumber ?? 0 }),
  ).toBe(true);
}

function expectAt(dueMs: number, evidence: Evidence): void {
  const { evidence: first, atMs } = found();
  expect(first).toBe(evidence);
  const lateTicks = Math.round(((atMs - dueMs) * MTIME_HZ) / 1000);
  expect(lateTicks).toBeGreaterThanOrEqual(0);
  expect(lateTicks).toBeLessThan(LOOK_TICKS);
}

describe("a thread that is stuck", () => {
  it("before its version is ready owes that first: never-ready, at the boot deadline", () => {
    rig.device.failThread(Evidence.HEARTBEAT);
    expectAt(readyMs, Evidence.NEVER_READY);
  });

  it("later is found by its heartbeat", () => {
    becomeReady();
    const stuckMs = nowMs();
    rig.device.failThread(Evidence.HEARTBEAT);
    expectAt(stuckMs + heartbeatMs, Evidence.HEARTBEAT);
  });

  it("is found by its heartbeat also where the version has withdrawn that it is ready", () => {
    becomeReady();
    commit("never-ready");
    expect(rig.device.advance(() => !rig.device.ready, readyMs)).toBe(true);
    const stuckMs = nowMs();
    rig.device.failThread(Evidence.HEARTBEAT);
    expectAt(stuckMs + heartbeatMs, Evidence.HEARTBEAT);
  });
});

describe("a host command's deadline", () => {
  it("begins when the version is ready that it was submitted before", () => {
    commit("kicks-without-progress");
    becomeReady();
    expect(rig.device.ticks).toBeGreaterThan(LOOK_TICKS);
    expectAt(nowMs() + commandMs, Evidence.OVERDUE_COMMAND);
  });

  it("begins when it is submitted, where none is older", () => {
    becomeReady();
    rig.device.advance(() => false, 1_000);
    const submittedMs = nowMs();
    commit("kicks-without-progress");
    expectAt(submittedMs + commandMs, Evidence.OVERDUE_COMMAND);
  });
});

it("a version that withdraws that it is ready has the boot deadline's time again", () => {
  becomeReady();
  commit("never-ready");
  expect(rig.device.advance(() => !rig.device.ready, readyMs)).toBe(true);
  expectAt(nowMs() + readyMs, Evidence.NEVER_READY);
});
