/**
 * What counts after a start: reads both replicas, decides which table they hold, and makes both hold it.
 *
 * {@link classifyReplicas} decides and changes nothing; {@link recoverTable} acts on it, through the same port and
 * right after every single store, so a power cut during recovery is followed by the same recovery.
 *
 * | replicas | what counts |
 * |---|---|
 * | both good, same generation, same bytes | that table |
 * | both good, one ahead by exactly 1 | the newer; it is copied over the older before anything else |
 * | one good | that one; it is copied over the other |
 * | none good, one edited | what that one stands for (edited-table.ts); of two the newer, or replica 0 |
 * | both blank, or one blank and the other torn | first start (or its commit was cut off): usable images become accepted |
 * | anything else: both bad | rebuilt with nothing accepted and the highest usable image on trial, or nothing (safe mode) |
 *
 * A loss of both is marked in memory before the rebuilding starts ({@link LOST_MARK}), so that a cut in its midst
 * cannot leave one of two distrusted replicas alone, where it would count.
 */

import { compareVersions } from "../base/version.ts";
import { loadReplica, type Replica, replicaHolds, storeReplica } from "./commit.ts";
import { type NvramPort, REPLICA_WORD } from "./nvram.ts";
import {
  changeRecord,
  changeTable,
  EMPTY_REGION,
  emptyTable,
  generationDistance,
  NO_REGION,
  type RegionRecord,
  type StoredImage,
  type Table,
  tableFault,
} from "./table.ts";
import { type DecodeResult, Psa, type TableCodec, tableCodec } from "./table-codec.ts";

/** "LOST" in the version word of a replica: both were found bad, and no rebuilt table is whole yet. */
export const LOST_MARK = 0x5453_4f4c;

/** edited: whole, and changed by a tool for PSA metadata that knows nothing of our rules. */
export type ReplicaState = "good" | "blank" | "lost-mark" | "bad-crc" | "edited" | "impossible";

export interface ReplicaVerdict {
  readonly state: ReplicaState;
  /** Why it is not good; empty when it is. */
  readonly message: string;
  /** Undefined when not good. */
  readonly table: Table | undefined;
  /** What an edited one stands for. */
  readonly standsFor?: Table;
}

export type Classification =
  | {
      readonly kind: "sound" | "interrupted-commit" | "one-good";
      readonly replicas: readonly [ReplicaVerdict, ReplicaVerdict];
      readonly table: Table;
      /** The replica that holds `table`. */
      readonly from: Replica;
    }
  | {
      readonly kind: "edited";
      readonly replicas: readonly [ReplicaVerdict, ReplicaVerdict];
      /** What the replica `from` stands for: no replica holds it yet. */
      readonly table: Table;
      readonly from: Replica;
    }
  | {
      readonly kind: "first-start" | "both-bad";
      readonly replicas: readonly [ReplicaVerdict, ReplicaVerdict];
    };

/** What the device does about the loss of both replicas. */
export interface RecoveryPolicy {
  readonly onDoubleLoss: "rebuild" | "safe-mode";
  /** Tries of the image that a rebuilt table puts on trial, at least 1. */
  readonly trialTries: number;
}

export interface Recovery {
  /**
   * sound: nothing to do. interrupted-commit: a commit was cut off; it counts or never happened.
   * repaired: one replica was bad. edited: another tool changed the table, which was read as what it stands for.
   * first-start, rebuilt: the table was made from the images.
   * lost: both replicas are bad and the policy is safe mode; nothing was stored.
   */
  readonly outcome:
    | "sound"
    | "interrupted-commit"
    | "repaired"
    | "edited"
    | "first-start"
    | "rebuilt"
    | "lost";
  /** What counts, in both replicas; undefined only for `lost`. */
  readonly table: Table | undefined;
  /** How loudly it is to be told. */
  readonly severity: "info" | "warn" | "error";
  /** One sentence for humans. */
  readonly message: string;
  readonly replicas: readonly [ReplicaVerdict, ReplicaVerdict];
}

/** @param words one replica, as many as the codec says */
export function judgeReplica(codec: TableCodec, words: Int32Array): ReplicaVerdict {
  if (words[Psa.VERSION] === LOST_MARK) {
    return { state: "lost-mark", message: "it is marked as lost", table: undefined };
  }
  const decoded: DecodeResult = codec.decode(words);
  if (decoded.ok) return { state: "good", message: "", table: decoded.table };
  const standsFor = decoded.fault === "impossible" ? codec.decodeEdited(words) : undefined;
  if (standsFor !== undefined) {
    return { state: "edited", message: decoded.message, table: undefined, standsFor };
  }
  return { state: decoded.fault, message: decoded.message, table: undefined };
}

