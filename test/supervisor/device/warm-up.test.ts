/** Rehearsed failovers end nothing but themselves, whatever a factory put into the regions. */
import { describe, expect, it, vi } from "vitest";
import type { RegionFacts } from "../../../controller/boot/boot-rom.ts";
import { FailoverRehearsal } from "../../../supervisor/device/warm-up.ts";
import { everyImages, facts } from "../core/facts.ts";

const FIRST_ROUNDS = 2_000;
const turn = () => new Promise((resolve) => setImmediate(resolve));

describe("a rehearsal of failovers", () => {
  it("that goes wrong tells so, and ends nothing but itself", async () => {
    const unreadable: RegionFacts = {
      ...facts(1, 0),
      get version(): never {
        throw new Error("it cannot be read");
      },
    };
    const failure = await new Promise((resolve) => new FailoverRehearsal([unreadable, unreadable], resolve));
    expect(String(failure)).toBe("Error: it cannot be read");
  });

  it("that goes wrong in a turn of its own, where nobody would catch it, ends nothing but itself either", async () => {
    let broken = false;
    const image = (minor: number): RegionFacts => ({
      ...facts(minor, 0),
      get securityCounter(): number {
        if (broken) throw new Error("it cannot be read any more");
        return 0;
      },
    });
    const failures: unknown[] = [];
    const rehearsal = new FailoverRehearsal([image(1), image(0)], (error) => failures.push(error));
    await vi.waitFor(() => expect(rehearsal.played).toBeGreaterThan(10));
    broken = true;
    await vi.waitFor(() => expect(failures.map(String)).toEqual(["Error: it cannot be read any more"]));
    const { played } = rehearsal;
    for (let turns = 0; turns < 10; turns++) await turn();
    expect(rehearsal.played).toBe(played);
  });

  it("goes on until told to end: the first ones at once, then half of one for each call", async () => {
    const failures: unknown[] = [];
    const rehearsal = new FailoverRehearsal([facts(1, 0), facts(0, 0)], (error) => failures.push(error));
    await vi.waitFor(() => expect(rehearsal.played).toBe(FIRST_ROUNDS), { timeout: 10_000 });
    await vi.waitFor(() => {
      rehearsal.rehearse();
      expect(rehearsal.played).toBe(FIRST_ROUNDS + 2);
    });
    rehearsal.close();
    for (let call = 0; call < 4; call++) {
      rehearsal.rehearse();
      await turn();
    }
    expect(rehearsal.played).toBe(FIRST_ROUNDS + 2);
    expect(failures).toEqual([]);
  });

  it("plays with whatever images, versions and counters two regions can have, where one may run", async () => {
    for (const images of everyImages(2)) {
      const failures: unknown[] = [];
      const rehearsal = new FailoverRehearsal(images, (error) => failures.push(error));
      for (let turns = 0; turns < 40; turns++) await turn();
      rehearsal.close();
      expect(failures).toEqual([]);
      const oneRuns = images.some(({ usable }) => usable);
      expect(rehearsal.played > 1, JSON.stringify(images)).toBe(oneRuns);
    }
  });
});
