import { beforeEach, describe, expect, it } from "vitest";
import { createMemory } from "../../../emulator/memory/layout.ts";
import { NvramLog } from "../../../emulator/persist/logged-nvram.ts";
import {
  NO_ROOM,
  numberDistance,
  numberOf,
  PersistRing,
  RING_ENTRIES,
  RingWord,
  StoreKind,
  Taken,
  type TakenStore,
} from "../../../emulator/persist/persist-ring.ts";
import { layout } from "./persistent-device.ts";

const taken: TakenStore = { kind: StoreKind.WORD, offset: 0, bytes: 0, value: 0 };

describe("the persist ring", () => {
  let ring: PersistRing;
  beforeEach(() => {
    ring = new PersistRing(createMemory(layout), layout);
    ring.start(41);
  });

  it("gives stores the numbers that follow what is in the file, and hands them out in that order", () => {
    const first = ring.reserve();
    const second = ring.reserve();
    ring.publish(second, StoreKind.ERASE, 4096, 4096, 0);
    expect(first).toBe(42);
    expect(ring.take(first, taken)).toBe(Taken.PENDING);
    ring.publish(first, StoreKind.WORD, 8, 4, -5);
    expect(ring.take(first, taken)).toBe(Taken.STORE);
    expect(taken).toEqual({ kind: StoreKind.WORD, offset: 8, bytes: 4, value: -5 });
    expect(ring.take(second, taken)).toBe(Taken.STORE);
    expect(taken).toEqual({ kind: StoreKind.ERASE, offset: 4096, bytes: 4096, value: 0 });
    expect(ring.take(second + 1, taken)).toBe(Taken.NOTHING);
  });

  it("counts a loss for each store that it has no room for, and has room again once places are released", () => {
    for (let i = 0; i < RING_ENTRIES; i += 1) ring.publish(ring.reserve(), StoreKind.WORD, 0, 4, i);
    const number = ring.reserve();
    expect(number).toBe(NO_ROOM);
    ring.publish(number, StoreKind.WORD, 0, 4, 1);
    expect(ring.mark()).toEqual({ number: 42 + RING_ENTRIES, losses: 1 });
    ring.release(43);
    expect(ring.reserve()).toBe(42 + RING_ENTRIES);
  });

  it("makes a producer whose place was given up count a loss", () => {
    const number = ring.reserve();
    expect(ring.giveUp(number)).toBe(true);
    ring.publish(number, StoreKind.WORD, 0, 4, 1);
    expect(ring.mark().losses).toBe(1);
    expect(ring.take(number, taken)).toBe(Taken.PENDING);
  });

  it("gives up no place that is published", () => {
    const number = ring.reserve();
    ring.publish(number, StoreKind.WORD, 0, 4, 1);
    expect(ring.giveUp(number)).toBe(false);
    expect(ring.mark().losses).toBe(0);
  });

  it("finds an entry that is not what one producer wrote", () => {
    const number = ring.reserve();
    ring.publish(number, StoreKind.WORD, 0, 4, 1);
    const at = ring.words.indexOf(number + 1, 1024);
    ring.words[at + 4] = 2;
    expect(ring.take(number, taken)).toBe(Taken.GARBLED);
  });

  it("calls a mark durable only when its number is on stable storage and its losses are covered", () => {
    const before = ring.mark();
    expect(ring.isDurable(before)).toBe(true);
    ring.publish(ring.reserve(), StoreKind.WORD, 0, 4, 1);
    const after = ring.mark();
    expect(ring.isDurable(after)).toBe(false);
    ring.words[RingWord.DURABLE] = after.number;
    expect(ring.isDurable(after)).toBe(true);
    ring.publish(NO_ROOM, StoreKind.WORD, 0, 4, 1);
    expect(ring.isDurable(ring.mark())).toBe(false);
    ring.words[RingWord.COVERED] = 1;
    expect(ring.isDurable(ring.mark())).toBe(true);
  });

  it("goes on over the wrap of its numbers", () => {
    ring.start(2 ** 30 - 2);
    const numbers = Array.from({ length: 4 }, () => ring.reserve());
    expect(numbers).toEqual([2 ** 30 - 1, 0, 1, 2]);
    for (const number of numbers) ring.publish(number, StoreKind.WORD, 0, 4, number);
    for (const number of numbers) {
      expect(ring.take(number, taken)).toBe(Taken.STORE);
      expect(taken.value).toBe(number);
    }
    expect(numberDistance(numberOf(2 ** 30 + 2), numberOf(2 ** 30 - 1))).toBe(3);
    expect(numberDistance(numberOf(2 ** 30 - 1), numberOf(2 ** 30 + 2))).toBe(-3);
  });

  it("has who may wait do so where it is half full, and tells for how long", () => {
    expect(ring.awaitRoom(0.1)).toBe(0);
    for (let i = 0; i < RING_ENTRIES / 2; i += 1) ring.publish(ring.reserve(), StoreKind.WORD, 0, 4, i);
    expect(ring.awaitRoom(0.1)).toBeGreaterThan(0);
    ring.release(42 + 1);
    expect(ring.awaitRoom(0.1)).toBe(0);
  });

  it("tells the hart of the time that its stores to NVRAM waited, and only of that", () => {
    const memory = createMemory(layout);
    const full = new PersistRing(memory, layout);
    full.start(41);
    const waits: number[] = [];
    const log = new NvramLog(memory, layout, (waitedNs) => waits.push(waitedNs));
    const store = (offset: number): void => {
      log.beforeStore(offset, 4);
      log.afterStore(offset, 4);
    };
    for (let i = 0; i < RING_ENTRIES / 2; i += 1) store(layout.nvram);
    expect(waits).toEqual([]);
    store(layout.nvram);
    store(layout.host);
    expect(waits).toHaveLength(1);
    expect(waits[0]).toBeGreaterThan(0);
  });
});
