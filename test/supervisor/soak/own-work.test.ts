/** A round of work that somebody brought is judged as the soak's own is. */
import { expect, it } from "vitest";
import { Judgements } from "../../../supervisor/soak/judgements.ts";
import { judgeRound } from "../../../supervisor/soak/own-work.ts";

const RULE = { rule: "it is small", held: 2, broken: 2, details: ["it is 3"] };

it("each check counts, and one that fails is a finding of the work's with what was seen", () => {
  const judgements = new Judgements();
  expect(judgeRound({ commands: 1, checks: [RULE] }, judgements, "after failover 4")).toBe(true);
  expect(judgements.checks).toEqual({ "it is small": 4 });
  expect(judgements.findings).toEqual([
    { id: "work", cause: "it is small", message: "after failover 4, not so: it is small (it is 3)" },
    { id: "work", cause: "it is small", message: "after failover 4, not so: it is small" },
  ]);
});

it("a controller that can be asked nothing more is a finding, work that ended is none, and both end the soak", () => {
  const judgements = new Judgements();
  expect(judgeRound({ commands: 0, checks: [], ended: true }, judgements, "at first")).toBe(false);
  expect(judgements.findings).toEqual([]);
  expect(judgeRound({ commands: 0, checks: [], failure: "safe mode" }, judgements, "at first")).toBe(false);
  expect(judgements.findings).toMatchObject([
    { cause: "the controller does the host's work", message: "at first, the host's work ended: safe mode" },
  ]);
});
