/** The survival soak over real processes, each of its slower kinds once. */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DEFAULT_LIMITS, DEFAULT_MEMORY_CONFIG, DEFAULT_RECOVERY } from "flipside";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { MEMORY_DEATHS } from "../../supervisor/device/memory-owner.ts";
import { SurvivalSoak } from "../../supervisor/survival/survival.ts";

function image(name: string): Uint8Array {
  return readFileSync(new URL(`../../controller/firmware/images/${name}`, import.meta.url));
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

  function survivalSoak(kinds: readonly string[], durationMs: number): SurvivalSoak {
    return new SurvivalSoak(
      {
        memory: DEFAULT_MEMORY_CONFIG,
        images: [image("controller-1.1.0.img"), image("controller-1.0.0.img")],
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

  it("asks no more of the memory emulator worker than a supervisor process bears", async () => {
    const soak = survivalSoak(["memory-terminate"], 600_000);
    const { rounds, violations } = await soak.run((_, done) => {
      if (done === MEMORY_DEATHS.most) soak.end();
    });
    expect({ rounds, violations }).toEqual({ rounds: MEMORY_DEATHS.most + 1, violations: [] });
  });
});
