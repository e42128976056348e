/** A sweep is of the described device: its sizes and deadlines; and what nobody touches of it costs nothing. */
import { describe, expect, it } from "vitest";
import { createMemory, DEFAULT_MEMORY_CONFIG, planLayout } from "../../../../emulator/memory/layout.ts";
import { FLASH_CONTROLLER_BASE } from "../../../../emulator/memory/map.ts";
import { branch, i, load, lui, store, unary } from "../../../../scripts/hostile/assembler.ts";
import { PersistentMemory } from "../../../../supervisor/sweep/flipside/persistent-memory.ts";
import type { Rig } from "../../../../supervisor/sweep/flipside/rig.ts";
import { STANDARD_RULES } from "../../../../supervisor/sweep/flipside/rules.ts";
import type { Scenario } from "../../../../supervisor/sweep/flipside/scenario.ts";
import {
  DEFAULT_SWEPT_DEVICE,
  type SweptDevice,
} from "../../../../supervisor/sweep/flipside/swept-device.ts";
import { Workbench } from "../../../../supervisor/sweep/run/workbench.ts";
import { declaringImage } from "../../../declaring-firmware.ts";
import { LOCKING } from "../../../locking-firmware.ts";
import { IMAGE_A, IMAGE_B, scenario, wholePlan } from "../bench.ts";

function workbench(device: SweptDevice, imageA = IMAGE_A, imageB = IMAGE_B): Workbench {
  return new Workbench(imageA, imageB, STANDARD_RULES, 1, "auto", device);
}

/** A rig at the end of a scenario's first start. */
function openRig(bench: Workbench, script: Scenario): Rig {
  const rig = bench.rig;
  rig.setUp(script);
  rig.device.powerOn();
  expect(rig.device.advance(() => rig.device.ready, 1_000)).toBe(true);
  return rig;
}

const SMALL = { ...DEFAULT_MEMORY_CONFIG, ramBytes: 65_536, hostBytes: 65_536, regionBytes: 65_536 };

