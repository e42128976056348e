/**
 * Every commit that the rules of controller/boot/transitions.ts can ask for, cut off before every store: exactly the old
 * table or the new one counts afterwards, whatever cuts off the repair too, and whichever bit of one replica rots
 * after that.
 *
 * Reachable tables are walked breadth first from the first start and from a rebuilt table. Generation, failure
 * counts and the starts of a trial are left out of what makes tables different, so that the walk is finite; they
 * are words like any other to a commit. Each commit is done round the wrap of the generation as well.
 */
import { describe, expect, it } from "vitest";
import { decideBoot, type RegionFacts } from "../../../controller/boot/boot-rom.ts";
import {
  activate,
  afterFailure,
  beginUpdate,
  clear,
  confirm,
  endUpdate,
  startTable,
  type TransitionResult,
} from "../../../controller/boot/transitions.ts";
import { Evidence } from "../../../emulator/memory/evidence.ts";
import { TableStore } from "../../../emulator/table/commit.ts";
import { REPLICA_WORD } from "../../../emulator/table/nvram.ts";
import {
  firstTable,
  rebuiltTable,
  recoverTable,
  replaceLostTable,
} from "../../../emulator/table/recovery.ts";
import { NO_REGION, nextGeneration, type Table } from "../../../emulator/table/table.ts";
import { tableCodec } from "../../../emulator/table/table-codec.ts";
import { CutNvram, survives } from "../../emulator/table/cut-nvram.ts";
import { imageOf } from "../../emulator/table/table-arbitrary.ts";

const TRIES = 2;
const policy = { onDoubleLoss: "safe-mode", trialTries: TRIES } as const;
const failure = { evidence: Evidence.WATCHDOG, code: 0, pc: 0x2000_0100 };
const bad: RegionFacts = {
  usable: false,
  fault: { name: "digest-mismatch", message: "the digest is wrong" },
};

interface Commit {
  readonly before: Table;
  readonly after: Table;
  /** The region whose failure the commit records, {@link NO_REGION} for none. */
  readonly failed: number;
  readonly what: string;
}

/** All ways in which the images of a table can be sound or bad. */
function imageCases(table: Table): RegionFacts[][] {
  return Array.from({ length: 1 << table.regions.length }, (_, mask) =>
    table.regions.map(({ version, digest }, region): RegionFacts => {
      if ((mask >> region) & 1) return bad;
      return {
        usable: true,
        version,
        digest,
        securityCounter: 0,
        headerBytes: 32,
        imageBytes: 99,
        signed: false,
      };
    }),
  );
}

/** Everything that can be committed over `before`. */
function commitsFrom(before: Table): Commit[] {
  const commits: Commit[] = [];
  const add = (what: string, after: Table | undefined, failed = NO_REGION) => {
    if (after !== undefined && after !== before) commits.push({ before, after, failed, what });
  };
  const ok = (result: TransitionResult) => (result.ok ? result.table : undefined);
  for (const images of imageCases(before)) {
    add("start", startTable(before, decideBoot({ table: before, floor: 0, images })));
    if (before.active === NO_REGION) continue;
    for (const overBudget of [false, true]) {
      const input = { table: before, floor: 0, images, failure, overBudget };
      add("failure", afterFailure(input).table, before.active);
    }
  }
  if (before.active !== NO_REGION) add("confirm", confirm(before));
  for (const region of before.regions.keys()) {
    for (const executing of [false, true]) add("begin", ok(beginUpdate(before, region, executing)));
    add("end", ok(endUpdate(before, region, imageOf(region))));
    add("activate", ok(activate(before, region, TRIES)));
    add("clear", ok(clear(before, region, TRIES)));
  }
  return commits;
}

function keyOf({ active, previous, next, rebuilt, regions }: Table): string {
  const records = regions.map(({ state, triesLeft, confirmed, digest }) => [
    state,
    triesLeft,
    confirmed,
    digest[0],
  ]);
  return JSON.stringify([active, previous, next, rebuilt, records]);
}

/** Tables reachable from first start and rebuild, and all commits between them (each pair of keys once). */
function walk(regions: number): { tables: Table[]; commits: Commit[] } {
  const images = Array.from({ length: regions }, (_, region) => imageOf(region));
  const tables = new Map<string, Table>();
  const commits = new Map<string, Commit>();
  const queue = [firstTable(images), firstTable(images.map(() => undefined)), rebuiltTable(images, TRIES)];
  for (const first of queue) tables.set(keyOf(first), first);
  for (const table of queue) {
    for (const commit of commitsFrom(table)) {
      const key = keyOf(commit.after);
      commits.set(`${keyOf(table)} ${key} ${commit.failed}`, commit);
      if (tables.has(key)) continue;
      tables.set(key, commit.after);
      queue.push(commit.after);
    }
  }
  return { tables: [...tables.values()], commits: [...commits.values()] };
}

function encoded(table: Table): Int32Array {
  const codec = tableCodec(table.regions.length);
  const words = new Int32Array(codec.words);
  codec.encode(table, words);
  return words;
}

