import { expect, it, vi } from "vitest";
import type { RegionFacts } from "../../../controller/boot/boot-rom.ts";
import { FailoverRehearsal } from "../../../supervisor/device/warm-up.ts";
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
  const failure = await new Promise((resolve) => new FailoverRehearsal([unreadable, unreadable], resolve));
  expect(String(failure)).toBe("Error: it cannot be read");
});

it("failovers are rehearsed until told to end: the first ones at once, then one for each call", async () => {
  const version = (minor: number): RegionFacts => ({
    usable: true,
    version: { major: 1, minor, revision: 0, build: 0 },
    digest: digestOf(minor),
    securityCounter: 0,
    headerBytes: 32,
    imageBytes: 99,
    signed: false,
  });
  const failures: unknown[] = [];
  const rehearsal = new FailoverRehearsal([version(0), version(1)], (error) => failures.push(error));
  // The doorbell is answered once when it is first listened to.
  await vi.waitFor(() => expect(rehearsal.played).toBe(3_001), { timeout: 10_000 });
  rehearsal.rehearse();
  await vi.waitFor(() => expect(rehearsal.played).toBe(3_002));
  rehearsal.close();
  rehearsal.rehearse();
  await new Promise((resolve) => setImmediate(resolve));
  expect(rehearsal.played).toBe(3_002);
  expect(failures).toEqual([]);
});
