import { describe, expect, it } from "vitest";
import { Control, controlWords } from "../../../emulator/memory/control.ts";
import { EVENT_ENTRIES, EventCode, EventRing } from "../../../emulator/memory/events.ts";
import { createMemory, DEFAULT_MEMORY_CONFIG, planLayout } from "../../../emulator/memory/layout.ts";

/** @param first index of the first event */
function newRing(first = 0): EventRing {
  const layout = planLayout({
    ...DEFAULT_MEMORY_CONFIG,
    ramBytes: 65_536,
    regionBytes: 65_536,
    hostBytes: 65_536,
  });
  const memory = createMemory(layout);
  controlWords(memory, layout)[Control.EVENT_NEXT] = first;
  return new EventRing(memory, layout);
}

describe("event ring", () => {
  it("gives back what was stamped, in order", () => {
    const ring = newRing();
    ring.stamp(EventCode.FAULT, 1, 7, 1234567.5);
    ring.stamp(EventCode.READY, 0, 8, 2e15);
    expect(ring.read(0)).toEqual([
      { index: 0, name: "fault", region: 1, bootEpoch: 7, timeNs: 1234567.5 },
      { index: 1, name: "ready", region: 0, bootEpoch: 8, timeNs: 2e15 },
    ]);
  });

  it("keeps the newest entries when it wraps", () => {
    const ring = newRing();
    for (let i = 0; i < EVENT_ENTRIES + 10; i++) ring.stamp(EventCode.POWER_ON, 0, i, i);
    const events = ring.read(0);
    expect(events.length).toBe(EVENT_ENTRIES);
    expect(events[0]?.bootEpoch).toBe(10);
    expect(ring.read(ring.next)).toEqual([]);
  });

  it.each([2 ** 31 - 2, 2 ** 32 - 3])(
    "goes on when its index, at %d, leaves what a signed or a whole word holds",
    (first) => {
      const ring = newRing(first);
      const from = ring.next;
      for (let epoch = 0; epoch < 6; epoch++) ring.stamp(EventCode.POWER_ON, 0, epoch, epoch);
      expect(ring.read(from).map(({ bootEpoch }) => bootEpoch)).toEqual([0, 1, 2, 3, 4, 5]);
    },
  );
});