function equalWords(a: Int32Array, b: Int32Array): boolean {
  for (let index = 0; index < a.length; index += 1) {
    if (a[index] !== b[index]) return false;
  }
  return true;
}

/** Decides which table counts without changing anything. */
export function classifyReplicas(port: NvramPort, regions: number): Classification {
  const codec = tableCodec(regions);
  const words = codec.room;
  loadReplica(port, 0, words[0]);
  loadReplica(port, 1, words[1]);
  const a = judgeReplica(codec, words[0]);
  const b = judgeReplica(codec, words[1]);
  const replicas = [a, b] as const;
  // A mark outweighs a good other: that other was among the distrusted.
  if (a.state === "lost-mark" || b.state === "lost-mark") return { kind: "both-bad", replicas };
  if (a.table !== undefined && b.table !== undefined) {
    const distance = generationDistance(a.table.generation, b.table.generation);
    if (distance === 1) return { kind: "interrupted-commit", replicas, table: a.table, from: 0 };
    if (distance === -1) return { kind: "interrupted-commit", replicas, table: b.table, from: 1 };
    const same = distance === 0 && equalWords(words[0], words[1]);
    return same ? { kind: "sound", replicas, table: a.table, from: 0 } : { kind: "both-bad", replicas };
  }
  if (a.table !== undefined) {
    return { kind: wasCutOff(codec, words[1], b, a.table), replicas, table: a.table, from: 0 };
  }
  if (b.table !== undefined) {
    return { kind: wasCutOff(codec, words[0], a, b.table), replicas, table: b.table, from: 1 };
  }
  const edited = newestEdited(a, b);
  if (edited !== undefined) return { kind: "edited", replicas, ...edited };
  // A table that was committed once leaves no replica blank: the other can only be the first commit, cut off.
  const blank = a.state === "blank" || b.state === "blank";
  return { kind: blank ? "first-start" : "both-bad", replicas };
}

function newestEdited(
  { standsFor: a }: ReplicaVerdict,
  { standsFor: b }: ReplicaVerdict,
): { readonly table: Table; readonly from: Replica } | undefined {
  if (b !== undefined && (a === undefined || generationDistance(b.generation, a.generation) > 0)) {
    return { table: b, from: 1 };
  }
  return a === undefined ? undefined : { table: a, from: 0 };
}

/**
 * Tells a cut from rot, which matters only for how it is told: a cut leaves the bad replica blank (the first commit
 * only), with its version word cleared, or as it was to be but for the CRC.
 */
function wasCutOff(
  codec: TableCodec,
  words: Int32Array,
  verdict: ReplicaVerdict,
  good: Table,
): "interrupted-commit" | "one-good" {
  if (verdict.state === "blank") return good.generation === 1 ? "interrupted-commit" : "one-good";
  if (words[Psa.VERSION] === 0) return "interrupted-commit";
  const content = codec.decodeContent(words);
  if (!content.ok) return "one-good";
  const distance = generationDistance(content.table.generation, good.generation);
  if (Math.abs(distance) === 1) return "interrupted-commit";
  const goodWords = new Int32Array(codec.words);
  codec.encode(good, goodWords);
  goodWords[Psa.CRC] = words[Psa.CRC] as number;
  return equalWords(words, goodWords) ? "interrupted-commit" : "one-good";
}

/**
 * Makes both replicas hold the table that counts, and says which and why.
 * @param images per region the usable image, undefined where there is none; only a first start and a rebuild
 *   look at them
 */
export function recoverTable(
  port: NvramPort,
  images: readonly (StoredImage | undefined)[],
  policy: RecoveryPolicy,
): Recovery {
  const found = classifyReplicas(port, images.length);
  const { replicas } = found;
  switch (found.kind) {
    case "sound": {
      const message = `both replicas hold generation ${found.table.generation}`;
      return { outcome: "sound", table: found.table, severity: "info", message, replicas };
    }
    case "interrupted-commit":
    case "one-good": {
      const other: Replica = found.from === 0 ? 1 : 0;
      storeBoth(port, found.table, [other]);
      const generation = found.table.generation;
      if (found.kind === "interrupted-commit") {
        const message = `a commit was cut off; generation ${generation} counts`;
        return { outcome: "interrupted-commit", table: found.table, severity: "info", message, replicas };
      }
      const why = `replica ${other} was bad (${replicas[other].message})`;
      const message = `${why} and was repaired from replica ${found.from}, generation ${generation}`;
      return { outcome: "repaired", table: found.table, severity: "warn", message, replicas };
    }
    case "edited": {
      const { table, from } = found;
      // What it stands for is made anew as long as the edited one is whole.
      storeBoth(port, table, from === 0 ? [1, 0] : [0, 1]);
      const message = `another tool changed the table (${replicas[from].message}); ${describeTable(table)}`;
      return { outcome: "edited", table, severity: "warn", message, replicas };
    }
    case "first-start": {
      const table = firstTable(images);
      storeBoth(port, table, [1, 0]);
      const message = `first start: ${describeImages(images)}`;
      return { outcome: "first-start", table, severity: "info", message, replicas };
    }
    case "both-bad":
      return recoverLoss(port, images, policy, replicas);
  }
}

