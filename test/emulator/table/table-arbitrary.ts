/** Possible tables for property tests, and small helpers to make tables by hand. */
import fc from "fast-check";
import {
  type Digest,
  EMPTY_REGION,
  MAX_UNCONFIRMED_STARTS,
  NO_FAILURE,
  NO_REGION,
  type RegionRecord,
  type RegionState,
  type StoredImage,
  type Table,
} from "../../../emulator/table/table.ts";

/** A digest that is told apart by one number. */
export function digestOf(n: number): Digest {
  return [n + 1, -1, 2, -3, 4, -5, 6, n ^ 0x55aa];
}

export function imageOf(region: number, minor = region): StoredImage {
  return { version: { major: 1, minor, revision: 0, build: 0 }, digest: digestOf(region) };
}

export function recordOf(
  region: number,
  state: RegionState,
  changes: Partial<RegionRecord> = {},
): RegionRecord {
  const image = imageOf(region);
  return { ...EMPTY_REGION, ...image, state, confirmed: state === "accepted", ...changes };
}

/** A table of accepted regions of which the first is primary. */
export function acceptedTable(regions: number, generation: number): Table {
  return {
    generation,
    active: 0,
    previous: 1,
    next: NO_REGION,
    rebuilt: false,
    regions: Array.from({ length: regions }, (_, region) => recordOf(region, "accepted")),
  };
}

const uint32 = fc.nat(0xffff_ffff);

/** What a region holds, whatever the table's pointers will make of it. */
const seeds = fc.record({
  state: fc.constantFrom<RegionState>("invalid", "valid", "accepted"),
  holdsImage: fc.boolean(),
  wasConfirmed: fc.boolean(),
  tries: fc.integer({ min: 1, max: 255 }),
  starts: fc.nat(MAX_UNCONFIRMED_STARTS),
  failures: fc.constantFrom(0, 1, 7, 0xffff_ffff),
  failure: fc.record({ evidence: fc.integer({ min: 1, max: 255 }), code: uint32, pc: uint32 }),
  version: fc.record({ major: fc.nat(255), minor: fc.nat(255), revision: fc.nat(65535), build: uint32 }),
  digest: fc.array(fc.integer(), { minLength: 8, maxLength: 8 }).map((words) => [1, ...words.slice(1)]),
});
type Seed = typeof seeds extends fc.Arbitrary<infer S> ? S : never;

function recordFrom(seed: Seed, region: number, active: number, next: number): RegionRecord {
  const { state, failures } = seed;
  const holdsImage = state !== "invalid" || seed.holdsImage;
  const onTrial = state === "valid" && (region === active || region === next);
  return {
    state,
    triesLeft: onTrial ? seed.tries : 0,
    unconfirmedStarts: onTrial && region === active ? seed.starts : 0,
    confirmed: state === "accepted" || (state === "invalid" && holdsImage && seed.wasConfirmed),
    failures,
    lastFailure: failures === 0 ? NO_FAILURE : seed.failure,
    version: holdsImage ? seed.version : EMPTY_REGION.version,
    digest: holdsImage ? seed.digest : EMPTY_REGION.digest,
  };
}

const generations = fc.oneof(
  uint32,
  fc.constantFrom(0, 1, 0x7fff_ffff, 0x8000_0000, 0xffff_fffe, 0xffff_ffff),
);

/** Any possible table with the given number of regions. */
export function tables(regions: number): fc.Arbitrary<Table> {
  return fc
    .record({
      generation: generations,
      rebuilt: fc.boolean(),
      seeds: fc.array(seeds, { minLength: regions, maxLength: regions }),
      picks: fc.tuple(fc.nat(), fc.nat(), fc.nat()),
    })
    .map(({ generation, rebuilt, seeds: parts, picks }) => {
      const choose = (pick: number, from: readonly number[]) =>
        [NO_REGION, ...from][pick % (from.length + 1)] ?? NO_REGION;
      const holding = [...parts.keys()].filter((region) => parts[region]?.state !== "invalid");
      const active = choose(picks[0], holding);
      const others = holding.filter((region) => region !== active);
      const next = choose(picks[1], others);
      const previous = choose(
        picks[2],
        others.filter((region) => parts[region]?.state === "accepted"),
      );
      return {
        generation,
        active,
        previous,
        next,
        rebuilt,
        regions: parts.map((seed, region) => recordFrom(seed, region, active, next)),
      };
    });
}

/** Any possible table. */
export const anyTable: fc.Arbitrary<Table> = fc.integer({ min: 2, max: 4 }).chain(tables);
