/**
 * The wrong boot loaders on QEMU's `virt`: without a cut they do what the right ones do, and from what a cut leaves each goes
 * where its file says. Those for flash with ECC, or with time, have no such flash there.
 */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { hasQemu } from "../../scripts/conformance/qemu.ts";
import { expectQemuInCi } from "../controller/support/qemu.ts";
import { ROOT } from "../sources.ts";
import {
  DAMAGED,
  HALF,
  IMAGE_OK,
  Machine,
  NEW,
  NOTHING,
  OF_OTHER_KEY,
  OLD,
  PERMANENT,
  runs,
  type Sector,
  TEST,
  TRIED,
} from "./loader-machine.ts";

type Right = "direct-xip" | "overwrite" | "swap";
const WRONG: Readonly<Record<string, Right>> = {
  "version-before-whole": "direct-xip",
  "claimed-digest": "direct-xip",
  "first-confirmation": "direct-xip",
  "trial-not-noted": "direct-xip",
  "most-bits-match": "direct-xip",
  "bad-update-is-fatal": "overwrite",
  "header-is-enough": "overwrite",
  "blank-is-erased": "overwrite",
  "one-attempt": "overwrite",
  "short-watchdog": "overwrite",
  "hash-only": "swap",
  "resumed-test-kept": "swap",
  "resume-erases-fall-back": "swap",
  "scratch-marked-late": "swap",
};
/** They drive flipside's flash controller. */
const NOT_FOR_QEMU = ["faulting-trailer", "flags-share-unit"];

const old: Sector = { image: OLD };
const [OLD_RUNS, NEW_RUNS, NEW_RUNS_THERE] = [runs("1.0.0"), runs("2.0.0"), runs("2.0.0", "secondary")];

interface Found {
  readonly primary: Sector;
  readonly secondary: Sector;
  readonly scratch?: Sector;
  /** What the starts say, of a right loader and of the wrong one. */
  readonly right: readonly string[];
  readonly wrong: readonly string[];
}
const tested: Sector = { image: NEW, flags: [TEST] };
const halfSwapped = { primary: old, secondary: tested, scratch: tested };
const FOUND: Readonly<Record<string, Found>> = {
  "version-before-whole": {
    primary: old,
    secondary: { image: DAMAGED, flags: [TEST] },
    right: [OLD_RUNS, OLD_RUNS],
    wrong: [NOTHING, NOTHING],
  },
  "claimed-digest": {
    primary: old,
    secondary: { image: DAMAGED, flags: [PERMANENT] },
    right: [OLD_RUNS],
    wrong: [NEW_RUNS_THERE],
  },
  "first-confirmation": {
    primary: old,
    secondary: { image: NEW, flags: [TEST, TRIED, IMAGE_OK], torn: [IMAGE_OK] },
    right: [NEW_RUNS_THERE],
    wrong: [OLD_RUNS],
  },
  "trial-not-noted": {
    primary: old,
    secondary: { image: NEW, flags: [TEST], torn: [TRIED] },
    right: [NEW_RUNS_THERE, OLD_RUNS],
    wrong: [NEW_RUNS_THERE, NEW_RUNS_THERE],
  },
  "most-bits-match": {
    primary: { image: OLD, flags: [IMAGE_OK] },
    secondary: { image: NEW, torn: [PERMANENT] },
    right: [OLD_RUNS],
    wrong: [NEW_RUNS_THERE],
  },
  "bad-update-is-fatal": {
    primary: old,
    secondary: { image: DAMAGED, flags: [PERMANENT] },
    right: [OLD_RUNS],
    wrong: [NOTHING],
  },
  "header-is-enough": {
    primary: { image: HALF },
    secondary: { image: NEW, flags: [PERMANENT] },
    right: [NEW_RUNS, NEW_RUNS],
    wrong: [NEW_RUNS, NOTHING],
  },
  "one-attempt": {
    primary: old,
    secondary: { image: NEW, flags: [PERMANENT, TRIED] },
    right: [NEW_RUNS],
    wrong: [OLD_RUNS],
  },
  "hash-only": {
    primary: old,
    secondary: { image: OF_OTHER_KEY, flags: [PERMANENT] },
    right: [OLD_RUNS],
    wrong: [NEW_RUNS],
  },
  "resumed-test-kept": { ...halfSwapped, right: [NEW_RUNS, OLD_RUNS], wrong: [NEW_RUNS, NEW_RUNS] },
  "resume-erases-fall-back": { ...halfSwapped, right: [NEW_RUNS, OLD_RUNS], wrong: [NEW_RUNS, NEW_RUNS] },
};

type MachineSectors = [primary: Sector, secondary?: Sector, scratch?: Sector | undefined];

/** What so many starts say. The machines have one file for their flash: only the last one may be started. */
function starts(loader: string, count: number, ...sectors: MachineSectors): string[] {
  const machine = new Machine(loader, ...sectors);
  return Array.from({ length: count }, () => machine.start());
}

describe("QEMU", expectQemuInCi);

it("knows each wrong loader", () => {
  const dir = join(ROOT, "controller/firmware/loaders/wrong");
  const named = readdirSync(dir).filter((file) => file.endsWith(".json"));
  expect(named.map((file) => file.replace(".json", "")).sort()).toEqual(
    [...Object.keys(WRONG), ...NOT_FOR_QEMU].sort(),
  );
  for (const file of named) {
    const { loader } = JSON.parse(readFileSync(join(dir, file), "utf8"));
    expect([file, loader.expect]).toEqual([file, expect.stringMatching(/^[a-z-]+$/)]);
  }
});

describe.skipIf(!hasQemu)("a wrong boot loader on QEMU", () => {
  const withoutCut = (loader: string): string[][] => [
    starts(loader, 1, {}),
    starts(loader, 2, old),
    starts(loader, 2, old, { image: NEW, flags: [PERMANENT] }),
    starts(loader, 3, old, tested),
  ];
  const ofRight = new Map<Right, string[][]>();
  const rightOnes = (right: Right): string[][] => {
    const seen = ofRight.get(right) ?? withoutCut(`images/${right}`);
    ofRight.set(right, seen);
    return seen;
  };

  it.each(Object.entries(WRONG))("%s starts and updates as %s does", (name, right) => {
    const seen = withoutCut(`wrong/images/${name}`);
    expect(seen).toEqual(rightOnes(right));
    expect(seen.slice(0, 2)).toEqual([[NOTHING], [OLD_RUNS, OLD_RUNS]]);
  });

  it.each(Object.entries(FOUND))("%s goes wrong where the right one does not", (name, found) => {
    const { primary, secondary, scratch, right, wrong } = found;
    const seen = (loader: string) => starts(loader, right.length, primary, secondary, scratch);
    expect(seen(`images/${WRONG[name]}`)).toEqual(right);
    expect(seen(`wrong/images/${name}`)).toEqual(wrong);
  });
});
