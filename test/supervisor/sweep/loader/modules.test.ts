/** The sweep of a loader whose flash controller is a module: its short cuts are exact there, too. */
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";
import { loadDeviceFile } from "../../../../supervisor/device-file/load.ts";
import { loadLoader } from "../../../../supervisor/device-file/load-loader.ts";
import { Explorer, type Plan } from "../../../../supervisor/sweep/explore/explorer.ts";
import { PathRunner } from "../../../../supervisor/sweep/explore/path-runner.ts";
import { sweepEngine } from "../../../../supervisor/sweep/flipside/engine.ts";
import { LoaderSubject } from "../../../../supervisor/sweep/loader/loader-subject.ts";
import { scenarioOf } from "./support/loaders.ts";

const SEED = 1;
const DEVICE = fileURLToPath(
  new URL("../../../../controller/firmware/loaders/direct-xip-spi.json", import.meta.url),
);

async function subjectOf(): Promise<LoaderSubject> {
  const profile = loadLoader(loadDeviceFile(DEVICE));
  const loaded = await Promise.all(
    profile.board.devices.map(async ({ module }) => (await import(module)) as { readonly device: unknown }),
  );
  const exported = loaded.map(({ device }) => device);
  const subject = new LoaderSubject(profile, sweepEngine("auto"), { exported, guard: (_, call) => call });
  new PathRunner(subject, SEED).run(scenarioOf(profile, "update"), []);
  return subject;
}

function casesOf(subject: LoaderSubject, name: string, part: Plan["part"], runAll: boolean): string[] {
  const cases: string[] = [];
  const plan = { depth: 1, seed: SEED, part, faults: false, runAll };
  new Explorer(subject, scenarioOf(subject.rig.profile, name), plan, (path, ending) => {
    cases.push(JSON.stringify([path, ending]));
  }).explore();
  return cases;
}

it("each case ends alike whether futures are joined and calls put in place or all is executed", async () => {
  const subject = await subjectOf();
  for (const [name, part] of [
    ["first-start", { index: 0, of: 1 }],
    ["update", { index: 5, of: 800 }],
  ] as const) {
    const cases = casesOf(subject, name, part, false);
    expect(cases.length).toBeGreaterThan(0);
    expect(casesOf(subject, name, part, true)).toEqual(cases);
  }
}, 120_000);
