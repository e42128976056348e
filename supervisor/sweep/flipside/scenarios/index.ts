/** Every scenario, by name. A list of a new file is added here. */
import type { Scenario } from "../scenario.ts";
import { COUNTER_SCENARIOS } from "./counters.ts";
import { FAILOVER_SCENARIOS } from "./failover.ts";
import { MANAGEMENT_SCENARIOS } from "./management.ts";
import { OWN_UPDATE_SCENARIOS } from "./own-update.ts";
import { SAFE_MODE_SCENARIOS } from "./safe-mode.ts";
import { START_SCENARIOS } from "./start.ts";
import { UPDATE_SCENARIOS } from "./update.ts";
import { WORK_SCENARIOS } from "./work.ts";

export const SCENARIOS: readonly Scenario[] = [
  ...START_SCENARIOS,
  ...FAILOVER_SCENARIOS,
  ...MANAGEMENT_SCENARIOS,
  ...UPDATE_SCENARIOS,
  ...SAFE_MODE_SCENARIOS,
  ...COUNTER_SCENARIOS,
  ...WORK_SCENARIOS,
  ...OWN_UPDATE_SCENARIOS,
];

export function findScenario(name: string): Scenario | undefined {
  return SCENARIOS.find((scenario) => scenario.name === name);
}
