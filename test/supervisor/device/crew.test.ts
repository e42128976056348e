/** What the crew does when getting a standby ready costs one worker after the other. */
import { Worker } from "node:worker_threads";
import { afterEach, expect, it } from "vitest";
import { monotonicNs } from "../../../emulator/base/clock.ts";
import { Control, controlWords, SlotWord, WorkerState } from "../../../emulator/memory/control.ts";
import { Crew } from "../../../supervisor/device/crew.ts";
import type { OnSlotEnd, Slot } from "../../../supervisor/device/slot.ts";
import { WorkerSlot } from "../../../supervisor/device/worker-slot.ts";
import { slotContext } from "./slot-context.ts";

const REGION = 1;
const LINK = new URL("../../../dist/emulator/base/link.js", import.meta.url);

/**
 * A worker for which a preparation is too much unless HURRY says that only what is necessary counts; with `hopeless`
 * it is too much in any case.
 */
const code = (hopeless: boolean): string => `
  import(${JSON.stringify(LINK)}).then(({ serve }) => {
    let words;
    serve({
      attach: ({ memory, layout, slot }) => {
        words = new Int32Array(memory.buffer, layout.slots[slot], 256);
        return 0;
      },
      prepare: () => {
        if (${hopeless} || words[${SlotWord.HURRY}] === 0) process.exit(1);
        words[${SlotWord.STATE}] = ${WorkerState.PARKED};
        return { regions: [{ usable: true }, { usable: true }], storeEpochs: [0, 0] };
      },
    });
  });`;

let crew: Crew | undefined;
afterEach(() => crew?.close());

function newCrew(hopeless: boolean) {
  const seen = { launched: 0, lost: 0, standbys: 0 };
  const context = slotContext(() => {
    seen.launched++;
    return new Worker(code(hopeless), { eval: true });
  });
  const control = controlWords(context.memory, context.layout);
  const slots = (onEnd: OnSlotEnd) => [0, 1].map((index) => new WorkerSlot(index, { ...context, onEnd }));
  crew = new Crew(slots, control, monotonicNs, {
    onStandby: () => seen.standbys++,
    onUnusable: () => undefined,
    onExecutingEnd: () => undefined,
    onStandbyLost: () => seen.lost++,
    onStuckThread: () => undefined,
  });
  return { crew, seen, control };
}

it("what cost a worker is prepared with the least there is to do the next time", async () => {
  const { crew, seen } = newCrew(false);
  crew.want(REGION, false);
  await expect.poll(() => seen.standbys).toBe(1);
  expect(seen.launched).toBe(2);
  expect(crew.standby?.region).toBe(REGION);
});

it("what goes on failing is not tried again at once, unless it is needed or has changed", async () => {
  const { crew, seen, control } = newCrew(true);
  /** Each try takes three workers; each end of one is told, and then that there is no standby. */
  const tried = async (times: number): Promise<void> => {
    await expect
      .poll(() => seen, { timeout: 10_000 })
      .toMatchObject({ launched: 3 * times, lost: 4 * times });
  };
  crew.want(REGION, false);
  await tried(1);
  for (let ticks = 0; ticks < 100; ticks++) crew.want(REGION, false);
  await new Promise(setImmediate);
  expect(seen.launched).toBe(3);
  Atomics.add(control, Control.STORE_EPOCH + REGION, 1);
  crew.want(REGION, false);
  await tried(2);
  crew.want(REGION, true);
  await tried(3);
  expect(seen.standbys).toBe(0);
});

it("of two that are parked the standby is the one for the wanted region", async () => {
  const { crew } = newCrew(false);
  const [wanted, other] = [REGION, 0];
  crew.want(wanted, true);
  await expect.poll(() => crew.standby?.region).toBe(wanted);
  const stopped = crew.standby as Slot;
  crew.promote(stopped);
  stopped.run(1);
  crew.want(other, true);
  await expect.poll(() => crew.standby?.region).toBe(other);
  stopped.words[SlotWord.STATE] = WorkerState.STOPPED;
  expect(stopped.takeStopped()).toBe(true);
  crew.retire();
  crew.want(wanted, true);
  await expect.poll(() => crew.standby?.region).toBe(wanted);
  // Both are parked now, and nothing has to be prepared.
  expect(crew.slots.map(({ phase }) => phase)).toEqual(["parked", "parked"]);
  for (const region of [other, wanted, other]) {
    crew.want(region, true);
    expect(crew.standby?.region).toBe(region);
  }
});

it("the worker that has stopped is taken again where there is no other, rather than a fresh thread started", async () => {
  const { crew, seen } = newCrew(false);
  /** Has the next worker get ready, and executes it. */
  const executed = async (): Promise<Slot> => {
    crew.want(REGION, true);
    await expect.poll(() => crew.standby?.phase).toBe("parked");
    const slot = crew.standby as Slot;
    crew.promote(slot);
    slot.run(1);
    return slot;
  };
  const first = await executed();
  const second = await executed();
  await first.terminate();
  second.words[SlotWord.STATE] = WorkerState.STOPPED;
  expect(second.takeStopped()).toBe(true);
  crew.retire();
  crew.want(REGION, true);
  await expect.poll(() => crew.standby).toBe(second);
  expect(seen.launched).toBe(2);
});