function bothHold(port: CutNvram, words: Int32Array): boolean {
  for (const base of REPLICA_WORD) {
    for (let index = 0; index < words.length; index += 1) {
      if (port.words[base + index] !== words[index]) return false;
    }
  }
  return true;
}

/** Words of the replicas, to put memory back quickly between cases. */
class Snapshot {
  readonly #port: CutNvram;
  readonly #parts: readonly Int32Array[];

  constructor(port: CutNvram, replicaWords: number) {
    this.#port = port;
    this.#parts = REPLICA_WORD.map((base) => port.words.slice(base, base + replicaWords));
  }

  /** Puts the words back; power stays for so many stores. */
  restore(storesLeft: number): void {
    for (const [replica, part] of this.#parts.entries()) this.#port.words.set(part, REPLICA_WORD[replica]);
    this.#port.storesLeft = storesLeft;
  }
}

/** Cuts `commit` before every store and every repair before every store of its own; returns the cases tried. */
function cutEverywhere({ before, after, failed, what }: Commit): number {
  const images = before.regions.map(() => undefined);
  const [oldWords, newWords] = [encoded(before), encoded(after)];
  const port = new CutNvram();
  replaceLostTable(port, before);
  const whole = new Snapshot(port, oldWords.length);
  let cases = 0;
  let newCounted = false;
  for (let cut = 0, ended = false; !ended; cut += 1) {
    whole.restore(cut);
    ended = survives(() => {
      new TableStore(port, before, () => {}).commit(after);
    });
    const left = new Snapshot(port, oldWords.length);
    port.storesLeft = Number.POSITIVE_INFINITY;
    const counts = recoverTable(port, images, policy).table;
    const isNew = counts?.generation === after.generation;
    const words = isNew ? newWords : oldWords;
    if (counts === undefined || !bothHold(port, words)) throw new Error(`${what}, cut ${cut}: a third table`);
    if (newCounted && !isNew) throw new Error(`${what}, cut ${cut}: the new table was lost again`);
    if (failed !== NO_REGION && isNew && (counts.regions[failed]?.failures ?? 0) === 0) {
      throw new Error(`${what}, cut ${cut}: the failure is forgotten`);
    }
    newCounted = isNew;
    for (let again = 0, repaired = false; !repaired; again += 1, cases += 1) {
      left.restore(again);
      repaired = survives(() => recoverTable(port, images, policy));
      port.storesLeft = Number.POSITIVE_INFINITY;
      recoverTable(port, images, policy);
      if (!bothHold(port, words))
        throw new Error(`${what}, cut ${cut}, ${again}: the repair ends in another table`);
    }
  }
  if (!newCounted) throw new Error(`${what}: the commit ended without effect`);
  return cases;
}

/** Flips every bit of each replica in turn; the table counts all the same and both replicas hold it again. */
function rotEverywhere(table: Table): void {
  const images = table.regions.map(() => undefined);
  const words = encoded(table);
  const port = new CutNvram();
  replaceLostTable(port, table);
  const whole = new Snapshot(port, words.length);
  for (const base of REPLICA_WORD) {
    for (let bit = 0; bit < words.length * 32; bit += 1) {
      const at = base + (bit >> 5);
      port.words[at] = (port.words[at] ?? 0) ^ (1 << (bit & 31));
      const { outcome } = recoverTable(port, images, policy);
      if (outcome === "sound" || !bothHold(port, words)) throw new Error(`bit ${bit} at ${base}: ${outcome}`);
      whole.restore(Number.POSITIVE_INFINITY);
    }
  }
}

/** The commit with its generations moved. */
function atGeneration(commit: Commit, generation: number): Commit {
  return {
    ...commit,
    before: { ...commit.before, generation },
    after: { ...commit.after, generation: nextGeneration(generation) },
  };
}

/** Takes about `count` of a list, evenly. */
function sample<T>(list: readonly T[], count: number): T[] {
  const step = Math.max(1, Math.floor(list.length / count));
  return list.filter((_, index) => index % step === 0);
}

describe.each([
  { regions: 2, commitShare: Number.POSITIVE_INFINITY, rotShare: Number.POSITIVE_INFINITY },
  { regions: 3, commitShare: 400, rotShare: 10 },
  { regions: 4, commitShare: 200, rotShare: 5 },
])("with $regions regions", { timeout: 600_000 }, ({ regions, commitShare, rotShare }) => {
  const { tables, commits } = walk(regions);

  it("a commit cut off anywhere leaves exactly the old table or the new one, and so does its repair", () => {
    const tried = sample(commits, commitShare);
    let cases = 0;
    for (const [index, commit] of tried.entries()) {
      // Both parities, with and without the wrap.
      cases += cutEverywhere(atGeneration(commit, index % 2 === 0 ? 0xffff_ffff : 0xffff_fffe));
    }
    console.log(
      `${regions} regions: ${tables.length} tables, ${tried.length} of ${commits.length} commits, ${cases} cuts`,
    );
    expect(cases).toBeGreaterThan(tried.length * 50);
  });

  it("a bit that rots in one replica, any bit, costs nothing", () => {
    for (const table of sample(tables, rotShare)) rotEverywhere(table);
    expect(tables.length).toBeGreaterThan(20);
  });
});
