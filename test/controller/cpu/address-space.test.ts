/** Who may read and write what, and the general path of loads and stores over it. */

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { CONTROLLER_BOARD } from "../../../controller/boards.ts";
import { AccessGuard } from "../../../controller/cpu/access-guard.ts";
import { AddressSpace, NOWHERE } from "../../../controller/cpu/address-space.ts";
import { DataPath } from "../../../controller/cpu/data-path.ts";
import { BUS_FAULT, type Bus, Cause } from "../../../controller/cpu/engine.ts";
import { Hart } from "../../../controller/cpu/hart.ts";
import { createMemory, planLayout, TABLE_BYTES } from "../../../emulator/memory/layout.ts";
import {
  HOST_BASE,
  NVRAM_BASE,
  RAM_BASE,
  REGION_BASE,
  REGION_STRIDE,
  TABLE_BASE,
  WINDOW_BASE,
} from "../../../emulator/memory/map.ts";
import { TEST_CONFIG } from "../support/machines.ts";

const NO_DEVICES: Bus = {
  load: () => BUS_FAULT,
  store: () => BUS_FAULT,
  stopRequested: false,
  timeLow: () => 0,
  timeHigh: () => 0,
  hostCall: () => false,
  fetchAwaited: () => false,
  stalls: () => false,
  asksBesides: () => undefined,
  exception: () => undefined,
  tookLong: () => undefined,
};

function addressSpace(regionBytes = TEST_CONFIG.regionBytes) {
  const layout = planLayout({ ...TEST_CONFIG, regionBytes });
  const memory = createMemory(layout);
  const result = new AddressSpace(memory, layout, 0, CONTROLLER_BOARD.memory(layout));
  result.setRegion(1);
  const hart = new Int32Array(memory.buffer, layout.slots[0] ?? 0, Hart.WORDS);
  return {
    layout,
    space: result,
    data: new DataPath(result, hart, NO_DEVICES, new AccessGuard(hart, result, [])),
  };
}

const { layout, space: small } = addressSpace();
const { regionBytes, ramBytes, hostBytes } = TEST_CONFIG;
/** Name, first address, bytes, host offset, whether the hart may store. */
const RANGES: readonly (readonly [string, number, number, number, boolean])[] = [
  ["the window", WINDOW_BASE, regionBytes, layout.regions[1] ?? 0, false],
  ["region 0", REGION_BASE, regionBytes, layout.regions[0] ?? 0, false],
  ["region 1", REGION_BASE + REGION_STRIDE, regionBytes, layout.regions[1] ?? 0, false],
  ["the table", TABLE_BASE, TABLE_BYTES, layout.table, false],
  ["NVRAM", NVRAM_BASE, layout.config.nvramBytes, layout.nvram, true],
  ["host memory", HOST_BASE, hostBytes, layout.host, true],
  ["RAM", RAM_BASE, ramBytes, layout.ram, true],
];

describe("the address space", () => {
  it.each(RANGES)("%s lies where the map says and ends there", (_, base, byteCount, offset, writable) => {
    for (const size of [1, 2, 4]) {
      expect(small.readable(base, size)).toBe(offset);
      expect(small.readable(base + byteCount - size, size)).toBe(offset + byteCount - size);
      expect(small.readable(base + byteCount - size + 1, size)).toBe(NOWHERE);
      expect(small.readable(base - 1, size)).toBe(NOWHERE);
      expect(small.writable(base, size)).toBe(writable ? offset : NOWHERE);
      expect(small.writable(base + byteCount - size + 1, size)).toBe(NOWHERE);
    }
  });
  it("has nothing anywhere else, and signed addresses mean the same as unsigned ones", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 2 ** 32 - 1 }), (address) => {
        const range = RANGES.find(([, base, byteCount]) => address >= base && address < base + byteCount);
        const offset = range === undefined ? NOWHERE : range[3] + address - range[1];
        expect(small.readable(address, 1)).toBe(offset);
        expect(small.readable(address | 0, 1)).toBe(offset);
      }),
      { numRuns: 2000 },
    );
  });
  it("tells whether read-only memory beside the window was read", () => {
    const { space, data } = addressSpace();
    const readsElsewhere = (address: number) => {
      space.readElsewhere = false;
      data.load(address, 4);
      return space.readElsewhere;
    };
    expect([WINDOW_BASE, RAM_BASE, NVRAM_BASE, HOST_BASE, 0].map(readsElsewhere)).not.toContain(true);
    const elsewhere = [REGION_BASE, REGION_BASE + REGION_STRIDE, TABLE_BASE, REGION_BASE + 2];
    expect(elsewhere.map(readsElsewhere)).not.toContain(false);
  });
  it("gives copies of a region's bytes, and none beyond it; that too is reading beside the window", () => {
    const { layout, space } = addressSpace();
    const start = layout.regions[1] ?? 0;
    space.bytes.set([1, 2, 3, 4], start + regionBytes - 4);
    space.readElsewhere = false;
    const copy = space.readRegion(1, regionBytes - 3, 3);
    expect([[...copy], space.readElsewhere]).toEqual([[2, 3, 4], true]);
    space.bytes[start + regionBytes - 1] = 9;
    expect(copy[2]).toBe(4);
    expect(() => space.readRegion(1, regionBytes - 3, 4)).toThrow("no 4 bytes");
    expect(() => space.readRegion(7, 0, 1)).toThrow("of region 7");
  });

  it("has as many regions as the board, not as the layout", () => {
    const { layout, space } = addressSpace();
    expect(space.regionCount).toBe(layout.regions.length);
    space.limitRegions(1);
    expect(space.regionCount).toBe(1);
  });

  it("has no window before a region is designated, and refuses a region that is not there", () => {
    const fresh = new AddressSpace(createMemory(layout), layout, 0, CONTROLLER_BOARD.memory(layout));
    expect(fresh.readable(WINDOW_BASE, 4)).toBe(NOWHERE);
    expect(() => fresh.setRegion(2)).toThrow("region 2");
  });
  it("has nothing where the regions of the layout would be that a board lacks", () => {
    const fresh = new AddressSpace(createMemory(layout), layout, 0, CONTROLLER_BOARD.memory(layout));
    fresh.limitRegions(1);
    const [first, second] = [REGION_BASE, REGION_BASE + REGION_STRIDE];
    expect(fresh.readable(first, 4)).toBe(layout.regions[0]);
    expect(fresh.readable(second, 4)).toBe(NOWHERE);
    expect(fresh.readable(TABLE_BASE, 4)).toBe(layout.table);
    fresh.limitRegions(2);
    expect(fresh.readable(second, 4)).toBe(layout.regions[1]);
  });
});

