import { expect, it } from "vitest";
import { InterruptedNvram } from "../../../emulator/table/interrupted-nvram.ts";
import { CutNvram } from "./cut-nvram.ts";

it("interrupts once, after so many stores and before the next", () => {
  const memory = new CutNvram();
  const storesAt: number[] = [];
  const port = new InterruptedNvram(memory, 2, () => storesAt.push(memory.stores));
  for (let word = 0; word < 5; word += 1) port.store32(word, word + 1);
  expect(storesAt).toEqual([2]);
  expect([0, 1, 2, 3, 4].map((word) => port.load32(word))).toEqual([1, 2, 3, 4, 5]);
});
