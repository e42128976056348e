/**
 * Small wrong variants of the rules, each a mistake that somebody made or could make, put in through the same seam
 * as a user's rules. The oracle has to see each, and to call it by its right name.
 */

import { decideBoot, recoverManagement } from "../../../../controller/boot/boot-rom.ts";
import { beginUpdate, clear, endUpdate } from "../../../../controller/boot/transitions.ts";
import { BootReason } from "../../../../controller/devices/status.ts";
import {
  loadReplica,
  type Replica,
  replicaHolds,
  storeReplica,
  TableStore,
} from "../../../../emulator/table/commit.ts";
import { type NvramPort, REPLICA_WORD } from "../../../../emulator/table/nvram.ts";
import { classifyReplicas, LOST_MARK, replaceLostTable } from "../../../../emulator/table/recovery.ts";
import { generationFault } from "../../../../emulator/table/succession.ts";
import {
  NO_DIGEST,
  NO_REGION,
  nextGeneration,
  type RegionRecord,
  sameDigest,
  type Table,
} from "../../../../emulator/table/table.ts";
import { replicaWords, TableCodec } from "../../../../emulator/table/table-codec.ts";
import { type Command, initialState, type PolicyEvent, reduce } from "../../../../supervisor/core/policy.ts";
import type { BadVerdict } from "../../../../supervisor/sweep/flipside/oracle/verdict.ts";
import type { RulesModule } from "../../../../supervisor/sweep/flipside/rules.ts";

export interface Mutant {
  readonly name: string;
  readonly rules: RulesModule;
  /** Scenarios that must show it. */
  readonly scenarios: readonly string[];
  readonly verdict: BadVerdict;
}

/** Words of a replica's head: PSA Firmware Update metadata. */
const CRC_WORD = 0;
const VERSION_WORD = 1;

type StoreTable = (port: NvramPort, words: Int32Array, publish: () => void) => void;

/** A committer that stores an encoded table in its own way. */
function committer(store: StoreTable, generationOf = (table: Table) => table.generation): RulesModule {
  return {
    openStore: (port, opened, publish) => {
      const codec = new TableCodec(opened.regions.length);
      const words = new Int32Array(codec.words);
      let { generation } = opened;
      publish(generation);
      return {
        commit: (table) => {
          generation = generationOf({ ...table, generation: nextGeneration(generation) });
          codec.encode({ ...table, generation }, words);
          store(port, words, () => publish(generation));
        },
      };
    },
  };
}

function storeWords(port: NvramPort, replica: Replica, words: Int32Array, from: number): void {
  for (let at = from; at < words.length; at += 1)
    port.store32(REPLICA_WORD[replica] + at, words[at] as number);
}

const NO_FAILURE = { evidence: 0, code: 0, pc: 0 };
const REPLICAS: readonly Replica[] = [0, 1];

const singleReplica: RulesModule = {
  recover: (port, images, policy) => {
    // Only the first replica is ever believed; the second is a copy of it.
    const words = new Int32Array(replicaWords(images.length));
    loadReplica(port, 0, words);
    if (!new TableCodec(images.length).decode(words).ok) port.store32(REPLICA_WORD[1] + VERSION_WORD, 0);
    else if (!replicaHolds(port, 1, words)) storeReplica(port, 1, words);
    return recoverManagement(port, images, policy);
  },
  ...committer((port, words, publish) => {
    for (const replica of REPLICAS) storeReplica(port, replica, words);
    publish();
  }),
};

const repairInTheWrongDirection: RulesModule = {
  recover: (port, images, policy) => {
    const found = classifyReplicas(port, images.length);
    const bothGood = found.replicas.every(({ table }) => table !== undefined);
    if (found.kind === "interrupted-commit" && bothGood) {
      const words = new Int32Array(replicaWords(images.length));
      loadReplica(port, found.from === 0 ? 1 : 0, words);
      storeReplica(port, found.from, words);
    }
    return recoverManagement(port, images, policy);
  },
};

function withRecords(table: Table, of: (record: RegionRecord, region: number) => RegionRecord): Table {
  return { ...table, regions: table.regions.map(of) };
}

