import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  type BootDecision,
  type BootInput,
  confirmedCounter,
  decideBoot,
  type RegionFacts,
  recoverManagement,
} from "../../../controller/boot/boot-rom.ts";
import { inspectRegion, RegionInspector } from "../../../controller/boot/inspection.ts";
import { encodeImage } from "../../../controller/image/encode.ts";
import { NO_REQUIREMENTS } from "../../../controller/image/verify.ts";
import { raiseFloor, readFloor, recoverFloor } from "../../../emulator/table/floor.ts";
import { FLOOR_WORD, REPLICA_WORD } from "../../../emulator/table/nvram.ts";
import { replaceLostTable } from "../../../emulator/table/recovery.ts";
import { MAX_UNCONFIRMED_STARTS, NO_REGION, type Table } from "../../../emulator/table/table.ts";
import { CutNvram } from "../../emulator/table/cut-nvram.ts";
import {
  acceptedTable,
  anyTable,
  digestOf,
  imageOf,
  recordOf,
} from "../../emulator/table/table-arbitrary.ts";

/** Facts that agree with what {@link recordOf} says about the region. */
function sound(region: number, securityCounter = 0): RegionFacts {
  return {
    ...imageOf(region),
    usable: true,
    securityCounter,
    headerBytes: 32,
    imageBytes: 99,
    signed: false,
  };
}
const bad: RegionFacts = {
  usable: false,
  fault: { name: "digest-mismatch", message: "the digest is wrong" },
};

function input(table: Table, changes: Partial<BootInput> = {}): BootInput {
  return { table, floor: 0, images: table.regions.map((_, region) => sound(region)), ...changes };
}

const three = acceptedTable(3, 5);
const activated: Table = {
  ...three,
  next: 2,
  regions: [recordOf(0, "accepted"), recordOf(1, "accepted"), recordOf(2, "valid", { triesLeft: 2 })],
};
const onTrial: Table = {
  ...three,
  active: 2,
  previous: 0,
  regions: [recordOf(0, "accepted"), recordOf(1, "accepted"), recordOf(2, "valid", { triesLeft: 2 })],
};
const used: Table = {
  ...onTrial,
  regions: onTrial.regions.map((record, region) =>
    region === 2 ? { ...record, unconfirmedStarts: MAX_UNCONFIRMED_STARTS } : record,
  ),
};
const notActivated: Table = {
  ...three,
  regions: [recordOf(0, "invalid"), recordOf(1, "invalid"), recordOf(2, "valid")],
  active: NO_REGION,
  previous: NO_REGION,
};

