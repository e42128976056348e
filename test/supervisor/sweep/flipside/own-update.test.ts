/** Updates that firmware makes by itself, under the sweep: they hold at every cut, wrong rules are found, others are left out. */
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { beginUpdate } from "../../../../controller/boot/transitions.ts";
import { Random } from "../../../../emulator/base/random.ts";
import { nextGeneration } from "../../../../emulator/table/table.ts";
import { perform, powerCycle } from "../../../../supervisor/sweep/flipside/actor.ts";
import type { BadVerdict } from "../../../../supervisor/sweep/flipside/oracle/verdict.ts";
import type { Rig } from "../../../../supervisor/sweep/flipside/rig.ts";
import { type RulesModule, rulesOf, STANDARD_RULES } from "../../../../supervisor/sweep/flipside/rules.ts";
import { OWN_UPDATE_SCENARIOS } from "../../../../supervisor/sweep/flipside/scenarios/own-update.ts";
import type { VirtualEvent } from "../../../../supervisor/sweep/flipside/virtual-event.ts";
import { Workbench } from "../../../../supervisor/sweep/run/workbench.ts";
import { scenario, wholePlan, workbench } from "../bench.ts";

function updating(version: string): Uint8Array {
  const url = new URL(
    `../../../../controller/firmware/plain/images/updating-${version}.img`,
    import.meta.url,
  );
  return new Uint8Array(readFileSync(url));
}

function updatingBench(rules?: RulesModule): Workbench {
  const all = rules === undefined ? STANDARD_RULES : rulesOf(rules);
  return new Workbench(updating("1.1.0"), updating("1.0.0"), all, 1);
}

/** A rig with the scenario's device, ready; its requests and their answers from then on. */
function started(
  name: string,
  { rig } = updatingBench(),
): { readonly rig: Rig; readonly told: readonly string[] } {
  rig.setUp(scenario(name));
  rig.device.powerOn();
  expect(rig.device.advance(() => rig.device.ready, 1_000)).toBe(true);
  const told: string[] = [];
  rig.timeline.afterEvent = (event: VirtualEvent) => {
    if (event.type === "requested") told.push(`${event.by} ${event.kind} ${event.region}`);
    else if (event.type === "acknowledged" || event.type === "refused") told.push(event.type);
  };
  return { rig, told };
}

describe("an update that the firmware makes by itself", () => {
  it.each(OWN_UPDATE_SCENARIOS.map(({ name }) => name))("holds at every cut and tear: %s", (name) => {
    const tally = updatingBench().explore(scenario(name), wholePlan(1));
    expect(tally.findings).toEqual([]);
    expect(tally.leftOut).toBeUndefined();
    expect(tally.cuts).toBeGreaterThan(0);
  });

  it("holds whatever crashes, hangs or rots at any point, also where no version is left to go on with it", () => {
    const { findings, faults } = updatingBench().explore(
      scenario("own-update-without-begin"),
      wholePlan(1, true),
    );
    expect(findings).toEqual([]);
    expect(faults).toBeGreaterThan(100);
  });

  it("is left out where firmware does not say that it makes any, and by that name", () => {
    const tally = workbench().explore(scenario("own-update-into-empty"), wholePlan(1));
    expect(tally).toMatchObject({ leftOut: "own-update", cuts: 0, verdicts: {} });
  });

  it("is asked for, and answered, in the order of every update", () => {
    const { rig, told } = started("own-update-over-previous");
    const step = { do: "own-update", region: 1, image: "update" } as const;
    expect(perform(rig, step, new Random(1))).toBeUndefined();
    expect(told).toEqual([
      "firmware begin-load 1",
      "acknowledged",
      "firmware end-load 1",
      "acknowledged",
      "firmware activate 1",
      "acknowledged",
    ]);
    expect(rig.holds(1)).toBe("update");
    expect(rig.device.table).toMatchObject({ next: 1, regions: [{ state: "accepted" }, { state: "valid" }] });
  });
});