const everythingBootable: RulesModule = {
  recover: (port, images, policy) => {
    const recovery = recoverManagement(port, images, policy);
    const { table } = recovery.table;
    if (recovery.table.outcome !== "rebuilt" || table === undefined) return recovery;
    const bootable = withRecords(table, (record) =>
      sameDigest(record.digest, NO_DIGEST)
        ? record
        : { ...record, state: "accepted", confirmed: true, triesLeft: 0, unconfirmedStarts: 0 },
    );
    replaceLostTable(port, bootable);
    return { ...recovery, table: { ...recovery.table, table: bootable } };
  },
};

/** Tries are kept in RAM only: a power cut gives a failing trial all of them again. */
const failureForgotten: RulesModule = {
  recover: (port, images, policy) => {
    const recovery = recoverManagement(port, images, policy);
    const { table } = recovery.table;
    if (table === undefined || !table.regions.some(({ triesLeft }) => triesLeft > 0 && triesLeft < 3))
      return recovery;
    const untried = withRecords(table, (record) =>
      record.triesLeft > 0 ? { ...record, triesLeft: 3 } : record,
    );
    const forgetful: Table = { ...untried, generation: nextGeneration(table.generation) };
    new TableStore(port, table, () => undefined, generationFault).commit(forgetful);
    return { ...recovery, table: { ...recovery.table, table: forgetful } };
  },
};

/** The bad replica is put back as it was: the next rot finds the last good one alone. */
const neverRepaired: RulesModule = {
  recover: (port, images, policy) => {
    const found = classifyReplicas(port, images.length);
    const bad = REPLICAS.find((replica) => found.replicas[replica].state === "bad-crc");
    const words = new Int32Array(replicaWords(images.length));
    if (bad !== undefined) loadReplica(port, bad, words);
    const recovery = recoverManagement(port, images, policy);
    if (bad !== undefined && recovery.table.outcome === "repaired") storeWords(port, bad, words, CRC_WORD);
    return recovery;
  },
};

/** The replica that does not hold the table comes last, where it must come first. */
const goodReplicaFirst: RulesModule = {
  openStore: (port, opened, publish) => {
    const codec = new TableCodec(opened.regions.length);
    const now = new Int32Array(codec.words);
    const next = new Int32Array(codec.words);
    codec.encode(opened, now);
    publish(opened.generation);
    return {
      commit: (table) => {
        codec.encode(table, next);
        const first: Replica = replicaHolds(port, 0, now) ? 0 : 1;
        storeReplica(port, first, next);
        storeReplica(port, first === 0 ? 1 : 0, next);
        now.set(next);
        publish(table.generation);
      },
    };
  },
};

/** A step of the policy whose commits are other tables. */
function committing(change: (table: Table, before: Table, event: PolicyEvent) => Table): RulesModule {
  return {
    reduce: (state, event) => {
      const step = reduce(state, event);
      const table = change(step.state.table, state.table, event);
      const commands = step.commands.map(
        (command): Command => (command.type === "commit" ? { ...command, table } : command),
      );
      return { state: { ...step.state, table }, commands };
    },
  };
}

/** Changes what is seen of a run and not what it ends in; of all mutants the only one with a memory of its own. */
let commits = 0;

