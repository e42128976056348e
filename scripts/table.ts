/** `flipside table`: prints a management table from raw bytes. */

import { hex } from "../emulator/base/text.ts";
import { formatVersion } from "../emulator/base/version.ts";
import { evidenceName } from "../emulator/memory/evidence.ts";
import {
  DEFAULT_MEMORY_CONFIG,
  MemoryConfigError,
  PAGE_BYTES,
  planLayout,
  TABLE_BYTES,
} from "../emulator/memory/layout.ts";
import { MAX_REGIONS, MIN_REGIONS } from "../emulator/memory/map.ts";
import { FlashFileError, isFlashFile, openFlashFile, readGeometry } from "../emulator/persist/flash-file.ts";
import { planPersistentSpace, TABLE_OFFSET } from "../emulator/persist/persistent-space.ts";
import { readFloor } from "../emulator/table/floor.ts";
import { FLOOR_WORD, REPLICA_WORD, SharedNvram } from "../emulator/table/nvram.ts";
import { classifyReplicas, judgeReplica, type ReplicaVerdict } from "../emulator/table/recovery.ts";
import {
  digestHex,
  NO_DIGEST,
  NO_REGION,
  type RegionRecord,
  sameDigest,
  type Table,
} from "../emulator/table/table.ts";
import { Psa, replicaWords, tableCodec } from "../emulator/table/table-codec.ts";
import { EXIT_FINDING, EXIT_HELD, OTHER_EXIT_CODES } from "./exit-codes.ts";
import { describeForeign, foreignMetadata, printForeign } from "./foreign-metadata.ts";
import { readInput, requireSeparate, writeReport } from "./input.ts";
import { HELP_OPTION, parseInteger, parseOptions, UsageError } from "./options.ts";
import { fitHelp, formatTable } from "./terminal.ts";

const HELP = `usage: flipside table FILE [options]

Prints the management table in FILE: raw bytes of the table's memory (two replicas, 4096 bytes apart, and then the
security floor, which may be missing), or of one replica; or the flash file of a device (device.flash of flipside serve), served or not.
PSA firmware update metadata (version 2) of another maker is shown as what it is.

  --offset N     where it starts in FILE (default 0)
  --regions N    number of regions, 2 to 4, where no replica tells
  --json FILE    write the report
  -h, --help     this text

Exit code: 0 the table is sound, 1 a replica is bad or the table is lost,
${OTHER_EXIT_CODES}.
`;

const OPTIONS = {
  offset: { type: "string", default: "0" },
  regions: { type: "string" },
  json: { type: "string" },
  ...HELP_OPTION,
} as const;

/** A whole flash file's worth; nobody keeps more in front of a table. */
const MAX_INPUT_BYTES = 256 * 1024 * 1024;

export async function tableCommand(args: readonly string[]): Promise<number> {
  const { values, positionals } = parseOptions(args, OPTIONS, 1);
  if (values.help === true) {
    process.stdout.write(fitHelp(HELP));
    return EXIT_HELD;
  }
  const [file] = positionals;
  if (file === undefined) throw new UsageError("there is no file to read: flipside table FILE");
  requireSeparate([values.json], [file]);
  const bytes = readInput("the table", file, MAX_INPUT_BYTES);
  const offset = parseInteger("--offset", values.offset, 0, Math.max(0, bytes.length - 1));
  const said =
    values.regions === undefined
      ? undefined
      : parseInteger("--regions", values.regions, MIN_REGIONS, MAX_REGIONS);
  // An offset is one in the file's own bytes, whatever they are.
  const memory = offset === 0 && isFlashFile(bytes) ? readFlashFile(file, bytes) : undefined;
  const foreign = memory === undefined ? foreignMetadata(file, bytes.subarray(offset)) : undefined;
  if (foreign !== undefined) {
    printForeign(foreign);
    if (values.json !== undefined) writeReport(values.json, "table", describeForeign(foreign));
    return foreign.faults.length === 0 ? EXIT_HELD : EXIT_FINDING;
  }
  const part = memory?.table ?? bytes.slice(offset, offset + TABLE_BYTES);
  const regions = said ?? memory?.regions ?? guessRegions(file, part);
  const report = holdsBothReplicas(file, part, regions)
    ? readMemory(part, regions)
    : readReplica(file, part, regions);
  print(report);
  if (values.json !== undefined) writeReport(values.json, "table", describe(report));
  return report.sound ? EXIT_HELD : EXIT_FINDING;
}

