/**
 * What a user's rules are written against, and what they may build upon: `import { decideBoot } from "flipside/rules"`.
 * docs/sweep.md, "Your own policy".
 */
export {
  type BootDecision,
  type BootInput,
  decideBoot,
  type RegionFacts,
  recoverManagement,
} from "../../controller/boot-rom.ts";
export { afterFailure, confirm, startTable } from "../../controller/transitions.ts";
export type { NvramPort } from "../../emulator/nvram.ts";
export type { RegionRecord, Table } from "../../emulator/table.ts";
export { type Command, type PolicyEvent, type PolicyState, reduce, type Step } from "../policy.ts";
export type { Finding } from "./explorer.ts";
export { type BadVerdict, type GoodVerdict, VERDICTS, type Verdict } from "./oracle/verdict.ts";
export { runSweep, type SweepOptions, type SweepProgress } from "./pool.ts";
export type { ScenarioReport, SweepReport } from "./report.ts";
export { type Committer, type Rules, type RulesModule, STANDARD_RULES } from "./rules.ts";
