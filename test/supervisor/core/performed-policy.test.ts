import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { decideBoot, type RegionFacts, recoverManagement } from "../../../controller/boot/boot-rom.ts";
import { storeReplica } from "../../../emulator/table/commit.ts";
import { raiseFloor, readFloor, recoverFloor } from "../../../emulator/table/floor.ts";
import { classifyReplicas } from "../../../emulator/table/recovery.ts";
import { nextGeneration, type Table } from "../../../emulator/table/table.ts";
import { tableCodec } from "../../../emulator/table/table-codec.ts";
import { PerformedPolicy } from "../../../scripts/hostile/performed-policy.ts";
import { DEFAULT_RECOVERY } from "../../../supervisor/core/config.ts";
import { CutNvram } from "../../emulator/table/cut-nvram.ts";
import { anyTable } from "../../emulator/table/table-arbitrary.ts";
import { everyImages, facts, UNUSABLE } from "./facts.ts";

const FAILURES = 20;
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

function powerOn(port: CutNvram, images: readonly RegionFacts[]): PerformedPolicy {
  const { table, floor } = recoverManagement(port, images, DEFAULT_RECOVERY);
  if (table.table === undefined) throw new Error(table.message);
  return new PerformedPolicy(port, table.table, floor.floor, images);
}

function expectCommitted({ policy }: PerformedPolicy, port: CutNvram): void {
  expect(classifyReplicas(port, policy.table.regions.length)).toMatchObject({
    kind: "sound",
    table: policy.table,
  });
  expect(readFloor(port)).toBe(policy.floor);
}

/** Plays failovers, and checks of each that it is one. Returns how many there were. */
function playFailovers(performed: PerformedPolicy, port: CutNvram): number {
  expectCommitted(performed, port);
  let failovers = 0;
  for (let code = 0; code < FAILURES; code++) {
    const { phase, table, floor, images } = performed.policy;
    const { active } = table;
    const { verdicts } = decideBoot({ table, floor, images });
    const othersMayRun = verdicts.some(({ mayRun, region }) => mayRun && region !== active);
    const accepted = table.regions[active]?.state === "accepted";
    performed.failOver(code);
    const after = performed.policy.table;
    if (phase !== "executing") {
      expect(after, "nothing fails in safe mode").toBe(table);
      continue;
    }
    expect(after.generation).toBe(nextGeneration(table.generation));
    if (accepted) expect(after.active !== active, "whether it fails over").toBe(othersMayRun);
    if (after.active !== active) failovers++;
    expectCommitted(performed, port);
  }
  return failovers;
}

describe("what the policy commands", () => {
  it("starts with whatever images a factory can have put there, and fails over where two may run", () => {
    for (const regions of [2, 3]) {
      for (const images of everyImages(regions)) {
        const port = new CutNvram();
        const performed = powerOn(port, images);
        const { table, floor } = performed.policy;
        const eligible = decideBoot({ table, floor, images }).verdicts.filter(({ mayRun }) => mayRun).length;
        expect(performed.policy.phase).toBe(eligible > 0 ? "executing" : "safe-mode");
        expect(playFailovers(performed, port)).toBe(eligible > 1 ? FAILURES : 0);
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
            if (seed?.usable !== true) return UNUSABLE;
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