/** The table's memory as a flash file's last whole record left it. Throws {@link UsageError}. */
function readFlashFile(
  file: string,
  bytes: Uint8Array,
): { readonly table: Uint8Array; readonly regions: number } {
  const config = { ...DEFAULT_MEMORY_CONFIG, ...readGeometry(bytes) };
  try {
    const { image } = openFlashFile(bytes, planPersistentSpace(planLayout(config)));
    return { table: image.slice(TABLE_OFFSET, TABLE_OFFSET + TABLE_BYTES), regions: config.regions };
  } catch (error) {
    if (!(error instanceof FlashFileError || error instanceof MemoryConfigError)) throw error;
    throw new UsageError(`the flash file ${file} cannot be read: ${error.message}`);
  }
}

interface Report {
  readonly sound: boolean;
  /** One sentence about what was found. */
  readonly message: string;
  readonly table: Table | undefined;
  readonly replicas: readonly ReplicaVerdict[];
  /** Undefined when it is damaged, null when there is none yet or the bytes end before it. */
  readonly floor: number | undefined | null;
}

/** Number of banks as the first replica that looks like one says. */
function guessRegions(file: string, bytes: Uint8Array): number {
  for (const word of REPLICA_WORD) {
    const at = (word + Psa.BANKS_AND_IMAGES) * 4;
    const banks = bytes[at] ?? 0;
    if (banks >= MIN_REGIONS && banks <= MAX_REGIONS) return banks;
  }
  if (bytes.every((byte) => byte === 0) || bytes.every((byte) => byte === 0xff)) return MIN_REGIONS;
  throw new UsageError(`${file} does not tell how many regions there are: say --regions`);
}

/**
 * Whether the bytes are memory with two replicas, or one replica with what may stand behind it: the rest of its page, and
 * the floor where it is the second one of memory. Throws {@link UsageError} where they end inside a second one.
 */
function holdsBothReplicas(file: string, bytes: Uint8Array, regions: number): boolean {
  if (bytes.length <= PAGE_BYTES || isFloor(bytes.subarray(PAGE_BYTES))) return false;
  if (bytes.length >= PAGE_BYTES + replicaWords(regions) * 4) return true;
  throw new UsageError(`${file}: ${bytes.length} bytes end inside the second replica`);
}

function isFloor(bytes: Uint8Array): boolean {
  const memory = new Uint8Array(TABLE_BYTES);
  memory.set(bytes.subarray(0, PAGE_BYTES), FLOOR_WORD * 4);
  return readFloor(new SharedNvram(new Int32Array(memory.buffer))) !== undefined;
}

function readReplica(file: string, bytes: Uint8Array, regions: number): Report {
  const words = new Int32Array(replicaWords(regions));
  if (bytes.length < words.length * 4) {
    throw new UsageError(
      `${file}: ${bytes.length} bytes are too few for a replica with ${regions} regions (${words.length * 4})`,
    );
  }
  new Uint8Array(words.buffer).set(bytes.subarray(0, words.length * 4));
  const verdict = judgeReplica(tableCodec(regions), words);
  const sound = verdict.table !== undefined;
  const bad = verdict.standsFor === undefined ? "bad" : EDITED;
  const message = sound ? "one replica, good" : `one replica, ${bad}: ${verdict.message}`;
  return { sound, message, table: verdict.table ?? verdict.standsFor, replicas: [verdict], floor: null };
}

function readMemory(bytes: Uint8Array, regions: number): Report {
  const memory = new Uint8Array(TABLE_BYTES);
  memory.set(bytes);
  const port = new SharedNvram(new Int32Array(memory.buffer));
  const found = classifyReplicas(port, regions);
  // Memory that was never written has no floor yet, and no damaged one either; nor have bytes that end before it.
  const hasNone = found.kind === "first-start" || bytes.length <= FLOOR_WORD * 4;
  const floor = readFloor(port) ?? (hasNone ? null : undefined);
  const table = "table" in found ? found.table : undefined;
  return {
    sound: found.kind === "sound" && floor !== undefined,
    message: MESSAGES[found.kind],
    table,
    replicas: found.replicas,
    floor,
  };
}