describe("the stop of a version", () => {
  it("ends what it asked for between two units: the region stays invalid, with the units that were made", () => {
    const { rig, told } = started("own-update-cut-off");
    const { memory } = rig;
    const { sectorBytes } = memory.layout.config;
    // Of the units that are erased: what is behind them is what the region held.
    const units = 3;
    memory.regionBytes(2).fill(0);
    const step = { do: "own-update-cut-off", region: 2, image: "update", units } as const;
    expect(perform(rig, step, new Random(1))).toBeUndefined();
    const sectors = Array.from({ length: memory.layout.config.regionBytes / sectorBytes }, (_, sector) =>
      memory.regionBytes(2).subarray(sector * sectorBytes, (sector + 1) * sectorBytes),
    );
    const erased = sectors.filter((sector) => sector.every((byte) => byte === 0xff)).length;
    expect([units, units + 1]).toContain(erased);
    expect(sectors.slice(erased).every((sector) => sector.every((byte) => byte === 0))).toBe(true);
    expect(rig.device.region).toBe(1);
    expect(rig.device.table.regions[2]?.state).toBe("invalid");
    expect(told).toEqual(["firmware begin-load 2", "acknowledged"]);
  });

  it("ends nothing of an operator's load, which goes on", () => {
    const { rig } = started("own-update-cut-off");
    const image = rig.images.get("update")?.bytes ?? new Uint8Array(0);
    let units = 0;
    rig.timeline.narrator = (item) => {
      if (typeof item === "number" && item !== 0) units += 1;
      if (units === 2) rig.device.crash();
    };
    expect(rig.device.load(2, "update", image).phase).toBe("done");
    expect(rig.device.starts).toBeGreaterThan(1);
    expect(rig.holds(2)).toBe("update");
  });
});

it.each([
  ["an image", updatingBench, { do: "own-update-refused", region: 0, begins: true }],
  ["what is to be computed over", workbench, { do: "serve", commands: 1 }],
] as const)("of what the host stored nothing outlasts a power cut: %s", (_, bench, step) => {
  const { rig } = started("own-update-into-empty", bench());
  const { layout, words } = rig.memory;
  const host = words.subarray(layout.host / 4, (layout.host + layout.config.hostBytes) / 4);
  // Of what a command computes the firmware stores some, and nothing of a sum.
  for (let seed = 1; seed <= 8; seed += 1) {
    expect(perform(rig, step, new Random(seed))).toBeUndefined();
    expect(host.some((word) => word !== 0)).toBe(true);
    powerCycle(rig);
    expect(host.every((word) => word === 0)).toBe(true);
    expect(rig.device.advance(() => rig.device.ready, 1_000)).toBe(true);
  }
});

const MUTANTS: readonly {
  readonly name: string;
  readonly rules: RulesModule;
  readonly scenario: string;
  readonly verdict: BadVerdict;
}[] = [
  {
    name: "a region is erased before the table calls it invalid",
    rules: {
      beginOwnUpdate: (table) => ({ ok: true, table }),
      endUpdate: (table, region, { version, digest }) => ({
        ok: true,
        table: {
          ...table,
          generation: nextGeneration(table.generation),
          regions: table.regions.map((record, at) =>
            at === region
              ? { ...record, version, digest, confirmed: false, state: "valid" as const }
              : record,
          ),
        },
      }),
    },
    scenario: "own-update-over-previous",
    verdict: "wrong-image",
  },
  {
    name: "a version on trial may write what it falls back on",
    rules: { beginOwnUpdate: (table, region) => beginUpdate(table, region, true) },
    scenario: "own-update-refused-on-trial",
    verdict: "unconfirmed-kept",
  },
  {
    name: "what executes may be written",
    rules: { beginOwnUpdate: (table, region) => beginUpdate(table, region, false) },
    scenario: "own-update-without-begin",
    verdict: "unconfirmed-kept",
  },
  {
    name: "what firmware may begin is refused",
    rules: { beginOwnUpdate: () => ({ ok: false, refusal: "is-primary", message: "never" }) },
    scenario: "own-update-into-empty",
    verdict: "lost-update",
  },
];

describe("the oracle sees, and names rightly", () => {
  it.each(MUTANTS)("$name", ({ rules, scenario: name, verdict }) => {
    const { findings } = updatingBench(rules).explore(scenario(name), wholePlan(1));
    expect(findings.length).toBeGreaterThan(0);
    expect(new Set(findings.map((finding) => finding.verdict))).toEqual(new Set([verdict]));
  });
});
