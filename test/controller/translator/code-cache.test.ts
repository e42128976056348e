/** What was translated and dropped is freed: V8 keeps a module's instance as long as a table that it imported. */

import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { CONTROLLER_BOARD } from "../../../controller/boards.ts";
import { STORE_FLAGS } from "../../../controller/cpu/access-guard.ts";
import { AddressSpace } from "../../../controller/cpu/address-space.ts";
import { ALL_EXTENSIONS } from "../../../controller/cpu/isa.ts";
import { CodeCacheStore, MAX_UNITS } from "../../../controller/translator/code-cache.ts";
import { TABLE_SLOTS } from "../../../controller/translator/code-table.ts";
import { Reason } from "../../../controller/translator/codegen.ts";
import { type Target, translateUnit, type Unit } from "../../../controller/translator/unit.ts";
import { createMemory } from "../../../emulator/memory/layout.ts";
import * as a from "../../../scripts/hostile/assemble.ts";
import { CODE_BASE, LAYOUT } from "./harness.ts";

const A0 = 10;
/** Bytes of code of one unit. */
const STRIDE = 16;

const { Instance } = WebAssembly;
let instances: WeakRef<WebAssembly.Instance>[];

beforeEach(() => {
  instances = [];
  WebAssembly.Instance = class extends Instance {
    constructor(...args: ConstructorParameters<typeof Instance>) {
      super(...args);
      instances.push(new WeakRef(this));
    }
  };
});

afterEach(() => {
  WebAssembly.Instance = Instance;
});

/** How many instances are still there once everything is collected that can be. */
async function alive(): Promise<number> {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  // A reference that was looked at lives to the end of the turn.
  await new Promise(setImmediate);
  collect();
  return instances.filter((instance) => instance.deref() !== undefined).length;
}

function newStore() {
  const memory = createMemory(LAYOUT);
  const space = new AddressSpace(memory, LAYOUT, 0, CONTROLLER_BOARD.memory(LAYOUT));
  const target: Target = {
    memory: {
      ram: { base: CODE_BASE, bytes: space.ramBytes, offset: space.ramOffset },
      ramFlags: LAYOUT.ramFlags[0] as number,
      loadFlags: 0,
      storeFlags: STORE_FLAGS,
      readable: [],
      writable: [],
    },
    hart: LAYOUT.slots[0] as number,
    memoryPages: LAYOUT.wasmPages,
    tableSlots: TABLE_SLOTS,
  };
  /** The unit of a small function, the `index`th in RAM. */
  const unitAt = (index: number): Unit => {
    const pc = CODE_BASE + index * STRIDE;
    const parcels = new Uint16Array(Int32Array.from([a.addi(A0, A0, 1), a.ret]).buffer);
    const unit = translateUnit(
      { parcel: (at) => parcels[(at - pc) / 2] ?? -1, extensions: ALL_EXTENSIONS },
      pc,
      target,
    );
    if (unit === undefined) throw new Error("nothing was translated");
    return unit;
  };
  return { store: new CodeCacheStore(memory, space, target, () => 0), unitAt };
}

describe("dropped modules", () => {
  it("are freed, whatever makes firmware's code change", async () => {
    const { store, unitAt } = newStore();
    for (let times = 0; times < 1_000; times++) {
      store.add(unitAt(0));
      expect(store.dropMadeFrom(CODE_BASE, 4)).toBe(true);
    }
    expect(instances.length).toBeGreaterThan(1_000);
    expect(await alive()).toBeLessThan(200);
  });

  it("are freed when there were too many", async () => {
    const { store, unitAt } = newStore();
    for (let index = 0; index < MAX_UNITS * 4; index++) store.add(unitAt(index));
    expect(store.units).toBeLessThanOrEqual(MAX_UNITS);
    expect(await alive()).toBeLessThan(MAX_UNITS * 2);
  });

  it("are those that were not used for longest, where room had to be made, and a quarter at a time", () => {
    const { store, unitAt } = newStore();
    for (let index = 0; index < MAX_UNITS; index++) expect(store.add(unitAt(index))).toBe(0);
    store.install(CODE_BASE);
    expect(store.add(unitAt(MAX_UNITS))).toBe(MAX_UNITS / 4);
    const isThere = (index: number): boolean => store.has(CODE_BASE + index * STRIDE);
    expect(isThere(0)).toBe(true);
    expect([1, MAX_UNITS / 4].map(isThere)).toEqual([false, false]);
    expect([MAX_UNITS / 4 + 1, MAX_UNITS - 1, MAX_UNITS].map(isThere)).toEqual([true, true, true]);
    // The slots are empty, so that the next use is seen.
    store.run(CODE_BASE | 0, 1, 0);
    expect(store.reason).toBe(Reason.MISS);
  });

  it("leave the others callable, from the dispatcher and through the table", () => {
    const { store, unitAt } = newStore();
    const kept = [1, 2, 3].map((index) => CODE_BASE + index * STRIDE);
    for (const index of [1, 2, 3]) store.add(unitAt(index));
    for (let times = 0; times < 200; times++) {
      store.add(unitAt(0));
      store.dropMadeFrom(CODE_BASE, 4);
    }
    expect([...store.entryPcs()]).toEqual(kept);
    // With LIMIT at 0 code that is there says that it may not; a slot without any says that it misses.
    const reasonAt = (pc: number): Reason => {
      store.install(pc);
      store.run(pc | 0, 1, 0);
      return store.reason;
    };
    expect(kept.map(reasonAt)).toEqual(kept.map(() => Reason.LIMIT));
    expect(reasonAt(CODE_BASE)).toBe(Reason.MISS);
  });
});
