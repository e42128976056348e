/** Operations as firmware posts them: none of its words is believed, and each ends in a value of STATUS. */
import { describe, expect, it } from "vitest";
import { BytesFlashPort, NorFlash } from "../../../emulator/flash/flash.ts";
import { asPosted, statusOf } from "../../../emulator/flash/posted.ts";
import { FlashRefusedError } from "../../../emulator/flash/region-writer.ts";
import { FlashAction, type FlashAsk, FlashStatus } from "../../../emulator/memory/flash-posts.ts";
import { RAM_BASE } from "../../../emulator/memory/map.ts";

const geometry = { regionBytes: 1024, sectorBytes: 256, programUnitBytes: 64 };

function bench(isPrimary = false) {
  const bytes = new Uint8Array(geometry.regionBytes);
  const flash = new NorFlash(new BytesFlashPort(bytes, () => undefined), geometry, () => isPrimary);
  const ram = Uint8Array.from({ length: 2048 }, (_, at) => at & 0xff);
  const ask = (action: FlashAction, changes: Partial<FlashAsk> = {}): FlashAsk => ({
    action,
    region: 1,
    offset: 0,
    length: 1024,
    memory: RAM_BASE,
    epoch: 1,
    ...changes,
  });
  /** @param units that it is permitted to make */
  const carryOut = (asked: FlashAsk, units = Number.POSITIVE_INFINITY) => {
    let made = 0;
    try {
      for (const { operation } of asPosted(asked, flash, ram, () => made < units)) {
        operation.step();
        made += 1;
      }
      return statusOf(undefined);
    } catch (error) {
      return statusOf(error);
    }
  };
  return { bytes, flash, ram, ask, carryOut };
}

describe("what is posted", () => {
  it("erases, and programs what is in RAM", () => {
    const { bytes, ram, ask, carryOut } = bench();
    expect(carryOut(ask(FlashAction.ERASE)).status).toBe(FlashStatus.DONE);
    const programmed = ask(FlashAction.PROGRAM, { offset: 64, length: 128, memory: RAM_BASE + 5 });
    expect(carryOut(programmed).status).toBe(FlashStatus.DONE);
    expect(bytes.slice(64, 192)).toEqual(ram.slice(5, 133));
    expect([...bytes.slice(0, 64), ...bytes.slice(192)].every((byte) => byte === 0xff)).toBe(true);
  });

  it("ends between two units where it may not go on, and leaves the flash free", () => {
    const { bytes, ask, carryOut } = bench();
    expect(carryOut(ask(FlashAction.ERASE), 2)).toEqual({ status: FlashStatus.REFUSED, offset: 0 });
    expect([bytes[511], bytes[512]]).toEqual([0xff, 0]);
    expect(carryOut(ask(FlashAction.ERASE)).status).toBe(FlashStatus.DONE);
  });

  it("does nothing where it may not begin", () => {
    const { bytes, ask, carryOut } = bench();
    expect(carryOut(ask(FlashAction.ERASE), 0).status).toBe(FlashStatus.REFUSED);
    expect(bytes.every((byte) => byte === 0)).toBe(true);
  });

  it.each<[string, FlashAction, Partial<FlashAsk>, FlashStatus, number]>([
    ["no whole sectors", FlashAction.ERASE, { offset: 64 }, FlashStatus.MISALIGNED, 64],
    ["no bytes", FlashAction.ERASE, { length: 0 }, FlashStatus.MISALIGNED, 0],
    ["beyond the region", FlashAction.ERASE, { offset: 256 }, FlashStatus.RANGE, 256],
    ["more than there is", FlashAction.PROGRAM, { length: 0xffff_ffc0 }, FlashStatus.RANGE, 0],
    ["data in front of RAM", FlashAction.PROGRAM, { memory: 64 }, FlashStatus.RANGE, 0],
    ["data beyond RAM", FlashAction.PROGRAM, { memory: RAM_BASE + 1025 }, FlashStatus.RANGE, 0],
    ["what is not erased", FlashAction.PROGRAM, { offset: 512, length: 64 }, FlashStatus.NOT_ERASED, 512],
  ])("is refused for %s, and changes nothing", (_, action, changes, status, offset) => {
    const { bytes, ask, carryOut } = bench();
    expect(carryOut(ask(action, changes))).toEqual({ status, offset });
    expect(bytes.every((byte) => byte === 0)).toBe(true);
  });

  it("is refused for the primary, and for a region that is not there", () => {
    const primary = bench(true);
    expect(primary.carryOut(primary.ask(FlashAction.ERASE)).status).toBe(FlashStatus.REFUSED);
    const nowhere = asPosted(primary.ask(FlashAction.ERASE), undefined, primary.ram, () => true);
    expect(() => nowhere.next()).toThrow("there is no region 1");
  });
});

describe("STATUS", () => {
  it("tells a stop and a full queue as refusals, and what nobody foresaw as a failure", () => {
    const refused = (name: string): FlashStatus => statusOf(new FlashRefusedError(name, "", 0)).status;
    expect([refused("stopped"), refused("queue-full")]).toEqual([FlashStatus.REFUSED, FlashStatus.REFUSED]);
    expect(statusOf(new Error("anything")).status).toBe(FlashStatus.FAILED);
  });
});
