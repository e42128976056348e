/** Which scenarios there are follows from a loader's mode, and from which images its device file names. */
import { describe, expect, it } from "vitest";
import type { LoaderProfile } from "../../../../supervisor/core/loader-profile.ts";
import { LoaderSubject } from "../../../../supervisor/sweep/loader/loader-subject.ts";
import type { LoaderScenario } from "../../../../supervisor/sweep/loader/scenario.ts";
import { loaderScenarios } from "../../../../supervisor/sweep/loader/scenarios.ts";
import { selectScenarios } from "../../../../supervisor/sweep/run/select.ts";
import { image, SECTOR, tinyProfile } from "./tiny-loader.ts";

const filled = (bytes: number): Uint8Array => new Uint8Array(bytes).fill(5);

function scenarios(said: Partial<LoaderProfile>): readonly LoaderScenario[] {
  return loaderScenarios(tinyProfile(undefined, said));
}

function named(name: string, said: Partial<LoaderProfile>): LoaderScenario | undefined {
  return scenarios(said).find((each) => each.name === name);
}

describe("downgrade", () => {
  it("ends in the lower version where that is accepted, and in the higher one where it is refused", () => {
    expect(named("downgrade", { mode: "swap" })?.ends).toBe("old");
    expect(named("downgrade", { mode: "swap", downgrades: "refused" })?.ends).toBe("new");
    expect(named("downgrade", { mode: "direct-xip" })?.ends).toBe("new");
    expect(named("downgrade", { mode: "direct-xip", downgrades: "accepted" })?.ends).toBe("old");
  });

  it("brings the old image as an update, after one to the new image", () => {
    for (const downgrades of ["accepted", "refused"] as const) {
      const { provisioned, steps = [] } = named("downgrade", { mode: "overwrite", downgrades }) ?? {};
      expect(provisioned).toEqual(["old"]);
      const arriving = steps.flatMap((step) => (step.do === "upload" ? [step.image] : []));
      expect(arriving).toEqual(["new", "old"]);
    }
  });

  it("is none of a loader that has no updates", () => {
    expect(named("downgrade", { mode: "single" })).toBeUndefined();
  });
});

describe("image sizes", () => {
  const { images } = tinyProfile();
  const sizes = [filled(SECTOR), filled(SECTOR + 1), filled(2 * SECTOR)];
  const namesOf = (said: Partial<LoaderProfile>): readonly string[] =>
    selectScenarios(["size-*"], scenarios({ images: { ...images, sizes }, ...said }));

  it("are an update each, which is taken back where the loader does so, and gives way to a newer image", () => {
    expect(namesOf({ mode: "overwrite" })).toEqual(["size-0", "size-1", "size-2"]);
    expect(namesOf({ mode: "swap", images: { ...images, sizes: sizes.slice(0, 1) } })).toEqual([
      "size-0",
      "size-0-revert",
    ]);
    const newer = { ...images, newer: image(3), sizes: sizes.slice(0, 1) };
    expect(namesOf({ mode: "direct-xip", images: newer })).toEqual(["size-0", "size-0-replaced"]);
  });

  it("are told by the limits that they lie at", () => {
    const said = { mode: "overwrite", images: { ...images, sizes } } as const;
    const told = ["size-0", "size-1", "size-2"].map((name) => named(name, said)?.about);
    expect(told).toEqual([
      "an update of 4096 bytes, 1 of the slot's 2 sectors, 4096 bytes from its end",
      "an update of 4097 bytes, 2 of the slot's 2 sectors, 4095 bytes from its end",
      "an update of 8192 bytes, 2 of the slot's 2 sectors, 0 bytes from its end",
    ]);
  });

  it("end in that image, in the old one, and in the newer one", () => {
    const all = { ...images, newer: image(3), sizes: sizes.slice(0, 1) };
    const ends = scenarios({ mode: "swap", images: all }).flatMap(({ name, ends: end }) =>
      name.startsWith("size-") ? [[name, end]] : [],
    );
    expect(ends).toEqual([
      ["size-0", "size-0"],
      ["size-0-revert", "old"],
      ["size-0-replaced", "newer"],
    ]);
  });
});

describe("what is brought once more in the same life", () => {
  const { images } = tinyProfile();
  const all = { ...images, newer: image(3), sizes: [filled(64)] };

  /** After a cut in a scenario, when this image runs. */
  function nextIn(name: string, running: string, said: Partial<LoaderProfile>): string | undefined {
    const profile = tinyProfile(undefined, { images: all, ...said });
    const { rig, oracle } = new LoaderSubject(profile, {});
    const scenario = loaderScenarios(profile).find((each) => each.name === name);
    if (scenario === undefined) throw new Error(`there is no scenario ${name}`);
    rig.setUp(scenario);
    oracle.judgement = { ...oracle.judgement, running };
    return rig.nextUpdate;
  }

  it("is the next higher version", () => {
    const said = { mode: "overwrite" } as const;
    expect(nextIn("update", "old", said)).toBe("new");
    expect(nextIn("update", "new", said)).toBe("newer");
    expect(nextIn("update", "newer", said)).toBeUndefined();
  });

  it("is the image of the scenario's size, and then the newer one", () => {
    const said = { mode: "overwrite" } as const;
    expect(nextIn("size-0", "old", said)).toBe("size-0");
    expect(nextIn("size-0", "size-0", said)).toBe("newer");
  });

  it("is the lower version again, or the higher one, where a downgrade is accepted", () => {
    expect(nextIn("downgrade", "new", { mode: "swap" })).toBe("old");
    expect(nextIn("downgrade", "old", { mode: "swap" })).toBe("new");
    expect(nextIn("downgrade", "new", { mode: "direct-xip" })).toBe("newer");
  });
});
