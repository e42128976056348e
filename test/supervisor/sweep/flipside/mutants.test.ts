import { describe, expect, it } from "vitest";
import { scenario, wholePlan, workbench } from "../bench.ts";
import { MUTANTS } from "./mutants.ts";

describe("the oracle sees, and names rightly", () => {
  for (const { name, rules, scenarios, verdict } of MUTANTS) {
    it(name, () => {
      const bench = workbench(rules);
      for (const each of scenarios) {
        const { findings } = bench.explore(scenario(each), wholePlan(1));
        expect(findings.map((finding) => finding.verdict)).not.toEqual([]);
        expect(new Set(findings.map((finding) => finding.verdict))).toEqual(new Set([verdict]));
      }
    });
  }

  it("nothing in the same scenarios with the rules of the live device", () => {
    const bench = workbench();
    for (const name of new Set(MUTANTS.flatMap(({ scenarios }) => scenarios))) {
      expect(bench.explore(scenario(name), wholePlan(1)).findings).toEqual([]);
    }
  });
});
