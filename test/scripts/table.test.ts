import { readFileSync, writeFileSync } from "node:fs";
import { beforeAll, expect, it } from "vitest";
import { crc32Words } from "../../emulator/base/crc32.ts";
import { DEFAULT_MEMORY_CONFIG, planLayout } from "../../emulator/memory/layout.ts";
import { encodeBlankHeader, encodeCheckpointHeader } from "../../emulator/persist/flash-file.ts";
import { blankImage, planPersistentSpace, TABLE_OFFSET } from "../../emulator/persist/persistent-space.ts";
import { raiseFloor, recoverFloor } from "../../emulator/table/floor.ts";
import { FLOOR_WORD, REPLICA_WORD } from "../../emulator/table/nvram.ts";
import { replaceLostTable } from "../../emulator/table/recovery.ts";
import type { Table } from "../../emulator/table/table.ts";
import { Psa, replicaWords } from "../../emulator/table/table-codec.ts";
import { tableCommand } from "../../scripts/table.ts";
import { CutNvram } from "../emulator/table/cut-nvram.ts";
import { acceptedTable, recordOf } from "../emulator/table/table-arbitrary.ts";
import { run, scratchDirectory } from "./captured.ts";

const path = scratchDirectory();
const table: Table = {
  ...acceptedTable(3, 44),
  next: 2,
  regions: [
    recordOf(0, "accepted", { failures: 3, lastFailure: { evidence: 1, code: 0x105, pc: 0x2000_0124 } }),
    recordOf(1, "accepted"),
    recordOf(2, "valid", { triesLeft: 3 }),
  ],
};

/** A flash file whose base is memory with the table in it, of other geometry than a device has by default. */
function flashFile(): Uint8Array {
  const config = { ...DEFAULT_MEMORY_CONFIG, regions: 3, regionBytes: 65_536, sectorBytes: 8192 };
  const space = planPersistentSpace(planLayout(config));
  const image = blankImage(space);
  image.set(readFileSync(path("sound")), TABLE_OFFSET);
  return Buffer.concat([encodeCheckpointHeader(space, 9, image), image]);
}

/** Writes memory with the table in it, after `damage` was done to it. */
function save(name: string, damage: (words: Int32Array) => void = () => {}): void {
  const port = new CutNvram();
  replaceLostTable(port, table);
  recoverFloor(port, 0);
  raiseFloor(port, 7);
  damage(port.words);
  writeFileSync(path(name), new Uint8Array(port.words.buffer));
}

beforeAll(() => {
  save("sound");
  save("one-bad", (words) => words.fill(0, REPLICA_WORD[1] + 40, REPLICA_WORD[1] + 50));
  save("both-bad", (words) => {
    for (const base of REPLICA_WORD) words[base] = 0;
  });
  save("edited", (words) => {
    for (const base of REPLICA_WORD) {
      words[base + Psa.ACTIVE_INDEX] = 1;
      words[base] = crc32Words(words, base + Psa.VERSION, base + replicaWords(3));
    }
  });
  save("floor-bad", (words) => words.fill(5, FLOOR_WORD, FLOOR_WORD + 1));
  writeFileSync(path("blank"), new Uint8Array(3 * 4096));
  const sound = readFileSync(path("sound"));
  writeFileSync(path("replica"), sound.subarray(0, replicaWords(3) * 4));
  for (const name of ["sound", "one-bad", "both-bad"]) {
    writeFileSync(path(`${name}-8k`), readFileSync(path(name)).subarray(0, 8192));
  }
  writeFileSync(path("page"), sound.subarray(0, 4096));
  writeFileSync(path("half"), sound.subarray(0, 4100));
  writeFileSync(path("edited-replica"), readFileSync(path("edited")).subarray(0, replicaWords(3) * 4));
  writeFileSync(path("behind"), Buffer.concat([Buffer.alloc(5), sound]));
  const flash = flashFile();
  writeFileSync(path("flash"), flash);
  writeFileSync(
    path("flash-of-now"),
    encodeBlankHeader(planPersistentSpace(planLayout(DEFAULT_MEMORY_CONFIG))),
  );
  writeFileSync(path("flash-cut-off"), flash.subarray(0, 5000));
  writeFileSync(path("flash-damaged"), flash.with(30, 1));
  writeFileSync(path("flash-of-old"), flash.with(15, "1".charCodeAt(0)));
  writeFileSync(path("noise"), Buffer.alloc(300, 0x5a));
});

