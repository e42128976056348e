/**
 * How a table gets into both replicas without ever being lost.
 *
 * Order of a commit of generation g, each line one 32-bit store after the other:
 *   1. the replica that is bad, if one is, else replica g & 1: version := 0, body, version := 2, CRC (commit point);
 *   2. the other replica, likewise;
 *   3. publish g in a volatile word.
 * So at every store at least one replica is whole: the old table counts until the first CRC word is stored, the
 * new one from then on. Nothing that depends on g happens before step 3.
 *
 * One writer: the supervisor's main thread.
 */
import { type NvramPort, REPLICA_WORD } from "./nvram.ts";
import { tableSuccessionFault } from "./succession.ts";
import { type Table, tableFault } from "./table.ts";
import { METADATA_VERSION, Psa, type TableCodec, tableCodec } from "./table-codec.ts";

/** Index of a replica. */
export type Replica = 0 | 1;

/**
 * Makes a replica in memory hold `words`, in the order that keeps it bad until it is whole. Words that stand there
 * already are not stored again: memory goes through the same states, with a fifth of the stores.
 */
export function storeReplica(port: NvramPort, replica: Replica, words: Int32Array): void {
  const base = REPLICA_WORD[replica];
  port.store32(base + Psa.VERSION, 0);
  for (let index = Psa.ACTIVE_INDEX; index < words.length; index += 1) {
    const word = words[index] as number;
    if (port.load32(base + index) !== word) port.store32(base + index, word);
  }
  port.store32(base + Psa.VERSION, METADATA_VERSION);
  port.store32(base + Psa.CRC, words[Psa.CRC] as number);
}

/** Copies a replica from memory to `words`. */
export function loadReplica(port: NvramPort, replica: Replica, words: Int32Array): void {
  const base = REPLICA_WORD[replica];
  for (let index = 0; index < words.length; index += 1) words[index] = port.load32(base + index);
}

/** Whether a replica in memory holds exactly `words`. */
export function replicaHolds(port: NvramPort, replica: Replica, words: Int32Array): boolean {
  const base = REPLICA_WORD[replica];
  for (let index = 0; index < words.length; index += 1) {
    if (port.load32(base + index) !== words[index]) return false;
  }
  return true;
}

/** A commit that no correct caller asks for, or memory that does not hold what is stored. */
export class CommitError extends Error {
  override readonly name = "CommitError";
}

/** What a commit found. */
export interface CommitReport {
  /** Replicas that did not hold the table before, 0 while all is well: rot, repaired by this commit. To be told. */
  readonly rottenReplicas: number;
}

const NOTHING_ROTTEN: CommitReport = { rottenReplicas: 0 };

/** What is wrong with a table as the next one, in words, or undefined. */
export type JudgeSuccession = (before: Table, after: Table) => string | undefined;

/**
 * The table that counts, and the only way to change it. The failover waits for {@link commit}, so it allocates
 * nothing and encodes once for both replicas.
 */
export class TableStore {
  readonly #port: NvramPort;
  readonly #publish: (generation: number) => void;
  readonly #codec: TableCodec;
  readonly #judge: JudgeSuccession;
  #table: Table;
  /** What both replicas hold, and scratch for what they will hold. */
  #words: Int32Array;
  #nextWords: Int32Array;
  #broken = false;

  /**
   * @param table what recovery found to count; both replicas hold it
   * @param publish stores a generation in the volatile word that readers watch
   * @param judge whether one table may follow another; `generationFault` where somebody else judges the change
   */
  constructor(
    port: NvramPort,
    table: Table,
    publish: (generation: number) => void,
    judge: JudgeSuccession = tableSuccessionFault,
  ) {
    this.#judge = judge;
    this.#port = port;
    this.#publish = publish;
    this.#codec = tableCodec(table.regions.length);
    this.#table = table;
    this.#words = new Int32Array(this.#codec.words);
    this.#nextWords = new Int32Array(this.#codec.words);
    this.#codec.encode(table, this.#words);
    publish(table.generation);
  }

  get table(): Table {
    return this.#table;
  }

  /**
   * Replicas that do not hold the table that counts, 0 to 2: what a scrub finds before a commit does.
   */
  get rottenReplicas(): number {
    const rotten = (replica: Replica) => (replicaHolds(this.#port, replica, this.#words) ? 0 : 1);
    return rotten(0) + rotten(1);
  }

  /** Stores rotten replicas anew; returns how many there were. What counts stays what it was, in generation too. */
  repair(): number {
    if (this.#broken) throw new CommitError("a commit before this one did not end: recover the table first");
    let repaired = 0;
    for (const replica of [0, 1] as const) {
      if (replicaHolds(this.#port, replica, this.#words)) continue;
      storeReplica(this.#port, replica, this.#words);
      repaired += 1;
    }
    return repaired;
  }

  /**
   * Makes `table` the one that counts. It must be possible, and a change of the one that counts that may be.
   * Throws {@link CommitError}; after that no commit is taken, and recovery decides what counts.
   */
  commit(table: Table): CommitReport {
    this.#admit(table);
    const sound0 = replicaHolds(this.#port, 0, this.#words);
    const sound1 = replicaHolds(this.#port, 1, this.#words);
    const rottenReplicas = (sound0 ? 0 : 1) + (sound1 ? 0 : 1);
    let first: Replica = (table.generation & 1) === 0 ? 0 : 1;
    if (sound0 !== sound1) first = sound0 ? 1 : 0;

    this.#codec.encode(table, this.#nextWords);
    // Only a whole commit makes it usable again: a power cut or a bad cell leaves by exception.
    this.#broken = true;
    this.#storeChecked(first);
    this.#storeChecked(first === 0 ? 1 : 0);
    this.#broken = false;

    const words = this.#words;
    this.#words = this.#nextWords;
    this.#nextWords = words;
    this.#table = table;
    this.#publish(table.generation);
    return rottenReplicas === 0 ? NOTHING_ROTTEN : { rottenReplicas };
  }

  /** The replicas are checked from outside the rules that made the table, before a byte of them changes. */
  #admit(table: Table): void {
    if (this.#broken) throw new CommitError("a commit before this one did not end: recover the table first");
    const fault = tableFault(table);
    if (fault !== undefined) throw new CommitError(`the table is impossible: ${fault}`);
    const succession = this.#judge(this.#table, table);
    if (succession !== undefined) throw new CommitError(`the table may not follow: ${succession}`);
  }

  #storeChecked(replica: Replica): void {
    storeReplica(this.#port, replica, this.#nextWords);
    if (!replicaHolds(this.#port, replica, this.#nextWords)) {
      throw new CommitError(`replica ${replica} does not hold what was stored`);
    }
  }
}
