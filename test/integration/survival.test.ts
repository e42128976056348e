/** The survival soak over real processes, each of its slower kinds once. */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DEFAULT_LIMITS, DEFAULT_MEMORY_CONFIG, DEFAULT_RECOVERY } from "flipside";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { MEMORY_DEATHS } from "../../supervisor/device/memory-owner.ts";
import { SurvivalSoak } from "../../supervisor/survival/survival.ts";

function image(name: string): Uint8Array {
  return readFileSync(new URL(`../../controller/firmware/${name}`, import.meta.url));
}

const kinds = [
  "power-cut-in-load",
  "rot-executing",
  "rot-standby",
  "rot-floor",
  "rot-nvram",
  "rot-both-replicas-at-start",
  "crash-loop",
];

let directory: string;

describe("the survival soak", () => {
  beforeAll(() => {
    directory = mkdtempSync(join(tmpdir(), "flipside-"));
  });
  afterAll(() => rmSync(directory, { recursive: true }));

  function survivalSoak(
    kinds: readonly string[],
    durationMs: number,
    images = [image("images/controller-1.1.0.img"), image("images/controller-1.0.0.img")],
  ): SurvivalSoak {
    return new SurvivalSoak(
      {
        memory: DEFAULT_MEMORY_CONFIG,
        images,
        limits: { ...DEFAULT_LIMITS, budget: { failures: null, windowMs: 60_000 } },
        recovery: DEFAULT_RECOVERY,
        engine: "auto",
        log: { level: "silent", fd: 2 },
        flashFile: join(directory, `${kinds[0]}.flash`),
      },
      { seed: 1, durationMs, kinds },
    );
  }

  it("finds everything that is covered, brings the controller back from everything, and violates no rule", async () => {
    const { rounds, violations, faults, checks } = await survivalSoak(kinds, 0).run(() => undefined);
    expect(violations).toEqual([]);
    expect(rounds).toBe(kinds.length);
    for (const { kind, injected, detected, recovered } of faults) {
      const covered = kind === "rot-nvram" ? 0 : 1;
      expect({ kind, injected, detected, recovered }).toEqual({
        kind,
        injected: 1,
        detected: covered,
        recovered: 1,
      });
    }
    expect(checks["a version gets ready whatever rots in its NVRAM"]).toBe(1);
  });

  it("makes a version fail with its thread that goes on as though it had not been told to, and tells that once", async () => {
    const kinds = ["supervisor-kill-at-failover", "memory-throw", "crash-loop"];
    const images = [image("mutants/images/ignores-faults.img"), image("images/controller-1.0.0.img")];
    const { rounds, violations, notInjected, faults } = await survivalSoak(kinds, 0, images).run(
      () => undefined,
    );
    expect({ rounds, violations }).toEqual({ rounds: kinds.length, violations: [] });
    const message = expect.stringMatching(
      /^not-injected: firmware 1\.0\.5 in region 0 was told to do ebreak, /,
    );
    expect(notInjected).toEqual([{ id: "ebreak", cause: "not-injected", message }]);
    for (const { injected, recovered } of faults)
      expect({ injected, recovered }).toEqual({ injected: 1, recovered: 1 });
  });

  it("asks no more of the memory emulator worker than a supervisor process bears", async () => {
    const soak = survivalSoak(["memory-terminate"], 600_000);
    const { rounds, violations } = await soak.run((_, done) => {
      if (done === MEMORY_DEATHS.most) soak.end();
    });
    expect({ rounds, violations }).toEqual({ rounds: MEMORY_DEATHS.most + 1, violations: [] });
  });
});