it("flipside table prints who is primary, what is next and each region's state", async () => {
  const { exitCode, stdout } = await run(tableCommand, path("sound"));
  expect(exitCode).toBe(0);
  expect(stdout).toContain("generation 44: both replicas hold it");
  expect(stdout).toMatch(/primary\s+region 0/);
  expect(stdout).toMatch(/next start\s+region 2/);
  expect(stdout).toMatch(/security floor\s+7/);
  expect(stdout).toMatch(/0\s+accepted\s+1\.0\.0\s+-\s+-\s+3\s+panic 0x105 at 0x20000124/);
  expect(stdout).toMatch(/2\s+valid\s+1\.2\.0\s+3\s+0\s+0\s+-/);
});

it.each<[string, number, string]>([
  ["one-bad", 1, "replica 1: bad-crc, its CRC does not hold"],
  ["edited", 1, "generation 45: changed by another tool, read as what it stands for"],
  [
    "edited-replica",
    1,
    "one replica, changed by another tool, read as what it stands for: the active region 1 is",
  ],
  ["both-bad", 1, "no management table counts: both replicas are bad"],
  ["floor-bad", 1, "damaged"],
  ["blank", 1, "it was never written"],
  ["replica", 0, "generation 44: one replica, good"],
  ["sound-8k", 0, "generation 44: both replicas hold it"],
  ["one-bad-8k", 1, "replica 1: bad-crc, its CRC does not hold"],
  ["both-bad-8k", 1, "no management table counts: both replicas are bad"],
  ["page", 0, "generation 44: one replica, good"],
  ["flash", 0, "generation 44: both replicas hold it"],
  ["flash-of-now", 1, "it was never written"],
])("flipside table tells of memory that is %s with exit code %i", async (name, exitCode, sentence) => {
  const outcome = await run(tableCommand, path(name));
  expect(outcome.exitCode).toBe(exitCode);
  expect(outcome.stdout).toContain(sentence);
});

it("flipside table judges every replica that the bytes hold, also where they end before the floor", async () => {
  const damaged = await run(tableCommand, path("one-bad-8k"), "--json", path("8k.json"));
  expect(damaged.stdout).toContain("one replica is bad; the next start repairs it from the other");
  expect(JSON.parse(readFileSync(path("8k.json"), "utf8"))).toMatchObject({
    sound: false,
    securityFloor: null,
    replicas: [{ state: "good" }, { state: "bad-crc" }],
  });
  const second = await run(tableCommand, path("sound"), "--offset", "4096");
  expect(second.stdout).toContain("generation 44: one replica, good");
});

it("flipside table reads a table inside a file, of any alignment", async () => {
  const outcome = await run(tableCommand, path("behind"), "--offset", "5");
  expect(outcome).toMatchObject({ exitCode: 0 });
  expect(outcome.stdout).toContain("generation 44");
});

it("flipside table reads a flash file's own bytes where an offset is said", async () => {
  const outcome = await run(tableCommand, path("flash"), "--offset", "64");
  expect(outcome).toMatchObject({ exitCode: 0 });
  expect(outcome.stdout).toContain("generation 44");
});

it("flipside table --json names what people need", async () => {
  await run(tableCommand, path("one-bad"), "--json", path("report"));
  expect(JSON.parse(readFileSync(path("report"), "utf8"))).toMatchObject({
    sound: false,
    securityFloor: 7,
    replicas: [
      { state: "good", generation: 44 },
      { state: "bad-crc", generation: null },
    ],
    table: {
      generation: 44,
      active: 0,
      next: 2,
      regions: [
        { state: "accepted", version: "1.0.0", lastFailure: { evidence: "panic", code: 0x105 } },
        {},
        {},
      ],
    },
  });
});

it.each<[string, string[]]>([
  ["there is no file to read", []],
  ["the table cannot be read", ["nowhere"]],
  ["does not tell how many regions", ["noise"]],
  ["cannot be read: its checkpoint is not whole", ["flash-cut-off"]],
  ["cannot be read: its header is not whole", ["flash-damaged"]],
  [
    "cannot be read: it is of version 1 of the flash file, and this flipside reads version 2",
    ["flash-of-old"],
  ],
  ["--offset is", ["sound", "--offset", "12288"]],
  ["--regions is", ["sound", "--regions", "5"]],
  ["4100 bytes end inside the second replica", ["half"]],
  ["too few for a replica with 4 regions", ["noise", "--regions", "4"]],
])("flipside table says %s", async (sentence, args) => {
  const paths = args.map((arg) => (/^[a-z]/.test(arg) ? path(arg) : arg));
  const outcome = await run(tableCommand, ...paths);
  expect(outcome.exitCode).toBe(2);
  expect(outcome.refusal).toContain(sentence);
});

it("flipside table --help tells its options", async () => {
  const { exitCode, stdout } = await run(tableCommand, "--help");
  expect(exitCode).toBe(0);
  for (const option of ["--offset", "--regions", "--json"]) expect(stdout).toContain(option);
});