describe("the boot decision", () => {
  it.each<[string, BootInput, number, string]>([
    ["the activated one first", input(activated), 2, "activated"],
    ["an accepted one may be activated too", input({ ...three, next: 1, previous: 2 }), 1, "activated"],
    ["then the active one, if accepted", input(three), 0, "active"],
    ["then the active one, on trial with tries left", input(onTrial), 2, "trial"],
    [
      "the active one if the activated one is bad",
      input(activated, { images: [sound(0), sound(1), bad] }),
      0,
      "active",
    ],
    [
      "the highest accepted one if the active one is bad",
      input({ ...three, previous: 2 }, { images: [bad, sound(1), sound(2)] }),
      2,
      "fallback",
    ],
    ["the highest accepted one if the active one just failed", input(three, { failed: 0 }), 2, "fallback"],
    ["the last confirmed one if the trial is out of starts", input(used), 0, "roll-back"],
    ["the last confirmed one if the trial just failed", input(onTrial, { failed: 2 }), 0, "roll-back"],
    [
      "the highest accepted one if that is bad too",
      input(onTrial, { failed: 2, images: [bad, sound(1), sound(2)] }),
      1,
      "roll-back",
    ],
    ["none if all are bad", input(three, { images: [bad, bad, bad] }), NO_REGION, "safe-mode"],
    ["none that is valid but was never activated", input(notActivated), NO_REGION, "safe-mode"],
    [
      "none below the security floor",
      input(three, { floor: 4, images: [sound(0, 3), sound(1, 4), sound(2, 3)] }),
      1,
      "fallback",
    ],
    [
      "none whose image is another than the table recorded",
      input(three, { images: [sound(1), sound(1), bad] }),
      1,
      "fallback",
    ],
    ["none whose image was not read", input(three, { images: [] }), NO_REGION, "safe-mode"],
    ["none without a table", { table: undefined, floor: 0, images: [] }, NO_REGION, "table-lost"],
  ])("designates %s", (_, given, region, reason) => {
    expect(decideBoot(given)).toMatchObject({ region, reason });
  });

  it.each<[BootDecision["row"], BootInput]>([
    [1, input(activated)],
    [2, input(three)],
    [2, input(onTrial)],
    [3, input(used)],
    [4, input(three, { failed: 0 })],
    [4, input(onTrial, { failed: 2, images: [bad, sound(1), sound(2)] })],
    [5, input(notActivated)],
    [5, { table: undefined, floor: 0, images: [] }],
  ])("names the row of docs/table.md by which it was made: %i", (row, given) => {
    expect(decideBoot(given).row).toBe(row);
  });

  it("prefers the lower index between equal versions", () => {
    const twins: Table = {
      ...three,
      active: NO_REGION,
      regions: [0, 1, 2].map((region) => ({ ...recordOf(region, "accepted"), version: imageOf(1).version })),
    };
    expect(decideBoot(input(twins))).toMatchObject({ region: 0, reason: "fallback" });
  });

  it("tells why each region may run or not", () => {
    const decision = decideBoot(input(used, { floor: 1, images: [bad, sound(1), sound(2, 1)] }));
    expect(decision.verdicts.map(({ mayRun, cause }) => [mayRun, cause])).toEqual([
      [false, "bad-image"],
      [false, "below-floor"],
      [false, "starts-used"],
    ]);
    expect(decision.detail).toContain("region 0: the digest is wrong; region 1: its security counter 0");
  });

  it("of any table designates only what may run: usable, recorded, not below the floor, accepted or activated", () => {
    const facts = fc.array(fc.tuple(fc.boolean(), fc.nat(3), fc.boolean()), { minLength: 4, maxLength: 4 });
    fc.assert(
      fc.property(
        anyTable,
        facts,
        fc.nat(3),
        fc.integer({ min: -1, max: 3 }),
        (table, seeds, floor, failed) => {
          const images = table.regions.map((record, region): RegionFacts => {
            const [usable, securityCounter, same] = seeds[region] ?? [false, 0, false];
            if (!usable) return bad;
            const digest = same ? record.digest : digestOf(99);
            return Object.assign(sound(region, securityCounter), { digest });
          });
          const decision = decideBoot({ table, floor, images, failed });
          const chosen = table.regions[decision.region];
          const chosenFacts = images[decision.region];
          const mayRun = decision.verdicts.filter((verdict) => verdict.mayRun);
          if (chosen === undefined || chosenFacts === undefined) {
            expect(decision.region).toBe(NO_REGION);
            // Safe mode is the last resort: nothing that was accepted, active or activated may run.
            expect(mayRun).toEqual([]);
            return;
          }
          expect(chosenFacts).toMatchObject({ usable: true, digest: chosen.digest });
          expect(chosenFacts.usable && chosenFacts.securityCounter >= floor).toBe(true);
          expect(decision.region).not.toBe(failed);
          if (chosen.state !== "accepted") {
            expect(chosen).toMatchObject({ state: "valid" });
            expect(chosen.triesLeft).toBeGreaterThan(0);
            expect([table.active, table.next]).toContain(decision.region);
          }
        },
      ),
      { numRuns: 2000 },
    );
  });
});

