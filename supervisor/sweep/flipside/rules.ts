/**
 * The seam between a virtual device and what decides for it: recovery, commit, policy, changes of the table.
 *
 * {@link STANDARD_RULES} are those of the live device, the very same functions. A user's policy or boot decision
 * replaces some of them (docs/sweep.md, "Your own policy"), and so does each mutant of the tests. Whatever the
 * rules do, the oracle judges the device by the same table of states.
 */

import {
  type BootInput,
  type ManagementRecovery,
  type RegionFacts,
  recoverManagement,
} from "../../../controller/boot/boot-rom.ts";
import { inspectRegion } from "../../../controller/boot/inspection.ts";
import {
  activate,
  beginOwnUpdate,
  beginUpdate,
  clear,
  endUpdate,
  type TransitionResult,
} from "../../../controller/boot/transitions.ts";
import { NO_REQUIREMENTS } from "../../../controller/image/verify.ts";
import { TableStore } from "../../../emulator/table/commit.ts";
import type { NvramPort } from "../../../emulator/table/nvram.ts";
import type { RecoveryPolicy } from "../../../emulator/table/recovery.ts";
import { generationFault } from "../../../emulator/table/succession.ts";
import type { StoredImage, Table } from "../../../emulator/table/table.ts";
import {
  type Budget,
  type DecideBoot,
  initialState,
  type PolicyState,
  policyWith,
  type Reduce,
  reduce,
} from "../../core/policy.ts";

/** What commits a table; see emulator/table/commit.ts for the order that the standard one keeps. */
export interface Committer {
  /** Makes `table` the one that counts, in both replicas, and publishes its generation after that. */
  commit(table: Table): unknown;
}

/** Everything that decides. Each member may be replaced alone; none may keep state across a power cut. */
export interface Rules {
  /**
   * The boot ROM's reading of a region. Of the same bytes it must always come to the same.
   * @param unreadableAt the first of them that cannot be read
   */
  readonly inspect: (bytes: Uint8Array, unreadableAt: number | undefined) => RegionFacts;
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
  readonly reduce: Reduce;
  /** Before the first erase of a region, and after its last program and a verify. */
  readonly beginUpdate: (table: Table, region: number, executing: boolean) => TransitionResult;
  /** As beginUpdate, asked for by the version that executes. */
  readonly beginOwnUpdate: (
    table: Table,
    region: number,
    known: Pick<BootInput, "floor" | "images">,
  ) => TransitionResult;
  readonly endUpdate: (table: Table, region: number, image: StoredImage) => TransitionResult;
  /** Requests of an operator's; the first is the executing version's, too. */
  readonly activate: (table: Table, region: number, tries: number) => TransitionResult;
  readonly clear: (table: Table, region: number, tries: number) => TransitionResult;
}

/** What a user's module exports as `rules`: the members that it replaces. */
export type RulesModule = Partial<Rules> & {
  /** Decides which region a start from nothing runs; the standard policy does the rest. */
  readonly decideBoot?: DecideBoot;
};

export const STANDARD_RULES: Rules = {
  inspect: (bytes, unreadableAt) => inspectRegion(bytes, NO_REQUIREMENTS, unreadableAt),
  recover: recoverManagement,
  openStore: (port, table, publish) => new TableStore(port, table, publish),
  initialState,
  reduce,
  beginUpdate,
  beginOwnUpdate,
  endUpdate,
  activate,
  clear,
};

/** Takes any possible table: what a user's rules make of one is judged by the oracle, and not kept from it. */
const openUnjudged: Rules["openStore"] = (port, table, publish) =>
  new TableStore(port, table, publish, generationFault);

/** The standard rules with those of a module in their place; a `reduce` of its own asks whom it likes. */
export function rulesOf({ decideBoot, ...members }: RulesModule): Rules {
  const policy = decideBoot === undefined ? {} : { reduce: policyWith(decideBoot) };
  return { ...STANDARD_RULES, openStore: openUnjudged, ...policy, ...members };
}
