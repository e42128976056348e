/**
 * Good files of every kind that flipside reads: those of the repository, and what a device makes, made here from the same
 * numbers each time.
 */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseElf } from "../../controller/bare/elf.ts";
import { inspectRegion } from "../../controller/boot/inspection.ts";
import { Hart } from "../../controller/cpu/hart.ts";
import { NO_REQUIREMENTS } from "../../controller/image/verify.ts";
import { crc32, crc32Words } from "../../emulator/base/crc32.ts";
import type { Random } from "../../emulator/base/random.ts";
import { DEFAULT_MEMORY_CONFIG, planLayout, TABLE_BYTES } from "../../emulator/memory/layout.ts";
import { RAM_BASE, WINDOW_BASE } from "../../emulator/memory/map.ts";
import {
  encodeBlankHeader,
  encodeCheckpointHeader,
  encodeRecord,
  HEADER_BYTES,
  RecordKind,
  recordBytes,
} from "../../emulator/persist/flash-file.ts";
import {
  blankImage,
  type PersistentSpace,
  planPersistentSpace,
  regionOffset,
  TABLE_OFFSET,
} from "../../emulator/persist/persistent-space.ts";
import { storeReplica } from "../../emulator/table/commit.ts";
import { recoverFloor } from "../../emulator/table/floor.ts";
import { REPLICA_WORD, SharedNvram } from "../../emulator/table/nvram.ts";
import { firstTable } from "../../emulator/table/recovery.ts";
import type { StoredImage } from "../../emulator/table/table.ts";
import { Psa, replicaWords, tableCodec } from "../../emulator/table/table-codec.ts";
import { encodeDump } from "../../supervisor/device/dump.ts";
import { writeHex } from "./hex-writer.ts";

export const FILE_KINDS = [
  "image",
  "elf",
  "intel-hex",
  "flash-file",
  "table",
  "psa-metadata",
  "dump",
] as const;
export type FileKind = (typeof FILE_KINDS)[number];

export interface Specimen {
  readonly kind: FileKind;
  readonly name: string;
  readonly bytes: Uint8Array;
  /** Makes checksums right again, so that what lies behind them is read. */
  readonly mend?: (bytes: Uint8Array, random: Random) => Uint8Array;
}

const ROOT = fileURLToPath(new URL("../../../", import.meta.url));
const IMAGES = join(ROOT, "controller/firmware/images");
const REGIONS = 2;
/** Regions that are as small as they may be: a reader of a flash file does the same for each byte of one. */
const MEMORY = { ...DEFAULT_MEMORY_CONFIG, regions: REGIONS, regionBytes: 65_536 };

export const FIRMWARE_ELF = join(IMAGES, "controller-1.1.0.elf");

function filesIn(folder: string, kind: FileKind, extension: string): Specimen[] {
  return readdirSync(join(ROOT, folder))
    .filter((name) => name.endsWith(extension))
    .sort()
    .map((name) => ({ kind, name: `${folder}/${name}`, bytes: readFileSync(join(ROOT, folder, name)) }));
}

interface Vectors {
  readonly keys: Readonly<Record<string, string>>;
  readonly images: readonly { readonly name: string; readonly image: string }[];
  readonly tables: readonly { readonly name: string; readonly replica: string }[];
  readonly metadata: readonly { readonly name: string; readonly metadata: string }[];
}

function vectors(file: string): Vectors {
  return JSON.parse(readFileSync(join(ROOT, "test", file), "utf8")) as Vectors;
}

const IMGTOOL = vectors("controller/image/vectors/imgtool.json");
/** PEM texts of public keys. */
export const KEYS: readonly string[] = Object.values(IMGTOOL.keys);

function ofVectors(
  kind: FileKind,
  entries: readonly (readonly [name: string, base64: string])[],
): Specimen[] {
  return entries.map(([name, base64]) => ({ kind, name, bytes: Buffer.from(base64, "base64") }));
}

function hexFile(): Specimen {
  const elf = parseElf(readFileSync(FIRMWARE_ELF));
  if ("error" in elf) throw new Error(elf.message);
  const code = elf.parts.find(({ address }) => address >= WINDOW_BASE && address < RAM_BASE);
  if (code === undefined) throw new Error(`${FIRMWARE_ELF} has no code`);
  const text = writeHex(code.address, code.data.subarray(0, 4096));
  return { kind: "intel-hex", name: "the firmware's first 4 KiB", bytes: Buffer.from(text), mend: mendHex };
}

/** Each line that is of digits gets its checksum. */
function mendHex(bytes: Uint8Array): Uint8Array {
  const lines = Buffer.from(bytes).toString("latin1").split("\n");
  const mended = lines.map((line) => {
    if (!/^:([0-9A-F]{2})+$/.test(line)) return line;
    const record = Buffer.from(line.slice(1, -2), "hex");
    const checksum = -record.reduce((sum, byte) => sum + byte, 0) & 0xff;
    return `:${Buffer.from([...record, checksum])
      .toString("hex")
      .toUpperCase()}`;
  });
  return Buffer.from(mended.join("\n"), "latin1");
}

/** By region. */
const STORED = ["controller-1.1.0.img", "controller-1.0.0.img"].map((name) =>
  readFileSync(join(IMAGES, name)),
);

function storedImage(bytes: Uint8Array): StoredImage | undefined {
  const facts = inspectRegion(bytes, NO_REQUIREMENTS);
  return facts.usable ? { version: facts.version, digest: facts.digest } : undefined;
}

const TABLE = firstTable(STORED.map(storedImage));

