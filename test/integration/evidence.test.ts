/**
 * The live device, with its threads and the wall clock, beside the virtual one of the sweep, under the instruction clock:
 * the same fault in the same version leads to the same evidence, the same table and the same steps in the same order.
 */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { EVIDENCE_NAMES, type EvidenceName, evidenceName } from "../../emulator/memory/evidence.ts";
import { regionAt, type Table } from "../../emulator/table/table.ts";
import type { Failover } from "../../supervisor/device/failover.ts";
import { type Fault, findFault } from "../../supervisor/faults/faults.ts";
import { type RunningDevice, type Status, startDevice } from "../../supervisor/index.ts";
import type { DeviceEvent } from "../../supervisor/sweep/flipside/device-event.ts";
import { imageLibrary } from "../../supervisor/sweep/flipside/image-library.ts";
import { type Scenario, tableOf } from "../../supervisor/sweep/flipside/scenario.ts";
import { IMAGE_A, IMAGE_B, scenario, workbench } from "../supervisor/sweep/bench.ts";

/** One fault for each evidence that a fault of the catalogue brings about. */
const FAULT_OF: Partial<Record<EvidenceName, string>> = {
  panic: "illegal-instruction",
  "double-trap": "double-trap",
  finisher: "finisher",
  watchdog: "tight-loop",
  "early-kick": "early-kick",
  "overdue-command": "kicks-without-progress",
  "never-ready": "never-ready",
  "thread-error": "worker-throw",
  "thread-heap": "worker-heap-exhaustion",
  "thread-exit": "worker-process-exit",
  heartbeat: "worker-js-loop",
};

/** What is not compared here, and why; docs/fidelity.md says so, too. */
const NOT_COMPARED: Partial<Record<EvidenceName, string>> = {
  none: "it is no evidence",
  operator: "an operator's restart is no failure of a version, and no table records it",
  "host-protocol": "no fault of the catalogue brings it about; both devices have the same host",
  "bad-digest": "the scrub that finds it is the live device's: the virtual one reads regions at starts only",
};

/** What can be seen of a failover, in one vocabulary. */
interface Seen {
  readonly evidence: string;
  /** Of a failure that has a moment in the firmware's own run; else undefined. */
  readonly place: { readonly code: number; readonly pc: number } | undefined;
  readonly steps: readonly string[];
  readonly primary: number | null;
  /** Of the region that failed. */
  readonly failed: { readonly state: string; readonly lastFailure: string; readonly newFailures: number };
  readonly otherState: string;
}

const STEP_OF: Partial<Record<DeviceEvent["type"], string>> = {
  failed: "detected",
  stopped: "stopped",
  published: "designated",
  started: "first instruction",
  ready: "ready",
};

function liveSteps({ failure, stoppedNs, designatedNs, firstInstructionNs, readyNs }: Failover): string[] {
  const times: [string, number][] = [
    ["detected", failure.detectedNs],
    ["stopped", stoppedNs],
    ["designated", designatedNs],
    ["first instruction", firstInstructionNs],
    ["ready", readyNs],
  ];
  return times.sort(([, a], [, b]) => a - b).map(([step]) => step);
}

function placeOf(fault: Fault | undefined, failure: { code: number; pc: number }): Seen["place"] {
  if (fault !== undefined && fault.class !== "trap") return undefined;
  return { code: failure.code, pc: failure.pc };
}

function seenLive(fault: Fault | undefined, failover: Failover, before: number, after: Status): Seen {
  const [failed, other] = after.regions;
  if (failed === undefined || other === undefined) throw new Error("the device has two regions");
  const { state, lastFailure, failures } = failed;
  return {
    evidence: failover.failure.evidence,
    place: placeOf(fault, failover.failure),
    steps: liveSteps(failover),
    primary: after.primary,
    failed: { state, lastFailure, newFailures: failures - before },
    otherState: other.state,
  };
}

