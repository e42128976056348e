/** What a boot ROM may have read of a region. */
import type { RegionFacts } from "../../../controller/boot/boot-rom.ts";
import { digestOf } from "../../emulator/table/table-arbitrary.ts";

export const UNUSABLE: RegionFacts = {
  usable: false,
  fault: { name: "digest-mismatch", message: "the digest is wrong" },
};

export function facts(major: number, securityCounter: number, digest = digestOf(major)): RegionFacts {
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
export function* everyImages(regions: number, before: readonly RegionFacts[] = []): Generator<RegionFacts[]> {
  if (before.length === regions) {
    yield [...before];
    return;
  }
  yield* everyImages(regions, [...before, UNUSABLE]);
  for (let version = 0; version < regions; version++) {
    for (let counter = 0; counter < regions; counter++) {
      yield* everyImages(regions, [...before, facts(version, counter)]);
    }
  }
}
