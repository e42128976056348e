/**
 * The sweep judges firmware: each version with a planted bug is found under the name of what is wrong with it, and each
 * right variant beside it is held, with every cut of the scenarios below.
 */
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import {
  FIRMWARE_MUTANTS,
  type FirmwareFaultClass,
  type FirmwareMutant,
} from "../../../scripts/firmware-mutants.ts";
import type { Finding } from "../../../supervisor/sweep/explore/explorer.ts";
import type { BadVerdict } from "../../../supervisor/sweep/flipside/oracle/verdict.ts";
import { STANDARD_RULES } from "../../../supervisor/sweep/flipside/rules.ts";
import type { Scenario } from "../../../supervisor/sweep/flipside/scenario.ts";
import { WORK_SCENARIOS } from "../../../supervisor/sweep/flipside/scenarios/work.ts";
import { Workbench } from "../../../supervisor/sweep/run/workbench.ts";
import { scenario, wholePlan } from "./bench.ts";

const VERDICTS: Readonly<Record<FirmwareFaultClass, readonly BadVerdict[]>> = {
  "fails-by-itself": ["failed-by-itself"],
  "never-ready": ["never-ready"],
  "never-confirms": ["never-confirmed"],
  "confirms-before-ready": ["confirmed-too-soon"],
  "loses-data": ["lost-data"],
  "ignores-injected-faults": ["not-injected"],
  "serves-nothing": ["not-served"],
  "breaks-queue-protocol": ["broke-protocol"],
  "wrong-results": ["wrong-result"],
  // What shows first of all that it said it could.
  "declares-what-it-does-not-do": ["not-injected", "wrong-result", "not-served"],
};

const SCENARIOS: readonly Scenario[] = [
  ...["failover-illegal-instruction", "failover-and-back", "update-into-empty"].map(scenario),
  ...WORK_SCENARIOS,
];

function firmware(path: string): Uint8Array {
  return new Uint8Array(readFileSync(new URL(`../../../controller/firmware/${path}`, import.meta.url)));
}

/** What the first scenario that finds anything finds. */
function firstFindings({ imageA, imageB }: Pick<FirmwareMutant, "imageA" | "imageB">): readonly Finding[] {
  const bench = new Workbench(firmware(imageA), firmware(imageB), STANDARD_RULES, 1);
  for (const each of SCENARIOS) {
    const { findings } = bench.explore(each, wholePlan(1));
    if (findings.length > 0) return findings;
  }
  return [];
}

describe("a version with a planted bug is found under its name", () => {
  const wrong = FIRMWARE_MUTANTS.flatMap((mutant) =>
    mutant.fault === undefined ? [] : [{ ...mutant, fault: mutant.fault }],
  );
  it.each(wrong)("$name: $fault", (mutant) => {
    const found = firstFindings(mutant).map(({ verdict }) => verdict);
    expect(found).not.toEqual([]);
    const others = found.filter((verdict) => !VERDICTS[mutant.fault].some((named) => named === verdict));
    expect(others).toEqual([]);
  });
});

describe("a right version is held", () => {
  // One takes 2 ms of its time for each command, and nothing of that is known beforehand.
  const right = FIRMWARE_MUTANTS.filter(({ fault }) => fault === undefined);
  it.each(right)("$name", { timeout: 240_000 }, (mutant) => {
    expect(firstFindings(mutant)).toEqual([]);
  });

  it.each(["images/controller", "plain/images/plain", "plain/images/quiet"])("%s", (family) => {
    expect(firstFindings({ imageA: `${family}-1.1.0.img`, imageB: `${family}-1.0.0.img` })).toEqual([]);
  });
});
