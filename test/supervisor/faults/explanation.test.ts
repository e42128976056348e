import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { EVIDENCE_NAMES } from "../../../emulator/memory/evidence.ts";
import { FAULTS, failsOver } from "../../../supervisor/faults/catalogue.ts";
import {
  type Circumstances,
  explain,
  OWED_BY_HANG,
  type OwedFailure,
  owedBy,
  owedByCrash,
  stillOwed,
} from "../../../supervisor/faults/explanation.ts";

const NOTHING: Circumstances = { owed: [], madeToFail: [], rotten: false, servesNobody: false };
const owing = (...owed: readonly OwedFailure[]): Circumstances => ({ ...NOTHING, owed });
const anyFailure = fc.record({ evidence: fc.constantFrom(...EVIDENCE_NAMES), code: fc.nat(0xffff) });

describe("what explains a failure", () => {
  it("nothing does where nothing was done", () => {
    fc.assert(fc.property(anyFailure, (failure) => explain(failure, NOTHING) === undefined));
  });

  it("a fault of the catalogue does, if it shows by that evidence, and by no other", () => {
    for (const fault of FAULTS.filter(failsOver)) {
      const owed = owedBy(fault.kind);
      fc.assert(
        fc.property(anyFailure, (failure) => {
          const explained = explain(failure, owing(owed)) === owed;
          return explained === owed.evidence.includes(failure.evidence);
        }),
      );
      for (const evidence of fault.evidence) expect(owed.evidence).toContain(evidence);
    }
  });

  it("a thread that is stuck is found by whatever its version owes next", () => {
    for (const evidence of ["heartbeat", "never-ready", "overdue-command"] as const) {
      expect(explain({ evidence, code: 0 }, owing(OWED_BY_HANG))).toBe(OWED_BY_HANG);
      expect(explain({ evidence, code: 0 }, owing(owedBy("worker-js-loop")))).toBeDefined();
    }
  });

  it("a crash from outside explains its own code alone, and goes before a fault that leaves any", () => {
    const [crash, ecall] = [owedByCrash(0xdead), owedBy("ecall")];
    expect(explain({ evidence: "panic", code: 0x10b }, owing(crash))).toBeUndefined();
    expect(explain({ evidence: "panic", code: 0xdead }, owing(ecall, crash))).toBe(crash);
    expect(explain({ evidence: "panic", code: 0x10b }, owing(crash, ecall))).toBe(ecall);
  });

  it("an image that is made to fail does, by what it is made to fail by", () => {
    const mute: Circumstances = { ...NOTHING, madeToFail: ["never-ready"] };
    expect(explain({ evidence: "never-ready", code: 0 }, mute)).toBe("made-to-fail");
    expect(explain({ evidence: "panic", code: 0 }, mute)).toBeUndefined();
  });

  it("bits that may have been read do, whatever the evidence", () => {
    fc.assert(fc.property(anyFailure, (failure) => explain(failure, { ...NOTHING, rotten: true }) === "rot"));
  });

  it("that a version has no queue explains an overdue command, and nothing else", () => {
    fc.assert(
      fc.property(anyFailure, (failure) => {
        const explained = explain(failure, { ...NOTHING, servesNobody: true }) === "no-queue";
        return explained === (failure.evidence === "overdue-command");
      }),
    );
  });

  it("a fault explains one failure and no more", () => {
    const owed = [owedBy("ecall"), owedBy("ecall")];
    const failure = { evidence: "panic", code: 0x10b } as const;
    const once = stillOwed(owed, explain(failure, owing(...owed)));
    expect(once).toHaveLength(1);
    const twice = stillOwed(once, explain(failure, owing(...once)));
    expect(twice).toEqual([]);
    expect(explain(failure, owing(...twice))).toBeUndefined();
  });

  it("what something else explains leaves a fault owed", () => {
    const owed = [owedBy("tight-loop")];
    expect(stillOwed(owed, "rot")).toBe(owed);
    expect(stillOwed(owed, undefined)).toBe(owed);
  });
});