export const MUTANTS: readonly Mutant[] = [
  {
    name: "the security floor is not looked at",
    rules: { decideBoot: (input) => decideBoot({ ...input, floor: 0 }) },
    scenarios: ["primary-below-floor"],
    verdict: "below-floor",
  },
  {
    name: "an operator's clear leaves the budget used up",
    rules: {
      reduce: (state, event) => {
        const step = reduce(state, event);
        return event.type === "operator" ? { ...step, state: { ...step.state, recent: state.recent } } : step;
      },
    },
    scenarios: ["over-budget-cleared"],
    verdict: "bricked",
  },
  {
    name: "failures count for ever",
    rules: {
      initialState: (table, floor, budget) =>
        initialState(table, floor, { ...budget, windowMs: Number.POSITIVE_INFINITY }),
    },
    scenarios: ["budget-is-of-a-while"],
    verdict: "bricked",
  },
  {
    name: "some commits store a word twice",
    rules: committer((port, words, publish) => {
      for (const replica of REPLICAS) storeReplica(port, replica, words);
      commits += 1;
      if (commits % 3 === 0) port.store32(REPLICA_WORD[1] + CRC_WORD, words[CRC_WORD] as number);
      publish();
    }),
    scenarios: ["start-trial-active-valid"],
    verdict: "nondeterministic",
  },
  {
    name: "two whole replicas that are distrusted are replaced one after the other, unmarked",
    rules: {
      recover: (port, images, policy) =>
        recoverManagement(
          {
            load32: (word) => port.load32(word),
            store32: (word, value) => {
              if (value !== LOST_MARK) port.store32(word, value);
            },
          },
          images,
          policy,
        ),
    },
    scenarios: ["replicas-two-generations-apart", "replicas-of-one-generation"],
    verdict: "unconfirmed-kept",
  },
  {
    name: "what executes may be written",
    rules: { beginUpdate: (table, region) => beginUpdate(table, region, false) },
    scenarios: ["requests-that-are-refused"],
    verdict: "unconfirmed-kept",
  },
  {
    name: "a region is cleared although another version executes",
    rules: {
      clear: (table, region, tries) =>
        table.active === NO_REGION
          ? clear(table, region, tries)
          : { ok: false, refusal: "not-invalid", message: "a version executes" },
    },
    scenarios: ["cleared-beside-the-primary"],
    verdict: "lost-update",
  },
  {
    name: "what was accepted once and given up has to be confirmed again",
    rules: {
      clear: (table, region, tries) =>
        clear(
          withRecords(table, (record) => ({ ...record, confirmed: false })),
          region,
          tries,
        ),
    },
    scenarios: ["safe-mode-cleared-once-accepted"],
    verdict: "lost-update",
  },
  {
    name: "after an operator's restart the version that was stopped runs again",
    rules: {
      reduce: (state, event) => {
        const restarted = event.type === "stopped" && state.failure.failure === undefined;
        if (!restarted) return reduce(state, event);
        const { active: region } = state.table;
        const execute: Command = { type: "execute", region, reason: BootReason.ACTIVATION, trial: false };
        return { state: { ...state, phase: "executing" }, commands: [execute] };
      },
    },
    scenarios: ["designated-at-once"],
    verdict: "lost-update",
  },
  {
    name: "the replica that does not hold the table is stored last",
    rules: goodReplicaFirst,
    scenarios: ["replica-0-rots-then-failover", "replica-1-rots-then-failover"],
    verdict: "lost-update",
  },
  {
    name: "a bad replica is used around and never repaired",
    rules: neverRepaired,
    scenarios: ["replica-0-bad", "replica-1-bad"],
    verdict: "two-primaries",
  },
  {
    name: "a failure is not recorded where another region rots",
    rules: committing((table, before, event) =>
      event.type === "inspected" && !event.executing
        ? withRecords(table, (record, region) =>
            region === before.active ? record : { ...record, failures: 0, lastFailure: NO_FAILURE },
          )
        : table,
    ),
    scenarios: ["standby-rots-then-failover"],
    verdict: "lost-update",
  },
  {
    name: "where a version failed is not recorded",
    rules: committing((table) =>
      withRecords(table, (record) => ({ ...record, lastFailure: { ...record.lastFailure, pc: 0 } })),
    ),
    scenarios: ["failover-illegal-instruction"],
    verdict: "lost-update",
  },
  {
    name: "a new image is recorded with the version of the one before",
    rules: {
      endUpdate: (table, region, image) =>
        endUpdate(table, region, { ...image, version: (table.regions[0] as RegionRecord).version }),
    },
    scenarios: ["update-into-empty"],
    verdict: "wrong-image",
  },
  {
    name: "after a failover firmware is told that the power came on",
    rules: {
      reduce: (state, event) => {
        const { state: after, commands } = reduce(state, event);
        return {
          state: after,
          commands: commands.map((command) =>
            command.type === "execute" ? { ...command, reason: BootReason.POWER_ON } : command,
          ),
        };
      },
    },
    scenarios: ["failover-illegal-instruction"],
    verdict: "lost-update",
  },
  {
    name: "a single replica counts",
    rules: singleReplica,
    scenarios: ["failover-illegal-instruction"],
    verdict: "lost-update",
  },
  {
    name: "no generation: every commit has the same",
    rules: committer(
      (port, words, publish) => {
        for (const replica of REPLICAS) storeReplica(port, replica, words);
        publish();
      },
      (table) => (table.generation - 1) >>> 0,
    ),
    scenarios: ["failover-illegal-instruction"],
    verdict: "lost-update",
  },
  {
    name: "the CRC words are stored first",
    rules: committer((port, words, publish) => {
      for (const replica of REPLICAS)
        port.store32(REPLICA_WORD[replica] + CRC_WORD, words[CRC_WORD] as number);
      for (const replica of REPLICAS) storeWords(port, replica, words, VERSION_WORD);
      publish();
    }),
    scenarios: ["failover-illegal-instruction"],
    verdict: "lost-update",
  },
  {
    name: "both version words are cleared before either replica is written",
    rules: committer((port, words, publish) => {
      for (const replica of REPLICAS) port.store32(REPLICA_WORD[replica] + VERSION_WORD, 0);
      for (const replica of REPLICAS) storeReplica(port, replica, words);
      publish();
    }),
    scenarios: ["failover-illegal-instruction"],
    verdict: "lost-update",
  },
  {
    name: "everything is bootable after the loss of both replicas",
    rules: everythingBootable,
    scenarios: ["both-replicas-bad", "both-replicas-bad-never-activated"],
    verdict: "unconfirmed-kept",
  },
  {
    name: "repair copies the older replica over the newer",
    rules: repairInTheWrongDirection,
    scenarios: ["replica-0-behind", "replica-1-behind"],
    verdict: "lost-update",
  },
  {
    name: "a commit is published before both replicas hold it",
    rules: committer((port, words, publish) => {
      storeReplica(port, 0, words);
      publish();
      storeReplica(port, 1, words);
    }),
    scenarios: ["failover-illegal-instruction"],
    verdict: "two-primaries",
  },
  {
    name: "the standby is woken before both replicas hold its table",
    rules: {
      reduce: (state, event) => {
        const step = reduce(state, event);
        const wake = step.commands.filter(({ type }) => type === "execute");
        return { ...step, commands: [...wake, ...step.commands.filter(({ type }) => type !== "execute")] };
      },
    },
    scenarios: ["failover-illegal-instruction"],
    verdict: "two-primaries",
  },
  {
    name: "the standby is started before the stop is sure",
    rules: {
      reduce: (state, event) => {
        const step = reduce(state, event);
        if (!step.commands.some(({ type }) => type === "stop")) return step;
        const after = reduce(step.state, { type: "stopped" });
        const commands: readonly Command[] = [...step.commands, ...after.commands];
        return { state: after.state, commands };
      },
    },
    scenarios: ["failover-kicks-without-progress"],
    verdict: "two-primaries",
  },
  {
    name: "a region is not marked invalid before it is erased",
    rules: {
      beginUpdate: (table) => ({ ok: true, table }),
      endUpdate: (table, region, { version, digest }) => ({
        ok: true,
        table: {
          ...table,
          generation: nextGeneration(table.generation),
          regions: table.regions.map((record, at) =>
            at === region
              ? { ...record, version, digest, confirmed: false, state: "valid" as const }
              : record,
          ),
        },
      }),
    },
    scenarios: ["update-over-previous"],
    verdict: "wrong-image",
  },
  {
    name: "a failure is forgotten after a cut",
    rules: failureForgotten,
    scenarios: ["trial-that-fails-once"],
    verdict: "unconfirmed-kept",
  },
  {
    name: "MCUboot: selected before it is validated, given up on its second start",
    rules: {
      decideBoot: (input) => {
        const active = input.table?.regions[input.table.active];
        const selected = active?.state === "valid" && active.unconfirmedStarts > 0;
        return decideBoot(
          selected && input.table !== undefined ? { ...input, failed: input.table.active } : input,
        );
      },
    },
    scenarios: ["update-into-empty", "trial-power-cycled"],
    verdict: "lost-update",
  },
];
