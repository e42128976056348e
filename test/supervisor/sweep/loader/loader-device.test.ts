/** A loader's board in virtual time, by loaders of a few instructions. */
import { describe, expect, it } from "vitest";
import { Program } from "../../../controller/support/assembler.ts";
import {
  carriedOut,
  goTo,
  NOR_PROFILE,
  POWER_ON,
  PRIMARY,
  store,
  tinyProfile,
  tinyScenario,
  UART,
} from "./tiny-loader.ts";

describe("flash", () => {
  it("begins erased, whatever an erased byte reads", () => {
    const { board } = tinyProfile();
    const flash = [{ ...NOR_PROFILE, geometry: { ...NOR_PROFILE.geometry, erasedByte: 0 as const } }];
    const { subject, verdict } = carriedOut(tinyProfile(undefined, { board: { ...board, flash } }));
    const [primary, secondary] = subject.rig.profile.slots.map((slot) => subject.device.slotBytes(slot));
    expect(verdict).toBe("runs-old");
    expect(secondary?.every((byte) => byte === 0)).toBe(true);
    expect(primary?.at(-1)).toBe(0);
  });
});

describe("the UART", () => {
  it("has the lines since power came on, and nothing of what was begun before", () => {
    const program = new Program();
    for (const byte of Buffer.from("a\nb")) store(program, UART, byte, "sb");
    const { subject } = carriedOut(tinyProfile(goTo(program, PRIMARY)), tinyScenario([POWER_ON, POWER_ON]));
    expect(subject.device.uart).toEqual(["a"]);
  });
});

describe("the longest start", () => {
  it("is measured where that is asked for, and stays as it is", () => {
    const { subject } = carriedOut(tinyProfile());
    expect(subject.device.longestStart).toBe(0);
    const scenario = tinyScenario([POWER_ON]);
    subject.measure(() => {
      subject.setUp(scenario);
      subject.carryOut(scenario, 1, true);
    });
    expect(subject.device.longestStart).toBeGreaterThan(3);
  });
});
