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
} from "../../controller/boot/boot-rom.ts";
export { afterFailure, confirm, startTable } from "../../controller/boot/transitions.ts";
export type { NvramPort } from "../../emulator/table/nvram.ts";
export type { RegionRecord, Table } from "../../emulator/table/table.ts";
export { type Command, type PolicyEvent, type PolicyState, reduce, type Step } from "../core/policy.ts";
export { type BadVerdict, type GoodVerdict, VERDICTS, type Verdict } from "./flipside/oracle/verdict.ts";
export { type Committer, type Rules, type RulesModule, STANDARD_RULES } from "./flipside/rules.ts";
