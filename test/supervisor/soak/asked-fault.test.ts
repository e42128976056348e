import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Opcode } from "../../../controller/devices/nvme-spec.ts";
import { DEFAULT_LIMITS } from "../../../supervisor/core/config.ts";
import { FAULTS } from "../../../supervisor/faults/catalogue.ts";
import type { HostCommand, HostCompletion } from "../../../supervisor/host/host.ts";
import { AskedFault, describeNotInjected, graceMs } from "../../../supervisor/soak/asked-fault.ts";
import { deadlineOf } from "../../../supervisor/soak/judgements.ts";

const GRACE_MS = 500;

/** A version that does what the test says, and a clock. */
class FakeVersion {
  nowMs = 0;
  bootEpoch = 7;
  ready = true;
  takesCommands = true;
  readonly probes: { command: HostCommand; onCompletion: (completion: HostCompletion) => void }[] = [];
  readonly asked = new AskedFault(this, GRACE_MS, () => this.nowMs);

  submit(command: HostCommand, onCompletion: (completion: HostCompletion) => void): boolean {
    if (this.takesCommands) this.probes.push({ command, onCompletion });
    return this.takesCommands;
  }

  /** The command by which it was asked ends. */
  answers(outcome: HostCompletion["outcome"] = "completed", status = 0): void {
    this.asked.onCompletion({ outcome, status, result: 0, result2: 0 });
  }

  /** What was submitted meanwhile ends. */
  serves(outcome: HostCompletion["outcome"] = "completed"): void {
    for (const { onCompletion } of this.probes.splice(0))
      onCompletion({ outcome, status: 0, result: 0, result2: 0 });
  }
}

describe("a fault that a version was asked for never took place", () => {
  it("where it completed the command, and another one after every deadline by which the fault shows", () => {
    const version = new FakeVersion();
    version.answers();
    version.nowMs = GRACE_MS;
    expect(version.asked.wentOn()).toBe(false);
    expect(version.probes.map(({ command }) => command.opcode)).toEqual([Opcode.FLUSH]);
    version.serves();
    expect(version.asked.wentOn()).toBe(true);
    expect(version.asked.status).toBe(0);
  });

  it("whatever status the command was completed with, which is told", () => {
    const version = new FakeVersion();
    version.answers("completed", 0x4001);
    expect(version.asked.status).toBe(0x4001);
    const told = describeNotInjected("firmware 1.0.5 in region 0", "ebreak", 0x4001, "nobody");
    expect(told).toMatch(
      /^not-injected: firmware 1\.0\.5 in region 0 was told to do ebreak, completed the command with status 0x4001, .*CAPABILITIES/,
    );
  });

  it.each(["nobody", "register", "configuration"] as const)(
    "and what to do is told where %s says that it can",
    (saidBy) => {
      expect(describeNotInjected("firmware", "ebreak", 0, saidBy)).toMatch(/CAPABILITIES|device file/);
    },
  );
});

describe("a fault may still come, and what does not come back is a violation", () => {
  it.each<[string, (version: FakeVersion) => void]>([
    ["of a version that hangs before it completes the command", (version) => version.serves()],
    ["of one that hangs after it", (version) => version.answers()],
    [
      "of one whose command a failover aborted",
      (version) => {
        version.answers("aborted");
        version.serves();
      },
    ],
    [
      "of one that took its READY back",
      (version) => {
        version.answers();
        version.ready = false;
      },
    ],
    [
      "of one whose queue is full for ever",
      (version) => {
        version.answers();
        version.takesCommands = false;
      },
    ],
  ])("%s", (name, happens) => {
    const version = new FakeVersion();
    happens(version);
    for (version.nowMs = 0; version.nowMs <= 100 * GRACE_MS; version.nowMs += 100) {
      expect(version.asked.wentOn()).toBe(false);
      if (!name.includes("after it")) version.serves();
    }
  });

  it("of one that is gone: another one that serves proves nothing of it", () => {
    const version = new FakeVersion();
    version.answers();
    version.nowMs = GRACE_MS;
    version.asked.wentOn();
    version.bootEpoch += 1;
    version.serves();
    expect(version.asked.wentOn()).toBe(false);
  });

  it("of one whose second command a failover aborted", () => {
    const version = new FakeVersion();
    version.answers();
    version.nowMs = GRACE_MS;
    version.asked.wentOn();
    version.serves("aborted");
    expect(version.asked.wentOn()).toBe(false);
  });

  it("until the deadline has passed: nothing is asked of the version before", () => {
    fc.assert(
      fc.property(fc.nat(10_000), fc.nat(GRACE_MS - 1), (completedMs, passedMs) => {
        const version = new FakeVersion();
        version.nowMs = completedMs;
        version.answers();
        version.nowMs += passedMs;
        expect(version.asked.wentOn()).toBe(false);
        expect(version.probes).toEqual([]);
      }),
    );
  });
});

it("a fault has until every deadline by which it shows has passed, as far as a soak waits for anything", () => {
  const deadline = fc.integer({ min: 1, max: 4_999 });
  fc.assert(
    fc.property(
      fc.constantFrom(...FAULTS),
      deadline,
      deadline,
      deadline,
      (fault, readyMs, commandMs, heartbeatMs) => {
        const limits = { ...DEFAULT_LIMITS, readyMs, commandMs, heartbeatMs };
        const grace = graceMs(fault, limits);
        expect(grace).toBeGreaterThanOrEqual(commandMs);
        for (const evidence of fault.evidence) {
          expect(grace).toBeGreaterThanOrEqual(deadlineOf(evidence, limits) ?? 0);
        }
      },
    ),
  );
  expect(graceMs({ evidence: ["never-ready"] }, { ...DEFAULT_LIMITS, readyMs: 60_000 })).toBe(5_000);
});
