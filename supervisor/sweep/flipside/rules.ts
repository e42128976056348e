/**
 * The seam between a virtual device and what decides for it: recovery, commit, policy, changes of the table.
 *
 * {@link STANDARD_RULES} are those of the live device, the very same functions. A user's policy or boot decision
 * replaces some of them (docs/sweep.md, "Your own policy"), and so does each mutant of the tests. Whatever the
 * rules do, the oracle judges the device by the same table of states.
 */

import type {
  BootDecision,
  BootInput,
  ManagementRecovery,
  RegionFacts,
} from "../../../controller/boot/boot-rom.ts";
import { confirmedCounter, recoverManagement } from "../../../controller/boot/boot-rom.ts";
import {
  activate,
  beginUpdate,
  clear,
  endUpdate,
  startTable,
  type TransitionResult,
} from "../../../controller/boot/transitions.ts";
import { BootReason } from "../../../controller/devices/status.ts";
import { TableStore } from "../../../emulator/table/commit.ts";
import type { NvramPort } from "../../../emulator/table/nvram.ts";
import type { RecoveryPolicy } from "../../../emulator/table/recovery.ts";
import { generationFault } from "../../../emulator/table/succession.ts";
import { NO_REGION, regionAt, type StoredImage, type Table } from "../../../emulator/table/table.ts";
import {
  type Budget,
  type Command,
  initialState,
  type PolicyEvent,
  type PolicyState,
  reduce,
  type Step,
} from "../../core/policy.ts";

/** What commits a table; see emulator/table/commit.ts for the order that the standard one keeps. */
export interface Committer {
  /** Makes `table` the one that counts, in both replicas, and publishes its generation after that. */
  commit(table: Table): unknown;
}

/** Everything that decides. Each member may be replaced alone; none may keep state across a power cut. */
export interface Rules {
  /** At power-on: finds what counts in the management memory and repairs it through `port`. */
  readonly recover: (
    port: NvramPort,
    images: readonly RegionFacts[],
    policy: RecoveryPolicy,
  ) => ManagementRecovery;
  /** Opens the management memory for commits; `publish` tells everybody which generation counts. */
  readonly openStore: (port: NvramPort, table: Table, publish: (generation: number) => void) => Committer;
  readonly initialState: (table: Table, floor: number, budget: Budget) => PolicyState;
  /** The policy: what an event leads to. Commands are performed in their order. */
  readonly reduce: (state: PolicyState, event: PolicyEvent) => Step;
  /** Before the first erase of a region, and after its last program and a verify. */
  readonly beginUpdate: (table: Table, region: number, executing: boolean) => TransitionResult;
  readonly endUpdate: (table: Table, region: number, image: StoredImage) => TransitionResult;
  /** An operator's requests. */
  readonly activate: (table: Table, region: number, tries: number) => TransitionResult;
  readonly clear: (table: Table, region: number, tries: number) => TransitionResult;
}

/** What a user's module exports as `rules`: the members that it replaces. */
export type RulesModule = Partial<Rules> & {
  /** Decides which region a start from nothing runs; the standard policy does the rest. */
  readonly decideBoot?: (input: BootInput) => BootDecision;
};

export const STANDARD_RULES: Rules = {
  recover: recoverManagement,
  openStore: (port, table, publish) => new TableStore(port, table, publish),
  initialState,
  reduce,
  beginUpdate,
  endUpdate,
  activate,
  clear,
};

/** Takes any possible table: what a user's rules make of one is judged by the oracle, and not kept from it. */
const openUnjudged: Rules["openStore"] = (port, table, publish) =>
  new TableStore(port, table, publish, generationFault);

/** The standard rules with those of a module in their place. */
export function rulesOf(module: RulesModule): Rules {
  const { decideBoot, ...members } = module;
  const rules = { ...STANDARD_RULES, openStore: openUnjudged, ...members };
  if (decideBoot === undefined) return rules;
  const { reduce: inner } = rules;
  return {
    ...rules,
    reduce: (state, event) =>
      event.type === "power-on"
        ? startBy(decideBoot, { ...state, images: event.images })
        : inner(state, event),
  };
}

/** Power-on by another boot decision; what follows from it is as in policy.ts. */
function startBy(decideBoot: (input: BootInput) => BootDecision, before: PolicyState): Step {
  const floor = Math.max(before.floor, confirmedCounter(before.table, before.images));
  const state = { ...before, floor };
  const decision = decideBoot({ table: state.table, floor, images: state.images });
  const table = startTable(state.table, decision) ?? state.table;
  const commands: Command[] = floor === before.floor ? [] : [{ type: "raise-floor", counter: floor }];
  if (table !== state.table) commands.push({ type: "commit", table });
  if (decision.region === NO_REGION) {
    commands.push({ type: "safe-mode", reason: decision.detail });
    return { state: { ...state, table, phase: "safe-mode", confirmed: false, decision }, commands };
  }
  const trial = regionAt(table, decision.region).state !== "accepted";
  commands.push({ type: "execute", region: decision.region, reason: BootReason.POWER_ON, trial });
  return { state: { ...state, table, phase: "executing", confirmed: !trial, decision }, commands };
}
