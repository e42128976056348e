/**
 * What a user's scenarios are written in: `import { A, B, START, tableOf } from "flipside/scenarios"`. docs/sweep.md,
 * "Your own scenarios".
 */
export type { RegionRecord, Table } from "../../emulator/table/table.ts";
export { IMAGE_NAMES, type ImageName } from "./flipside/image-library.ts";
export {
  A,
  B,
  type RegionSpec,
  type Rot,
  type ScenarioStep,
  type Setup,
  START,
  type TableSpec,
  tableOf,
} from "./flipside/scenario.ts";
export { SCENARIOS } from "./flipside/scenarios/index.ts";
export type { UserScenario } from "./flipside/scenarios-module.ts";
