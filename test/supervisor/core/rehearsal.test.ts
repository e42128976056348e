import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { decideBoot, type RegionFacts, recoverManagement } from "../../../controller/boot/boot-rom.ts";
import { storeReplica } from "../../../emulator/table/commit.ts";
import { raiseFloor, readFloor, recoverFloor } from "../../../emulator/table/floor.ts";
import { classifyReplicas } from "../../../emulator/table/recovery.ts";
import { nextGeneration, type Table } from "../../../emulator/table/table.ts";
import { tableCodec } from "../../../emulator/table/table-codec.ts";
import { DEFAULT_RECOVERY } from "../../../supervisor/core/config.ts";
import { Rehearsal } from "../../../supervisor/core/rehearsal.ts";
import { CutNvram } from "../../emulator/table/cut-nvram.ts";
import { anyTable, digestOf } from "../../emulator/table/table-arbitrary.ts";

const FAILURES = 20;
const bad: RegionFacts = {
  usable: false,
  fault: { name: "digest-mismatch", message: "the digest is wrong" },
};

function facts(major: number, securityCounter: number, digest = digestOf(major)): RegionFacts {
  return {
    usable: true,
    version: { major, minor: 0, revision: 0, build: 0 },
    digest,
    securityCounter,
    headerBytes: 32,
    imageBytes: 99,
    signed: false,
  };
}

/** Every list of so many regions' images, up to what the rules look at: which is higher, in version and in counter. */
function* everyImages(regions: number, before: readonly RegionFacts[] = []): Generator<RegionFacts[]> {
  if (before.length === regions) {
    yield [...before];
    return;
  }
  yield* everyImages(regions, [...before, bad]);
  for (let version = 0; version < regions; version++) {
    for (let counter = 0; counter < regions; counter++) {
      yield* everyImages(regions, [...before, facts(version, counter)]);
    }
  }
}

function memoryWith(table: Table, floor: number): CutNvram {
  const port = new CutNvram();
  const codec = tableCodec(table.regions.length);
  const words = new Int32Array(codec.words);
  codec.encode(table, words);
  storeReplica(port, 0, words);
  storeReplica(port, 1, words);
  recoverFloor(port, floor);
  raiseFloor(port, floor);
  return port;
}

function powerOn(port: CutNvram, images: readonly RegionFacts[]): Rehearsal {
  const { table, floor } = recoverManagement(port, images, DEFAULT_RECOVERY);
  if (table.table === undefined) throw new Error(table.message);
  return new Rehearsal(port, table.table, floor.floor, images);
}

function expectCommitted({ policy }: Rehearsal, port: CutNvram): void {
  expect(classifyReplicas(port, policy.table.regions.length)).toMatchObject({
    kind: "sound",
    table: policy.table,
  });
  expect(readFloor(port)).toBe(policy.floor);
}

/** Plays failovers, and checks of each that it is one. Returns how many there were. */
function playFailovers(rehearsal: Rehearsal, port: CutNvram): number {
  expectCommitted(rehearsal, port);
  let failovers = 0;
  for (let code = 0; code < FAILURES; code++) {
    const { phase, table, floor, images } = rehearsal.policy;
    const { active } = table;
    const { verdicts } = decideBoot({ table, floor, images });
    const othersMayRun = verdicts.some(({ mayRun, region }) => mayRun && region !== active);
    const accepted = table.regions[active]?.state === "accepted";
    rehearsal.failOver(code);
    const after = rehearsal.policy.table;
    if (phase !== "executing") {
      expect(after, "nothing fails in safe mode").toBe(table);
      continue;
    }
    expect(after.generation).toBe(nextGeneration(table.generation));
    if (accepted) expect(after.active !== active, "whether it fails over").toBe(othersMayRun);
    if (after.active !== active) failovers++;
    expectCommitted(rehearsal, port);
  }
  return failovers;
}

describe("a rehearsal", () => {
  it("starts with whatever images a factory can have put there, and fails over where two may run", () => {
    for (const regions of [2, 3]) {
      for (const images of everyImages(regions)) {
        const port = new CutNvram();
        const rehearsal = powerOn(port, images);
        const { table, floor } = rehearsal.policy;
        const eligible = decideBoot({ table, floor, images }).verdicts.filter(({ mayRun }) => mayRun).length;
        expect(rehearsal.policy.phase).toBe(eligible > 0 ? "executing" : "safe-mode");
        expect(playFailovers(rehearsal, port)).toBe(eligible > 1 ? FAILURES : 0);
      }
    }
  });

  it("commits all that the policy commands, whatever table, floor, images and counters it starts with", () => {
    const mostly = fc.nat(9).map((n) => n > 0);
    const image = fc.record({
      usable: mostly,
      recorded: mostly,
      version: fc.nat(3),
      counter: fc.oneof(fc.nat(3), fc.constantFrom(0x7fff_ffff, 0x8000_0000, 0xffff_ffff)),
    });
    let failovers = 0;
    fc.assert(
      fc.property(
        anyTable,
        fc.array(image, { minLength: 4, maxLength: 4 }),
        fc.nat(3),
        (table, seeds, floor) => {
          const images = table.regions.map(({ digest }, region): RegionFacts => {
            const seed = seeds[region];
            if (seed?.usable !== true) return bad;
            return facts(seed.version, seed.counter, seed.recorded ? digest : undefined);
          });
          const port = memoryWith(table, floor);
          failovers += playFailovers(powerOn(port, images), port);
        },
      ),
      { numRuns: 500 },
    );
    expect(failovers).toBeGreaterThan(0);
  });
});
