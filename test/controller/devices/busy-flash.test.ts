/** Mapped flash while the flash controller changes it. */
import { describe, expect, it } from "vitest";
import { BUS_FAULT } from "../../../controller/cpu/engine.ts";
import { BusyFlash } from "../../../controller/devices/busy-flash.ts";
import { TestBoard } from "./test-board.ts";

function bench(busyUntilTick: number) {
  const board = new TestBoard();
  const told: string[] = [];
  let isBusy = true;
  board.ticking.push({
    tick: (now: number) => {
      isBusy = now < busyUntilTick;
    },
  });
  const bytes = Uint8Array.of(1, 2, 3, 0xf4);
  const flash = new BusyFlash(
    {
      name: "nor",
      bytes: 4096,
      contents: (offset, byteCount) => bytes.subarray(offset, offset + byteCount),
      isBusy: () => isBusy,
      misused: (message) => told.push(message),
    },
    board,
  );
  return { board, flash, told };
}

describe("flash that cannot be read while it is busy", () => {
  it("faults each load and store meanwhile, and tells the load", () => {
    const { flash, told } = bench(10);
    expect([flash.load(0x104, 4), flash.store()]).toEqual([BUS_FAULT, BUS_FAULT]);
    expect(told).toEqual(["nor: a read of 0x104 while an erase or a program is under way"]);
  });

  it("gives what is there, of any width, to the load by which the operation is over", () => {
    const { board, flash, told } = bench(10);
    board.ticks = 10;
    expect([flash.load(0, 4), flash.load(1, 2), flash.load(3, 1)]).toEqual([0xf403_0201, 0x0302, 0xf4]);
    expect(told).toEqual([]);
  });
});