function tableMemory(): Uint8Array {
  const memory = new Uint8Array(TABLE_BYTES);
  const port = new SharedNvram(new Int32Array(memory.buffer));
  const words = new Int32Array(replicaWords(REGIONS));
  tableCodec(REGIONS).encode(TABLE, words);
  for (const replica of [0, 1] as const) storeReplica(port, replica, words);
  recoverFloor(port, 3);
  return memory;
}

function mendTable(bytes: Uint8Array): Uint8Array {
  const words = new Int32Array(TABLE_BYTES / 4);
  const memory = new Uint8Array(words.buffer);
  memory.set(bytes.subarray(0, TABLE_BYTES));
  const length = replicaWords(REGIONS);
  for (const at of REPLICA_WORD) words[at + Psa.CRC] = crc32Words(words, at + Psa.VERSION, at + length);
  return memory.slice(0, bytes.length);
}

/** Of whatever size it says it has (PSA firmware update 1.0, "Metadata version 2"). */
function mendMetadata(bytes: Uint8Array): Uint8Array {
  const metadata = Buffer.from(bytes);
  if (metadata.length < 20) return metadata;
  const size = Math.min(metadata.readUInt32LE(16), metadata.length);
  if (size > 4) metadata.writeUInt32LE(crc32(metadata.subarray(4, size)), 0);
  return metadata;
}

function checkpointOf(space: PersistentSpace, memory: Uint8Array): Uint8Array {
  return Buffer.concat([encodeCheckpointHeader(space, 0, memory), memory]);
}

/** Stores of a word each, numbered from 1 on, and the word that they are kept. */
function recordsOf(stores: readonly (readonly [offset: number, word: number])[]): Uint8Array {
  const words = new Int32Array((stores.length * recordBytes(4) + recordBytes(0)) / 4);
  let at = 0;
  for (const [index, [offset, word]] of stores.entries()) {
    words[at + recordBytes(0) / 4] = word;
    at += encodeRecord(words, at, RecordKind.STORE, index + 1, offset, 4, 4);
  }
  encodeRecord(words, at, RecordKind.SYNCED, stores.length, 0, 0, 0);
  return new Uint8Array(words.buffer);
}

function flashFiles(): Specimen[] {
  const space = planPersistentSpace(planLayout(MEMORY));
  const memory = blankImage(space);
  memory.set(tableMemory(), TABLE_OFFSET);
  for (const [region, image] of STORED.entries()) memory.set(image, regionOffset(MEMORY, region));
  const table = new Int32Array(tableMemory().buffer);
  const stores = [...table].flatMap((word, index) =>
    word === 0 ? [] : [[TABLE_OFFSET + 4 * index, word] as const],
  );
  /** A checkpoint of what the memory has become, which is checked beyond its CRC. */
  const mend = (bytes: Uint8Array): Uint8Array => {
    const changed = blankImage(space);
    changed.set(bytes.subarray(HEADER_BYTES, HEADER_BYTES + changed.length));
    changed.set(mendTable(changed.subarray(TABLE_OFFSET, TABLE_OFFSET + TABLE_BYTES)), TABLE_OFFSET);
    return Buffer.concat([checkpointOf(space, changed), bytes.subarray(HEADER_BYTES + changed.length)]);
  };
  const whole = Buffer.concat([checkpointOf(space, memory), recordsOf(stores)]);
  const blank = Buffer.concat([encodeBlankHeader(space), recordsOf(stores)]);
  return [
    { kind: "flash-file", name: "a checkpoint and stores", bytes: whole, mend },
    { kind: "flash-file", name: "blank memory and stores", bytes: blank },
  ];
}

function crashDump(): Specimen {
  const hart = new Array<number>(Hart.DUMPED_WORDS).fill(0);
  hart[Hart.PC] = WINDOW_BASE + 0x100;
  hart[Hart.X + 1] = WINDOW_BASE + 0x200;
  hart[Hart.X + 2] = (RAM_BASE + 0x1000) | 0;
  const bytes = encodeDump({
    time: "2026-01-02T03:04:05.678Z",
    bootEpoch: 3,
    failure: {
      evidence: "panic",
      evidenceCode: 1,
      code: 0x107,
      pc: WINDOW_BASE + 0x100,
      tval: 4,
      faultNs: 1_000,
      detectedNs: 2_000,
      message: "it was told to",
    },
    fromRegion: 0,
    toRegion: 1,
    version: "1.1.0",
    hart,
    stack: { address: RAM_BASE + 0x1000, bytes: Uint8Array.from({ length: 1024 }, (_, index) => index) },
    uart: "hello\n",
    tableBefore: TABLE,
    tableAfter: TABLE,
    timeline: [{ index: 0, name: "fault", region: 0, bootEpoch: 3, timeNs: 1_000 }],
  });
  return { kind: "dump", name: "a crash dump", bytes };
}

export function specimens(): readonly Specimen[] {
  const { images } = IMGTOOL;
  const { tables } = vectors("emulator/table/vectors/fwumdata.json");
  const { metadata } = vectors("emulator/table/vectors/mkfwumdata.json");
  return [
    ...filesIn("controller/firmware/images", "image", ".img"),
    ...ofVectors(
      "image",
      images.map(({ name, image }) => [name, image]),
    ),
    ...filesIn("controller/firmware/images", "elf", ".elf"),
    ...filesIn("controller/firmware/bench/elf", "elf", ".elf"),
    hexFile(),
    ...flashFiles(),
    { kind: "table", name: "both replicas and the floor", bytes: tableMemory(), mend: mendTable },
    ...ofVectors(
      "table",
      tables.map(({ name, replica }) => [name, replica]),
    ),
    ...ofVectors(
      "psa-metadata",
      metadata.map(({ name, metadata: bytes }) => [name, bytes]),
    ).map((specimen) => ({
      ...specimen,
      mend: mendMetadata,
    })),
    crashDump(),
  ];
}
