/** Registers of a chip that is not there: what they give, and what becomes of what is written to them. */
import { describe, expect, it } from "vitest";
import { type RegisterRange, RegisterRangeDevice } from "../../../controller/devices/register-range.ts";

function registers(changed: Partial<RegisterRange> = {}): RegisterRangeDevice {
  return new RegisterRangeDevice({
    base: 0x4000_0000,
    bytes: 8192,
    reads: [0],
    writes: "ignore",
    ...changed,
  });
}

describe("registers of a chip that is not there", () => {
  it("are as many bytes as the profile says, and take accesses of each width", () => {
    expect(registers().blockBytes).toBe(8192);
    expect(registers().accessBytes).toBe(1 + 2 + 4);
  });

  it("give one value after the other, wherever they are read, and the last one for ever", () => {
    const device = registers({ reads: [0x11, 0x22, 0x33] });
    expect([0, 4, 0x100, 0, 8].map((offset) => device.load(offset))).toEqual([0x11, 0x22, 0x33, 0x33, 0x33]);
  });

  it("begin anew with a reset", () => {
    const device = registers({ reads: [1, 2], writes: "keep" });
    device.load(0);
    device.store(4, 9, 4);
    device.reset();
    expect([device.load(4), device.load(4)]).toEqual([1, 2]);
  });

  it("give the byte that is asked for of a word", () => {
    const device = registers({ reads: [0x4433_2211] });
    expect([0, 1, 2, 3].map((offset) => device.load(offset) & 0xff)).toEqual([0x11, 0x22, 0x33, 0x44]);
  });

  it("give 0 where the profile has no value", () => {
    expect(registers({ reads: [] }).load(0)).toBe(0);
  });

  it("forget what is written, or keep it", () => {
    const [ignores, keeps] = [registers({ reads: [7] }), registers({ reads: [7], writes: "keep" })];
    for (const device of [ignores, keeps]) expect(device.store(8, 0x8765_4321, 4)).toBe(0);
    expect(ignores.load(8)).toBe(7);
    expect(keeps.load(8)).toBe(0x8765_4321);
    expect(keeps.load(12)).toBe(7);
  });

  it("keep what is written to bytes and halves of a word, and the rest of it", () => {
    const device = registers({ writes: "keep" });
    device.store(0, 0x1122_3344, 4);
    device.store(1, 0xaa, 1);
    device.store(2, 0xbbcc, 2);
    expect(device.load(0)).toBe(0xbbcc_aa44);
  });
});