describe("the device under sweep", () => {
  it("has the sizes that are described, and those of the default device where nothing is", () => {
    const { rig } = workbench(DEFAULT_SWEPT_DEVICE);
    rig.setUp(scenario("failover-and-back"));
    expect(rig.memory.layout.config).toEqual(DEFAULT_MEMORY_CONFIG);
    const memory = { ...SMALL, nvramBytes: 8192, sectorBytes: 1024, programUnitBytes: 64 };
    const small = workbench({ ...DEFAULT_SWEPT_DEVICE, memory });
    small.rig.setUp(scenario("failover-3-regions"));
    expect(small.rig.memory.layout.config).toEqual({ ...memory, regions: 3 });
  });

  it("has the deadlines that are described: a version that hangs is found after them", () => {
    const foundMs = (commandMs: number): number => {
      const limits = { ...DEFAULT_SWEPT_DEVICE.limits, commandMs };
      const found: number[] = [];
      workbench({ ...DEFAULT_SWEPT_DEVICE, limits }).replay(
        scenario("failover-kicks-without-progress"),
        [],
        (item) => {
          if (typeof item === "object" && item.type === "detected") found.push(item.timeMs);
        },
      );
      return found[0] ?? Number.NaN;
    };
    expect(foundMs(2_000) - foundMs(500)).toBeCloseTo(1_500, 0);
  });

  it("resets PMP, locked entries too, and mseccfg at each start of a version", () => {
    const images = [2, 1].map((minor) => declaringImage(1, minor, LOCKING)) as [Uint8Array, Uint8Array];
    const ready: number[] = [];
    workbench(DEFAULT_SWEPT_DEVICE, ...images).replay(scenario("failover-and-back"), [], (item) => {
      if (typeof item === "object" && item.type === "ready") ready.push(item.region);
    });
    expect(ready.length).toBeGreaterThan(2);
    expect(new Set(ready)).toEqual(new Set([0, 1]));
  });

  it("has the hart that is described: firmware that needs Zbb gets ready on one that has it, and on no other", () => {
    const images = [2, 1].map((minor) => declaringImage(1, minor, [unary("clz", 10, 11)])) as [
      Uint8Array,
      Uint8Array,
    ];
    const isReady = (isa: string): boolean => {
      const script = scenario("failover-and-back");
      const rig = workbench(
        { ...DEFAULT_SWEPT_DEVICE, hart: { ...DEFAULT_SWEPT_DEVICE.hart, isa } },
        ...images,
      ).rig;
      rig.setUp(script);
      rig.device.powerOn();
      return rig.device.advance(() => rig.device.ready, 1_000);
    };
    expect(isReady("rv32imac_zbb")).toBe(true);
    expect(isReady("rv32imac_zba_zbc_zbs_zcb")).toBe(false);
  });

  it("has a flash controller for as many regions as it has, which refuses to have the primary written", () => {
    const [FLASH, VALUE, OTHER] = [6, 7, 8];
    const ILLEGAL = 0;
    const asking = [
      lui(FLASH, FLASH_CONTROLLER_BASE),
      load("lw", VALUE, 0, FLASH),
      lui(OTHER, 2 << 16),
      branch("bne", VALUE, OTHER, 28),
      i("addi", VALUE, 0, 1),
      store("sw", VALUE, 0x40, FLASH),
      load("lw", VALUE, 0x30, FLASH),
      branch("beq", VALUE, 0, -4),
      i("addi", VALUE, VALUE, -10),
      branch("beq", VALUE, 0, 8),
      ILLEGAL,
    ];
    const images = [2, 1].map((minor) => declaringImage(1, minor, asking)) as [Uint8Array, Uint8Array];
    openRig(workbench(DEFAULT_SWEPT_DEVICE, ...images), scenario("failover-and-back"));
  });

  it("erases and programs for as long as is described, and firmware goes on meanwhile", () => {
    const memory = { ...SMALL, sectorEraseUs: 40_000, unitProgramUs: 500 };
    const update = scenario("update-into-empty");
    const { device, images } = openRig(workbench({ ...DEFAULT_SWEPT_DEVICE, memory }), update);
    const image = images.get("update")?.bytes ?? new Uint8Array(0);
    const { ticks } = device;
    expect(device.load(1, "update", image).phase).toBe("done");
    const sectors = Math.ceil(image.length / memory.sectorBytes);
    const units = Math.ceil(image.length / memory.programUnitBytes);
    expect((device.ticks - ticks) / 10_000).toBeCloseTo(sectors * 40 + units * 0.5, 0);
    expect([device.ready, device.starts]).toEqual([true, 1]);
  });

  it.each([
    ["over-budget", 10, 3, "safe-mode-told"],
    ["over-budget-both", null, 3, "safe-mode-told"],
    ["budget-is-of-a-while", 1, 3, "runs-old"],
    ["trial-that-fails-once", 5, 1, "runs-new"],
    ["failover-and-back", 0, 3, "runs-old"],
  ])(
    "bears what %s is about, also where it is described with a budget of %s and %i tries",
    (name, failures, trialTries, ending) => {
      const { limits } = DEFAULT_SWEPT_DEVICE;
      const budget = { ...limits.budget, failures };
      const bench = workbench({
        ...DEFAULT_SWEPT_DEVICE,
        memory: SMALL,
        limits: { ...limits, budget },
        trialTries,
      });
      expect(bench.replay(scenario(name), [])).toBe(ending);
    },
  );

  it("is what each scenario wants, whichever it was set up for before", () => {
    const names = [
      "failover-ecall",
      "failover-3-regions",
      "over-budget",
      "failover-ecall",
      "first-start-4-regions",
      "both-replicas-bad-safe-mode",
      "failover-ecall",
    ];
    const shared = workbench(DEFAULT_SWEPT_DEVICE);
    for (const name of names) {
      const alone = workbench(DEFAULT_SWEPT_DEVICE).explore(scenario(name), wholePlan(1, true));
      expect(shared.explore(scenario(name), wholePlan(1, true)), name).toEqual(alone);
    }
  });

  it("comes to the same verdicts whatever its size, cut by cut", () => {
    const verdicts = (device: SweptDevice) =>
      workbench(device).explore(scenario("failover-illegal-instruction"), wholePlan(1, true)).verdicts;
    expect(verdicts(DEFAULT_SWEPT_DEVICE)).toEqual(verdicts({ ...DEFAULT_SWEPT_DEVICE, memory: SMALL }));
  });
});

describe("persistent memory of a sweep", () => {
  const layout = planLayout({ ...DEFAULT_MEMORY_CONFIG, ramBytes: 65_536 });
  const memory = new PersistentMemory(createMemory(layout), layout);
  const image = new Int32Array(100).fill(7);
  const first = (layout.regions[1] as number) / 4;

  it("is as the factory leaves it once it is cleared, whatever was put, stored and undone", () => {
    const { words } = memory;
    const blank = words.slice();
    const key = memory.stateKey();
    memory.putImage(1, image);
    memory.store(first + 50, 3);
    memory.store(layout.nvram / 4, 4);
    const { position } = memory;
    memory.store(first + 5_000, 5);
    memory.undoTo(position);
    memory.store(layout.table / 4 + 9, 6);
    memory.clear();
    expect(words).toEqual(blank);
    expect(memory.stateKey()).toBe(key);
  });

  it("knows what reads erased without looking: what nobody has stored into", () => {
    memory.clear();
    memory.putImage(1, image);
    expect(memory.isUntouched(1, 0, 4096)).toBe(false);
    expect(memory.isUntouched(1, 4096, 8192)).toBe(true);
    memory.store(first + 3_000, 5);
    expect(memory.isUntouched(1, 4096, 4096)).toBe(true);
    expect(memory.isUntouched(1, 8192, 4096)).toBe(false);
    expect(memory.isUntouched(0, 0, 262_144)).toBe(true);
  });
});