describe("reading regions", () => {
  const image = encodeImage({
    body: new Uint8Array(64).fill(7),
    version: { major: 2, minor: 1, revision: 0, build: 0 },
    securityCounter: 3,
  });
  const region = new Uint8Array(4096).fill(0xff);
  region.set(image);

  it("gives version, digest, security counter and entry", () => {
    expect(inspectRegion(region, NO_REQUIREMENTS)).toMatchObject({
      usable: true,
      version: { major: 2, minor: 1 },
      securityCounter: 3,
      headerBytes: 32,
      imageBytes: image.length,
    });
    expect(inspectRegion(region.subarray(64), NO_REQUIREMENTS)).toMatchObject({
      usable: false,
      fault: { name: "no-image" },
    });
  });

  it("names the first byte of an image that cannot be read, and looks at none from there on", () => {
    for (let at = 0; at < region.length; at += 1) {
      const spoilt = region.slice().fill(0xa5, at);
      const facts = inspectRegion(at < image.length ? spoilt : region, NO_REQUIREMENTS, at);
      if (at >= image.length) expect(facts).toEqual(inspectRegion(region, NO_REQUIREMENTS));
      else {
        const message = `the flash cannot be read at 0x${at.toString(16)}: its ECC is not valid`;
        expect(facts).toEqual({ usable: false, fault: { name: "unreadable", message } });
      }
    }
  });

  it("asks what cannot be read whenever a region is read, and only then", () => {
    let unreadableAt: number | undefined;
    const inspector = new RegionInspector(NO_REQUIREMENTS, (asked) =>
      asked === 1 ? unreadableAt : undefined,
    );
    expect(inspector.inspect(1, region, 1).usable).toBe(true);
    unreadableAt = 40;
    expect(inspector.inspect(1, region, 1).usable).toBe(true);
    expect(inspector.inspect(1, region, 2)).toMatchObject({ fault: { name: "unreadable" } });
    expect(inspector.inspect(0, region, 2).usable).toBe(true);
  });

  it("of one that cannot be read makes a region that may not run, with the place", () => {
    const unreadable = inspectRegion(region, NO_REQUIREMENTS, 64);
    const { reason, verdicts, detail } = decideBoot(input(three, { images: [unreadable, bad, bad] }));
    expect(verdicts[0]).toMatchObject({ mayRun: false, cause: "bad-image" });
    expect(reason).toBe("safe-mode");
    expect(detail).toContain("region 0: the flash cannot be read at 0x40: its ECC is not valid");
  });

  it("is done again exactly when the store epoch has changed", () => {
    const inspector = new RegionInspector(NO_REQUIREMENTS);
    const bytes = region.slice();
    const first = inspector.inspect(0, bytes, 1);
    bytes[40] = 0;
    expect(inspector.inspect(0, bytes, 1)).toBe(first);
    expect(inspector.inspect(1, region, 1)).toEqual(first);
    expect(inspector.inspect(0, bytes, 2)).toMatchObject({ fault: { name: "digest-mismatch" } });
  });
});

describe("safe mode at a first start", () => {
  it("says why each image is not usable", () => {
    const blank = new Uint8Array(4096).fill(0xff);
    const unsupported = blank.slice();
    unsupported.set(
      encodeImage({ body: new Uint8Array(64), version: { major: 1, minor: 0, revision: 0, build: 0 } }),
    );
    unsupported[16] = 0x20;
    const images = [unsupported, blank].map((bytes) => inspectRegion(bytes, NO_REQUIREMENTS));
    const nvram = new CutNvram();
    const { table } = recoverManagement(nvram, images, { onDoubleLoss: "rebuild", trialTries: 3 });
    const decision = decideBoot({ table: "table" in table ? table.table : undefined, floor: 0, images });
    expect(decision.reason).toBe("safe-mode");
    expect(decision.detail).toBe(
      "region 0: the image wants to be loaded into RAM, but images are executed in place; " +
        "region 1: it reads erased where the image's header should be",
    );
  });
});

describe("recovery of the management memory", () => {
  const policy = { onDoubleLoss: "rebuild", trialTries: 3 } as const;

  it("of a new device accepts what is usable", () => {
    const found = recoverManagement(new CutNvram(), [sound(0), bad], policy);
    expect(found.floor).toMatchObject({ outcome: "blank", floor: 0 });
    expect(found.table).toMatchObject({ outcome: "first-start", table: { active: 0, previous: NO_REGION } });
  });

  it("never puts an image below the security floor on trial", () => {
    const port = new CutNvram();
    recoverFloor(port, 0);
    raiseFloor(port, 5);
    port.words[REPLICA_WORD[0]] = 1;
    port.words[REPLICA_WORD[1]] = 1;
    const { table } = recoverManagement(port, [sound(0, 5), sound(1, 4)], policy);
    expect(table).toMatchObject({ outcome: "rebuilt", table: { active: 0 } });
    expect(table.table?.regions[1]).toMatchObject({ state: "invalid" });
  });

  it("makes a lost floor from what the table accepted, not from a trial", () => {
    const port = new CutNvram();
    replaceLostTable(port, { ...onTrial, regions: onTrial.regions });
    for (const [offset, word] of [11, 22, 33, 44].entries()) port.words[FLOOR_WORD + offset] = word;
    const images = [sound(0, 6), sound(1, 7), sound(2, 8)];
    expect(recoverManagement(port, images, policy).floor).toMatchObject({ outcome: "lost", floor: 7 });
    expect(readFloor(port)).toBe(7);
  });

  it("takes no counter from an image that the table did not record", () => {
    expect(confirmedCounter(three, [sound(0, 1), sound(2, 9), bad])).toBe(1);
  });
});
