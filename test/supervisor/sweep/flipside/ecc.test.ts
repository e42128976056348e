/** A sweep of a device whose flash has ECC: what cannot be read is never started, fails whoever runs into it, and is healed. */
import { describe, expect, it } from "vitest";
import { inspectRegion } from "../../../../controller/boot/inspection.ts";
import { NO_REQUIREMENTS } from "../../../../controller/image/verify.ts";
import { Random } from "../../../../emulator/base/random.ts";
import { CHIP_TEARS } from "../../../../emulator/flash/flash-tear.ts";
import { controlWords } from "../../../../emulator/memory/control.ts";
import { evidenceName } from "../../../../emulator/memory/evidence.ts";
import { createMemory, DEFAULT_MEMORY_CONFIG, planLayout } from "../../../../emulator/memory/layout.ts";
import { ItemKind } from "../../../../supervisor/sweep/explore/items.ts";
import { isGood, type Verdict } from "../../../../supervisor/sweep/flipside/oracle/verdict.ts";
import { PersistentMemory } from "../../../../supervisor/sweep/flipside/persistent-memory.ts";
import { RegionFlash } from "../../../../supervisor/sweep/flipside/region-flash.ts";
import { type Rules, rulesOf, STANDARD_RULES } from "../../../../supervisor/sweep/flipside/rules.ts";
import { type Scenario, START } from "../../../../supervisor/sweep/flipside/scenario.ts";
import { DEFAULT_SWEPT_DEVICE } from "../../../../supervisor/sweep/flipside/swept-device.ts";
import { Workbench } from "../../../../supervisor/sweep/run/workbench.ts";
import { IMAGE_A, IMAGE_B, scenario, wholePlan } from "../bench.ts";

/** Few blocks, so that a whole update is swept in seconds. */
const memory = {
  ...DEFAULT_MEMORY_CONFIG,
  regionBytes: 65_536,
  ramBytes: 65_536,
  hostBytes: 65_536,
  programUnitBytes: 1024,
  ecc: true,
};

function bench(rules: Rules = STANDARD_RULES): Workbench {
  return new Workbench(IMAGE_A, IMAGE_B, rules, 1, "auto", { ...DEFAULT_SWEPT_DEVICE, memory });
}

describe("a device whose flash has ECC", () => {
  it.each(["update-into-empty", "update-that-crashes", "failover-and-back"])(
    "comes through every cut, every tear and every fault of %s",
    (name) => {
      let unreadable = 0;
      const counting = rulesOf({
        inspect: (bytes, unreadableAt) => {
          if (unreadableAt !== undefined) unreadable += 1;
          return STANDARD_RULES.inspect(bytes, unreadableAt);
        },
      });
      const { findings, verdicts } = bench(counting).explore(scenario(name), wholePlan(1, true));
      expect(findings).toEqual([]);
      expect((Object.keys(verdicts) as Verdict[]).every(isGood)).toBe(true);
      expect(unreadable).toBeGreaterThan(10);
    },
  );

  it("is found out where its boot ROM reads what cannot be read", () => {
    const ignorant = rulesOf({ inspect: (bytes) => inspectRegion(bytes, NO_REQUIREMENTS) });
    const { findings } = bench(ignorant).explore(scenario("failover-and-back"), wholePlan(1, true));
    expect(findings.map(({ verdict }) => verdict)).toContain("wrong-image");
    expect(findings.every(({ replay }) => replay.includes("unreadable-"))).toBe(true);
  });

  it("fails by what it executes that cannot be read, runs the other version, and never that one again", () => {
    const { setup } = scenario("failover-and-back");
    const steps = [...START, { do: "serve", commands: 30 }, { do: "wait", durationMs: 500 }] as const;
    const serving: Scenario = { ...scenario("failover-and-back"), name: "serving", setup, steps };
    const ran: string[][] = [];
    for (let at = 8; at < 60; at += 1) {
      const seen: string[] = [];
      bench().replay(serving, [{ at, kind: "unreadable-primary" }], (item) => {
        if (typeof item !== "object") return;
        if (item.type === "injected") seen.push(item.what);
        if (item.type === "detected") seen.push(`${evidenceName(item.failure.evidence)} ${item.region}`);
        if (item.type === "first-instruction") seen.push(`start ${item.region}`);
      });
      ran.push(seen);
    }
    const failed = ran.filter((seen) => seen.length > 2);
    expect(failed.length).toBeGreaterThan(10);
    for (const seen of failed) {
      expect(["panic 0", "double-trap 0", "trap 0"]).toContain(seen[2]);
      expect(seen.with(2, "failed")).toEqual([
        "start 0",
        "unreadable block in region 0",
        "failed",
        "start 1",
      ]);
    }
  });

  it("has no such fault done to it where its flash has none", () => {
    const plain = new Workbench(IMAGE_A, IMAGE_B, STANDARD_RULES, 1, "auto", {
      ...DEFAULT_SWEPT_DEVICE,
      memory: { ...memory, ecc: false },
    });
    const seen: string[] = [];
    plain.replay(scenario("failover-ecall"), [{ at: 8, kind: "unreadable-primary" }], (item) => {
      if (typeof item === "object" && item.type === "injected") seen.push(item.what);
    });
    expect(seen.filter((what) => what.startsWith("unreadable"))).toEqual([]);
  });
});

