/** Whoever is told of a failure is told in a sentence what it was, whatever found it. */
import { expect, it } from "vitest";
import { EVIDENCE_NAMES } from "../../../emulator/memory/evidence.ts";
import type { FailureReport } from "../../../supervisor/device/failure.ts";
import { withMessage } from "../../../supervisor/device/failure-message.ts";

const failure = (fields: Partial<FailureReport>): FailureReport => ({
  evidence: "none",
  evidenceCode: 0,
  code: 2,
  pc: 0x2000_0040,
  tval: 0xffff_ffff,
  faultNs: 1,
  detectedNs: 2,
  message: "",
  ...fields,
});

it.each(EVIDENCE_NAMES)("a failure found by %s has a message", (evidence) => {
  expect(withMessage(failure({ evidence })).message).toMatch(/^\S.{15,}[^.]$/);
});

it("names the exception of a trap that nobody handled, and where it was", () => {
  expect(withMessage(failure({ evidence: "trap" })).message).toBe(
    "illegal instruction at 0x20000040, mtval 0xffffffff, while no trap handler was installed",
  );
});

it("a message that came along stays", () => {
  expect(withMessage(failure({ evidence: "heartbeat", message: "no progress" })).message).toBe("no progress");
});