function seenVirtual(fault: Fault | undefined, ran: Scenario): Seen {
  const bench = workbench();
  const events: DeviceEvent[] = [];
  const ending = bench.replay(ran, [], (event) => {
    if (typeof event === "object") events.push(event);
  });
  expect(typeof ending).toBe("string");
  const from = events.findIndex(({ type }) => type === "failed");
  const failed = events[from];
  if (failed?.type !== "failed") throw new Error("the version did not fail");
  const table: Table = bench.rigOf(ran).device.table;
  const record = regionAt(table, 0);
  return {
    evidence: evidenceName(failed.failure.evidence),
    place: placeOf(fault, { code: failed.failure.code, pc: failed.failure.pc }),
    steps: events.slice(from).flatMap(({ type }) => STEP_OF[type] ?? []),
    primary: table.active,
    failed: {
      state: record.state,
      lastFailure: evidenceName(record.lastFailure.evidence),
      newFailures: record.failures,
    },
    otherState: regionAt(table, 1).state,
  };
}

describe("each evidence leads to the same on the live and the virtual device", () => {
  let device: RunningDevice;

  beforeAll(async () => {
    device = await startDevice({
      images: [IMAGE_A, IMAGE_B],
      limits: { budget: { failures: null, windowMs: 60_000 } },
      log: { level: "error", fd: 2 },
    });
  });

  afterAll(() => device.stop());

  /** The region that the virtual device starts with executes again. */
  async function backToTheFirst(): Promise<void> {
    const failover = device.nextFailover();
    await device.inject("finisher");
    expect((await failover).toRegion).toBe(0);
    await device.standby();
  }

  for (const [evidence, kind] of Object.entries(FAULT_OF)) {
    it(`${evidence}, by ${kind}`, async () => {
      const fault = findFault(kind);
      if (fault === undefined) throw new Error(`there is no fault ${kind}`);
      await device.standby();
      if ((await device.status()).primary !== 0) await backToTheFirst();
      const before = (await device.status()).regions[0]?.failures ?? 0;
      const failover = device.nextFailover();
      await device.inject(kind);
      const live = seenLive(fault, await failover, before, await device.status());
      const virtual = seenVirtual(fault, scenario(`failover-${kind}`));
      expect(virtual.evidence).toBe(evidence);
      // On a busy machine another deadline may end first; the catalogue says which.
      expect(fault.evidence).toContain(live.evidence);
      const found = { ...virtual, evidence: live.evidence };
      expect(live).toEqual({ ...found, failed: { ...virtual.failed, lastFailure: live.evidence } });
    });
  }

  it("trap, by a version without a trap handler", async () => {
    const crasher = imageLibrary(IMAGE_A, IMAGE_B).get("crasher");
    if (crasher === undefined) throw new Error("there is no such image");
    const other = await startDevice({
      images: [crasher.bytes, IMAGE_B],
      log: { level: "error", fd: 2 },
    });
    try {
      await other.standby();
      const status = await other.status();
      const virtual = seenVirtual(undefined, {
        name: "a-version-that-traps",
        about: "the primary traps at its first instruction",
        setup: {
          images: ["crasher", "b"],
          table: tableOf({
            regions: [
              { image: "crasher", state: "accepted" },
              { image: "b", state: "accepted" },
            ],
            previous: 1,
          }),
        },
        steps: [{ do: "power-on" }, { do: "ready" }],
        ends: 1,
        deep: true,
      });
      expect(virtual.evidence).toBe("trap");
      const [failed, runs] = status.regions;
      expect({ primary: status.primary, failed: failed?.lastFailure, state: failed?.state }).toEqual({
        primary: virtual.primary,
        failed: virtual.failed.lastFailure,
        state: virtual.failed.state,
      });
      expect([failed?.failures, runs?.state]).toEqual([virtual.failed.newFailures, virtual.otherState]);
    } finally {
      await other.stop();
    }
  });

  it("no evidence is left out, but for those with a reason", () => {
    const compared = [...Object.keys(FAULT_OF), ...Object.keys(NOT_COMPARED), "trap"];
    expect(compared.sort()).toEqual([...EVIDENCE_NAMES].sort());
  });
});
