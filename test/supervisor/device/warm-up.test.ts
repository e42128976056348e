import { expect, it } from "vitest";
import type { RegionFacts } from "../../../controller/boot/boot-rom.ts";
import { warmUpFailover } from "../../../supervisor/device/warm-up.ts";
import { digestOf } from "../../emulator/table/table-arbitrary.ts";

it("a warm-up that goes wrong tells so, and ends nothing but itself", async () => {
  const unreadable: RegionFacts = {
    usable: true,
    get version(): never {
      throw new Error("it cannot be read");
    },
    digest: digestOf(0),
    securityCounter: 0,
    headerBytes: 32,
    imageBytes: 99,
    signed: false,
  };
  const failure = await new Promise((resolve) => warmUpFailover([unreadable, unreadable], resolve));
  expect(String(failure)).toBe("Error: it cannot be read");
});