describe("what cannot be read in a sweep's memory", () => {
  const layout = planLayout({ ...memory, regions: 4 });
  const sector = { kind: ItemKind.ERASE, region: 3, offset: 4096 } as const;
  const erased = new Uint8Array(4096).fill(0xff);

  function fresh(): { readonly persistent: PersistentMemory; readonly flash: RegionFlash } {
    const shared = createMemory(layout);
    const persistent = new PersistentMemory(shared, layout);
    persistent.clear();
    persistent.putImage(3, new Int32Array(2048));
    return { persistent, flash: new RegionFlash(persistent, controlWords(shared, layout)) };
  }

  it("is undone with it, and part of what tells one content from another", () => {
    const { persistent, flash } = fresh();
    const { position } = persistent;
    const { condition } = flash;
    const before = [persistent.stateKey(), persistent.regionKey(3), persistent.regionKey(0)];
    expect(flash.tears).toEqual(CHIP_TEARS);
    for (const how of flash.tears) {
      const torn = [1, 1].map((seed) => {
        expect(flash.tear(sector, erased, how, seed)).toBe(true);
        const fault = flash.readFault(3);
        const keys = [persistent.stateKey(), persistent.regionKey(3)];
        // The same bytes, all of which can be read.
        const words = persistent.words.slice(layout.unreadable / 4, layout.unreadable / 4 + 8);
        for (const [at, word] of words.entries())
          if (word !== 0) persistent.store(layout.unreadable / 4 + at, 0);
        const readable = [persistent.stateKey(), persistent.regionKey(3)];
        if (fault !== undefined) for (const [at, key] of keys.entries()) expect(readable[at]).not.toBe(key);
        expect(flash.readFault(3)).toBeUndefined();
        persistent.undoTo(position);
        flash.condition = condition;
        expect([persistent.stateKey(), persistent.regionKey(3), persistent.regionKey(0)]).toEqual(before);
        expect(flash.readFault(3)).toBeUndefined();
        return [...keys, fault];
      });
      expect(torn[0]).toEqual(torn[1]);
      if (how === "ecc") expect(torn[0]?.[2]).toBe(sector.offset);
    }
  });

  it("has the same key in every region, and is all readable again once it is erased", () => {
    const { persistent, flash } = fresh();
    persistent.putImage(1, new Int32Array(2048));
    for (const region of [1, 3]) flash.spoil(region, 5000);
    expect(persistent.regionKey(1)).toBe(persistent.regionKey(3));
    flash.spoil(1, 0);
    expect(persistent.regionKey(1)).not.toBe(persistent.regionKey(3));
    const random = new Random(1);
    for (const region of [1, 3]) {
      for (const { operation } of flash.erasing(region, 100 + random.below(4000))) operation.step();
      expect(flash.readFault(region)).toBeUndefined();
    }
    expect(persistent.isAllReadable).toBe(true);
  });
});