describe("memory whose device answers itself", () => {
  it("is not there meanwhile, for loads and fetches, and lies where it did afterwards", () => {
    const { space, layout: itsLayout } = addressSpace();
    const [first, second] = [REGION_BASE, REGION_BASE + REGION_STRIDE];
    space.setAnswering(first, true);
    expect([space.readable(first, 4), space.readable(second, 4)]).toEqual([NOWHERE, itsLayout.regions[1]]);
    space.setAnswering(WINDOW_BASE, true);
    expect([space.readable(WINDOW_BASE, 4), space.executable(WINDOW_BASE, 4)]).toEqual([NOWHERE, NOWHERE]);
    expect([space.region, space.windowOffset]).toEqual([NOWHERE, NOWHERE]);
    for (const base of [first, WINDOW_BASE]) space.setAnswering(base, false);
    expect(space.readable(first, 4)).toBe(itsLayout.regions[0]);
    expect([space.region, space.executable(WINDOW_BASE, 4)]).toEqual([1, itsLayout.regions[1]]);
  });

  it("stays away from a window that is pointed elsewhere meanwhile, and counts once however often it is said", () => {
    const { space, layout: itsLayout } = addressSpace();
    for (const answers of [true, true]) space.setAnswering(WINDOW_BASE, answers);
    space.setRegion(0);
    expect(space.executable(WINDOW_BASE, 4)).toBe(NOWHERE);
    space.setAnswering(WINDOW_BASE, false);
    expect([space.region, space.executable(WINDOW_BASE, 4)]).toEqual([0, itsLayout.regions[0]]);
  });

  it("stays away where the board has fewer regions from now on", () => {
    const { space } = addressSpace();
    space.setAnswering(REGION_BASE, true);
    space.limitRegions(1);
    expect(space.readable(REGION_BASE, 4)).toBe(NOWHERE);
  });
});

describe("the window", () => {
  it("is where the board has it, and as large as that", () => {
    const { space } = addressSpace();
    expect([space.hasWindow, space.windowBase, space.windowBytes]).toEqual([true, WINDOW_BASE, regionBytes]);
    const memory = createMemory(layout);
    const offset = layout.regions[0] ?? 0;
    const moved = new AddressSpace(memory, layout, 0, [
      { base: 0x0800_0000, bytes: 8192, offset: NOWHERE, kind: "window" },
      { base: 0x0900_0000, bytes: 8192, offset, kind: "nor" },
    ]);
    moved.setRegion(0);
    expect([moved.windowBase, moved.windowBytes]).toEqual([0x0800_0000, 8192]);
    expect([moved.executable(0x0800_1ffc, 4), moved.executable(0x0800_2000, 4)]).toEqual([
      offset + 8188,
      NOWHERE,
    ]);
  });

  it("is nowhere on a board without one", () => {
    const bare = new AddressSpace(createMemory(layout), layout, 0, []);
    expect([bare.hasWindow, bare.windowBase, bare.windowBytes]).toEqual([false, 0, 0]);
    expect(() => bare.setRegion(0)).toThrow("region 0");
  });
});

describe("the data path", () => {
  it("reads over the boundary of two regions that touch", () => {
    const { layout, space, data } = touchingRegions();
    space.bytes.set([0x11, 0x22], (layout.regions[0] ?? 0) + REGION_STRIDE - 2);
    space.bytes.set([0x33, 0x44], layout.regions[1]);
    expect(data.load(REGION_BASE + REGION_STRIDE - 2, 4)).toBe(0x4433_2211);
    expect(data.cause).toBe(0);
  });
  it("a store that reaches beyond its memory stores none of its bytes", () => {
    const { space, layout, data } = addressSpace();
    const before = space.bytes.slice(layout.host, layout.host + hostBytes);
    data.store(HOST_BASE + hostBytes - 2, 4, -1);
    expect([data.cause, data.faultAddress >>> 0]).toEqual([Cause.STORE_ACCESS_FAULT, HOST_BASE + hostBytes]);
    expect(space.bytes.slice(layout.host, layout.host + hostBytes)).toEqual(before);
  });
  it("forgets a fault with the next access", () => {
    const { data } = addressSpace();
    data.load(0, 4);
    expect(data.cause).toBe(Cause.LOAD_ACCESS_FAULT);
    data.load(RAM_BASE, 4);
    expect(data.cause).toBe(0);
  });
});

/** Regions as large as their stride: the one begins where the other ends. */
function touchingRegions() {
  return addressSpace(REGION_STRIDE);
}
