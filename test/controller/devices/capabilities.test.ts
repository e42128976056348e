import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { capabilitiesOf } from "../../../controller/devices/capabilities.ts";

const REFERENCE = ["queue", "commands", "inject", "record"];

describe("what a firmware can do", () => {
  it("is what the reference firmware can where nobody says anything: that updates no region by itself", () => {
    expect(capabilitiesOf(0, undefined)).toEqual({
      can: new Set(REFERENCE),
      saidBy: "nobody",
      remark: undefined,
    });
  });

  it.each([
    [0x01, []],
    [0x03, ["queue"]],
    [0x05, ["queue", "commands"]],
    [0x09, ["queue", "inject"]],
    [0x11, ["queue", "commands", "record"]],
    [0x1f, ["queue", "commands", "inject", "record"]],
    [0x21, ["queue", "update"]],
  ])("is what the register 0x%s declares, and what that implies", (word, can) => {
    expect([...capabilitiesOf(word, undefined).can]).toEqual(can);
  });

  it("is what the configuration says where the register says nothing, and never beside it", () => {
    expect([...capabilitiesOf(0, []).can]).toEqual([]);
    expect([...capabilitiesOf(0, ["inject"]).can]).toEqual(["queue", "inject"]);
    expect([...capabilitiesOf(0x03, ["record"]).can]).toEqual(["queue"]);
  });

  it("counts no bit without DECLARED, and says so", () => {
    const { can, saidBy, remark } = capabilitiesOf(0x1e, undefined);
    expect([can.size, saidBy, remark]).toEqual([
      REFERENCE.length,
      "nobody",
      "CAPABILITIES is 0x1e, without bit 0 (DECLARED): none of its bits counts",
    ]);
  });

  it("has nothing to do with a reserved bit, which is told", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 0x3f }),
        fc.integer({ min: 1, max: 2 ** 26 - 1 }),
        (low, high) => {
          const word = (low | 1 | (high << 6)) >>> 0;
          const { can, remark } = capabilitiesOf(word, undefined);
          expect(can).toEqual(capabilitiesOf(low | 1, undefined).can);
          expect(remark).toBe(
            `CAPABILITIES is 0x${word.toString(16)}: its bits 0x${((high << 6) >>> 0).toString(16)} mean nothing`,
          );
        },
      ),
    );
  });
});