const EDITED = "changed by another tool, read as what it stands for";

const MESSAGES: { readonly [kind in ReturnType<typeof classifyReplicas>["kind"]]: string } = {
  sound: "both replicas hold it",
  "interrupted-commit": "a commit was cut off; the next start makes both replicas hold this table",
  "one-good": "one replica is bad; the next start repairs it from the other",
  edited: `${EDITED}; the next start makes both replicas hold this table`,
  "first-start": "it was never written; the next start is the first",
  "both-bad": "both replicas are bad: the table is lost",
};

function print({ message, table, replicas, floor }: Report): void {
  const lines: string[] = [];
  if (table === undefined) lines.push(`no management table counts: ${message}`);
  else lines.push(`management table, generation ${table.generation}: ${message}`, ...describePointers(table));
  if (floor !== null) lines.push(`  security floor  ${floor ?? "damaged"}`);
  if (table?.rebuilt === true)
    lines.push("  rebuilt after both replicas were lost; nothing was confirmed since");
  if (table !== undefined) lines.push("", formatRegions(table));
  lines.push("");
  for (const [index, replica] of replicas.entries()) {
    const state = replica.table === undefined ? replica.message : `generation ${replica.table.generation}`;
    lines.push(`replica ${index}: ${replica.state}, ${state}`);
  }
  process.stdout.write(`${lines.join("\n")}\n`);
}

function nameRegion(region: number): string {
  return region === NO_REGION ? "none" : `region ${region}`;
}

function describePointers({ active, previous, next }: Table): string[] {
  return [
    `  primary         ${nameRegion(active)}`,
    `  last confirmed  ${nameRegion(previous)}`,
    `  next start      ${nameRegion(next)}`,
  ];
}

function formatRegions({ regions }: Table): string {
  const columns = [
    { title: "region" },
    { title: "state" },
    { title: "version" },
    { title: "tries", align: "right" },
    { title: "starts", align: "right" },
    { title: "failures", align: "right" },
    { title: "last failure" },
    { title: "digest" },
  ] as const;
  const rows = regions.map((record, region) => [
    String(region),
    record.state,
    holdsImage(record) ? formatVersion(record.version) : "-",
    record.state === "valid" ? String(record.triesLeft) : "-",
    record.state === "valid" ? String(record.unconfirmedStarts) : "-",
    String(record.failures),
    describeFailure(record),
    holdsImage(record) ? digestHex(record.digest).slice(0, 16) : "-",
  ]);
  return formatTable(columns, rows);
}

function holdsImage({ digest }: RegionRecord): boolean {
  return !sameDigest(digest, NO_DIGEST);
}

function describeFailure({ lastFailure: { evidence, code, pc } }: RegionRecord): string {
  if (evidence === 0) return "-";
  const detail = code === 0 ? "" : ` ${hex(code)}`;
  return `${evidenceName(evidence)}${detail}${pc === 0 ? "" : ` at ${hex(pc)}`}`;
}

/** The report as others read it: names for codes, null for none. */
function describe({ sound, message, table, replicas, floor }: Report) {
  const region = (index: number) => (index === NO_REGION ? null : index);
  return {
    sound,
    message,
    securityFloor: floor ?? null,
    replicas: replicas.map((replica) => ({
      state: replica.state,
      message: replica.message,
      generation: replica.table?.generation ?? null,
    })),
    table:
      table === undefined
        ? null
        : {
            generation: table.generation,
            active: region(table.active),
            previous: region(table.previous),
            next: region(table.next),
            rebuilt: table.rebuilt,
            regions: table.regions.map((record) => ({
              ...record,
              lastFailure: { ...record.lastFailure, evidence: evidenceName(record.lastFailure.evidence) },
              version: formatVersion(record.version),
              digest: digestHex(record.digest),
            })),
          },
  };
}
