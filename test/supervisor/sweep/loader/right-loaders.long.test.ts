/**
 * The right loaders of this repository hold with a downgrade, and with images up to their limit: in some of the cuts, spread
 * over the whole of each scenario.
 */
import { describe, expect, it } from "vitest";
import { LoaderBench } from "../../../../supervisor/sweep/run/loader-bench.ts";
import { LOADERS, type LoaderName, loaderProfile, updateOf } from "./support/loaders.ts";

const TIMEOUT_MS = 120_000;
/** Up to here a slot may hold an image: controller/firmware/loaders/layout.h. */
const TRAILER_OFFSET = 0x3f000;

/** @param stride of all items one in so many is cut */
function explored(loader: LoaderName, scenario: string, stride: number) {
  const { images, ...profile } = loaderProfile(loader);
  const all = {
    ...images,
    sizes: [updateOf(4096), updateOf(TRAILER_OFFSET)],
    bad: [updateOf(TRAILER_OFFSET + 1)],
  };
  const bench = new LoaderBench({ loader: { ...profile, images: all }, engine: "translator", seed: 1 });
  const part = { index: 0, of: stride };
  return bench.explore({ scenario, depth: 1, part, faults: false, runAll: false });
}

/** Cuts of which some are made, and verdicts that a loader that is right comes to. */
const CASES: readonly (readonly [LoaderName, string, number, readonly string[]])[] = LOADERS.flatMap(
  (loader) => [
    [loader, "downgrade", 200, ["runs-new", "runs-old"]],
    [loader, "size-0", 100, ["runs-new", "runs-old"]],
    [loader, "size-1", 3000, ["runs-new", "runs-old"]],
    [loader, "bad-image-0", 3000, ["runs-old"]],
  ],
);

describe("a loader that is right holds", () => {
  it.each(CASES)(
    "%s, in %s",
    (loader, scenario, stride, verdicts) => {
      const tally = explored(loader, scenario, stride);
      expect(tally.findings).toEqual([]);
      expect(
        Object.keys(tally.verdicts)
          .filter((verdict) => verdict !== "unlucky")
          .sort(),
      ).toEqual(verdicts);
      expect(tally.cuts).toBeGreaterThan(0);
    },
    TIMEOUT_MS,
  );
});