function recoverLoss(
  port: NvramPort,
  images: readonly (StoredImage | undefined)[],
  policy: RecoveryPolicy,
  replicas: readonly [ReplicaVerdict, ReplicaVerdict],
): Recovery {
  const why = `both replicas of the management table are bad (0: ${describe(replicas[0])}; 1: ${describe(replicas[1])})`;
  if (policy.onDoubleLoss === "safe-mode") {
    const message = `${why}; the configuration asks for safe mode`;
    return { outcome: "lost", table: undefined, severity: "error", message, replicas };
  }
  const table = rebuiltTable(images, policy.trialTries);
  replaceLostTable(port, table);
  const trial = table.active === NO_REGION ? "no image is usable" : `region ${table.active} is on trial`;
  const message = `${why}; the table was rebuilt with nothing accepted: ${trial}`;
  return { outcome: "rebuilt", table, severity: "error", message, replicas };
}

/**
 * Stores a new table where both replicas are bad. Whatever cuts it off, what follows is either a loss of both
 * again or this table.
 */
export function replaceLostTable(port: NvramPort, table: Table): void {
  port.store32(REPLICA_WORD[0] + Psa.VERSION, LOST_MARK);
  port.store32(REPLICA_WORD[1] + Psa.VERSION, LOST_MARK);
  storeBoth(port, table, [1, 0]);
}

function storeBoth(port: NvramPort, table: Table, order: readonly Replica[]): void {
  const fault = tableFault(table);
  if (fault !== undefined) throw new RecoveryError(`the table to store is impossible: ${fault}`);
  const codec = tableCodec(table.regions.length);
  const [words] = codec.room;
  codec.encode(table, words);
  for (const replica of order) {
    storeReplica(port, replica, words);
    if (!replicaHolds(port, replica, words)) throw new RecoveryError(`replica ${replica} holds no stores`);
  }
}

/** The table's memory does not hold what is stored, or an impossible table was asked for. */
export class RecoveryError extends Error {
  override readonly name = "RecoveryError";
}

/** Regions with an image, highest version first, lower index on a tie. */
function byVersion(images: readonly (StoredImage | undefined)[]): number[] {
  const regions = [...images.keys()].filter((region) => images[region] !== undefined);
  return regions.sort((a, b) => {
    const [imageA, imageB] = [images[a], images[b]];
    if (imageA === undefined || imageB === undefined) return a - b;
    return compareVersions(imageB.version, imageA.version) || a - b;
  });
}

/** The first generation of a device: what is there and usable is what the factory put there. */
export function firstTable(images: readonly (StoredImage | undefined)[]): Table {
  const [active = NO_REGION, previous = NO_REGION] = byVersion(images);
  const regions = images.map((image): RegionRecord => {
    if (image === undefined) return EMPTY_REGION;
    const { version, digest } = image;
    return changeRecord(EMPTY_REGION, { version, digest, state: "accepted", confirmed: true });
  });
  return changeTable(emptyTable(images.length, 1), { active, previous, regions });
}

/** What is made of the images alone when all that was known about them is lost. */
export function rebuiltTable(images: readonly (StoredImage | undefined)[], trialTries: number): Table {
  const [active = NO_REGION] = byVersion(images);
  const regions = images.map((image, region): RegionRecord => {
    if (image === undefined) return EMPTY_REGION;
    const { version, digest } = image;
    const triesLeft = region === active ? trialTries : 0;
    return changeRecord(EMPTY_REGION, { version, digest, state: "valid", triesLeft });
  });
  return changeTable(emptyTable(images.length, 1), { active, rebuilt: true, regions });
}

function describe(verdict: ReplicaVerdict): string {
  return verdict.table === undefined ? verdict.message : `generation ${verdict.table.generation}`;
}

function describeTable({ generation, active, next, regions }: Table): string {
  const states = regions.map(({ state }, region) => `region ${region} is ${state}`).join(", ");
  const runs = active === NO_REGION ? "none is active" : `region ${active} is active`;
  const chosen = next === NO_REGION ? "" : `, region ${next} is next`;
  return `it is read as generation ${generation}: ${runs}${chosen}; ${states}`;
}

function describeImages(images: readonly (StoredImage | undefined)[]): string {
  const usable = images.filter((image) => image !== undefined).length;
  return usable === 0 ? "no image is usable" : `${usable} usable images become accepted`;
}
