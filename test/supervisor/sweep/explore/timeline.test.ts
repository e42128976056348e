/** What is known of an item before it, and once it was begun. */
import { expect, it } from "vitest";
import { type FlashUnit, ItemKind } from "../../../../supervisor/sweep/explore/items.ts";
import type { TearableFlash, UndoLog } from "../../../../supervisor/sweep/explore/memory.ts";
import { Timeline } from "../../../../supervisor/sweep/explore/timeline.ts";

const MEMORY: UndoLog = { position: 0, undoTo: () => undefined, stateKey: () => 0 };
const FLASH: TearableFlash = {
  condition: [],
  tears: [],
  settled: true,
  read: () => new Uint8Array(),
  tear: () => false,
};
const UNIT: FlashUnit = { kind: ItemKind.PROGRAM, region: 0, offset: 0 };

it("a cut before a unit is one at which nobody knows of it; a torn one was begun", () => {
  const timeline = new Timeline<string, { readonly units: number }>(MEMORY, FLASH);
  const oracle = {
    judgement: { units: 0 },
    condemned: false,
    observe: () => undefined,
    begins: () => {
      oracle.judgement = { units: oracle.judgement.units + 1 };
    },
    afterCut: (known: { readonly units: number }) => known,
    keyOf: String,
    verdict: () => "",
  };
  timeline.oracle = oracle;
  timeline.event("before");
  timeline.beforeUnit(UNIT);
  timeline.beforeStore();
  const begun = [0, 1, 2, 3].map((index) => timeline.begunAt(index)?.units);
  expect(begun).toEqual([undefined, 1, 2, undefined]);
  const known = [2, 1].map((index) => {
    timeline.rewind(index);
    return oracle.judgement.units;
  });
  expect(known).toEqual([1, 0]);
});
