/** The reference images, and a workbench over them. */
import { readFileSync } from "node:fs";
import { type RulesModule, rulesOf, STANDARD_RULES } from "../../../supervisor/sweep/flipside/rules.ts";
import type { Scenario } from "../../../supervisor/sweep/flipside/scenario.ts";
import { findScenario } from "../../../supervisor/sweep/flipside/scenarios/index.ts";
import { Workbench } from "../../../supervisor/sweep/run/workbench.ts";

function reference(version: string): Uint8Array {
  const file = new URL(`../../../controller/firmware/images/controller-${version}.img`, import.meta.url);
  return new Uint8Array(readFileSync(file));
}

export const IMAGE_A = reference("1.1.0");
export const IMAGE_B = reference("1.0.0");

/** @param rules the live device's own, checks of its store included, where there are none */
export function workbench(rules?: RulesModule, seed = 1): Workbench {
  return new Workbench(IMAGE_A, IMAGE_B, rules === undefined ? STANDARD_RULES : rulesOf(rules), seed);
}

export function scenario(name: string): Scenario {
  const found = findScenario(name);
  if (found === undefined) throw new Error(`there is no scenario ${name}`);
  return found;
}

/** Everything of one scenario to a depth. */
export const wholePlan = (depth: number, faults = false) => ({
  depth,
  seed: 1,
  part: { index: 0, of: 1 },
  faults,
  runAll: false,
});
